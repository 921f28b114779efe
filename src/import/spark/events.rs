//! The events of Spark event logs that the import reads, with the fields that it needs
//! (`org.apache.spark.util.JsonProtocol`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::import::hadoop::Properties;

#[derive(Deserialize)]
pub struct Name<'a> {
    #[serde(rename = "Event", borrow)]
    pub event: Cow<'a, str>,
}

#[derive(Deserialize)]
pub struct ApplicationStart {
    #[serde(rename = "App Name")]
    pub name: String,
    #[serde(rename = "App ID")]
    pub id: Option<String>,
    #[serde(rename = "App Attempt ID")]
    attempt: Option<String>,
    #[serde(rename = "User")]
    pub user: Option<String>,
    #[serde(rename = "Timestamp")]
    pub submit_ms: i64,
}

impl ApplicationStart {
    /// The attempt of the application, from 1; 0 if the log does not say.
    pub fn attempt(&self) -> u32 {
        let attempt = self.attempt.as_deref();
        attempt
            .and_then(|attempt| attempt.parse().ok())
            .unwrap_or(0)
    }
}

#[derive(Default, Deserialize)]
pub struct EnvironmentUpdate {
    #[serde(rename = "Spark Properties", default)]
    pub properties: BTreeMap<String, String>,
    /// Since Spark 3.0.
    #[serde(rename = "Hadoop Properties", default)]
    pub hadoop: Properties,
    #[serde(rename = "System Properties", default)]
    pub system: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub struct ExecutorAdded {
    #[serde(rename = "Executor Info")]
    pub executor: Executor,
}

#[derive(Deserialize)]
pub struct Executor {
    #[serde(rename = "Total Cores", default)]
    pub cores: u32,
    #[serde(rename = "Resource Profile Id", default)]
    pub profile: i64,
    /// Since Spark 3.4, as is the next.
    #[serde(rename = "Request Time", default)]
    pub request_ms: Option<i64>,
    #[serde(rename = "Registration Time", default)]
    pub registration_ms: Option<i64>,
}

/// Since Spark 3.1.
#[derive(Deserialize)]
pub struct ResourceProfileAdded {
    #[serde(rename = "Resource Profile Id")]
    pub id: i64,
    #[serde(rename = "Executor Resource Requests", default)]
    pub executor: BTreeMap<String, Request>,
    #[serde(rename = "Task Resource Requests", default)]
    pub task: BTreeMap<String, Request>,
}

#[derive(Deserialize)]
pub struct Request {
    #[serde(rename = "Amount")]
    pub amount: f64,
}

#[derive(Deserialize)]
pub struct JobStart {
    #[serde(rename = "Job ID")]
    pub id: i64,
    #[serde(rename = "Submission Time", default)]
    pub submit_ms: i64,
    #[serde(rename = "Stage Infos", default)]
    pub stages: Vec<StageInfo>,
}

#[derive(Deserialize)]
pub struct JobEnd {
    #[serde(rename = "Job ID")]
    pub id: i64,
    #[serde(rename = "Completion Time", default)]
    pub end_ms: i64,
}

#[derive(Deserialize)]
pub struct StageSubmitted {
    #[serde(rename = "Stage Info")]
    pub stage: StageInfo,
}

#[derive(Deserialize)]
pub struct StageInfo {
    #[serde(rename = "Stage ID")]
    pub id: i64,
    #[serde(rename = "Parent IDs", default)]
    pub parents: Vec<i64>,
    #[serde(rename = "Resource Profile Id", default)]
    pub profile: i64,
    #[serde(rename = "Submission Time")]
    pub submit_ms: Option<i64>,
    #[serde(rename = "RDD Info")]
    pub datasets: Option<Vec<Dataset>>,
}

/// A dataset that a stage computes or reads.
#[derive(Deserialize)]
pub struct Dataset {
    #[serde(rename = "Storage Level")]
    level: Option<StorageLevel>,
}

#[derive(Deserialize)]
struct StorageLevel {
    #[serde(rename = "Use Disk", default)]
    use_disk: bool,
    #[serde(rename = "Use Memory", default)]
    use_memory: bool,
}

impl Dataset {
    /// Whether executors keep its blocks.
    pub fn is_cached(&self) -> bool {
        let level = self.level.as_ref();
        level.is_some_and(|level| level.use_disk || level.use_memory)
    }
}

#[derive(Deserialize)]
pub struct ApplicationEnd {
    #[serde(rename = "Timestamp")]
    pub at_ms: Option<i64>,
}

#[derive(Deserialize)]
pub struct TaskEnd {
    #[serde(rename = "Stage ID")]
    pub stage: i64,
    #[serde(rename = "Stage Attempt ID", default)]
    pub stage_attempt: i64,
    #[serde(rename = "Task Type")]
    kind: Option<String>,
    #[serde(rename = "Task End Reason")]
    pub reason: Reason,
    #[serde(rename = "Task Info")]
    pub task: TaskInfo,
}

impl TaskEnd {
    /// Whether it wrote shuffle output, which later stages read.
    pub fn wrote_shuffle(&self) -> bool {
        self.kind.as_deref() == Some("ShuffleMapTask")
    }
}

#[derive(Deserialize)]
pub struct Reason {
    #[serde(rename = "Reason")]
    pub reason: String,
}

#[derive(Deserialize)]
pub struct TaskInfo {
    #[serde(rename = "Task ID")]
    pub id: i64,
    #[serde(rename = "Index")]
    pub index: i64,
    /// Since Spark 3.3.
    #[serde(rename = "Partition ID")]
    pub partition: Option<i64>,
    #[serde(rename = "Launch Time")]
    pub launch_ms: i64,
    #[serde(rename = "Finish Time")]
    pub finish_ms: i64,
}
