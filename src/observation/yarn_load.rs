//! The load of YARN.

use serde::{Deserialize, Serialize};

use crate::units::{Mebibytes, Timestamp, VirtualCores};

/// Load as the ResourceManager reports it, over all partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YarnLoad {
    /// Memory of all active NodeManagers.
    #[serde(rename = "memory_total_mib")]
    pub memory_total: Mebibytes,
    /// Memory that YARN could still allocate.
    #[serde(rename = "memory_available_mib")]
    pub memory_available: Mebibytes,
    /// Memory that running containers were granted, without what is reserved.
    #[serde(rename = "memory_allocated_mib")]
    pub memory_allocated: Mebibytes,
    /// Memory reserved for containers that do not fit on their node yet.
    #[serde(rename = "memory_reserved_mib", default)]
    pub memory_reserved: Mebibytes,
    /// Memory that applications have asked for and not been granted: the backlog.
    #[serde(rename = "memory_pending_mib")]
    pub memory_pending: Mebibytes,
    /// Virtual cores of all active NodeManagers. All amounts of virtual cores are `None` if they
    /// were not counted: CloudWatch's history has memory only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_total: Option<VirtualCores>,
    /// Virtual cores that YARN could still allocate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_available: Option<VirtualCores>,
    /// Virtual cores that running containers were granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_allocated: Option<VirtualCores>,
    /// Virtual cores reserved for containers that do not fit on their node yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_reserved: Option<VirtualCores>,
    /// Virtual cores that applications have asked for and not been granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_pending: Option<VirtualCores>,
    /// Containers that run, application masters included.
    pub containers_allocated: u64,
    /// Containers that applications have asked for and not been granted.
    pub containers_pending: u64,
    /// Containers reserved on a node that has no room for them yet.
    #[serde(default)]
    pub containers_reserved: u64,
    /// Containers released since the ResourceManager started: a counter that only grows, but
    /// restarts at zero with it. It is read over JMX and up to ten seconds old.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub containers_released_total: Option<u64>,
    /// Applications in YARN's state RUNNING: their masters have registered.
    pub apps_running: u64,
    /// Applications that were submitted and do not run yet.
    pub apps_pending: u64,
    /// When the first of the applications that are not over started, in YARN's sense: when it was
    /// submitted. Those that wait count, because one whose master starts again waits as well.
    /// `None` if there is none, or if it was not reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_app_started_at: Option<Timestamp>,
    /// NodeManagers by state; all zero in recordings that do not have them.
    #[serde(default)]
    pub nodes: NodesByState,
}

impl YarnLoad {
    /// The load without virtual cores, if YARN does not count them: its DefaultResourceCalculator
    /// allocates more than there are. While a node is lost, memory is over-allocated, too.
    pub fn without_uncounted_vcores(self) -> Self {
        let is_beyond = self.vcores_allocated > self.vcores_total;
        if !is_beyond || self.memory_allocated > self.memory_total {
            return self;
        }
        Self {
            vcores_total: None,
            vcores_available: None,
            vcores_allocated: None,
            vcores_reserved: None,
            vcores_pending: None,
            ..self
        }
    }

    /// NodeManagers by state; `None` if they were not recorded.
    pub fn known_nodes(&self) -> Option<NodesByState> {
        let is_known = self.nodes != NodesByState::default() || self.memory_total.get() == 0;
        is_known.then_some(self.nodes)
    }

    /// The nodes whose memory is in this load: none while YARN counts nodes and no memory of them, as for
    /// a moment while a ResourceManager starts.
    pub fn nodes_with_memory(&self) -> Option<NodesByState> {
        let nodes = self.known_nodes()?;
        if self.memory_total.get() > 0 {
            return Some(nodes);
        }
        Some(NodesByState {
            active: 0,
            decommissioning: 0,
            ..nodes
        })
    }
}

/// NodeManagers by state, as the ResourceManager counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodesByState {
    /// NodeManagers that accept containers.
    pub active: u32,
    /// NodeManagers that finish their containers and accept no new ones.
    pub decommissioning: u32,
    /// NodeManagers that have left since the ResourceManager started.
    pub decommissioned: u32,
    /// NodeManagers that stopped sending heartbeats.
    pub lost: u32,
    /// NodeManagers whose health check fails; they accept no containers.
    pub unhealthy: u32,
}
