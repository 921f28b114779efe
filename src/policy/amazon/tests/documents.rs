//! Documents of EMR's API that contain policies.

use serde_json::{Value, json};

use super::*;

/// An `AutoScalingPolicy` with these limits.
pub fn policy(min: u32, max: u32) -> Value {
    let mut policy: Value = serde_json::from_str(LEAST).expect("JSON");
    policy["Constraints"] = json!({ "MinCapacity": min, "MaxCapacity": max });
    policy
}

/// A group as `describe-cluster` prints it.
fn group(role: &str, name: &str, market: &str, policy: Value) -> Value {
    json!({
        "Id": format!("ig-{name}"), "Name": name, "Market": market, "InstanceGroupType": role,
        "Status": { "State": "RUNNING" }, "AutoScalingPolicy": policy,
    })
}

fn described(groups: Value) -> String {
    json!({ "Cluster": { "Id": "j-1", "Name": "etl", "Status": { "State": "WAITING" }, "InstanceGroups": groups } })
        .to_string()
}

/// Name, groups and limits of each policy.
pub fn summary(source: &str, choices: &Choices) -> Vec<String> {
    policies(source, choices).iter().map(summary_of).collect()
}

pub fn summary_of(imported: &Imported) -> String {
    let policy = &imported.policy;
    let again = parse(imported.yaml(), "ours.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(again, *policy, "{}", imported.yaml());
    let targets = policy.targets().iter().map(|target| {
        let limits = target.limits;
        format!("{} {}..{}", target.selector, limits.min(), limits.max())
    });
    match policy.demand() {
        Some(demand) => format!("{}: demand {}..{}", policy.name(), demand.min, demand.max),
        None => format!(
            "{}: {}",
            policy.name(),
            targets.collect::<Vec<_>>().join(", ")
        ),
    }
}

/// What a document is refused with.
pub fn refusal(source: &str, choices: &Choices) -> String {
    import(source, "amazon.json", choices)
        .expect_err(source)
        .to_string()
}

fn found(source: &str) -> Vec<String> {
    summary(source, &Choices::default())
}

#[test]
fn a_described_cluster_has_a_policy_for_each_group_and_one_for_all() {
    let source = described(json!([
        group("MASTER", "m", "ON_DEMAND", Value::Null),
        group("CORE", "c", "ON_DEMAND", policy(2, 10)),
        group("TASK", "t", "SPOT", policy(0, 20)),
    ]));
    let expected = [
        "etl core: role: core 2..10",
        "etl task: role: task 0..20",
        "etl all groups: role: core 2..10, role: task 0..20",
    ];
    assert_eq!(found(&source), expected);
    let imported = policies(&source, &Choices::default());
    let place = "# Converted from amazon.json, Cluster.InstanceGroups[2].AutoScalingPolicy.";
    assert!(
        imported[1].yaml().starts_with(place),
        "{}",
        imported[1].yaml()
    );
}

#[test]
fn task_groups_are_named_by_market_or_name_where_the_role_is_not_enough() {
    let three = described(json!([
        group("TASK", "a", "ON_DEMAND", policy(0, 1)),
        group("TASK", "b", "SPOT", policy(0, 2)),
        group("TASK", "c", "SPOT", policy(0, 3)),
    ]));
    let expected = [
        "etl task on-demand: role: task, market: on-demand 0..1",
        "etl task b: name: b 0..2",
        "etl task c: name: c 0..3",
    ];
    assert_eq!(found(&three)[..3], expected);
    let nameless = three.replace("\"Name\":\"b\"", "\"Name\":\"c\"");
    assert_eq!(found(&nameless)[1], "etl task ig-b: id: ig-b 0..2");
    let same = json!([{ "InstanceRole": "TASK", "AutoScalingPolicy": policy(0, 1) }, { "InstanceRole": "TASK" }]);
    let refused = refusal(&same.to_string(), &Choices::default());
    assert!(
        refused.contains("several task groups that cannot be told apart"),
        "{refused}"
    );
}

#[test]
fn lists_of_groups_and_input_for_new_clusters_load() {
    let groups = json!([{ "InstanceGroupType": "MASTER" }, { "InstanceGroupType": "CORE", "AutoScalingPolicy": policy(2, 9) }]);
    let expected = ["emr-automatic-scaling core: role: core 2..9"];
    assert_eq!(found(&groups.to_string()), expected);
    assert_eq!(
        found(&json!({ "InstanceGroups": groups }).to_string()),
        expected
    );
    let job_flow = json!({ "Name": "nightly", "Instances": { "InstanceGroups": groups } });
    assert_eq!(
        found(&job_flow.to_string()),
        ["nightly core: role: core 2..9"]
    );
    let managed: Value = serde_json::from_str(MANAGED).expect("JSON");
    let job_flow = json!({ "Name": "nightly", "Instances": {}, "ManagedScalingPolicy": managed["ManagedScalingPolicy"] });
    assert_eq!(
        found(&job_flow.to_string()),
        ["nightly managed scaling: demand 2..100"]
    );
}

#[test]
fn policies_of_several_clusters_keep_names_that_differ() {
    let cluster = |id: &str| json!({ "Cluster": { "Id": id, "Name": "etl", "InstanceGroups": [group("CORE", "c", "SPOT", policy(1, 2))] } });
    let source = json!([cluster("j-1"), cluster("j-2")]).to_string();
    assert_eq!(
        found(&source),
        [
            "etl j-1 core: role: core 1..2",
            "etl j-2 core: role: core 1..2"
        ]
    );
}

#[test]
fn a_group_that_has_ended_counts_only_when_its_cluster_has() {
    let ended = |name: &str| {
        let mut group = group("TASK", name, "SPOT", policy(0, 3));
        group["Status"]["State"] = json!("TERMINATED");
        group
    };
    let core = group("CORE", "c", "ON_DEMAND", policy(1, 2));
    assert_eq!(
        found(&described(json!([core, ended("t")]))),
        ["etl core: role: core 1..2"]
    );
    assert_eq!(
        found(&described(json!([ended("t")]))),
        ["etl task: role: task 0..3"]
    );
}

#[test]
fn a_policy_that_emr_detached_loads_with_a_remark() {
    let mut detached = policy(1, 2);
    detached["Status"] = json!({ "State": "DETACHED" });
    let source = described(json!([group("CORE", "c", "SPOT", detached)]));
    let imported = policies(&source, &Choices::default());
    assert_eq!(
        imported[0].remarks[0].message,
        "Cluster.InstanceGroups[0].AutoScalingPolicy.Status.State: EMR says that this policy is DETACHED"
    );
}

#[test]
fn a_group_chooses_among_several_policies() {
    let source = described(json!([
        group("CORE", "c", "ON_DEMAND", policy(2, 10)),
        group("TASK", "t", "SPOT", policy(0, 20)),
    ]));
    let of = |selector: Selector| Choices {
        group: Some(selector),
        ..Choices::default()
    };
    let by_name = of(Selector::Name("t".into()));
    assert_eq!(summary(&source, &by_name), ["etl task: role: task 0..20"]);
    let refused = refusal(&source, &of(Selector::Name("x".into())));
    assert!(
        refused.contains("no group that is `name: x` has a scaling policy here"),
        "{refused}"
    );
}

#[test]
fn a_document_without_a_policy_says_what_it_is_and_where_policies_are() {
    let none = group("CORE", "c", "SPOT", Value::Null);
    let fleets =
        json!({ "Cluster": { "Id": "j-7", "InstanceFleets": [{ "InstanceFleetType": "CORE" }] } });
    for (source, said, remedy) in [
        (
            described(json!([none, none])),
            "this description of a cluster has no scaling policy: none of its 2 instance groups has an AutoScalingPolicy",
            "get-managed-scaling-policy --cluster-id j-1",
        ),
        (
            fleets.to_string(),
            "instance fleets are scaled only by a managed scaling policy",
            "get-managed-scaling-policy --cluster-id j-7",
        ),
        (
            json!({ "Clusters": [{ "Id": "j-1" }] }).to_string(),
            "this list of clusters has no scaling policy and no groups",
            "aws emr describe-cluster",
        ),
        (
            json!({ "ManagedScalingPolicy": null }).to_string(),
            "this document has no scaling policy",
            "get-managed-scaling-policy",
        ),
        (
            "----------\n|  DescribeCluster  |\n".to_owned(),
            "what the AWS CLI prints as a table",
            "--output json",
        ),
        (
            "# EMR\nresource \"aws_emr_cluster\" \"main\" {\n".to_owned(),
            "this is Terraform's configuration",
            "terraform show -json",
        ),
    ] {
        let refused = refusal(&source, &Choices::default());
        assert!(
            refused.contains(said) && refused.contains(remedy),
            "{refused}"
        );
    }
}

#[test]
fn a_policy_in_a_field_of_another_name_is_pointed_at() {
    let source = described(json!([group("CORE", "c", "SPOT", policy(1, 2))]));
    let source = source.replace("AutoScalingPolicy", "AutoScalingPolcy");
    let refused = refusal(&source, &Choices::default());
    assert!(
        refused.contains("Cluster.InstanceGroups[0].AutoScalingPolcy: this is a scaling policy in a field that EMR does not have")
            && refused.contains("rename the field to `AutoScalingPolicy`"),
        "{refused}"
    );
}

#[test]
fn scripts_and_joined_documents_are_named_for_what_they_are() {
    let two = described(json!([group("CORE", "c", "SPOT", policy(1, 2))]));
    for (source, said) in [
        (
            "import boto3\nemr.run_job_flow(Instances={'AutoScalingPolicy': {}})\n".to_owned(),
            "is neither JSON nor YAML",
        ),
        (
            "aws emr put-auto-scaling-policy --auto-scaling-policy '{\"Rules\": []}'\n".to_owned(),
            "is neither JSON nor YAML",
        ),
        (
            "Terraform will perform\n  # aws_emr_cluster.main will be created\n".to_owned(),
            "terraform show -json",
        ),
        (format!("{two}\n{two}\n"), "a second document begins here"),
        (
            format!("---\n{two}\n---\n{two}\n"),
            "a second document begins here",
        ),
    ] {
        let refused = refusal(&source, &Choices::default());
        assert!(refused.contains(said), "{source}: {refused}");
    }
}

#[test]
fn a_policy_of_primary_nodes_is_refused_with_its_path() {
    let source = described(json!([group("MASTER", "m", "SPOT", policy(1, 2))]));
    let refused = refusal(&source, &Choices::default());
    assert!(
        refused
            .contains("Cluster.InstanceGroups[0].AutoScalingPolicy: primary nodes are not scaled"),
        "{refused}"
    );
}

#[test]
fn other_spellings_of_the_same_document_load() {
    let source = described(json!([group("CORE", "c", "SPOT", policy(2, 10))]));
    let expected = found(&source);
    let value: Value = serde_json::from_str(&source).expect("JSON");
    let pretty = serde_json::to_string_pretty(&value).expect("JSON");
    for same in [
        format!("\u{feff}{source}"),
        pretty.replace('\n', "\r\n"),
        pretty.replace("  ", "\t"),
        pretty.replace(": 2,", ": \"2\",").replace(": 10", ": 10.0"),
        pretty
            .replace("AutoScalingPolicy", "autoScalingPolicy")
            .replace("MinCapacity", "minCapacity"),
    ] {
        assert_eq!(found(&same), expected, "{same}");
    }
}

#[test]
fn a_file_with_several_policies_is_refused_where_one_is_needed() {
    let source = described(json!([
        group("CORE", "c", "ON_DEMAND", policy(2, 10)),
        group("TASK", "t", "SPOT", policy(0, 20)),
    ]));
    let refused = parse(&source, "c.json").expect_err("several").to_string();
    assert!(
        refused.contains("this document has 3 policies, and one is needed here: `etl core`, `etl task`, `etl all groups`")
            && refused.contains("headroom convert c.json --out-dir FOLDER"),
        "{refused}"
    );
}
