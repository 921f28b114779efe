//! Stages of an application, and what each waits for.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::events::{JobEnd, JobStart, StageInfo, TaskEnd};
use super::sizes::Sizes;
use crate::import::{Tally, elapsed, run_lengths};
use crate::trace::{Stage, seconds};

/// What is known of the stages and Spark jobs of one application.
#[derive(Default)]
pub struct Stages {
    stages: BTreeMap<i64, StageSeen>,
    jobs: BTreeMap<i64, SparkJob>,
}

#[derive(Default)]
struct StageSeen {
    parents: Vec<i64>,
    profile: i64,
    /// The Spark job that listed it first: a later one that lists it finds its output there.
    job: Option<i64>,
    /// By partition: task id and duration of the attempt that succeeded first.
    tasks: BTreeMap<(i64, i64), (i64, Duration)>,
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
        match self.stages.entry(end.stage).or_default().tasks.entry(key) {
            Entry::Vacant(first) => {
                first.insert((task.id, duration));
            }
            Entry::Occupied(_) => left_out.add(1, "task attempts that repeated finished work"),
        }
        Ok(())
    }

    /// Stages that ran, in the order of their ids: Spark numbers parents before children.
    pub fn finish(self, sizes: &Sizes) -> Result<Vec<Stage>, String> {
        let Self { mut stages, jobs } = self;
        stages.retain(|_, stage| !stage.tasks.is_empty());
        let after = Order::of(&stages, &jobs).after();
        let finished = stages.into_values().zip(after).map(|(seen, after)| {
            let each = sizes.of_task(seen.profile);
            let mut launched: Vec<(i64, Duration)> = seen.tasks.into_values().collect();
            launched.sort_by_key(|(id, _)| *id);
            Stage {
                after,
                memory: each.memory,
                vcores: each.vcores,
                tasks: run_lengths(launched.into_iter().map(|(_, duration)| duration)),
            }
        });
        let finished: Vec<Stage> = finished.collect();
        match finished
            .iter()
            .flat_map(|stage| &stage.tasks)
            .any(|run| run.duration > seconds::LONGEST)
        {
            true => Err("a task of more than a hundred years".to_owned()),
            false => Ok(finished),
        }
    }

    fn stage(&mut self, info: StageInfo) -> &mut StageSeen {
        let stage = self.stages.entry(info.id).or_default();
        stage.parents = info.parents;
        stage.profile = info.profile;
        stage
    }
}

/// Which stage waits for which, as positions among the stages that ran.
///
/// Within a Spark job the log says it. Between jobs it is the driver that waits: a job that was
/// submitted after others had ended follows them, so its first stages wait for their last ones.
struct Order<'a> {
    stages: &'a BTreeMap<i64, StageSeen>,
    jobs: &'a BTreeMap<i64, SparkJob>,
    position: BTreeMap<i64, u32>,
    /// For each job the stages that ran and that no other stage of the job waits for.
    last_stages: BTreeMap<i64, Vec<u32>>,
    /// Jobs that ran stages and ended: end, the latest submission among those that ended no later,
    /// and the job; by end.
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
                // Whatever a damaged log claims: a stage never waits for itself or a later one.
                after.retain(|before| *before < own);
                after.sort_unstable();
                after.dedup();
                after
            })
            .collect()
    }

    /// Jobs that had ended when `job` was submitted, without those that another of them followed in
    /// turn.
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
