//! What the engine keeps of one target between two ticks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::for_timer::ForTimer;
use crate::engine::in_flight::ResizeTracker;
use crate::engine::samples::SignalSamples;
use crate::engine::window::WindowSamples;
use crate::observation::{GroupId, InstanceId, RuleName};
use crate::policy::Target;
use crate::policy::signal::SignalSource;
use crate::units::{Instances, Timestamp};

/// Everything about a target that does not follow from the policy. It is written into journals as
/// it is; the aliases are the keys of earlier versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetHistory {
    /// In the order of the policy, as are windows and rules.
    pub(super) signals: Vec<(Arc<str>, SignalSamples)>,
    pub(super) windows: Vec<WindowSamples>,
    pub(super) rules: Vec<(RuleName, RuleHistory)>,
    #[serde(alias = "flight")]
    pub(super) resizes: ResizeTracker,
    /// The sizes that were desired at recent ticks, for stabilization.
    #[serde(alias = "wishes")]
    pub(super) desired_sizes: VecDeque<(Timestamp, Instances)>,
    /// The group that the target meant at the last tick.
    pub(super) group: Option<GroupId>,
    /// The group that this history is about. It stays when the cluster no longer shows the group.
    #[serde(alias = "tracked_group")]
    pub(super) known_group: Option<GroupId>,
    /// The last tick decided to resize.
    #[serde(alias = "has_just_sent")]
    pub(super) resized_last_tick: bool,
    /// The nodes that scale-ins left because of their shuffle output.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) kept_nodes: BTreeMap<InstanceId, KeptNode>,
    /// The most core nodes that the cluster was ever seen with.
    pub(super) most_core: Instances,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleHistory {
    #[serde(alias = "hold")]
    pub for_timer: ForTimer,
    /// When the last resize of this rule completed: its cooldown starts there.
    pub completed_at: Option<Timestamp>,
}

/// Since when scale-ins have left a node because of its shuffle output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KeptNode {
    /// When a scale-in first wanted the node.
    pub since: Timestamp,
    /// When an application last named it while a scale-in wanted it.
    pub last: Timestamp,
}

/// The part of a history that was not recorded under this policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryMismatch(pub &'static str);

impl TargetHistory {
    /// The history of a target that nothing was observed of.
    pub(super) fn new(spec: &Target) -> Self {
        Self {
            signals: spec
                .signals
                .iter()
                .map(|source| (source.name().into(), SignalSamples::default()))
                .collect(),
            windows: vec![WindowSamples::default(); spec.windows.len()],
            rules: spec
                .rules
                .iter()
                .map(|rule| (rule.name.clone(), RuleHistory::default()))
                .collect(),
            resizes: ResizeTracker::default(),
            desired_sizes: VecDeque::new(),
            group: None,
            known_group: None,
            resized_last_tick: false,
            kept_nodes: BTreeMap::new(),
            most_core: Instances::ZERO,
        }
    }

    /// Checks that this is the history of a target with these signals, windows and rules.
    pub(super) fn check(&self, spec: &Target) -> Result<(), HistoryMismatch> {
        let signals = self.signals.iter().map(|(name, _)| &**name);
        if !signals.eq(spec.signals.iter().map(SignalSource::name)) {
            return Err(HistoryMismatch("signals"));
        }
        let rules = self.rules.iter().map(|(name, _)| name);
        if !rules.eq(spec.rules.iter().map(|rule| &rule.name)) {
            return Err(HistoryMismatch("rules"));
        }
        if self.windows.len() != spec.windows.len() {
            return Err(HistoryMismatch("windows"));
        }
        if self.resizes.rules().any(|rule| rule >= spec.rules.len()) {
            return Err(HistoryMismatch("resizes"));
        }
        Ok(())
    }
}

impl RuleHistory {
    /// When the cooldown of the rule ends, if that is later than `at`.
    pub fn cooling_until(&self, cooldown: Duration, at: Timestamp) -> Option<Timestamp> {
        Some(self.completed_at? + cooldown).filter(|until| at < *until)
    }
}
