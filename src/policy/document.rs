//! The policy file as it is written: shapes and descriptions only, from which the JSON Schema is
//! generated. What the values mean is judged by [`parse`](super::parse), which can then report
//! every wrong value at once.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use super::yaml::At;

/// Defines a scalar that is kept as it was written, with the schema that editors check it by.
macro_rules! written {
    ($($(#[$doc:meta])* $name:ident: $schema:tt;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }

            fn inline_schema() -> bool {
                true
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    )+};
}

written! {
    /// A time with its unit.
    DurationText: { "type": "string", "pattern": r"^\s*([0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*)+$", "examples": ["30s", "5m", "1h 30m"] };
    /// A number of instances.
    CountText: { "type": "integer", "minimum": 0 };
    /// A number of instances, or a share of the present size.
    AmountText: { "anyOf": [{ "type": "integer", "minimum": 1 }, { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*%$" }], "examples": [5, "20%"] };
    /// A size to go to.
    SizeText: { "anyOf": [{ "type": "integer", "minimum": 0 }, { "enum": ["min", "max"] }], "examples": [10, "min", "max"] };
    /// A share in percent.
    PercentText: { "anyOf": [{ "type": "number", "minimum": 0, "maximum": 100 }, { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*%$" }], "examples": ["80%"] };
    /// A number.
    NumberText: { "type": "number", "minimum": 0 };
    /// A number, with a unit where the signal has one.
    QuantityText: { "anyOf": [{ "type": "number" }, { "type": "string" }], "examples": [80, "80%", "64GiB"] };
    /// A condition over signals.
    ConditionText: { "anyOf": [{ "type": "string" }, { "type": "boolean" }], "examples": ["yarn_memory_available_percent < 15", "avg(yarn_memory_available_percent, 5m) > 75 and yarn_apps_pending == 0"] };
    /// Something that can be computed from signals.
    ExpressionText: { "type": "string", "examples": ["yarn_memory_allocated_percent"] };
    /// A name.
    NameText: { "type": "string", "minLength": 1, "maxLength": 64 };
    /// `core` or `task`.
    RoleText: { "enum": ["core", "task"] };
    /// What `demand` counts.
    DemandUnitsText: { "enum": ["instances", "vcpu", "fleet-units"] };
    /// How the instances of a fleet are bought.
    MarketText: { "enum": ["on-demand", "spot"] };
    /// A CloudWatch statistic.
    StatisticText: { "enum": ["average", "sum", "minimum", "maximum", "samplecount"] };
    /// The unit of a metric's values.
    UnitText: { "enum": ["number", "percent", "mebibytes", "seconds", "per_second"] };
    /// A day of the week.
    DayText: { "enum": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"] };
    /// A time of day.
    TimeText: { "type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["08:00"] };
    /// A direction that nothing may move in.
    FreezeText: { "enum": ["out", "in", "both"] };
}

/// A Headroom scaling policy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "if" = { "required": ["demand"] },
    "then" = { "properties": { "targets": { "items": { "properties": { "rules": { "maxItems": 0 } } } } } },
    "else" = { "required": ["targets"], "properties": { "targets": { "items": { "required": ["limits"] } } } }
))]
pub struct PolicyDocument {
    /// The policy's name: up to 64 letters, digits, `-`, `_`, `.` and spaces.
    pub name: At<NameText>,
    /// What the policy is for, in words.
    pub description: Option<String>,
    /// Time between two observations of the cluster. Default: 30s.
    pub poll: Option<At<DurationText>>,
    /// CloudWatch metrics that conditions use beside the built-in signals: a name of your own, and
    /// what it stands for.
    #[serde(default)]
    pub metrics: Entries<MetricDocument>,
    /// Follow demand between these limits, instead of rules.
    pub demand: Option<At<DemandDocument>>,
    /// What to resize, and by which rules. With `demand` it may be left out: then it is the core
    /// and task groups, one of each market, or both markets of the core and of the task fleet.
    pub targets: Option<At<Vec<At<TargetDocument>>>>,
}

/// Demand-following scaling: the room that the work needs, between `min` and `max` units of all
/// targets together.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DemandDocument {
    /// The fewest units.
    pub min: At<CountText>,
    /// The most units; at least 1.
    pub max: At<CountText>,
    /// What is counted. Default: instances.
    pub units: Option<At<DemandUnitsText>>,
    /// The most units on core nodes. Default: max.
    pub max_core: Option<At<CountText>>,
    /// The most units bought on demand. Default: max.
    pub max_on_demand: Option<At<CountText>>,
    /// From 1, least cost, to 100, least waiting. Default: 50.
    #[schemars(range(min = 1, max = 100))]
    pub performance_index: Option<At<CountText>>,
}

/// A CloudWatch metric.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MetricDocument {
    /// CloudWatch namespace, such as `AWS/ElasticMapReduce`.
    pub namespace: At<NameLike>,
    /// The metric's name in CloudWatch.
    pub metric_name: At<NameLike>,
    /// Dimensions by name; `${cluster_id}` stands for the cluster's own id.
    #[serde(default)]
    pub dimensions: Entries<NameLike>,
    /// Default: average.
    pub statistic: Option<At<StatisticText>>,
    /// The metric's period: 1s, 5s, 10s, 20s, 30s, or whole minutes. Default: 5m.
    pub period: Option<At<DurationText>>,
    /// How long after the end of a period its value may appear. Default: 1m.
    pub delay: Option<At<DurationText>>,
    /// Default: number.
    pub unit: Option<At<UnitText>>,
}

written! {
    /// A text that is not empty.
    NameLike: { "type": "string", "minLength": 1, "maxLength": 255 };
}

/// One group or fleet, and how it scales.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetDocument {
    /// Which group or fleet this is about.
    pub group: At<GroupDocument>,
    /// Smallest and largest size. With `demand` it may be left out: then only the limits of
    /// `demand` bind.
    pub limits: Option<At<LimitsDocument>>,
    /// Without rules the target is only kept within its limits.
    #[serde(default)]
    pub rules: Vec<RuleDocument>,
    /// The most instances that one resize adds or removes. Default: no cap.
    pub step: Option<At<StepDocument>>,
    /// The most instances that are added or removed within a time. Default: no budget.
    pub budget: Option<At<BudgetDocument>>,
    /// The most changes of direction within a time; once spent, scale-in waits. Default: no limit.
    pub flips: Option<FlipsDocument>,
    /// Least time between two resizes in opposite directions. Default: 1m.
    pub reversal: Option<At<DurationText>>,
    /// A scale-in goes no lower than the largest size wanted during this time. Default: 0s.
    pub stabilization: Option<At<DurationText>>,
    /// When a resize has failed, and what then.
    pub provisioning: Option<ProvisioningDocument>,
    /// How long the target is left alone after someone else resized it. Default: 15m.
    pub yield_to_operator: Option<At<DurationText>>,
    /// What keeps the core group large enough for its blocks.
    pub hdfs: Option<HdfsDocument>,
    /// Windows of the week with other limits, or in which a direction is frozen. The first one that
    /// is open applies.
    #[serde(default)]
    pub schedule: Vec<ScheduleDocument>,
}

/// Exactly one of: a role (with a market or without), a name, an id, or a fleet with its market.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [{ "required": ["role"] }, { "required": ["name"] }, { "required": ["id"] }, { "required": ["fleet", "market"] }]))]
pub struct GroupDocument {
    /// The only instance group with this role.
    pub role: Option<At<RoleText>>,
    /// The instance group with this name.
    pub name: Option<At<NameLike>>,
    /// The instance group with this id.
    #[schemars(example = "ig-1ABCDEFGHIJKL")]
    pub id: Option<At<NameLike>>,
    /// The instance fleet with this role.
    pub fleet: Option<At<RoleText>>,
    /// Which of the fleet's two capacities, or of the groups with this role.
    pub market: Option<At<MarketText>>,
}

/// Smallest and largest size, in instances (for a fleet: capacity units).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsDocument {
    pub min: At<CountText>,
    pub max: At<CountText>,
}

/// When a condition has held for long enough, change the size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// Unique among the target's rules; decisions and metrics name it.
    pub name: At<NameText>,
    /// The condition, such as `yarn_memory_available_percent < 15`.
    pub when: At<ConditionText>,
    /// How long the condition must have been true, at every sample and without a gap. Default: 0s.
    #[serde(rename = "for")]
    pub hold_for: Option<At<DurationText>>,
    /// What to do.
    pub then: At<ThenDocument>,
    /// How long the rule waits after a resize that it caused is complete. Default: 0s.
    pub cooldown: Option<At<DurationText>>,
}

/// Exactly one of: grow, shrink, set, track.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("minProperties" = 1, "maxProperties" = 1))]
pub struct ThenDocument {
    /// Add instances, or a share of the present size (rounded up).
    pub grow: Option<At<AmountText>>,
    /// Remove instances, or a share of the present size (rounded up).
    pub shrink: Option<At<AmountText>>,
    /// Go to this size.
    pub set: Option<At<SizeText>>,
    /// Go to the size at which the signal would be at its target.
    pub track: Option<TrackDocument>,
}

/// `ceil(nodes * signal / target)`, as Kubernetes' HPA computes it: over all running core and task
/// nodes, less those of other groups.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrackDocument {
    /// What to keep at the target; it must fall when the size grows.
    pub signal: At<ExpressionText>,
    /// The value that the signal should have.
    pub target: At<QuantityText>,
    /// No change while `|signal / target - 1|` is at most this. Default: 0.1.
    pub tolerance: Option<At<NumberText>>,
}

/// Caps of one resize.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepDocument {
    /// The most instances that one resize adds.
    pub grow: Option<At<CountText>>,
    /// The most instances that one resize removes.
    pub shrink: Option<At<CountText>>,
}

/// Caps of all resizes within any span of the given length.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetDocument {
    /// The most instances added.
    pub grow: Option<At<CountText>>,
    /// The most instances removed.
    pub shrink: Option<At<CountText>>,
    pub per: At<DurationText>,
}

/// Cap on changes of direction.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlipsDocument {
    pub max: At<CountText>,
    pub per: At<DurationText>,
}

/// When a resize has failed, and what then.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvisioningDocument {
    /// A scale-out that is not complete after this time has failed. Default: 30m.
    pub timeout: Option<At<DurationText>>,
    /// How long growth waits after a failure; doubled after each further one. Default: 5m.
    pub quarantine: Option<At<DurationText>>,
    /// The longest such wait. Default: 1h.
    pub quarantine_max: Option<At<DurationText>>,
}

/// What keeps the core group large enough for its blocks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HdfsDocument {
    /// `dfs.replication`. Default: EMR's own for the number of core nodes.
    pub replication: Option<At<CountText>>,
    /// How full the remaining nodes may become. Default: 80%.
    pub max_used: Option<At<PercentText>>,
}

/// A window of the week; it ends on the next day when `to` is not later than `from`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("anyOf" = [{ "required": ["limits"] }, { "required": ["freeze"] }]))]
pub struct ScheduleDocument {
    /// Unique among the target's windows.
    pub name: At<NameText>,
    /// The days on which it opens. Default: every day.
    pub days: Option<At<Vec<At<DayText>>>>,
    pub from: At<TimeText>,
    pub to: At<TimeText>,
    /// An IANA time zone. Default: UTC.
    #[schemars(example = "Europe/Berlin")]
    pub time_zone: Option<At<NameLike>>,
    /// Limits that replace the target's while the window is open.
    pub limits: Option<At<LimitsDocument>>,
    /// A direction in which nothing moves while the window is open.
    pub freeze: Option<At<FreezeText>>,
}

/// A mapping whose keys are free, in the order of the file.
#[derive(Clone, Debug)]
pub struct Entries<V>(pub Vec<(At<NameLike>, V)>);

impl<V> Default for Entries<V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Entries<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor<V>(std::marker::PhantomData<V>);
        impl<'de, V: Deserialize<'de>> serde::de::Visitor<'de> for Visitor<V> {
            type Value = Entries<V>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a mapping")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor(std::marker::PhantomData))
    }
}

impl<V: JsonSchema> JsonSchema for Entries<V> {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("MapOf{}", V::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let value = generator.subschema_for::<V>();
        json_schema!({ "type": "object", "additionalProperties": value })
    }

    fn inline_schema() -> bool {
        true
    }
}

/// The JSON Schema of a policy file, for editors.
pub fn schema() -> Schema {
    let mut schema = schemars::schema_for!(PolicyDocument);
    schema.insert("title".to_owned(), "Headroom policy".into());
    schema
}

/// [`schema`] as a file: indented, with a newline at the end.
pub fn schema_text() -> String {
    format!("{:#}\n", schema().to_value())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_schema_file_is_current() {
        let file = include_str!("../../schema/policy.schema.json");
        assert_eq!(
            super::schema_text(),
            file,
            "write it again: headroom schema > schema/policy.schema.json"
        );
    }
}
