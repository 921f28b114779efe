//! The stages of an application and their dependencies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::events::{Dataset, JobEnd, JobStart, StageInfo, TaskEnd};
use super::finished::Finished;
use super::sizes::Sizes;
use crate::import::gather::{Tally, elapsed};
use crate::trace::journal::TASKS_MAX;
use crate::trace::{SparkStage, Stage, TaskRun, seconds};

/// The stages and Spark jobs of one application, as far as its log has been read.
#[derive(Default)]
pub struct Stages {
    stages: BTreeMap<i64, StageSeen>,
    jobs: BTreeMap<i64, SparkJob>,
}

#[derive(Default)]
struct StageSeen {
    parents: Vec<i64>,
    profile: i64,
    /// The first Spark job that lists it; later jobs reuse its output.
    job: Option<i64>,
    /// When it was submitted first.
    submit_ms: Option<i64>,
    /// When the last of its tasks finished.
    finish_ms: Option<i64>,
    has_shuffle_output: bool,
    is_cached: bool,
    tasks: Finished,
}

struct SparkJob {
    submit_ms: i64,
    end_ms: Option<i64>,
}

impl Stages {
    pub fn job_start(&mut self, job: JobStart) {
        for info in job.stages {
            self.stage(info).job.get_or_insert(job.id);
        }
        self.jobs.insert(
            job.id,
            SparkJob {
                submit_ms: job.submit_ms,
                end_ms: None,
            },
        );
    }

    pub fn job_end(&mut self, job: &JobEnd) {
        if let Some(known) = self.jobs.get_mut(&job.id) {
            known.end_ms = Some(job.end_ms);
        }
    }

    pub fn submitted(&mut self, info: StageInfo) {
        self.stage(info);
    }

    pub fn task_end(&mut self, end: &TaskEnd, left_out: &mut Tally) -> Result<(), String> {
        if end.reason.reason != "Success" {
            left_out.add(1, "task attempts that failed or were killed");
            return Ok(());
        }
        let task = &end.task;
        let duration = elapsed(task.launch_ms, task.finish_ms).ok_or_else(|| {
            format!(
                "task {} is launched at {} ms and finishes at {} ms; expected a finish after the launch",
                task.id, task.launch_ms, task.finish_ms
            )
        })?;
        // The index counts within one attempt of the stage only, the partition within the stage.
        let key = task
            .partition
            .map_or((end.stage_attempt, task.index), |partition| (0, partition));
        let stage = self.stages.entry(end.stage).or_default();
        stage.has_shuffle_output |= end.wrote_shuffle();
        stage.finish_ms = stage.finish_ms.max(Some(task.finish_ms));
        if !stage.tasks.add(key, task.id, duration) {
            left_out.add(1, "task attempts that repeated finished work");
        }
        Ok(())
    }

    /// Adds tasks of equal length that run after those that the stage has.
    pub fn finished(&mut self, stage: i64, count: i64, duration: Duration) {
        let tasks = &mut self.stages.entry(stage).or_default().tasks;
        // One more than a job may have, so that too many are refused and not cut off.
        if let Ok(count) = u32::try_from(count.min(TASKS_MAX as i64 + 1)) {
            tasks.add_equal(TaskRun { count, duration });
        }
    }

    /// When the last task finished.
    pub fn last_finish_ms(&self) -> Option<i64> {
        let finishes = self.stages.values().filter_map(|stage| stage.finish_ms);
        finishes.max()
    }

    /// The stages that ran, ordered by id, which puts parents before children. With the start of the
    /// application, also what is special about them on executors.
    pub fn finish(self, sizes: &Sizes, start_ms: Option<i64>) -> Result<Vec<Stage>, String> {
        let Self { mut stages, jobs } = self;
        stages.retain(|_, stage| !stage.tasks.is_empty());
        let after = Order::of(&stages, &jobs).after();
        let finishes_ms: Vec<Option<i64>> = stages.values().map(|seen| seen.finish_ms).collect();
        let finished = stages.into_values().zip(after).map(|(seen, after)| {
            let each = sizes.of_task(seen.profile);
            let spark = start_ms.map(|start_ms| {
                let finishes_ms = after
                    .iter()
                    .filter_map(|before| finishes_ms[*before as usize]);
                seen.on_executors(finishes_ms.max().unwrap_or(start_ms), sizes)
            });
            Stage {
                after,
                memory: each.memory,
                vcores: each.vcores,
                tasks: seen.tasks.runs(),
                spark,
            }
        });
        let finished: Vec<Stage> = finished.collect();
        let is_too_long = |run: &TaskRun| run.duration > seconds::LONGEST;
        if finished
            .iter()
            .flat_map(|stage| &stage.tasks)
            .any(is_too_long)
        {
            return Err("a task takes more than a hundred years; copy the log again".to_owned());
        }
        Ok(finished)
    }

    fn stage(&mut self, info: StageInfo) -> &mut StageSeen {
        let stage = self.stages.entry(info.id).or_default();
        stage.parents = info.parents;
        stage.profile = info.profile;
        stage.submit_ms = stage.submit_ms.or(info.submit_ms);
        stage.is_cached |= info.datasets.iter().flatten().any(Dataset::is_cached);
        stage
    }
}

impl StageSeen {
    /// What is special about it, if it could begin at `ready_ms`.
    fn on_executors(&self, ready_ms: i64, sizes: &Sizes) -> SparkStage {
        let pause = elapsed(ready_ms, self.submit_ms.unwrap_or(ready_ms));
        SparkStage {
            job: u32::try_from(self.job.unwrap_or_default()).unwrap_or_default(),
            // Longer pauses than a job can have come from clocks that were set.
            pause: pause.unwrap_or_default().min(seconds::LONGEST),
            executor: sizes.position_of(self.profile),
            shuffle_output: self.has_shuffle_output,
            cached: self.is_cached,
        }
    }
}

/// The dependencies between stages, by their positions among the stages that ran.
///
/// Within a Spark job, the log contains them. Between jobs, the driver waits: a job that was
/// submitted after others had ended follows them, so its first stages wait for their last ones.
struct Order<'a> {
    stages: &'a BTreeMap<i64, StageSeen>,
    jobs: &'a BTreeMap<i64, SparkJob>,
    position: BTreeMap<i64, u32>,
    /// For each job, the stages that ran and that no other stage of the job waits for.
    last_stages: BTreeMap<i64, Vec<u32>>,
    /// The jobs that ran stages and ended, ordered by end: the end, the latest submission among jobs
    /// that ended no later, and the job.
    ended: Vec<(i64, i64, i64)>,
}

impl<'a> Order<'a> {
    fn of(stages: &'a BTreeMap<i64, StageSeen>, jobs: &'a BTreeMap<i64, SparkJob>) -> Self {
        let position: BTreeMap<i64, u32> = stages.keys().copied().zip(0..).collect();
        let waited_for: BTreeSet<(i64, i64)> = stages
            .values()
            .filter_map(|stage| Some((stage.job?, &stage.parents)))
            .flat_map(|(job, parents)| parents.iter().map(move |parent| (job, *parent)))
            .collect();
        let mut last_stages: BTreeMap<i64, Vec<u32>> = BTreeMap::new();
        for (id, stage) in stages {
            if let Some(job) = stage.job.filter(|job| !waited_for.contains(&(*job, *id))) {
                last_stages.entry(job).or_default().push(position[id]);
            }
        }
        let mut ended: Vec<(i64, i64, i64)> = last_stages
            .keys()
            .filter_map(|id| {
                jobs.get(id)
                    .and_then(|job| Some((job.end_ms?, job.submit_ms, *id)))
            })
            .collect();
        ended.sort_unstable();
        let mut latest_submit = i64::MIN;
        for (_, submit, _) in &mut ended {
            latest_submit = latest_submit.max(*submit);
            *submit = latest_submit;
        }
        Self {
            stages,
            jobs,
            position,
            last_stages,
            ended,
        }
    }

    fn after(&self) -> Vec<Vec<u32>> {
        self.stages
            .values()
            .zip(0..)
            .map(|(stage, own): (_, u32)| {
                let ran = stage
                    .parents
                    .iter()
                    .filter(|parent| self.position.contains_key(parent));
                let mut after: Vec<u32> = ran.clone().map(|parent| self.position[parent]).collect();
                let starts_job = !ran
                    .clone()
                    .any(|parent| self.stages[parent].job == stage.job);
                if let Some(job) = stage
                    .job
                    .and_then(|job| self.jobs.get(&job))
                    .filter(|_| starts_job)
                {
                    after.extend(
                        self.jobs_before(job)
                            .iter()
                            .flat_map(|(_, _, before)| &self.last_stages[before]),
                    );
                }
                // A damaged log may claim that a stage waits for itself or a later one.
                after.retain(|before| *before < own);
                after.sort_unstable();
                after.dedup();
                after
            })
            .collect()
    }

    /// The jobs that had ended when `job` was submitted, without those that another of them
    /// followed.
    fn jobs_before(&self, job: &SparkJob) -> &[(i64, i64, i64)] {
        let before = &self.ended[..self
            .ended
            .partition_point(|(end_ms, ..)| *end_ms <= job.submit_ms)];
        let latest_submit = before
            .last()
            .map_or(i64::MIN, |(_, latest_submit, _)| *latest_submit);
        &before[before.partition_point(|(end_ms, ..)| *end_ms <= latest_submit)..]
    }
}
