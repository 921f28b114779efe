//! CloudWatch metrics that a policy declares.

use std::time::Duration;

use crate::observation::MetricId;
use crate::policy::signal::Unit;

/// A CloudWatch metric declared under `metrics:`.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSpec {
    pub id: MetricId,
    pub namespace: String,
    pub metric_name: String,
    /// Name and value; `${cluster_id}` stands for the cluster's own id.
    pub dimensions: Vec<(String, String)>,
    pub statistic: Statistic,
    pub period: Duration,
    /// How long after a period's end its value may appear.
    pub delay: Duration,
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
    #[default]
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
}
