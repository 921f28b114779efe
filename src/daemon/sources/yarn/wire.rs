//! The fields of the ResourceManager's answers that are read, by Hadoop's names. Versions 2.8 to 3.4
//! differ in the fields that they omit.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// `/ws/v1/cluster/info`, which standbys serve, too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    pub cluster_info: ClusterInfo,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterInfo {
    /// When the ResourceManager's process started, in milliseconds since the Unix epoch; identifies
    /// the process.
    pub id: i64,
    pub ha_state: String,
    #[serde(default)]
    pub resource_manager_version: String,
}

/// `/ws/v1/cluster/metrics`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metrics {
    pub cluster_metrics: ClusterMetrics,
}

/// Amounts without "across partition" in their name cover the default partition only.
///
/// Only available amounts may be negative: after a NodeManager is lost or shrinks, more is allocated
/// than exists. Any other negative number is an error of the ResourceManager, and does not parse.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterMetrics {
    pub apps_pending: u64,
    pub apps_running: u64,
    #[serde(rename = "reservedMB", default)]
    pub reserved_mib: u64,
    #[serde(rename = "availableMB")]
    pub available_mib: i64,
    #[serde(rename = "allocatedMB")]
    pub allocated_mib: u64,
    /// Since Hadoop 3.3; earlier versions have it in [`QueueMetrics`] only.
    #[serde(rename = "pendingMB")]
    pub pending_mib: Option<u64>,
    #[serde(rename = "totalMB")]
    pub total_mib: u64,
    #[serde(default)]
    pub reserved_virtual_cores: u64,
    pub available_virtual_cores: i64,
    pub allocated_virtual_cores: u64,
    /// Since Hadoop 3.3; earlier versions have it in [`QueueMetrics`] only.
    pub pending_virtual_cores: Option<u64>,
    pub total_virtual_cores: u64,
    pub containers_allocated: u64,
    #[serde(default)]
    pub containers_reserved: u64,
    pub containers_pending: u64,
    pub active_nodes: u32,
    #[serde(default)]
    pub decommissioning_nodes: u32,
    pub decommissioned_nodes: u32,
    pub lost_nodes: u32,
    pub unhealthy_nodes: u32,
    #[serde(rename = "totalClusterResourcesAcrossPartition")]
    pub total_across_partitions: Option<Resource>,
}

/// An amount of resources, in MiB and virtual cores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Resource {
    pub memory: u64,
    #[serde(rename = "vCores")]
    pub vcores: u64,
}

impl Resource {
    pub const NONE: Self = Self {
        memory: 0,
        vcores: 0,
    };

    pub fn plus(self, other: Self) -> Self {
        Self {
            memory: self.memory.saturating_add(other.memory),
            vcores: self.vcores.saturating_add(other.vcores),
        }
    }
}

/// `/ws/v1/cluster/nodes`; the list is `null` if it is empty.
#[derive(Debug, Deserialize)]
pub struct Nodes<N = Node> {
    pub nodes: Option<NodeList<N>>,
}

#[derive(Debug, Deserialize)]
pub struct NodeList<N> {
    #[serde(default = "Vec::new")]
    pub node: Vec<N>,
}

/// A node that has left, of which little else is known.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeThatLeft {
    pub node_host_name: String,
    pub state: NodeState,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    pub node_host_name: String,
    pub state: NodeState,
    /// The host and port of the NodeManager's web page.
    #[serde(rename = "nodeHTTPAddress")]
    pub http_address: String,
    pub num_containers: u32,
    #[serde(rename = "usedMemoryMB", default)]
    pub used_mib: i64,
    #[serde(rename = "availMemoryMB", default)]
    pub available_mib: i64,
    /// The node's label; empty for the default partition.
    #[serde(default)]
    pub node_labels: Vec<String>,
}

impl Node {
    /// The memory that the node offers to containers, in MiB.
    pub fn memory_mib(&self) -> u64 {
        u64::try_from(self.used_mib.saturating_add(self.available_mib)).unwrap_or(0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum NodeState {
    Running,
    Decommissioning,
    Unhealthy,
    /// Left, because it was asked to.
    Decommissioned,
    /// Left for another reason, or not yet joined.
    #[serde(other)]
    Elsewhere,
}

impl NodeState {
    /// Whether the NodeManager is connected to the ResourceManager.
    pub fn is_present(self) -> bool {
        matches!(
            self,
            Self::Running | Self::Decommissioning | Self::Unhealthy
        )
    }
}

/// `/ws/v1/cluster/apps`; the list is `null` if it is empty.
#[derive(Debug, Deserialize)]
pub struct Apps {
    pub apps: Option<AppList>,
}

#[derive(Debug, Deserialize)]
pub struct AppList {
    #[serde(default)]
    pub app: Vec<App>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    pub id: String,
    pub state: AppState,
    /// When it was submitted, in milliseconds since the Unix epoch; 0 if this user may not see it.
    pub started_time: Option<i64>,
    /// The [`Node::http_address`] of the application master's node; absent until the master is
    /// placed, and if this user may not see it.
    pub am_host_http_address: Option<String>,
    /// Whether the application master runs outside the cluster.
    #[serde(default)]
    pub unmanaged_application: bool,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub queue: String,
    #[serde(default)]
    pub application_type: String,
    /// Amounts are -1 if this user may not see them.
    #[serde(rename = "allocatedMB", default)]
    pub allocated_mib: i64,
    #[serde(rename = "allocatedVCores", default)]
    pub allocated_vcores: i64,
    #[serde(default)]
    pub running_containers: i64,
    /// The address of the application master's web interface.
    pub tracking_url: Option<String>,
}

#[cfg(test)]
impl App {
    /// An application of which only the state is known.
    pub fn in_state(state: AppState) -> Self {
        Self {
            id: "application_1_1".to_owned(),
            state,
            started_time: None,
            am_host_http_address: None,
            unmanaged_application: false,
            name: String::new(),
            queue: String::new(),
            application_type: String::new(),
            allocated_mib: -1,
            allocated_vcores: -1,
            running_containers: -1,
            tracking_url: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AppState {
    Accepted,
    Running,
    /// Not yet placed, or finished.
    #[serde(other)]
    Other,
}

/// `/ws/v1/cluster/get-node-labels`: an object that is empty if there are no labels, or `null` (Hadoop
/// 2). A single label is not written as a list, and the name of the list depends on the version.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct NodeLabels(Option<BTreeMap<String, Option<IgnoredAny>>>);

impl NodeLabels {
    pub fn exist(&self) -> bool {
        self.0.iter().flatten().any(|(_, labels)| labels.is_some())
    }
}

/// `/ws/v1/cluster/scheduler`. `Q` has the fields of each queue that are read.
#[derive(Debug, Deserialize)]
pub struct Scheduler<Q> {
    pub scheduler: SchedulerBody<Q>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchedulerBody<Q> {
    pub scheduler_info: SchedulerInfo<Q>,
}

/// `type` is `capacityScheduler`, `fairScheduler` or `fifoScheduler`; only the first has partitions.
#[derive(Debug, Deserialize)]
pub struct SchedulerInfo<Q> {
    #[serde(rename = "type")]
    pub kind: String,
    /// The queues directly below the root, each including its descendants.
    pub queues: Option<QueueList<Q>>,
}

impl SchedulerInfo<Queue> {
    /// Whether work is pending in any partition.
    pub fn has_pending(&self) -> bool {
        let queues = self.queues.iter().flat_map(|queues| &queues.queue);
        queues
            .flat_map(|queue| &queue.resources.resource_usages_by_partition)
            .any(|usage| usage.pending != Resource::NONE)
    }
}

#[derive(Debug, Deserialize)]
pub struct QueueList<Q> {
    pub queue: Vec<Q>,
}

#[derive(Debug, Deserialize)]
pub struct Queue {
    pub resources: QueueResources,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueResources {
    pub resource_usages_by_partition: Vec<PartitionUsage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartitionUsage {
    /// The partition; empty for the default one.
    pub partition_name: String,
    /// The used amount includes the reserved one.
    pub used: Resource,
    pub reserved: Resource,
    pub pending: Resource,
}

/// The bean `PartitionQueueMetrics` of the root queue in one partition (Hadoop 3.3 and later).
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PartitionCounts {
    /// The partition; empty for the default one.
    #[serde(rename = "tag.Partition")]
    pub partition: String,
    pub allocated_containers: u64,
    pub pending_containers: u64,
    pub reserved_containers: u64,
    pub aggregate_containers_released: u64,
}

/// The bean `QueueMetrics` of the root queue, which covers the default partition.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueueMetrics {
    pub aggregate_containers_released: u64,
    #[serde(rename = "PendingMB")]
    pub pending_mib: Option<u64>,
    #[serde(rename = "PendingVCores")]
    pub pending_virtual_cores: Option<u64>,
}
