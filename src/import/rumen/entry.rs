//! The options of the import, and the JSON objects of both formats.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::synthetic::Workload;
use super::tasks::{LoggedTasks, fold_sequence};
use crate::import::hadoop::Properties;
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores};

/// The options of a Rumen or SLS import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The resources of a task where the recording does not contain them.
    pub each: Resources,
    /// The instant of time zero of an SLS file, which does not contain it. Rumen's times are
    /// instants.
    pub start: Timestamp,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            each: Resources {
                memory: Mebibytes(1024),
                vcores: VirtualCores(1),
            },
            start: Timestamp::EPOCH,
        }
    }
}

/// A job of either format, which its fields distinguish.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(rename = "jobID")]
    pub id: Option<String>,
    #[serde(rename = "jobName")]
    pub name: Option<String>,
    pub queue: Option<String>,
    #[serde(alias = "job.user")]
    pub user: Option<String>,
    #[serde(rename = "submitTime")]
    pub submit_ms: Option<i64>,
    #[serde(rename = "mapTasks")]
    pub maps: Option<LoggedTasks>,
    #[serde(rename = "reduceTasks")]
    pub reduces: Option<LoggedTasks>,
    #[serde(rename = "otherTasks")]
    pub others: Option<Vec<IgnoredAny>>,
    #[serde(rename = "jobMapMB")]
    pub map_mib: Option<i64>,
    #[serde(rename = "jobReduceMB")]
    pub reduce_mib: Option<i64>,
    #[serde(rename = "jobProperties")]
    pub properties: Option<Properties>,
    #[serde(rename = "job.id")]
    pub sls_id: Option<String>,
    #[serde(rename = "job.queue.name")]
    pub sls_queue: Option<String>,
    #[serde(rename = "job.start.ms")]
    pub sls_start_ms: Option<Whole>,
    #[serde(rename = "job.count")]
    pub sls_count: Option<Whole>,
    #[serde(rename = "job.tasks", default, deserialize_with = "at_most_a_million")]
    pub sls_tasks: Option<Vec<SlsTask>>,
    #[serde(rename = "am.memory-mb", alias = "am.memory")]
    pub am_memory_mib: Option<Whole>,
    #[serde(rename = "am.vcores")]
    pub am_vcores: Option<Whole>,
    #[serde(rename = "workloads")]
    pub workloads: Option<Vec<Workload>>,
    #[serde(rename = "num_jobs")]
    pub jobs: Option<i64>,
    #[serde(rename = "rand_seed")]
    pub seed: Option<i64>,
}

/// A task of an SLS job.
#[derive(Deserialize)]
pub(super) struct SlsTask {
    pub count: Option<Whole>,
    #[serde(rename = "container.duration.ms", alias = "duration.ms")]
    pub duration_ms: Option<Whole>,
    #[serde(rename = "container.start.ms")]
    pub start_ms: Option<Whole>,
    #[serde(rename = "container.end.ms")]
    pub end_ms: Option<Whole>,
    #[serde(rename = "container.memory-mb", alias = "container.memory")]
    pub memory_mib: Option<Whole>,
    #[serde(rename = "container.vcores")]
    pub vcores: Option<Whole>,
    #[serde(rename = "container.type")]
    pub kind: Option<String>,
    #[serde(rename = "container.request.delay")]
    pub request_delay_ms: Option<Whole>,
}

/// A whole number, written as a number or as text: SLS accepts both.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "NumberOrText")]
pub(super) struct Whole(pub i64);

#[derive(Deserialize)]
#[serde(untagged)]
enum NumberOrText {
    Number(i64),
    Text(String),
}

impl TryFrom<NumberOrText> for Whole {
    type Error = String;

    fn try_from(written: NumberOrText) -> Result<Self, String> {
        match written {
            NumberOrText::Number(number) => Ok(Self(number)),
            NumberOrText::Text(text) => text
                .trim()
                .parse()
                .map(Self)
                .map_err(|_| format!("{text:?} is not a whole number")),
        }
    }
}

/// The most entries of `job.tasks`, each of which may stand for many tasks.
const SLS_TASKS_MAX: usize = 1_000_000;

fn at_most_a_million<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<SlsTask>>, D::Error> {
    let tasks = fold_sequence(
        deserializer,
        Vec::new(),
        |tasks: &mut Vec<SlsTask>, task| {
            if tasks.len() == SLS_TASKS_MAX {
                return Err(format!(
                    "job.tasks has more than {SLS_TASKS_MAX} entries; give equal tasks a count"
                ));
            }
            tasks.push(task);
            Ok(())
        },
    );
    tasks.map(Some)
}
