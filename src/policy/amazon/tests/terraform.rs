//! Plans and states of Terraform.

use serde_json::{Value, json};

use super::documents::{policy, refusal, summary};
use super::*;

fn cluster(name: &str, policy: Value) -> Value {
    json!({ "name": name, "core_instance_group": [{ "autoscaling_policy": policy, "bid_price": null }] })
}

fn resource(address: &str, values: Value) -> Value {
    let local = address
        .rsplit_once("].")
        .map_or(address, |(_, local)| local);
    let kind = local
        .split('.')
        .find(|part| part.starts_with("aws_"))
        .expect("a kind");
    json!({ "address": address, "mode": "managed", "type": kind, "values": values })
}

fn text(min: u32, max: u32) -> Value {
    json!(policy(min, max).to_string())
}

fn plan(resources: Value) -> Value {
    json!({ "format_version": "1.2", "planned_values": { "root_module": { "resources": resources } } })
}

fn found(document: &Value) -> Vec<String> {
    summary(&document.to_string(), &Choices::default())
}

#[test]
fn groups_and_managed_policies_belong_to_the_cluster_that_they_refer_to() {
    let group = json!({ "name": "t", "autoscaling_policy": text(0, 7) });
    let managed = json!({ "compute_limits": [{ "unit_type": "Instances", "minimum_capacity_units": 2, "maximum_capacity_units": 9, "maximum_ondemand_capacity_units": 3 }] });
    let mut plan = plan(json!([
        resource("aws_emr_cluster.a", cluster("a", text(2, 5))),
        resource("aws_emr_cluster.b", cluster("b", Value::Null)),
        resource("aws_emr_instance_group.t", group),
        resource("aws_emr_managed_scaling_policy.m", managed),
    ]));
    let refers = |address: &str, to: &str| json!({ "address": address, "expressions": { "cluster_id": { "references": [format!("{to}.id"), to] } } });
    plan["configuration"]["root_module"]["resources"] = json!([
        refers("aws_emr_instance_group.t", "aws_emr_cluster.a"),
        refers("aws_emr_managed_scaling_policy.m", "aws_emr_cluster.b"),
    ]);
    assert_eq!(
        found(&plan),
        [
            "aws_emr_cluster.a core: role: core 2..5",
            "aws_emr_cluster.a task: role: task 0..7",
            "aws_emr_cluster.a all groups: role: core 2..5, role: task 0..7",
            "aws_emr_cluster.b managed scaling: demand 2..9",
        ]
    );
    let demand = *policies(&plan.to_string(), &Choices::default())[3]
        .policy
        .demand()
        .expect("demand");
    assert_eq!(demand.max_on_demand, 3);
}

#[test]
fn clusters_in_modules_are_found() {
    let address = "module.emr[\"a.b\"].aws_emr_cluster.this[0]";
    let mut plan = plan(json!([]));
    plan["planned_values"]["root_module"]["child_modules"] = json!([{ "address": "module.emr", "resources": [resource(address, cluster("x", text(2, 5)))] }]);
    let [only] = &found(&plan)[..] else {
        panic!("one policy")
    };
    assert!(
        only.starts_with("module.emr--a.b--.aws_emr_cluster.this-0"),
        "{only}"
    );
    assert!(only.ends_with("core: role: core 2..5"), "{only}");
}

#[test]
fn states_load_as_they_are_shown_and_as_they_are_stored() {
    let mut values = cluster("x", text(2, 5));
    values["id"] = json!("j-7");
    let group = json!({ "cluster_id": "j-7", "autoscaling_policy": text(0, 7) });
    let far = json!({ "cluster_id": "j-9", "autoscaling_policy": text(0, 8) });
    let expected = [
        "aws_emr_cluster.a core: role: core 2..5",
        "aws_emr_cluster.a task: role: task 0..7",
        "aws_emr_cluster.a all groups: role: core 2..5, role: task 0..7",
        "aws_emr_instance_group.far task: role: task 0..8",
    ];
    let shown = json!({ "format_version": "1.0", "values": { "root_module": { "resources": [
        resource("aws_emr_cluster.a", values.clone()),
        resource("aws_emr_instance_group.t", group.clone()),
        resource("aws_emr_instance_group.far", far.clone()),
    ] } } });
    assert_eq!(found(&shown), expected);
    let stored = |kind: &str, name: &str, attributes: &Value| json!({ "mode": "managed", "type": kind, "name": name, "instances": [{ "attributes": attributes }] });
    let state = json!({ "version": 4, "lineage": "x", "resources": [
        stored("aws_emr_cluster", "a", &values),
        stored("aws_emr_instance_group", "t", &group),
        stored("aws_emr_instance_group", "far", &far),
    ] });
    assert_eq!(found(&state), expected);
}

#[test]
fn what_the_plan_does_not_know_is_named() {
    let mut plan = plan(json!([resource(
        "aws_emr_cluster.a",
        json!({ "core_instance_group": [{}] })
    )]));
    plan["resource_changes"] = json!([{ "address": "aws_emr_cluster.a", "change": {
        "after_unknown": { "id": true, "core_instance_group": [{ "autoscaling_policy": true }] } } }]);
    let refused = refusal(&plan.to_string(), &Choices::default());
    assert!(
        refused.contains("core_instance_group[0].autoscaling_policy: the plan does not know this value of aws_emr_cluster.a before it is applied")
            && refused.contains("terraform show -json"),
        "{refused}"
    );
}

#[test]
fn a_policy_that_is_not_json_and_a_state_without_one_are_refused() {
    let torn = plan(json!([resource(
        "aws_emr_cluster.a",
        cluster("a", json!("{ torn"))
    )]));
    let refused = refusal(&torn.to_string(), &Choices::default());
    assert!(
        refused.contains("autoscaling_policy: the text is not JSON"),
        "{refused}"
    );
    let refused = refusal(r#"{"format_version": "1.0"}"#, &Choices::default());
    assert!(
        refused.contains("this output of Terraform has no scaling policy"),
        "{refused}"
    );
}
