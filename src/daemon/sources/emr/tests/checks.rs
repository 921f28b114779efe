//! What the check at the start finds.

use super::*;
use crate::daemon::sources::emr::start::StartProblem;

const DENIED: Reply = Reply::Error(400, "AccessDeniedException", "not authorized");

async fn problems(fake: &FakeEmr, targets: &str) -> Vec<String> {
    let text = format!("{{ name: t, targets: [{targets}] }}");
    let policy = crate::policy::parse::parse(&text, "test.yaml").expect("a valid policy");
    emr(fake)
        .check(&Clock::real(), &policy)
        .await
        .iter()
        .map(ToString::to_string)
        .collect()
}

const TASK: &str = "{ group: { role: task }, limits: { min: 0, max: 9 } }";

#[tokio::test]
async fn nothing_is_found_when_all_is_well_and_nothing_is_changed_by_looking() {
    let fake = FakeEmr::start().await;
    assert_eq!(problems(&fake, TASK).await, [""; 0]);
    for operation in Operation::ALL {
        assert_eq!(
            fake.seen(operation.name()).is_empty(),
            operation.is_change() || operation.name() == "ListInstanceFleets"
        );
    }
}

#[tokio::test]
async fn all_permissions_that_are_missing_are_named_at_once() {
    let fake = FakeEmr::start().await;
    for operation in [
        "DescribeCluster",
        "ListInstances",
        "ListSteps",
        "GetManagedScalingPolicy",
    ] {
        fake.script(operation, vec![DENIED]);
    }
    let grant = |operation| {
        format!(
            "{operation} is not allowed; grant `elasticmapreduce:{operation}` to the role of this machine"
        )
    };
    let expected = [
        "DescribeCluster",
        "GetManagedScalingPolicy",
        "ListInstances",
        "ListSteps",
    ]
    .map(grant);
    assert_eq!(problems(&fake, TASK).await, expected);
}

#[tokio::test]
async fn a_wrong_cluster_id_and_a_cluster_that_is_over_are_said_to_be_that() {
    let fake = FakeEmr::start().await;
    fake.script(
        "DescribeCluster",
        vec![Reply::Error(
            400,
            "InvalidRequestException",
            "Cluster id 'j-TEST' is not valid.",
        )],
    );
    let expected = "cluster j-TEST does not exist in this account and region; check the cluster id, the region and the credentials";
    assert_eq!(problems(&fake, TASK).await, [expected]);
    for state in ["TERMINATING", "TERMINATED", "TERMINATED_WITH_ERRORS"] {
        fake.on("DescribeCluster", cluster(state));
        assert_eq!(
            problems(&fake, TASK).await,
            [format!(
                "cluster j-TEST is {state} and can no longer be scaled; name a running cluster"
            )]
        );
    }
}

#[tokio::test]
async fn targets_that_match_nothing_or_too_much_are_named_beside_what_there_is() {
    let fake = FakeEmr::start().await;
    let targets = "{ group: { name: nodes }, limits: { min: 0, max: 9 } }, { fleet: task, market: spot, limits: { min: 0, max: 9 } }";
    let found = problems(
        &fake,
        &targets.replace(
            "fleet: task, market: spot",
            "group: { fleet: task, market: spot }",
        ),
    )
    .await;
    let groups = "ig-primary (primary), ig-core (core), ig-task (task)";
    assert_eq!(
        found[0],
        format!("target 1 of the policy (name: nodes) matches no group; the cluster has {groups}")
    );
    assert_eq!(
        found[1],
        format!(
            "target 2 of the policy (fleet: task, market: spot) matches no group; the cluster has {groups}"
        )
    );
    let mut twice = groups_answer();
    twice["InstanceGroups"][1]["InstanceGroupType"] = json!("TASK");
    fake.on("ListInstanceGroups", twice);
    let found = problems(&fake, TASK).await;
    assert!(
        found[0]
            .contains("(role: task) matches 2 groups; name one by `id` or `name`; the cluster has"),
        "{found:?}"
    );
}

#[tokio::test]
async fn demand_without_targets_on_two_groups_of_a_kind_is_told_to_list_its_targets() {
    let fake = FakeEmr::start().await;
    let mut twice = groups_answer();
    twice["InstanceGroups"][1]["InstanceGroupType"] = json!("TASK");
    let market = twice["InstanceGroups"][2]["Market"].clone();
    twice["InstanceGroups"][1]["Market"] = market;
    fake.on("ListInstanceGroups", twice);
    let policy = "{ name: t, demand: { min: 1, max: 9 } }";
    let policy = crate::policy::parse::parse(policy, "test.yaml").expect("a valid policy");
    let found = emr(&fake).check(&Clock::real(), &policy).await;
    assert_eq!(found.len(), 1, "{found:?}");
    let said = found[0].to_string();
    assert!(
        said.starts_with("the policy's `demand` has no `targets` and scales at most one group of each role and market, but ")
            && said.ends_with("list the groups to scale under `targets`, each by `id` or `name`"),
        "{said}"
    );
}

#[tokio::test]
async fn two_targets_that_mean_one_group_are_found_even_under_different_names() {
    let fake = FakeEmr::start().await;
    let targets = [
        TASK,
        &TASK.replace("role: task", "role: core"),
        &TASK.replace("role: task", "id: ig-task"),
    ]
    .join(", ");
    let expected = "targets 1 and 3 of the policy both match group ig-task; keep only one of them";
    assert_eq!(problems(&fake, &targets).await, [expected]);
}

#[tokio::test]
async fn a_demand_that_counts_what_the_cluster_does_not_have_is_found() {
    let fake = FakeEmr::start().await;
    let found =
        |units: &str| format!("{{ name: t, demand: {{ min: 1, max: 9, units: {units} }} }}");
    for (units, expected) in [
        ("instances", vec![]),
        (
            "fleet-units",
            vec![
                "the policy's `demand` counts fleet-units, but the cluster has no such group to scale; it has ig-primary (primary), \
                 ig-core (core), ig-task (task); set `units: fleet-units` for fleets, `units: instances` or `units: vcpu` for \
                 instance groups",
            ],
        ),
    ] {
        let policy =
            crate::policy::parse::parse(&found(units), "test.yaml").expect("a valid policy");
        let problems: Vec<String> = emr(&fake)
            .check(&Clock::real(), &policy)
            .await
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(problems, expected, "{units}");
    }
}

fn groups_answer() -> Value {
    super::groups(4, 4, "RUNNING")
}

#[tokio::test]
async fn amazons_own_policies_are_found_with_the_command_that_removes_them_and_a_dry_run_may_watch_them()
 {
    let fake = FakeEmr::start().await;
    let mut answer = groups_answer();
    answer["InstanceGroups"][2]["AutoScalingPolicy"] = json!({ "Status": { "State": "ATTACHED" } });
    fake.on("ListInstanceGroups", answer);
    let found = problems(&fake, TASK).await;
    assert!(
        found[0].ends_with(
            "`aws emr remove-auto-scaling-policy --cluster-id j-TEST --instance-group-id ig-task`"
        ),
        "{found:?}"
    );
    fake.on("ListInstanceGroups", groups_answer());
    fake.on(
        "GetManagedScalingPolicy",
        json!({ "ManagedScalingPolicy": { "ComputeLimits": {
        "UnitType": "Instances", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 9 } } }),
    );
    let found = problems(&fake, TASK).await;
    assert!(
        found[0].ends_with("`aws emr remove-managed-scaling-policy --cluster-id j-TEST`"),
        "{found:?}"
    );
    let problem = StartProblem::ManagedScaling {
        cluster_id: CLUSTER.to_owned(),
    };
    assert!(!problem.forbids_dry_run());
    assert!(
        StartProblem::PermissionMissing {
            operation: Operation::ListSteps
        }
        .forbids_dry_run()
    );
}

#[tokio::test]
async fn a_service_that_fails_is_said_to_and_the_rest_is_not_tried() {
    let fake = FakeEmr::start().await;
    fake.script("ListInstanceGroups", vec![Reply::Text(500, "oops")]);
    assert_eq!(
        problems(&fake, TASK).await,
        ["ListInstanceGroups: answered 500"]
    );
    assert!(fake.seen("ListInstances").is_empty());
}
