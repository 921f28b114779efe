//! Time passes: work, cluster and polls, always whatever comes first.

use super::Recording;
use super::cluster::{Cluster, Group, Wishes};
use super::observe::{Load, Observer};
use super::run::{MemoryTime, Run, SeriesPoint};
use super::scenario::Scenario;
use super::workload::Workload;
use crate::decision::{Action, Decision};
use crate::observation::Observation;
use crate::units::{Instances, Timestamp};

/// A simulation ends after so many days, finished or not: a cluster that may not grow cannot serve
/// everything.
pub const LONGEST_DAYS: i64 = 400;

/// Two polls are at least this far apart, whatever is asked for.
const SHORTEST_POLL_MS: i64 = 1_000;

/// Simulates until all work is done. `decide` replaces the decisions by those on an observation,
/// and yields when to observe next. Every resize is accepted.
pub(super) fn drive(
    world: impl Workload,
    start: Timestamp,
    scenario: &Scenario,
    seed: u64,
    record: Recording,
    decide: impl FnMut(&Observation, &mut Vec<Decision>) -> Timestamp,
) -> Run {
    let simulation = Simulation::new(Box::new(world), start, scenario, seed);
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
    }
    .run()
}

/// A cluster at work, at one instant. Time passes only when it is told to.
pub(super) struct Simulation<'a, W: ?Sized> {
    pub world: Box<W>,
    pub cluster: Cluster<'a>,
    pub now_ms: i64,
    /// Since when nothing has run or waited.
    pub idle_since: Option<Timestamp>,
    pub start: Timestamp,
    backlog: MemoryTime,
}

impl<'a, W: Workload + ?Sized> Simulation<'a, W> {
    pub fn new(world: Box<W>, start: Timestamp, scenario: &'a Scenario, seed: u64) -> Self {
        let cluster = Cluster::new(scenario, seed, start);
        let mut simulation = Self {
            world,
            cluster,
            now_ms: 0,
            idle_since: Some(start),
            start,
            backlog: MemoryTime::default(),
        };
        simulation.tell();
        simulation
    }

    /// Lets everything happen until `to_ms`, what is due at that instant included. Stops early, and
    /// yields `false`, when all work is done or the simulation has become too long.
    pub fn advance_to(&mut self, to_ms: i64) -> bool {
        while !self.world.is_finished() && self.now_ms < LONGEST_DAYS * 86_400_000 {
            self.step(to_ms);
            if self.now_ms >= to_ms {
                return !self.world.is_finished();
            }
        }
        false
    }

    /// Lets happen what comes first, or nothing until `to_ms`.
    pub fn step(&mut self, to_ms: i64) {
        let until_ms = self
            .cluster
            .next_event_ms()
            .unwrap_or(to_ms)
            .min(to_ms)
            .max(self.now_ms);
        self.now_ms = self.world.advance(until_ms, &mut self.cluster);
        self.cluster.advance(self.now_ms);
        self.tell();
    }

    /// Tells the world of work what the cluster did, until nothing changes any more.
    pub fn tell(&mut self) {
        if !self.cluster.changes.is_empty() {
            self.tell_changes();
        }
        self.world.settle(self.now_ms, &mut self.cluster);
        self.backlog.set(self.world.backlog(), self.now_ms);
        self.idle_since = if self.world.is_idle() {
            self.idle_since.or(Some(self.now()))
        } else {
            None
        };
    }

    fn tell_changes(&mut self) {
        let mut next = 0;
        while let Some(change) = self.cluster.changes.get(next).copied() {
            self.world.on(change, self.now_ms, &mut self.cluster);
            next += 1;
        }
        self.cluster.changes.clear();
    }

    pub fn now(&self) -> Timestamp {
        self.at(self.now_ms)
    }

    /// An instant of the simulation.
    pub fn at(&self, ms: i64) -> Timestamp {
        Timestamp::from_millis(self.start.as_millis().saturating_add(ms))
    }

    /// Ends here, finished or not, and adds its facts to `run`.
    pub fn finish(mut self, run: &mut Run) {
        run.end = self.now();
        run.backlog_mib_h = self.backlog.until(self.now_ms);
        run.resizes = self.cluster.groups.iter().map(|group| group.resizes).sum();
        run.flips = self.cluster.groups.iter().map(|group| group.flips).sum();
        self.world.finish(&mut self.cluster, run);
        (run.instances, run.supply_nodes) = self.cluster.into_lives(self.now_ms);
    }
}

/// A simulation with someone who looks at it now and then, and decides.
struct Polled<'a, W, D> {
    simulation: Simulation<'a, W>,
    observer: Observer<'a>,
    run: Run,
    record: Recording,
    decide: D,
    decisions: Vec<Decision>,
}

impl<W: Workload, D: FnMut(&Observation, &mut Vec<Decision>) -> Timestamp> Polled<'_, W, D> {
    fn run(mut self) -> Run {
        let mut poll_ms = 0;
        while self.simulation.advance_to(poll_ms) {
            poll_ms = self.poll();
        }
        self.simulation.finish(&mut self.run);
        self.run
    }

    /// Observes, lets decide and resizes; yields when to do so next.
    fn poll(&mut self) -> i64 {
        let Simulation {
            world,
            cluster,
            now_ms,
            idle_since,
            ..
        } = &mut self.simulation;
        let at = Timestamp::from_millis(self.run.start.as_millis().saturating_add(*now_ms));
        let load = world.load(cluster);
        let observation = self.observer.observe(at, &load, cluster, *idle_since);
        if self.record.observations {
            self.run.observations.push(observation.clone());
        }
        let next_at = (self.decide)(observation, &mut self.decisions);
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
                let wishes = Wishes {
                    protect: &resize.protect,
                    prefer: &resize.prefer,
                };
                cluster.resize(group, resize.to, wishes, *now_ms);
            }
        }
        let next_at = cluster.scenario.poll.map_or(next_at, |poll| at + poll);
        let next_ms = next_at
            .as_millis()
            .saturating_sub(self.run.start.as_millis());
        let earliest_ms = now_ms.saturating_add(SHORTEST_POLL_MS);
        self.simulation.tell();
        next_ms.max(earliest_ms)
    }
}

/// All groups together, the primary one included.
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
