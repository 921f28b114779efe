//! A cluster as its services show it over HTTP, with faults to switch on: the ResourceManager's
//! REST API, the NameNode's JMX, EMR's JSON and CloudWatch's CBOR protocol on one loopback port. It
//! does what it is told and nothing by itself.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fake_cloudwatch::FakeCloudWatch;

/// Below this, the protocol of the SDK for CloudWatch (Smithy RPC v2 CBOR) has its operations.
const CLOUDWATCH: &str = "/service";
/// Memory of each node, in MiB.
pub const NODE_MIB: u64 = 12_288;

#[derive(Clone)]
pub struct World {
    pub address: String,
    pub cloudwatch: Arc<FakeCloudWatch>,
    state: Arc<Mutex<Scene>>,
}

/// What the services say.
pub struct Scene {
    pub cluster_state: &'static str,
    pub core: Group,
    pub task: Group,
    /// Of the total memory.
    pub available_percent: u64,
    pub labels: bool,
    pub yarn: Fault,
    pub name_node: Fault,
    pub emr: Fault,
    /// Only of ModifyInstanceGroups.
    pub modify: Fault,
    pub auto_scaling: bool,
    /// Bodies of every ModifyInstanceGroups that arrived, whatever was answered.
    pub modified: Vec<Value>,
    /// Operations of EMR that were called, in order.
    pub called: Vec<String>,
}

/// One instance group.
#[derive(Clone)]
pub struct Group {
    pub requested: u32,
    pub running: u32,
    pub state: &'static str,
}

/// How a service misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Accepts, reads, and never answers.
    Silent,
    /// 307 to nowhere.
    RedirectWithoutLocation,
    /// 307 to this very server.
    RedirectLoop,
    /// Plain text with status 200, as a ResourceManager without an active peer sends.
    Text,
    Truncated,
    /// 50 MB of valid JSON.
    Huge,
    /// JSON without the fields that matter.
    FieldsMissing,
    /// 500.
    ServerError,
    /// A ThrottlingException.
    Throttled,
    AccessDenied,
    /// A ValidationException about the state of the group or cluster.
    NotModifiable,
    /// What was asked is done, and the answer never sent.
    DoneButSilent,
}

impl World {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let cloudwatch = Arc::new(FakeCloudWatch::at(
            listener.local_addr().expect("an address"),
        ));
        let running = |count| Group {
            requested: count,
            running: count,
            state: "RUNNING",
        };
        let scene = Scene {
            cluster_state: "WAITING",
            core: running(2),
            task: running(4),
            available_percent: 50,
            labels: false,
            yarn: Fault::None,
            name_node: Fault::None,
            emr: Fault::None,
            modify: Fault::None,
            auto_scaling: false,
            modified: Vec::new(),
            called: Vec::new(),
        };
        let world = Self {
            address: cloudwatch.url(),
            cloudwatch,
            state: Arc::new(Mutex::new(scene)),
        };
        let router = Router::new()
            .fallback(answer)
            .with_state(world.clone())
            .nest(CLOUDWATCH, world.cloudwatch.router());
        tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        world
    }

    pub fn scene(&self) -> MutexGuard<'_, Scene> {
        self.state.lock().expect("not poisoned")
    }

    /// The sizes that arrived in ModifyInstanceGroups.
    pub fn sizes_sent(&self) -> Vec<u64> {
        self.scene()
            .modified
            .iter()
            .filter_map(|body| body["InstanceGroups"][0]["InstanceCount"].as_u64())
            .collect()
    }
}

async fn answer(State(world): State<World>, request: Request) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    if path.starts_with("/ws/") {
        let fault = world.scene().yarn;
        return misbehave(fault, &world.address)
            .await
            .unwrap_or_else(|| yarn(&world.scene(), &path));
    }
    if path == "/jmx" {
        let is_yarn = query.contains("ResourceManager");
        let fault = if is_yarn {
            world.scene().yarn
        } else {
            world.scene().name_node
        };
        return misbehave(fault, &world.address)
            .await
            .unwrap_or_else(|| jmx(&world.scene(), is_yarn));
    }
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = axum::body::to_bytes(request.into_body(), 1 << 20)
        .await
        .unwrap_or_default();
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    emr(&world, &operation, body).await
}

/// The answer of a service with a fault, or none.
async fn misbehave(fault: Fault, address: &str) -> Option<Response> {
    let aws = |kind: &str, message: &str| {
        (
            StatusCode::BAD_REQUEST,
            json!({"__type": kind, "message": message}).to_string(),
        )
            .into_response()
    };
    Some(match fault {
        Fault::None => return None,
        Fault::Silent | Fault::DoneButSilent => {
            tokio::time::sleep(Duration::from_secs(3_600)).await;
            StatusCode::OK.into_response()
        }
        Fault::RedirectWithoutLocation => (StatusCode::TEMPORARY_REDIRECT, [("refresh", "3; url=/")], "standby").into_response(),
        Fault::RedirectLoop => (StatusCode::TEMPORARY_REDIRECT, [("location", format!("{address}/ws/v1/cluster/metrics"))]).into_response(),
        Fault::Text => "This is standby RM. There is no active RM right now.".into_response(),
        Fault::Truncated => json_text(r#"{"clusterMetrics":{"totalMB":73728,"availableMB":"#.to_owned()),
        Fault::Huge => json_text(format!(r#"{{"padding":"{}"}}"#, "x".repeat(50_000_000))),
        Fault::FieldsMissing => json_text(
            r#"{"clusterInfo":{"haState":"ACTIVE","state":"STARTED","startedOn":1},"clusterMetrics":{"totalMB":1},"nodes":{},"apps":{},"beans":[]}"#
                .to_owned(),
        ),
        Fault::ServerError => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Fault::Throttled => aws("ThrottlingException", "Rate exceeded"),
        Fault::AccessDenied => aws("AccessDeniedException", "User: arn:aws:iam::1:role/r is not authorized to perform: elasticmapreduce:X"),
        Fault::NotModifiable => aws("ValidationException", "An instance group may only be modified when the cluster is running or waiting"),
    })
}

fn json_text(text: String) -> Response {
    Response::builder()
        .header("content-type", "application/json")
        .body(Body::from(text))
        .expect("a response")
}

fn json_of(value: &Value) -> Response {
    json_text(value.to_string())
}

fn yarn(scene: &Scene, path: &str) -> Response {
    let nodes = scene.core.running + scene.task.running;
    let total = u64::from(nodes) * NODE_MIB;
    let available = total * scene.available_percent / 100;
    let (cores, free_cores) = (
        u64::from(nodes) * 4,
        u64::from(nodes) * 4 * scene.available_percent / 100,
    );
    match path {
        "/ws/v1/cluster/info" => json_of(
            &json!({"clusterInfo": {"id": 1, "startedOn": 1, "state": "STARTED", "haState": "ACTIVE", "resourceManagerVersion": "3.3.6"}}),
        ),
        "/ws/v1/cluster/metrics" => json_of(&json!({"clusterMetrics": {
            "appsSubmitted": 1, "appsCompleted": 0, "appsPending": 0, "appsRunning": 1, "appsFailed": 0, "appsKilled": 0,
            "reservedMB": 0, "availableMB": available, "allocatedMB": total - available, "pendingMB": 0,
            "reservedVirtualCores": 0, "availableVirtualCores": free_cores, "allocatedVirtualCores": cores - free_cores, "pendingVirtualCores": 0,
            "containersAllocated": 8, "containersReserved": 0, "containersPending": 0, "totalMB": total, "totalVirtualCores": cores,
            "totalNodes": nodes, "activeNodes": nodes, "lostNodes": 0, "unhealthyNodes": 0, "decommissioningNodes": 0,
            "decommissionedNodes": 0, "rebootedNodes": 0, "shutdownNodes": 0,
            "crossPartitionMetricsAvailable": scene.labels
        }})),
        "/ws/v1/cluster/nodes" => {
            let node = |(index, host): (usize, String)| {
                let labels = if scene.labels && index % 2 == 0 {
                    json!(["gpu"])
                } else {
                    json!([])
                };
                json!({"id": format!("{host}:8041"), "nodeHostName": host, "nodeHTTPAddress": format!("{host}:8042"), "state": "RUNNING", "rack": "/default-rack", "numContainers": 0,
                    "usedMemoryMB": 0, "availMemoryMB": NODE_MIB, "usedVirtualCores": 0, "availableVirtualCores": 4,
                    "lastHealthUpdate": 1, "healthReport": "", "nodeLabels": labels})
            };
            let hosts = hosts("core", scene.core.running).chain(hosts("task", scene.task.running));
            json_of(&json!({"nodes": {"node": hosts.enumerate().map(node).collect::<Vec<_>>()}}))
        }
        "/ws/v1/cluster/apps" => json_of(&json!({"apps": {"app": [{
            "id": "application_1_0001", "state": "RUNNING", "finalStatus": "UNDEFINED", "progress": 10.0, "queue": "default", "user": "hadoop",
            "name": "job", "elapsedTime": 1000, "startedTime": 1, "amHostHttpAddress": "task-0.internal:8042", "allocatedMB": 1024,
            "allocatedVCores": 1, "runningContainers": 1, "memorySeconds": 1, "vcoreSeconds": 1
        }]}})),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn jmx(scene: &Scene, is_yarn: bool) -> Response {
    if is_yarn {
        return json_of(
            &json!({"beans": [{"name": "Hadoop:service=ResourceManager,name=QueueMetrics,q0=root",
            "AggregateContainersAllocated": 10, "AggregateContainersReleased": 2, "AggregateMemoryMBSecondsAllocated": 1}]}),
        );
    }
    let capacity = u64::from(scene.core.running) * 100 * 1_024 * 1_048_576;
    json_of(
        &json!({"beans": [{"name": "Hadoop:service=NameNode,name=FSNamesystem", "tag.HAState": "active", "CapacityTotal": capacity,
        "CapacityUsed": capacity / 10, "CapacityRemaining": capacity / 10 * 9, "UnderReplicatedBlocks": 0, "MissingBlocks": 0}]}),
    )
}

fn hosts(role: &str, count: u32) -> impl Iterator<Item = String> {
    (0..count).map(move |index| format!("{role}-{index}.internal"))
}

async fn emr(world: &World, operation: &str, body: Value) -> Response {
    let (fault, modify) = {
        let mut scene = world.scene();
        scene.called.push(operation.to_owned());
        (scene.emr, scene.modify)
    };
    if let Some(response) = misbehave(fault, &world.address).await {
        return response;
    }
    if operation == "ModifyInstanceGroups" {
        world.scene().modified.push(body.clone());
        let is_done = matches!(modify, Fault::None | Fault::DoneButSilent);
        if is_done && let Some(count) = body["InstanceGroups"][0]["InstanceCount"].as_u64() {
            let mut scene = world.scene();
            scene.task.requested = u32::try_from(count).expect("small");
            scene.task.state = "RESIZING";
        }
        return misbehave(modify, &world.address)
            .await
            .unwrap_or_else(|| json_of(&json!({})));
    }
    describe(&world.scene(), operation)
}

fn describe(scene: &Scene, operation: &str) -> Response {
    let group = |id: &str, kind: &str, group: &Group| {
        let mut value = json!({"Id": id, "Name": kind.to_lowercase(), "Market": "ON_DEMAND", "InstanceGroupType": kind,
            "InstanceType": "m5.xlarge", "RequestedInstanceCount": group.requested, "RunningInstanceCount": group.running,
            "Status": {"State": group.state, "StateChangeReason": {}, "Timeline": {"CreationDateTime": 1.0, "ReadyDateTime": 2.0}}});
        if scene.auto_scaling {
            value["AutoScalingPolicy"] = json!({"Status": {"State": "ATTACHED"}, "Constraints": {"MinCapacity": 1, "MaxCapacity": 2}, "Rules": []});
        }
        value
    };
    let instance = |group: &'static str| {
        move |(index, host): (usize, String)| {
            json!({"Id": format!("ci-{group}{index}"), "Ec2InstanceId": format!("i-{group}{index}"), "PrivateDnsName": host,
                "PrivateIpAddress": format!("10.0.{}.{}", group.len(), index + 1), "Status": {"State": "RUNNING", "StateChangeReason": {},
                "Timeline": {"CreationDateTime": 1.0, "ReadyDateTime": 2.0}}, "InstanceGroupId": format!("ig-{group}"), "Market": "ON_DEMAND",
                "InstanceType": "m5.xlarge"})
        }
    };
    json_of(&match operation {
        "DescribeCluster" => {
            json!({"Cluster": {"Id": "j-TEST", "Name": "test", "InstanceCollectionType": "INSTANCE_GROUP",
            "Status": {"State": scene.cluster_state, "StateChangeReason": {}, "Timeline": {"CreationDateTime": 1.0, "ReadyDateTime": 2.0}}}})
        }
        "ListInstanceGroups" => json!({"InstanceGroups": [
            group("ig-primary", "MASTER", &Group { requested: 1, running: 1, state: "RUNNING" }),
            group("ig-core", "CORE", &scene.core), group("ig-task", "TASK", &scene.task)]}),
        "ListInstances" => {
            let core = hosts("core", scene.core.running)
                .enumerate()
                .map(instance("core"));
            let task = hosts("task", scene.task.running)
                .enumerate()
                .map(instance("task"));
            json!({"Instances": core.chain(task).collect::<Vec<_>>()})
        }
        "ListSteps" => json!({"Steps": []}),
        "GetManagedScalingPolicy" => json!({}),
        other => {
            let message = format!("{other} is not served here");
            return (
                StatusCode::BAD_REQUEST,
                json!({"__type": "UnknownOperationException", "message": message}).to_string(),
            )
                .into_response();
        }
    })
}
