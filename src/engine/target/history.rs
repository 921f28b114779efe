//! What the engine keeps of one target between two ticks: how it is restored from a journal, and how
//! it passes to the target of an edited policy.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{RuleInputs, TargetState};
use crate::engine::for_timer::ForTimer;
use crate::engine::in_flight::ResizeTracker;
use crate::engine::samples::SignalSamples;
use crate::engine::window::WindowSamples;
use crate::observation::{GroupId, RuleName};
use crate::policy::Target;
use crate::policy::condition::WindowSpec;
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
    #[serde(alias = "known_group")]
    pub(super) tracked_group: Option<GroupId>,
    /// The last tick decided to resize.
    #[serde(alias = "has_just_sent")]
    pub(super) resized_last_tick: bool,
    /// The most core nodes that the cluster was ever seen with.
    pub(super) most_core: Instances,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleHistory {
    #[serde(alias = "hold")]
    pub for_timer: ForTimer,
    /// When the last resize of this rule completed: its cooldown starts there.
    pub completed_at: Option<Timestamp>,
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
            tracked_group: None,
            resized_last_tick: false,
            most_core: Instances::ZERO,
        }
    }

    /// Checks that this is the history of a target with these signals, windows and rules.
    fn check(&self, spec: &Target) -> Result<(), HistoryMismatch> {
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

impl TargetState {
    /// What has to be written down to restore the target.
    pub fn history(&self) -> &TargetHistory {
        &self.history
    }

    /// Restores a target.
    ///
    /// # Errors
    /// When the history was recorded under another policy.
    pub fn restore(spec: Target, history: TargetHistory) -> Result<Self, HistoryMismatch> {
        history.check(&spec)?;
        Ok(Self {
            history,
            ..Self::new(spec)
        })
    }

    /// Continues with the same group under an edited target.
    ///
    /// What belongs to the group stays: resizes, quarantines, yields, desired sizes; so do cooldowns
    /// of rules that kept their name. A `for` timer continues if its condition and everything that
    /// the condition reads are unchanged, a window if its signal is. `is_same` returns whether a
    /// signal, or EMR's description of the cluster (`None`), is unchanged.
    pub fn adopt(self, spec: Target, is_same: impl Fn(Option<&SignalSource>) -> bool) -> Self {
        let mut heir = Self::new(spec);
        let signals_before = signals_before(&self.spec, &heir.spec, &is_same);
        for (samples, before) in heir.history.signals.iter_mut().zip(&signals_before) {
            if let Some(before) = *before {
                samples.1 = self.history.signals[before].1;
            }
        }
        for (spec, samples) in heir.spec.windows.iter().zip(&mut heir.history.windows) {
            if let Some(before) = window_before(&self.spec, spec, &signals_before) {
                samples.clone_from(&self.history.windows[before]);
            }
        }
        for (rule, (_, history)) in heir.history.rules.iter_mut().enumerate() {
            let Some(before) = rule_position(&self.spec, &heir.spec.rules[rule].name) else {
                continue;
            };
            let (inputs, inputs_before) = (&heir.inputs[rule], &self.inputs[before]);
            let is_unchanged = inputs.are_unchanged(inputs_before, &signals_before)
                && (!inputs.reads_cluster || is_same(None))
                && heir.spec.rules[rule].when_text == self.spec.rules[before].when_text;
            let before = self.history.rules[before].1;
            history.completed_at = before.completed_at;
            if is_unchanged {
                history.for_timer = before.for_timer;
            }
        }
        let rule_now = |before: usize| rule_position(&heir.spec, &self.spec.rules[before].name);
        heir.history = TargetHistory {
            resizes: self.history.resizes.with_rules(rule_now),
            signals: heir.history.signals,
            windows: heir.history.windows,
            rules: heir.history.rules,
            ..self.history
        };
        heir
    }
}

impl RuleInputs {
    /// Whether a rule reads the same signals as before.
    fn are_unchanged(&self, before: &Self, signals_before: &[Option<usize>]) -> bool {
        let signals: Option<Vec<usize>> = self
            .signals
            .iter()
            .map(|signal| signals_before[*signal])
            .collect();
        let mut signals = signals.unwrap_or_default();
        signals.sort_unstable();
        signals == before.signals
    }
}

/// Where each signal of the new target was in the old one, if it is unchanged.
fn signals_before(
    old: &Target,
    new: &Target,
    is_same: impl Fn(Option<&SignalSource>) -> bool,
) -> Vec<Option<usize>> {
    let position = |source: &SignalSource| {
        old.signals
            .iter()
            .position(|before| before == source)
            .filter(|_| is_same(Some(source)))
    };
    new.signals.iter().map(position).collect()
}

/// Where a window of the new target was in the old one, if it and its signal are unchanged.
fn window_before(
    old: &Target,
    window: &WindowSpec,
    signals_before: &[Option<usize>],
) -> Option<usize> {
    let before = WindowSpec {
        signal: signals_before[window.signal]?,
        ..*window
    };
    old.windows.iter().position(|window| *window == before)
}

fn rule_position(spec: &Target, name: &RuleName) -> Option<usize> {
    spec.rules.iter().position(|rule| rule.name == *name)
}
