//! What the ResourceManager sends, as far as it is read. Field names are Hadoop's own; versions 2.8
//! to 3.4 differ in what they leave out.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// `/ws/v1/cluster/info`, which a standby answers, too.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    pub cluster_info: ClusterInfo,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterInfo {
    /// When the ResourceManager's process started, in milliseconds since the Unix epoch: tells one
    /// process from another.
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

/// Amounts without "across partition" in their name are of the default partition only.
///
/// Only what is available may be negative: after a NodeManager was lost or made smaller, more is
/// allocated than there is. A negative number anywhere else is a fault in the ResourceManager's
/// bookkeeping, and not readable.
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
    #[serde(rename = "pendingMB")]
    pub pending_mib: u64,
    #[serde(rename = "totalMB")]
    pub total_mib: u64,
    #[serde(default)]
    pub reserved_virtual_cores: u64,
    pub available_virtual_cores: i64,
    pub allocated_virtual_cores: u64,
    pub pending_virtual_cores: u64,
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

/// An amount of resources; MiB and virtual cores.
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
}

/// `/ws/v1/cluster/nodes`; without any node the list is `null`.
#[derive(Debug, Deserialize)]
pub struct Nodes {
    pub nodes: Option<NodeList>,
}

#[derive(Debug, Deserialize)]
pub struct NodeList {
    #[serde(default)]
    pub node: Vec<Node>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    pub node_host_name: String,
    pub state: NodeState,
    /// Host and port of the NodeManager's web page.
    #[serde(rename = "nodeHTTPAddress")]
    pub http_address: String,
    pub num_containers: u32,
    /// That of the default partition is empty.
    #[serde(default)]
    pub node_labels: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum NodeState {
    Running,
    Decommissioning,
    Unhealthy,
    /// Gone, or not yet there.
    #[serde(other)]
    Elsewhere,
}

/// `/ws/v1/cluster/apps`; without any application the list is `null`.
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
    /// When it was submitted, in milliseconds since the Unix epoch; 0 for those who may not see it.
    pub started_time: Option<i64>,
    /// [`Node::http_address`] of the node that runs the application master; absent before that is
    /// placed, and for those who may not see it.
    pub am_host_http_address: Option<String>,
    /// The application master runs outside the cluster.
    #[serde(default)]
    pub unmanaged_application: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AppState {
    Accepted,
    Running,
    /// Not yet placed, or over.
    #[serde(other)]
    Other,
}

/// `/ws/v1/cluster/get-node-labels`: an object with something in it where labels exist. One label
/// is not written as a list of one, and versions differ in the name of what holds them.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct NodeLabels(BTreeMap<String, Option<IgnoredAny>>);

impl NodeLabels {
    pub fn exist(&self) -> bool {
        self.0.values().any(Option::is_some)
    }
}

/// `/ws/v1/cluster/scheduler`.
#[derive(Debug, Deserialize)]
pub struct Scheduler {
    pub scheduler: SchedulerBody,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SchedulerBody {
    pub scheduler_info: SchedulerInfo,
}

/// `type` is `capacityScheduler`, `fairScheduler` or `fifoScheduler`; only the first one knows
/// partitions.
#[derive(Debug, Deserialize)]
pub struct SchedulerInfo {
    #[serde(rename = "type")]
    pub kind: String,
    /// The queues right below the root. Each counts what is pending below it.
    pub queues: Option<QueueList>,
}

#[derive(Debug, Deserialize)]
pub struct QueueList {
    pub queue: Vec<Queue>,
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
    /// Empty for the default partition.
    pub partition_name: String,
    /// What is reserved is counted as used, too.
    pub used: Resource,
    pub reserved: Resource,
    pub pending: Resource,
}

/// The bean `PartitionQueueMetrics` of the root queue in one partition; since Hadoop 3.3.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PartitionCounts {
    /// Empty for the default partition.
    #[serde(rename = "tag.Partition")]
    pub partition: String,
    pub allocated_containers: u64,
    pub pending_containers: u64,
    pub reserved_containers: u64,
    pub aggregate_containers_released: u64,
}

/// The bean `QueueMetrics` of the root queue, which is of the default partition.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Turnover {
    pub aggregate_containers_released: u64,
}
