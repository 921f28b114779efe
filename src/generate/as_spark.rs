//! The same jobs, as Spark applications would run them.

use std::time::Duration;

use crate::trace::{
    DynamicAllocation, ExecutorAllocation, ExecutorSize, Job, SparkApplication, SparkStage,
};
use crate::units::{Mebibytes, Resources, VirtualCores};

/// The largest executor with more than one task slot: half of an m5.xlarge, as YARN counts it on EMR.
const LARGEST: Resources = Resources {
    memory: Mebibytes(6_144),
    vcores: VirtualCores(2),
};
/// The most task slots of an executor.
const MOST_SLOTS: u64 = 2;
/// Spark's default of `spark.dynamicAllocation.executorIdleTimeout`.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// What an executor takes from its container until it runs tasks.
const EXECUTOR_START: Duration = Duration::from_secs(8);
/// How long the driver plans a stage.
const PAUSE: Duration = Duration::from_millis(1_500);
/// The driver's container, where the job had no application master.
const DRIVER: Resources = Resources {
    memory: Mebibytes(1_024),
    vcores: VirtualCores(1),
};

/// Turns a job into a Spark application with dynamic allocation and adaptive execution: each stage is
/// a Spark job of its own, so that later stages are not known. As most applications have one size of
/// executors, every task takes as much as the largest of the job. Jobs of Spark stay as they are.
pub fn as_spark(mut job: Job) -> Job {
    if job.spark.is_some() {
        return job;
    }
    let stages = || job.stages.iter();
    let memory = stages().map(|stage| stage.memory.get()).max().unwrap_or(1);
    let vcores = stages().map(|stage| stage.vcores.get()).max().unwrap_or(1);
    let fit = (LARGEST.memory.get() / memory.max(1)).min(LARGEST.vcores.get() / vcores.max(1));
    let slots = fit.clamp(1, MOST_SLOTS);
    let is_read: Vec<bool> = (0..job.stages.len() as u32)
        .map(|position| stages().any(|stage| stage.after.contains(&position)))
        .collect();
    for ((position, stage), is_read) in (0..).zip(&mut job.stages).zip(is_read) {
        stage.memory = Mebibytes(memory);
        stage.vcores = VirtualCores(vcores);
        stage.spark = Some(SparkStage {
            job: position,
            pause: PAUSE,
            shuffle_output: is_read,
            ..SparkStage::default()
        });
    }
    job.map_reduce = None;
    job.application_master.get_or_insert(DRIVER);
    job.spark = Some(Box::new(SparkApplication {
        executors: vec![ExecutorSize {
            memory: Mebibytes(memory * slots),
            vcores: VirtualCores(vcores * slots),
            slots: slots as u32,
        }],
        allocation: ExecutorAllocation::Dynamic(DynamicAllocation {
            initial: 0,
            min: 0,
            max: None,
            idle_timeout: IDLE_TIMEOUT,
            cached_idle_timeout: None,
            shuffle_tracking: false,
        }),
        executor_start: Some(EXECUTOR_START),
        end_pause: Duration::ZERO,
    }));
    job
}
