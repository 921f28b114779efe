//! Amazon's two policies as the EMR API writes them: shapes only. What the values mean is judged
//! by the translation, which can then report every wrong value at once, with its place.

use super::shape::{Fields, Shapes, Text};
use crate::policy::document::NameLike;
use crate::policy::tree::Node;
use crate::policy::yaml::At;

/// `AutoScalingPolicy`.
#[derive(Debug)]
pub struct AutoScaling {
    pub constraints: At<Constraints>,
    pub rules: Vec<At<Rule>>,
    /// Only in answers: what EMR has made of the policy, such as `ATTACHED`.
    pub state: Option<Text>,
}

#[derive(Debug)]
pub struct Constraints {
    pub min_capacity: Text,
    pub max_capacity: Text,
}

#[derive(Debug)]
pub struct Rule {
    pub name: Text,
    pub description: Option<Text>,
    pub action: Action,
    pub alarm: Alarm,
}

#[derive(Debug)]
pub struct Action {
    pub market: Option<Text>,
    pub scaling: At<SimpleScaling>,
}

#[derive(Debug)]
pub struct SimpleScaling {
    pub adjustment_type: Option<Text>,
    pub scaling_adjustment: Text,
    pub cool_down: Option<Text>,
}

/// `CloudWatchAlarmDefinition`.
#[derive(Debug)]
pub struct Alarm {
    pub comparison_operator: Text,
    pub evaluation_periods: Option<Text>,
    pub metric_name: Text,
    pub namespace: Option<Text>,
    /// Seconds.
    pub period: Text,
    pub threshold: Text,
    pub statistic: Option<Text>,
    pub unit: Option<Text>,
    pub dimensions: Vec<Dimension>,
}

#[derive(Debug)]
pub struct Dimension {
    pub key: Text,
    pub value: Text,
}

/// `ManagedScalingPolicy`.
#[derive(Debug)]
pub struct ManagedScaling {
    pub compute_limits: At<ComputeLimits>,
    pub scaling_strategy: Option<Text>,
    pub utilization_performance_index: Option<Text>,
}

#[derive(Debug)]
pub struct ComputeLimits {
    pub unit_type: Text,
    pub minimum_capacity_units: Text,
    pub maximum_capacity_units: Text,
    pub maximum_on_demand_capacity_units: Option<Text>,
    pub maximum_core_capacity_units: Option<Text>,
}

impl AutoScaling {
    /// Reads the fields of an `AutoScalingPolicy`; `None` after an error.
    pub fn read(shapes: &mut Shapes, path: &str, at: &At<Node>) -> Option<At<Self>> {
        let names = ["Constraints", "Rules", "Status"];
        let fields = shapes.fields(path.to_owned(), at, &names)?;
        let limits = shapes.inner(&fields, "Constraints", &["MinCapacity", "MaxCapacity"]);
        let constraints = limits.and_then(|limits| Constraints::read(shapes, &limits));
        let rules = shapes
            .required(&fields, "Rules")
            .and_then(|_| shapes.items(&fields, "Rules"));
        let rules = rules.and_then(|items| {
            let rules: Vec<Option<At<Rule>>> = items
                .into_iter()
                .map(|(path, item)| Rule::read(shapes, path, item))
                .collect();
            rules.into_iter().collect::<Option<Vec<_>>>()
        });
        let state = at
            .field("Status")
            .and_then(|status| status.text("State"))
            .and_then(|state| Some(state.with(NameLike(state.as_text()?.to_owned()))));
        Some(at.with(Self {
            constraints: constraints?,
            rules: rules?,
            state,
        }))
    }
}

impl Constraints {
    fn read(shapes: &mut Shapes, fields: &Fields<'_>) -> Option<At<Self>> {
        let min_capacity = shapes.text(fields, "MinCapacity");
        let max_capacity = shapes.text(fields, "MaxCapacity");
        Some(fields.with(Self {
            min_capacity: min_capacity?,
            max_capacity: max_capacity?,
        }))
    }
}

impl Rule {
    fn read(shapes: &mut Shapes, path: String, at: &At<Node>) -> Option<At<Self>> {
        let names = ["Name", "Description", "Action", "Trigger"];
        let fields = shapes.fields(path, at, &names)?;
        let name = shapes.label(&fields, "Name");
        let description = shapes.optional_label(&fields, "Description");
        let names = ["Market", "SimpleScalingPolicyConfiguration"];
        let action = shapes.inner(&fields, "Action", &names);
        let action = action.and_then(|action| Action::read(shapes, &action));
        let trigger = shapes.inner(&fields, "Trigger", &["CloudWatchAlarmDefinition"]);
        let alarm = trigger.and_then(|trigger| Alarm::read(shapes, &trigger));
        Some(fields.with(Self {
            name: name?,
            description: description?,
            action: action?,
            alarm: alarm?,
        }))
    }
}

impl Action {
    fn read(shapes: &mut Shapes, fields: &Fields<'_>) -> Option<Self> {
        let market = shapes.optional(fields, "Market");
        let names = ["AdjustmentType", "ScalingAdjustment", "CoolDown"];
        let scaling = shapes.inner(fields, "SimpleScalingPolicyConfiguration", &names)?;
        let adjustment_type = shapes.optional(&scaling, "AdjustmentType");
        let scaling_adjustment = shapes.text(&scaling, "ScalingAdjustment");
        let cool_down = shapes.optional(&scaling, "CoolDown");
        Some(Self {
            market: market?,
            scaling: scaling.with(SimpleScaling {
                adjustment_type: adjustment_type?,
                scaling_adjustment: scaling_adjustment?,
                cool_down: cool_down?,
            }),
        })
    }
}

impl Alarm {
    fn read(shapes: &mut Shapes, trigger: &Fields<'_>) -> Option<Self> {
        let names = [
            "ComparisonOperator",
            "EvaluationPeriods",
            "MetricName",
            "Namespace",
            "Period",
            "Threshold",
            "Statistic",
            "Unit",
            "Dimensions",
        ];
        let fields = shapes.inner(trigger, "CloudWatchAlarmDefinition", &names)?;
        let comparison_operator = shapes.text(&fields, "ComparisonOperator");
        let evaluation_periods = shapes.optional(&fields, "EvaluationPeriods");
        let metric_name = shapes.text(&fields, "MetricName");
        let namespace = shapes.optional(&fields, "Namespace");
        let period = shapes.text(&fields, "Period");
        let threshold = shapes.text(&fields, "Threshold");
        let statistic = shapes.optional(&fields, "Statistic");
        let unit = shapes.optional(&fields, "Unit");
        let dimensions = shapes.items(&fields, "Dimensions").and_then(|items| {
            let dimensions: Vec<Option<Dimension>> = items
                .into_iter()
                .map(|(path, item)| Dimension::read(shapes, path, item))
                .collect();
            dimensions.into_iter().collect::<Option<Vec<_>>>()
        });
        Some(Self {
            comparison_operator: comparison_operator?,
            evaluation_periods: evaluation_periods?,
            metric_name: metric_name?,
            namespace: namespace?,
            period: period?,
            threshold: threshold?,
            statistic: statistic?,
            unit: unit?,
            dimensions: dimensions?,
        })
    }
}

impl Dimension {
    fn read(shapes: &mut Shapes, path: String, at: &At<Node>) -> Option<Self> {
        let fields = shapes.fields(path, at, &["Key", "Value"])?;
        let key = shapes.text(&fields, "Key");
        let value = shapes.text(&fields, "Value");
        Some(Self {
            key: key?,
            value: value?,
        })
    }
}

impl ManagedScaling {
    /// Reads the fields of a `ManagedScalingPolicy`; `None` after an error.
    pub fn read(shapes: &mut Shapes, path: &str, at: &At<Node>) -> Option<At<Self>> {
        let names = [
            "ComputeLimits",
            "ScalingStrategy",
            "UtilizationPerformanceIndex",
        ];
        let fields = shapes.fields(path.to_owned(), at, &names)?;
        let scaling_strategy = shapes.optional(&fields, "ScalingStrategy");
        let utilization_performance_index = shapes.optional(&fields, "UtilizationPerformanceIndex");
        let compute_limits = ComputeLimits::read(shapes, &fields);
        Some(at.with(Self {
            compute_limits: compute_limits?,
            scaling_strategy: scaling_strategy?,
            utilization_performance_index: utilization_performance_index?,
        }))
    }
}

impl ComputeLimits {
    fn read(shapes: &mut Shapes, policy: &Fields<'_>) -> Option<At<Self>> {
        let names = [
            "UnitType",
            "MinimumCapacityUnits",
            "MaximumCapacityUnits",
            "MaximumOnDemandCapacityUnits",
            "MaximumCoreCapacityUnits",
        ];
        let fields = shapes.inner(policy, "ComputeLimits", &names)?;
        let unit_type = shapes.text(&fields, "UnitType");
        let minimum_capacity_units = shapes.text(&fields, "MinimumCapacityUnits");
        let maximum_capacity_units = shapes.text(&fields, "MaximumCapacityUnits");
        let maximum_on_demand_capacity_units =
            shapes.optional(&fields, "MaximumOnDemandCapacityUnits");
        let maximum_core_capacity_units = shapes.optional(&fields, "MaximumCoreCapacityUnits");
        Some(fields.with(Self {
            unit_type: unit_type?,
            minimum_capacity_units: minimum_capacity_units?,
            maximum_capacity_units: maximum_capacity_units?,
            maximum_on_demand_capacity_units: maximum_on_demand_capacity_units?,
            maximum_core_capacity_units: maximum_core_capacity_units?,
        }))
    }
}
