//! What was observed of a cluster, and when each part was measured: the only input of the engine.

mod ids;
pub mod node_count;
pub mod node_use;
pub mod pending_limit;
pub mod steps;
pub mod work;
mod yarn_load;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::units::{Instances, Mebibytes, Resources, Timestamp};
pub use ids::{GroupId, InstanceId, MetricId, RuleName};
use pending_limit::PendingLimit;
use steps::Steps;
use work::Work;
pub use yarn_load::{NodesByState, YarnLoad};

/// A value with the instant at which it was measured, which may be earlier than the tick that read it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampled<T> {
    /// What was measured; its unit depends on `T`.
    pub value: T,
    /// When the source measured it. Staleness, windows and `for` timers count from here.
    pub measured_at: Timestamp,
}

/// Everything known at one tick. A part that could not be read is `None` and never a guess.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    /// When the tick happened: the engine's only notion of "now".
    pub at: Timestamp,
    /// From the ResourceManager; `None` if it did not answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yarn: Option<Sampled<YarnLoad>>,
    /// From the active NameNode; `None` if none answered, or none is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hdfs: Option<Sampled<HdfsLoad>>,
    /// From the ResourceManager's lists of nodes and applications; `None` if it is incomplete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<Sampled<NodeSnapshot>>,
    /// Limits that keep pending work from starting; `None` if they were not read, because nothing is
    /// pending or the ResourceManager did not report them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pending_limits: Option<Sampled<Vec<PendingLimit>>>,
    /// What running applications say about their own work; `None` if it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Sampled<Work>>,
    /// EMR's steps; `None` if they were not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<Sampled<Steps>>,
    /// Values of the CloudWatch metrics that the policy declares. Numbers that are not finite must be
    /// left out: a journal cannot store them, and the engine must see what the journal has.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metrics: BTreeMap<MetricId, Sampled<f64>>,
    /// From EMR. Without any description of the cluster, there is no observation; an old one stays
    /// with its `measured_at`.
    pub cluster: Sampled<ClusterStatus>,
    /// Whether this daemon may act; left out of a journal while it is the default.
    #[serde(default, skip_serializing_if = "Control::is_default")]
    pub control: Control,
}

impl Observation {
    /// The limits that keep pending work from starting; none where they were not read.
    pub fn known_limits(&self) -> &[PendingLimit] {
        let limits = self.pending_limits.as_ref();
        limits.map_or(&[], |limits| &limits.value)
    }
}

/// Storage as the NameNode reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HdfsLoad {
    /// Raw capacity of the DataNodes, of which every copy of a block takes its share.
    #[serde(rename = "capacity_total_mib")]
    pub capacity_total: Mebibytes,
    /// Space that blocks take, all copies counted.
    #[serde(rename = "capacity_used_mib")]
    pub capacity_used: Mebibytes,
    /// Blocks with fewer copies than they should have; while there are some, core nodes stay.
    pub blocks_under_replicated: u64,
    /// Blocks without any copy left.
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
    /// The group that the instance belongs to, by EMR's list of instances.
    pub group: GroupId,
    /// Containers that run on the node, application masters included.
    pub containers: u32,
    /// An application master runs here: losing the node loses the application.
    #[serde(default)]
    pub has_application_master: bool,
    /// Already leaving (decommissioning), or gone from YARN because it was asked to leave
    /// (decommissioned).
    #[serde(default)]
    pub draining: bool,
    /// Since when the node was observed without containers; `None` while it has some, or if that was
    /// not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_since: Option<Timestamp>,
    /// Whether YARN uses the node.
    #[serde(default, skip_serializing_if = "NodeHealth::is_usable")]
    pub health: NodeHealth,
}

/// Whether YARN uses an instance that EMR runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeHealth {
    /// YARN starts containers on the node, or waits for those on it to end.
    #[default]
    Usable,
    /// The NodeManager reports that it is unhealthy: YARN starts nothing on it.
    Unhealthy,
    /// YARN does not list the instance among its present nodes: its NodeManager never registered, is
    /// lost or decommissioned, or has not yet registered again with a ResourceManager that restarted.
    NotListed,
}

impl NodeHealth {
    /// Whether YARN starts containers on the node.
    pub fn is_usable(&self) -> bool {
        *self == Self::Usable
    }
}

/// What EMR reports about the cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterStatus {
    /// RUNNING or WAITING; in all other states nothing is resized.
    pub state: ClusterState,
    /// All groups of the cluster, the primary included; a fleet has two, one for each market.
    pub groups: Vec<GroupStatus>,
    /// EMR steps that wait; zero if the policy reads no steps.
    #[serde(default)]
    pub steps_pending: u32,
    /// EMR steps that run; zero if the policy reads no steps.
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
    /// EMR's id of the instance group, or of the fleet with the market appended.
    pub id: GroupId,
    /// The name in EMR; `None` if the group has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Arc<str>>,
    /// Only core and task groups can be resized.
    pub role: Role,
    /// Decides which of EMR's APIs resizes it, and whether it counts instances or capacity units.
    #[serde(default)]
    pub kind: GroupKind,
    /// On-demand if EMR does not report a market.
    pub market: Market,
    /// RUNNING, RESIZING or SUSPENDED; in all other states the group is not resized.
    pub state: GroupState,
    /// What EMR says about a group that is SUSPENDED or ARRESTED, if it says anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state_reason: Option<Arc<str>>,
    /// The size that was requested from EMR.
    pub requested: Instances,
    /// The instances that run.
    pub running: Instances,
    /// Amazon's automatic or managed scaling has a policy for the group: two controllers would undo
    /// each other's work.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub scaled_by_amazon: bool,
    /// What YARN offers on one instance, by the group's instance type. `None` for fleets, which mix
    /// types, for the primary node, and if the type is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<Resources>,
}

impl GroupStatus {
    /// How many of the running instances are to be terminated.
    pub fn leaving(&self) -> u32 {
        self.running.get().saturating_sub(self.requested.get())
    }
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
    /// The first observation of a daemon: what happened before it is not known, even if an earlier daemon
    /// left its journal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_first: bool,
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
            is_first: false,
        }
    }
}

/// A pause that ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// When scaling resumes without anyone's action.
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
    /// To a larger size: instances launch.
    Out,
    /// To a smaller size: instances terminate.
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
    ($(#[$doc:meta])* $name:ident { $($(#[$meaning:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$meaning])* #[serde(rename = $text)] $variant),+
        }

        impl $name {
            /// All variants, in the order in which they are declared.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name as traces and metrics write it.
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
        /// EC2 instances are being started.
        Starting = "STARTING",
        /// Bootstrap actions run on the first instances.
        Bootstrapping = "BOOTSTRAPPING",
        /// A step runs, or the cluster is preparing one.
        Running = "RUNNING",
        /// The cluster is up, and no step runs; applications may.
        Waiting = "WAITING",
        /// The cluster is shutting down.
        Terminating = "TERMINATING",
        /// The cluster was shut down without an error.
        Terminated = "TERMINATED",
        /// The cluster failed, and was shut down.
        TerminatedWithErrors = "TERMINATED_WITH_ERRORS",
    }
}
spelled! {
    /// State of an instance group or fleet, in EMR's words.
    GroupState {
        /// The first instances are being started.
        Provisioning = "PROVISIONING",
        /// Bootstrap actions run on the first instances.
        Bootstrapping = "BOOTSTRAPPING",
        /// The group has the size that was requested.
        Running = "RUNNING",
        /// A new application configuration is being rolled out.
        Reconfiguring = "RECONFIGURING",
        /// Instances are being added or removed.
        Resizing = "RESIZING",
        /// A resize failed: EMR stopped trying and waits for a new size.
        Suspended = "SUSPENDED",
        /// The instances are being terminated.
        Terminating = "TERMINATING",
        /// All instances were terminated.
        Terminated = "TERMINATED",
        /// The group cannot be used because of an error; EMR accepts no resize.
        Arrested = "ARRESTED",
        /// The cluster is shutting down, and the group with it.
        ShuttingDown = "SHUTTING_DOWN",
        /// The group is gone.
        Ended = "ENDED",
    }
}
spelled! {
    /// What a group does in its cluster.
    Role {
        /// Runs the ResourceManager and the NameNode; never resized.
        Primary = "primary",
        /// Runs containers and stores HDFS blocks, which limits how far it scales in.
        Core = "core",
        /// Runs containers only.
        Task = "task",
    }
}
spelled! {
    /// How instances are bought.
    Market {
        /// At the list price, for as long as they run.
        OnDemand = "on-demand",
        /// At the spot price; EC2 can take them back at any time.
        Spot = "spot",
    }
}

/// Instance group or instance fleet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroupKind {
    /// An instance group: all instances have one type, and sizes count instances.
    #[default]
    Group,
    /// One market of an instance fleet: types are mixed, and sizes count capacity units.
    Fleet,
}

impl GroupKind {
    /// The name as traces and policies write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Fleet => "fleet",
        }
    }
}
