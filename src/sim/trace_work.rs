//! What a simulation has to serve: a trace, checked and kept small.

use std::time::Duration;

use super::observed::{ObservedError, ObservedLoad};
use crate::trace::{Header, Job, Kind, Record, Stage};
use crate::units::{Resources, Timestamp};

/// The work of one trace.
#[derive(Clone, Debug, PartialEq)]
pub enum TraceWork {
    /// Served container by container.
    Jobs(JobLoad),
    /// Served as a fluid.
    Observations(ObservedLoad),
}

/// Why a trace cannot be simulated; `E` is what reading it can fail with.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E: std::error::Error + 'static> {
    #[error(transparent)]
    Trace(E),
    #[error(transparent)]
    Jobs(#[from] JobsError),
    #[error(transparent)]
    Observed(#[from] ObservedError),
}

impl TraceWork {
    /// Reads a trace of either kind to its end. `assumed_container_lifetime` replaces turnover
    /// where observations do not have it.
    ///
    /// # Errors
    /// The first record that could not be read or served.
    pub fn read<E: std::error::Error>(
        header: &Header,
        records: impl IntoIterator<Item = Result<Record, E>>,
        assumed_container_lifetime: Option<Duration>,
    ) -> Result<Self, ReadError<E>> {
        match header.kind {
            Kind::Jobs => {
                let mut load = JobLoad::new(header.start);
                for record in records {
                    if let Record::Job(job) = record.map_err(ReadError::Trace)? {
                        load.push(&job)?;
                    }
                }
                Ok(Self::Jobs(load))
            }
            Kind::Observations => {
                let mut load = ObservedLoad::builder(assumed_container_lifetime);
                for record in records {
                    if let Record::Observation(observation) = record.map_err(ReadError::Trace)? {
                        load.push(&observation);
                    }
                }
                Ok(Self::Observations(load.finish()?))
            }
        }
    }

    pub fn start(&self) -> Timestamp {
        match self {
            Self::Jobs(load) => load.start,
            Self::Observations(load) => load.start,
        }
    }

    /// From the start until the last work has come.
    pub fn span(&self) -> Duration {
        let last_ms = match self {
            Self::Jobs(load) => load.jobs.last().map_or(0, |job| job.submit_ms),
            Self::Observations(load) => load.end_ms,
        };
        Duration::from_millis(last_ms.unsigned_abs())
    }
}

/// Why a job cannot be simulated.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobsError {
    #[error("job {job} is submitted before the job ahead of it; sort the jobs by submit time")]
    OutOfOrder { job: String },
    #[error("job {job} has no stages; leave it out or give it one")]
    NoStages { job: String },
    #[error("job {job}, stage {stage}: it has no tasks; leave the stage out")]
    NoTasks { job: String, stage: usize },
    #[error(
        "job {job}, stage {stage}: a task takes no memory or no cores; give it at least 1 MiB and 1 vcore"
    )]
    TakesNothing { job: String, stage: usize },
    #[error("job {job}, stage {stage}: it waits for stage {after}, which is not before it")]
    Cycle {
        job: String,
        stage: usize,
        after: u32,
    },
    #[error("job {job}: a time of {days} days is longer than a hundred years")]
    TooLong { job: String, days: u64 },
    #[error(
        "job {job}: a trace holds at most {} stages, jobs and runs of tasks",
        u32::MAX
    )]
    TooMany { job: String },
}

/// Jobs in flat tables, tasks run-length coded: 41,310 tasks take well under a megabyte.
#[derive(Clone, Debug, PartialEq)]
pub struct JobLoad {
    pub(crate) start: Timestamp,
    pub(crate) jobs: Vec<JobSpec>,
    pub(crate) stages: Vec<StageSpec>,
    pub(crate) runs: Vec<Run>,
    /// Stages that wait for another, grouped by the one that they wait for.
    pub(crate) dependents: Vec<u32>,
    pub(crate) tasks: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobSpec {
    pub id: std::sync::Arc<str>,
    /// Since the start.
    pub submit_ms: i64,
    pub application_master: Option<Resources>,
    pub first_stage: u32,
    pub stages: u32,
    /// The longest path through the stages.
    pub unhindered_ms: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StageSpec {
    pub job: u32,
    pub each: Resources,
    pub first_run: u32,
    pub tasks: u64,
    /// How many stages must finish first.
    pub after: u32,
    pub first_dependent: u32,
    pub dependents: u32,
}

/// `count` equal tasks, `count` above zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Run {
    pub count: u32,
    pub duration_ms: i64,
}

impl JobLoad {
    /// A load without jobs that begins at `start`.
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

    /// All jobs of a slice.
    ///
    /// # Errors
    /// The first job that cannot be simulated.
    pub fn of(start: Timestamp, jobs: &[Job]) -> Result<Self, JobsError> {
        let mut load = Self::new(start);
        jobs.iter().try_for_each(|job| load.push(job))?;
        Ok(load)
    }

    /// Adds a job, which must not be submitted before those already there.
    ///
    /// # Errors
    /// When the job cannot be simulated; the load is then of no further use.
    pub fn push(&mut self, job: &Job) -> Result<(), JobsError> {
        let id = || job.id.to_string();
        let submit_ms = milliseconds(job.submit, job)?;
        if self
            .jobs
            .last()
            .is_some_and(|last| last.submit_ms > submit_ms)
        {
            return Err(JobsError::OutOfOrder { job: id() });
        }
        if job.stages.is_empty() {
            return Err(JobsError::NoStages { job: id() });
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
            return Err(JobsError::TooMany { job: id() });
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

    /// Adds a stage without its dependents; yields the duration of its longest task in
    /// milliseconds.
    fn push_stage(&mut self, job: &Job, index: usize, stage: &Stage) -> Result<i64, JobsError> {
        let id = || job.id.to_string();
        if let Some(after) = stage.after.iter().find(|after| **after as usize >= index) {
            return Err(JobsError::Cycle {
                job: id(),
                stage: index,
                after: *after,
            });
        }
        if stage.memory.get() == 0 || stage.vcores.get() == 0 {
            return Err(JobsError::TakesNothing {
                job: id(),
                stage: index,
            });
        }
        let first_run = self.runs.len() as u32;
        let (mut tasks, mut longest_ms) = (0_u64, 0);
        for run in stage.tasks.iter().filter(|run| run.count > 0) {
            let duration_ms = milliseconds(run.duration, job)?;
            self.runs.push(Run {
                count: run.count,
                duration_ms,
            });
            tasks = tasks.saturating_add(u64::from(run.count));
            longest_ms = longest_ms.max(duration_ms);
        }
        if tasks == 0 {
            return Err(JobsError::NoTasks {
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

    /// Fills in which stages wait for which.
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

    pub(crate) fn job_count(&self) -> usize {
        self.jobs.len()
    }

    /// One job as a load of its own, which begins as the job is submitted.
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
            start: Timestamp::from_millis(self.start.as_millis().saturating_add(spec.submit_ms)),
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

    pub(crate) fn runs_of(&self, stage: usize) -> &[Run] {
        let end = self
            .stages
            .get(stage + 1)
            .map_or(self.runs.len(), |next| next.first_run as usize);
        &self.runs[self.stages[stage].first_run as usize..end]
    }

    pub(crate) fn dependents_of(&self, stage: &StageSpec) -> &[u32] {
        let first = stage.first_dependent as usize;
        &self.dependents[first..first + stage.dependents as usize]
    }
}

fn milliseconds(duration: Duration, job: &Job) -> Result<i64, JobsError> {
    const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);
    if duration > LONGEST {
        return Err(JobsError::TooLong {
            job: job.id.to_string(),
            days: duration.as_secs() / 86_400,
        });
    }
    Ok(duration.as_millis() as i64)
}
