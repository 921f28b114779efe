//! The state of jobs and stages, and what the queue hands out.

use crate::sim::job_work::{JobSpec, NONE, StageSpec};
use crate::units::{Mebibytes, Resources};

/// The state of a job.
#[derive(Clone, Debug)]
pub(in super::super) struct JobState {
    pub stages_left: u32,
    pub master: MasterState,
    /// When the job arrived.
    pub ready_ms: i64,
    pub(super) master_was_up: bool,
    /// Memory of the job's containers, for the fair scheduler.
    pub(super) held: Mebibytes,
    /// Its entry in the queue.
    pub(super) place: Option<(u64, u32)>,
    /// Stages with tasks to start, linked in the order in which they became ready.
    pub(super) first: u32,
    pub(super) last: u32,
}

/// The state of the application master of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum MasterState {
    /// The job has no application master.
    Absent,
    /// The job has not arrived, or its master may not start yet.
    Inactive,
    /// The master waits for a container.
    Waiting,
    /// The master has this container, and does not request others yet.
    Starts(u32),
    /// The master runs in this container.
    Runs(u32),
}

/// The state of a stage.
#[derive(Clone, Debug)]
pub(in super::super) struct StageState {
    /// Stages that must finish first.
    pub after: u32,
    pub unfinished: u64,
    pub(super) ready_ms: i64,
    /// The run of the next task, and how many tasks of it have started.
    pub(super) run: u32,
    pub(super) started_of_run: u32,
    pub(super) never_started: u64,
    /// Reduces for which the job does not ask now; `given_up` of them have started before.
    pub unrequested: u64,
    pub(super) given_up: u32,
    /// Tasks that were lost and wait again.
    pub(super) lost: u32,
    pub(super) next: u32,
    pub(super) linked: bool,
}

/// The next container that a job requests.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Request {
    pub job: u32,
    /// [`NONE`] for the application master.
    pub stage: u32,
    pub each: Resources,
}

/// A container that was taken from the queue in order to start.
pub(in super::super) struct Taken {
    /// Zero for a master and an executor, which end with their job or earlier.
    pub duration_ms: i64,
    /// When it could have started; `None` for a master, an executor, and for a task that started before and was
    /// lost.
    pub ready_ms: Option<i64>,
}

impl JobState {
    /// A job that has not arrived.
    pub fn new(spec: &JobSpec) -> Self {
        Self {
            // The driver of a Spark application ends by itself, after its last stage.
            stages_left: spec.stages + u32::from(spec.spark.is_some()),
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

    pub(super) fn may_start_tasks(&self) -> bool {
        matches!(self.master, MasterState::Absent | MasterState::Runs(_))
    }
}

impl StageState {
    /// A stage of a job that has not arrived.
    pub fn new(spec: &StageSpec) -> Self {
        Self {
            after: spec.after,
            unfinished: spec.tasks,
            ready_ms: 0,
            run: spec.first_run,
            started_of_run: 0,
            never_started: spec.tasks,
            unrequested: 0,
            given_up: 0,
            lost: 0,
            next: NONE,
            linked: false,
        }
    }
}
