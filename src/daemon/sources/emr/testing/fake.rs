//! A stand-in for EMR on loopback. It speaks EMR's JSON protocol, describes a small cluster, carries
//! out resizes, and fails as a test demands. Names nothing of this crate, so that tests of the daemon
//! use it, too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_emr::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// The id of the cluster.
pub const CLUSTER: &str = "j-TEST";

/// How the service answers one call.
#[derive(Clone, Debug)]
pub enum Reply {
    /// With this output.
    Json(Value),
    /// With an error: status, code and message.
    Error(u16, &'static str, &'static str),
    /// With a status and a text that need not be JSON.
    Text(u16, &'static str),
    /// Takes the request, and never answers.
    Silence,
    /// Carries out the resize, and never answers.
    SilenceAfterResize,
}

impl Reply {
    pub const THROTTLED: Self = Self::Error(400, "ThrottlingException", "Rate exceeded");
    pub const DENIED: Self = Self::Error(
        400,
        "AccessDeniedException",
        "User: arn:aws:iam::1:role/r is not authorized to perform: elasticmapreduce:X",
    );
    pub const NOT_MODIFIABLE: Self = Self::Error(
        400,
        "ValidationException",
        "An instance group may only be modified when the cluster is running or waiting",
    );
}

/// One instance group.
#[derive(Clone, Debug)]
pub struct Group {
    pub requested: u32,
    pub running: u32,
    pub state: &'static str,
}

/// The cluster that the service describes where no reply is scripted: a primary node, core nodes and
/// task nodes.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub state: &'static str,
    pub core: Group,
    pub task: Group,
    /// Whether every group has an automatic scaling policy.
    pub auto_scaling: bool,
}

/// Replies and calls.
#[derive(Debug, Default)]
struct Calls {
    /// The reply to every call, if set.
    outage: Option<Reply>,
    /// Replies by operation, one after the other; the last one stays.
    script: BTreeMap<&'static str, Vec<Reply>>,
    /// The operation and the input of all calls that arrived.
    seen: Vec<(String, Value)>,
}

/// A running service; copies are the same service.
#[derive(Clone, Debug)]
pub struct FakeEmr {
    url: String,
    cluster: Arc<Mutex<Cluster>>,
    calls: Arc<Mutex<Calls>>,
}

impl FakeEmr {
    /// Serves a running cluster with two core nodes and four task nodes, of which it lists two.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port");
        let fake = Self::at(format!(
            "http://{}",
            listener.local_addr().expect("an address")
        ));
        fake.on(
            "ListInstances",
            json!({ "Instances": [instance(1, "ig-core"), instance(2, "ig-task")] }),
        );
        let service = fake.router();
        tokio::spawn(async move { axum::serve(listener, service).await });
        fake
    }

    /// A service for the server at this address, which serves [`Self::router`].
    pub fn at(url: String) -> Self {
        let running = |count| Group {
            requested: count,
            running: count,
            state: "RUNNING",
        };
        let cluster = Cluster {
            state: "RUNNING",
            core: running(2),
            task: running(4),
            auto_scaling: false,
        };
        Self {
            url,
            cluster: Arc::new(Mutex::new(cluster)),
            calls: Arc::default(),
        }
    }

    pub fn router(&self) -> Router {
        Router::new().fallback(answer).with_state(self.clone())
    }

    /// Forgets the calls that arrived: they would fill the memory that a test measures.
    pub fn forget_calls(&self) {
        self.calls().seen.clear();
    }

    pub fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().expect("not poisoned")
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().expect("not poisoned")
    }

    /// From now on, answers this operation with this output.
    pub fn on(&self, operation: &'static str, answer: Value) {
        self.script(operation, vec![Reply::Json(answer)]);
    }

    /// Answers the next calls of this operation so, and later ones like the last of them.
    pub fn script(&self, operation: &'static str, replies: Vec<Reply>) {
        self.calls().script.insert(operation, replies);
    }

    /// From now on, answers this operation for the cluster again.
    pub fn restore(&self, operation: &'static str) {
        self.calls().script.remove(operation);
    }

    /// From now on, answers every operation so.
    pub fn fail_all(&self, reply: Reply) {
        self.calls().outage = Some(reply);
    }

    /// The inputs of all calls of an operation so far.
    pub fn seen(&self, operation: &str) -> Vec<Value> {
        let calls = self.calls();
        let of_operation = calls.seen.iter().filter(|(seen, _)| seen == operation);
        of_operation.map(|(_, input)| input.clone()).collect()
    }

    /// A configuration for this service.
    pub fn config(&self) -> SdkConfig {
        config(&self.url)
    }

    fn reply(&self, operation: &str, input: Value) -> Reply {
        let mut calls = self.calls();
        calls.seen.push((operation.to_owned(), input.clone()));
        let scripted = match (&calls.outage, calls.script.get(operation)) {
            (Some(reply), _) => Some(reply.clone()),
            (None, Some(replies)) => replies.first().cloned(),
            (None, None) => None,
        };
        if let Some(replies) = calls.script.get_mut(operation)
            && replies.len() > 1
        {
            replies.remove(0);
        }
        match scripted {
            Some(Reply::SilenceAfterResize) => {
                self.cluster().resize(&input);
                Reply::Silence
            }
            Some(reply) => reply,
            None => self.cluster().answer(operation, &input),
        }
    }
}

impl Cluster {
    fn answer(&mut self, operation: &str, input: &Value) -> Reply {
        Reply::Json(match operation {
            "DescribeCluster" => cluster(self.state),
            "ListInstanceGroups" => self.groups(),
            "ListInstances" => self.instances(),
            "ListSteps" => json!({ "Steps": [] }),
            "GetManagedScalingPolicy" | "ModifyInstanceFleet" => json!({}),
            "ModifyInstanceGroups" => {
                self.resize(input);
                json!({})
            }
            _ => return Reply::Error(400, "InvalidRequestException", "no such operation"),
        })
    }

    fn resize(&mut self, input: &Value) {
        let count = input["InstanceGroups"][0]["InstanceCount"].as_u64();
        if let Some(count) = count {
            self.task.requested = u32::try_from(count).expect("small");
            self.task.state = "RESIZING";
        }
    }

    fn groups(&self) -> Value {
        let primary = Group {
            requested: 1,
            running: 1,
            state: "RUNNING",
        };
        let mut groups = vec![
            group("ig-primary", "MASTER", &primary),
            group("ig-core", "CORE", &self.core),
            group("ig-task", "TASK", &self.task),
        ];
        if self.auto_scaling {
            for group in &mut groups {
                group["AutoScalingPolicy"] = json!({
                    "Status": { "State": "ATTACHED" },
                    "Constraints": { "MinCapacity": 1, "MaxCapacity": 2 },
                    "Rules": [],
                });
            }
        }
        json!({ "InstanceGroups": groups })
    }

    fn instances(&self) -> Value {
        let of_group = |role: &'static str, running| {
            hosts(role, running).enumerate().map(move |(index, host)| {
                json!({
                    "Id": format!("ci-{role}{index}"), "Ec2InstanceId": format!("i-{role}{index}"), "PrivateDnsName": host,
                    "PrivateIpAddress": format!("10.0.{}.{}", role.len(), index + 1), "InstanceGroupId": format!("ig-{role}"),
                    "Market": "ON_DEMAND", "InstanceType": "m5.xlarge", "Status": { "State": "RUNNING" },
                })
            })
        };
        let instances =
            of_group("core", self.core.running).chain(of_group("task", self.task.running));
        json!({ "Instances": instances.collect::<Vec<_>>() })
    }
}

/// The host names of the nodes of a role.
pub fn hosts(role: &str, count: u32) -> impl Iterator<Item = String> {
    (0..count).map(move |index| format!("{role}-{index}.internal"))
}

/// A configuration for a service at `url`.
pub fn config(url: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIDEXAMPLE", "not-a-secret", None, None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .build()
}

/// The answer to DescribeCluster.
pub fn cluster(state: &str) -> Value {
    json!({ "Cluster": {
        "Id": CLUSTER, "Name": "test", "InstanceCollectionType": "INSTANCE_GROUP",
        "Status": { "State": state, "StateChangeReason": {} },
    } })
}

/// The answer to ListInstanceGroups with a task group like this.
pub fn groups(requested: u32, running: u32, state: &'static str) -> Value {
    let mut cluster = FakeEmr::at(String::new()).cluster().clone();
    cluster.task = Group {
        requested,
        running,
        state,
    };
    cluster.groups()
}

fn group(id: &str, role: &str, group: &Group) -> Value {
    json!({
        "Id": id, "Name": format!("{role} nodes"), "InstanceGroupType": role, "Market": "ON_DEMAND", "InstanceType": "m5.xlarge",
        "RequestedInstanceCount": group.requested, "RunningInstanceCount": group.running, "Status": { "State": group.state },
    })
}

/// An instance of ListInstances.
pub fn instance(k: u32, group: &str) -> Value {
    json!({
        "Id": format!("ci-{k}"), "Ec2InstanceId": format!("i-{k}"), "PrivateDnsName": format!("ip-10-0-0-{k}.ec2.internal"),
        "PrivateIpAddress": format!("10.0.0.{k}"), "InstanceGroupId": group, "Market": "ON_DEMAND", "InstanceType": "m5.xlarge",
        "Status": { "State": "RUNNING" },
    })
}

async fn answer(State(fake): State<FakeEmr>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let operation = target.strip_prefix("ElasticMapReduce.").unwrap_or_default();
    let input = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let json_type = [("content-type", "application/x-amz-json-1.1")];
    let status = |code| StatusCode::from_u16(code).expect("a status");
    match fake.reply(operation, input) {
        Reply::Json(value) => (json_type, value.to_string()).into_response(),
        Reply::Error(code, kind, message) => {
            let error = json!({ "__type": kind, "message": message });
            (status(code), json_type, error.to_string()).into_response()
        }
        Reply::Text(code, text) => (status(code), text).into_response(),
        Reply::Silence | Reply::SilenceAfterResize => std::future::pending().await,
    }
}
