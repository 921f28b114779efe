//! What to do about one target, once it is known how its rules stand.

use std::sync::Arc;

use super::leaving::choose_nodes;
use super::{TargetState, Tick, Wish};
use crate::decision::{Action, Cause, HoldReason, Limiter, Resize, RuleState};
use crate::engine::limits::{self, Bounded, Floor};
use crate::engine::memory::{Knowledge, SignalTrack};
use crate::observation::{Direction, GroupState, GroupStatus};
use crate::policy::{Change, Limits};
use crate::units::{Instances, Timestamp};

/// What a decision about one target starts from.
pub(super) struct Situation<'a> {
    pub tick: &'a Tick<'a>,
    pub group: &'a GroupStatus,
    pub limits: Limits,
    /// How each rule stands.
    pub rules: &'a [RuleState],
    /// Of a policy that follows demand.
    pub wish: Option<&'a Wish>,
}

/// A change that a rule or a limit asks for.
struct Candidate {
    rule: Option<usize>,
    cause: Cause,
    wanted: Instances,
    /// Computed from the present size, so that it must not be repeated while a resize in the same
    /// direction is on its way.
    relative: bool,
}

impl Candidate {
    /// A rule or the demand wants it; limits do not wait for anyone.
    fn is_wish(&self) -> bool {
        matches!(self.cause, Cause::Rule(_) | Cause::Demand)
    }
}

impl TargetState {
    pub(super) fn decide(&mut self, now: &Situation) -> Action {
        let (at, requested) = (now.tick.at(), now.group.requested);
        match now.group.state {
            GroupState::Running | GroupState::Resizing | GroupState::Suspended => {}
            state => return Action::Hold(HoldReason::GroupNotReady { state }),
        }
        if now.group.scaled_by_amazon {
            return Action::Hold(HoldReason::ScaledByAmazon);
        }
        if let Some(until) = self.flight.yielding_until(at) {
            return Action::Hold(HoldReason::YieldingToOperator { until });
        }
        let candidate = self.candidate(now);
        self.remember_wish(now, candidate.as_ref());
        let Some(candidate) = candidate else {
            return Action::Hold(self.idle_reason(now));
        };
        let direction = if candidate.wanted > requested {
            Direction::Out
        } else {
            Direction::In
        };
        if let Some(reason) = self.obstacle(now, direction, &candidate) {
            return Action::Hold(reason);
        }
        match self.bound(now, direction, &candidate) {
            Err(reason) => Action::Hold(reason),
            Ok(bounded) if bounded.size == requested => Action::Hold(HoldReason::AtLimit {
                limiter: bounded.by.unwrap_or(Limiter::Maximum),
                size: bounded.size,
            }),
            Ok(bounded) => {
                self.flight
                    .send(at, requested, bounded.size, candidate.rule);
                self.has_just_sent = true;
                let (protect, prefer) = choose_nodes(now.tick, now.group, bounded.size);
                let (from, to, wanted, limited_by) =
                    (requested, bounded.size, candidate.wanted, bounded.by);
                Action::Resize(Resize {
                    from,
                    to,
                    because: candidate.cause,
                    wanted,
                    limited_by,
                    protect,
                    prefer,
                })
            }
        }
    }

    /// Limits first; then scale-out before scale-in, the larger size, and file order.
    fn candidate(&self, now: &Situation) -> Option<Candidate> {
        let (requested, limits) = (now.group.requested, now.limits);
        let ready = || {
            now.rules
                .iter()
                .enumerate()
                .filter_map(|(rule, state)| match state {
                    RuleState::Ready { to } => Some((rule, *to)),
                    _ => None,
                })
        };
        let is_relative = |rule: usize| self.spec.rules[rule].then.is_relative();
        let of_rule = |(rule, wanted): (usize, Instances)| Candidate {
            rule: Some(rule),
            cause: Cause::Rule(self.spec.rules[rule].name.clone()),
            wanted,
            relative: is_relative(rule),
        };
        let without_rule = |wanted, cause| Candidate {
            rule: None,
            cause,
            wanted,
            relative: false,
        };
        let growing = self
            .flight
            .in_flight()
            .is_some_and(|(_, heading)| heading == Direction::Out);
        let out = || ready().filter(|(_, to)| *to > requested);
        // A rule that has to wait for the resize in flight does not keep another one waiting.
        let free_out = largest(out().filter(|(rule, _)| !(growing && is_relative(*rule))));
        if requested < limits.min() {
            let above = free_out.filter(|(_, to)| *to > limits.min());
            let demanded = match now.wish {
                Some(Wish::Size(wanted, _)) if *wanted > limits.min() => {
                    Some(without_rule(*wanted, Cause::Demand))
                }
                _ => None,
            };
            return Some(
                demanded
                    .or(above.map(of_rule))
                    .unwrap_or_else(|| without_rule(limits.min(), Cause::BelowMinimum)),
            );
        }
        if requested > limits.max() {
            return Some(without_rule(limits.max(), Cause::AboveMaximum));
        }
        if let Some(Wish::Size(wanted, _)) = now.wish {
            return (*wanted != requested).then(|| without_rule(*wanted, Cause::Demand));
        }
        if let Some(out) = free_out.or_else(|| largest(out())) {
            return Some(of_rule(out));
        }
        if ready().any(|(rule, to)| to == requested && !is_relative(rule)) {
            return None;
        }
        largest(ready().filter(|(_, to)| *to < requested)).map(of_rule)
    }

    /// A rule that cannot be judged, and would outvote a scale-in if it could and were true.
    fn unjudged(&self, now: &Situation) -> Option<usize> {
        let outvotes = |rule: usize| match &self.spec.rules[rule].then {
            Change::Shrink(_) => false,
            Change::Set(size) => size.within(now.limits) >= now.group.requested,
            Change::Grow(_) | Change::Track { .. } => true,
        };
        (0..now.rules.len()).find(|rule| now.rules[*rule] == RuleState::Unknown && outvotes(*rule))
    }

    /// Why no rule, and no demand, asks for a change.
    fn idle_reason(&self, now: &Situation) -> HoldReason {
        match now.wish {
            Some(Wish::Size(..)) => return HoldReason::DemandMet,
            Some(Wish::Unknown(reason)) => return reason.clone(),
            None => {}
        }
        let unknown = now
            .rules
            .iter()
            .position(|state| *state == RuleState::Unknown);
        let cooling =
            self.spec
                .rules
                .iter()
                .zip(now.rules)
                .find_map(|(rule, state)| match *state {
                    RuleState::CoolingDown { until } => Some(HoldReason::CoolingDown {
                        rule: rule.name.clone(),
                        until,
                    }),
                    _ => None,
                });
        unknown
            .map(|rule| self.ignorance(rule))
            .or(cooling)
            .unwrap_or(HoldReason::NoRuleReady)
    }

    /// Which signal keeps a rule from being judged.
    fn ignorance(&self, rule: usize) -> HoldReason {
        let tracks = || {
            self.rules[rule]
                .reads
                .iter()
                .map(|signal| &self.signals[*signal])
        };
        let missing = tracks()
            .find(|track| track.known().is_none())
            .or_else(|| tracks().next());
        let signal: Arc<str> = missing.map_or_else(|| "cluster".into(), |track| track.name.clone());
        match missing.map(SignalTrack::now) {
            Some(Knowledge::Stale(measured_at)) => HoldReason::StaleData {
                signal,
                measured_at,
            },
            _ => HoldReason::MissingSignal { signal },
        }
    }

    /// What keeps a candidate from being carried out, apart from limits.
    fn obstacle(
        &self,
        now: &Situation,
        direction: Direction,
        candidate: &Candidate,
    ) -> Option<HoldReason> {
        let at = now.tick.at();
        let pause = now.tick.observation.control.pause;
        if let Some(pause) = pause.filter(|pause| {
            at < pause.until && pause.direction.is_none_or(|paused| paused == direction)
        }) {
            return Some(HoldReason::Paused { until: pause.until });
        }
        if let Some(window) = self.spec.open_window(at).filter(|window| {
            window
                .freeze
                .is_some_and(|freeze| freeze.forbids(direction))
        }) {
            return Some(HoldReason::Frozen {
                window: window.name.clone(),
            });
        }
        if let Some((rejection, until)) = self.flight.refused_until(at) {
            return Some(HoldReason::CallRefused { rejection, until });
        }
        if let Some(until) = self
            .flight
            .quarantined_until(at)
            .filter(|_| direction == Direction::Out)
        {
            return Some(HoldReason::Quarantined { until });
        }
        if let Some((to, heading)) = self.flight.in_flight() {
            let compounds = candidate.relative && heading == direction;
            let premature =
                heading == Direction::Out && direction == Direction::In && candidate.rule.is_some();
            if self.flight.is_unconfirmed() || compounds || premature {
                return Some(HoldReason::ResizeInFlight { to });
            }
        }
        if let Some(until) = self
            .flight
            .reversal_until(at, direction, self.spec.guards.reversal)
        {
            return Some(HoldReason::ReversalGuard { until });
        }
        if direction == Direction::In && now.tick.needs_nodes && now.tick.snapshot().is_none() {
            return Some(HoldReason::MissingSignal {
                signal: "nodes".into(),
            });
        }
        if direction == Direction::In && candidate.is_wish() {
            self.scale_in_obstacle(now)
        } else {
            None
        }
    }

    /// What holds back a scale-in that a rule asks for, and would not hold back a scale-out.
    fn scale_in_obstacle(&self, now: &Situation) -> Option<HoldReason> {
        let at = now.tick.at();
        if let Some(rule) = self.unjudged(now) {
            return Some(self.ignorance(rule));
        }
        let cooling = self
            .spec
            .rules
            .iter()
            .zip(&self.rules)
            .find_map(|(rule, memory)| Some((rule, memory.cooling_until(rule.cooldown, at)?)));
        if let Some((rule, until)) = cooling {
            return Some(HoldReason::CoolingDown {
                rule: rule.name.clone(),
                until,
            });
        }
        let flips = self.spec.guards.flips?;
        let until = self.flight.flips_spent_until(at, Direction::In, flips)?;
        Some(HoldReason::FlipBudgetSpent { until })
    }

    /// How far the candidate may go.
    fn bound(
        &self,
        now: &Situation,
        direction: Direction,
        candidate: &Candidate,
    ) -> Result<Bounded, HoldReason> {
        let (at, from, limits, guards) = (
            now.tick.at(),
            now.group.requested,
            now.limits,
            &self.spec.guards,
        );
        if direction == Direction::Out {
            let bounded_out =
                || limits::bound_out(candidate.wanted, from, limits, guards, &self.flight, at);
            return Ok(if candidate.is_wish() {
                bounded_out()
            } else {
                Bounded::new(candidate.wanted)
            });
        }
        let mut bounded = Bounded::new(candidate.wanted);
        if candidate.is_wish() {
            bounded = bounded.at_least(self.stabilized(at, from), Limiter::Stabilization);
            bounded = limits::bound_in(bounded, from, limits, guards, &self.flight, at);
        }
        match limits::hdfs_floor(
            now.tick.observation,
            now.group,
            &guards.hdfs,
            self.most_core,
            now.tick.allowance,
        ) {
            Floor::NotCore => Ok(bounded),
            Floor::At(floor) if floor >= from => Err(HoldReason::HdfsFloor { floor }),
            Floor::At(floor) => Ok(bounded.at_least(floor, Limiter::HdfsFloor)),
            Floor::BlocksIncomplete => Err(HoldReason::HdfsFloor { floor: from }),
            Floor::Unknown => Err(HoldReason::MissingSignal {
                signal: "hdfs".into(),
            }),
        }
    }

    /// Remembers the size wanted at this tick; at least the present one while a rule that might
    /// want more cannot be judged.
    fn remember_wish(&mut self, now: &Situation, candidate: Option<&Candidate>) {
        let (at, span, requested) = (
            now.tick.at(),
            self.spec.guards.stabilization,
            now.group.requested,
        );
        if span.is_zero() {
            return;
        }
        if self
            .wishes
            .back()
            .is_some_and(|(last, _)| at.since(*last) > now.tick.allowance)
        {
            self.wishes.clear();
        }
        let wanted = candidate.map_or(requested, |candidate| candidate.wanted);
        let wanted = if self.unjudged(now).is_some() {
            wanted.max(requested)
        } else {
            wanted
        };
        self.wishes.push_back((at, wanted));
        while self
            .wishes
            .get(1)
            .is_some_and(|(second, _)| *second <= at - span)
        {
            self.wishes.pop_front();
        }
    }

    /// The highest size wanted during the stabilization time; the present size until that much is
    /// known.
    fn stabilized(&self, at: Timestamp, requested: Instances) -> Instances {
        let span = self.spec.guards.stabilization;
        if span.is_zero() {
            return Instances::ZERO;
        }
        if self
            .wishes
            .front()
            .is_none_or(|(oldest, _)| *oldest > at - span)
        {
            return requested;
        }
        self.wishes
            .iter()
            .map(|(_, wanted)| *wanted)
            .max()
            .unwrap_or(requested)
    }
}

/// The largest size, and the first rule in file order among those that ask for it.
fn largest(wishes: impl Iterator<Item = (usize, Instances)>) -> Option<(usize, Instances)> {
    wishes.reduce(|best, next| if next.1 > best.1 { next } else { best })
}
