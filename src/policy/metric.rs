//! CloudWatch metrics that a policy declares.

use std::time::Duration;

use crate::observation::MetricId;
use crate::policy::signal::Unit;

/// A CloudWatch metric declared under `metrics:`.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSpec {
    /// The name that conditions read it by.
    pub id: MetricId,
    /// CloudWatch's namespace, such as `AWS/ElasticMapReduce`.
    pub namespace: String,
    /// The name within the namespace.
    pub metric_name: String,
    /// Name and value; `${cluster_id}` stands for the cluster's own id.
    pub dimensions: Vec<(String, String)>,
    /// How CloudWatch aggregates the points of one period.
    pub statistic: Statistic,
    /// The span of time that one value covers.
    pub period: Duration,
    /// How long after a period's end its value may appear.
    pub delay: Duration,
    /// The unit of its values, which conditions are checked against.
    pub unit: Unit,
}

impl MetricSpec {
    /// How old a value may be, counted from the end of its period, and how far apart two may lie.
    pub fn allowance(&self) -> Duration {
        self.period.saturating_mul(2).saturating_add(self.delay)
    }
}

/// CloudWatch statistics.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Statistic {
    /// The sum divided by the number of points.
    #[default]
    Average,
    /// The sum of the points.
    Sum,
    /// The smallest point.
    Minimum,
    /// The largest point.
    Maximum,
    /// The number of points, whatever their values.
    SampleCount,
}
