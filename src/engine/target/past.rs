//! The past of a target: as it is written down, taken up again, and handed to the target of an
//! edited policy.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{RuleMemory, TargetState};
use crate::engine::flight::Flight;
use crate::engine::hold::Hold;
use crate::engine::memory::{SignalPast, SignalTrack};
use crate::observation::{GroupId, RuleName, Sampled};
use crate::policy::Target;
use crate::policy::condition::WindowSpec;
use crate::policy::signal::SignalSource;
use crate::units::{Instances, Timestamp};

/// All of a [`TargetState`] that does not follow from the policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetPast {
    /// In the order of the policy, as are windows and rules.
    signals: Vec<(Arc<str>, SignalPast)>,
    windows: Vec<VecDeque<Sampled<f64>>>,
    rules: Vec<(RuleName, RulePast)>,
    flight: Flight,
    wishes: VecDeque<(Timestamp, Instances)>,
    group: Option<GroupId>,
    known_group: Option<GroupId>,
    has_just_sent: bool,
    most_core: Instances,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct RulePast {
    hold: Hold,
    completed_at: Option<Timestamp>,
}

/// The part of a target's past that is another policy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastMismatch(pub &'static str);

impl TargetState {
    pub fn past(&self) -> TargetPast {
        let of_rule = |memory: &RuleMemory| RulePast {
            hold: memory.hold,
            completed_at: memory.completed_at,
        };
        TargetPast {
            signals: self
                .signals
                .iter()
                .map(|track| (track.name.clone(), track.past()))
                .collect(),
            windows: self
                .windows
                .iter()
                .map(|window| window.samples().clone())
                .collect(),
            rules: self
                .spec
                .rules
                .iter()
                .zip(&self.rules)
                .map(|(rule, memory)| (rule.name.clone(), of_rule(memory)))
                .collect(),
            flight: self.flight.clone(),
            wishes: self.wishes.clone(),
            group: self.group.clone(),
            known_group: self.known_group.clone(),
            has_just_sent: self.has_just_sent,
            most_core: self.most_core,
        }
    }

    /// The target as it was when its past was taken.
    pub fn with_past(spec: Target, poll: Duration, past: TargetPast) -> Result<Self, PastMismatch> {
        let fresh = Self::new(spec, poll);
        if !fresh
            .signals
            .iter()
            .map(|track| &track.name)
            .eq(past.signals.iter().map(|(name, _)| name))
        {
            return Err(PastMismatch("signals"));
        }
        if !fresh
            .spec
            .rules
            .iter()
            .map(|rule| &rule.name)
            .eq(past.rules.iter().map(|(name, _)| name))
        {
            return Err(PastMismatch("rules"));
        }
        if fresh.windows.len() != past.windows.len() {
            return Err(PastMismatch("windows"));
        }
        if past.flight.rules().any(|rule| rule >= past.rules.len()) {
            return Err(PastMismatch("resizes"));
        }
        let track = |(source, (name, past)): (&SignalSource, (Arc<str>, SignalPast))| {
            SignalTrack::with_past(name, source.allowance(poll), past)
        };
        let rule = |(memory, (_, past)): (RuleMemory, (RuleName, RulePast))| RuleMemory {
            hold: past.hold,
            completed_at: past.completed_at,
            ..memory
        };
        Ok(Self {
            states: Vec::new(),
            signals: fresh
                .spec
                .signals
                .iter()
                .zip(past.signals)
                .map(track)
                .collect(),
            windows: fresh
                .windows
                .into_iter()
                .zip(past.windows)
                .map(|(window, samples)| window.with_samples(samples))
                .collect(),
            rules: fresh.rules.into_iter().zip(past.rules).map(rule).collect(),
            flight: past.flight,
            wishes: past.wishes,
            group: past.group,
            known_group: past.known_group,
            has_just_sent: past.has_just_sent,
            most_core: past.most_core,
            spec: fresh.spec,
            window_signals: fresh.window_signals,
            window_names: fresh.window_names,
        })
    }

    /// The same group under an edited target. What belongs to the group stays: resizes,
    /// quarantines, yields, wishes; and the cooldown of a rule that is there under the same name. A
    /// hold goes on when its condition and all that this reads are what they were, a window when
    /// its signal is; otherwise they start afresh. `is_same` says so of a signal, and of EMR's
    /// description where there is none.
    pub fn adopted(
        self,
        spec: Target,
        poll: Duration,
        is_same: impl Fn(Option<&SignalSource>) -> bool,
    ) -> Self {
        let mut heir = Self::new(spec, poll);
        let (old, new) = (&self.spec, &heir.spec);
        let signal_before = |signal: usize| {
            let source = &new.signals[signal];
            old.signals
                .iter()
                .position(|before| before == source)
                .filter(|_| is_same(Some(source)))
        };
        let rule_before = |rule: usize| {
            old.rules
                .iter()
                .position(|before| before.name == new.rules[rule].name)
        };
        for (signal, track) in heir.signals.iter_mut().enumerate() {
            if let Some(before) = signal_before(signal) {
                *track = self.signals[before].clone();
            }
        }
        for (spec, window) in new.windows.iter().zip(&mut heir.windows) {
            let is_before = |before: &_| {
                signal_before(spec.signal)
                    .is_some_and(|signal| WindowSpec { signal, ..*spec } == *before)
            };
            if let Some(before) = old.windows.iter().position(is_before) {
                *window = self.windows[before].clone();
            }
        }
        for (rule, memory) in heir.rules.iter_mut().enumerate() {
            let Some(before) = rule_before(rule) else {
                continue;
            };
            let past = &self.rules[before];
            memory.completed_at = past.completed_at;
            let reads: Option<Vec<usize>> = memory
                .reads
                .iter()
                .map(|signal| signal_before(*signal))
                .collect();
            let mut reads = reads.unwrap_or_default();
            reads.sort_unstable();
            let reads_the_same = reads == past.reads && (!memory.reads_cluster || is_same(None));
            if reads_the_same && new.rules[rule].when_text == old.rules[before].when_text {
                memory.hold = past.hold;
            }
        }
        let rule_now = |before: usize| {
            new.rules
                .iter()
                .position(|rule| rule.name == old.rules[before].name)
        };
        heir.flight = self.flight.with_rules(rule_now);
        Self {
            wishes: self.wishes,
            group: self.group,
            known_group: self.known_group,
            most_core: self.most_core,
            has_just_sent: self.has_just_sent,
            ..heir
        }
    }
}
