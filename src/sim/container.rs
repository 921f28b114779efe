//! Work container by container, as YARN serves it.
//!
//! Jobs are served in order (see [`Scheduler`](super::scenario::Scheduler)): while the next
//! container of the first job fits nowhere, no other job overtakes. Containers are spread over the
//! nodes in turn. A job's application master, if it has one, starts first. Masters take at most
//! [`APPLICATION_MASTER_SHARE`] of the cluster's memory (a single one may always run), because
//! otherwise they could fill a cluster in which no task then finds room; a job whose master may not
//! start yet waits outside the queue. How long YARN itself takes is set by the scenario's
//! [`YarnDelays`](super::scenario::YarnDelays).

mod applications;
mod heartbeats;
mod known_work;
mod lost;
mod map_reduce;
mod queue;
mod room;
mod spark;
mod state;
mod steps;
mod storage;
mod table;
mod timeline;

use std::time::Duration;

use super::cluster::{Change, Cluster, NodeIndex};
use super::run::{JobLife, Run};
use super::workload::{Application, Load, QueueUsage, Workload};
use crate::observation::pending_limit::PendingLimit;
use crate::observation::steps::Steps;
use crate::observation::work::Work;
use crate::units::{Mebibytes, Resources};
use applications::unfinished_applications;
use queue::{MasterState, NONE, Request, Taken};
pub(super) use state::{ContainerWorkload, Held};
use table::Container;

/// The share of the active nodes' memory that application masters may take (the fair scheduler's
/// `maxAMShare`, 0.5 by default).
const APPLICATION_MASTER_SHARE: f64 = 0.5;

impl Workload for ContainerWorkload<'_> {
    fn advance(&mut self, until_ms: i64, cluster: &mut Cluster) -> i64 {
        // Most containers end while nothing waits for their room, so that there is nothing to settle.
        while let Some(now_ms) = self.next_event_ms().filter(|at_ms| *at_ms <= until_ms) {
            self.process_due(now_ms, cluster);
            if !(self.queue.is_empty() && self.inactive.is_empty() && self.running_jobs > 0) {
                return now_ms;
            }
        }
        until_ms
    }

    fn on(&mut self, change: Change, now_ms: i64, cluster: &mut Cluster) {
        match change {
            Change::Joined(node) => self.room.add(node),
            Change::Leaving(node) => cluster.terminate_if_drained(node, now_ms),
            Change::Lost(node) => self.lose_node(node, now_ms, cluster),
            Change::Drained(_) => {}
        }
        if self.spark.is_some() {
            self.tell_drivers(change, now_ms, cluster);
        }
    }

    fn settle(&mut self, now_ms: i64, cluster: &mut Cluster) {
        self.activate(cluster);
        while self.start_waiting(now_ms, cluster) && self.preempt_reduce(now_ms, cluster) {}
        if self.queue.is_empty() {
            self.room.reset();
        }
    }

    fn backlog(&self) -> Mebibytes {
        self.queue.pending.memory
    }

    fn is_finished(&self) -> bool {
        self.finished == self.work.jobs.len()
    }

    fn is_idle(&self) -> bool {
        self.running_jobs == 0
    }

    fn load(&self, cluster: &Cluster) -> Load {
        let oldest = self.submitted_jobs().next();
        Load {
            allocated: cluster.used.plus(cluster.used_leaving),
            leaving: cluster.used_leaving,
            pending: self.queue.pending,
            containers_allocated: self.containers_allocated,
            containers_pending: self.queue.containers_pending,
            containers_released: self.containers_released,
            apps_running: self.running_jobs - self.queue.masters_waiting,
            apps_pending: self.queue.masters_waiting,
            oldest_app_started_at: oldest
                .map(|job| self.work.at(self.queue.jobs[job as usize].ready_ms)),
            knows_nodes: true,
        }
    }

    fn on_node(&self, node: NodeIndex, cluster: &Cluster) -> (u64, Resources) {
        let node = &cluster.nodes[node as usize];
        (u64::from(node.containers), node.used)
    }

    fn queues(&self) -> Vec<QueueUsage> {
        self.queue.usage()
    }

    fn submitted(&self) -> u64 {
        self.arrived as u64
    }

    fn applications(&self, cluster: &Cluster) -> Vec<Application> {
        unfinished_applications(
            self.submitted_jobs(),
            &self.queue,
            &self.containers,
            cluster,
        )
    }

    fn known_work(&self, now_ms: i64, asks_for_output: bool, cluster: &Cluster) -> Option<Work> {
        let storage = asks_for_output.then(|| self.storage(cluster));
        let work = Self::known_work(self, now_ms)?;
        Some(Work { storage, ..work })
    }

    fn steps(&self) -> Option<Steps> {
        self.steps.listed(self.work)
    }

    fn pending_limits(&self) -> Option<Vec<PendingLimit>> {
        self.queue.pending_limits(self.submitted_jobs())
    }

    fn finish(&mut self, _cluster: &mut Cluster, run: &mut Run) {
        let facts = std::mem::take(&mut self.facts);
        run.waits = facts.waits;
        run.jobs = facts.lives;
        run.tasks_total = self.work.tasks;
        run.tasks_finished = facts.tasks_finished;
        run.tasks_rerun = facts.tasks_rerun;
        run.lost_work = Duration::from_millis(facts.lost_ms);
    }
}

impl ContainerWorkload<'_> {
    /// Starts what finds room, in the order of the queue. Returns whether reduces hold room while the
    /// next in the queue waits for some, and not for a heartbeat.
    fn start_waiting(&mut self, now_ms: i64, cluster: &mut Cluster) -> bool {
        while let Some(request) = self.queue.next_in_turn(cluster) {
            let Some(node) = self.room.find(request.each, cluster) else {
                let fits = |node: &NodeIndex| cluster.nodes[*node as usize].fits(request.each);
                return !self.started_reduces.is_empty() && !cluster.active.iter().any(fits);
            };
            self.start(request, node, now_ms, cluster);
            self.activate(cluster);
        }
        !self.started_reduces.is_empty() && !self.queue.is_empty()
    }

    /// Processes all completions, heartbeats and arrivals that are due.
    fn process_due(&mut self, now_ms: i64, cluster: &mut Cluster) {
        while let Some(completion) = self.completions.peek()
            && completion.at_ms() <= now_ms
        {
            self.completions.pop();
            let index = completion.container();
            let container = self.containers.get(index);
            if container.runs && container.generation == completion.generation() {
                self.on_completion(index, now_ms, cluster);
            }
        }
        self.drivers_act(now_ms, cluster);
        self.room.advance(now_ms);
        while self.next_arrival_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            let job = self.arrived as u32;
            self.arrived += 1;
            self.next_arrival_ms = self.work.jobs.get(self.arrived).map(|job| job.submit_ms);
            let submitted = if self.work.jobs[job as usize].is_step {
                self.steps.add(job, now_ms)
            } else {
                Some(job)
            };
            if let Some(job) = submitted {
                self.submit(job, now_ms, cluster);
            }
        }
    }

    /// Submits a job to YARN.
    fn submit(&mut self, job: u32, now_ms: i64, cluster: &mut Cluster) {
        self.running_jobs += 1;
        if self.queue.arrive(job, now_ms) {
            self.inactive.push_back(job);
        } else if self.queue.is_spark(job) {
            self.start_driver(job, now_ms, cluster);
        }
    }

    /// Jobs that YARN has got and that may not be finished, in order of submission.
    fn submitted_jobs(&self) -> impl Iterator<Item = u32> {
        let jobs = self.oldest as u32..self.arrived as u32;
        jobs.filter(|job| !self.work.has_steps || !self.steps.is_pending(*job))
    }

    /// Does what is due in a container: its task is done, or what runs in it has started.
    fn on_completion(&mut self, index: u32, now_ms: i64, cluster: &mut Cluster) {
        let container = self.containers.get(index);
        match container.stage {
            NONE => self.master_is_up(container.job, index, now_ms, cluster),
            _ if container.executor != NONE => self.executor_task_is_done(index, now_ms, cluster),
            stage if self.queue.is_pool(stage) => self.executor_is_up(index, now_ms, cluster),
            _ => self.complete(index, now_ms, cluster),
        }
    }

    fn master_is_up(&mut self, job: u32, container: u32, now_ms: i64, cluster: &mut Cluster) {
        self.queue.master_is_up(job, container);
        if self.queue.is_spark(job) {
            self.start_driver(job, now_ms, cluster);
        }
    }

    /// Adds the masters of inactive jobs to the queue, as far as their share of memory allows.
    #[inline]
    fn activate(&mut self, cluster: &Cluster) {
        if !self.inactive.is_empty() {
            self.activate_inactive(cluster);
        }
    }

    fn activate_inactive(&mut self, cluster: &Cluster) {
        let offered = cluster.offered.memory;
        // Without queues the first one that waits holds back the others.
        let looked_at = if self.queue.has_limits() {
            self.inactive.len()
        } else {
            1
        };
        let mut position = 0;
        while position < looked_at.min(self.inactive.len()) {
            let job = self.inactive[position];
            let master = self.queue.size_of(job, NONE);
            let taken = self.masters.plus(master).memory.as_f64();
            if self.masters != Resources::default()
                && taken > APPLICATION_MASTER_SHARE * offered.as_f64()
            {
                return;
            }
            if self
                .queue
                .takes_master(job, offered, APPLICATION_MASTER_SHARE)
            {
                self.inactive.remove(position);
                self.masters = self.masters.plus(master);
                self.queue.activate(job);
            } else {
                position += 1;
            }
        }
    }

    fn start(&mut self, request: Request, node: NodeIndex, now_ms: i64, cluster: &mut Cluster) {
        let Request { job, stage, each } = request;
        let Taken {
            duration_ms,
            ready_ms,
        } = self.queue.take(request);
        let waits_for_maps = self.work.has_map_reduce && self.waits_for_maps(job, stage);
        if let Some(ready_ms) = ready_ms {
            let since_ms = if waits_for_maps { now_ms } else { ready_ms };
            self.note_wait(since_ms, now_ms - since_ms, now_ms);
        }
        self.queue.container_started(job, each);
        cluster.place(node, each, stage == NONE, now_ms);
        self.room.placed(node, now_ms);
        self.containers_allocated += 1;
        let delay_ms = match stage {
            NONE => self.application_start_ms,
            stage if self.queue.is_pool(stage) => self.executor_start_ms(job),
            _ => self.container_overhead_ms,
        };
        let container = Container {
            node,
            job,
            stage,
            executor: NONE,
            generation: 0,
            each,
            started_ms: now_ms,
            duration_ms,
            runs: true,
        };
        if stage == NONE && delay_ms == 0 {
            let (index, _) = self.containers.add(container);
            self.master_is_up(job, index, now_ms, cluster);
            return;
        }
        if waits_for_maps {
            self.add_waiting_reduce(container);
            return;
        }
        // No overflow: tasks take at most a hundred years.
        let index = self.add_completing(container, now_ms + duration_ms + delay_ms);
        if stage == NONE {
            self.queue.master_starts(job, index);
        } else if self.queue.is_pool(stage) {
            self.executor_starts(index, now_ms);
        } else if self.work.has_map_reduce {
            self.schedule_reduces(job, cluster);
        }
    }

    /// Ends the container of a task that is done.
    fn complete(&mut self, index: u32, now_ms: i64, cluster: &mut Cluster) {
        let Container { job, stage, .. } = *self.containers.get(index);
        self.release(index, now_ms, cluster);
        self.facts.tasks_finished += 1;
        if self.queue.task_done(job, stage, now_ms) {
            self.finish_job(job, now_ms, cluster);
        } else if self.work.has_map_reduce {
            self.map_is_done(job, now_ms, cluster);
        }
    }

    fn finish_job(&mut self, job: u32, now_ms: i64, cluster: &mut Cluster) {
        let spec = &self.work.jobs[job as usize];
        if let MasterState::Runs(container) = self.queue.jobs[job as usize].master {
            self.release(container, now_ms, cluster);
        }
        self.masters = self.masters.minus(self.queue.size_of(job, NONE));
        self.queue.master_ended(job);
        self.running_jobs -= 1;
        self.finished += 1;
        while self
            .queue
            .jobs
            .get(self.oldest)
            .is_some_and(|job| job.stages_left == 0)
        {
            self.oldest += 1;
        }
        let unhindered_ms = spec.unhindered_ms + self.queue.start_ms_of(job);
        self.facts.lives.push(JobLife {
            submitted_at: self.work.at(spec.submit_ms),
            finished_at: self.work.at(now_ms),
            unhindered: Duration::from_millis(unhindered_ms.unsigned_abs()),
        });
        if spec.is_step
            && let Some(next) = self.steps.end(now_ms)
        {
            self.submit(next, now_ms, cluster);
        }
    }
}

#[cfg(test)]
mod tests;
