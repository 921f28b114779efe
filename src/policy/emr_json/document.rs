//! Amazon's two documents as the EMR API writes them: shapes only. What the values mean is judged
//! by the translation, which can then report every wrong value at once, with its place.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::policy::document::NameLike;
use crate::policy::yaml::At;

/// A single value, kept as it was written.
pub type Text = At<NameLike>;

/// A request or an answer around an `AutoScalingPolicy`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AutoScalingEnvelope {
    pub cluster_id: Option<Text>,
    pub instance_group_id: Option<Text>,
    pub auto_scaling_policy: At<AutoScaling>,
    #[serde(rename = "ClusterArn")]
    _cluster_arn: Option<IgnoredAny>,
}

/// `AutoScalingPolicy`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct AutoScaling {
    pub constraints: At<Constraints>,
    pub rules: Vec<At<Rule>>,
    /// Only in answers: what EMR has made of the policy.
    #[serde(rename = "Status")]
    _status: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Constraints {
    pub min_capacity: Text,
    pub max_capacity: Text,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Rule {
    pub name: Text,
    pub description: Option<Text>,
    pub action: Action,
    pub trigger: Trigger,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Action {
    pub market: Option<Text>,
    pub simple_scaling_policy_configuration: At<SimpleScaling>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct SimpleScaling {
    pub adjustment_type: Option<Text>,
    pub scaling_adjustment: Text,
    pub cool_down: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Trigger {
    pub cloud_watch_alarm_definition: Alarm,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
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
    pub dimensions: Option<Vec<Dimension>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Dimension {
    pub key: Text,
    pub value: Text,
}

/// A request or an answer around a `ManagedScalingPolicy`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ManagedEnvelope {
    pub cluster_id: Option<Text>,
    pub managed_scaling_policy: At<ManagedScaling>,
}

/// `ManagedScalingPolicy`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ManagedScaling {
    pub compute_limits: At<ComputeLimits>,
    pub scaling_strategy: Option<Text>,
    pub utilization_performance_index: Option<Text>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct ComputeLimits {
    pub unit_type: Text,
    pub minimum_capacity_units: Text,
    pub maximum_capacity_units: Text,
    pub maximum_on_demand_capacity_units: Option<Text>,
    pub maximum_core_capacity_units: Option<Text>,
}
