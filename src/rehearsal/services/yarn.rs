//! Simulates the REST APIs of the ResourceManager and the NameNode, as of Hadoop 3.3.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::HOST;
use serde::Deserialize;
use serde_json::{Value, json};

use super::served::{Served, private_dns_name};
use crate::observation::work::ApplicationKind;
use crate::observation::{HdfsLoad, InstanceId, YarnLoad};
use crate::rehearsal::simulated::Ended;
use crate::sim::stepped_cluster::{
    Application, Instance, InstanceState, Master, QueueUsage, SteppedCluster,
};
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores};

const VERSION: &str = "3.3.6";

pub async fn info(State(served): State<Served>) -> Result<Json<Value>, Ended> {
    let started_ms = served
        .cluster
        .ask(|cluster| cluster.start().as_millis())
        .await?;
    Ok(Json(json!({ "clusterInfo": {
        "id": started_ms,
        "startedOn": started_ms,
        "state": "STARTED",
        "haState": "ACTIVE",
        "haZooKeeperConnectionState": "ResourceManager HA is not enabled.",
        "resourceManagerVersion": VERSION,
        "hadoopVersion": VERSION,
    }})))
}

pub async fn metrics(State(served): State<Served>) -> Result<Json<Value>, Ended> {
    let (yarn, submitted) = served
        .cluster
        .ask(|cluster| (cluster.yarn(), cluster.submitted()))
        .await?;
    Ok(Json(
        json!({ "clusterMetrics": cluster_metrics(&yarn, submitted) }),
    ))
}

/// The filters of `/nodes` and `/apps`. Others are ignored, as YARN does.
#[derive(Debug, Default, Deserialize)]
pub struct Filter {
    /// States, separated by commas; all if absent.
    states: Option<String>,
    limit: Option<usize>,
}

impl Filter {
    fn takes(&self, state: &str) -> bool {
        let states = self.states.as_deref().filter(|states| !states.is_empty());
        states.is_none_or(|states| {
            states
                .split(',')
                .any(|wanted| wanted.trim().eq_ignore_ascii_case(state))
        })
    }
}

pub async fn nodes(
    State(served): State<Served>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, Ended> {
    let there = |instance: &Instance| {
        matches!(
            instance.state,
            InstanceState::Running | InstanceState::Leaving
        ) && takes_work(instance)
    };
    let (now, instances) = served
        .cluster
        .ask(move |cluster| {
            (
                cluster.now(),
                cluster.instances().filter(there).collect::<Vec<_>>(),
            )
        })
        .await?;
    let nodes = instances
        .iter()
        .filter(|instance| filter.takes(node_state(instance)))
        .map(|instance| node(instance, now));
    Ok(Json(listed("nodes", "node", nodes.collect())))
}

/// Lists the unfinished applications, as YARN does with
/// `yarn.resourcemanager.max-completed-applications` set to 0.
pub async fn apps(
    State(served): State<Served>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Json<Value>, Ended> {
    let authority = headers
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .unwrap_or("localhost")
        .to_owned();
    let (applications, listing) = served
        .cluster
        .ask(|cluster| {
            let work = cluster.work().unwrap_or_default().applications;
            let listing = Listing {
                start: cluster.start(),
                now: cluster.now(),
                hosts: hosts(cluster),
                kinds: work.into_iter().map(|work| (work.id, work.kind)).collect(),
                authority,
            };
            (cluster.applications(), listing)
        })
        .await?;
    let wanted = applications
        .iter()
        .filter(|application| filter.takes(application_state(application)));
    let apps = wanted
        .take(filter.limit.unwrap_or(usize::MAX))
        .map(|application| app(application, &listing));
    Ok(Json(listed("apps", "app", apps.collect())))
}

/// Lists the node labels, of which there are none.
pub async fn node_labels() -> Json<Value> {
    Json(json!({}))
}

/// Describes a capacity scheduler with the queues of the scenario, or a single one, and no labels.
pub async fn scheduler(State(served): State<Served>) -> Result<Json<Value>, Ended> {
    let (yarn, queues) = served
        .cluster
        .ask(|cluster| (cluster.yarn(), cluster.queues()))
        .await?;
    let mut root = queue("root", [100.0; 2], allocated(&yarn), &yarn);
    root["type"] = "capacityScheduler".into();
    let mut leaves: Vec<Value> = queues.iter().map(|queue| leaf(queue, &yarn)).collect();
    if leaves.is_empty() {
        leaves.push(queue("default", [100.0; 2], allocated(&yarn), &yarn));
    }
    for leaf in &mut leaves {
        leaf["type"] = "capacitySchedulerLeafQueueInfo".into();
        leaf["state"] = "RUNNING".into();
    }
    root["queues"] = json!({ "queue": leaves });
    Ok(Json(json!({ "scheduler": { "schedulerInfo": root } })))
}

/// A queue with the limits and users of the scenario.
fn leaf(usage: &QueueUsage, yarn: &YarnLoad) -> Value {
    let spec = &usage.spec;
    let shares = [spec.capacity.get(), spec.maximum.get()];
    let mut leaf = queue(&spec.name, shares, usage.used, yarn);
    leaf["userLimitFactor"] = spec.user_limit_factor.into();
    let users = usage.users.iter().map(|(name, used)| {
        json!({ "username": user_name(name.as_deref()), "resourcesUsed": amounts(*used) })
    });
    leaf["users"] = json!({ "user": users.collect::<Vec<_>>() });
    leaf
}

/// A queue with its capacity and maximum as shares of the cluster.
fn queue(name: &str, [capacity, maximum]: [f64; 2], used: Resources, yarn: &YarnLoad) -> Value {
    let of_cluster = 100.0 * used.memory.as_f64() / yarn.memory_total.as_f64().max(1.0);
    let resources = json!({ "resourceUsagesByPartition": [{
        "partitionName": "",
        "used": amounts(used),
        "reserved": amounts(Resources::default()),
        "amUsed": amounts(Resources::default()),
    }]});
    json!({
        "queueName": name,
        "capacity": capacity,
        "usedCapacity": 100.0 * of_cluster / capacity,
        "maxCapacity": maximum,
        "absoluteCapacity": capacity,
        "absoluteMaxCapacity": maximum,
        "absoluteUsedCapacity": of_cluster,
        "resourcesUsed": amounts(used),
        "resources": resources,
    })
}

/// The user of jobs whose user the trace does not name.
fn user_name(user: Option<&str>) -> &str {
    user.unwrap_or("hadoop")
}

/// Containers of one size that wait, on any node.
fn request((containers, each): &(u64, Resources)) -> Value {
    json!({
        "capability": amounts(*each),
        "numContainers": containers,
        "resourceName": "*",
        "nodeLabelExpression": "",
    })
}

#[derive(Debug, Default, Deserialize)]
pub struct JmxQuery {
    /// The exact name of one bean; all if absent.
    qry: Option<String>,
}

/// Serves the beans of both servers.
pub async fn jmx(
    State(served): State<Served>,
    Query(query): Query<JmxQuery>,
) -> Result<Json<Value>, Ended> {
    let (yarn, hdfs) = served
        .cluster
        .ask(|cluster| (cluster.yarn(), cluster.hdfs()))
        .await?;
    let mut beans = vec![queue_metrics(&yarn), fs_namesystem(&hdfs)];
    if let Some(wanted) = query.qry {
        beans.retain(|bean| bean["name"] == wanted.as_str());
    }
    Ok(Json(json!({ "beans": beans })))
}

fn cluster_metrics(yarn: &YarnLoad, apps_submitted: u64) -> Value {
    let nodes = &yarn.nodes;
    json!({
        "appsSubmitted": apps_submitted,
        "appsCompleted": apps_submitted.saturating_sub(yarn.apps_running + yarn.apps_pending),
        "appsPending": yarn.apps_pending,
        "appsRunning": yarn.apps_running,
        "appsFailed": 0,
        "appsKilled": 0,
        "reservedMB": 0,
        "availableMB": yarn.memory_available.get(),
        "allocatedMB": yarn.memory_allocated.get(),
        "pendingMB": yarn.memory_pending.get(),
        "totalMB": yarn.memory_total.get(),
        "reservedVirtualCores": 0,
        "availableVirtualCores": vcores(yarn.vcores_available),
        "allocatedVirtualCores": vcores(yarn.vcores_allocated),
        "pendingVirtualCores": vcores(yarn.vcores_pending),
        "totalVirtualCores": vcores(yarn.vcores_total),
        "containersAllocated": yarn.containers_allocated,
        "containersReserved": 0,
        "containersPending": yarn.containers_pending,
        "totalNodes": nodes.active + nodes.decommissioning + nodes.decommissioned + nodes.lost,
        "activeNodes": nodes.active,
        "decommissioningNodes": nodes.decommissioning,
        "decommissionedNodes": nodes.decommissioned,
        "lostNodes": nodes.lost,
        "unhealthyNodes": nodes.unhealthy,
        "rebootedNodes": 0,
        "shutdownNodes": 0,
        "totalUsedResourcesAcrossPartition": amounts(allocated(yarn)),
        "totalClusterResourcesAcrossPartition": amounts(Resources { memory: yarn.memory_total, vcores: yarn.vcores_total.unwrap_or_default() }),
        "totalReservedResourcesAcrossPartition": amounts(Resources::default()),
        "totalAllocatedContainersAcrossPartition": yarn.containers_allocated,
        "crossPartitionMetricsAvailable": true,
    })
}

fn node(instance: &Instance, now: Timestamp) -> Value {
    let host = private_dns_name(instance.number);
    // A leaving node has no capacity beyond its containers.
    let free = if instance.state == InstanceState::Running {
        instance.capacity.minus(instance.used)
    } else {
        Resources::default()
    };
    json!({
        "rack": "/default-rack",
        "state": node_state(instance),
        "id": format!("{host}:8041"),
        "nodeHostName": host,
        "nodeHTTPAddress": format!("{host}:8042"),
        "lastHealthUpdate": now.as_millis(),
        "version": VERSION,
        "healthReport": "",
        "numContainers": instance.containers,
        "usedMemoryMB": instance.used.memory.get(),
        "availMemoryMB": free.memory.get(),
        "usedVirtualCores": instance.used.vcores.get(),
        "availableVirtualCores": free.vcores.get(),
    })
}

/// What the list of applications says besides the applications.
struct Listing {
    start: Timestamp,
    now: Timestamp,
    hosts: BTreeMap<InstanceId, String>,
    /// The frameworks of those that say what they have left, by name.
    kinds: BTreeMap<Arc<str>, ApplicationKind>,
    /// Under which name and port this server is asked, where YARN's proxy is, too.
    authority: String,
}

/// YARN's id of an application.
pub fn application_id(start: Timestamp, number: u32) -> String {
    format!("application_{}_{:04}", start.as_millis(), number + 1)
}

fn app(application: &Application, listing: &Listing) -> Value {
    let id = application_id(listing.start, application.number);
    let kind = match listing.kinds.get(&application.name) {
        Some(ApplicationKind::Spark) => "SPARK",
        Some(ApplicationKind::MapReduce) => "MAPREDUCE",
        Some(ApplicationKind::Other) | None => "YARN",
    };
    let has_started = application.master != Master::Waiting;
    // YARN reports -1 for the resources of an application until its master runs.
    let held = |amount: u64| {
        if has_started {
            json!(amount)
        } else {
            json!(-1)
        }
    };
    let mut app = json!({
        "id": id,
        "trackingUrl": format!("http://{}/proxy/{id}/", listing.authority),
        "user": user_name(application.user.as_deref()),
        "name": application.name,
        "queue": application.queue,
        "resourceRequests": application.requests.iter().map(request).collect::<Vec<_>>(),
        "state": application_state(application),
        "finalStatus": "UNDEFINED",
        "progress": application.progress.get(),
        "applicationType": kind,
        "clusterId": listing.start.as_millis(),
        "startedTime": application.submitted_at.as_millis(),
        "finishedTime": 0,
        "elapsedTime": listing.now.since(application.submitted_at).as_millis() as u64,
        // Applications without a master in the trace count as unmanaged.
        "unmanagedApplication": application.master == Master::None,
        "allocatedMB": held(application.allocated.memory.get()),
        "allocatedVCores": held(application.allocated.vcores.get()),
        "runningContainers": held(application.containers),
    });
    if let Master::On(instance) = &application.master
        && let Some(host) = listing.hosts.get(instance)
    {
        app["amHostHttpAddress"] = format!("{host}:8042").into();
    }
    app
}

fn queue_metrics(yarn: &YarnLoad) -> Value {
    let released = yarn.containers_released_total.unwrap_or_default();
    json!({
        "name": "Hadoop:service=ResourceManager,name=QueueMetrics,q0=root",
        "modelerType": "QueueMetrics,q0=root",
        "tag.Queue": "root",
        "AppsRunning": yarn.apps_running,
        "AppsPending": yarn.apps_pending,
        "AllocatedMB": yarn.memory_allocated.get(),
        "AllocatedVCores": vcores(yarn.vcores_allocated),
        "AllocatedContainers": yarn.containers_allocated,
        "AggregateContainersAllocated": released + yarn.containers_allocated,
        "AggregateContainersReleased": released,
        "AvailableMB": yarn.memory_available.get(),
        "AvailableVCores": vcores(yarn.vcores_available),
        "PendingMB": yarn.memory_pending.get(),
        "PendingVCores": vcores(yarn.vcores_pending),
        "PendingContainers": yarn.containers_pending,
    })
}

fn fs_namesystem(hdfs: &HdfsLoad) -> Value {
    let bytes = |amount: Mebibytes| amount.get().saturating_mul(1 << 20);
    json!({
        "name": "Hadoop:service=NameNode,name=FSNamesystem",
        "modelerType": "FSNamesystem",
        "tag.HAState": "active",
        "CapacityTotal": bytes(hdfs.capacity_total),
        "CapacityUsed": bytes(hdfs.capacity_used),
        "CapacityRemaining": bytes(hdfs.capacity_total - hdfs.capacity_used),
        "UnderReplicatedBlocks": hdfs.blocks_under_replicated,
        "MissingBlocks": hdfs.blocks_missing,
    })
}

/// A list in YARN's form, which omits an empty one.
fn listed(many: &str, one: &str, items: Vec<Value>) -> Value {
    if items.is_empty() {
        json!({ many: null })
    } else {
        json!({ many: { one: items } })
    }
}

/// The simulated cluster knows all values.
fn vcores(amount: Option<VirtualCores>) -> u64 {
    amount.unwrap_or_default().get()
}

fn amounts(resources: Resources) -> Value {
    json!({ "memory": resources.memory.get(), "vCores": resources.vcores.get() })
}

fn allocated(yarn: &YarnLoad) -> Resources {
    Resources {
        memory: yarn.memory_allocated,
        vcores: yarn.vcores_allocated.unwrap_or_default(),
    }
}

/// Whether the instance has a NodeManager, which primary nodes do not.
fn takes_work(instance: &Instance) -> bool {
    instance.capacity != Resources::default()
}

const fn node_state(instance: &Instance) -> &'static str {
    match instance.state {
        InstanceState::Leaving => "DECOMMISSIONING",
        InstanceState::Launching | InstanceState::Running | InstanceState::Terminated => "RUNNING",
    }
}

fn application_state(application: &Application) -> &'static str {
    if application.master == Master::Waiting {
        "ACCEPTED"
    } else {
        "RUNNING"
    }
}

/// The names of all instances.
pub fn hosts(cluster: &SteppedCluster<'_>) -> BTreeMap<InstanceId, String> {
    cluster
        .instances()
        .map(|instance| (instance.id, private_dns_name(instance.number)))
        .collect()
}
