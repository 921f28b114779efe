//! One target of a policy through time: its signals, its rules, its resizes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::flight::Flight;
use super::hold::{self, Held, Hold, Scope};
use super::limits::{self, Bounded, Floor};
use super::memory::{Knowledge, SignalTrack};
use super::propose::{self, Proposal};
use super::window::Window;
use crate::decision::{Action, Cause, HoldReason, Limiter, Reading, Resize, RuleReport, RuleState};
use crate::observation::{Direction, GroupId, GroupState, GroupStatus, InstanceId, Observation};
use crate::policy::signal::{Signal, SignalSource};
use crate::policy::{Limits, Target};
use crate::units::{Instances, Timestamp};

/// What the engine keeps of one target between two observations.
#[derive(Clone, Debug)]
pub struct TargetState {
    pub spec: Target,
    signals: Vec<SignalTrack>,
    windows: Vec<Window>,
    window_signals: Vec<usize>,
    rules: Vec<RuleMemory>,
    pub flight: Flight,
    /// The sizes wanted at recent ticks, for stabilization.
    wishes: VecDeque<(Timestamp, Instances)>,
    pub group: Option<GroupId>,
}

#[derive(Clone, Debug)]
struct RuleMemory {
    /// Signals that the condition and the change read.
    reads: Vec<usize>,
    hold: Hold,
    completed_at: Option<Timestamp>,
}

/// What is the same for all targets at one tick.
pub struct Tick<'a> {
    pub observation: &'a Observation,
    /// EMR's own samples, for conditions that read no signal.
    pub cluster: &'a SignalTrack,
    pub poll: Duration,
}

impl Tick<'_> {
    fn at(&self) -> Timestamp {
        self.observation.at
    }

    /// How old anything that is polled may be.
    pub fn allowance(&self) -> Duration {
        self.poll * 3
    }
}

/// A change that a rule or a limit asks for.
struct Candidate {
    rule: Option<usize>,
    cause: Cause,
    wanted: Instances,
    /// Computed from the present size, so that it must not be repeated while a resize in the same direction is on its way.
    relative: bool,
}

impl TargetState {
    pub fn new(spec: Target, poll: Duration) -> Self {
        let track = |source: &SignalSource| SignalTrack::new(source.name().into(), source.allowance(poll));
        let is_counter = |signal: usize| spec.signals[signal] == SignalSource::BuiltIn(Signal::YarnContainersReleasedTotal);
        let window_signals: Vec<usize> = spec.windows.iter().map(|window| window.signal).collect();
        Self {
            signals: spec.signals.iter().map(track).collect(),
            windows: spec.windows.iter().map(|window| Window::new(window.function, window.over, is_counter(window.signal))).collect(),
            rules: spec.rules.iter().map(|rule| RuleMemory::new(rule, &window_signals)).collect(),
            window_signals,
            flight: Flight::default(),
            wishes: VecDeque::new(),
            group: None,
            spec,
        }
    }

    /// Takes the tick's observation and decides. `barrier` is a reason that concerns the whole cluster.
    pub fn step(&mut self, tick: &Tick, barrier: Option<&HoldReason>) -> (Action, Vec<RuleReport>, Vec<Reading>) {
        let observation = tick.observation;
        let mut matching = observation.cluster.value.groups.iter().filter(|group| self.spec.selector.matches(group));
        let (group, others) = (matching.next(), matching.count());
        let group = group.filter(|_| others == 0);
        self.group = group.map(|group| group.id.clone());
        let Some(group) = group else {
            self.read_nothing(observation.at);
            let matches = if others == 0 { 0 } else { others + 1 };
            let reason = barrier.cloned().unwrap_or(HoldReason::TargetNotFound { matches });
            return (Action::Hold(reason), Vec::new(), Vec::new());
        };
        self.read(observation, group);
        let completed = self.flight.observe(group, observation.cluster.measured_at, &self.spec.guards, tick.allowance());
        if let Some((rule, at)) = completed.and_then(|completed| Some((completed.rule?, completed.at))) {
            self.rules[rule].completed_at = Some(at);
        }
        self.flight.prune(observation.at, self.longest_memory());
        let limits = self.limits_at(observation.at);
        let reports = self.judge(tick, group, limits);
        let action = match barrier {
            Some(reason) => Action::Hold(reason.clone()),
            None => self.decide(tick, group, limits, &reports),
        };
        (action, reports, self.readings())
    }

    /// The clock went back to `at`: no run of samples continues, and no wait may last longer than it would from now on.
    pub fn forget(&mut self, at: Timestamp) {
        self.signals.iter_mut().for_each(SignalTrack::forget);
        self.windows.iter_mut().for_each(Window::forget);
        for rule in &mut self.rules {
            rule.hold.forget();
            rule.completed_at = rule.completed_at.map(|completed| completed.min(at));
        }
        self.wishes.clear();
        self.flight.clamp(at);
    }

    fn read_nothing(&mut self, at: Timestamp) {
        self.signals.iter_mut().for_each(|track| {
            track.update(at, None);
        });
    }

    fn read(&mut self, observation: &Observation, group: &GroupStatus) {
        for (index, (track, source)) in self.signals.iter_mut().zip(&self.spec.signals).enumerate() {
            let sample = source.read(observation, group);
            let arrival = track.update(observation.at, sample);
            for (window, _) in self.windows.iter_mut().zip(&self.window_signals).filter(|(_, signal)| **signal == index) {
                window.update(arrival, sample);
            }
        }
    }

    fn readings(&self) -> Vec<Reading> {
        self.signals.iter().filter_map(|track| Some(Reading { signal: track.name.clone(), value: track.known()?.value })).collect()
    }

    fn longest_memory(&self) -> Duration {
        let guards = &self.spec.guards;
        let spans = guards.budgets.iter().map(|budget| budget.per).chain(guards.flips.map(|flips| flips.per));
        spans.max().unwrap_or_default()
    }

    fn open_window(&self, at: Timestamp) -> Option<&crate::policy::schedule::ScheduleWindow> {
        self.spec.schedule.iter().find(|window| window.is_open(at))
    }

    fn limits_at(&self, at: Timestamp) -> Limits {
        self.open_window(at).and_then(|window| window.limits).unwrap_or(self.spec.limits)
    }

    fn scope<'a>(&'a self, tick: &Tick) -> Scope<'a> {
        let cluster_state = tick.observation.cluster.value.state;
        Scope { signals: &self.signals, windows: &self.windows, window_signals: &self.window_signals, cluster_state }
    }

    /// How each rule stands.
    fn judge(&mut self, tick: &Tick, group: &GroupStatus, limits: Limits) -> Vec<RuleReport> {
        let mut rules = std::mem::take(&mut self.rules);
        let scope = self.scope(tick);
        let reports = self.spec.rules.iter().zip(&mut rules).map(|(rule, memory)| {
            let known = || memory.reads.iter().filter_map(|signal| self.signals[*signal].known());
            let clock = known().map(|sample| sample.measured_at).max().unwrap_or(tick.observation.cluster.measured_at);
            let breaks = match memory.reads.as_slice() {
                [] => tick.cluster.breaks(),
                reads => reads.iter().map(|signal| self.signals[*signal].breaks()).sum(),
            };
            let state = match memory.hold.update(scope.truth(&rule.when), clock, breaks, rule.hold_for) {
                Held::Unknown => RuleState::Unknown,
                Held::NotTrue => RuleState::NotTrue,
                Held::Since { start, until } => RuleState::Holding { since: start, until },
                Held::LongEnough => match memory.cooling_until(rule.cooldown, tick.at()) {
                    Some(until) => RuleState::CoolingDown { until },
                    None => match propose::size(&rule.then, group, &tick.observation.cluster.value.groups, limits, &scope) {
                        Proposal::To(to) => RuleState::Ready { to },
                        Proposal::Unknown => RuleState::Unknown,
                    },
                },
            };
            RuleReport { rule: rule.name.clone(), state }
        });
        let reports = reports.collect();
        self.rules = rules;
        reports
    }

    fn decide(&mut self, tick: &Tick, group: &GroupStatus, limits: Limits, reports: &[RuleReport]) -> Action {
        let at = tick.at();
        match group.state {
            GroupState::Running | GroupState::Resizing | GroupState::Suspended => {}
            state => return Action::Hold(HoldReason::GroupNotReady { state }),
        }
        if let Some(until) = self.flight.yielding_until(at) {
            return Action::Hold(HoldReason::YieldingToOperator { until });
        }
        let candidate = self.candidate(group.requested, limits, reports);
        self.remember_wish(tick, candidate.as_ref().map_or(group.requested, |candidate| candidate.wanted));
        let Some(candidate) = candidate else { return Action::Hold(self.idle_reason(reports)) };
        let direction = if candidate.wanted > group.requested { Direction::Out } else { Direction::In };
        if let Some(reason) = self.obstacle(tick, direction, &candidate, reports) {
            return Action::Hold(reason);
        }
        match self.bound(tick, group, limits, direction, &candidate) {
            Err(reason) => Action::Hold(reason),
            Ok(bounded) if bounded.size == group.requested => {
                Action::Hold(HoldReason::AtLimit { limiter: bounded.by.unwrap_or(Limiter::Maximum), size: bounded.size })
            }
            Ok(bounded) => {
                self.flight.send(at, group.requested, bounded.size, candidate.rule);
                let (protect, prefer) = if direction == Direction::In { self.choose_nodes(tick, group) } else { Default::default() };
                let (from, to, wanted, limited_by) = (group.requested, bounded.size, candidate.wanted, bounded.by);
                Action::Resize(Resize { from, to, because: candidate.cause, wanted, limited_by, protect, prefer })
            }
        }
    }

    /// Limits first; then scale-out before scale-in, the larger size, and file order.
    fn candidate(&self, requested: Instances, limits: Limits, reports: &[RuleReport]) -> Option<Candidate> {
        let ready = || {
            reports.iter().enumerate().filter_map(|(rule, report)| match report.state {
                RuleState::Ready { to } => Some((rule, to)),
                _ => None,
            })
        };
        let of_rule = |(rule, wanted): (usize, Instances)| Candidate {
            rule: Some(rule),
            cause: Cause::Rule(reports[rule].rule.clone()),
            wanted,
            relative: self.spec.rules[rule].then.is_relative(),
        };
        let of_limit = |wanted, cause| Candidate { rule: None, cause, wanted, relative: false };
        let largest_out = largest(ready().filter(|(_, to)| *to > requested));
        if requested < limits.min() {
            let above = largest_out.filter(|(_, to)| *to > limits.min());
            return Some(above.map_or_else(|| of_limit(limits.min(), Cause::BelowMinimum), of_rule));
        }
        if requested > limits.max() {
            return Some(of_limit(limits.max(), Cause::AboveMaximum));
        }
        if let Some(out) = largest_out {
            return Some(of_rule(out));
        }
        let wants_to_stay = |(rule, to): (usize, Instances)| to == requested && !self.spec.rules[rule].then.is_relative();
        if ready().any(wants_to_stay) {
            return None;
        }
        largest(ready().filter(|(_, to)| *to < requested)).map(of_rule)
    }

    /// Why no rule asks for a change.
    fn idle_reason(&self, reports: &[RuleReport]) -> HoldReason {
        let unknown = reports.iter().position(|report| report.state == RuleState::Unknown);
        let cooling = reports.iter().find_map(|report| match report.state {
            RuleState::CoolingDown { until } => Some(HoldReason::CoolingDown { rule: report.rule.clone(), until }),
            _ => None,
        });
        unknown.map(|rule| self.ignorance(rule)).or(cooling).unwrap_or(HoldReason::NoRuleReady)
    }

    /// Which signal keeps a rule from being judged.
    fn ignorance(&self, rule: usize) -> HoldReason {
        let tracks = || self.rules[rule].reads.iter().map(|signal| &self.signals[*signal]);
        let missing = tracks().find(|track| track.known().is_none()).or_else(|| tracks().next());
        let signal: Arc<str> = missing.map_or_else(|| "cluster".into(), |track| track.name.clone());
        match missing.map(SignalTrack::now) {
            Some(Knowledge::Stale(measured_at)) => HoldReason::StaleData { signal, measured_at },
            _ => HoldReason::MissingSignal { signal },
        }
    }

    /// What keeps a candidate from being carried out, apart from limits.
    fn obstacle(&self, tick: &Tick, direction: Direction, candidate: &Candidate, reports: &[RuleReport]) -> Option<HoldReason> {
        let (at, guards) = (tick.at(), &self.spec.guards);
        if let Some(pause) =
            tick.observation.control.pause.filter(|pause| at < pause.until && pause.direction.is_none_or(|paused| paused == direction))
        {
            return Some(HoldReason::Paused { until: pause.until });
        }
        if let Some(window) = self.open_window(at).filter(|window| window.freeze.is_some_and(|freeze| freeze.forbids(direction))) {
            return Some(HoldReason::Frozen { window: window.name.clone() });
        }
        if let Some((rejection, until)) = self.flight.refused_until(at) {
            return Some(HoldReason::CallRefused { rejection, until });
        }
        if let Some(until) = self.flight.quarantined_until(at).filter(|_| direction == Direction::Out) {
            return Some(HoldReason::Quarantined { until });
        }
        if let Some((to, heading)) = self.flight.in_flight() {
            let compounds = candidate.relative && heading == direction;
            let premature = heading == Direction::Out && direction == Direction::In && candidate.rule.is_some();
            if self.flight.is_unanswered() || compounds || premature {
                return Some(HoldReason::ResizeInFlight { to });
            }
        }
        if let Some(until) = self.flight.reversal_until(at, direction, guards.reversal) {
            return Some(HoldReason::ReversalGuard { until });
        }
        if direction == Direction::In && candidate.rule.is_some() { self.scale_in_obstacle(at, reports) } else { None }
    }

    /// What holds back a scale-in that a rule asks for, and would not hold back a scale-out.
    fn scale_in_obstacle(&self, at: Timestamp, reports: &[RuleReport]) -> Option<HoldReason> {
        let could_grow = |rule: usize| !matches!(self.spec.rules[rule].then, crate::policy::Change::Shrink(_));
        if let Some(rule) = (0..reports.len()).find(|rule| could_grow(*rule) && reports[*rule].state == RuleState::Unknown) {
            return Some(self.ignorance(rule));
        }
        let cooling =
            self.spec.rules.iter().zip(&self.rules).find_map(|(rule, memory)| Some((rule, memory.cooling_until(rule.cooldown, at)?)));
        if let Some((rule, until)) = cooling {
            return Some(HoldReason::CoolingDown { rule: rule.name.clone(), until });
        }
        let flips = self.spec.guards.flips?;
        let until = self.flight.flips_spent_until(at, Direction::In, flips)?;
        Some(HoldReason::FlipBudgetSpent { until })
    }

    fn bound(
        &self,
        tick: &Tick,
        group: &GroupStatus,
        limits: Limits,
        direction: Direction,
        candidate: &Candidate,
    ) -> Result<Bounded, HoldReason> {
        let (at, from, guards) = (tick.at(), group.requested, &self.spec.guards);
        if direction == Direction::Out {
            let by_rule = || limits::bound_out(candidate.wanted, from, limits, guards, &self.flight, at);
            return Ok(if candidate.rule.is_some() { by_rule() } else { Bounded::new(candidate.wanted) });
        }
        let mut bounded = Bounded::new(candidate.wanted);
        if candidate.rule.is_some() {
            bounded = bounded.at_least(self.stabilized(at, from), Limiter::Stabilization);
            bounded = limits::bound_in(bounded, from, limits, guards, &self.flight, at);
        }
        match limits::hdfs_floor(tick.observation, group, &guards.hdfs, tick.allowance()) {
            Floor::NotCore => Ok(bounded),
            Floor::At(floor) if floor >= from => Err(HoldReason::HdfsFloor { floor }),
            Floor::At(floor) => Ok(bounded.at_least(floor, Limiter::HdfsFloor)),
            Floor::BlocksIncomplete => Err(HoldReason::HdfsFloor { floor: from }),
            Floor::Unknown => Err(HoldReason::MissingSignal { signal: "hdfs".into() }),
        }
    }

    fn remember_wish(&mut self, tick: &Tick, wanted: Instances) {
        let (at, span) = (tick.at(), self.spec.guards.stabilization);
        if span.is_zero() {
            return;
        }
        if self.wishes.back().is_some_and(|(last, _)| at.since(*last) > tick.allowance()) {
            self.wishes.clear();
        }
        self.wishes.push_back((at, wanted));
        while self.wishes.get(1).is_some_and(|(second, _)| *second <= at - span) {
            self.wishes.pop_front();
        }
    }

    /// The highest size wanted during the stabilization time; the present size until that much is known.
    fn stabilized(&self, at: Timestamp, requested: Instances) -> Instances {
        let span = self.spec.guards.stabilization;
        if span.is_zero() {
            return Instances::ZERO;
        }
        if self.wishes.front().is_none_or(|(oldest, _)| *oldest > at - span) {
            return requested;
        }
        self.wishes.iter().map(|(_, wanted)| *wanted).max().unwrap_or(requested)
    }

    /// Instances with application masters, to be kept, and instances on which nothing runs, to go first.
    fn choose_nodes(&self, tick: &Tick, group: &GroupStatus) -> (Vec<InstanceId>, Vec<InstanceId>) {
        let Some(census) = tick.observation.nodes.as_ref().filter(|census| tick.at().since(census.measured_at) <= tick.allowance()) else {
            return Default::default();
        };
        let here = || census.value.0.iter().filter(|node| node.group == group.id && !node.draining);
        let protect = here().filter(|node| node.has_application_master).map(|node| node.instance.clone()).collect();
        let prefer = here().filter(|node| node.containers == 0).map(|node| node.instance.clone()).collect();
        (protect, prefer)
    }
}

impl RuleMemory {
    fn new(rule: &crate::policy::Rule, window_signals: &[usize]) -> Self {
        let mut reads = Vec::new();
        hold::signals_of(&rule.when, window_signals, &mut reads);
        if let crate::policy::Change::Track { signal, .. } = &rule.then {
            hold::signals_of_expr(signal, window_signals, &mut reads);
        }
        reads.sort_unstable();
        reads.dedup();
        Self { reads, hold: Hold::default(), completed_at: None }
    }

    /// When the rule may act again, if that lies ahead.
    fn cooling_until(&self, cooldown: Duration, at: Timestamp) -> Option<Timestamp> {
        Some(self.completed_at? + cooldown).filter(|until| at < *until)
    }
}

/// The largest size, and the first rule in file order among those that ask for it.
fn largest(wishes: impl Iterator<Item = (usize, Instances)>) -> Option<(usize, Instances)> {
    wishes.reduce(|best, next| if next.1 > best.1 { next } else { best })
}
