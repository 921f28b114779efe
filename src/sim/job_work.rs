//! The jobs of a trace, checked, in flat tables that stay small.

mod checks;
mod error;

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use crate::trace::{ExecutorAllocation, Job, MapReduce, SparkApplication, Stage};
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores};
use checks::{check_executors, check_map_reduce};
pub(crate) use error::EXECUTORS_MAX;
pub use error::JobWorkError;

/// "No stage".
pub(crate) const NONE: u32 = u32::MAX;

/// Jobs in flat tables, with tasks run-length encoded: 41,310 tasks take well under a megabyte.
#[derive(Clone, Debug, PartialEq)]
pub struct JobWork {
    pub(crate) start: Timestamp,
    pub(crate) jobs: Vec<JobSpec>,
    pub(crate) stages: Vec<StageSpec>,
    pub(crate) runs: Vec<TaskRunSpec>,
    /// Stages that wait for another stage, grouped by the stage that they wait for.
    pub(crate) dependents: Vec<u32>,
    /// Who submitted the jobs, and to which queue.
    pub(crate) submitters: Vec<Submitter>,
    pub(crate) tasks: u64,
    /// Whether any job is a MapReduce job that requests its reduces by and by.
    pub(crate) has_map_reduce: bool,
    /// Whether jobs have names, which YARN lists.
    pub(crate) has_names: bool,
    /// Whether any job is a step of EMR.
    pub(crate) has_steps: bool,
}

/// A user of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Submitter {
    pub queue: Arc<str>,
    /// `None` for all jobs whose user the trace does not name.
    pub user: Option<Arc<str>>,
}

/// A job, and where its stages are in the table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct JobSpec {
    pub id: Arc<str>,
    /// The name that it shares with other runs of the same work; its id without one.
    pub name: Arc<str>,
    /// When it is submitted, since the start.
    pub submit_ms: i64,
    /// EMR runs it as a step, when those before it are done.
    pub is_step: bool,
    pub application_master: Option<Resources>,
    /// The position of its user and queue.
    pub submitter: u32,
    pub first_stage: u32,
    pub stages: u32,
    /// Its duration if nothing waits: the length of the longest path through its stages. For Spark,
    /// `sim::unhindered` measures it.
    pub unhindered_ms: i64,
    /// For a Spark application: its executors, whose rows among the stages follow those of the job.
    pub spark: Option<Arc<SparkSpec>>,
    pub map_reduce: Option<MapReduce>,
}

/// The executors of a Spark application.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SparkSpec {
    pub allocation: ExecutorAllocation,
    /// Tasks that an executor runs at the same time, by resource profile.
    pub slots: Vec<u32>,
    /// `None` for the overhead of containers in the scenario.
    pub executor_start_ms: Option<i64>,
    pub end_pause_ms: i64,
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
    pub spark: SparkStageSpec,
}

/// What is special about a stage of a Spark application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SparkStageSpec {
    /// The row of the executors that run its tasks; [`NONE`] if each task is a container.
    pub pool: u32,
    /// The number of its Spark job.
    pub job: u32,
    pub pause_ms: i64,
    pub has_shuffle_output: bool,
    pub is_cached: bool,
}

impl SparkStageSpec {
    /// Stands for a stage whose tasks are containers.
    const CONTAINERS: Self = Self {
        pool: NONE,
        job: 0,
        pause_ms: 0,
        has_shuffle_output: false,
        is_cached: false,
    };
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
            submitters: Vec::new(),
            tasks: 0,
            has_map_reduce: false,
            has_names: false,
            has_steps: false,
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
        let spark = match &job.spark {
            Some(spark) => Some(Arc::new(self.push_executors(job, first_stage, spark)?)),
            None => None,
        };
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
        check_map_reduce(job)?;
        self.has_map_reduce |= job.map_reduce.is_some();
        self.has_names |= job.name.is_some();
        self.has_steps |= job.is_step;
        let submitter = self.submitter_of(job);
        self.jobs.push(JobSpec {
            id: job.id.clone(),
            name: job.name.as_ref().unwrap_or(&job.id).clone(),
            submit_ms,
            is_step: job.is_step,
            application_master: job
                .application_master
                .filter(|master| *master != Resources::default()),
            submitter,
            first_stage: first_stage as u32,
            stages: job.stages.len() as u32,
            unhindered_ms: path_ms.into_iter().max().unwrap_or(0),
            spark,
            map_reduce: job.map_reduce,
        });
        Ok(())
    }

    /// The position of a job's user and queue, which are added if they are new.
    fn submitter_of(&mut self, job: &Job) -> u32 {
        let is_same = |submitter: &Submitter| {
            *submitter.queue == *job.queue_name() && submitter.user == job.user
        };
        // Jobs of the same user often follow each other.
        let known = self.submitters.iter().rposition(is_same);
        let position = known.unwrap_or_else(|| {
            self.submitters.push(Submitter {
                queue: job.queue_name().into(),
                user: job.user.clone(),
            });
            self.submitters.len() - 1
        });
        position as u32
    }

    /// Adds the rows of a Spark application's executors after its stages, and refers its stages to them.
    fn push_executors(
        &mut self,
        job: &Job,
        first_stage: usize,
        spark: &SparkApplication,
    ) -> Result<SparkSpec, JobWorkError> {
        check_executors(job, spark)?;
        let first_pool = first_stage + job.stages.len();
        for (index, stage) in job.stages.iter().enumerate() {
            let detail = stage.spark.unwrap_or_default();
            let executor = detail.executor as usize;
            let size = spark.executors.get(executor);
            let size = size.ok_or_else(|| JobWorkError::NoExecutor {
                job: job.id.to_string(),
            })?;
            let slots = u64::from(size.slots);
            let spec = &mut self.stages[first_stage + index];
            // The part of an executor that a task takes, which bounds what the work costs.
            spec.each = Resources {
                memory: Mebibytes(size.memory.get() / slots),
                vcores: VirtualCores(size.vcores.get() / slots),
            };
            spec.spark = SparkStageSpec {
                pool: (first_pool + executor) as u32,
                job: detail.job,
                pause_ms: milliseconds(detail.pause, job)?,
                has_shuffle_output: detail.shuffle_output,
                is_cached: detail.cached,
            };
        }
        let (first_run, first_dependent) = (self.runs.len() as u32, self.dependents.len() as u32);
        for size in &spark.executors {
            self.stages.push(StageSpec {
                job: self.jobs.len() as u32,
                each: size.each(),
                first_run,
                tasks: 0,
                after: 0,
                first_dependent,
                dependents: 0,
                spark: SparkStageSpec::CONTAINERS,
            });
        }
        Ok(SparkSpec {
            allocation: spark.allocation,
            executor_start_ms: match spark.executor_start {
                Some(start) => Some(milliseconds(start, job)?),
                None => None,
            },
            slots: spark.executors.iter().map(|size| size.slots).collect(),
            end_pause_ms: milliseconds(spark.end_pause, job)?,
        })
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
            spark: SparkStageSpec::CONTAINERS,
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
            spark: SparkStageSpec {
                pool: match stage.spark.pool {
                    NONE => NONE,
                    pool => pool - spec.first_stage,
                },
                ..stage.spark
            },
            ..stage.clone()
        };
        let executors = stages.start..stages.end + spec.pools();
        Self {
            start: self.at(spec.submit_ms),
            jobs: vec![JobSpec {
                submit_ms: 0,
                is_step: false,
                submitter: 0,
                first_stage: 0,
                ..spec.clone()
            }],
            stages: self.stages[executors].iter().map(own).collect(),
            runs: self.runs[runs].to_vec(),
            dependents: self.dependents[dependents]
                .iter()
                .map(|stage| stage - spec.first_stage)
                .collect(),
            submitters: vec![self.submitters[spec.submitter as usize].clone()],
            tasks: self.stages[stages].iter().map(|stage| stage.tasks).sum(),
            has_map_reduce: spec.map_reduce.is_some(),
            has_names: spec.name != spec.id,
            has_steps: false,
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

impl JobSpec {
    /// The rows of its stages.
    pub fn stage_rows(&self) -> Range<u32> {
        self.first_stage..self.first_stage + self.stages
    }

    /// The row of the executors of its first resource profile.
    pub fn first_executor_row(&self) -> u32 {
        self.first_stage + self.stages
    }

    /// The number of resource profiles of its executors; 0 if each of its tasks is a container.
    pub fn pools(&self) -> usize {
        self.spark.as_ref().map_or(0, |spark| spark.slots.len())
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
