//! What was observed of a cluster, and when each part was measured: the only input of the engine.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::units::{Instances, Mebibytes, Timestamp, VirtualCores};

/// A value with the instant at which it was measured, which may be earlier than the tick that read it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampled<T> {
    pub value: T,
    pub measured_at: Timestamp,
}

/// Everything known at one tick. A part that could not be read is `None` and never a guess.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// When the tick happened: the engine's only notion of "now".
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yarn: Option<Sampled<YarnLoad>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hdfs: Option<Sampled<HdfsLoad>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Sampled<NodeSnapshot>>,
    /// Values of the CloudWatch metrics that the policy declares. Numbers that are not finite must be
    /// left out: a journal cannot store them, and the engine must see what the journal has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<MetricId, Sampled<f64>>,
    pub cluster: Sampled<ClusterStatus>,
    #[serde(default, skip_serializing_if = "Control::is_default")]
    pub control: Control,
}

/// Load as the ResourceManager reports it, over all partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YarnLoad {
    #[serde(rename = "memory_total_mib")]
    pub memory_total: Mebibytes,
    #[serde(rename = "memory_available_mib")]
    pub memory_available: Mebibytes,
    #[serde(rename = "memory_allocated_mib")]
    pub memory_allocated: Mebibytes,
    #[serde(rename = "memory_reserved_mib", default)]
    pub memory_reserved: Mebibytes,
    #[serde(rename = "memory_pending_mib")]
    pub memory_pending: Mebibytes,
    /// Virtual cores are `None` if they were not counted: CloudWatch's history has memory only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_total: Option<VirtualCores>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_available: Option<VirtualCores>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_allocated: Option<VirtualCores>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_reserved: Option<VirtualCores>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_pending: Option<VirtualCores>,
    pub containers_allocated: u64,
    pub containers_pending: u64,
    #[serde(default)]
    pub containers_reserved: u64,
    /// Containers released since the ResourceManager started: a counter that only grows, but
    /// restarts at zero with it. It is read over JMX and up to ten seconds old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers_released_total: Option<u64>,
    pub apps_running: u64,
    pub apps_pending: u64,
    /// When the first of the applications that are not over started, in YARN's sense: when it was
    /// submitted. Those that wait count, because one whose master starts again waits as well.
    /// `None` if there is none, or if it was not reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_app_started_at: Option<Timestamp>,
    #[serde(default)]
    pub nodes: NodesByState,
}

/// NodeManagers by state, as the ResourceManager counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodesByState {
    pub active: u32,
    pub decommissioning: u32,
    pub decommissioned: u32,
    pub lost: u32,
    pub unhealthy: u32,
}

/// Storage as the NameNode reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HdfsLoad {
    #[serde(rename = "capacity_total_mib")]
    pub capacity_total: Mebibytes,
    #[serde(rename = "capacity_used_mib")]
    pub capacity_used: Mebibytes,
    pub blocks_under_replicated: u64,
    #[serde(default)]
    pub blocks_missing: u64,
}

/// Every NodeManager with what runs on it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeSnapshot(pub Vec<NodeLoad>);

/// One NodeManager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeLoad {
    /// The EC2 instance behind the node.
    pub instance: InstanceId,
    pub group: GroupId,
    pub containers: u32,
    /// An application master runs here: losing the node loses the application.
    #[serde(default)]
    pub has_application_master: bool,
    /// Already leaving (decommissioning).
    #[serde(default)]
    pub draining: bool,
    /// Since when the node was observed without containers; `None` while it has some, or if that was
    /// not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_since: Option<Timestamp>,
}

/// What EMR reports about the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterStatus {
    pub state: ClusterState,
    pub groups: Vec<GroupStatus>,
    #[serde(default)]
    pub steps_pending: u32,
    #[serde(default)]
    pub steps_running: u32,
    /// Since when nothing has run on the cluster; `None` while something does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_since: Option<Timestamp>,
}

/// One thing that can be resized: an instance group, or one market of an instance fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupStatus {
    pub id: GroupId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    pub role: Role,
    #[serde(default)]
    pub kind: GroupKind,
    pub market: Market,
    pub state: GroupState,
    /// The size that was requested from EMR.
    pub requested: Instances,
    /// The instances that run.
    pub running: Instances,
    /// Amazon's automatic or managed scaling has a policy for the group: two controllers would undo
    /// each other's work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scaled_by_amazon: bool,
}

/// Whether this daemon may act at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Control {
    /// Set while someone has paused scaling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// This daemon is the leader: it runs on the primary node with the active ResourceManager and holds
    /// the lock.
    pub leader: bool,
    /// Nodes are observed too: nothing may scale in while it is not known what runs on each.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub looks_at_nodes: bool,
}

impl Control {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for Control {
    fn default() -> Self {
        Self {
            pause: None,
            leader: true,
            looks_at_nodes: false,
        }
    }
}

/// A pause that ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    pub until: Timestamp,
    /// Only this direction is paused; both when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
}

/// The direction of a resize.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    Out,
    In,
}

impl Direction {
    /// What a resize in this direction does: `scale out` or `scale in`.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Out => "scale out",
            Self::In => "scale in",
        }
    }
}

/// Defines an enum whose names are EMR's own, written in its spelling.
macro_rules! spelled {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $(#[serde(rename = $text)] $variant),+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

spelled! {
    /// State of a cluster, in EMR's words.
    ClusterState {
        Starting = "STARTING", Bootstrapping = "BOOTSTRAPPING", Running = "RUNNING", Waiting = "WAITING",
        Terminating = "TERMINATING", Terminated = "TERMINATED", TerminatedWithErrors = "TERMINATED_WITH_ERRORS",
    }
}
spelled! {
    /// State of an instance group or fleet, in EMR's words.
    GroupState {
        Provisioning = "PROVISIONING", Bootstrapping = "BOOTSTRAPPING", Running = "RUNNING", Reconfiguring = "RECONFIGURING",
        Resizing = "RESIZING", Suspended = "SUSPENDED", Terminating = "TERMINATING", Terminated = "TERMINATED",
        Arrested = "ARRESTED", ShuttingDown = "SHUTTING_DOWN", Ended = "ENDED",
    }
}
spelled! {
    /// What a group does in its cluster.
    Role { Primary = "primary", Core = "core", Task = "task" }
}
spelled! {
    /// How instances are bought.
    Market { OnDemand = "on-demand", Spot = "spot" }
}

/// Instance group or instance fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    #[default]
    Group,
    Fleet,
}

impl GroupKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Fleet => "fleet",
        }
    }
}

/// Defines a cheap-to-copy identifier.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            pub fn new(text: impl Into<Arc<str>>) -> Self {
                Self(text.into())
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

identifier! {
    /// An instance group (`ig-...`), or one market of a fleet (`if-.../spot`).
    GroupId
}
identifier! {
    /// An EC2 instance (`i-...`).
    InstanceId
}
identifier! {
    /// The name under which a policy declares a CloudWatch metric.
    MetricId
}
identifier! {
    /// The name of a rule, unique within its target.
    RuleName
}
