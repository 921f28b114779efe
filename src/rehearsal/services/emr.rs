//! Simulates EMR's API in its JSON 1.1 protocol: a POST to `/` that names its operation in
//! `X-Amz-Target`.
//!
//! The cluster has instance groups, and no scaling of EMR's own.

use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::served::{Served, private_dns_name, private_ip_address};
use crate::observation::steps::Step;
use crate::observation::{ClusterState, GroupId, GroupStatus, InstanceId, Market, Role};
use crate::rehearsal::simulated::Ended;
use crate::sim::scenario::GroupSpec;
use crate::sim::stepped_cluster::{Instance, InstanceState};
use crate::units::{Instances, Timestamp};

/// The most instances in one answer.
const PAGE: usize = 500;

/// Serves all supported operations.
pub async fn call(State(served): State<Served>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let operation = target.strip_prefix("ElasticMapReduce.").unwrap_or_default();
    let answer = match operation {
        "DescribeCluster" => describe_cluster(&served, &body).await,
        "ListInstanceGroups" => list_instance_groups(&served, &body).await,
        "ListInstances" => list_instances(&served, &body).await,
        "ListInstanceFleets" => list_instance_fleets(&served, &body),
        "ListSteps" => list_steps(&served, &body).await,
        "GetManagedScalingPolicy" => OfCluster::parse(&served, &body).map(|()| json!({})),
        "ModifyInstanceGroups" => modify_instance_groups(&served, &body).await,
        "TerminateJobFlows" => terminate_job_flows(&served, &body),
        _ => Err(Refusal {
            kind: "UnknownOperationException",
            message: format!("a rehearsal does not support the operation `{target}`"),
        }),
    };
    let (status, body) = match answer {
        Ok(answer) => (StatusCode::OK, answer),
        Err(refusal) => (
            refusal.status(),
            json!({ "__type": refusal.kind, "message": refusal.message }),
        ),
    };
    (
        status,
        [(header::CONTENT_TYPE, "application/x-amz-json-1.1")],
        body.to_string(),
    )
        .into_response()
}

/// An error in EMR's words.
#[derive(Debug)]
struct Refusal {
    kind: &'static str,
    message: String,
}

impl Refusal {
    fn invalid_request(message: String) -> Self {
        Self {
            kind: "InvalidRequestException",
            message,
        }
    }

    fn validation(message: String) -> Self {
        Self {
            kind: "ValidationException",
            message,
        }
    }

    fn status(&self) -> StatusCode {
        if self.kind == "InternalServerException" {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::BAD_REQUEST
        }
    }
}

impl From<Ended> for Refusal {
    fn from(ended: Ended) -> Self {
        Self {
            kind: "InternalServerException",
            message: ended.to_string(),
        }
    }
}

type Answer = Result<Value, Refusal>;

/// The part of a request that names the cluster.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfCluster {
    cluster_id: Option<String>,
}

impl OfCluster {
    /// Checks a request that contains nothing else.
    fn parse(served: &Served, body: &[u8]) -> Result<(), Refusal> {
        parse::<Self>(body)?.check(served)
    }

    fn check(&self, served: &Served) -> Result<(), Refusal> {
        match self.cluster_id.as_deref() {
            Some(id) if id == &*served.cluster_id => Ok(()),
            Some(id) => Err(Refusal::invalid_request(format!(
                "Cluster id '{id}' is not valid."
            ))),
            None => Err(Refusal::validation("ClusterId is missing".into())),
        }
    }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal {
        kind: "SerializationException",
        message: error.to_string(),
    })
}

async fn describe_cluster(served: &Served, body: &[u8]) -> Answer {
    OfCluster::parse(served, body)?;
    let (start, state) = served
        .cluster
        .ask(|cluster| (cluster.start(), cluster.state()))
        .await?;
    let state = if served.is_terminating.load(Ordering::Relaxed) {
        ClusterState::Terminating
    } else {
        state
    };
    Ok(json!({ "Cluster": {
        "Id": *served.cluster_id,
        "Name": *served.name,
        "Status": {
            "State": state.as_str(),
            "StateChangeReason": {},
            "Timeline": { "CreationDateTime": seconds(start), "ReadyDateTime": seconds(start) },
        },
        "InstanceCollectionType": "INSTANCE_GROUP",
        "ReleaseLabel": "emr-6.15.0",
        "Applications": [{ "Name": "Hadoop", "Version": "3.3.6" }],
        "AutoTerminate": false,
        "TerminationProtected": false,
        "VisibleToAllUsers": true,
        "NormalizedInstanceHours": 0,
        "ScaleDownBehavior": "TERMINATE_AT_TASK_COMPLETION",
        "StepConcurrencyLevel": 1,
        "Tags": [],
    }}))
}

async fn list_instance_groups(served: &Served, body: &[u8]) -> Answer {
    OfCluster::parse(served, body)?;
    let (start, groups) = served
        .cluster
        .ask(|cluster| {
            (
                cluster.start(),
                cluster
                    .groups()
                    .map(|(spec, status)| (spec.clone(), status))
                    .collect::<Vec<_>>(),
            )
        })
        .await?;
    let groups: Vec<Value> = groups
        .iter()
        .map(|(spec, status)| group(spec, status, start))
        .collect();
    Ok(json!({ "InstanceGroups": groups }))
}

fn group(spec: &GroupSpec, status: &GroupStatus, start: Timestamp) -> Value {
    json!({
        "Id": status.id,
        "Name": spec.name,
        "Market": market(spec.market),
        "InstanceGroupType": group_type(spec.role),
        "InstanceType": spec.instance_type,
        "RequestedInstanceCount": status.requested,
        "RunningInstanceCount": status.running,
        "Status": {
            "State": status.state.as_str(),
            "StateChangeReason": { "Message": "" },
            "Timeline": { "CreationDateTime": seconds(start), "ReadyDateTime": seconds(start) },
        },
        "Configurations": [],
        "EbsBlockDevices": [],
        "ShrinkPolicy": {},
    })
}

fn list_instance_fleets(served: &Served, body: &[u8]) -> Answer {
    OfCluster::parse(served, body)?;
    let message = "Instance fleets and instance groups are mutually exclusive. This cluster uses instance groups; use ListInstanceGroups.";
    Err(Refusal::invalid_request(message.into()))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListInstances {
    #[serde(flatten)]
    of: OfCluster,
    instance_group_id: Option<String>,
    #[serde(default)]
    instance_group_types: Vec<String>,
    #[serde(default)]
    instance_states: Vec<String>,
    marker: Option<String>,
}

async fn list_instances(served: &Served, body: &[u8]) -> Answer {
    let request: ListInstances = parse(body)?;
    request.of.check(served)?;
    let skip = match request.marker.as_deref().map(str::parse::<usize>) {
        None => 0,
        Some(Ok(skip)) => skip,
        Some(Err(_)) => return Err(Refusal::invalid_request("Marker is not valid.".into())),
    };
    let (specs, instances) = served
        .cluster
        .ask(|cluster| {
            let specs: Vec<GroupSpec> = cluster.groups().map(|(spec, _)| spec.clone()).collect();
            (specs, cluster.instances().collect::<Vec<_>>())
        })
        .await?;
    let is_wanted = |(spec, instance): &(&GroupSpec, &Instance)| {
        request
            .instance_group_id
            .as_deref()
            .is_none_or(|id| id == spec.id.as_str())
            && takes(&request.instance_group_types, group_type(spec.role))
            && takes(&request.instance_states, instance_state(instance.state))
    };
    let with_spec = instances.iter().filter_map(|instance| {
        Some((
            specs.iter().find(|spec| spec.id == instance.group)?,
            instance,
        ))
    });
    let mut wanted = with_spec.filter(is_wanted).skip(skip);
    let page: Vec<Value> = wanted
        .by_ref()
        .take(PAGE)
        .map(|(spec, instance)| listed_instance(spec, instance))
        .collect();
    let mut answer = json!({ "Instances": page });
    if wanted.next().is_some() {
        answer["Marker"] = skip.saturating_add(PAGE).to_string().into();
    }
    Ok(answer)
}

fn takes(filter: &[String], value: &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| wanted == value)
}

fn listed_instance(spec: &GroupSpec, instance: &Instance) -> Value {
    let mut timeline = json!({ "CreationDateTime": seconds(instance.launched_at) });
    if let Some(terminated_at) = instance.terminated_at {
        timeline["EndDateTime"] = seconds(terminated_at);
    }
    json!({
        "Id": format!("ci-{}", instance.number),
        "Ec2InstanceId": instance.id,
        "PublicDnsName": "",
        "PrivateDnsName": private_dns_name(instance.number),
        "PrivateIpAddress": private_ip_address(instance.number),
        "Status": { "State": instance_state(instance.state), "StateChangeReason": {}, "Timeline": timeline },
        "InstanceGroupId": spec.id,
        "Market": market(spec.market),
        "InstanceType": spec.instance_type,
        "EbsVolumes": [],
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListSteps {
    #[serde(flatten)]
    of: OfCluster,
    #[serde(default)]
    step_states: Vec<String>,
}

/// The steps that wait or run, the newest first; those that have ended are not kept.
async fn list_steps(served: &Served, body: &[u8]) -> Answer {
    let request: ListSteps = parse(body)?;
    request.of.check(served)?;
    let steps = served.cluster.ask(|cluster| cluster.steps()).await?;
    let steps = steps.map_or_else(Vec::new, |steps| steps.steps);
    let wanted = steps.iter().rev().map(listed_step);
    let wanted = wanted.filter(|step| {
        let state = step["Status"]["State"].as_str().unwrap_or_default();
        takes(&request.step_states, state)
    });
    Ok(json!({ "Steps": wanted.collect::<Vec<_>>() }))
}

fn listed_step(step: &Step) -> Value {
    let (state, timeline) = match step.started_at {
        None => ("PENDING", json!({})),
        Some(at) => ("RUNNING", json!({ "StartDateTime": seconds(at) })),
    };
    json!({
        "Id": step.id,
        "Name": step.name,
        "ActionOnFailure": "CONTINUE",
        "Status": { "State": state, "StateChangeReason": {}, "Timeline": timeline },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ModifyInstanceGroups {
    #[serde(flatten)]
    of: OfCluster,
    #[serde(default)]
    instance_groups: Vec<Modification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Modification {
    instance_group_id: GroupId,
    instance_count: Option<i64>,
    #[serde(rename = "EC2InstanceIdsToTerminate", default)]
    ec2_instance_ids_to_terminate: Vec<InstanceId>,
    #[serde(default)]
    shrink_policy: ShrinkPolicy,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct ShrinkPolicy {
    instance_resize_policy: InstanceResizePolicy,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct InstanceResizePolicy {
    instances_to_protect: Vec<InstanceId>,
    instances_to_terminate: Vec<InstanceId>,
}

/// Carries out all modifications of the request, or refuses all.
async fn modify_instance_groups(served: &Served, body: &[u8]) -> Answer {
    let request: ModifyInstanceGroups = parse(body)?;
    request.of.check(served)?;
    if served.is_terminating.load(Ordering::Relaxed) {
        return Err(Refusal::validation(
            "An instance group may only be modified when the cluster is running or waiting.".into(),
        ));
    }
    let known: Vec<GroupId> = served
        .cluster
        .ask(|cluster| cluster.groups().map(|(spec, _)| spec.id.clone()).collect())
        .await?;
    let resizes = request
        .instance_groups
        .into_iter()
        .map(|modification| modification.check(&known))
        .collect::<Result<Vec<_>, _>>()?;
    let outcome = served.cluster.ask(move |cluster| {
        resizes.iter().try_for_each(|(group, to, shrink)| {
            cluster.resize(
                group,
                *to,
                &shrink.instances_to_protect,
                &shrink.instances_to_terminate,
            )
        })
    });
    outcome
        .await?
        .map(|()| json!({}))
        .map_err(|unknown| Refusal::invalid_request(unknown.to_string()))
}

impl Modification {
    fn check(
        self,
        known: &[GroupId],
    ) -> Result<(GroupId, Instances, InstanceResizePolicy), Refusal> {
        let id = self.instance_group_id;
        if !known.contains(&id) {
            return Err(Refusal::invalid_request(format!(
                "Instance group id '{id}' is not valid."
            )));
        }
        if !self.ec2_instance_ids_to_terminate.is_empty() {
            let message = "A rehearsal does not support EC2InstanceIdsToTerminate, which ends instances with the work on them.";
            return Err(Refusal::validation(message.into()));
        }
        let count = self
            .instance_count
            .and_then(|count| u32::try_from(count).ok());
        let count = count.ok_or_else(|| {
            Refusal::validation(format!(
                "InstanceCount of '{id}' must be a whole number of instances."
            ))
        })?;
        Ok((
            id,
            Instances(count),
            self.shrink_policy.instance_resize_policy,
        ))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TerminateJobFlows {
    #[serde(default)]
    job_flow_ids: Vec<String>,
}

/// Marks the cluster as terminating; it then refuses resizes.
fn terminate_job_flows(served: &Served, body: &[u8]) -> Answer {
    let request: TerminateJobFlows = parse(body)?;
    if request
        .job_flow_ids
        .iter()
        .any(|id| id == &*served.cluster_id)
    {
        served.is_terminating.store(true, Ordering::Relaxed);
    }
    Ok(json!({}))
}

/// A time in EMR's form: seconds since the epoch.
fn seconds(at: Timestamp) -> Value {
    json!(at.as_millis() as f64 / 1e3)
}

const fn market(market: Market) -> &'static str {
    match market {
        Market::OnDemand => "ON_DEMAND",
        Market::Spot => "SPOT",
    }
}

const fn group_type(role: Role) -> &'static str {
    match role {
        Role::Primary => "MASTER",
        Role::Core => "CORE",
        Role::Task => "TASK",
    }
}

const fn instance_state(state: InstanceState) -> &'static str {
    match state {
        InstanceState::Launching => "PROVISIONING",
        InstanceState::Running | InstanceState::Leaving => "RUNNING",
        InstanceState::Terminated => "TERMINATED",
    }
}
