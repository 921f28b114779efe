use serde_json::{Value, json};

use super::testing::{CLUSTER, FakeEmr, Reply, cluster, groups, instance, settings};
use super::*;
use crate::observation::{GroupId, GroupKind, GroupState, InstanceId, Market};
use crate::units::{Instances, Mebibytes, Resources, VirtualCores};

mod checks;
mod faults;
mod independent;
mod steps;

fn emr(fake: &FakeEmr) -> Emr {
    Emr::new(&fake.config(), CLUSTER, &settings(), StepsRead::Always)
}

async fn status(emr: &mut Emr) -> ClusterStatus {
    emr.read(&Clock::real())
        .await
        .status
        .expect("a status")
        .value
}

fn task(status: &ClusterStatus) -> &GroupStatus {
    status
        .groups
        .iter()
        .find(|group| group.role == Role::Task)
        .expect("a task group")
}

#[tokio::test]
async fn a_reading_shows_state_sizes_hosts_and_steps() {
    let fake = FakeEmr::start().await;
    let step = |state: &str| json!({ "Id": "s-1", "Status": { "State": state } });
    fake.on(
        "ListSteps",
        json!({ "Steps": [step("PENDING"), step("RUNNING"), step("PENDING")] }),
    );
    fake.on("ListInstanceGroups", groups(9, 4, "RESIZING"));
    let mut emr = emr(&fake);
    let clock = Clock::real();
    let before = clock.now();
    let reading = emr.read(&clock).await;
    let Sampled {
        value: status,
        measured_at,
    } = reading.status.expect("a status");
    assert!(before <= measured_at && measured_at <= clock.now());
    assert_eq!(
        (status.state, status.steps_pending, status.steps_running),
        (ClusterState::Running, 2, 1)
    );
    let group = task(&status);
    assert_eq!(
        (group.id.as_str(), group.name.as_deref()),
        ("ig-task", Some("TASK nodes"))
    );
    assert_eq!(
        (group.requested, group.running, group.state),
        (Instances(9), Instances(4), GroupState::Resizing)
    );
    let names: Vec<&str> = emr.hosts().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "10.0.0.1",
            "10.0.0.2",
            "ip-10-0-0-1",
            "ip-10-0-0-1.ec2.internal",
            "ip-10-0-0-2",
            "ip-10-0-0-2.ec2.internal"
        ]
    );
    assert_eq!(emr.hosts()["ip-10-0-0-2"].group, GroupId::new("ig-task"));
    let calls: Vec<(&str, &str)> = reading
        .calls
        .iter()
        .map(|call| (call.operation, call.result))
        .collect();
    let expected = [
        "DescribeCluster",
        "ListInstanceGroups",
        "GetManagedScalingPolicy",
        "ListSteps",
        "ListInstances",
    ];
    assert_eq!(calls, expected.map(|operation| (operation, "ok")));
}

#[tokio::test]
async fn every_page_of_a_list_is_read() {
    let fake = FakeEmr::start().await;
    let pages = |one: Value, two: Value, key: &str| {
        vec![
            Reply::Json(json!({ key: [one], "Marker": "2" })),
            Reply::Json(json!({ key: [two] })),
        ]
    };
    let all = groups(4, 4, "RUNNING");
    fake.script(
        "ListInstanceGroups",
        pages(
            all["InstanceGroups"][1].clone(),
            all["InstanceGroups"][2].clone(),
            "InstanceGroups",
        ),
    );
    fake.script(
        "ListInstances",
        pages(instance(1, "ig-core"), instance(2, "ig-task"), "Instances"),
    );
    let mut emr = emr(&fake);
    assert_eq!(status(&mut emr).await.groups.len(), 2);
    assert_eq!(emr.hosts().len(), 6);
    for operation in ["ListInstanceGroups", "ListInstances"] {
        let markers: Vec<Value> = fake
            .seen(operation)
            .iter()
            .map(|input| input["Marker"].clone())
            .collect();
        assert_eq!(markers, [Value::Null, json!("2")], "{operation}");
    }
}

#[tokio::test]
async fn a_fleet_is_two_groups_in_capacity_units() {
    let fake = FakeEmr::start().await;
    fake.on("DescribeCluster", json!({ "Cluster": { "InstanceCollectionType": "INSTANCE_FLEET", "Status": { "State": "WAITING" } } }));
    fake.on(
        "ListInstanceFleets",
        json!({ "InstanceFleets": [
            { "Id": "if-task", "InstanceFleetType": "TASK", "Status": { "State": "RESIZING" }, "TargetOnDemandCapacity": 4,
              "ProvisionedOnDemandCapacity": 5, "TargetSpotCapacity": 16, "ProvisionedSpotCapacity": 8 },
            { "Id": "if-core", "InstanceFleetType": "CORE", "Status": { "State": "RUNNING" }, "TargetOnDemandCapacity": 2,
              "ProvisionedOnDemandCapacity": 2 },
        ] }),
    );
    let spot = json!({ "Ec2InstanceId": "i-7", "PrivateIpAddress": "10.0.0.7", "InstanceFleetId": "if-task", "Market": "SPOT" });
    fake.on("ListInstances", json!({ "Instances": [spot] }));
    let mut emr = emr(&fake);
    let status = status(&mut emr).await;
    let seen: Vec<(&str, u32, u32)> = status
        .groups
        .iter()
        .map(|group| {
            (
                group.id.as_str(),
                group.requested.get(),
                group.running.get(),
            )
        })
        .collect();
    let expected = [
        ("if-task/on-demand", 4, 5),
        ("if-task/spot", 16, 8),
        ("if-core/on-demand", 2, 2),
        ("if-core/spot", 0, 0),
    ];
    assert_eq!(seen, expected);
    assert!(
        status
            .groups
            .iter()
            .all(|group| group.kind == GroupKind::Fleet)
    );
    assert_eq!(emr.hosts()["10.0.0.7"].group, GroupId::new("if-task/spot"));
}

#[tokio::test]
async fn instances_are_listed_again_when_a_group_has_changed_and_not_at_each_reading() {
    let fake = FakeEmr::start().await;
    let mut emr = emr(&fake);
    for _ in 0..3 {
        status(&mut emr).await;
    }
    assert_eq!(fake.seen("ListInstances").len(), 1);
    fake.on("ListInstanceGroups", groups(9, 5, "RESIZING"));
    status(&mut emr).await;
    assert_eq!(fake.seen("ListInstances").len(), 2);
}

#[tokio::test]
async fn steps_that_no_policy_has_a_use_for_cost_no_call() {
    let fake = FakeEmr::start().await;
    let mut emr = Emr::new(&fake.config(), CLUSTER, &settings(), StepsRead::Never);
    assert_eq!(status(&mut emr).await.steps_pending, 0);
    assert!(fake.seen("ListSteps").is_empty());
}

#[test]
fn steps_are_read_for_a_rule_that_reads_them_and_for_a_demand_that_knows_applications() {
    let parsed = |text: &str| crate::policy::parse::parse(text, "test.yaml").expect("valid");
    let rule = |when: &str| {
        parsed(&format!(
            "{{ name: t, targets: [{{ group: {{ role: task }}, limits: {{ min: 0, max: 9 }}, rules: [
                {{ name: r, when: {when}, then: {{ grow: 1 }} }}] }}] }}"
        ))
    };
    let (steps, memory) = (
        rule("emr_steps_pending > 3"),
        rule("yarn_memory_available_percent < 15"),
    );
    let demand = parsed("{ name: t, demand: { units: instances, min: 0, max: 9 } }");
    assert_eq!(StepsRead::by([&memory, &steps], true), StepsRead::Always);
    assert_eq!(StepsRead::by([&demand, &steps], false), StepsRead::Always);
    assert_eq!(
        StepsRead::by([&memory, &demand], true),
        StepsRead::IfPossible
    );
    assert_eq!(StepsRead::by([&demand], false), StepsRead::Never);
    assert_eq!(StepsRead::by([&memory], true), StepsRead::Never);
}

#[tokio::test]
async fn a_cluster_is_idle_since_it_was_first_seen_to_wait_without_work() {
    let fake = FakeEmr::start().await;
    let mut emr = emr(&fake);
    assert_eq!(status(&mut emr).await.idle_since, None);
    fake.on("DescribeCluster", cluster("WAITING"));
    let first = status(&mut emr).await.idle_since.expect("idle");
    assert_eq!(status(&mut emr).await.idle_since, Some(first));
    emr.note_work();
    let later = emr
        .read(&Clock::ahead(Duration::from_secs(60)))
        .await
        .status
        .expect("a status")
        .value
        .idle_since;
    assert!(later.expect("idle again").since(first) >= Duration::from_secs(60));
    fake.on("DescribeCluster", cluster("RUNNING"));
    assert_eq!(status(&mut emr).await.idle_since, None);
}

#[tokio::test]
async fn groups_with_a_policy_of_amazons_are_marked_as_such() {
    let fake = FakeEmr::start().await;
    for (state, is_marked) in [
        ("ATTACHED", true),
        ("ATTACHING", true),
        ("DETACHING", true),
        ("DETACHED", false),
    ] {
        let mut answer = groups(4, 4, "RUNNING");
        answer["InstanceGroups"][2]["AutoScalingPolicy"] = json!({ "Status": { "State": state } });
        fake.on("ListInstanceGroups", answer);
        let status = status(&mut emr(&fake)).await;
        assert_eq!(task(&status).scaled_by_amazon, is_marked, "{state}");
        assert!(
            !status.groups[1].scaled_by_amazon,
            "the core group has none"
        );
    }
    fake.on(
        "GetManagedScalingPolicy",
        json!({ "ManagedScalingPolicy": { "ComputeLimits": {
        "UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 9 } } }),
    );
    let marked: Vec<bool> = status(&mut emr(&fake))
        .await
        .groups
        .iter()
        .map(|group| group.scaled_by_amazon)
        .collect();
    assert_eq!(marked, [false, true, true], "all but the primary one");
}

#[tokio::test]
async fn managed_scaling_is_asked_for_every_five_minutes() {
    let fake = FakeEmr::start().await;
    let mut emr = emr(&fake);
    for _ in 0..3 {
        status(&mut emr).await;
    }
    assert_eq!(fake.seen("GetManagedScalingPolicy").len(), 1);
    emr.read(&Clock::ahead(Duration::from_secs(301))).await;
    assert_eq!(fake.seen("GetManagedScalingPolicy").len(), 2);
}

#[tokio::test]
async fn managed_scaling_is_asked_for_again_when_the_clock_was_set_back() {
    let fake = FakeEmr::start().await;
    let mut emr = emr(&fake);
    emr.read(&Clock::ahead(Duration::from_secs(3_600))).await;
    emr.read(&Clock::real()).await;
    assert_eq!(fake.seen("GetManagedScalingPolicy").len(), 2);
}

#[tokio::test]
async fn what_emr_says_about_a_group_is_read_while_it_is_in_trouble() {
    let fake = FakeEmr::start().await;
    for (state, expected) in [
        ("SUSPENDED", Some("Bootstrap failure")),
        ("ARRESTED", Some("Bootstrap failure")),
        ("RESIZING", None),
    ] {
        let mut answer = groups(4, 4, state);
        answer["InstanceGroups"][2]["Status"]["StateChangeReason"] =
            json!({ "Code": "INSTANCE_FAILURE", "Message": "Bootstrap failure" });
        fake.on("ListInstanceGroups", answer);
        let status = status(&mut emr(&fake)).await;
        assert_eq!(task(&status).state_reason.as_deref(), expected, "{state}");
    }
}

#[tokio::test]
async fn a_group_has_the_node_that_its_instance_type_is_known_to_offer() {
    let node = |memory_mib, vcores| {
        Some(Resources {
            memory: Mebibytes(memory_mib),
            vcores: VirtualCores(vcores),
        })
    };
    for (instance_type, expected) in [
        ("m5.xlarge", node(12_288, 4)),
        ("m5.4xlarge", node(57_344, 16)),
        ("x99.huge", None),
    ] {
        let fake = FakeEmr::start().await;
        let mut answer = groups(4, 4, "RUNNING");
        let listed = answer["InstanceGroups"].as_array_mut().expect("a list");
        for group in listed {
            group["InstanceType"] = json!(instance_type);
        }
        fake.on("ListInstanceGroups", answer);
        let reading = emr(&fake).read(&Clock::real()).await;
        for group in reading.status.expect("a status").value.groups {
            let is_primary = group.role == Role::Primary;
            let expected = expected.filter(|_| !is_primary);
            assert_eq!(group.node, expected, "{instance_type}, {}", group.role);
        }
    }
}
