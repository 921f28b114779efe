//! What of a job can start next, and in which order jobs are asked.

use super::{ContainerWorkload, NONE};
use crate::sim::scenario::Scheduler;
use crate::sim::trace_work::{JobSpec, StageSpec};
use crate::units::{Mebibytes, Resources};

#[derive(Clone, Debug)]
pub(super) struct JobState {
    pub stages_left: u32,
    pub master: MasterState,
    /// When the job came.
    pub ready_ms: i64,
    master_was_up: bool,
    /// Memory of the job's containers, for the fair scheduler.
    held: Mebibytes,
    /// Where it stands in the queue.
    place: Option<(u64, u32)>,
    /// Stages with tasks to start, linked in the order in which they became ready.
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MasterState {
    /// The job has none.
    Absent,
    /// The job has not arrived, or stands outside the queue.
    Inactive,
    Waiting,
    /// In this container, and asks for nothing yet.
    Starts(u32),
    /// In this container.
    Runs(u32),
}

#[derive(Clone, Debug)]
pub(super) struct StageState {
    /// Stages that must finish first.
    pub after: u32,
    pub unfinished: u64,
    ready_ms: i64,
    /// The run of the next task, and how many tasks of it have started.
    run: u32,
    started_of_run: u32,
    never_started: u64,
    /// Tasks that were lost and wait again.
    lost: u32,
    next: u32,
    linked: bool,
}

/// The next container that a job wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub job: u32,
    /// [`NONE`] for the application master.
    pub stage: u32,
    pub each: Resources,
}

/// A container taken out of what waits.
pub(super) struct Taken {
    /// Zero for a master, which ends with its job.
    pub duration_ms: i64,
    /// Since when it could have started; `None` for a master, and for a task that has been started
    /// before.
    pub ready_ms: Option<i64>,
}

impl JobState {
    pub fn new(spec: &JobSpec) -> Self {
        Self {
            stages_left: spec.stages,
            master: if spec.application_master.is_some() {
                MasterState::Inactive
            } else {
                MasterState::Absent
            },
            ready_ms: 0,
            master_was_up: false,
            held: Mebibytes::ZERO,
            place: None,
            first: NONE,
            last: NONE,
        }
    }

    fn may_start_tasks(&self) -> bool {
        matches!(self.master, MasterState::Absent | MasterState::Runs(_))
    }
}

impl StageState {
    pub fn new(spec: &StageSpec) -> Self {
        Self {
            after: spec.after,
            unfinished: spec.tasks,
            ready_ms: 0,
            run: spec.first_run,
            started_of_run: 0,
            never_started: spec.tasks,
            lost: 0,
            next: NONE,
            linked: false,
        }
    }
}

impl ContainerWorkload<'_> {
    /// The first stages of a job, which wait for no other, can start.
    pub(super) fn make_first_ready(&mut self, job: u32, now_ms: i64) {
        let spec = &self.load.jobs[job as usize];
        for stage in spec.first_stage..spec.first_stage + spec.stages {
            if self.load.stages[stage as usize].after == 0 {
                self.make_ready(stage, now_ms);
            }
        }
    }

    /// The tasks of a stage can start.
    pub(super) fn make_ready(&mut self, stage: u32, now_ms: i64) {
        self.stages[stage as usize].ready_ms = now_ms;
        self.link_last(stage);
        self.want_tasks(stage, self.load.stages[stage as usize].tasks);
    }

    /// A lost task waits again, ahead of the job's other stages.
    pub(super) fn give_back(&mut self, stage: u32, duration_ms: i64) {
        self.stages[stage as usize].lost += 1;
        *self.lost.entry((stage, duration_ms)).or_default() += 1;
        self.link_first(stage);
        self.want_tasks(stage, 1);
    }

    /// A master waits for a container.
    pub(super) fn want_master(&mut self, job: u32) {
        let master = self.size_of(job, NONE);
        self.masters_waiting += 1;
        self.pending = self.pending.plus(master);
        self.containers_pending += 1;
    }

    /// The next container of a job that is in the queue.
    pub(super) fn request(&self, job: u32) -> Request {
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

    /// What a container of a stage takes, or the application master.
    pub(super) fn size_of(&self, job: u32, stage: u32) -> Resources {
        match stage {
            NONE => self.load.jobs[job as usize]
                .application_master
                .unwrap_or_default(),
            stage => self.load.stages[stage as usize].each,
        }
    }

    /// How long the master of a job takes until it asks for containers.
    pub(super) fn start_ms_of(&self, job: u32) -> i64 {
        match self.jobs[job as usize].master {
            MasterState::Absent => 0,
            _ => self.application_start_ms,
        }
    }

    /// Takes the requested container out of what waits.
    pub(super) fn take(&mut self, Request { stage, each, .. }: Request) -> Taken {
        self.pending = self.pending.minus(each);
        self.containers_pending -= 1;
        if stage == NONE {
            self.masters_waiting -= 1;
            return Taken {
                duration_ms: 0,
                ready_ms: None,
            };
        }
        let task = self.take_task(stage);
        self.unlink_if_spent(stage);
        task
    }

    /// The first stages could have run ever since the job came and its master could have been up:
    /// that the master had to wait is no fault of theirs.
    pub(super) fn master_is_up(&mut self, job: u32, container: u32) {
        let start_ms = self.application_start_ms;
        let state = &mut self.jobs[job as usize];
        state.master = MasterState::Runs(container);
        let since_ms = state.ready_ms.saturating_add(start_ms);
        if !std::mem::replace(&mut state.master_was_up, true) {
            self.make_first_ready(job, since_ms);
        } else {
            let (containers, resources) = self.startable(job);
            self.pending = self.pending.plus(resources);
            self.containers_pending += containers;
        }
        self.requeue(job);
    }

    /// The master has to start again; until then nobody asks for the job's tasks.
    pub(super) fn master_lost(&mut self, job: u32) {
        let before = std::mem::replace(&mut self.jobs[job as usize].master, MasterState::Waiting);
        if let MasterState::Runs(_) = before {
            let (containers, resources) = self.startable(job);
            self.pending = self.pending.minus(resources);
            self.containers_pending -= containers;
        }
        self.want_master(job);
        self.requeue(job);
    }

    /// The job's containers now hold so much more, or less: only the fair scheduler asks.
    pub(super) fn hold(&mut self, job: u32, change: impl FnOnce(Mebibytes) -> Mebibytes) {
        if self.scheduler == Scheduler::Fair {
            let state = &mut self.jobs[job as usize];
            state.held = change(state.held);
            self.requeue(job);
        }
    }

    /// Puts a job where it belongs in the queue, or out of it when there is nothing to start.
    /// Whatever changes what a job asks for next ends here.
    pub(super) fn requeue(&mut self, job: u32) {
        self.first = None;
        let state = &mut self.jobs[job as usize];
        let wants = state.master == MasterState::Waiting
            || (state.may_start_tasks() && state.first != NONE);
        let place = wants.then_some(match self.scheduler {
            Scheduler::Fifo | Scheduler::Capacity => (0, job),
            Scheduler::Fair => (state.held.get(), job),
        });
        if place != state.place {
            let old = std::mem::replace(&mut state.place, place);
            if let Some(Ok(position)) = old.map(|old| self.queue.binary_search(&old)) {
                self.queue.remove(position);
            }
            if let Some(place) = place
                && let Err(position) = self.queue.binary_search(&place)
            {
                self.queue.insert(position, place);
            }
        }
    }

    /// Tasks of a job that could start if its master ran, and what they take.
    fn startable(&self, job: u32) -> (u64, Resources) {
        let linked = |stage: u32| (stage != NONE).then_some(stage);
        let stages = std::iter::successors(linked(self.jobs[job as usize].first), |stage| {
            linked(self.stages[*stage as usize].next)
        });
        stages.fold(
            (0, Resources::default()),
            |(containers, resources), stage| {
                let state = &self.stages[stage as usize];
                let count = state.never_started + u64::from(state.lost);
                (
                    containers + count,
                    resources.plus(self.load.stages[stage as usize].each.times(count)),
                )
            },
        )
    }

    fn want_tasks(&mut self, stage: u32, count: u64) {
        let spec = &self.load.stages[stage as usize];
        let each = spec.each.times(count);
        self.pending = self.pending.plus(each);
        self.containers_pending += count;
        self.requeue(spec.job);
    }

    /// A lost task if there is one, otherwise the next one of the stage.
    fn take_task(&mut self, stage: u32) -> Taken {
        let state = &mut self.stages[stage as usize];
        if state.lost > 0 {
            state.lost -= 1;
            return Taken {
                duration_ms: self.take_shortest_lost(stage),
                ready_ms: None,
            };
        }
        let run = self.load.runs[state.run as usize];
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
        let job = &mut self.jobs[self.load.stages[stage as usize].job as usize];
        self.stages[stage as usize].linked = true;
        match job.last {
            NONE => job.first = stage,
            last => self.stages[last as usize].next = stage,
        }
        job.last = stage;
    }

    fn link_first(&mut self, stage: u32) {
        let job = &mut self.jobs[self.load.stages[stage as usize].job as usize];
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

    /// Takes the stage, the first of its job, out of the links when it has nothing left to start.
    fn unlink_if_spent(&mut self, stage: u32) {
        let state = &mut self.stages[stage as usize];
        if state.never_started > 0 || state.lost > 0 {
            return;
        }
        let index = self.load.stages[stage as usize].job;
        let job = &mut self.jobs[index as usize];
        state.linked = false;
        job.first = std::mem::replace(&mut state.next, NONE);
        if job.first == NONE {
            job.last = NONE;
        }
        self.requeue(index);
    }
}
