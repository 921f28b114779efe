//! An EMR service for tests: it speaks EMR's JSON over HTTP on loopback, and answers as it is told,
//! badly if need be.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_emr::config::{Credentials, SharedCredentialsProvider};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::daemon::settings::AwsSettings;

pub const CLUSTER: &str = "j-TEST";

/// How the service answers one call.
#[derive(Clone, Debug)]
pub enum Reply {
    Json(Value),
    Error(u16, &'static str, &'static str),
    Text(u16, &'static str),
    /// Takes the request, and never answers.
    Silence,
}

/// Calls that arrived whole, in order: the operation and its input.
type Seen = Vec<(String, Value)>;

/// Answers by operation, one after the other; the last one stays.
type Script = BTreeMap<&'static str, Vec<Reply>>;

#[derive(Clone, Debug)]
pub struct FakeEmr {
    url: String,
    shared: Arc<Mutex<(Script, Seen)>>,
}

impl FakeEmr {
    /// A running cluster with a primary node, two core nodes and a task group of four, and nothing
    /// of Amazon's own scaling.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let fake = Self {
            url,
            shared: Arc::default(),
        };
        fake.on("DescribeCluster", cluster("RUNNING"));
        fake.on("ListInstanceGroups", groups(4, 4, "RUNNING"));
        fake.on(
            "ListInstances",
            json!({ "Instances": [instance(1, "ig-core"), instance(2, "ig-task")] }),
        );
        fake.on("ListSteps", json!({ "Steps": [] }));
        fake.on("GetManagedScalingPolicy", json!({}));
        fake.on("ModifyInstanceGroups", json!({}));
        fake.on("ModifyInstanceFleet", json!({}));
        let service = Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, service).await });
        fake
    }

    /// From now on this operation is answered so.
    pub fn on(&self, operation: &'static str, answer: Value) {
        self.script(operation, vec![Reply::Json(answer)]);
    }

    /// The next calls of this operation are answered so, and later ones like the last of them.
    pub fn script(&self, operation: &'static str, replies: Vec<Reply>) {
        self.shared
            .lock()
            .expect("not poisoned")
            .0
            .insert(operation, replies);
    }

    /// The inputs of all calls of an operation so far.
    pub fn seen(&self, operation: &str) -> Vec<Value> {
        let shared = self.shared.lock().expect("not poisoned");
        shared
            .1
            .iter()
            .filter(|(seen, _)| seen == operation)
            .map(|(_, input)| input.clone())
            .collect()
    }

    pub fn config(&self) -> SdkConfig {
        config(&self.url)
    }
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

pub fn settings() -> AwsSettings {
    AwsSettings {
        region: None,
        timeout: Duration::from_secs(5),
        calls_per_minute: 1_000,
        decommission_timeout: Some(Duration::from_secs(600)),
        check_managed_scaling: true,
    }
}

pub fn cluster(state: &str) -> Value {
    json!({ "Cluster": { "Id": CLUSTER, "InstanceCollectionType": "INSTANCE_GROUP", "Status": { "State": state, "StateChangeReason": {} } } })
}

/// A primary node, two core nodes, and a task group that looks so.
pub fn groups(requested: u32, running: u32, state: &str) -> Value {
    let group = |id: &str, role: &str, requested: u32, running: u32, state: &str| {
        json!({
            "Id": id, "Name": format!("{role} nodes"), "InstanceGroupType": role, "Market": "ON_DEMAND", "InstanceType": "m5.xlarge",
            "RequestedInstanceCount": requested, "RunningInstanceCount": running, "Status": { "State": state },
        })
    };
    json!({ "InstanceGroups": [
        group("ig-primary", "MASTER", 1, 1, "RUNNING"),
        group("ig-core", "CORE", 2, 2, "RUNNING"),
        group("ig-task", "TASK", requested, running, state),
    ] })
}

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
    let operation = target
        .strip_prefix("ElasticMapReduce.")
        .unwrap_or_default()
        .to_owned();
    let reply = {
        let mut shared = fake.shared.lock().expect("not poisoned");
        let (script, seen) = &mut *shared;
        seen.push((
            operation.clone(),
            serde_json::from_slice(&body).unwrap_or(Value::Null),
        ));
        match script.get_mut(operation.as_str()) {
            Some(replies) if replies.len() > 1 => replies.remove(0),
            Some(replies) => replies.first().cloned().expect("a script is never empty"),
            None => Reply::Error(400, "InvalidRequestException", "no such operation"),
        }
    };
    let json_type = [("content-type", "application/x-amz-json-1.1")];
    match reply {
        Reply::Json(value) => (json_type, value.to_string()).into_response(),
        Reply::Error(status, code, message) => {
            let status = StatusCode::from_u16(status).expect("a status");
            (
                status,
                json_type,
                json!({ "__type": code, "message": message }).to_string(),
            )
                .into_response()
        }
        Reply::Text(status, text) => {
            (StatusCode::from_u16(status).expect("a status"), text).into_response()
        }
        Reply::Silence => std::future::pending().await,
    }
}
