//! What the driver of a Spark application knows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::pool::Pool;
use crate::sim::cluster::NodeIndex;
use crate::sim::job_work::{SparkSpec, StageSpec};
use crate::trace::ExecutorAllocation;

/// The driver of an application.
#[derive(Debug)]
pub struct Driver {
    /// Its executors, by resource profile.
    pub pools: Vec<Pool>,
    /// The row of the first of them.
    first_row: u32,
    allocation: ExecutorAllocation,
    /// The Spark jobs that were submitted.
    jobs: BTreeSet<u32>,
    /// The stages of these jobs that are not done.
    pub visible: BTreeSet<u32>,
    pub outputs: Outputs,
}

impl Driver {
    /// The driver when it starts, after it waited for `waited_ms`.
    pub fn new(spec: &SparkSpec, first_row: u32, waited_ms: i64) -> Self {
        let pools = (first_row..).zip(&spec.slots).map(|(row, slots)| {
            let mut pool = Pool::new(row, *slots, spec.allocation);
            pool.owed.add(waited_ms);
            pool
        });
        Self {
            pools: pools.collect(),
            first_row,
            allocation: spec.allocation,
            jobs: BTreeSet::new(),
            visible: BTreeSet::new(),
            outputs: Outputs::default(),
        }
    }

    /// The position of the pool with this row.
    pub fn pool_of(&self, row: u32) -> usize {
        (row - self.first_row) as usize
    }

    /// The settings of its executors.
    pub fn allocation(&self) -> ExecutorAllocation {
        self.allocation
    }

    /// Whether executors serve their shuffle output themselves.
    pub fn tracks_shuffle(&self) -> bool {
        match self.allocation {
            ExecutorAllocation::Fixed(_) => false,
            ExecutorAllocation::Dynamic(dynamic) => dynamic.shuffle_tracking,
        }
    }

    /// Submits a Spark job, from when on all its stages are known. `of_job` are the application's.
    pub fn reveal(&mut self, job: u32, of_job: Range<u32>, stages: &[StageSpec]) {
        if self.jobs.insert(job) {
            let is_of_job = |stage: &u32| stages[*stage as usize].spark.job == job;
            self.visible.extend(of_job.filter(is_of_job));
        }
    }
}

/// How far a stage is.
#[derive(Clone, Copy, Debug, Default)]
pub struct StageProgress {
    /// Whether its tasks may start, and it is not done.
    pub is_submitted: bool,
    /// How often it was submitted.
    pub attempts: u32,
    /// When it was submitted first.
    pub ready_ms: i64,
    /// The time that its application had been owed executors then.
    pub owed_ms: i64,
    pub running: u32,
    pub completed: u32,
    /// How long the completed tasks took.
    pub run_ms: i64,
    pub first_launch_ms: Option<i64>,
}

impl StageProgress {
    /// Notes that a task is done.
    pub fn task_is_done(&mut self, duration_ms: i64) {
        self.running -= 1;
        self.completed += 1;
        self.run_ms += duration_ms;
    }
}

/// The shuffle output of an application: how long the tasks took that wrote it, by node and stage.
#[derive(Debug, Default)]
pub struct Outputs(BTreeMap<(NodeIndex, u32), Vec<i64>>);

impl Outputs {
    /// Adds the output of a task.
    pub fn add(&mut self, node: NodeIndex, stage: u32, duration_ms: i64) {
        self.0.entry((node, stage)).or_default().push(duration_ms);
    }

    /// The nodes with output.
    pub fn nodes(&self) -> impl Iterator<Item = NodeIndex> {
        self.0.keys().map(|(node, _)| *node)
    }

    /// Removes the output on a node: each stage, and how long its tasks took.
    pub fn take(&mut self, node: NodeIndex) -> Vec<(u32, Vec<i64>)> {
        let on_node: Vec<(NodeIndex, u32)> = self
            .0
            .range((node, 0)..=(node, u32::MAX))
            .map(|(key, _)| *key)
            .collect();
        let taken = on_node.into_iter().map(|key| {
            let durations = self.0.remove(&key).unwrap_or_default();
            (key.1, durations)
        });
        taken.collect()
    }
}
