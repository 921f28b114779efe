//! One target of a policy through time: its signals, its rules, its resizes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::flight::{Description, Flight};
use super::hold::{self, Held, Hold, Scope};
use super::limits::{self, Bounded, Floor};
use super::memory::{Knowledge, SignalTrack};
use super::propose::{self, Proposal};
use super::window::Window;
use crate::decision::{Action, Cause, Decision, HoldReason, Limiter, Reading, Resize, RuleReport, RuleState};
use crate::observation::{Direction, GroupId, GroupState, GroupStatus, InstanceId, Observation, Role};
use crate::policy::signal::{Signal, SignalSource};
use crate::policy::{Change, Limits, Rule, Target};
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
    /// The group that the target means at this tick.
    pub group: Option<GroupId>,
    /// The group whose past this state is.
    known_group: Option<GroupId>,
    /// The most core nodes ever seen in the cluster.
    most_core: Instances,
}

#[derive(Clone, Debug)]
struct RuleMemory {
    /// Signals that the condition and the change read.
    reads: Vec<usize>,
    hold: Hold,
    /// The condition can be decided by what EMR says of the cluster.
    reads_cluster: bool,
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

/// What a decision about one target starts from.
struct Situation<'a> {
    tick: &'a Tick<'a>,
    group: &'a GroupStatus,
    limits: Limits,
    reports: &'a [RuleReport],
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
            known_group: None,
            most_core: Instances::ZERO,
            spec,
        }
    }

    /// Takes the tick's observation and decides. `barrier` is a reason that concerns the whole cluster, `earlier` is what the targets before
    /// this one decided.
    pub fn step(&mut self, tick: &Tick, barrier: Option<&HoldReason>, earlier: &[Decision]) -> Decision {
        let (at, index) = (tick.at(), earlier.len());
        let group = match self.find(tick.observation, earlier) {
            Ok(group) => group,
            Err(reason) => {
                self.group = None;
                self.read_nothing(at);
                let (action, size) = (Action::Hold(barrier.cloned().unwrap_or(reason)), Instances::ZERO);
                let (rules, readings) = Default::default();
                return Decision { at, target: index, group: None, requested: size, running: size, action, rules, readings };
            }
        };
        self.recognise(group, tick.poll);
        self.read(tick.observation, group);
        self.follow(tick, group);
        let limits = self.limits_at(at);
        let rules = self.judge(tick, group, limits);
        let action = match barrier {
            Some(reason) => Action::Hold(reason.clone()),
            None => self.decide(&Situation { tick, group, limits, reports: &rules }),
        };
        let (requested, running) = (group.requested, group.running);
        Decision { at, target: index, group: self.group.clone(), requested, running, action, rules, readings: self.readings() }
    }

    /// The only group that matches, unless another target has it.
    fn find<'a>(&self, observation: &'a Observation, earlier: &[Decision]) -> Result<&'a GroupStatus, HoldReason> {
        let mut matching = observation.cluster.value.groups.iter().filter(|group| self.spec.selector.matches(group));
        let group = matching.next().ok_or(HoldReason::TargetNotFound { matches: 0 })?;
        match matching.count() {
            0 => {}
            others => return Err(HoldReason::TargetNotFound { matches: others + 1 }),
        }
        match earlier.iter().find(|decision| decision.group.as_ref() == Some(&group.id)) {
            Some(decision) => Err(HoldReason::GroupTaken { target: decision.target }),
            None => Ok(group),
        }
    }

    /// What is known belongs to one group. Another one in its place has no past.
    fn recognise(&mut self, group: &GroupStatus, poll: Duration) {
        if self.known_group.as_ref() != Some(&group.id) {
            *self = Self { known_group: Some(group.id.clone()), most_core: self.most_core, ..Self::new(self.spec.clone(), poll) };
        }
        if self.group.is_none() {
            self.group.clone_from(&self.known_group);
        }
    }

    /// Follows the resizes of the group, ours and those of others.
    fn follow(&mut self, tick: &Tick, group: &GroupStatus) {
        let observation = tick.observation;
        let measured_at = observation.cluster.measured_at.min(observation.at);
        let description = Description { group, measured_at, is_leader: observation.control.leader, patience: tick.allowance() };
        if let Some(completed) = self.flight.observe(description, &self.spec.guards) {
            for rule in completed.rules {
                self.rules[rule].completed_at = Some(completed.at);
            }
        }
        self.flight.prune(observation.at, self.longest_memory());
        if group.role == Role::Core {
            self.most_core = self.most_core.max(limits::core_running(observation));
        }
    }

    /// What a journal says was decided at the last tick.
    pub fn recall(&mut self, decision: &Decision) {
        self.flight.withdraw(decision.at);
        if let Action::Resize(resize) = &decision.action {
            let rule = match &resize.because {
                Cause::Rule(name) => self.spec.rules.iter().position(|rule| rule.name == *name),
                Cause::BelowMinimum | Cause::AboveMaximum => None,
            };
            self.flight.send(decision.at, resize.from, resize.to, rule);
        }
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
        self.flight.clamp(at, &self.spec.guards);
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

    fn scope<'a>(&'a self, tick: &Tick, bridging: bool) -> Scope<'a> {
        let cluster_state = tick.observation.cluster.value.state;
        Scope { signals: &self.signals, windows: &self.windows, window_signals: &self.window_signals, cluster_state, bridging }
    }

    /// How each rule stands.
    fn judge(&mut self, tick: &Tick, group: &GroupStatus, limits: Limits) -> Vec<RuleReport> {
        let mut rules = std::mem::take(&mut self.rules);
        let scope = self.scope(tick, false);
        let reports = self.spec.rules.iter().zip(&mut rules).map(|(rule, memory)| {
            let state = match self.hold(tick, rule, memory, &scope) {
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

    /// For how long the condition of a rule has been true.
    fn hold(&self, tick: &Tick, rule: &Rule, memory: &mut RuleMemory, scope: &Scope) -> Held {
        let known = memory.reads.iter().filter_map(|signal| self.signals[*signal].known());
        let clock = known.map(|sample| sample.measured_at).max().unwrap_or(tick.observation.cluster.measured_at);
        let of_signals: u64 = memory.reads.iter().map(|signal| self.signals[*signal].breaks()).sum();
        let breaks = if memory.reads_cluster { of_signals + tick.cluster.breaks() } else { of_signals };
        let truth = scope.truth(&rule.when);
        if truth.is_none() && self.scope(tick, true).truth(&rule.when) != Some(true) {
            memory.hold.forget();
        }
        memory.hold.update(truth, clock, breaks, rule.hold_for)
    }

    fn decide(&mut self, now: &Situation) -> Action {
        let (at, requested) = (now.tick.at(), now.group.requested);
        match now.group.state {
            GroupState::Running | GroupState::Resizing | GroupState::Suspended => {}
            state => return Action::Hold(HoldReason::GroupNotReady { state }),
        }
        if let Some(until) = self.flight.yielding_until(at) {
            return Action::Hold(HoldReason::YieldingToOperator { until });
        }
        let candidate = self.candidate(now);
        self.remember_wish(now, candidate.as_ref());
        let Some(candidate) = candidate else { return Action::Hold(self.idle_reason(now.reports)) };
        let direction = if candidate.wanted > requested { Direction::Out } else { Direction::In };
        if let Some(reason) = self.obstacle(now, direction, &candidate) {
            return Action::Hold(reason);
        }
        match self.bound(now, direction, &candidate) {
            Err(reason) => Action::Hold(reason),
            Ok(bounded) if bounded.size == requested => {
                Action::Hold(HoldReason::AtLimit { limiter: bounded.by.unwrap_or(Limiter::Maximum), size: bounded.size })
            }
            Ok(bounded) => {
                self.flight.send(at, requested, bounded.size, candidate.rule);
                let (protect, prefer) = if direction == Direction::In { self.choose_nodes(now) } else { Default::default() };
                let (from, to, wanted, limited_by) = (requested, bounded.size, candidate.wanted, bounded.by);
                Action::Resize(Resize { from, to, because: candidate.cause, wanted, limited_by, protect, prefer })
            }
        }
    }

    /// Limits first; then scale-out before scale-in, the larger size, and file order.
    fn candidate(&self, now: &Situation) -> Option<Candidate> {
        let (requested, limits) = (now.group.requested, now.limits);
        let ready = || {
            now.reports.iter().enumerate().filter_map(|(rule, report)| match report.state {
                RuleState::Ready { to } => Some((rule, to)),
                _ => None,
            })
        };
        let is_relative = |rule: usize| self.spec.rules[rule].then.is_relative();
        let of_rule = |(rule, wanted): (usize, Instances)| Candidate {
            rule: Some(rule),
            cause: Cause::Rule(now.reports[rule].rule.clone()),
            wanted,
            relative: is_relative(rule),
        };
        let of_limit = |wanted, cause| Candidate { rule: None, cause, wanted, relative: false };
        let growing = self.flight.in_flight().is_some_and(|(_, heading)| heading == Direction::Out);
        let out = || ready().filter(|(_, to)| *to > requested);
        // A rule that has to wait for the resize in flight does not keep another one waiting.
        let free_out = largest(out().filter(|(rule, _)| !(growing && is_relative(*rule))));
        if requested < limits.min() {
            let above = free_out.filter(|(_, to)| *to > limits.min());
            return Some(above.map_or_else(|| of_limit(limits.min(), Cause::BelowMinimum), of_rule));
        }
        if requested > limits.max() {
            return Some(of_limit(limits.max(), Cause::AboveMaximum));
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
        (0..now.reports.len()).find(|rule| now.reports[*rule].state == RuleState::Unknown && outvotes(*rule))
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
    fn obstacle(&self, now: &Situation, direction: Direction, candidate: &Candidate) -> Option<HoldReason> {
        let at = now.tick.at();
        let pause = now.tick.observation.control.pause;
        if let Some(pause) = pause.filter(|pause| at < pause.until && pause.direction.is_none_or(|paused| paused == direction)) {
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
            if self.flight.is_unconfirmed() || compounds || premature {
                return Some(HoldReason::ResizeInFlight { to });
            }
        }
        if let Some(until) = self.flight.reversal_until(at, direction, self.spec.guards.reversal) {
            return Some(HoldReason::ReversalGuard { until });
        }
        if direction == Direction::In && candidate.rule.is_some() { self.scale_in_obstacle(now) } else { None }
    }

    /// What holds back a scale-in that a rule asks for, and would not hold back a scale-out.
    fn scale_in_obstacle(&self, now: &Situation) -> Option<HoldReason> {
        let at = now.tick.at();
        if let Some(rule) = self.unjudged(now) {
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

    /// How far the candidate may go.
    fn bound(&self, now: &Situation, direction: Direction, candidate: &Candidate) -> Result<Bounded, HoldReason> {
        let (at, from, limits, guards) = (now.tick.at(), now.group.requested, now.limits, &self.spec.guards);
        if direction == Direction::Out {
            let by_rule = || limits::bound_out(candidate.wanted, from, limits, guards, &self.flight, at);
            return Ok(if candidate.rule.is_some() { by_rule() } else { Bounded::new(candidate.wanted) });
        }
        let mut bounded = Bounded::new(candidate.wanted);
        if candidate.rule.is_some() {
            bounded = bounded.at_least(self.stabilized(at, from), Limiter::Stabilization);
            bounded = limits::bound_in(bounded, from, limits, guards, &self.flight, at);
        }
        match limits::hdfs_floor(now.tick.observation, now.group, &guards.hdfs, self.most_core, now.tick.allowance()) {
            Floor::NotCore => Ok(bounded),
            Floor::At(floor) if floor >= from => Err(HoldReason::HdfsFloor { floor }),
            Floor::At(floor) => Ok(bounded.at_least(floor, Limiter::HdfsFloor)),
            Floor::BlocksIncomplete => Err(HoldReason::HdfsFloor { floor: from }),
            Floor::Unknown => Err(HoldReason::MissingSignal { signal: "hdfs".into() }),
        }
    }

    /// Remembers the size wanted at this tick; at least the present one while a rule that might want more cannot be judged.
    fn remember_wish(&mut self, now: &Situation, candidate: Option<&Candidate>) {
        let (at, span, requested) = (now.tick.at(), self.spec.guards.stabilization, now.group.requested);
        if span.is_zero() {
            return;
        }
        if self.wishes.back().is_some_and(|(last, _)| at.since(*last) > now.tick.allowance()) {
            self.wishes.clear();
        }
        let wanted = candidate.map_or(requested, |candidate| candidate.wanted);
        let wanted = if self.unjudged(now).is_some() { wanted.max(requested) } else { wanted };
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
    fn choose_nodes(&self, now: &Situation) -> (Vec<InstanceId>, Vec<InstanceId>) {
        let Situation { tick, group, .. } = now;
        let Some(census) = tick.observation.nodes.as_ref().filter(|census| tick.at().since(census.measured_at) <= tick.allowance()) else {
            return Default::default();
        };
        let here = || census.value.0.iter().filter(|node| node.group == group.id && !node.draining);
        let protect = here().filter(|node| node.has_application_master).map(|node| node.instance.clone()).collect();
        let prefer = here().filter(|node| node.containers == 0 && !node.has_application_master).map(|node| node.instance.clone()).collect();
        (protect, prefer)
    }
}

impl RuleMemory {
    fn new(rule: &Rule, window_signals: &[usize]) -> Self {
        let mut reads = Vec::new();
        hold::signals_of(&rule.when, window_signals, &mut reads);
        if let Change::Track { signal, .. } = &rule.then {
            hold::signals_of_expr(signal, window_signals, &mut reads);
        }
        reads.sort_unstable();
        reads.dedup();
        Self { reads, reads_cluster: hold::reads_cluster(&rule.when), hold: Hold::default(), completed_at: None }
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
