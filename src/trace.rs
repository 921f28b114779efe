//! The trace format: a header and records as JSON lines, optionally compressed with zstd. The daemon's
//! journal and the simulator's input share it, so every journal can be replayed.

pub mod info;
pub mod journal;
mod map_reduce;
pub(crate) mod seconds;
mod spark;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::decision::{Decision, Outcome};
use crate::engine::EngineState;
use crate::observation::{GroupId, Observation};
use crate::policy::Policy;
use crate::policy::diagnostic::PolicyErrors;
use crate::policy::parse::parse;
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores};
pub use map_reduce::MapReduce;
pub use spark::{
    DynamicAllocation, ExecutorAllocation, ExecutorSize, SparkApplication, SparkStage,
};

/// The version of the format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// The first line of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The version of the format.
    pub headroom_trace: u32,
    /// The kind of records in the trace.
    pub kind: Kind,
    /// For jobs, the instant that their times count from; for observations, the first instant.
    pub start: Timestamp,
    /// A description of where the trace comes from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Whether the trace was generated instead of recorded from a cluster.
    #[serde(default)]
    pub synthetic: bool,
}

/// The kind of records in a trace. One trace never mixes both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Observations of a cluster, with the decisions and outcomes that followed: a recording or a
    /// journal.
    Observations,
    /// Applications with their stages and tasks.
    Jobs,
}

impl Kind {
    /// The kind as the header writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observations => "observations",
            Self::Jobs => "jobs",
        }
    }
}

/// One line after the header, such as `{"job":{...}}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A daemon started to record, or a new segment of its journal begins.
    Start(Box<Start>),
    /// The engine's input at one tick.
    Observation(Box<Observation>),
    /// The decision about one target at the observation above.
    Decision(Box<Decision>),
    /// The outcome of a resize above.
    Outcome(OutcomeRecord),
    /// An application.
    Job(Job),
}

/// The start of a recording or of a journal segment, with the policy in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// When the daemon or the segment started.
    pub at: Timestamp,
    /// The version of the Headroom that records.
    pub headroom: String,
    /// The id of the cluster (`j-...`).
    pub cluster: String,
    /// Whether decisions are only recorded, not carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// The policy in force.
    pub policy: PolicySource,
    /// The engine's state before the next record. Absent when the engine is new, or continues from
    /// the record above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SavedState>,
}

/// The text of a policy, so that a recording can be explained without other files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySource {
    /// The file that the text was read from, for error messages.
    pub file: String,
    /// The policy's YAML.
    pub text: String,
}

impl PolicySource {
    /// Parses the policy.
    ///
    /// # Errors
    /// When this version of Headroom does not accept the policy.
    pub fn parse(&self) -> Result<Policy, PolicyErrors> {
        parse(&self.text, &self.file)
    }
}

/// The engine's state in a start record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SavedState {
    /// A state that this version can restore.
    Known(Box<EngineState>),
    /// A state of another version of Headroom, whose engine stores something else.
    Foreign(serde_json::Value),
}

/// The outcome of the resize of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeRecord {
    /// When EMR answered, or the call failed.
    pub at: Timestamp,
    /// The group that was to be resized.
    pub group: GroupId,
    /// Whether EMR accepted the call.
    pub outcome: Outcome,
}

/// One application: when it is submitted, and its work.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Unique in the trace.
    pub id: Arc<str>,
    /// Jobs with the same name are runs of the same work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// The queue to which it is submitted; `None` for `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<Arc<str>>,
    /// Who submits it; queues limit what one user may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<Arc<str>>,
    /// EMR runs it as a step: it waits until the steps that were submitted before it are done.
    #[serde(rename = "step", default, skip_serializing_if = "std::ops::Not::not")]
    pub is_step: bool,
    /// The time of submission, counted from the header's `start`.
    #[serde(rename = "submit_s", with = "seconds")]
    pub submit: Duration,
    /// The container that starts first and lives as long as the job; `None` when the recording does
    /// not include it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_master: Option<Resources>,
    /// For Spark, the executors that run the tasks; otherwise each task is a container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark: Option<Box<SparkApplication>>,
    /// For MapReduce, when its reduces are requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map_reduce: Option<MapReduce>,
    /// The stages, at least one. Each depends only on stages before it.
    pub stages: Vec<Stage>,
}

impl Job {
    /// The queue to which it is submitted.
    pub fn queue_name(&self) -> &str {
        self.queue.as_deref().unwrap_or("default")
    }
}

/// Tasks of the same size that can start when the stages they depend on are finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Positions of the stages that must finish first; each is smaller than this stage's position.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<u32>,
    /// The memory of each task.
    #[serde(rename = "memory_mib")]
    pub memory: Mebibytes,
    /// The virtual cores of each task.
    pub vcores: VirtualCores,
    /// The tasks, run-length encoded by duration.
    pub tasks: Vec<TaskRun>,
    /// For a stage of a Spark application with executors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spark: Option<SparkStage>,
}

impl Stage {
    /// The resources of each task.
    pub fn each(&self) -> Resources {
        Resources {
            memory: self.memory,
            vcores: self.vcores,
        }
    }
}

/// A run of tasks with the same duration, written as `[count, seconds]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRun {
    /// How many tasks.
    pub count: u32,
    /// How long each task takes.
    pub duration: Duration,
}

impl Serialize for TaskRun {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.count, Seconds(self.duration)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for TaskRun {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (count, Seconds(duration)) = <(u32, Seconds)>::deserialize(deserializer)?;
        Ok(Self { count, duration })
    }
}

/// A duration inside a tuple.
#[derive(Serialize, Deserialize)]
struct Seconds(#[serde(with = "seconds")] Duration);
