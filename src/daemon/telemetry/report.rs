//! The report of one tick: what it observed, decided and did, as plain data. The loop fills it in;
//! the metrics, the status page and a rehearsal read it.

#[cfg(test)]
pub(crate) mod testing;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::daemon::sources::call::Call;
use crate::daemon::sources::error::SourceError;
use crate::daemon::telemetry::cost::CostReport;
use crate::decision::{Decision, Outcome};
use crate::engine::WakeReason;
use crate::observation::{GroupId, Observation};
use crate::units::Timestamp;

/// One completed tick. Its sources and calls may have failed.
#[derive(Clone, Debug)]
pub struct TickReport {
    /// The engine's input, including leadership and pause.
    pub observation: Observation,
    /// One for each target of the policy, in file order.
    pub decisions: Vec<Decision>,
    /// One for each resize among the decisions.
    pub answers: Vec<ResizeAnswer>,
    /// One for each shadow policy.
    pub shadows: Vec<ShadowReport>,
    /// One for each configured source, whether it answered or not.
    pub sources: Vec<SourceReport>,
    /// Every API call of the tick, both reads and resizes.
    pub calls: Vec<Call>,
    /// How long each phase took.
    pub took: Phases,
    /// When the next tick is due, and why then.
    pub next_wakeup: (Timestamp, WakeReason),
    /// The cluster's cost.
    pub cost: CostReport,
    /// The size of all segments of the journal together.
    pub journal_bytes: u64,
}

/// The outcome of one resize.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResizeAnswer {
    /// The group that was to be resized.
    pub group: GroupId,
    /// Whether EMR accepted the call.
    pub outcome: Outcome,
    /// EMR's error message, when it rejected the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What a shadow policy decided on the same observation.
#[derive(Clone, Debug, PartialEq)]
pub struct ShadowReport {
    /// The name of the policy, unique among the shadows.
    pub policy: String,
    /// One for each target of that policy, in file order.
    pub decisions: Vec<Decision>,
}

/// The freshness of one source at the end of the tick.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceReport {
    /// The source.
    pub source: Source,
    /// When its data was measured: at this tick, or at an earlier one if it has failed since. Where
    /// the source has several samples, the one that becomes stale first.
    pub measured_at: Option<Timestamp>,
    /// How old the data may be before it counts as stale.
    pub allowance: Duration,
    /// Why the source had no usable answer at this tick.
    pub error: Option<SourceError>,
}

/// The origin of a part of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The ResourceManager's totals of memory, cores, containers and applications.
    YarnLoad,
    /// The ResourceManager's list of nodes, with the containers on each.
    YarnNodes,
    /// What running applications say about their own work.
    Work,
    /// The NameNode's capacity and block counts.
    Hdfs,
    /// EMR's description of the cluster.
    Emr,
    /// The metrics that the policy declares.
    #[serde(rename = "cloudwatch")]
    CloudWatch,
}

impl Source {
    /// The source's value of the metric label `source`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::YarnLoad => "yarn_load",
            Self::YarnNodes => "yarn_nodes",
            Self::Work => "work",
            Self::Hdfs => "hdfs",
            Self::Emr => "emr",
            Self::CloudWatch => "cloudwatch",
        }
    }
}

/// How long each phase of a tick took, on the real clock even in a rehearsal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Reading all sources.
    pub observe: Duration,
    /// Running the engine.
    pub decide: Duration,
    /// Writing to the journal.
    pub journal: Duration,
    /// Calling EMR.
    pub act: Duration,
}
