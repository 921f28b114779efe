//! How a Spark application runs its tasks: in executors, which are the containers that YARN sees.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::seconds;
use crate::units::{Mebibytes, Resources, VirtualCores};

/// The executors of a Spark application, and what its driver does besides its stages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparkApplication {
    /// The executors of each resource profile, at least one; stages refer to them by position.
    pub executors: Vec<ExecutorSize>,
    /// How many executors there are.
    pub allocation: ExecutorAllocation,
    /// How long an executor takes from its container until it runs tasks; `None` for what the cluster's
    /// scenario says of containers.
    #[serde(
        rename = "executor_start_s",
        default,
        with = "optional_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub executor_start: Option<Duration>,
    /// How long the driver lives on after the last stage.
    #[serde(
        rename = "end_pause_s",
        default,
        with = "seconds",
        skip_serializing_if = "Duration::is_zero"
    )]
    pub end_pause: Duration,
}

/// One kind of executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecutorSize {
    /// The memory of its container.
    #[serde(rename = "memory_mib")]
    pub memory: Mebibytes,
    /// The virtual cores of its container.
    pub vcores: VirtualCores,
    /// Tasks that it runs at the same time, at least one.
    pub slots: u32,
}

impl ExecutorSize {
    /// The resources of its container.
    pub fn each(&self) -> Resources {
        Resources {
            memory: self.memory,
            vcores: self.vcores,
        }
    }
}

/// How many executors an application has, of each resource profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutorAllocation {
    /// So many from the start to the end: `spark.executor.instances`.
    Fixed(u32),
    /// `spark.dynamicAllocation.enabled`.
    Dynamic(DynamicAllocation),
}

/// The settings `spark.dynamicAllocation.*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DynamicAllocation {
    /// Executors at the start.
    #[serde(default)]
    pub initial: u32,
    /// The fewest executors.
    #[serde(default)]
    pub min: u32,
    /// The most executors; `None` for no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<u32>,
    /// After how long without a task an executor is removed.
    #[serde(rename = "idle_timeout_s", with = "seconds")]
    pub idle_timeout: Duration,
    /// The same for an executor that holds cached blocks; `None` for never.
    #[serde(
        rename = "cached_idle_timeout_s",
        default,
        with = "optional_seconds",
        skip_serializing_if = "Option::is_none"
    )]
    pub cached_idle_timeout: Option<Duration>,
    /// Whether executors keep their shuffle output themselves (`shuffleTracking`), and therefore stay.
    /// Otherwise an external shuffle service on the node serves it.
    #[serde(default)]
    pub shuffle_tracking: bool,
}

/// What is special about a stage of a Spark application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparkStage {
    /// The Spark job of the stage, which its driver submits as a whole: from then on all stages of it
    /// are known.
    #[serde(default)]
    pub job: u32,
    /// How long the driver pauses after the stages before it.
    #[serde(
        rename = "pause_s",
        default,
        with = "seconds",
        skip_serializing_if = "Duration::is_zero"
    )]
    pub pause: Duration,
    /// The position of its executors in [`SparkApplication::executors`].
    #[serde(default, skip_serializing_if = "is_first")]
    pub executor: u32,
    /// Whether it writes shuffle output, which later stages read from the node on which its tasks ran.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shuffle_output: bool,
    /// Whether its executors keep cached blocks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cached: bool,
}

fn is_first(position: &u32) -> bool {
    *position == 0
}

/// A duration that may be absent.
mod optional_seconds {
    use super::{Duration, seconds};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match duration {
            Some(duration) => seconds::serialize(duration, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let read = Option::<f64>::deserialize(deserializer)?;
        let duration = read.map(seconds::from_f64).transpose();
        duration.map_err(serde::de::Error::custom)
    }
}
