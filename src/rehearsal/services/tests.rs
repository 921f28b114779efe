mod told;

use std::time::Duration;

use aws_sdk_emr::Client;
use aws_sdk_emr::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_emr::error::ProvideErrorMetadata;
use aws_sdk_emr::types::{
    InstanceGroup, InstanceGroupModifyConfig, InstanceGroupState, InstanceResizePolicy,
    InstanceState, ShrinkPolicy, StepState,
};
use serde_json::Value;

use super::*;
use crate::daemon::clock::Clock;
use crate::rehearsal::simulated::Ended;
use crate::sim::job_work::{JobSpec, JobWork};
use crate::sim::trace_work::TraceWork;
use crate::trace::{Job, Stage, TaskRun};
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores};

const CLUSTER_ID: &str = "j-REHEARSAL";
const START: Timestamp = Timestamp::from_millis(1_772_438_400_000);

/// A job of an hour that fills the two core nodes (four vcores each) and lets 12 tasks wait.
fn hour_of_work() -> TraceWork {
    let job = Job {
        queue: None,
        user: None,
        is_step: false,
        map_reduce: None,
        id: "hour".into(),
        name: None,
        submit: Duration::ZERO,
        application_master: Some(Resources {
            memory: Mebibytes(1_024),
            vcores: VirtualCores(1),
        }),
        stages: vec![Stage {
            after: vec![],
            memory: Mebibytes(2_048),
            vcores: VirtualCores(1),
            tasks: vec![TaskRun {
                count: 19,
                duration: Duration::from_secs(3_600),
            }],
            spark: None,
        }],
        spark: None,
    };
    TraceWork::Jobs(JobWork::from_jobs(START, &[job]).expect("a valid job"))
}

/// The default cluster: two core nodes, no task node yet, six minutes to provision one.
async fn serve(speed: u32) -> (Services, SimulatedCluster) {
    let clock = Clock::starting_at(START, speed);
    let cluster = SimulatedCluster::start(Arc::new(hour_of_work()), Arc::default(), 1, clock)
        .expect("work that fits");
    let services = Services::start(cluster.clone(), CLUSTER_ID, "test")
        .await
        .expect("a free port");
    (services, cluster)
}

fn sdk(services: &Services) -> Client {
    let config = aws_sdk_emr::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(
            "rehearsal",
            "rehearsal",
            None,
            None,
            "test",
        ))
        .endpoint_url(services.url().as_str())
        .build();
    Client::from_conf(config)
}

async fn get(services: &Services, path: &str) -> Value {
    let answer = reqwest::get(services.url().join(path).expect("a path"))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 200, "{path}");
    serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON")
}

/// The state of the cluster, as EMR describes it.
async fn state(sdk: &Client) -> String {
    let answer = sdk.describe_cluster().cluster_id(CLUSTER_ID).send().await;
    let cluster = answer.expect("described").cluster.expect("a cluster");
    let state = cluster.status().and_then(|status| status.state());
    state.expect("a state").as_str().to_owned()
}

async fn groups(sdk: &Client) -> Vec<InstanceGroup> {
    let answer = sdk
        .list_instance_groups()
        .cluster_id(CLUSTER_ID)
        .send()
        .await;
    answer.expect("a list").instance_groups.expect("groups")
}

/// Modifies groups; returns the code of the error, if EMR refuses.
async fn modify(sdk: &Client, groups: &[InstanceGroupModifyConfig]) -> Result<(), String> {
    let answer = sdk
        .modify_instance_groups()
        .cluster_id(CLUSTER_ID)
        .set_instance_groups(Some(groups.to_vec()))
        .send()
        .await;
    match answer {
        Ok(_) => Ok(()),
        Err(error) => Err(error.code().unwrap_or_default().to_owned()),
    }
}

fn resize(group: &str, to: i32) -> InstanceGroupModifyConfig {
    InstanceGroupModifyConfig::builder()
        .instance_group_id(group)
        .instance_count(to)
        .build()
}

#[tokio::test]
async fn yarn_tells_what_runs_and_what_waits() {
    let (services, _cluster) = serve(1).await;
    let metrics = &get(&services, "/ws/v1/cluster/metrics").await["clusterMetrics"];
    for (field, expected) in [
        ("appsRunning", 1),
        ("containersAllocated", 8),
        ("containersPending", 12),
        ("allocatedVirtualCores", 8),
        ("totalVirtualCores", 8),
        ("allocatedMB", 1_024 + 7 * 2_048),
        ("pendingMB", 12 * 2_048),
        ("totalMB", 2 * 12_288),
        ("availableMB", 2 * 12_288 - 1_024 - 7 * 2_048),
        ("activeNodes", 2),
    ] {
        assert_eq!(metrics[field], expected, "{field}");
    }
    assert_eq!(
        metrics["totalClusterResourcesAcrossPartition"]["memory"],
        2 * 12_288
    );
}

#[tokio::test]
async fn an_application_names_the_node_of_its_master_as_the_nodes_and_emr_name_it() {
    let (services, _cluster) = serve(1).await;
    let apps = get(&services, "/ws/v1/cluster/apps?states=RUNNING,ACCEPTED").await;
    let app = &apps["apps"]["app"][0];
    assert_eq!(
        (&app["state"], &app["runningContainers"]),
        (&"RUNNING".into(), &8.into())
    );
    assert_eq!(app["startedTime"], START.as_millis());
    let nodes = get(&services, "/ws/v1/cluster/nodes").await;
    let nodes = nodes["nodes"]["node"].as_array().expect("nodes").clone();
    assert_eq!(nodes.len(), 2);
    assert_eq!(
        nodes[0]["nodeHTTPAddress"], app["amHostHttpAddress"],
        "the first container goes to the first node"
    );
    let instances = sdk(&services)
        .list_instances()
        .cluster_id(CLUSTER_ID)
        .send()
        .await
        .expect("a list");
    let names: Vec<_> = instances
        .instances()
        .iter()
        .filter_map(|instance| instance.private_dns_name())
        .collect();
    assert_eq!(
        names,
        nodes
            .iter()
            .map(|node| node["nodeHostName"].as_str().unwrap_or_default())
            .collect::<Vec<_>>()
    );
    assert_eq!(
        get(&services, "/ws/v1/cluster/apps?states=ACCEPTED").await["apps"],
        Value::Null
    );
}

#[tokio::test]
async fn jmx_answers_for_one_bean_or_for_all() {
    let (services, _cluster) = serve(1).await;
    let queue = get(
        &services,
        "/jmx?qry=Hadoop:service=ResourceManager,name=QueueMetrics,q0=root",
    )
    .await;
    assert_eq!(queue["beans"].as_array().map(Vec::len), Some(1));
    assert_eq!(queue["beans"][0]["AggregateContainersAllocated"], 8);
    let hdfs = get(
        &services,
        "/jmx?qry=Hadoop:service=NameNode,name=FSNamesystem",
    )
    .await;
    assert_eq!(hdfs["beans"][0]["CapacityTotal"], (2_u64 * 256) << 30);
    assert_eq!(
        get(&services, "/jmx?qry=no:such=bean").await["beans"],
        serde_json::json!([])
    );
    assert_eq!(
        get(&services, "/jmx").await["beans"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[tokio::test]
async fn the_sdk_sees_the_cluster_and_its_groups() {
    let (services, _cluster) = serve(1).await;
    let sdk = sdk(&services);
    assert_eq!(state(&sdk).await, "RUNNING");
    let groups = groups(&sdk).await;
    let told: Vec<_> = groups
        .iter()
        .map(|group| (group.id(), group.requested_instance_count()))
        .collect();
    assert_eq!(
        told,
        [(Some("ig-core"), Some(2)), (Some("ig-task"), Some(0))]
    );
    assert!(
        sdk.list_steps()
            .cluster_id(CLUSTER_ID)
            .send()
            .await
            .expect("a list")
            .steps()
            .is_empty()
    );
    let managed = sdk
        .get_managed_scaling_policy()
        .cluster_id(CLUSTER_ID)
        .send()
        .await
        .expect("an answer");
    assert!(managed.managed_scaling_policy().is_none());
}

#[tokio::test]
async fn emr_lists_the_steps_that_wait_and_the_one_that_runs() {
    let TraceWork::Jobs(mut work) = hour_of_work() else {
        panic!("jobs");
    };
    let step = |spec: &JobSpec| JobSpec {
        is_step: true,
        ..spec.clone()
    };
    work.jobs = vec![step(&work.jobs[0]); 2];
    work.has_steps = true;
    let work = Arc::new(TraceWork::Jobs(work));
    let clock = Clock::starting_at(START, 1);
    let cluster = SimulatedCluster::start(work, Arc::default(), 1, clock).expect("work that fits");
    let services = Services::start(cluster, CLUSTER_ID, "test").await;
    let services = services.expect("a free port");
    let sdk = sdk(&services);
    let request = |states: &[StepState]| {
        let request = sdk.list_steps().cluster_id(CLUSTER_ID);
        request.set_step_states(Some(states.into())).send()
    };
    let all = request(&[StepState::Pending, StepState::Running]).await;
    let all = all.expect("a list").steps.expect("steps");
    let ids: Vec<&str> = all.iter().filter_map(|step| step.id()).collect();
    assert_eq!(ids, ["s-1", "s-0"], "the newest first");
    let pending = request(&[StepState::Pending]).await;
    assert_eq!(pending.expect("a list").steps().len(), 1);
}

#[tokio::test]
async fn a_group_that_grows_is_resizing_until_its_nodes_have_joined() {
    let (services, cluster) = serve(3_600).await;
    let sdk = sdk(&services);
    assert_eq!(modify(&sdk, &[resize("ig-task", 3)]).await, Ok(()));
    let at_once = sdk
        .list_instances()
        .cluster_id(CLUSTER_ID)
        .instance_states(InstanceState::Provisioning)
        .send()
        .await
        .expect("a list");
    assert_eq!(at_once.instances().len(), 3);
    loop {
        let group = groups(&sdk).await.remove(1);
        let state = group
            .status()
            .and_then(|status| status.state())
            .cloned()
            .expect("a state");
        match (group.running_instance_count(), state) {
            (Some(0), InstanceGroupState::Resizing) => {
                tokio::time::sleep(Duration::from_millis(5)).await
            }
            (Some(3), InstanceGroupState::Running) => break,
            other => panic!("nodes join together after six minutes: {other:?}"),
        }
    }
    let waited = cluster
        .ask(|cluster| cluster.now().since(cluster.start()))
        .await
        .expect("lives");
    assert!(waited >= Duration::from_secs(360), "{waited:?}");
    assert_eq!(
        get(&services, "/ws/v1/cluster/metrics").await["clusterMetrics"]["containersPending"],
        0
    );
}

#[tokio::test]
async fn a_group_that_shrinks_keeps_what_is_protected() {
    let (services, _cluster) = serve(1).await;
    let sdk = sdk(&services);
    let policy = InstanceResizePolicy::builder()
        .instances_to_protect("i-core-2")
        .build();
    let shrink = ShrinkPolicy::builder()
        .instance_resize_policy(policy)
        .build();
    let change = InstanceGroupModifyConfig::builder()
        .instance_group_id("ig-core")
        .instance_count(1)
        .shrink_policy(shrink)
        .build();
    assert_eq!(modify(&sdk, &[change]).await, Ok(()));
    let nodes = get(&services, "/ws/v1/cluster/nodes").await;
    let states: Vec<_> = nodes["nodes"]["node"]
        .as_array()
        .expect("nodes")
        .iter()
        .map(|node| node["state"].clone())
        .collect();
    assert_eq!(
        states,
        ["DECOMMISSIONING", "RUNNING"],
        "without protection the newer one would go"
    );
}

#[tokio::test]
async fn what_emr_refuses_is_refused_in_its_words() {
    let (services, _cluster) = serve(1).await;
    let sdk = sdk(&services);
    let error = sdk
        .describe_cluster()
        .cluster_id("j-OTHER")
        .send()
        .await
        .expect_err("another cluster");
    assert_eq!(
        (error.code(), error.message()),
        (
            Some("InvalidRequestException"),
            Some("Cluster id 'j-OTHER' is not valid.")
        )
    );
    let error = sdk
        .list_instance_fleets()
        .cluster_id(CLUSTER_ID)
        .send()
        .await
        .expect_err("no fleets");
    assert_eq!(error.code(), Some("InvalidRequestException"));
    let both = [resize("ig-task", 2), resize("ig-none", 2)];
    let refused = Err("InvalidRequestException".to_owned());
    assert_eq!(modify(&sdk, &both).await, refused, "an unknown group");
    assert_eq!(
        groups(&sdk).await[1].requested_instance_count(),
        Some(0),
        "refused as a whole"
    );
}

#[tokio::test]
async fn a_cluster_that_terminates_refuses_resizes() {
    let (services, _cluster) = serve(1).await;
    let sdk = sdk(&services);
    sdk.terminate_job_flows()
        .job_flow_ids(CLUSTER_ID)
        .send()
        .await
        .expect("accepted");
    let refused = Err("ValidationException".to_owned());
    assert_eq!(modify(&sdk, &[resize("ig-task", 2)]).await, refused);
    assert_eq!(state(&sdk).await, "TERMINATING");
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let (services, _cluster) = serve(1).await;
    let sdk = sdk(&services);
    assert_eq!(modify(&sdk, &[resize("ig-task", 1_200)]).await, Ok(()));
    let pages = sdk
        .list_instances()
        .cluster_id(CLUSTER_ID)
        .into_paginator()
        .items()
        .send()
        .collect::<Result<Vec<_>, _>>()
        .await;
    let pages = pages.expect("all pages");
    assert_eq!(pages.len(), 1_202);
    assert_eq!(pages[1_201].private_ip_address(), Some("10.0.4.187"));
}

#[tokio::test]
async fn a_cluster_that_has_ended_leaves_its_run_and_answers_503() {
    let (services, cluster) = serve(1).await;
    let run = cluster.end().await.expect("lived");
    assert_eq!(
        (run.tasks_total, run.tasks_finished, run.instances.len()),
        (19, 0, 2)
    );
    assert_eq!(cluster.end().await.err(), Some(Ended));
    let answer = reqwest::get(
        services
            .url()
            .join("/ws/v1/cluster/metrics")
            .expect("a path"),
    )
    .await
    .expect("an answer");
    assert_eq!(answer.status(), 503);
}
