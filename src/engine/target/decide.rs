//! Decides about one target, once the state of each rule is known.

use std::sync::Arc;

use super::termination::choose_nodes;
use super::{DemandedSize, TargetState, Tick};
use crate::decision::{Action, Cause, HoldReason, Limiter, Resize, RuleState};
use crate::engine::limits::{self, HdfsFloor, LimitedSize};
use crate::engine::samples::Freshness;
use crate::observation::{Direction, GroupState, GroupStatus};
use crate::policy::{Change, Limits};
use crate::units::{Instances, Timestamp};

/// What a decision about one target starts from, beside the states of its rules.
pub(super) struct Situation<'a> {
    pub tick: &'a Tick<'a>,
    pub group: &'a GroupStatus,
    /// The limits in force at this tick.
    pub limits: Limits,
    /// What a `demand:` policy asks for; `None` for a policy with rules.
    pub demanded: Option<&'a DemandedSize>,
}

/// A change of size that somebody asks for.
#[derive(Clone, Copy)]
struct Candidate {
    asked_by: AskedBy,
    desired: Instances,
}

/// Who asks for a change.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AskedBy {
    /// A rule, by its position.
    Rule(usize),
    Demand,
    Minimum,
    Maximum,
}

impl AskedBy {
    /// Whether the policy asks, by a rule or by demand. Guards apply to these candidates only:
    /// limits are enforced at once.
    fn is_policy(self) -> bool {
        matches!(self, Self::Rule(_) | Self::Demand)
    }

    fn rule(self) -> Option<usize> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::Demand | Self::Minimum | Self::Maximum => None,
        }
    }
}

impl TargetState {
    /// Decides what to do with the group at this tick.
    pub(super) fn decide(&mut self, now: &Situation) -> Action {
        let (at, requested) = (now.tick.at(), now.group.requested);
        match now.group.state {
            GroupState::Running | GroupState::Resizing | GroupState::Suspended => {}
            state => return Action::Hold(HoldReason::GroupNotReady { state }),
        }
        if now.group.scaled_by_amazon {
            return Action::Hold(HoldReason::ScaledByAmazon);
        }
        if let Some(until) = self.history.resizes.yielding_until(at) {
            return Action::Hold(HoldReason::YieldingToOperator { until });
        }
        let candidate = self.candidate(now);
        self.remember_desired_size(now, candidate.map(|candidate| candidate.desired));
        let Some(candidate) = candidate else {
            return Action::Hold(self.reason_without_candidate(now));
        };
        let direction = if candidate.desired > requested {
            Direction::Out
        } else {
            Direction::In
        };
        if let Some(reason) = self.guard(now, direction, candidate) {
            return Action::Hold(reason);
        }
        match self.limited(now, direction, candidate) {
            Err(reason) => Action::Hold(reason),
            Ok(limited) if limited.size == requested => Action::Hold(HoldReason::AtLimit {
                limiter: limited.by.unwrap_or(Limiter::Maximum),
                size: limited.size,
            }),
            Ok(limited) => Action::Resize(self.resize(now, candidate, limited)),
        }
    }

    /// Takes the resize for sent and returns it.
    fn resize(&mut self, now: &Situation, candidate: Candidate, limited: LimitedSize) -> Resize {
        let (from, to) = (now.group.requested, limited.size);
        self.history
            .resizes
            .send(now.tick.at(), from, to, candidate.asked_by.rule());
        self.history.resized_last_tick = true;
        let (protect, prefer) = choose_nodes(now.tick, now.group, to);
        Resize {
            from,
            to,
            because: match candidate.asked_by {
                AskedBy::Rule(rule) => Cause::Rule(self.spec.rules[rule].name.clone()),
                AskedBy::Demand => Cause::Demand,
                AskedBy::Minimum => Cause::BelowMinimum,
                AskedBy::Maximum => Cause::AboveMaximum,
            },
            desired: candidate.desired,
            limited_by: limited.by,
            protect,
            prefer,
        }
    }

    /// The change to make, if anybody asks for one: limits come first, then scale-out before
    /// scale-in, then the larger size, then the order of the file.
    fn candidate(&self, now: &Situation) -> Option<Candidate> {
        let (requested, limits) = (now.group.requested, now.limits);
        if requested < limits.min() {
            return Some(self.candidate_below_minimum(now));
        }
        if requested > limits.max() {
            return Some(Candidate {
                asked_by: AskedBy::Maximum,
                desired: limits.max(),
            });
        }
        if let Some(DemandedSize::Known(desired, _)) = now.demanded {
            return (*desired != requested).then_some(Candidate {
                asked_by: AskedBy::Demand,
                desired: *desired,
            });
        }
        let scale_out = self
            .unhindered_scale_out(requested)
            .or_else(|| self.largest_desired(|_, to| to > requested));
        if scale_out.is_some() {
            return scale_out;
        }
        // A rule that asks for exactly the present size outvotes a scale-in.
        let keeps = |(rule, to)| to == requested && !self.is_relative(rule);
        if self.firing().any(keeps) {
            return None;
        }
        self.largest_desired(|_, to| to < requested)
    }

    /// The change for a group below its minimum: to the minimum, or further if the policy asks for
    /// more.
    fn candidate_below_minimum(&self, now: &Situation) -> Candidate {
        let minimum = Candidate {
            asked_by: AskedBy::Minimum,
            desired: now.limits.min(),
        };
        let by_policy = match now.demanded {
            Some(DemandedSize::Known(desired, _)) => Some(Candidate {
                asked_by: AskedBy::Demand,
                desired: *desired,
            }),
            Some(DemandedSize::Unknown(_)) | None => self.unhindered_scale_out(now.group.requested),
        };
        by_policy
            .filter(|candidate| candidate.desired > minimum.desired)
            .unwrap_or(minimum)
    }

    /// The largest scale-out that does not have to wait for the resize in flight. A rule that has to
    /// wait does not keep another one waiting.
    fn unhindered_scale_out(&self, requested: Instances) -> Option<Candidate> {
        let in_flight = self.history.resizes.in_flight();
        let scales_out = in_flight.is_some_and(|(_, direction)| direction == Direction::Out);
        self.largest_desired(|rule, to| to > requested && !(scales_out && self.is_relative(rule)))
    }

    /// The firing rule with the largest desired size among those that `counts` accepts; the first in
    /// the file among equals.
    fn largest_desired(&self, counts: impl Fn(usize, Instances) -> bool) -> Option<Candidate> {
        let mut largest: Option<Candidate> = None;
        for (rule, desired) in self.firing() {
            if counts(rule, desired) && largest.is_none_or(|largest| desired > largest.desired) {
                largest = Some(Candidate {
                    asked_by: AskedBy::Rule(rule),
                    desired,
                });
            }
        }
        largest
    }

    /// The firing rules, each with its desired size.
    fn firing(&self) -> impl Iterator<Item = (usize, Instances)> + '_ {
        self.rule_states
            .iter()
            .enumerate()
            .filter_map(|(rule, state)| match state {
                RuleState::Firing { to } => Some((rule, *to)),
                _ => None,
            })
    }

    /// Whether a rule computes its desired size from the requested one. Such a change must not be
    /// repeated while a resize in the same direction is in flight.
    fn is_relative(&self, rule: usize) -> bool {
        self.spec.rules[rule].then.is_relative()
    }

    /// The first rule whose state is unknown and that would outvote a scale-in if it fired.
    fn unknown_rule_against_scale_in(&self, now: &Situation) -> Option<usize> {
        self.rule_states
            .iter()
            .zip(&self.spec.rules)
            .position(|(state, rule)| {
                *state == RuleState::Unknown
                    && match &rule.then {
                        Change::Shrink(_) => false,
                        Change::Set(size) => size.within(now.limits) >= now.group.requested,
                        Change::Grow(_) | Change::Track { .. } => true,
                    }
            })
    }

    /// Why no rule, and no demand, asks for a change.
    fn reason_without_candidate(&self, now: &Situation) -> HoldReason {
        match now.demanded {
            Some(DemandedSize::Known(..)) => return HoldReason::DemandMet,
            Some(DemandedSize::Unknown(reason)) => return reason.clone(),
            None => {}
        }
        let mut states = self.rule_states.iter();
        if let Some(rule) = states.position(|state| *state == RuleState::Unknown) {
            return self.reason_for_unknown(rule);
        }
        for (rule, state) in self.spec.rules.iter().zip(&self.rule_states) {
            if let RuleState::CoolingDown { until } = *state {
                return HoldReason::CoolingDown {
                    rule: rule.name.clone(),
                    until,
                };
            }
        }
        HoldReason::NoRuleReady
    }

    /// Names the signal because of which the state of a rule is unknown.
    fn reason_for_unknown(&self, rule: usize) -> HoldReason {
        let signals = &self.inputs[rule].signals;
        let without_sample = |signal: &&usize| self.freshness[**signal].sample().is_none();
        let Some(signal) = signals.iter().find(without_sample).or(signals.first()) else {
            return missing("cluster");
        };
        let name = Arc::clone(&self.history.signals[*signal].0);
        match self.freshness[*signal] {
            Freshness::Stale(measured_at) => HoldReason::StaleData {
                signal: name,
                measured_at,
            },
            Freshness::Fresh(_) | Freshness::Missing => HoldReason::MissingSignal { signal: name },
        }
    }

    /// Why a candidate may not be carried out now, whatever its size.
    fn guard(
        &self,
        now: &Situation,
        direction: Direction,
        candidate: Candidate,
    ) -> Option<HoldReason> {
        let (at, resizes) = (now.tick.at(), &self.history.resizes);
        let pause = now.tick.observation.control.pause;
        if let Some(pause) = pause.filter(|pause| {
            at < pause.until && pause.direction.is_none_or(|paused| paused == direction)
        }) {
            return Some(HoldReason::Paused { until: pause.until });
        }
        if let Some(window) = self.spec.open_window(at)
            && window
                .freeze
                .is_some_and(|freeze| freeze.forbids(direction))
        {
            return Some(HoldReason::Frozen {
                window: window.name.clone(),
            });
        }
        if let Some((rejection, until)) = resizes.refused_until(at) {
            return Some(HoldReason::CallRefused { rejection, until });
        }
        if direction == Direction::Out
            && let Some(until) = resizes.quarantined_until(at)
        {
            return Some(HoldReason::Quarantined { until });
        }
        if let Some(to) = self.waits_for(direction, candidate) {
            return Some(HoldReason::ResizeInFlight { to });
        }
        let reversal = self.spec.guards.reversal;
        if let Some(until) = resizes.accepted().reversal_until(at, direction, reversal) {
            return Some(HoldReason::ReversalGuard { until });
        }
        if direction == Direction::Out {
            return None;
        }
        if now.tick.needs_nodes && now.tick.snapshot().is_none() {
            return Some(missing("nodes"));
        }
        if candidate.asked_by.is_policy() {
            self.scale_in_guard(now)
        } else {
            None
        }
    }

    /// The size of the resize in flight, if the candidate has to wait for it: EMR does not show that
    /// resize yet, the candidate would add to it, or a rule would undo it before it completes.
    fn waits_for(&self, direction: Direction, candidate: Candidate) -> Option<Instances> {
        let (to, in_flight) = self.history.resizes.in_flight()?;
        let rule = candidate.asked_by.rule();
        let adds_up = in_flight == direction && rule.is_some_and(|rule| self.is_relative(rule));
        let undoes = in_flight == Direction::Out && direction == Direction::In && rule.is_some();
        (self.history.resizes.is_unconfirmed() || adds_up || undoes).then_some(to)
    }

    /// Why a scale-in that the policy asks for may not be carried out now. A scale-out has no such
    /// guards.
    fn scale_in_guard(&self, now: &Situation) -> Option<HoldReason> {
        let at = now.tick.at();
        if let Some(rule) = self.unknown_rule_against_scale_in(now) {
            return Some(self.reason_for_unknown(rule));
        }
        for (rule, (_, history)) in self.spec.rules.iter().zip(&self.history.rules) {
            if let Some(until) = history.cooling_until(rule.cooldown, at) {
                return Some(HoldReason::CoolingDown {
                    rule: rule.name.clone(),
                    until,
                });
            }
        }
        let until = self.history.resizes.accepted().flips_spent_until(
            at,
            Direction::In,
            self.spec.guards.flips?,
        )?;
        Some(HoldReason::FlipBudgetSpent { until })
    }

    /// Limits the candidate's size. Fails when HDFS allows no scale-in at all.
    fn limited(
        &self,
        now: &Situation,
        direction: Direction,
        candidate: Candidate,
    ) -> Result<LimitedSize, HoldReason> {
        let (at, from, limits) = (now.tick.at(), now.group.requested, now.limits);
        let (guards, accepted) = (&self.spec.guards, self.history.resizes.accepted());
        let desired = LimitedSize::new(candidate.desired);
        let is_policy = candidate.asked_by.is_policy();
        if direction == Direction::Out {
            return Ok(if is_policy {
                limits::limit_scale_out(desired, from, limits, guards, accepted, at)
            } else {
                desired
            });
        }
        let limited = if is_policy {
            let stabilized = desired.at_least(self.stabilized(at, from), Limiter::Stabilization);
            limits::limit_scale_in(stabilized, from, limits, guards, accepted, at)
        } else {
            desired
        };
        match limits::hdfs_floor(
            now.tick.observation,
            now.group,
            &guards.hdfs,
            self.history.most_core,
            now.tick.max_age,
        ) {
            HdfsFloor::NotCore => Ok(limited),
            HdfsFloor::At(floor) if floor >= from => Err(HoldReason::HdfsFloor { floor }),
            HdfsFloor::At(floor) => Ok(limited.at_least(floor, Limiter::HdfsFloor)),
            HdfsFloor::BlocksIncomplete => Err(HoldReason::HdfsFloor { floor: from }),
            HdfsFloor::Unknown => Err(missing("hdfs")),
        }
    }

    /// Adds the desired size of this tick to those that stabilization looks back at. It is at least
    /// the requested size while a rule that might ask for more is unknown.
    fn remember_desired_size(&mut self, now: &Situation, desired: Option<Instances>) {
        let (at, requested) = (now.tick.at(), now.group.requested);
        let span = self.spec.guards.stabilization;
        if span.is_zero() {
            return;
        }
        let mut desired = desired.unwrap_or(requested);
        if self.unknown_rule_against_scale_in(now).is_some() {
            desired = desired.max(requested);
        }
        let sizes = &mut self.history.desired_sizes;
        if sizes
            .back()
            .is_some_and(|(last, _)| at.since(*last) > now.tick.max_age)
        {
            sizes.clear();
        }
        sizes.push_back((at, desired));
        while sizes.get(1).is_some_and(|(second, _)| *second <= at - span) {
            sizes.pop_front();
        }
    }

    /// The largest size that was desired during the stabilization time; the requested size until
    /// that much time was observed.
    fn stabilized(&self, at: Timestamp, requested: Instances) -> Instances {
        let span = self.spec.guards.stabilization;
        if span.is_zero() {
            return Instances::ZERO;
        }
        let sizes = &self.history.desired_sizes;
        if sizes.front().is_none_or(|(oldest, _)| *oldest > at - span) {
            return requested;
        }
        sizes
            .iter()
            .map(|(_, desired)| *desired)
            .max()
            .unwrap_or(requested)
    }
}

fn missing(signal: &str) -> HoldReason {
    HoldReason::MissingSignal {
        signal: signal.into(),
    }
}
