//! One target of a policy through time: its signals, its rules, its resizes.

mod decide;
mod leaving;
mod past;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::demand::shares::Member;
use super::flight::{Description, Flight};
use super::hold::{Held, Hold, Scope};
use super::limits;
use super::memory::SignalTrack;
use super::propose::{self, Proposal};
use super::window::Window;
use crate::decision::{
    Action, Cause, Decision, DemandReport, HoldReason, Reading, RuleReport, RuleState,
};
use crate::observation::{
    GroupId, GroupState, GroupStatus, NodeSnapshot, Observation, Role, YarnLoad,
};
use crate::policy::condition::Leaf;
use crate::policy::signal::{Signal, SignalSource};
use crate::policy::{Limits, Rule, Target};
use crate::units::{Instances, Timestamp};
use decide::Situation;
pub use past::{PastMismatch, TargetPast};

/// What the engine keeps of one target between two observations.
#[derive(Clone, Debug)]
pub struct TargetState {
    pub spec: Target,
    signals: Vec<SignalTrack>,
    windows: Vec<Window>,
    window_signals: Vec<usize>,
    window_names: Vec<Arc<str>>,
    rules: Vec<RuleMemory>,
    /// How each rule stands at this tick; empty while there is no group.
    states: Vec<RuleState>,
    pub flight: Flight,
    /// The sizes wanted at recent ticks, for stabilization.
    wishes: VecDeque<(Timestamp, Instances)>,
    /// The group that the target means at this tick.
    pub group: Option<GroupId>,
    /// The group whose past this state is.
    known_group: Option<GroupId>,
    /// The last step decided to resize.
    has_just_sent: bool,
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
    pub needs_nodes: bool,
    pub poll: Duration,
    /// How old anything that is polled may be: three polls.
    pub allowance: Duration,
    /// Decisions say how the rules stand and what was read.
    pub tells_why: bool,
}

/// What a policy that follows demand wants of one target.
#[derive(Clone, Debug)]
pub enum Wish {
    Size(Instances, Box<DemandReport>),
    /// The demand is not known.
    Unknown(HoldReason),
}

impl Wish {
    fn report(&self) -> Option<Box<DemandReport>> {
        match self {
            Self::Size(_, report) => Some(report.clone()),
            Self::Unknown(_) => None,
        }
    }
}

impl Tick<'_> {
    fn at(&self) -> Timestamp {
        self.observation.at
    }

    /// What runs on each node, if that was observed lately.
    pub fn snapshot(&self) -> Option<&NodeSnapshot> {
        let sample = self.observation.nodes.as_ref()?;
        (self.at().since(sample.measured_at) <= self.allowance).then_some(&sample.value)
    }

    /// The load, if it was observed lately.
    fn yarn(&self) -> Option<&YarnLoad> {
        let sample = self.observation.yarn.as_ref()?;
        (self.at().since(sample.measured_at) <= self.allowance).then_some(&sample.value)
    }
}

impl TargetState {
    pub fn new(spec: Target, poll: Duration) -> Self {
        let track =
            |source: &SignalSource| SignalTrack::new(source.name().into(), source.allowance(poll));
        let is_counter = |signal: usize| {
            spec.signals[signal] == SignalSource::BuiltIn(Signal::YarnContainersReleasedTotal)
        };
        let window_signals: Vec<usize> = spec.windows.iter().map(|window| window.signal).collect();
        Self {
            signals: spec.signals.iter().map(track).collect(),
            windows: spec
                .windows
                .iter()
                .map(|window| Window::new(window.function, window.over, is_counter(window.signal)))
                .collect(),
            rules: spec
                .rules
                .iter()
                .map(|rule| RuleMemory::new(&spec, rule))
                .collect(),
            states: Vec::with_capacity(spec.rules.len()),
            window_signals,
            window_names: (0..spec.windows.len())
                .map(|window| spec.text_of(Leaf::Window(window)))
                .collect(),
            flight: Flight::default(),
            wishes: VecDeque::new(),
            group: None,
            known_group: None,
            has_just_sent: false,
            most_core: Instances::ZERO,
            spec,
        }
    }

    /// Takes the tick's observation and decides. `barrier` is a reason that concerns the whole
    /// cluster, `earlier` is what the targets before this one decided.
    pub fn step(
        &mut self,
        tick: &Tick,
        barrier: Option<&HoldReason>,
        wish: Option<&Wish>,
        earlier: &[Decision],
    ) -> Decision {
        let (at, index) = (tick.at(), earlier.len());
        self.has_just_sent = false;
        let group = match self.find(tick.observation, earlier) {
            Ok(group) => group,
            Err(reason) => {
                self.group = None;
                self.read_nothing(at);
                self.states.clear();
                let (action, size) = (
                    Action::Hold(barrier.cloned().unwrap_or(reason)),
                    Instances::ZERO,
                );
                let (rules, readings) = Default::default();
                return Decision {
                    at,
                    target: index,
                    group: None,
                    requested: size,
                    running: size,
                    action,
                    rules,
                    readings,
                    demand: None,
                };
            }
        };
        self.recognise(group, tick.poll);
        self.read(tick.observation, group);
        self.follow(tick, group);
        let limits = self.spec.limits_at(at);
        self.judge(tick, group, limits);
        let states = std::mem::take(&mut self.states);
        let action = match barrier {
            Some(reason) => Action::Hold(reason.clone()),
            None => self.decide(&Situation {
                tick,
                group,
                limits,
                rules: &states,
                wish,
            }),
        };
        self.states = states;
        let (requested, running) = (group.requested, group.running);
        let demand = wish.and_then(Wish::report);
        let (rules, readings) = if tick.tells_why {
            (self.reports(), self.readings())
        } else {
            Default::default()
        };
        Decision {
            at,
            target: index,
            group: self.group.clone(),
            requested,
            running,
            action,
            rules,
            readings,
            demand,
        }
    }

    /// The group that the target will mean at this tick, and whether it can take more units.
    pub fn member<'a>(&self, observation: &'a Observation) -> Option<(&'a GroupStatus, Member)> {
        let group = self.find(observation, &[]).ok()?;
        let (at, limits) = (observation.at, self.spec.limits_at(observation.at));
        let is_quarantined = self.flight.quarantined_until(at).is_some()
            && self.known_group.as_ref() == Some(&group.id);
        let is_ready = matches!(group.state, GroupState::Running | GroupState::Resizing)
            && !group.scaled_by_amazon;
        let member = Member {
            role: group.role,
            market: group.market,
            requested: group.requested.get(),
            min: limits.min().get(),
            max: limits.max().get(),
            can_grow: is_ready && !is_quarantined,
        };
        Some((group, member))
    }

    /// The only group that matches, unless another target has it.
    fn find<'a>(
        &self,
        observation: &'a Observation,
        earlier: &[Decision],
    ) -> Result<&'a GroupStatus, HoldReason> {
        let mut matching = observation
            .cluster
            .value
            .groups
            .iter()
            .filter(|group| self.spec.selector.matches(group));
        let group = matching
            .next()
            .ok_or(HoldReason::TargetNotFound { matches: 0 })?;
        match matching.count() {
            0 => {}
            others => {
                return Err(HoldReason::TargetNotFound {
                    matches: others + 1,
                });
            }
        }
        match earlier
            .iter()
            .find(|decision| decision.group.as_ref() == Some(&group.id))
        {
            Some(decision) => Err(HoldReason::GroupTaken {
                target: decision.target,
            }),
            None => Ok(group),
        }
    }

    /// What is known belongs to one group. Another one in its place has no past.
    fn recognise(&mut self, group: &GroupStatus, poll: Duration) {
        if self.known_group.as_ref() != Some(&group.id) {
            *self = Self {
                known_group: Some(group.id.clone()),
                most_core: self.most_core,
                ..Self::new(self.spec.clone(), poll)
            };
        }
        if self.group.is_none() {
            self.group.clone_from(&self.known_group);
        }
    }

    /// Follows the resizes of the group, ours and those of others.
    fn follow(&mut self, tick: &Tick, group: &GroupStatus) {
        let observation = tick.observation;
        let measured_at = observation.cluster.measured_at.min(observation.at);
        let description = Description {
            group,
            measured_at,
            is_leader: observation.control.leader,
            patience: tick.allowance,
        };
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

    pub fn most_core(&self) -> Instances {
        self.most_core
    }

    /// With so many core nodes seen, elsewhere in the same cluster.
    #[must_use]
    pub fn with_most_core(self, seen: Instances) -> Self {
        Self {
            most_core: self.most_core.max(seen),
            ..self
        }
    }

    /// What a journal says was decided at the last tick.
    pub fn recall(&mut self, decision: &Decision) {
        if self.has_just_sent {
            self.flight.withdraw();
        }
        if let Action::Resize(resize) = &decision.action {
            let rule = match &resize.because {
                Cause::Rule(name) => self.spec.rules.iter().position(|rule| rule.name == *name),
                Cause::Demand | Cause::BelowMinimum | Cause::AboveMaximum => None,
            };
            self.flight.send(decision.at, resize.from, resize.to, rule);
            self.has_just_sent = true;
        }
    }

    /// The clock went back to `at`: no run of samples continues, and no wait may last longer than
    /// it would from now on.
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
        for (index, (track, source)) in self.signals.iter_mut().zip(&self.spec.signals).enumerate()
        {
            let sample = source.read(observation, group);
            let arrival = track.update(observation.at, sample);
            for (window, _) in self
                .windows
                .iter_mut()
                .zip(&self.window_signals)
                .filter(|(_, signal)| **signal == index)
            {
                window.update(arrival, sample);
            }
        }
    }

    /// Of signals, then of windows.
    fn readings(&self) -> Vec<Reading> {
        let signals = self.signals.iter().filter_map(|track| {
            Some(Reading {
                signal: track.name.clone(),
                value: track.known()?.value,
            })
        });
        let windows = self
            .windows
            .iter()
            .enumerate()
            .filter_map(|(index, window)| {
                self.signals[self.window_signals[index]].known()?;
                let value = window.value().filter(|value| value.is_finite())?;
                Some(Reading {
                    signal: self.window_names[index].clone(),
                    value,
                })
            });
        signals.chain(windows).collect()
    }

    fn longest_memory(&self) -> Duration {
        let guards = &self.spec.guards;
        let spans = guards
            .budgets
            .iter()
            .map(|budget| budget.per)
            .chain(guards.flips.map(|flips| flips.per));
        spans.max().unwrap_or_default()
    }

    fn scope<'a>(&'a self, tick: &Tick, bridging: bool) -> Scope<'a> {
        let cluster_state = tick.observation.cluster.value.state;
        Scope {
            signals: &self.signals,
            windows: &self.windows,
            window_signals: &self.window_signals,
            cluster_state,
            bridging,
        }
    }

    /// When the first cooldown of a rule ends.
    pub fn cooling_until(&self) -> Option<Timestamp> {
        let until = self.states.iter().filter_map(|state| match state {
            RuleState::CoolingDown { until } => Some(*until),
            _ => None,
        });
        until.min()
    }

    fn reports(&self) -> Vec<RuleReport> {
        let report = |(rule, state): (&Rule, &RuleState)| RuleReport {
            rule: rule.name.clone(),
            state: *state,
        };
        self.spec
            .rules
            .iter()
            .zip(&self.states)
            .map(report)
            .collect()
    }

    /// Finds out how each rule stands.
    fn judge(&mut self, tick: &Tick, group: &GroupStatus, limits: Limits) {
        let (mut rules, mut states) = (
            std::mem::take(&mut self.rules),
            std::mem::take(&mut self.states),
        );
        states.clear();
        let scope = self.scope(tick, false);
        states.extend(
            self.spec
                .rules
                .iter()
                .zip(&mut rules)
                .map(
                    |(rule, memory)| match self.hold(tick, rule, memory, &scope) {
                        Held::Unknown => RuleState::Unknown,
                        Held::NotTrue => RuleState::NotTrue,
                        Held::Since { start, until } => RuleState::Holding {
                            since: start,
                            until,
                        },
                        Held::LongEnough => match memory.cooling_until(rule.cooldown, tick.at()) {
                            Some(until) => RuleState::CoolingDown { until },
                            None => match propose::size(
                                &rule.then,
                                group,
                                &tick.observation.cluster.value.groups,
                                limits,
                                &scope,
                            ) {
                                Proposal::To(to) => RuleState::Ready { to },
                                Proposal::Unknown => RuleState::Unknown,
                            },
                        },
                    },
                ),
        );
        (self.rules, self.states) = (rules, states);
    }

    /// For how long the condition of a rule has been true.
    fn hold(&self, tick: &Tick, rule: &Rule, memory: &mut RuleMemory, scope: &Scope) -> Held {
        let known = memory
            .reads
            .iter()
            .filter_map(|signal| self.signals[*signal].known());
        let clock = known
            .map(|sample| sample.measured_at)
            .max()
            .unwrap_or(tick.observation.cluster.measured_at);
        let of_cluster = if memory.reads_cluster {
            tick.cluster.breaks()
        } else {
            0
        };
        let breaks = memory
            .reads
            .iter()
            .map(|signal| self.signals[*signal].breaks())
            .fold(of_cluster, u64::wrapping_add);
        let truth = scope.truth(&rule.when);
        if truth.is_none() && self.scope(tick, true).truth(&rule.when) != Some(true) {
            memory.hold.forget();
        }
        memory.hold.update(truth, clock, breaks, rule.hold_for)
    }
}

impl RuleMemory {
    fn new(spec: &Target, rule: &Rule) -> Self {
        let mut reads: Vec<usize> = spec
            .leaves(rule)
            .into_iter()
            .map(|leaf| spec.signal_of(leaf))
            .collect();
        reads.sort_unstable();
        reads.dedup();
        Self {
            reads,
            reads_cluster: rule.when.reads_cluster(),
            hold: Hold::default(),
            completed_at: None,
        }
    }

    /// When the rule may act again, if that lies ahead.
    fn cooling_until(&self, cooldown: Duration, at: Timestamp) -> Option<Timestamp> {
        Some(self.completed_at? + cooldown).filter(|until| at < *until)
    }
}
