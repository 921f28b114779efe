//! moto's server: EMR's API, implemented by others. It keeps a cluster and the sizes of its groups,
//! and starts nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::Url;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::Process;
use super::{eventually, free_port, http, installed, seconds};

/// The instances that a cluster's task group can use. moto invents instances and their addresses only
/// when it creates a cluster.
const SPARE: u32 = 120;

/// The server with one cluster in it: a primary, core nodes, and an empty task group.
#[derive(Debug)]
pub struct Moto {
    _server: Process,
    folder: TempDir,
    endpoint: Url,
    pub cluster_id: String,
    pub core: Group,
    pub task: Group,
}

/// An instance group and what it can be made of.
#[derive(Clone, Debug)]
pub struct Group {
    pub id: String,
    /// More than the group's size as a rule: the first of them are to be started first.
    pub instances: Vec<Instance>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// `i-...`
    pub id: String,
    pub private_dns_name: String,
}

/// The instances that a scale-in named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    pub terminate: Vec<String>,
    pub protect: Vec<String>,
}

impl Moto {
    pub async fn start(core_nodes: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = free_port();
        let mut command = Command::new(installed::moto_server());
        command
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false");
        command
            .env("MOTO_ENABLE_RECORDING", "true")
            .env("MOTO_RECORDER_FILEPATH", recording(folder.path()));
        let mut server = Process::start("moto", &mut command, folder.path());
        let endpoint = http::local(port);
        eventually("moto answers", seconds(60), async || {
            server.must_run();
            http::text(&endpoint).await
        })
        .await;
        let cluster_id = run_cluster(&endpoint, core_nodes).await;
        let core = group(&endpoint, &cluster_id, "core").await;
        let task = group(&endpoint, &cluster_id, "task").await;
        let moto = Self {
            _server: server,
            folder,
            endpoint,
            cluster_id,
            core,
            task,
        };
        moto.resize(&moto.task.id, 0, &Wishes::default()).await;
        moto
    }

    /// The value for `AWS_ENDPOINT_URL`.
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// The requested size of the group.
    pub async fn requested(&self, group_id: &str) -> usize {
        let groups = call(
            &self.endpoint,
            "ListInstanceGroups",
            json!({ "ClusterId": self.cluster_id }),
        )
        .await;
        let group = listed(&groups, "InstanceGroups")
            .find(|group| group["Id"] == group_id)
            .expect("the group");
        group["RequestedInstanceCount"]
            .as_u64()
            .and_then(|count| usize::try_from(count).ok())
            .expect("a number")
    }

    /// Requests a size, as an operator would.
    pub async fn resize(&self, group_id: &str, count: u32, wishes: &Wishes) {
        let policy = json!({ "InstanceResizePolicy": { "InstancesToTerminate": wishes.terminate, "InstancesToProtect": wishes.protect } });
        let group =
            json!({ "InstanceGroupId": group_id, "InstanceCount": count, "ShrinkPolicy": policy });
        call(
            &self.endpoint,
            "ModifyInstanceGroups",
            json!({ "ClusterId": self.cluster_id, "InstanceGroups": [group] }),
        )
        .await;
    }

    /// The instances that the last ModifyInstanceGroups named for this group, from moto's log of
    /// requests.
    pub fn wishes(&self, group_id: &str) -> Wishes {
        let text = std::fs::read_to_string(recording(self.folder.path())).expect("a recording");
        text.lines()
            .filter_map(|line| wishes_of(line, group_id))
            .next_back()
            .unwrap_or_default()
    }
}

fn recording(folder: &Path) -> PathBuf {
    folder.join("recording.jsonl")
}

/// One call of EMR's API. moto reads service and region from the signature, and does not verify it.
async fn call(endpoint: &Url, operation: &str, body: Value) -> Value {
    let signature = "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/elasticmapreduce/aws4_request, SignedHeaders=host, Signature=any";
    let request = reqwest::Client::new()
        .post(endpoint.clone())
        .timeout(seconds(30))
        .header("Authorization", signature);
    let request = request
        .header("Content-Type", "application/x-amz-json-1.1")
        .header("X-Amz-Target", format!("ElasticMapReduce.{operation}"));
    let answer = request
        .body(body.to_string())
        .send()
        .await
        .and_then(reqwest::Response::error_for_status);
    let bytes = answer
        .unwrap_or_else(|e| panic!("{operation}: {e}"))
        .bytes()
        .await
        .expect("an answer");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn listed<'a>(answer: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    answer[name].as_array().expect("a list").iter()
}

async fn run_cluster(endpoint: &Url, core_nodes: u32) -> String {
    let group = |name: &str, role: &str, market: &str, count: u32| json!({ "Name": name, "InstanceRole": role, "Market": market, "InstanceType": "m5.xlarge", "InstanceCount": count });
    let groups = [
        group("primary", "MASTER", "ON_DEMAND", 1),
        group("core", "CORE", "ON_DEMAND", core_nodes),
        group("task", "TASK", "SPOT", SPARE),
    ];
    let cluster = json!({
        "Name": "real-parts",
        "ReleaseLabel": "emr-6.15.0",
        "JobFlowRole": "EMR_EC2_DefaultRole",
        "ServiceRole": "EMR_DefaultRole",
        "Instances": { "KeepJobFlowAliveWhenNoSteps": true, "InstanceGroups": groups },
    });
    string(&call(endpoint, "RunJobFlow", cluster).await["JobFlowId"])
}

async fn group(endpoint: &Url, cluster_id: &str, name: &str) -> Group {
    let groups = call(
        endpoint,
        "ListInstanceGroups",
        json!({ "ClusterId": cluster_id }),
    )
    .await;
    let id = string(
        &listed(&groups, "InstanceGroups")
            .find(|group| group["Name"] == name)
            .expect("the group")["Id"],
    );
    let mut instances = Vec::new();
    let mut request = json!({ "ClusterId": cluster_id, "InstanceGroupId": id });
    loop {
        let page = call(endpoint, "ListInstances", request.clone()).await;
        instances.extend(listed(&page, "Instances").map(|instance| Instance {
            id: string(&instance["Ec2InstanceId"]),
            private_dns_name: string(&instance["PrivateDnsName"]),
        }));
        request["Marker"] = page["Marker"].clone();
        if request["Marker"].is_null() {
            return Group { id, instances };
        }
    }
}

fn string(value: &Value) -> String {
    value.as_str().expect("a string").into()
}

/// The instances named for the group, if the line logs a ModifyInstanceGroups of it.
fn wishes_of(line: &str, group_id: &str) -> Option<Wishes> {
    #[derive(Deserialize)]
    struct Recorded {
        headers: serde_json::Map<String, Value>,
        body: String,
    }
    let recorded: Recorded = serde_json::from_str(line).ok()?;
    let target = recorded
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-amz-target"))?
        .1
        .as_str()?;
    if target != "ElasticMapReduce.ModifyInstanceGroups" {
        return None;
    }
    let body: Value = serde_json::from_slice(&BASE64_STANDARD.decode(recorded.body).ok()?).ok()?;
    let group = body["InstanceGroups"]
        .as_array()?
        .iter()
        .find(|group| group["InstanceGroupId"] == group_id)?;
    let policy = &group["ShrinkPolicy"]["InstanceResizePolicy"];
    let ids = |name: &str| {
        policy[name]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str().map(String::from))
            .collect()
    };
    Some(Wishes {
        terminate: ids("InstancesToTerminate"),
        protect: ids("InstancesToProtect"),
    })
}
