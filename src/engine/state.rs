//! What an engine knows between two ticks, as it is written down.

use serde::{Deserialize, Serialize};

use super::demand::DemandState;
use super::presence::Presence;
use super::runs_again::SeenAgain;
use super::samples::SignalSamples;
use super::target::TargetHistory;
use super::wakeup::WakeReason;
use crate::units::Timestamp;

/// Everything that an engine knows and that does not follow from its policy. Other modules only
/// write it, read it, and pass it to [`Engine::restore`](super::Engine::restore).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineState {
    #[serde(flatten)]
    pub(super) cluster: ClusterHistory,
    pub(super) targets: Vec<TargetHistory>,
}

/// What the engine keeps of the whole cluster between two ticks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterHistory {
    /// Nodes have been observed, or are looked at. From then on nothing scales in while it is not
    /// known what runs on each node.
    pub needs_nodes: bool,
    pub last_at: Option<Timestamp>,
    pub wakeup: (Timestamp, WakeReason),
    /// The samples of EMR's description of the cluster.
    pub cluster: SignalSamples,
    /// What a `demand:` policy has learned.
    #[serde(default)]
    pub demand: DemandState,
    /// Instances that YARN does not use.
    #[serde(default)]
    pub presence: Presence,
    /// Stages that were submitted more than once.
    #[serde(default)]
    pub seen_again: SeenAgain,
}

/// Why a state cannot be restored: it was recorded under another policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum StateMismatch {
    /// The policy has another number of targets.
    #[error("the state has {found} targets, its policy {expected}")]
    Targets { found: usize, expected: usize },
    /// A part of one target, counted from zero, differs.
    #[error("the {part} in the state of target {} are not those of its policy", target + 1)]
    Target { target: usize, part: &'static str },
}

impl ClusterHistory {
    /// The history of a cluster of which nothing was observed.
    pub fn new() -> Self {
        Self {
            needs_nodes: false,
            last_at: None,
            wakeup: (Timestamp::EPOCH, WakeReason::Poll),
            cluster: SignalSamples::default(),
            demand: DemandState::default(),
            presence: Presence::default(),
            seen_again: SeenAgain::default(),
        }
    }
}
