//! Time passes: work, cluster and polls, always whatever comes first.

use super::Recording;
use super::cluster::Cluster;
use super::observe::{Load, Observer};
use super::run::{Run, SeriesPoint};
use super::scenario::Scenario;
use super::world::World;
use crate::decision::{Action, Decision};
use crate::observation::Observation;
use crate::units::{Instances, Timestamp};

/// A simulation ends after so many days, finished or not: a cluster that may not grow cannot serve everything.
pub const LONGEST_DAYS: i64 = 400;

/// Two polls are at least this far apart, whatever is asked for.
const SHORTEST_POLL_MS: i64 = 1_000;

/// What whoever decides makes of an observation.
pub(super) struct Response {
    pub decisions: Vec<Decision>,
    /// When to observe next.
    pub next_at: Timestamp,
}

/// Simulates until all work is done. Every resize is accepted.
pub(super) fn drive<W: World>(
    world: W,
    start: Timestamp,
    scenario: &Scenario,
    seed: u64,
    record: Recording,
    decide: impl FnMut(&Observation) -> Response,
) -> Run {
    let run = Run { start, end: start, ..Run::default() };
    let observer = Observer::new(scenario, seed, start);
    Simulation { world, cluster: Cluster::new(scenario, seed, start), observer, run, record, decide }.run()
}

struct Simulation<'a, W, D> {
    world: W,
    cluster: Cluster<'a>,
    observer: Observer<'a>,
    run: Run,
    record: Recording,
    decide: D,
}

impl<W: World, D: FnMut(&Observation) -> Response> Simulation<'_, W, D> {
    fn run(mut self) -> Run {
        let mut now_ms = 0;
        let mut poll_ms = 0;
        self.tell(now_ms);
        while !self.world.is_finished() && now_ms < LONGEST_DAYS * 86_400_000 {
            let event_ms = self.world.next_event_ms().into_iter().chain(self.cluster.next_event_ms()).min();
            now_ms = event_ms.map_or(poll_ms, |event_ms| event_ms.min(poll_ms)).max(now_ms);
            self.world.advance(now_ms, &mut self.cluster);
            self.cluster.advance(now_ms);
            self.tell(now_ms);
            if now_ms == poll_ms && !self.world.is_finished() {
                poll_ms = self.poll(now_ms);
                self.tell(now_ms);
            }
        }
        self.finish(now_ms)
    }

    /// Tells the world of work what the cluster did, until nothing changes any more.
    fn tell(&mut self, now_ms: i64) {
        let mut next = 0;
        while let Some(change) = self.cluster.changes.get(next).copied() {
            self.world.on(change, now_ms, &mut self.cluster);
            next += 1;
        }
        self.cluster.changes.clear();
        self.world.settle(now_ms, &mut self.cluster);
        let is_idle = self.world.is_idle();
        self.observer.note_idle(self.at(now_ms), is_idle);
    }

    /// Observes, lets decide and resizes; yields when to do so next.
    fn poll(&mut self, now_ms: i64) -> i64 {
        let at = self.at(now_ms);
        let load = self.world.load(&self.cluster);
        let observation = self.observer.observe(at, &load, &self.cluster);
        if self.record.observations {
            self.run.observations.push(observation.clone());
        }
        let Response { decisions, next_at } = (self.decide)(observation);
        if self.record.series {
            self.run.series.push(series_point(at, &load, &self.cluster));
        }
        for decision in &decisions {
            if let (Action::Resize(resize), Some(id)) = (&decision.action, &decision.group)
                && let Some(group) = self.cluster.scenario.groups.iter().position(|group| group.id == *id)
            {
                self.cluster.resize(group, resize, now_ms);
            }
        }
        let next_at = self.cluster.scenario.poll.map_or(next_at, |poll| at + poll);
        let next_ms = next_at.as_millis().saturating_sub(self.run.start.as_millis());
        next_ms.max(now_ms.saturating_add(SHORTEST_POLL_MS))
    }

    fn finish(mut self, now_ms: i64) -> Run {
        self.run.end = self.at(now_ms);
        self.run.resizes = self.cluster.groups.iter().map(|group| group.resizes).sum();
        self.run.flips = self.cluster.groups.iter().map(|group| group.flips).sum();
        self.world.finish(now_ms, &mut self.cluster, &mut self.run);
        (self.run.instances, self.run.supply_nodes) = self.cluster.into_lives(now_ms);
        self.run
    }

    fn at(&self, now_ms: i64) -> Timestamp {
        Timestamp::from_millis(self.run.start.as_millis().saturating_add(now_ms))
    }
}

/// All groups together, the primary one included.
fn series_point(at: Timestamp, load: &Load, cluster: &Cluster) -> SeriesPoint {
    SeriesPoint {
        at,
        requested: cluster.groups.iter().map(|group| Instances(group.requested)).sum(),
        running: cluster.groups.iter().map(super::cluster::Group::running).sum(),
        allocated: load.allocated,
        pending: load.pending,
        total: cluster.offered.plus(load.leaving),
    }
}
