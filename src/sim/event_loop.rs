//! The event loop: the workload, the cluster and the polls, in order of time.

use super::cluster::{Cluster, Group, ScaleInOrder};
use super::observer::Observer;
use super::run::{MemoryTime, Recording, Run, SeriesPoint};
use super::scenario::Scenario;
use super::workload::{Load, Reported, Workload};
use crate::decision::{Action, Decision};
use crate::observation::Observation;
use crate::units::{Instances, Timestamp};

/// The least time between two polls.
const SHORTEST_POLL_MS: i64 = 1_000;

/// Simulates until all work is done, or for as long as the scenario allows. `decide` replaces the decisions with those on an observation,
/// and returns what it wants of the next one. Every resize is accepted.
pub(super) fn drive(
    workload: impl Workload,
    start: Timestamp,
    scenario: &Scenario,
    seed: u64,
    record: Recording,
    decide: impl FnMut(&Observation, &mut Vec<Decision>) -> Next,
) -> Run {
    let simulation = Simulation::new(Box::new(workload), start, scenario, seed);
    let run = Run {
        start,
        end: start,
        ..Run::default()
    };
    Polled {
        simulation,
        observer: Observer::new(scenario, seed, start),
        run,
        record,
        decide,
        decisions: Vec::new(),
        asks_for_output: false,
    }
    .run()
}

/// A cluster and its workload, at one instant. Time passes only in [`step`](Self::step).
pub(super) struct Simulation<'a, W: ?Sized> {
    pub workload: Box<W>,
    pub cluster: Cluster<'a>,
    pub now_ms: i64,
    /// When the last work ended, if nothing runs or waits.
    pub idle_since: Option<Timestamp>,
    pub start: Timestamp,
    backlog: MemoryTime,
}

impl<'a, W: Workload + ?Sized> Simulation<'a, W> {
    /// The cluster of a scenario before the first work arrives.
    pub fn new(workload: Box<W>, start: Timestamp, scenario: &'a Scenario, seed: u64) -> Self {
        let cluster = Cluster::new(scenario, seed, start);
        let mut simulation = Self {
            workload,
            cluster,
            now_ms: 0,
            idle_since: Some(start),
            start,
            backlog: MemoryTime::default(),
        };
        simulation.settle();
        simulation
    }

    /// Advances to `to_ms`, including what is due at that instant. Returns whether work is left;
    /// stops early when none is, or after [`Scenario::max_duration`].
    pub fn advance_to(&mut self, to_ms: i64) -> bool {
        let max_duration = self.cluster.scenario.max_duration.as_millis();
        let max_ms = i64::try_from(max_duration).unwrap_or(i64::MAX);
        while !self.workload.is_finished() && self.now_ms < max_ms {
            self.step(to_ms);
            if self.now_ms >= to_ms {
                return !self.workload.is_finished();
            }
        }
        false
    }

    /// Advances to the next event, or to `to_ms` if that is earlier.
    pub fn step(&mut self, to_ms: i64) {
        let until_ms = self
            .cluster
            .next_event_ms()
            .unwrap_or(to_ms)
            .min(to_ms)
            .max(self.now_ms);
        self.now_ms = self.workload.advance(until_ms, &mut self.cluster);
        self.cluster.advance(self.now_ms);
        self.settle();
    }

    /// Lets the workload respond to what the cluster did, until nothing changes any more.
    pub fn settle(&mut self) {
        if !self.cluster.changes.is_empty() {
            self.handle_changes();
        }
        self.workload.settle(self.now_ms, &mut self.cluster);
        self.backlog.set(self.workload.backlog(), self.now_ms);
        self.idle_since = if self.workload.is_idle() {
            self.idle_since.or(Some(self.now()))
        } else {
            None
        };
    }

    fn handle_changes(&mut self) {
        let mut next = 0;
        while let Some(change) = self.cluster.changes.get(next).copied() {
            self.workload.on(change, self.now_ms, &mut self.cluster);
            next += 1;
        }
        self.cluster.changes.clear();
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.at(self.now_ms)
    }

    /// The instant so many milliseconds after the start.
    pub fn at(&self, ms: i64) -> Timestamp {
        Timestamp::from_millis(self.start.as_millis().saturating_add(ms))
    }

    /// Ends the simulation, finished or not, and adds its facts to `run`.
    pub fn finish(mut self, run: &mut Run) {
        run.end = self.now();
        run.backlog_mib_h = self.backlog.until(self.now_ms);
        run.resizes = self.cluster.groups.iter().map(|group| group.resizes).sum();
        run.flips = self.cluster.groups.iter().map(|group| group.flips).sum();
        self.workload.finish(&mut self.cluster, run);
        (run.instances, run.supply_nodes) = self.cluster.into_lives(self.now_ms);
    }
}

/// A simulation that is polled, and resized as `decide` says.
struct Polled<'a, W, D> {
    simulation: Simulation<'a, W>,
    observer: Observer<'a>,
    run: Run,
    record: Recording,
    decide: D,
    decisions: Vec<Decision>,
    /// Whether the next observation says which nodes store shuffle output.
    asks_for_output: bool,
}

/// What an engine wants of its next observation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Next {
    /// When it wants it.
    pub at: Timestamp,
    /// Whether it wants to know which nodes store shuffle output.
    pub asks_for_output: bool,
}

impl<W: Workload, D: FnMut(&Observation, &mut Vec<Decision>) -> Next> Polled<'_, W, D> {
    fn run(mut self) -> Run {
        let mut poll_ms = 0;
        while self.simulation.advance_to(poll_ms) {
            poll_ms = self.poll();
        }
        self.run.is_cut_off = !self.simulation.workload.is_finished();
        self.simulation.finish(&mut self.run);
        self.run
    }

    /// Observes, decides and resizes; returns when to poll next.
    fn poll(&mut self) -> i64 {
        let Simulation {
            workload,
            cluster,
            now_ms,
            idle_since,
            ..
        } = &mut self.simulation;
        let at = Timestamp::from_millis(self.run.start.as_millis().saturating_add(*now_ms));
        let load = workload.load(cluster);
        let reported = Reported {
            load,
            work: workload.known_work(*now_ms, self.asks_for_output, cluster),
            steps: workload.steps(),
            pending_limits: workload.pending_limits(),
        };
        let observation = self.observer.observe(at, reported, cluster, *idle_since);
        if self.record.observations {
            self.run.observations.push(observation.clone());
        }
        let Next {
            at: next_at,
            asks_for_output,
        } = (self.decide)(observation, &mut self.decisions);
        self.asks_for_output = asks_for_output;
        if self.record.series {
            self.run.series.push(series_point(at, &load, cluster));
        }
        for decision in &self.decisions {
            if let (Action::Resize(resize), Some(id)) = (&decision.action, &decision.group)
                && let Some(group) = cluster
                    .scenario
                    .groups
                    .iter()
                    .position(|group| group.id == *id)
            {
                let order = ScaleInOrder {
                    protect: &resize.protect,
                    prefer: &resize.prefer,
                };
                cluster.resize(group, resize.to, order, *now_ms);
            }
        }
        let next_at = cluster.scenario.poll.map_or(next_at, |poll| at + poll);
        let next_ms = next_at
            .as_millis()
            .saturating_sub(self.run.start.as_millis());
        let earliest_ms = now_ms.saturating_add(SHORTEST_POLL_MS);
        self.simulation.settle();
        next_ms.max(earliest_ms)
    }
}

fn series_point(at: Timestamp, load: &Load, cluster: &Cluster) -> SeriesPoint {
    SeriesPoint {
        at,
        requested: cluster
            .groups
            .iter()
            .map(|group| Instances(group.requested))
            .sum(),
        running: cluster.groups.iter().map(Group::running).sum(),
        allocated: load.allocated,
        pending: load.pending,
        total: cluster.offered.plus(load.leaving),
    }
}
