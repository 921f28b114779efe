//! Work container by container, as YARN serves it.
//!
//! Jobs are served in order (see [`Scheduler`](super::scenario::Scheduler)): while the next
//! container of the job at the head fits nowhere, nobody overtakes. Containers are spread over the
//! nodes in turn. A job's application master, if it has one, starts first; jobs whose master may
//! not start yet stand outside the queue, because masters take at most [`APPLICATION_MASTER_SHARE`]
//! of the cluster's memory (one may always run): otherwise masters could fill a cluster in which no
//! task then finds room. How long YARN itself takes is the scenario's
//! [`YarnDelays`](super::scenario::YarnDelays).

mod applications;
mod heartbeats;
mod queue;
mod timeline;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::cluster::{Change, Cluster, NodeIndex};
use super::observe::Load;
use super::run::{JobLife, Run, Wait};
use super::scenario::{Scenario, Scheduler};
use super::stepped::Application;
use super::trace_work::JobLoad;
use super::workload::Workload;
use crate::units::{Mebibytes, Resources, Timestamp};
use heartbeats::Heartbeats;
use queue::{JobState, MasterState, Request, StageState, Taken};
use timeline::{Completion, Timeline};

/// The share of the active nodes' memory that application masters may take (the fair scheduler's
/// `maxAMShare`, 0.5 by default).
pub const APPLICATION_MASTER_SHARE: f64 = 0.5;

/// "No stage", "no container", "no job".
const NONE: u32 = u32::MAX;

#[derive(Debug)]
pub(super) struct ContainerWorkload<'a> {
    load: &'a JobLoad,
    scheduler: Scheduler,
    /// See [`YarnDelays`](super::scenario::YarnDelays).
    application_start_ms: i64,
    container_overhead_ms: i64,
    jobs: Vec<JobState>,
    stages: Vec<StageState>,
    arrived: usize,
    next_arrival_ms: Option<i64>,
    finished: usize,
    /// The first job that is not finished.
    oldest: usize,
    running_jobs: u64,
    /// Jobs with something to start, sorted in the order in which they are served: by held memory
    /// (fair queueing only), then by submit. Most come at the end and go at the front.
    queue: VecDeque<(u64, u32)>,
    /// How many lost tasks wait of each stage, by duration in milliseconds.
    lost: BTreeMap<(u32, i64), u32>,
    /// What the first job of the queue asks for, while nothing has changed since it was looked up.
    first: Option<Request>,
    /// Jobs whose master may not start yet, by submit.
    inactive: VecDeque<u32>,
    /// What the masters that may run take.
    masters: Resources,
    masters_waiting: u64,
    containers: Vec<Container>,
    free: Vec<u32>,
    completions: Timeline,
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
    /// When the tasks that started last became ready and started.
    last_started: Option<(i64, i64)>,
    outcome: Outcome,
}

/// What a simulation leaves behind.
#[derive(Debug, Default)]
struct Outcome {
    waits: Vec<Wait>,
    lives: Vec<JobLife>,
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
    each: Resources,
    started_ms: i64,
    duration_ms: i64,
    runs: bool,
}

impl Workload for ContainerWorkload<'_> {
    fn advance(&mut self, until_ms: i64, cluster: &mut Cluster) -> i64 {
        // Most containers end while nothing waits for their room: then nobody has to be asked.
        while let Some(now_ms) = self.next_event_ms().filter(|at_ms| *at_ms <= until_ms) {
            self.happen(now_ms, cluster);
            if !(self.queue.is_empty() && self.inactive.is_empty() && self.running_jobs > 0) {
                return now_ms;
            }
        }
        until_ms
    }

    fn on(&mut self, change: Change, now_ms: i64, cluster: &mut Cluster) {
        match change {
            Change::Joined(node) => self.touched.push(node),
            Change::Leaving(node) => cluster.terminate_if_drained(node, now_ms),
            Change::Lost(node) => self.lose_node(node, now_ms, cluster),
        }
    }

    fn settle(&mut self, now_ms: i64, cluster: &mut Cluster) {
        self.activate(cluster);
        while let Some(request) = self.next_in_turn(cluster) {
            let Some(node) = self.find_room(request.each, cluster) else {
                break;
            };
            self.start(request, node, now_ms, cluster);
            self.activate(cluster);
        }
        if self.queue.is_empty() {
            self.blocked = None;
            self.touched.clear();
        }
    }

    fn backlog(&self) -> Mebibytes {
        self.pending.memory
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
        run.tasks_total = self.load.tasks;
        run.tasks_finished = outcome.tasks_finished;
        run.tasks_rerun = outcome.tasks_rerun;
        run.lost_work = Duration::from_millis(outcome.lost_ms);
    }
}

impl<'a> ContainerWorkload<'a> {
    pub fn new(load: &'a JobLoad, scenario: &Scenario) -> Self {
        Self {
            load,
            scheduler: scenario.scheduler,
            application_start_ms: scenario.yarn.application_start.as_millis() as i64,
            container_overhead_ms: scenario.yarn.container_overhead.as_millis() as i64,
            jobs: load.jobs.iter().map(JobState::new).collect(),
            stages: load.stages.iter().map(StageState::new).collect(),
            arrived: 0,
            next_arrival_ms: load.jobs.first().map(|job| job.submit_ms),
            finished: 0,
            oldest: 0,
            running_jobs: 0,
            queue: VecDeque::new(),
            lost: BTreeMap::new(),
            first: None,
            inactive: VecDeque::new(),
            masters: Resources::default(),
            masters_waiting: 0,
            containers: Vec::new(),
            free: Vec::new(),
            completions: Timeline::new(),
            cursor: 0,
            blocked: None,
            touched: Vec::new(),
            heartbeats: Heartbeats::new(scenario.yarn.heartbeat),
            pending: Resources::default(),
            containers_pending: 0,
            containers_allocated: 0,
            containers_released: 0,
            last_started: None,
            outcome: Outcome {
                waits: Vec::with_capacity(load.tasks.min(1 << 20) as usize),
                ..Outcome::default()
            },
        }
    }

    /// When something happens next by itself.
    fn next_event_ms(&self) -> Option<i64> {
        let completion = self.completions.peek().map(Completion::at_ms);
        earliest(
            earliest(self.next_arrival_ms, completion),
            self.heartbeats.next_ms(),
        )
    }

    /// Lets everything happen that is due.
    fn happen(&mut self, now_ms: i64, cluster: &mut Cluster) {
        while let Some(completion) = self.completions.peek()
            && completion.at_ms() <= now_ms
        {
            self.completions.pop();
            let index = completion.container();
            let container = &self.containers[index as usize];
            if container.runs && container.generation == completion.generation() {
                match container.stage {
                    NONE => self.master_is_up(container.job, index),
                    _ => self.complete(index, now_ms, cluster),
                }
            }
        }
        if self
            .heartbeats
            .next_ms()
            .is_some_and(|at_ms| at_ms <= now_ms)
        {
            self.touched.extend(self.heartbeats.until(now_ms));
        }
        while self.next_arrival_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.arrive(self.arrived as u32, now_ms);
            self.arrived += 1;
            self.next_arrival_ms = self.load.jobs.get(self.arrived).map(|job| job.submit_ms);
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
    #[inline]
    fn activate(&mut self, cluster: &Cluster) {
        if !self.inactive.is_empty() {
            self.activate_waiting(cluster);
        }
    }

    fn activate_waiting(&mut self, cluster: &Cluster) {
        while let Some(&job) = self.inactive.front() {
            let master = self.size_of(job, NONE);
            let taken = self.masters.plus(master).memory.as_f64();
            if self.masters != Resources::default()
                && taken > APPLICATION_MASTER_SHARE * cluster.offered.memory.as_f64()
            {
                return;
            }
            self.inactive.pop_front();
            self.masters = self.masters.plus(master);
            self.jobs[job as usize].master = MasterState::Waiting;
            self.requeue(job);
        }
    }

    /// The container that is to start next.
    fn next_in_turn(&mut self, cluster: &Cluster) -> Option<Request> {
        if self.scheduler == Scheduler::Capacity {
            let left = cluster.offered.minus(cluster.used);
            let mut requests = self.queue.iter().map(|(_, job)| self.request(*job));
            return requests.find(|request| left.covers(request.each));
        }
        if self.first.is_some() {
            return self.first;
        }
        let first = self.queue.front().map(|(_, job)| self.request(*job));
        self.first = first;
        first
    }

    /// A node with room for a container, in turn. Looks at every node at most once until one gets
    /// room again.
    fn find_room(&mut self, each: Resources, cluster: &Cluster) -> Option<NodeIndex> {
        if self.blocked.is_some_and(|blocked| each.covers(blocked)) {
            // What does not fit a smaller container does not fit this one, so only the nodes that
            // got room are left to try.
            self.blocked = Some(each);
            while let Some(node) = self.touched.pop() {
                if self.takes(node, each, cluster) {
                    if cluster.nodes[node as usize].fits(each.plus(each)) {
                        self.touched.push(node);
                    }
                    return Some(node);
                }
            }
            return None;
        }
        let nodes = &cluster.active;
        if cluster.offered.minus(cluster.used).covers(each) {
            let cursor = if self.cursor < nodes.len() {
                self.cursor
            } else {
                self.cursor % nodes.len().max(1)
            };
            let takes = |node: &NodeIndex| self.takes(*node, each, cluster);
            let found = nodes[cursor..]
                .iter()
                .position(takes)
                .map(|ahead| cursor + ahead);
            if let Some(position) = found.or_else(|| nodes[..cursor].iter().position(takes)) {
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

    fn start(&mut self, request: Request, node: NodeIndex, now_ms: i64, cluster: &mut Cluster) {
        let Request { job, stage, each } = request;
        let Taken {
            duration_ms,
            ready_ms,
        } = self.take(request);
        if let Some(ready_ms) = ready_ms {
            self.waited(ready_ms, now_ms);
        }
        self.hold(job, |held| held + each.memory);
        cluster.place(node, each, stage == NONE, now_ms);
        self.heartbeats.placed(node, now_ms);
        self.containers_allocated += 1;
        let index = self.free.pop().unwrap_or(self.containers.len() as u32);
        if index as usize == self.containers.len() {
            self.containers.push(Container {
                node,
                job,
                stage,
                generation: 0,
                each,
                started_ms: 0,
                duration_ms: 0,
                runs: false,
            });
        }
        let container = &mut self.containers[index as usize];
        let generation = container.generation.wrapping_add(1);
        *container = Container {
            node,
            job,
            stage,
            generation,
            each,
            started_ms: now_ms,
            duration_ms,
            runs: true,
        };
        let delay_ms = if stage == NONE {
            self.application_start_ms
        } else {
            self.container_overhead_ms
        };
        if stage == NONE && delay_ms == 0 {
            self.master_is_up(job, index);
            return;
        }
        if stage == NONE {
            self.jobs[job as usize].master = MasterState::Starts(index);
            self.requeue(job);
        }
        // No task takes more than a hundred years.
        let at_ms = now_ms + duration_ms + delay_ms;
        self.completions
            .push(Completion::new(at_ms, index, generation));
    }

    /// A task started. Tasks that became ready together and start together are one wait.
    fn waited(&mut self, ready_ms: i64, now_ms: i64) {
        let waits = &mut self.outcome.waits;
        match waits.last_mut() {
            Some(last) if self.last_started == Some((ready_ms, now_ms)) => last.weight += 1.0,
            _ => waits.push(Wait {
                seconds: (now_ms - ready_ms) as f64 / 1e3,
                weight: 1.0,
                since_s: ready_ms as f64 / 1e3,
            }),
        }
        self.last_started = Some((ready_ms, now_ms));
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
        while self
            .jobs
            .get(self.oldest)
            .is_some_and(|job| job.stages_left == 0)
        {
            self.oldest += 1;
        }
        self.outcome.lives.push(JobLife {
            submitted_at: self.at(spec.submit_ms),
            finished_at: self.at(now_ms),
            unhindered: Duration::from_millis(
                (spec.unhindered_ms + self.start_ms_of(job)).unsigned_abs(),
            ),
        });
    }

    /// An instant of the simulation.
    fn at(&self, ms: i64) -> Timestamp {
        Timestamp::from_millis(self.load.start.as_millis().saturating_add(ms))
    }

    /// Gives back what a container held.
    fn end(&mut self, index: u32, now_ms: i64, cluster: &mut Cluster) {
        let Container {
            node, stage, each, ..
        } = self.containers[index as usize];
        self.forget(index);
        cluster.release(node, each, stage == NONE, now_ms);
        self.touched.push(node);
    }

    /// Takes a container out of the table and of its job.
    fn forget(&mut self, index: u32) {
        let container = &mut self.containers[index as usize];
        container.runs = false;
        let (job, memory) = (container.job, container.each.memory);
        self.free.push(index);
        self.containers_allocated -= 1;
        self.containers_released += 1;
        self.hold(job, |held| held - memory);
    }

    /// Everything on a node is lost. The tasks of a lost application master are lost with it,
    /// wherever they run.
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
                let Container { node, each, .. } = self.containers[index as usize];
                self.lose(index, now_ms);
                cluster.release(node, each, false, now_ms);
                self.touched.push(node);
            }
            self.master_lost(job);
        }
    }

    /// A container ends unfinished; its work has to be done again from the beginning.
    fn lose(&mut self, index: u32, now_ms: i64) {
        let Container {
            stage,
            started_ms,
            duration_ms,
            ..
        } = self.containers[index as usize];
        self.forget(index);
        self.outcome.tasks_rerun += 1;
        self.outcome.lost_ms += (now_ms - started_ms).unsigned_abs();
        if stage != NONE {
            self.give_back(stage, duration_ms);
        }
    }

    fn running(&self, wanted: impl Fn(&Container) -> bool) -> Vec<u32> {
        let containers = self
            .containers
            .iter()
            .enumerate()
            .filter(|(_, container)| container.runs && wanted(container));
        containers.map(|(index, _)| index as u32).collect()
    }
}

/// The earlier of two instants, of which there may be none.
fn earliest(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
