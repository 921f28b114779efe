//! What running applications answer, as far as it is read.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Spark's `metrics/json`. The names begin with a namespace, by default the application's id.
#[derive(Debug, Deserialize)]
pub struct SparkMetrics {
    gauges: BTreeMap<String, Gauge>,
}

#[derive(Debug, Deserialize)]
struct Gauge {
    value: Value,
}

impl SparkMetrics {
    /// A number of the allocation of executors; `None` without dynamic allocation.
    pub fn executors(&self, name: &str) -> Option<u32> {
        let end = format!(".ExecutorAllocationManager.executors.{name}");
        let (_, gauge) = self.gauges.iter().find(|(key, _)| key.ends_with(&end))?;
        u32::try_from(gauge.value.as_u64()?).ok()
    }
}

/// An entry of Spark's `stages`. Numbers that are negative or too large do not parse.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SparkStage {
    pub status: StageStatus,
    pub stage_id: i64,
    #[serde(default)]
    pub attempt_id: u32,
    pub num_tasks: u32,
    #[serde(default)]
    pub num_active_tasks: u32,
    #[serde(default)]
    pub num_complete_tasks: u32,
    /// The run time of its completed tasks together, in milliseconds.
    #[serde(default)]
    pub executor_run_time: u64,
    /// Spark's own form, such as `2026-11-28T16:46:23.291GMT`.
    pub first_task_launched_time: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StageStatus {
    Active,
    Pending,
    #[serde(other)]
    Other,
}

/// An entry of Spark's `jobs`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SparkJob {
    pub stage_ids: Vec<i64>,
}

/// An entry of Spark's `allexecutors`, which has those, too, that are gone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SparkExecutor {
    pub id: String,
    /// The host as YARN calls it, and the port of the executor.
    pub host_port: String,
    pub is_active: bool,
    /// Cached blocks.
    #[serde(default)]
    pub rdd_blocks: u32,
    /// Bytes of shuffle output that it wrote.
    #[serde(default)]
    pub total_shuffle_write: u64,
}

/// MapReduce's `ws/v1/mapreduce/jobs`: the one job of the application.
#[derive(Debug, Deserialize)]
pub struct MapReduceJobs {
    pub jobs: Option<MapReduceJobList>,
}

#[derive(Debug, Deserialize)]
pub struct MapReduceJobList {
    #[serde(default)]
    pub job: Vec<MapReduceJob>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MapReduceJob {
    /// How long the job has run, in milliseconds.
    #[serde(default)]
    pub elapsed_time: u64,
    pub maps_total: u32,
    pub maps_completed: u32,
    pub reduces_total: u32,
    pub reduces_completed: u32,
    #[serde(default)]
    pub maps_running: u32,
    #[serde(default)]
    pub reduces_running: u32,
}
