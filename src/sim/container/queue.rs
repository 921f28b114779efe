//! The containers that wait, and the order in which they start.

mod executors;
mod lines;
mod reduces;
mod rows;

use std::collections::BTreeMap;

use lines::Lines;
use rows::{JobState, StageState};
pub(super) use rows::{MasterState, Request, Taken};

use crate::observation::pending_limit::PendingLimit;
use crate::sim::cluster::Cluster;
use crate::sim::job_work::JobWork;
pub(super) use crate::sim::job_work::NONE;
use crate::sim::scenario::{Scenario, Scheduler};
use crate::sim::workload::QueueUsage;
use crate::units::{Mebibytes, Resources};

/// The state of all jobs, and a queue of those with containers to start.
#[derive(Debug)]
pub(super) struct JobQueue<'a> {
    pub work: &'a JobWork,
    pub jobs: Vec<JobState>,
    pub stages: Vec<StageState>,
    /// Requested by all containers that wait, those of inactive masters included.
    pub pending: Resources,
    pub containers_pending: u64,
    /// Application masters that wait for a container.
    pub masters_waiting: u64,
    scheduler: Scheduler,
    /// Whether any job is a Spark application with executors.
    has_executors: bool,
    /// See [`YarnDelays`](crate::sim::scenario::YarnDelays).
    application_start_ms: i64,
    /// Jobs with something to start, in the order in which they are served.
    lines: Lines<'a>,
    /// The number of lost tasks that wait, by stage and duration in milliseconds.
    lost: BTreeMap<(u32, i64), u32>,
    /// The request of the first job in the queue, unless something has changed since it was looked
    /// up.
    first: Option<Request>,
}

impl<'a> JobQueue<'a> {
    /// A queue in which no job has arrived.
    pub fn new(work: &'a JobWork, scenario: &'a Scenario) -> Self {
        Self {
            work,
            jobs: work.jobs.iter().map(JobState::new).collect(),
            stages: work.stages.iter().map(StageState::new).collect(),
            pending: Resources::default(),
            containers_pending: 0,
            masters_waiting: 0,
            scheduler: scenario.scheduler,
            has_executors: work.jobs.iter().any(|job| job.spark.is_some()),
            application_start_ms: scenario.yarn.application_start.as_millis() as i64,
            lines: Lines::new(work, &scenario.queues),
            lost: BTreeMap::new(),
            first: None,
        }
    }

    /// Whether no job has a container that may start.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The container that is to start next on a cluster.
    pub fn next_in_turn(&mut self, cluster: &Cluster) -> Option<Request> {
        if self.lines.has_limits() {
            return self.next_within_limits(cluster);
        }
        if self.scheduler == Scheduler::Capacity {
            let left = cluster.offered.minus(cluster.used);
            let mut requests = (self.lines.single().iter()).map(|(_, job)| self.request(*job));
            return requests.find(|request| left.covers(request.each));
        }
        if self.first.is_some() {
            return self.first;
        }
        let first = (self.lines.single().front()).map(|(_, job)| self.request(*job));
        self.first = first;
        first
    }

    /// The container that is to start next where queues have limits.
    fn next_within_limits(&mut self, cluster: &Cluster) -> Option<Request> {
        let mut lines = std::mem::take(&mut self.lines);
        let left = cluster.offered.minus(cluster.used);
        let next = lines.next(cluster.offered.memory, left, |job| self.request(job));
        self.lines = lines;
        next
    }

    /// Adds a job that has arrived. Returns whether it has an application master, which the caller
    /// must [activate](Self::activate).
    pub fn arrive(&mut self, job: u32, now_ms: i64) -> bool {
        let state = &mut self.jobs[job as usize];
        state.ready_ms = now_ms;
        if state.master == MasterState::Absent {
            if !self.is_spark(job) {
                self.make_first_ready(job, now_ms);
            }
            return false;
        }
        self.request_master(job);
        true
    }

    /// Whether the master of a job may start in its queue, on nodes that offer so much.
    pub fn takes_master(&self, job: u32, offered: Mebibytes, share_of_masters: f64) -> bool {
        let submitter = self.work.jobs[job as usize].submitter;
        let master = self.size_of(job, NONE).memory;
        self.lines
            .takes_master(submitter, master, offered, share_of_masters)
    }

    /// Whether queues and users have limits.
    pub fn has_limits(&self) -> bool {
        self.lines.has_limits()
    }

    /// Notes that the master of a job has ended with the job.
    pub fn master_ended(&mut self, job: u32) {
        let master = self.size_of(job, NONE).memory;
        let submitter = self.work.jobs[job as usize].submitter;
        self.lines.change_masters(submitter, |sum| sum - master);
    }

    /// Lets the master of a job start.
    pub fn activate(&mut self, job: u32) {
        self.jobs[job as usize].master = MasterState::Waiting;
        let master = self.size_of(job, NONE).memory;
        let submitter = self.work.jobs[job as usize].submitter;
        self.lines.change_masters(submitter, |sum| sum + master);
        self.requeue(job);
    }

    /// Notes that the master of a job has a container, in which it starts.
    pub fn master_starts(&mut self, job: u32, container: u32) {
        self.jobs[job as usize].master = MasterState::Starts(container);
        self.requeue(job);
    }

    /// Notes that a task of a stage is done. Returns whether its job is done.
    #[inline]
    pub fn task_done(&mut self, job: u32, stage: u32, now_ms: i64) -> bool {
        let state = &mut self.stages[stage as usize];
        state.unfinished -= 1;
        if state.unfinished > 0 {
            return false;
        }
        let work = self.work;
        for &dependent in work.dependents_of(&work.stages[stage as usize]) {
            self.stages[dependent as usize].after -= 1;
            if self.stages[dependent as usize].after == 0 {
                self.make_ready(dependent, now_ms);
            }
        }
        self.jobs[job as usize].stages_left -= 1;
        self.jobs[job as usize].stages_left == 0
    }

    /// Lets the tasks of the first stages of a job start, which wait for no other stage.
    fn make_first_ready(&mut self, job: u32, now_ms: i64) {
        let spec = &self.work.jobs[job as usize];
        for stage in spec.stage_rows() {
            if self.are_reduces(stage) {
                self.stages[stage as usize].hold_back();
            }
            if self.work.stages[stage as usize].after == 0 {
                self.make_ready(stage, now_ms);
            }
        }
    }

    /// Lets the tasks of a stage start.
    fn make_ready(&mut self, stage: u32, now_ms: i64) {
        self.stages[stage as usize].ready_ms = now_ms;
        if self.are_reduces(stage) {
            self.request_reduces(stage, u64::MAX);
            return;
        }
        self.link_last(stage);
        self.request_tasks(stage, self.work.stages[stage as usize].tasks);
    }

    /// Lets a lost task wait again, ahead of the job's other stages.
    pub fn retry(&mut self, stage: u32, duration_ms: i64) {
        self.lose_task(stage, duration_ms);
        self.link_first(stage);
        self.request_tasks(stage, 1);
    }

    /// Requests a container for the master of a job.
    fn request_master(&mut self, job: u32) {
        let master = self.size_of(job, NONE);
        self.masters_waiting += 1;
        self.pending = self.pending.plus(master);
        self.containers_pending += 1;
    }

    /// The next container of a job that is in the queue.
    fn request(&self, job: u32) -> Request {
        let state = &self.jobs[job as usize];
        let stage = if state.master == MasterState::Waiting {
            NONE
        } else {
            state.first
        };
        Request {
            job,
            stage,
            each: self.size_of(job, stage),
        }
    }

    /// The size of a container of a stage, or of the application master if `stage` is [`NONE`].
    pub fn size_of(&self, job: u32, stage: u32) -> Resources {
        match stage {
            NONE => self.work.jobs[job as usize]
                .application_master
                .unwrap_or_default(),
            stage => self.work.stages[stage as usize].each,
        }
    }

    /// How long the master of a job takes until it requests containers.
    pub fn start_ms_of(&self, job: u32) -> i64 {
        match self.jobs[job as usize].master {
            MasterState::Absent => 0,
            _ => self.application_start_ms,
        }
    }

    /// Takes a requested container from the queue.
    pub fn take(&mut self, Request { stage, each, .. }: Request) -> Taken {
        self.pending = self.pending.minus(each);
        self.containers_pending -= 1;
        if stage == NONE {
            self.masters_waiting -= 1;
            return Taken::ENDS_LATER;
        }
        if self.is_pool(stage) {
            self.stages[stage as usize].never_started -= 1;
            self.unlink_if_spent(stage);
            return Taken::ENDS_LATER;
        }
        let task = self.take_task(stage);
        self.unlink_if_spent(stage);
        task
    }

    /// Lets the tasks of a job start, whose master requests containers from now on. The wait of the
    /// first stages counts from when the master would have been up, had it not waited itself.
    pub fn master_is_up(&mut self, job: u32, container: u32) {
        let start_ms = self.application_start_ms;
        let is_spark = self.is_spark(job);
        let state = &mut self.jobs[job as usize];
        state.master = MasterState::Runs(container);
        let since_ms = state.ready_ms.saturating_add(start_ms);
        let was_up = std::mem::replace(&mut state.master_was_up, true);
        if is_spark {
            // Its driver requests executors.
        } else if !was_up {
            self.make_first_ready(job, since_ms);
        } else {
            let (containers, resources) = self.all_startable(job);
            self.pending = self.pending.plus(resources);
            self.containers_pending += containers;
        }
        self.requeue(job);
    }

    /// Requests a container for a master that was lost. Until it is up again, the tasks of its job
    /// are not requested.
    pub fn master_lost(&mut self, job: u32) {
        let before = std::mem::replace(&mut self.jobs[job as usize].master, MasterState::Waiting);
        if let MasterState::Runs(_) = before {
            let (containers, resources) = self.all_startable(job);
            self.pending = self.pending.minus(resources);
            self.containers_pending -= containers;
        }
        self.request_master(job);
        self.requeue(job);
    }

    /// Notes that a container of the job started: the fair scheduler sorts by what jobs hold, and
    /// queues have limits.
    #[inline]
    pub fn container_started(&mut self, job: u32, each: Resources) {
        if self.scheduler == Scheduler::Fair {
            let state = &mut self.jobs[job as usize];
            state.held += each.memory;
            self.requeue(job);
        } else if self.lines.has_limits() {
            self.lines
                .started(self.work.jobs[job as usize].submitter, each);
        }
    }

    /// Notes that a container of the job ended.
    #[inline]
    pub fn container_ended(&mut self, job: u32, each: Resources) {
        if self.scheduler == Scheduler::Fair {
            let state = &mut self.jobs[job as usize];
            state.held -= each.memory;
            self.requeue(job);
        } else if self.lines.has_limits() {
            self.lines
                .ended(self.work.jobs[job as usize].submitter, each);
        }
    }

    /// The limits that keep containers of these jobs from starting; `None` if the scenario has no
    /// queues.
    pub fn pending_limits(&self, jobs: impl Iterator<Item = u32>) -> Option<Vec<PendingLimit>> {
        if !self.lines.has_limits() {
            return None;
        }
        let mut waiting = vec![(0_u64, Resources::default()); self.work.submitters.len()];
        for job in jobs {
            let sum = &mut waiting[self.work.jobs[job as usize].submitter as usize];
            for (containers, each) in self.requests(job) {
                *sum = (sum.0 + containers, sum.1.plus(each.times(containers)));
            }
        }
        Some(self.lines.pending_limits(&waiting))
    }

    /// The containers of a job that has arrived which YARN has not allocated, by size.
    pub fn requests(&self, job: u32) -> Vec<(u64, Resources)> {
        match self.jobs[job as usize].master {
            MasterState::Inactive | MasterState::Waiting => vec![(1, self.size_of(job, NONE))],
            MasterState::Starts(_) => Vec::new(),
            MasterState::Absent | MasterState::Runs(_) => self.startable(job).collect(),
        }
    }

    /// What the queues of the scenario and their users have.
    pub fn usage(&self) -> Vec<QueueUsage> {
        self.lines.usage(&self.work.submitters)
    }

    /// Moves a job to its place in the queue, or out of it when it has nothing to start. Every change
    /// to the next request of a job must end here.
    fn requeue(&mut self, job: u32) {
        self.first = None;
        let state = &mut self.jobs[job as usize];
        let can_start = state.master == MasterState::Waiting
            || (state.may_start_tasks() && state.first != NONE);
        let place = can_start.then_some(match self.scheduler {
            Scheduler::Fifo | Scheduler::Capacity => (0, job),
            Scheduler::Fair => (state.held.get(), job),
        });
        if place != state.place {
            let old = std::mem::replace(&mut state.place, place);
            let submitter = self.work.jobs[job as usize].submitter;
            self.lines.replace(submitter, old, place);
        }
    }

    /// The tasks of a job that could start if its master ran: their number and size, by stage.
    fn startable(&self, job: u32) -> impl Iterator<Item = (u64, Resources)> {
        let linked = |stage: u32| (stage != NONE).then_some(stage);
        let stages = std::iter::successors(linked(self.jobs[job as usize].first), move |stage| {
            linked(self.stages[*stage as usize].next)
        });
        stages.map(|stage| {
            let each = self.work.stages[stage as usize].each;
            (self.tasks_to_start(stage), each)
        })
    }

    /// The same as one sum.
    fn all_startable(&self, job: u32) -> (u64, Resources) {
        let none = (0, Resources::default());
        self.startable(job).fold(none, |sum, (count, each)| {
            (sum.0 + count, sum.1.plus(each.times(count)))
        })
    }

    pub(super) fn request_tasks(&mut self, stage: u32, count: u64) {
        let spec = &self.work.stages[stage as usize];
        let each = spec.each.times(count);
        self.pending = self.pending.plus(each);
        self.containers_pending += count;
        self.requeue(spec.job);
    }

    /// Takes a lost task of the stage if there is one, otherwise the next task.
    pub fn take_task(&mut self, stage: u32) -> Taken {
        let state = &mut self.stages[stage as usize];
        if state.lost > 0 {
            state.lost -= 1;
            return Taken {
                duration_ms: self.take_shortest_lost(stage),
                ready_ms: None,
            };
        }
        let run = self.work.runs[state.run as usize];
        state.never_started -= 1;
        state.started_of_run += 1;
        if state.started_of_run == run.count {
            state.run += 1;
            state.started_of_run = 0;
        }
        Taken {
            duration_ms: run.duration_ms,
            ready_ms: Some(state.ready_ms),
        }
    }

    fn take_shortest_lost(&mut self, stage: u32) -> i64 {
        let Some((&key, count)) = self
            .lost
            .range_mut((stage, i64::MIN)..=(stage, i64::MAX))
            .next()
        else {
            return 0;
        };
        *count -= 1;
        if *count == 0 {
            self.lost.remove(&key);
        }
        key.1
    }

    fn link_last(&mut self, stage: u32) {
        let job = &mut self.jobs[self.work.stages[stage as usize].job as usize];
        self.stages[stage as usize].linked = true;
        match job.last {
            NONE => job.first = stage,
            last => self.stages[last as usize].next = stage,
        }
        job.last = stage;
    }

    fn link_first(&mut self, stage: u32) {
        let job = &mut self.jobs[self.work.stages[stage as usize].job as usize];
        let state = &mut self.stages[stage as usize];
        if state.linked {
            return;
        }
        state.linked = true;
        state.next = job.first;
        job.first = stage;
        if job.last == NONE {
            job.last = stage;
        }
    }

    /// Unlinks the stage when it has nothing left to start.
    fn unlink_if_spent(&mut self, stage: u32) {
        if self.tasks_to_start(stage) > 0 {
            return;
        }
        let state = &mut self.stages[stage as usize];
        let index = self.work.stages[stage as usize].job;
        state.linked = false;
        let next = std::mem::replace(&mut state.next, NONE);
        let job = &mut self.jobs[index as usize];
        if job.first == stage {
            job.first = next;
            if job.first == NONE {
                job.last = NONE;
            }
        } else {
            self.unlink_behind_others(stage, next);
        }
        self.requeue(index);
    }
}
