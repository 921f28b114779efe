//! The policy file as it is written: shapes and descriptions only, from which the JSON Schema is
//! generated. What the values mean is judged by [`parse`](super::parse), which can then report
//! every wrong value at once.

use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer};

use crate::policy::yaml::At;

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
    /// A date, or a range of dates with both ends.
    DatesText: { "type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\s*(\.\.\s*[0-9]{4}-[0-9]{2}-[0-9]{2})?$", "examples": ["2026-12-31", "2026-12-24..2026-12-26"] };
    /// A day of the month, several, or the last one.
    DaysOfMonthText: { "anyOf": [{ "type": "integer", "minimum": 1, "maximum": 31 }, { "enum": ["last"] }, { "type": "string", "pattern": r"^[0-9]{1,2}\s*\.\.\s*([0-9]{1,2}|last)$" }], "examples": [1, "1..7", "last"] };
    /// A local date and time.
    LocalTimeText: { "type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ]([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["2026-11-07T20:00"] };
    /// A direction that nothing may move in.
    FreezeText: { "enum": ["out", "in", "both"] };
}

/// A Headroom scaling policy.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "if" = { "required": ["demand"] },
    "then" = { "properties": { "targets": { "items": { "properties": { "rules": { "maxItems": 0 } } } } } },
    "else" = { "required": ["targets"], "properties": { "targets": { "items": { "required": ["limits"] } } } },
    "not" = { "required": ["demand", "uses_yarn"], "properties": { "uses_yarn": { "const": false } } }
))]
pub struct PolicyDocument {
    /// Name of the policy: up to 64 letters, digits, `-`, `_`, `.` and spaces.
    pub name: At<NameText>,
    /// What the policy is for, in words.
    pub description: Option<String>,
    /// Time between two observations of the cluster. Default: 30s.
    pub poll: Option<At<DurationText>>,
    /// Whether the cluster runs its work on YARN. Write `false` for Trino, Presto or a standalone
    /// Flink: YARN is then not read, and groups scale in without knowing which instances are busy.
    /// Default: true.
    pub uses_yarn: Option<At<bool>>,
    /// CloudWatch metrics that conditions can read in addition to the built-in signals, by a name
    /// that you choose.
    #[serde(default)]
    pub metrics: Entries<MetricDocument>,
    /// Follows demand between these limits instead of rules.
    pub demand: Option<At<DemandDocument>>,
    /// What to resize, and by which rules. Optional with `demand`, which by default scales the
    /// core and task groups, one of each market, or both markets of the core and task fleets.
    pub targets: Option<At<Vec<At<TargetDocument>>>>,
}

/// Keeps as much capacity as the work needs, between `min` and `max` units of all targets
/// together.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DemandDocument {
    /// The fewest units.
    pub min: At<CountText>,
    /// The most units; at least 1.
    pub max: At<CountText>,
    /// What the limits count. Default: instances.
    pub units: Option<At<DemandUnitsText>>,
    /// The most units on core nodes. Default: max.
    pub max_core: Option<At<CountText>>,
    /// The most units bought on demand. Default: max.
    pub max_on_demand: Option<At<CountText>>,
    /// Which market scales out first, and scales in last: `[on-demand, spot]` or `[spot, on-demand]`.
    /// With spot first, other groups take the place of spot instances that do not arrive, and give it
    /// back when they do. Default: [on-demand, spot].
    #[schemars(length(min = 1, max = 2))]
    pub market_order: Option<At<Vec<At<MarketText>>>>,
    /// From 1 (lowest cost) to 100 (shortest queue time). Default: 50.
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
    /// A name by which rules of other targets read its sizes, as in `emr_instances_running(spot)`:
    /// letters, digits and `_`.
    #[schemars(extend("pattern" = "^[A-Za-z_][A-Za-z0-9_]*$"))]
    pub name: Option<At<NameLike>>,
    /// The group or fleet to resize.
    pub group: At<GroupDocument>,
    /// Smallest and largest size. Optional with `demand`, whose limits then apply alone.
    pub limits: Option<At<LimitsDocument>>,
    /// A target without rules is only kept within its limits.
    #[serde(default)]
    pub rules: Vec<RuleDocument>,
    /// Caps on one resize that a rule or demand asks for. A resize back within `limits` ignores
    /// them. Default: no cap.
    pub step: Option<At<StepDocument>>,
    /// Caps on all resizes within any span of the given length. A resize back within `limits`
    /// ignores them. Default: no budget.
    pub budget: Option<At<BudgetDocument>>,
    /// Limit on changes of direction within a span of time. When it is spent, scale-in waits and
    /// scale-out does not. Default: no limit.
    pub flips: Option<FlipsDocument>,
    /// Least time between two resizes in opposite directions. Default: 1m.
    pub reversal: Option<At<DurationText>>,
    /// A scale-in goes no lower than the largest desired size during this time. Default: 0s.
    pub stabilization: Option<At<DurationText>>,
    /// When a scale-out counts as failed, and how long to wait before the next one.
    pub provisioning: Option<ProvisioningDocument>,
    /// How long Headroom leaves the target alone after someone else resized it. Default: 15m.
    pub yield_to_operator: Option<At<DurationText>>,
    /// Whether a scale-in leaves as many instances as run an application master. Default: true.
    /// Without YARN there are none to keep.
    pub keep_application_masters: Option<At<bool>>,
    /// How long a scale-in waits at most for instances that store shuffle output of a running Spark
    /// application. 0s: not at all. Default: 30m. Without YARN there is none to keep.
    pub keep_shuffle_output: Option<At<DurationText>>,
    /// Keeps the core group large enough for its HDFS blocks.
    pub hdfs: Option<HdfsDocument>,
    /// Windows of time that replace the limits or freeze a direction. The first open window
    /// applies.
    #[serde(default)]
    pub schedule: Vec<ScheduleDocument>,
}

/// Exactly one of: a role (optionally with a market), a name, an id, or a fleet with its market.
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
    /// Which capacity of the fleet, or which of several groups with this role.
    pub market: Option<At<MarketText>>,
}

/// Smallest and largest size, in instances (for a fleet: capacity units).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LimitsDocument {
    /// Smallest size.
    pub min: At<CountText>,
    /// Largest size.
    pub max: At<CountText>,
}

/// Changes the size when a condition has been true for long enough.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleDocument {
    /// Unique among the target's rules; decisions and metrics name it.
    pub name: At<NameText>,
    /// The condition, such as `yarn_memory_available_percent < 15`.
    pub when: At<ConditionText>,
    /// How long the condition must have been true at every sample. A single missing sample is
    /// bridged; a longer gap starts the time again. Default: 0s.
    #[serde(rename = "for")]
    pub for_duration: Option<At<DurationText>>,
    /// The change of size.
    pub then: At<ThenDocument>,
    /// How long the rule waits after a resize that it caused has completed. Default: 0s.
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
    /// The signal to keep at the target. Its value must fall when the size grows.
    pub signal: At<ExpressionText>,
    /// The value that the signal should have.
    pub target: At<QuantityText>,
    /// No change while `|signal / target - 1|` is at most this. Default: 0.1.
    pub tolerance: Option<At<NumberText>>,
}

/// Caps on one resize that a rule or demand asks for. A size below `min` or above `max` is
/// corrected at once, without these caps.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StepDocument {
    /// The most instances that such a resize adds, or a share of the requested size (rounded down,
    /// at least 1).
    pub grow: Option<At<AmountText>>,
    /// The most instances that such a resize removes, or a share of the requested size (rounded
    /// down, at least 1).
    pub shrink: Option<At<AmountText>>,
}

/// Caps on all resizes within any span of the given length. A size below `min` or above `max` is
/// corrected at once, whatever is left of the budget.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetDocument {
    /// The most instances added, or a share of the size at the beginning of the span (rounded down,
    /// at least 1).
    pub grow: Option<At<AmountText>>,
    /// The most instances removed, or a share of the size at the beginning of the span (rounded
    /// down, at least 1).
    pub shrink: Option<At<AmountText>>,
    /// Length of the span.
    pub per: At<DurationText>,
}

/// Limit on changes of direction.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlipsDocument {
    /// The most changes of direction.
    pub max: At<CountText>,
    /// Length of the span.
    pub per: At<DurationText>,
}

/// When a scale-out counts as failed, and how long to wait before the next one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProvisioningDocument {
    /// A scale-out that is not complete after this time has failed. Default: 30m.
    pub timeout: Option<At<DurationText>>,
    /// How long scale-out waits after a failure; doubled after each further failure. Default: 5m.
    pub quarantine: Option<At<DurationText>>,
    /// The longest such wait. Default: 1h.
    pub quarantine_max: Option<At<DurationText>>,
}

/// Keeps the core group large enough for its HDFS blocks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HdfsDocument {
    /// `dfs.replication`. Default: EMR's default for the number of core nodes.
    pub replication: Option<At<CountText>>,
    /// How full HDFS on the remaining nodes may become. Default: 80%.
    pub max_used: Option<At<PercentText>>,
}

/// A window of time: on days of the week or the month, on dates, or once from `start` to `end`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend(
    "anyOf" = [{ "required": ["limits"] }, { "required": ["freeze"] }],
    "oneOf" = [
        {
            "anyOf": [{ "required": ["from"] }, { "required": ["days"] }, { "required": ["days_of_month"] }],
            "not": { "anyOf": [{ "required": ["dates"] }, { "required": ["start"] }, { "required": ["end"] }] }
        },
        {
            "required": ["dates"],
            "not": { "anyOf": [{ "required": ["days"] }, { "required": ["days_of_month"] }, { "required": ["start"] }, { "required": ["end"] }] }
        },
        {
            "required": ["start", "end"],
            "not": { "anyOf": [{ "required": ["days"] }, { "required": ["days_of_month"] }, { "required": ["dates"] }, { "required": ["from"] }] }
        }
    ],
    "dependentRequired" = { "from": ["to"], "to": ["from"] }
))]
pub struct ScheduleDocument {
    /// Unique among the target's windows.
    pub name: At<NameText>,
    /// The days on which it opens. Default: every day.
    pub days: Option<At<Vec<At<DayText>>>>,
    /// Days of the month, such as `1`, `1..7` or `last`; with `days`, the days that are both.
    pub days_of_month: Option<At<Vec<At<DaysOfMonthText>>>>,
    /// Dates and ranges of dates on which it opens, instead of `days` and `days_of_month`.
    pub dates: Option<At<Vec<At<DatesText>>>>,
    /// The time of day at which it opens. Default: midnight, for the whole day.
    pub from: Option<At<TimeText>>,
    /// The time of day at which it closes; on the next day when it is not later than `from`.
    pub to: Option<At<TimeText>>,
    /// When a window opens that opens only once, in local time. Instead of all of the above.
    pub start: Option<At<LocalTimeText>>,
    /// When a window closes that opens only once, in local time.
    pub end: Option<At<LocalTimeText>>,
    /// An IANA time zone. Default: UTC.
    #[schemars(example = "Europe/Berlin")]
    pub time_zone: Option<At<NameLike>>,
    /// Limits that replace the target's while the window is open.
    pub limits: Option<At<LimitsDocument>>,
    /// The direction in which nothing is resized while the window is open.
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

/// Identifies the schema; the version changes when a policy that was valid no longer is.
const SCHEMA_ID: &str = "urn:headroom:schema:policy:v1";
/// How an editor finds the schema.
const SCHEMA_COMMENT: &str = "Editors with the YAML language server check a policy whose first line is: # yaml-language-server: $schema=policy.schema.json (the path of this file, relative to the policy).";

/// The JSON Schema of a policy file, for editors.
pub fn schema() -> Schema {
    let mut schema = schemars::schema_for!(PolicyDocument);
    join_lines(&mut schema);
    schema.insert("$id".to_owned(), SCHEMA_ID.into());
    schema.insert("$comment".to_owned(), SCHEMA_COMMENT.into());
    schema.insert("title".to_owned(), "Headroom policy".into());
    schema
}

/// Joins the lines of descriptions, so that the schema does not depend on how comments are wrapped.
fn join_lines(schema: &mut Schema) {
    let joined = schema
        .get("description")
        .and_then(|description| description.as_str())
        .map(|description| description.replace('\n', " "));
    if let Some(joined) = joined {
        schema.insert("description".to_owned(), joined.into());
    }
    transform_subschemas(&mut join_lines, schema);
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
