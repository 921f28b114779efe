//! What one tick saw, decided and did, as plain data. The loop fills it in; metrics, the status
//! page and a rehearsal read it.

#[cfg(test)]
pub(crate) mod testing;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::daemon::sources::source::{Call, SourceError};
use crate::daemon::telemetry::cost::CostReport;
use crate::decision::{Decision, Outcome};
use crate::engine::WakeReason;
use crate::observation::{GroupId, Observation};
use crate::units::Timestamp;

/// One tick that came to its end, whatever its sources and calls answered.
#[derive(Clone, Debug)]
pub struct TickReport {
    /// What the engine was shown, leadership and pause included.
    pub observation: Observation,
    /// One for each target of the policy, in file order.
    pub decisions: Vec<Decision>,
    /// One for each resize among the decisions.
    pub answers: Vec<ResizeAnswer>,
    pub shadows: Vec<ShadowReport>,
    /// One for each source that is configured, whether it answered or not.
    pub sources: Vec<SourceReport>,
    /// Every call of the tick, to sources and to change the cluster.
    pub calls: Vec<Call>,
    pub took: Phases,
    pub next_wakeup: (Timestamp, WakeReason),
    pub cost: CostReport,
    /// Of all segments of the journal together.
    pub journal_bytes: u64,
}

/// What became of one resize.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResizeAnswer {
    pub group: GroupId,
    pub outcome: Outcome,
    /// EMR's own words, when it refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What another policy would have done with the same observation.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowReport {
    /// The name of the policy, unique among the shadows.
    pub policy: String,
    pub decisions: Vec<Decision>,
}

/// How one source stood at the end of the tick.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceReport {
    pub source: Source,
    /// When what is known from it was measured: at this tick, or at an earlier one if it has failed
    /// since. Of several samples, the one that is the first to become stale.
    pub measured_at: Option<Timestamp>,
    /// How old that may be before rules can no longer be judged by it.
    pub allowance: Duration,
    /// Why it had no answer at this tick.
    pub error: Option<SourceError>,
}

/// Where a part of an observation comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The ResourceManager's totals.
    YarnLoad,
    /// What the ResourceManager says of each node.
    YarnNodes,
    Hdfs,
    Emr,
    #[serde(rename = "cloudwatch")]
    CloudWatch,
}

impl Source {
    /// The value of a metric label.
    pub const fn label(self) -> &'static str {
        match self {
            Self::YarnLoad => "yarn_load",
            Self::YarnNodes => "yarn_nodes",
            Self::Hdfs => "hdfs",
            Self::Emr => "emr",
            Self::CloudWatch => "cloudwatch",
        }
    }
}

/// How long each part of a tick took in reality.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    pub observe: Duration,
    pub decide: Duration,
    pub journal: Duration,
    pub act: Duration,
}
