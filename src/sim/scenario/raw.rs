//! The shape of a scenario file, before its values are checked.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::Scheduler;
use crate::observation::{GroupKind, Market, Role};
use crate::policy::yaml::At;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScenario {
    /// The file's when absent.
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub description: String,
    pub cluster: RawCluster,
    #[serde(default)]
    pub poll: Option<At<RawDuration>>,
    #[serde(default)]
    pub scheduler: Scheduler,
    #[serde(default)]
    pub queues: Option<At<Vec<At<RawQueue>>>>,
    #[serde(default)]
    pub yarn: RawYarn,
    #[serde(default)]
    pub provisioning: Option<At<RawProvisioning>>,
    #[serde(default)]
    pub decommission_timeout: Option<RawDuration>,
    #[serde(default)]
    pub spot: Option<At<RawSpot>>,
    #[serde(default)]
    pub metrics: Option<At<RawMetrics>>,
    #[serde(default)]
    pub hdfs: Option<At<RawHdfs>>,
    #[serde(default)]
    pub slo: RawSlo,
    #[serde(default)]
    pub prices: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCluster {
    pub groups: At<Vec<At<RawGroup>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGroup {
    pub name: String,
    /// What a policy's `id:` selects; `ig-` and the name when absent.
    #[serde(default)]
    pub id: Option<String>,
    pub role: Role,
    #[serde(default)]
    pub kind: GroupKind,
    pub r#type: At<String>,
    pub market: Market,
    pub count: u32,
    #[serde(default)]
    pub limits: Option<RawLimits>,
    #[serde(default)]
    pub node: Option<RawNode>,
    #[serde(default)]
    pub price: Option<RawPrice>,
    #[serde(default)]
    pub shortages: Vec<RawShortage>,
}

/// A time in which EC2 has too few instances.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawShortage {
    pub from: RawDuration,
    pub to: RawDuration,
    pub available: u32,
}

/// US dollars per instance and hour.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrice {
    pub ec2_usd_h: f64,
    #[serde(default)]
    pub emr_usd_h: f64,
    #[serde(default)]
    pub ebs_usd_h: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    pub min: u32,
    pub max: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNode {
    pub memory_mib: u64,
    pub vcores: u64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawYarn {
    pub application_start: Option<RawDuration>,
    pub container_overhead: Option<RawDuration>,
    pub heartbeat: Option<RawDuration>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawProvisioning {
    pub median: Option<RawDuration>,
    pub p95: Option<RawDuration>,
    pub failure_percent: f64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawSpot {
    pub interruptions_per_hour: f64,
    pub notice: Option<RawDuration>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawMetrics {
    pub delay: Option<RawDuration>,
    pub loss_percent: f64,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawHdfs {
    pub used_gib: Option<u64>,
    pub capacity_gib_per_node: Option<u64>,
    pub replication: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RawSlo {
    pub wait: Option<RawDuration>,
}

/// A duration such as `90s`, `6m` or `1h 30m`; never negative, at most a hundred years.
pub(super) struct RawDuration(pub Duration);

impl<'de> Deserialize<'de> for RawDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);
        let text = String::deserialize(deserializer)?;
        let refuse = |why: &str| {
            serde::de::Error::custom(format!(
                "`{text}` is {why}; write a duration such as 90s, 6m or 1h 30m"
            ))
        };
        let signed: jiff::SignedDuration = text.parse().map_err(|_| refuse("not a duration"))?;
        let duration = Duration::try_from(signed).map_err(|_| refuse("negative"))?;
        if duration > LONGEST {
            Err(refuse("longer than a hundred years"))
        } else {
            Ok(Self(duration))
        }
    }
}

/// A queue as the file writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQueue {
    pub name: String,
    pub capacity_percent: f64,
    #[serde(default = "whole_cluster")]
    pub maximum_capacity_percent: f64,
    #[serde(default = "once")]
    pub user_limit_factor: f64,
}

/// YARN's default.
const fn whole_cluster() -> f64 {
    100.0
}

/// YARN's default.
const fn once() -> f64 {
    1.0
}
