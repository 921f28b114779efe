//! One target of a policy over time: it reads its signals, evaluates its rules, follows its resizes,
//! and decides.

mod decide;
mod guard;
mod history;
mod hold_reason;
mod inputs;
mod output;
mod proposal;
mod restore;
mod situation;
mod stabilization;
mod termination;

use std::sync::Arc;
use std::time::Duration;

use super::demand::member::Member;
use super::demand::plan::DesiredSize;
use super::for_timer::ForState;
use super::hdfs_floor::core_running;
use super::in_flight::GroupReport;
use super::propose;
use super::runs_again::AFTER_SCALE_IN;
use super::samples::Freshness;
use super::scope::{Scope, is_counter};
use super::tick::Tick;
use crate::decision::{
    Action, Cause, Decision, HoldReason, Outcome, OutputWait, Reading, RuleReport, RuleState,
};
use crate::observation::{GroupId, GroupKind, GroupState, GroupStatus, Role, Sampled};
use crate::policy::condition::Leaf;
use crate::policy::signal::Signal;
use crate::policy::{GroupMatch, Limits, Selector, Target};
use crate::units::{Instances, Timestamp};
pub use history::{HistoryMismatch, TargetHistory};
use inputs::RuleInputs;
use situation::Situation;

/// A target, and what the engine knows about its group.
#[derive(Clone, Debug)]
pub struct TargetState {
    spec: Target,
    /// The signals that the condition and the change of each rule read.
    inputs: Vec<RuleInputs>,
    /// The text of each window, as in the conditions.
    window_names: Vec<Arc<str>>,
    /// What is kept between ticks.
    history: TargetHistory,
    /// The signals at this tick.
    freshness: Vec<Freshness>,
    /// The state of each rule at this tick; empty without a group.
    rule_states: Vec<RuleState>,
    /// The next observation should say which nodes store shuffle output.
    asks_for_output: bool,
    /// The nodes that stay for their shuffle output at this tick.
    output_wait: Option<OutputWait>,
}

/// The group of a target, or why the target holds without one.
fn group_or_hold<'g>(found: &GroupMatch<'g>) -> Result<&'g GroupStatus, HoldReason> {
    match found {
        GroupMatch::One(group) => Ok(group),
        GroupMatch::NoneButRequired | GroupMatch::NoneAndOptional => {
            Err(HoldReason::TargetNotFound { matches: 0 })
        }
        GroupMatch::Several(groups) => Err(HoldReason::TargetNotFound {
            matches: groups.len(),
        }),
        GroupMatch::Taken { by, .. } => Err(HoldReason::GroupTaken { target: *by }),
    }
}

impl TargetState {
    /// Returns a target without observations.
    pub fn new(spec: Target) -> Self {
        let window_names = (0..spec.windows.len())
            .map(|window| spec.text_of(Leaf::Window(window)))
            .collect();
        Self {
            inputs: spec
                .rules
                .iter()
                .map(|rule| RuleInputs::new(&spec, rule))
                .collect(),
            window_names,
            history: TargetHistory::new(&spec),
            freshness: vec![Freshness::Missing; spec.signals.len()],
            rule_states: Vec::with_capacity(spec.rules.len()),
            asks_for_output: false,
            output_wait: None,
            spec,
        }
    }

    /// Decides about the target at this tick. `cluster_hold` is a reason to hold that concerns the
    /// whole cluster, `demanded` the size that a `demand:` policy asks for, `position` the target's
    /// place in the policy, and `found` the group that the target selects, if there is one.
    pub fn step(
        &mut self,
        tick: &Tick,
        cluster_hold: Option<&HoldReason>,
        demanded: Option<&DesiredSize>,
        position: usize,
        found: &GroupMatch<'_>,
    ) -> Decision {
        self.history.resized_last_tick = false;
        self.asks_for_output = false;
        self.output_wait = None;
        let group = match group_or_hold(found) {
            Ok(group) => group,
            Err(reason) => {
                let reason = cluster_hold.cloned().unwrap_or(reason);
                return self.hold_without_group(tick, position, reason);
            }
        };
        self.follow_group(group);
        self.read_signals(tick, group);
        self.follow_resizes(tick, group);
        let limits = self.spec.limits_at(tick.at());
        self.evaluate_rules(tick, group, limits);
        let action = match cluster_hold {
            Some(reason) => Action::Hold(reason.clone()),
            None => self.decide(&Situation {
                tick,
                group,
                limits,
                demanded,
            }),
        };
        let (rules, readings) = if tick.with_reports {
            (self.rule_reports(), self.readings())
        } else {
            Default::default()
        };
        Decision {
            at: tick.at(),
            target: position,
            group: self.history.group.clone(),
            requested: group.requested,
            running: group.running,
            action,
            rules,
            readings,
            demand: demanded.and_then(DesiredSize::report),
            output_wait: self.output_wait.take().map(Box::new),
            runs_again: None,
        }
    }

    /// The decision of a tick at which the target selects no group.
    fn hold_without_group(&mut self, tick: &Tick, target: usize, reason: HoldReason) -> Decision {
        self.history.group = None;
        self.rule_states.clear();
        let signals = self.history.signals.iter_mut().zip(&self.spec.signals);
        for (((_, samples), source), freshness) in signals.zip(&mut self.freshness) {
            (_, *freshness) = samples.update(tick.at(), None, source.allowance(tick.poll));
        }
        Decision {
            at: tick.at(),
            target,
            group: None,
            requested: Instances::ZERO,
            running: Instances::ZERO,
            action: Action::Hold(reason),
            rules: Vec::new(),
            readings: Vec::new(),
            demand: None,
            output_wait: None,
            runs_again: None,
        }
    }

    /// When the last scale-in of the group was requested, if that is not long ago.
    pub fn last_scale_in_at(&self) -> Option<Timestamp> {
        self.history.resizes.last_scale_in_at()
    }

    /// Whether a rule reads how many instances a failed scale-out did not bring.
    pub fn reads_failed_instances(&self) -> bool {
        let mut signals = self.spec.signals.iter();
        signals.any(|source| source.signal() == Some(Signal::EmrInstancesFailed))
    }

    /// Whether the target scales in as soon as it is known which nodes store shuffle output.
    pub fn asks_for_output(&self) -> bool {
        self.asks_for_output
    }

    /// How many of the requested instances the group's last scale-out did not bring, if it failed.
    pub fn failed_instances(&self, group: &GroupStatus) -> Instances {
        let is_known = self.history.known_group.as_ref() == Some(&group.id);
        if is_known && self.history.resizes.is_failed() {
            group.requested - group.running
        } else {
            Instances::ZERO
        }
    }

    /// The target's group as a part of the cluster that follows demand.
    pub fn member(&self, tick: &Tick, group: &GroupStatus) -> Member {
        let limits = self.spec.limits_at(tick.at());
        let resizes = &self.history.resizes;
        let is_known = self.history.known_group.as_ref() == Some(&group.id);
        let is_quarantined = is_known && resizes.quarantined_until(tick.at()).is_some();
        let is_ready = matches!(group.state, GroupState::Running | GroupState::Resizing)
            && !group.scaled_by_amazon;
        Member {
            role: group.role,
            market: group.market,
            offer: tick.sizes.offer(group),
            requested: group.requested.get(),
            running: group.running.get(),
            unusable: match group.kind {
                GroupKind::Group => tick.unavailable.unusable_in(group, None),
                GroupKind::Fleet => 0,
            },
            min: limits.min().get(),
            max: limits.max().get(),
            can_grow: is_ready && !is_quarantined,
            has_failed: is_known && resizes.is_failed(),
        }
    }

    /// Starts an empty history if the target now selects another group. Keeps `most_core`, which is a
    /// fact about the cluster.
    fn follow_group(&mut self, group: &GroupStatus) {
        if self.history.known_group.as_ref() != Some(&group.id) {
            self.history = TargetHistory {
                known_group: Some(group.id.clone()),
                most_core: self.history.most_core,
                ..TargetHistory::new(&self.spec)
            };
        }
        if self.history.group.is_none() {
            self.history.group.clone_from(&self.history.known_group);
        }
    }

    /// Reads the samples of this tick, and adds them to the windows.
    fn read_signals(&mut self, tick: &Tick, group: &GroupStatus) {
        for (signal, source) in self.spec.signals.iter().enumerate() {
            let sample = source.read(tick.observation, group, Some(tick.failed));
            let samples = &mut self.history.signals[signal].1;
            let (arrival, freshness) =
                samples.update(tick.at(), sample, source.allowance(tick.poll));
            self.freshness[signal] = freshness;
            for (spec, window) in self.spec.windows.iter().zip(&mut self.history.windows) {
                if spec.signal == signal {
                    window.update(arrival, sample, spec.over);
                }
            }
        }
    }

    /// Follows the resizes of the group, ours and those of others. A completed resize starts the
    /// cooldowns of the rules behind it.
    fn follow_resizes(&mut self, tick: &Tick, group: &GroupStatus) {
        let observation = tick.observation;
        let report = GroupReport {
            group,
            measured_at: observation.cluster.measured_at.min(observation.at),
            is_leader: observation.control.leader,
            max_lag: tick.max_age,
        };
        let lookback = self.guard_lookback();
        let history = &mut self.history;
        if let Some(completed) = history.resizes.observe(report, &self.spec.guards) {
            for rule in completed.rules {
                history.rules[rule].1.completed_at = Some(completed.at);
            }
        }
        let lookback = lookback.max(AFTER_SCALE_IN);
        history.resizes.prune(observation.at, lookback);
        if group.role == Role::Core {
            history.most_core = history.most_core.max(core_running(observation));
        }
    }

    /// How far back the budgets look for accepted resizes.
    fn guard_lookback(&self) -> Duration {
        let guards = &self.spec.guards;
        let spans = guards
            .budgets
            .iter()
            .map(|budget| budget.per)
            .chain(guards.flips.map(|flips| flips.per));
        spans.max().unwrap_or_default()
    }

    /// Finds the state of each rule at this tick.
    fn evaluate_rules(&mut self, tick: &Tick, group: &GroupStatus, limits: Limits) {
        self.rule_states.clear();
        let history = &mut self.history;
        let scope = Scope {
            target: &self.spec,
            signals: &history.signals,
            freshness: &self.freshness,
            windows: &history.windows,
            cluster_state: Sampled {
                value: tick.observation.cluster.value.state,
                measured_at: tick.observation.cluster.measured_at,
            },
            bridging: false,
        };
        let rules = self.spec.rules.iter().zip(&self.inputs);
        for ((rule, inputs), (_, history)) in rules.zip(&mut history.rules) {
            let state = match inputs.update_timer(&mut history.for_timer, rule, tick, &scope) {
                ForState::Unknown => RuleState::Unknown,
                ForState::Inactive => RuleState::Inactive,
                ForState::Pending { since, until } => RuleState::Pending { since, until },
                ForState::Firing => match history.cooling_until(rule.cooldown, tick.at()) {
                    Some(until) => RuleState::CoolingDown { until },
                    None => propose::desired_size(&rule.then, group, tick, limits, &scope)
                        .map_or(RuleState::Unknown, |to| RuleState::Firing { to }),
                },
            };
            self.rule_states.push(state);
        }
    }

    /// When the first cooldown of a rule ends, if one is cooling down.
    pub fn cooling_until(&self) -> Option<Timestamp> {
        let until = self.rule_states.iter().filter_map(|state| match state {
            RuleState::CoolingDown { until } => Some(*until),
            _ => None,
        });
        until.min()
    }

    fn rule_reports(&self) -> Vec<RuleReport> {
        self.spec
            .rules
            .iter()
            .zip(&self.rule_states)
            .map(|(rule, state)| RuleReport {
                rule: rule.name.clone(),
                state: *state,
            })
            .collect()
    }

    /// The known values of the signals, then those of the windows.
    fn readings(&self) -> Vec<Reading> {
        let mut readings = Vec::new();
        for ((name, _), freshness) in self.history.signals.iter().zip(&self.freshness) {
            if let Some(sample) = freshness.sample() {
                readings.push(Reading {
                    signal: name.clone(),
                    value: sample.value,
                });
            }
        }
        let windows = self.spec.windows.iter().zip(&self.history.windows);
        for ((spec, window), name) in windows.zip(&self.window_names) {
            if self.freshness[spec.signal].sample().is_some()
                && let Some(value) = window.value(spec, is_counter(&self.spec, spec))
                && value.is_finite()
            {
                readings.push(Reading {
                    signal: name.clone(),
                    value,
                });
            }
        }
        readings
    }

    /// Records EMR's answer to the last resize, if this target selects the group.
    pub fn note(&mut self, group: &GroupId, outcome: Outcome) {
        if self.history.group.as_ref() == Some(group) {
            self.history.resizes.note(outcome);
        }
    }

    /// Replaces the last tick's decision about this group by a recorded one.
    pub fn apply_recorded(&mut self, decision: &Decision) {
        if self.history.group.is_none() || self.history.group != decision.group {
            return;
        }
        if self.history.resized_last_tick {
            self.history.resizes.withdraw();
        }
        if let Action::Resize(resize) = &decision.action {
            let rule = match &resize.because {
                Cause::Rule(name) => self.spec.rules.iter().position(|rule| rule.name == *name),
                Cause::Demand | Cause::BelowMinimum | Cause::AboveMaximum => None,
            };
            self.history
                .resizes
                .send(decision.at, resize.from, resize.to, rule);
            self.history.resized_last_tick = true;
        }
    }

    /// Adjusts to a clock that went back to `at`: drops all samples, and shortens every wait to at most
    /// its full length from `at`.
    pub fn handle_clock_rollback(&mut self, at: Timestamp) {
        let history = &mut self.history;
        for (_, samples) in &mut history.signals {
            samples.clear();
        }
        for window in &mut history.windows {
            window.clear();
        }
        for (_, rule) in &mut history.rules {
            rule.for_timer.reset();
            rule.completed_at = rule.completed_at.map(|completed| completed.min(at));
        }
        history.desired_sizes.clear();
        history.kept_nodes.clear();
        history.resizes.clamp(at, &self.spec.guards);
    }

    /// Which group the target selects.
    pub fn selector(&self) -> &Selector {
        &self.spec.selector
    }

    /// The most core nodes that the cluster was ever seen with.
    pub fn most_core(&self) -> Instances {
        self.history.most_core
    }

    /// Raises `most_core` to what another target saw in the same cluster.
    #[must_use]
    pub fn with_most_core(mut self, seen: Instances) -> Self {
        self.history.most_core = self.history.most_core.max(seen);
        self
    }
}
