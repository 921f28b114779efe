//! Work container by container, as YARN serves it.
//!
//! Jobs are served in order (see [`Scheduler`](super::scenario::Scheduler)): while the next container of the job at the head fits nowhere,
//! nobody overtakes. Containers are spread over the nodes in turn. A job's application master, if it has one, starts first; jobs whose master
//! may not start yet stand outside the queue, because masters take at most [`APPLICATION_MASTER_SHARE`] of the cluster's memory (one may
//! always run): otherwise masters could fill a cluster in which no task then finds room. How long YARN itself takes is the scenario's
//! [`YarnDelays`](super::scenario::YarnDelays).

mod applications;
mod heartbeats;
mod queue;

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::time::Duration;

use super::cluster::{Change, Cluster, NodeIndex};
use super::observe::Load;
use super::run::{JobLife, Run, StepCurve, Wait};
use super::scenario::{Scenario, Scheduler, YarnDelays};
use super::stepped::Application;
use super::workload::JobLoad;
use super::world::World;
use crate::trace::Resources;
use crate::units::Timestamp;
use heartbeats::Heartbeats;
use queue::{JobState, MasterState, Request, StageState, Taken};

/// The share of the active nodes' memory that application masters may take (the fair scheduler's `maxAMShare`, 0.5 by default).
pub const APPLICATION_MASTER_SHARE: f64 = 0.5;

/// "No stage", "no container", "no job".
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct JobWorld<'a> {
    load: &'a JobLoad,
    scheduler: Scheduler,
    delays: YarnDelays,
    jobs: Vec<JobState>,
    stages: Vec<StageState>,
    arrived: usize,
    finished: usize,
    /// The first job that is not finished.
    oldest: usize,
    running_jobs: u64,
    /// Jobs with something to start, in the order in which they are served: by held memory (fair queueing only), then by submit.
    queue: BTreeSet<(u64, u32)>,
    /// Jobs whose master may not start yet, by submit.
    inactive: VecDeque<u32>,
    /// What the masters that may run take.
    masters: Resources,
    masters_waiting: u64,
    containers: Vec<Container>,
    free: Vec<u32>,
    completions: BinaryHeap<Reverse<Completion>>,
    /// Where the search for room continues: a position among the active nodes.
    cursor: usize,
    /// Known to fit on no node but those in `touched`.
    blocked: Option<Resources>,
    /// Nodes that got room since then.
    touched: Vec<NodeIndex>,
    heartbeats: Heartbeats,
    pending: Resources,
    containers_pending: u64,
    containers_allocated: u64,
    containers_released: u64,
    outcome: Outcome,
}

/// What a simulation leaves behind.
#[derive(Debug, Default)]
struct Outcome {
    waits: Vec<Wait>,
    lives: Vec<JobLife>,
    backlog: StepCurve<Resources>,
    tasks_finished: u64,
    tasks_rerun: u64,
    lost_ms: u64,
}

/// What runs, or a free place in the table.
#[derive(Clone, Copy, Debug)]
struct Container {
    node: NodeIndex,
    job: u32,
    /// [`NONE`] for an application master, and for a free place.
    stage: u32,
    /// Tells a container from an earlier one in its place.
    generation: u32,
    started_ms: i64,
    duration_ms: i64,
    runs: bool,
}

/// A task is done, or an application master is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Completion {
    at_ms: i64,
    container: u32,
    generation: u32,
}

impl World for JobWorld<'_> {
    fn next_event_ms(&self) -> Option<i64> {
        let arrival = self.load.jobs.get(self.arrived).map(|job| job.submit_ms);
        let completion = self.completions.peek().map(|Reverse(completion)| completion.at_ms);
        arrival.into_iter().chain(completion).chain(self.heartbeats.next_ms()).min()
    }

    fn advance(&mut self, now_ms: i64, cluster: &mut Cluster) {
        while let Some(Reverse(completion)) = self.completions.peek().copied()
            && completion.at_ms <= now_ms
        {
            self.completions.pop();
            let container = self.containers[completion.container as usize];
            if container.runs && container.generation == completion.generation {
                match container.stage {
                    NONE => self.master_is_up(container.job, completion.container),
                    _ => self.complete(completion.container, now_ms, cluster),
                }
            }
        }
        self.touched.extend(self.heartbeats.until(now_ms));
        while self.load.jobs.get(self.arrived).is_some_and(|job| job.submit_ms <= now_ms) {
            self.arrive(self.arrived as u32, now_ms);
            self.arrived += 1;
        }
    }

    fn on(&mut self, change: Change, now_ms: i64, cluster: &mut Cluster) {
        match change {
            Change::Joined(node) => self.touched.push(node),
            Change::Leaving(node) => cluster.terminate_if_drained(node, now_ms),
            Change::Lost(node) => self.lose_node(node, now_ms, cluster),
        }
    }

    fn settle(&mut self, now_ms: i64, cluster: &mut Cluster) {
        loop {
            self.activate(cluster);
            let Some(job) = self.next_in_turn(cluster) else { break };
            let request = self.request(job);
            let Some(node) = self.find_room(request.each, cluster) else { break };
            self.start(job, request, node, now_ms, cluster);
        }
        if self.queue.is_empty() {
            self.blocked = None;
            self.touched.clear();
        }
        self.outcome.backlog.set(self.at(now_ms), self.pending);
    }

    fn is_finished(&self) -> bool {
        self.finished == self.load.jobs.len()
    }

    fn is_idle(&self) -> bool {
        self.running_jobs == 0
    }

    fn load(&self, cluster: &Cluster) -> Load {
        let oldest = self.load.jobs[..self.arrived].get(self.oldest);
        Load {
            allocated: cluster.used.plus(cluster.used_leaving),
            leaving: cluster.used_leaving,
            pending: self.pending,
            containers_allocated: self.containers_allocated,
            containers_pending: self.containers_pending,
            containers_released: self.containers_released,
            apps_running: self.running_jobs - self.masters_waiting,
            apps_pending: self.masters_waiting,
            oldest_app_started_at: oldest.map(|job| self.at(job.submit_ms)),
            knows_nodes: true,
        }
    }

    fn on_node(&self, node: NodeIndex, cluster: &Cluster) -> (u64, Resources) {
        let node = &cluster.nodes[node as usize];
        (u64::from(node.containers), node.used)
    }

    fn submitted(&self) -> u64 {
        self.arrived as u64
    }

    fn applications(&self, cluster: &Cluster) -> Vec<Application> {
        self.unfinished_applications(cluster)
    }

    fn finish(&mut self, _cluster: &mut Cluster, run: &mut Run) {
        let outcome = std::mem::take(&mut self.outcome);
        run.waits = outcome.waits;
        run.jobs = outcome.lives;
        run.backlog = outcome.backlog;
        run.tasks_total = self.load.tasks;
        run.tasks_finished = outcome.tasks_finished;
        run.tasks_rerun = outcome.tasks_rerun;
        run.lost_work = Duration::from_millis(outcome.lost_ms);
    }
}

impl<'a> JobWorld<'a> {
    pub fn new(load: &'a JobLoad, scenario: &Scenario) -> Self {
        Self {
            load,
            scheduler: scenario.scheduler,
            delays: scenario.yarn,
            jobs: load.jobs.iter().map(JobState::new).collect(),
            stages: load.stages.iter().map(StageState::new).collect(),
            arrived: 0,
            finished: 0,
            oldest: 0,
            running_jobs: 0,
            queue: BTreeSet::new(),
            inactive: VecDeque::new(),
            masters: Resources::default(),
            masters_waiting: 0,
            containers: Vec::new(),
            free: Vec::new(),
            completions: BinaryHeap::new(),
            cursor: 0,
            blocked: None,
            touched: Vec::new(),
            heartbeats: Heartbeats::new(scenario.yarn.heartbeat),
            pending: Resources::default(),
            containers_pending: 0,
            containers_allocated: 0,
            containers_released: 0,
            outcome: Outcome { waits: Vec::with_capacity(load.tasks.min(1 << 20) as usize), ..Outcome::default() },
        }
    }

    fn arrive(&mut self, job: u32, now_ms: i64) {
        self.running_jobs += 1;
        let state = &mut self.jobs[job as usize];
        if state.master == MasterState::Absent {
            self.make_first_ready(job, now_ms);
        } else {
            state.ready_ms = now_ms;
            self.want_master(job);
            self.inactive.push_back(job);
        }
    }

    /// Lets the masters of waiting jobs into the queue while their share lasts.
    fn activate(&mut self, cluster: &Cluster) {
        while let Some(&job) = self.inactive.front() {
            let master = self.size_of(job, NONE);
            let taken = self.masters.plus(master).memory.as_f64();
            if self.masters != Resources::default() && taken > APPLICATION_MASTER_SHARE * cluster.offered.memory.as_f64() {
                return;
            }
            self.inactive.pop_front();
            self.masters = self.masters.plus(master);
            self.jobs[job as usize].master = MasterState::Waiting;
            self.requeue(job);
        }
    }

    /// Whose container is to start next.
    fn next_in_turn(&self, cluster: &Cluster) -> Option<u32> {
        if self.scheduler == Scheduler::Capacity {
            let left = cluster.offered.minus(cluster.used);
            let mut jobs = self.queue.iter().map(|(_, job)| *job);
            jobs.find(|job| left.covers(self.request(*job).each))
        } else {
            self.queue.first().map(|(_, job)| *job)
        }
    }

    /// A node with room for a container, in turn. Looks at every node at most once until one gets room again.
    fn find_room(&mut self, each: Resources, cluster: &Cluster) -> Option<NodeIndex> {
        if self.blocked.is_some_and(|blocked| each.covers(blocked)) {
            // What does not fit a smaller container does not fit this one, so only the nodes that got room are left to try.
            self.blocked = Some(each);
            while let Some(&node) = self.touched.last() {
                if self.takes(node, each, cluster) {
                    return Some(node);
                }
                self.touched.pop();
            }
            return None;
        }
        let nodes = &cluster.active;
        if cluster.offered.minus(cluster.used).covers(each) {
            let cursor = self.cursor % nodes.len().max(1);
            let in_turn = (cursor..nodes.len()).chain(0..cursor);
            if let Some(position) = in_turn.into_iter().find(|position| self.takes(nodes[*position], each, cluster)) {
                self.cursor = position + 1;
                return Some(nodes[position]);
            }
        }
        self.blocked = Some(each);
        self.touched.clear();
        None
    }

    fn takes(&self, node: NodeIndex, each: Resources, cluster: &Cluster) -> bool {
        cluster.nodes[node as usize].fits(each) && !self.heartbeats.is_between(node)
    }

    fn start(&mut self, job: u32, request: Request, node: NodeIndex, now_ms: i64, cluster: &mut Cluster) {
        let Request { stage, each } = request;
        let Taken { duration_ms, ready_ms } = self.take(job, request);
        if let Some(ready_ms) = ready_ms {
            self.outcome.waits.push(Wait { seconds: (now_ms - ready_ms) as f64 / 1e3, weight: 1.0, since_s: ready_ms as f64 / 1e3 });
        }
        self.hold(job, |held| held + each.memory);
        cluster.place(node, each, stage == NONE, now_ms);
        self.heartbeats.placed(node, now_ms);
        self.containers_allocated += 1;
        let index = self.free.pop().unwrap_or(self.containers.len() as u32);
        if index as usize == self.containers.len() {
            self.containers.push(Container { node, job, stage, generation: 0, started_ms: 0, duration_ms: 0, runs: false });
        }
        let container = &mut self.containers[index as usize];
        let generation = container.generation.wrapping_add(1);
        *container = Container { node, job, stage, generation, started_ms: now_ms, duration_ms, runs: true };
        let delay = if stage == NONE { self.delays.application_start } else { self.delays.container_overhead };
        if stage == NONE && delay.is_zero() {
            self.master_is_up(job, index);
            return;
        }
        if stage == NONE {
            self.jobs[job as usize].master = MasterState::Starts(index);
            self.requeue(job);
        }
        let at_ms = now_ms.saturating_add(duration_ms).saturating_add(delay.as_millis() as i64);
        self.completions.push(Reverse(Completion { at_ms, container: index, generation }));
    }

    /// A task is done.
    fn complete(&mut self, index: u32, now_ms: i64, cluster: &mut Cluster) {
        let Container { job, stage, .. } = self.containers[index as usize];
        self.end(index, now_ms, cluster);
        self.outcome.tasks_finished += 1;
        let state = &mut self.stages[stage as usize];
        state.unfinished -= 1;
        if state.unfinished > 0 {
            return;
        }
        let load = self.load;
        for &dependent in load.dependents_of(&load.stages[stage as usize]) {
            self.stages[dependent as usize].after -= 1;
            if self.stages[dependent as usize].after == 0 {
                self.make_ready(dependent, now_ms);
            }
        }
        self.jobs[job as usize].stages_left -= 1;
        if self.jobs[job as usize].stages_left == 0 {
            self.finish_job(job, now_ms, cluster);
        }
    }

    fn finish_job(&mut self, job: u32, now_ms: i64, cluster: &mut Cluster) {
        let spec = &self.load.jobs[job as usize];
        if let MasterState::Runs(container) = self.jobs[job as usize].master {
            self.end(container, now_ms, cluster);
        }
        self.masters = self.masters.minus(self.size_of(job, NONE));
        self.running_jobs -= 1;
        self.finished += 1;
        while self.jobs.get(self.oldest).is_some_and(|job| job.stages_left == 0) {
            self.oldest += 1;
        }
        self.outcome.lives.push(JobLife {
            submitted_at: self.at(spec.submit_ms),
            finished_at: self.at(now_ms),
            unhindered: Duration::from_millis(spec.unhindered_ms.unsigned_abs()) + self.start_of(job),
        });
    }

    /// An instant of the simulation.
    fn at(&self, ms: i64) -> Timestamp {
        Timestamp::from_millis(self.load.start.as_millis().saturating_add(ms))
    }

    /// How long the master of a job takes until it asks for containers.
    fn start_of(&self, job: u32) -> Duration {
        match self.jobs[job as usize].master {
            MasterState::Absent => Duration::ZERO,
            _ => self.delays.application_start,
        }
    }

    /// Gives back what a container held.
    fn end(&mut self, index: u32, now_ms: i64, cluster: &mut Cluster) {
        let Container { node, job, stage, .. } = self.containers[index as usize];
        let each = self.size_of(job, stage);
        self.forget(index);
        cluster.release(node, each, stage == NONE, now_ms);
        self.touched.push(node);
    }

    /// Takes a container out of the table and of its job.
    fn forget(&mut self, index: u32) {
        let container = &mut self.containers[index as usize];
        container.runs = false;
        let (job, stage) = (container.job, container.stage);
        self.free.push(index);
        self.containers_allocated -= 1;
        self.containers_released += 1;
        let each = self.size_of(job, stage);
        self.hold(job, |held| held - each.memory);
    }

    /// Everything on a node is lost. The tasks of a lost application master are lost with it, wherever they run.
    fn lose_node(&mut self, node: NodeIndex, now_ms: i64, cluster: &mut Cluster) {
        let on_node = self.running(|container| container.node == node);
        let mut orphaned = Vec::new();
        for index in on_node {
            let Container { job, stage, .. } = self.containers[index as usize];
            if stage == NONE {
                orphaned.push(job);
            }
            self.lose(index, now_ms);
        }
        for job in orphaned {
            for index in self.running(|container| container.job == job) {
                let Container { node, stage, .. } = self.containers[index as usize];
                self.lose(index, now_ms);
                cluster.release(node, self.load.stages[stage as usize].each, false, now_ms);
                self.touched.push(node);
            }
            self.master_lost(job);
        }
    }

    /// A container ends unfinished; its work has to be done again from the beginning.
    fn lose(&mut self, index: u32, now_ms: i64) {
        let Container { stage, started_ms, duration_ms, .. } = self.containers[index as usize];
        self.forget(index);
        self.outcome.tasks_rerun += 1;
        self.outcome.lost_ms += (now_ms - started_ms).unsigned_abs();
        if stage != NONE {
            self.give_back(stage, duration_ms);
        }
    }

    fn running(&self, wanted: impl Fn(&Container) -> bool) -> Vec<u32> {
        let containers = self.containers.iter().enumerate().filter(|(_, container)| container.runs && wanted(container));
        containers.map(|(index, _)| index as u32).collect()
    }

    fn size_of(&self, job: u32, stage: u32) -> Resources {
        match stage {
            NONE => self.load.jobs[job as usize].application_master.unwrap_or_default(),
            stage => self.load.stages[stage as usize].each,
        }
    }
}

#[cfg(test)]
mod tests;
