//! Whether the parts of a job fit together.

use super::error::{EXECUTORS_MAX, JobWorkError, SPARK_TASKS_MAX};
use crate::trace::{ExecutorAllocation, ExecutorSize, Job, SparkApplication};
use crate::units::{Mebibytes, VirtualCores};

/// Checks that a Spark application can have executors, and not more than can be simulated.
pub(super) fn check_executors(job: &Job, spark: &SparkApplication) -> Result<(), JobWorkError> {
    let (at_once, most) = match spark.allocation {
        ExecutorAllocation::Fixed(count) => (count, count),
        ExecutorAllocation::Dynamic(dynamic) => (
            dynamic.initial.max(dynamic.min),
            dynamic.max.unwrap_or(u32::MAX),
        ),
    };
    let is_sized = |size: &ExecutorSize| {
        size.memory > Mebibytes::ZERO && size.vcores > VirtualCores(0) && size.slots > 0
    };
    let name = || job.id.to_string();
    let at_once = u64::from(at_once.min(most)).saturating_mul(spark.executors.len() as u64);
    if at_once > u64::from(EXECUTORS_MAX) {
        Err(JobWorkError::TooManyExecutors { job: name() })
    } else if tasks(job) > SPARK_TASKS_MAX {
        Err(JobWorkError::TooManyTasks { job: name() })
    } else if most == 0 || spark.executors.is_empty() || !spark.executors.iter().all(is_sized) {
        Err(JobWorkError::NoExecutor { job: name() })
    } else {
        Ok(())
    }
}

fn tasks(job: &Job) -> u64 {
    let runs = job.stages.iter().flat_map(|stage| &stage.tasks);
    runs.fold(0, |sum, run| sum.saturating_add(run.count.into()))
}

/// Checks that a MapReduce job consists of maps and reduces.
pub(super) fn check_map_reduce(job: &Job) -> Result<(), JobWorkError> {
    let Some(map_reduce) = job.map_reduce else {
        return Ok(());
    };
    let is_one = match job.stages.as_slice() {
        [_] => true,
        [_, reduces] => reduces.after == [0],
        _ => false,
    };
    if is_one && (0.0..=1.0).contains(&map_reduce.slowstart) && job.spark.is_none() {
        Ok(())
    } else {
        Err(JobWorkError::NoMapReduce {
            job: job.id.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::job_work::JobWork;
    use crate::units::Timestamp;

    fn refusal(profiles: usize, allocation: &str, tasks: u32) -> Option<JobWorkError> {
        let executor = r#"{"memory_mib":1024,"vcores":1,"slots":1}"#;
        let executors = vec![executor; profiles].join(",");
        let job = format!(
            r#"{{"id":"a","submit_s":0,"spark":{{"executors":[{executors}],"allocation":{allocation}}},
            "stages":[{{"memory_mib":1024,"vcores":1,"tasks":[[{tasks},1]]}}]}}"#
        );
        let job: Job = serde_json::from_str(&job).expect("a job");
        JobWork::from_jobs(Timestamp::EPOCH, &[job]).err()
    }

    #[test]
    fn an_application_that_cannot_be_simulated_one_by_one_is_refused() {
        let job = || "a".to_owned();
        let executors = Some(JobWorkError::TooManyExecutors { job: job() });
        let tasks = Some(JobWorkError::TooManyTasks { job: job() });
        assert_eq!(refusal(1, r#"{"fixed":100000}"#, 10_000_000), None);
        assert_eq!(refusal(1, r#"{"fixed":100001}"#, 1), executors);
        assert_eq!(refusal(3, r#"{"fixed":40000}"#, 1), executors);
        assert_eq!(refusal(1, r#"{"fixed":1}"#, 10_000_001), tasks);
    }
}
