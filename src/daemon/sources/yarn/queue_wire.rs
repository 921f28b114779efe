//! The fields of the ResourceManager's answers that say why work is pending: the queues of the
//! CapacityScheduler, and what each application asks for. Versions 2.8 to 3.4 differ in the fields
//! that they omit.

use serde::Deserialize;

use crate::daemon::sources::yarn::wire::{AppState, QueueList, Resource};

/// A queue; a leaf, to which applications are submitted, has no queues below it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Queue {
    pub queue_name: String,
    pub queues: Option<QueueList<Queue>>,
    /// In percent of the cluster.
    #[serde(default = "whole")]
    pub absolute_capacity: f64,
    /// In percent of the cluster.
    #[serde(default = "whole")]
    pub absolute_max_capacity: f64,
    /// The limits are amounts and not shares.
    #[serde(default)]
    pub is_absolute_resource: bool,
    /// The most that the queue may have now.
    pub max_effective_capacity: Option<Resource>,
    /// How many times the queue's capacity one user may have; negative for no limit.
    pub user_limit_factor: Option<f64>,
    pub resources_used: Option<Resource>,
    /// The users who have something in the queue.
    pub users: Option<UserList>,
    /// Every queue on the way from the root, joined by dots (Hadoop 3.4).
    pub queue_path: Option<String>,
    pub resources: Option<QueueResources>,
}

#[derive(Debug, Deserialize)]
pub struct UserList {
    #[serde(default)]
    pub user: Vec<User>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub username: String,
    pub resources_used: Option<Resource>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueResources {
    #[serde(default)]
    pub resource_usages_by_partition: Vec<QueueUsage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueUsage {
    /// What application masters have.
    pub am_used: Option<Resource>,
    /// What application masters may have.
    pub am_limit: Option<Resource>,
}

/// `/ws/v1/cluster/apps` with the requests of each application.
#[derive(Debug, Deserialize)]
pub struct RequestingApps {
    pub apps: Option<RequestingAppList>,
}

#[derive(Debug, Deserialize)]
pub struct RequestingAppList {
    #[serde(default)]
    pub app: Vec<RequestingApp>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestingApp {
    #[serde(default)]
    pub user: String,
    #[serde(default)]
    pub queue: String,
    pub state: AppState,
    #[serde(default)]
    pub resource_requests: Vec<Request>,
}

/// A number of equal containers. Requests for a node or a rack repeat what the one for any place asks
/// for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub capability: Capability,
    /// Negative while YARN has granted more than was asked for.
    pub num_containers: i64,
    pub resource_name: String,
    /// Empty or absent for the default partition of the queue.
    pub node_label_expression: Option<String>,
}

/// What each container asks for. The names depend on the version.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Capability {
    memory: Option<u64>,
    memory_size: Option<u64>,
    #[serde(rename = "vCores")]
    vcores: Option<u64>,
    virtual_cores: Option<u64>,
}

impl Capability {
    /// In MiB.
    pub fn memory(&self) -> u64 {
        self.memory.or(self.memory_size).unwrap_or(0)
    }

    pub fn vcores(&self) -> u64 {
        self.vcores.or(self.virtual_cores).unwrap_or(0)
    }
}

impl Queue {
    /// Whether `app` was submitted to this queue, by its name or its path.
    pub fn has(&self, app: &RequestingApp) -> bool {
        match (&self.queue_path, app.queue.rsplit_once('.')) {
            (_, None) => app.queue == self.queue_name,
            (Some(path), Some(_)) => app.queue == *path,
            (None, Some((_, leaf))) => leaf == self.queue_name,
        }
    }
}

impl Request {
    /// The containers that wait, wherever they may run.
    pub fn containers(&self) -> u64 {
        let is_for_any_place = self.resource_name == "*";
        u64::try_from(self.num_containers)
            .ok()
            .filter(|_| is_for_any_place)
            .unwrap_or(0)
    }
}

const fn whole() -> f64 {
    100.0
}
