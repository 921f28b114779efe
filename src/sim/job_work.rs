//! The jobs of a trace, checked, in flat tables that stay small.

use std::sync::Arc;
use std::time::Duration;

use crate::trace::{Job, Stage};
use crate::units::{Resources, Timestamp};

/// Why a job cannot be simulated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum JobWorkError {
    /// The jobs are not sorted by submission.
    #[error("job {job} is submitted before the job ahead of it; sort the jobs by submit time")]
    OutOfOrder { job: String },
    /// A job without stages.
    #[error("job {job} has no stages; add a stage or remove the job")]
    NoStages { job: String },
    /// A stage without tasks.
    #[error("job {job}, stage {stage} has no tasks; add tasks or remove the stage")]
    NoTasks { job: String, stage: usize },
    /// A task without memory or cores.
    #[error(
        "job {job}, stage {stage}: a task needs memory and cores; give it at least 1 MiB and 1 vcore"
    )]
    TakesNothing { job: String, stage: usize },
    /// A stage that waits for itself or for a later one.
    #[error(
        "job {job}, stage {stage} waits for stage {after}, which is not before it; list the stages in the order of their dependencies"
    )]
    Cycle {
        job: String,
        stage: usize,
        after: u32,
    },
    /// A time beyond the limit.
    #[error(
        "job {job}: a time of {days} days is longer than the limit of a hundred years; correct it"
    )]
    TooLong { job: String, days: u64 },
    /// Too many rows for the tables.
    #[error(
        "job {job}: a trace can have at most {} stages, jobs and runs of tasks; split the trace",
        u32::MAX
    )]
    TooMany { job: String },
}

/// Jobs in flat tables, with tasks run-length encoded: 41,310 tasks take well under a megabyte.
#[derive(Clone, Debug, PartialEq)]
pub struct JobWork {
    pub(crate) start: Timestamp,
    pub(crate) jobs: Vec<JobSpec>,
    pub(crate) stages: Vec<StageSpec>,
    pub(crate) runs: Vec<TaskRunSpec>,
    /// Stages that wait for another stage, grouped by the stage that they wait for.
    pub(crate) dependents: Vec<u32>,
    pub(crate) tasks: u64,
}

/// A job, and where its stages are in the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobSpec {
    pub id: Arc<str>,
    /// When it is submitted, since the start.
    pub submit_ms: i64,
    pub application_master: Option<Resources>,
    pub first_stage: u32,
    pub stages: u32,
    /// The length of the longest path through its stages: its duration if nothing waits.
    pub unhindered_ms: i64,
}

/// A stage, and where its tasks and dependents are in their tables.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StageSpec {
    pub job: u32,
    pub each: Resources,
    pub first_run: u32,
    pub tasks: u64,
    /// The number of stages that must finish first.
    pub after: u32,
    pub first_dependent: u32,
    pub dependents: u32,
}

/// A number of equal tasks, above zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TaskRunSpec {
    pub count: u32,
    pub duration_ms: i64,
}

impl JobWork {
    /// Work without jobs that begins at `start`.
    pub fn new(start: Timestamp) -> Self {
        Self {
            start,
            jobs: Vec::new(),
            stages: Vec::new(),
            runs: Vec::new(),
            dependents: Vec::new(),
            tasks: 0,
        }
    }

    /// The work of a list of jobs.
    ///
    /// # Errors
    /// The first job that cannot be simulated.
    pub fn from_jobs(start: Timestamp, jobs: &[Job]) -> Result<Self, JobWorkError> {
        let mut work = Self::new(start);
        jobs.iter().try_for_each(|job| work.push(job))?;
        Ok(work)
    }

    /// Adds a job, which must not be submitted before the jobs that are there.
    ///
    /// # Errors
    /// When the job cannot be simulated; do not use the work after that.
    pub fn push(&mut self, job: &Job) -> Result<(), JobWorkError> {
        let id = || job.id.to_string();
        let submit_ms = milliseconds(job.submit, job)?;
        if self
            .jobs
            .last()
            .is_some_and(|last| last.submit_ms > submit_ms)
        {
            return Err(JobWorkError::OutOfOrder { job: id() });
        }
        if job.stages.is_empty() {
            return Err(JobWorkError::NoStages { job: id() });
        }
        let first_stage = self.stages.len();
        let mut path_ms: Vec<i64> = Vec::with_capacity(job.stages.len());
        for (index, stage) in job.stages.iter().enumerate() {
            let longest_ms = self.push_stage(job, index, stage)?;
            let after_ms = stage
                .after
                .iter()
                .map(|after| path_ms[*after as usize])
                .max()
                .unwrap_or(0);
            path_ms.push(after_ms.saturating_add(longest_ms));
        }
        self.link(first_stage, &job.stages);
        if self
            .stages
            .len()
            .max(self.runs.len())
            .max(self.dependents.len())
            .max(self.jobs.len())
            >= u32::MAX as usize
        {
            return Err(JobWorkError::TooMany { job: id() });
        }
        self.jobs.push(JobSpec {
            id: job.id.clone(),
            submit_ms,
            application_master: job
                .application_master
                .filter(|master| *master != Resources::default()),
            first_stage: first_stage as u32,
            stages: job.stages.len() as u32,
            unhindered_ms: path_ms.into_iter().max().unwrap_or(0),
        });
        Ok(())
    }

    /// Adds a stage without its dependents; returns the duration of its longest task in
    /// milliseconds.
    fn push_stage(&mut self, job: &Job, index: usize, stage: &Stage) -> Result<i64, JobWorkError> {
        let id = || job.id.to_string();
        if let Some(after) = stage.after.iter().find(|after| **after as usize >= index) {
            return Err(JobWorkError::Cycle {
                job: id(),
                stage: index,
                after: *after,
            });
        }
        if stage.memory.get() == 0 || stage.vcores.get() == 0 {
            return Err(JobWorkError::TakesNothing {
                job: id(),
                stage: index,
            });
        }
        let first_run = self.runs.len() as u32;
        let (mut tasks, mut longest_ms) = (0_u64, 0);
        for run in stage.tasks.iter().filter(|run| run.count > 0) {
            let duration_ms = milliseconds(run.duration, job)?;
            self.runs.push(TaskRunSpec {
                count: run.count,
                duration_ms,
            });
            tasks = tasks.saturating_add(u64::from(run.count));
            longest_ms = longest_ms.max(duration_ms);
        }
        if tasks == 0 {
            return Err(JobWorkError::NoTasks {
                job: id(),
                stage: index,
            });
        }
        self.tasks = self.tasks.saturating_add(tasks);
        self.stages.push(StageSpec {
            job: self.jobs.len() as u32,
            each: stage.each(),
            first_run,
            tasks,
            after: stage.after.len() as u32,
            first_dependent: 0,
            dependents: 0,
        });
        Ok(longest_ms)
    }

    /// Adds the dependents of the stages of the last job.
    fn link(&mut self, first_stage: usize, stages: &[Stage]) {
        for index in 0..stages.len() {
            let first_dependent = self.dependents.len();
            for (later, stage) in stages.iter().enumerate().skip(index + 1) {
                let edges = stage.after.iter().filter(|after| **after as usize == index);
                self.dependents
                    .extend(edges.map(|_| (first_stage + later) as u32));
            }
            let spec = &mut self.stages[first_stage + index];
            spec.first_dependent = first_dependent as u32;
            spec.dependents = (self.dependents.len() - first_dependent) as u32;
        }
    }

    /// The instant so many milliseconds after the start.
    pub(crate) fn at(&self, ms: i64) -> Timestamp {
        Timestamp::from_millis(self.start.as_millis().saturating_add(ms))
    }

    /// The number of jobs.
    pub(crate) fn job_count(&self) -> usize {
        self.jobs.len()
    }

    /// The work of a single job, which begins when the job is submitted.
    pub(crate) fn job_alone(&self, job: usize) -> Self {
        let spec = &self.jobs[job];
        let stages = spec.first_stage as usize..(spec.first_stage + spec.stages) as usize;
        let (first, last) = (&self.stages[stages.start], &self.stages[stages.end - 1]);
        let (first_run, first_dependent) = (first.first_run, first.first_dependent);
        let runs = first_run as usize
            ..first_run as usize
                + stages
                    .clone()
                    .map(|stage| self.runs_of(stage).len())
                    .sum::<usize>();
        let dependents =
            first_dependent as usize..(last.first_dependent + last.dependents) as usize;
        let own = |stage: &StageSpec| StageSpec {
            job: 0,
            first_run: stage.first_run - first_run,
            first_dependent: stage.first_dependent - first_dependent,
            ..stage.clone()
        };
        Self {
            start: self.at(spec.submit_ms),
            jobs: vec![JobSpec {
                submit_ms: 0,
                first_stage: 0,
                ..spec.clone()
            }],
            stages: self.stages[stages.clone()].iter().map(own).collect(),
            runs: self.runs[runs].to_vec(),
            dependents: self.dependents[dependents]
                .iter()
                .map(|stage| stage - spec.first_stage)
                .collect(),
            tasks: self.stages[stages].iter().map(|stage| stage.tasks).sum(),
        }
    }

    /// The tasks of a stage.
    pub(crate) fn runs_of(&self, stage: usize) -> &[TaskRunSpec] {
        let end = self
            .stages
            .get(stage + 1)
            .map_or(self.runs.len(), |next| next.first_run as usize);
        &self.runs[self.stages[stage].first_run as usize..end]
    }

    /// The stages that wait for a stage.
    pub(crate) fn dependents_of(&self, stage: &StageSpec) -> &[u32] {
        let first = stage.first_dependent as usize;
        &self.dependents[first..first + stage.dependents as usize]
    }
}

fn milliseconds(duration: Duration, job: &Job) -> Result<i64, JobWorkError> {
    const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
    if duration > LONGEST {
        return Err(JobWorkError::TooLong {
            job: job.id.to_string(),
            days: duration.as_secs() / 86_400,
        });
    }
    Ok(duration.as_millis() as i64)
}
