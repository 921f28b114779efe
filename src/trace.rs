//! The one record format: JSON lines, optionally zstd, with a header. What the daemon writes down
//! is what the simulator replays.

pub mod info;
pub mod journal;

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

/// The version of the format that this program writes, and the newest that it reads.
pub const FORMAT_VERSION: u32 = 1;

/// The first line of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The format's version.
    pub headroom_trace: u32,
    pub kind: Kind,
    /// What the times of the records count from (jobs), or the first instant (observations).
    pub start: Timestamp,
    /// Where the trace comes from, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Made by a generator, not recorded from a cluster.
    #[serde(default)]
    pub synthetic: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Observations,
    Jobs,
}

impl Kind {
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
    Start(Box<Start>),
    Observation(Box<Observation>),
    Decision(Box<Decision>),
    Outcome(OutcomeRecord),
    Job(Job),
}

/// A daemon began to record, or began again: by which policy, and from where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Start {
    pub at: Timestamp,
    /// The version of the program that records.
    pub headroom: String,
    /// The id of the cluster (`j-...`).
    pub cluster: String,
    /// Decisions are written down and not carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    pub policy: PolicySource,
    /// The state of the engine before the next record; absent when the engine is new, or goes on
    /// from the record above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<SavedState>,
}

/// A policy as it was written, so that a recording explains itself without other files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySource {
    /// Where the text was read; only named in errors.
    pub file: String,
    pub text: String,
}

impl PolicySource {
    /// # Errors
    /// When this version of the program does not accept the policy.
    pub fn parse(&self) -> Result<Policy, PolicyErrors> {
        parse(&self.text, &self.file)
    }
}

/// The state of an engine in a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SavedState {
    Known(Box<EngineState>),
    /// Of a version of the program whose engine keeps something else.
    Foreign(serde_json::Value),
}

/// What became of the resize of one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutcomeRecord {
    pub at: Timestamp,
    pub group: GroupId,
    pub outcome: Outcome,
}

/// One application: when it came and what it had to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    pub id: Arc<str>,
    /// What recurs under the same name is the same work, run again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Since the header's `start`.
    #[serde(rename = "submit_s", with = "seconds")]
    pub submit: Duration,
    /// The container that starts first and lives as long as the job; none when the recording does
    /// not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application_master: Option<Resources>,
    /// Never empty, and no cycle among their dependencies.
    pub stages: Vec<Stage>,
}

/// Tasks of one size that can start once the stages before them are finished.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// Positions of the stages that must finish first; each smaller than this stage's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<u32>,
    /// Of each task.
    #[serde(rename = "memory_mib")]
    pub memory: Mebibytes,
    /// Of each task.
    pub vcores: VirtualCores,
    /// Run-length coded: so many tasks of so many seconds.
    pub tasks: Vec<TaskRun>,
}

impl Stage {
    /// What each task takes.
    pub fn each(&self) -> Resources {
        Resources {
            memory: self.memory,
            vcores: self.vcores,
        }
    }
}

/// `count` equal tasks, written as `[count, seconds]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskRun {
    pub count: u32,
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

/// Durations as seconds, to the millisecond; negative and absurd ones are refused.
pub(crate) mod seconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    /// A hundred years: no recording is longer, and sums of such durations do not overflow.
    const LONGEST_S: f64 = 3.2e9;

    /// The same bound for times that were computed instead of read.
    pub const LONGEST: Duration = Duration::from_secs(LONGEST_S as u64);

    /// Whole seconds, the common case, are written without a fraction.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        match duration.subsec_millis() {
            0 => serializer.serialize_u64(duration.as_secs()),
            _ => serializer.serialize_f64(duration.as_millis() as f64 / 1e3),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        from_f64(f64::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }

    pub fn from_f64(seconds: f64) -> Result<Duration, String> {
        if seconds < 0.0 {
            return Err(format!("{seconds} s is a negative time"));
        }
        if seconds.is_nan() || seconds > LONGEST_S {
            return Err(format!("{seconds} s is longer than a hundred years"));
        }
        Ok(Duration::from_millis((seconds * 1e3).round() as u64))
    }
}
