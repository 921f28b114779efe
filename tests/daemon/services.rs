//! The services of a cluster on one loopback port, with faults to inject: the ResourceManager's REST
//! API, the NameNode's JMX, EMR and CloudWatch. The cluster changes only when a test changes it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fake_cloudwatch::FakeCloudWatch;
use crate::fake_emr::{Cluster, FakeEmr, hosts};

/// The path of CloudWatch's operations in the SDK's protocol (Smithy RPC v2 CBOR).
const CLOUDWATCH: &str = "/service";
/// Memory of each node, in MiB.
pub const NODE_MIB: u64 = 12_288;

/// All services; copies are the same services.
#[derive(Clone)]
pub struct Services {
    pub address: String,
    pub cloudwatch: Arc<FakeCloudWatch>,
    pub emr: FakeEmr,
    load: Arc<Mutex<Load>>,
}

/// What YARN and HDFS report, and their faults.
pub struct Load {
    /// Available memory, in percent of the total.
    pub available_percent: u64,
    pub labels: bool,
    /// What YARN's names, reports and diagnostics end with.
    pub text: String,
    pub yarn: Fault,
    pub name_node: Fault,
}

/// How YARN or HDFS fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    /// Reads the request, and never answers.
    Silent,
    /// 307 without a `Location`.
    RedirectWithoutLocation,
    /// 307 to this server.
    RedirectLoop,
    /// Plain text with status 200, as from a standby without an active ResourceManager.
    Text,
    Truncated,
    /// 50 MB of valid JSON.
    Huge,
    /// JSON without the required fields.
    FieldsMissing,
    /// Repeats the headers of the request as text.
    Echo,
    /// Repeats the headers of the request in place of what is expected.
    EchoAsJson,
    /// 500.
    ServerError,
}

impl Services {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let cloudwatch = Arc::new(FakeCloudWatch::at(
            listener.local_addr().expect("an address"),
        ));
        let emr = FakeEmr::at(cloudwatch.url());
        emr.cluster().state = "WAITING";
        let load = Load {
            available_percent: 50,
            labels: false,
            text: String::new(),
            yarn: Fault::None,
            name_node: Fault::None,
        };
        let services = Self {
            address: cloudwatch.url(),
            cloudwatch,
            emr,
            load: Arc::new(Mutex::new(load)),
        };
        let router = Router::new()
            .route("/ws/{*path}", get(hadoop))
            .route("/jmx", get(hadoop))
            .with_state(services.clone())
            .nest(CLOUDWATCH, services.cloudwatch.router())
            .fallback_service(services.emr.router());
        tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") });
        services
    }

    pub fn load(&self) -> MutexGuard<'_, Load> {
        self.load.lock().expect("not poisoned")
    }

    /// From now on, this is in every text of YARN and EMR.
    pub fn says(&self, text: &str) {
        text.clone_into(&mut self.load().text);
        let groups = json!([("ig-primary", "MASTER"), ("ig-core", "CORE"), ("ig-task", "TASK")].map(
            |(id, role)| {
                let (count, state) = if role == "CORE" { (2, "SUSPENDED") } else { (4, "RUNNING") };
                json!({
                    "Id": id, "Name": text, "InstanceGroupType": role, "Market": "ON_DEMAND", "InstanceType": "m5.xlarge",
                    "RequestedInstanceCount": count, "RunningInstanceCount": count,
                    "Status": { "State": state, "StateChangeReason": { "Code": text, "Message": text } },
                })
            }
        ));
        self.emr
            .on("ListInstanceGroups", json!({ "InstanceGroups": groups }));
        let step = json!({ "Id": text, "Name": text, "Status": { "State": "PENDING" } });
        self.emr.on("ListSteps", json!({ "Steps": [step] }));
    }

    /// The sizes that arrived in ModifyInstanceGroups.
    pub fn sizes_sent(&self) -> Vec<u64> {
        self.emr
            .seen("ModifyInstanceGroups")
            .iter()
            .filter_map(|body| body["InstanceGroups"][0]["InstanceCount"].as_u64())
            .collect()
    }
}

async fn hadoop(State(services): State<Services>, uri: Uri, headers: HeaderMap) -> Response {
    let is_jmx = uri.path() == "/jmx";
    let is_yarn = !is_jmx || uri.query().unwrap_or_default().contains("ResourceManager");
    let fault = if is_yarn {
        services.load().yarn
    } else {
        services.load().name_node
    };
    if let Some(response) = misbehave(fault, &services.address, &headers).await {
        return response;
    }
    let cluster = services.emr.cluster().clone();
    if is_jmx {
        jmx(&cluster, is_yarn)
    } else {
        yarn(&cluster, &services.load(), uri.path())
    }
}

/// The answer of a service with a fault; `None` without one.
async fn misbehave(fault: Fault, address: &str, headers: &HeaderMap) -> Option<Response> {
    let heard = || format!("{headers:?}").replace('"', "'");
    Some(match fault {
        Fault::None => return None,
        Fault::Silent => {
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
        Fault::Echo => heard().into_response(),
        Fault::EchoAsJson => json_of(&json!({ "clusterInfo": heard(), "beans": heard() })),
        Fault::ServerError => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
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

fn yarn(cluster: &Cluster, load: &Load, path: &str) -> Response {
    let nodes = cluster.core.running + cluster.task.running;
    let total = u64::from(nodes) * NODE_MIB;
    let available = total * load.available_percent / 100;
    let (cores, free_cores) = (
        u64::from(nodes) * 4,
        u64::from(nodes) * 4 * load.available_percent / 100,
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
            "crossPartitionMetricsAvailable": load.labels
        }})),
        "/ws/v1/cluster/nodes" => {
            let text = &load.text;
            let node = |(index, host): (usize, String)| {
                // One that EMR does not know.
                let host = if index == 0 { host + text } else { host };
                let labels = if load.labels && index % 2 == 0 {
                    json!(["gpu"])
                } else {
                    json!([])
                };
                json!({"id": format!("{host}:8041"), "nodeHostName": host, "nodeHTTPAddress": format!("{host}:8042"), "state": "RUNNING", "rack": format!("/default-rack{text}"), "numContainers": 0,
                    "usedMemoryMB": 0, "availMemoryMB": NODE_MIB, "usedVirtualCores": 0, "availableVirtualCores": 4,
                    "lastHealthUpdate": 1, "healthReport": text, "nodeLabels": labels})
            };
            let hosts =
                hosts("core", cluster.core.running).chain(hosts("task", cluster.task.running));
            json_of(&json!({"nodes": {"node": hosts.enumerate().map(node).collect::<Vec<_>>()}}))
        }
        "/ws/v1/cluster/apps" => json_of(&json!({"apps": {"app": [{
            "id": format!("application_1_0001{}", load.text), "state": "RUNNING", "finalStatus": "UNDEFINED", "progress": 10.0,
            "queue": format!("default{}", load.text), "user": format!("hadoop{}", load.text), "diagnostics": load.text,
            "applicationType": format!("SPARK{}", load.text), "trackingUrl": format!("http://rm/{}", load.text),
            "name": format!("job{}", load.text), "elapsedTime": 1000, "startedTime": 1, "amHostHttpAddress": "task-0.internal:8042", "allocatedMB": 1024,
            "allocatedVCores": 1, "runningContainers": 1, "memorySeconds": 1, "vcoreSeconds": 1
        }]}})),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn jmx(cluster: &Cluster, is_yarn: bool) -> Response {
    if is_yarn {
        return json_of(
            &json!({"beans": [{"name": "Hadoop:service=ResourceManager,name=QueueMetrics,q0=root",
            "AggregateContainersAllocated": 10, "AggregateContainersReleased": 2, "AggregateMemoryMBSecondsAllocated": 1}]}),
        );
    }
    let capacity = u64::from(cluster.core.running) * 100 * 1_024 * 1_048_576;
    json_of(
        &json!({"beans": [{"name": "Hadoop:service=NameNode,name=FSNamesystem", "tag.HAState": "active", "CapacityTotal": capacity,
        "CapacityUsed": capacity / 10, "CapacityRemaining": capacity / 10 * 9, "UnderReplicatedBlocks": 0, "MissingBlocks": 0}]}),
    )
}
