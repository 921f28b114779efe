//! Documents of Amazon's that contain policies: what each command makes of them.

use serde_json::{Value, json};

use super::Folder;

fn policy(min: u32, max: u32) -> Value {
    json!({
        "Constraints": { "MinCapacity": min, "MaxCapacity": max },
        "Rules": [{
            "Name": "scale-out",
            "Action": { "SimpleScalingPolicyConfiguration": { "ScalingAdjustment": 1, "CoolDown": 300 } },
            "Trigger": { "CloudWatchAlarmDefinition": {
                "ComparisonOperator": "LESS_THAN", "MetricName": "YARNMemoryAvailablePercentage", "Period": 300, "Threshold": 15 } },
        }],
    })
}

/// What `aws emr describe-cluster` prints of a cluster with policies for both groups.
fn cluster(name: &str) -> String {
    let group = |role: &str, policy: Value| json!({ "Name": role, "InstanceGroupType": role, "AutoScalingPolicy": policy });
    json!({ "Cluster": { "Id": "j-1", "Name": name, "InstanceGroups": [
        group("MASTER", Value::Null), group("CORE", policy(1, 3)), group("TASK", policy(0, 4)),
    ] } })
    .to_string()
}

const TEMPLATE: &str = "\
Parameters: { Most: { Type: Number } }
Resources:
  Etl:
    Type: AWS::EMR::Cluster
    Properties:
      ManagedScalingPolicy:
        ComputeLimits: { UnitType: Instances, MinimumCapacityUnits: 1, MaximumCapacityUnits: !Ref Most }
";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("cluster.json", cluster("etl"));
    folder.write("template.yaml", TEMPLATE);
    folder
}

#[test]
fn check_lists_the_policies_of_a_document_with_groups_and_limits() {
    let folder = folder();
    assert_eq!(
        folder.stdout("check --strict cluster.json"),
        "\
cluster.json: `etl core`: role: core from 1 to 3 instances with 1 rule
cluster.json: `etl task`: role: task from 0 to 4 instances with 1 rule
cluster.json: `etl all groups`: role: core from 1 to 3 instances with 1 rule; role: task from 0 to 4 instances with 1 rule
0 errors, 0 warnings
"
    );
    assert_eq!(
        folder.stdout("check template.yaml --set Most=7"),
        "template.yaml: `Etl managed scaling`: follows demand from 1 to 7 instances\n0 errors, 0 warnings\n"
    );
}

#[test]
fn simulate_and_compare_run_each_policy_of_a_document() {
    let folder = folder();
    let csv = folder.stdout(
        "simulate day --policy cluster.json --policy template.yaml --set Most=7 --format csv",
    );
    let names: Vec<&str> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1))
        .collect();
    assert_eq!(
        names,
        [
            "etl core",
            "etl task",
            "etl all groups",
            "Etl managed scaling"
        ]
    );
}

#[test]
fn a_policy_for_a_group_that_the_scenario_lacks_is_left_out_and_named() {
    let folder = folder();
    let no_task = super::SCENARIO
        .lines()
        .filter(|line| !line.contains("name: task"));
    let no_task = no_task
        .collect::<Vec<_>>()
        .join("\n")
        .replace("count: 1 }", "count: 1, limits: { min: 1, max: 3 } }");
    folder.write("no-task.yaml", no_task);
    let words = "simulate jobs.jsonl --scenario no-task.yaml --policy cluster.json --format";
    let answer = folder.run(&format!("{words} json"));
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let document: Value = serde_json::from_str(&answer.stdout).expect("JSON");
    let left_out = document["traces"][0]["left_out"]
        .as_array()
        .expect("a list");
    for (left, name) in left_out.iter().zip(["etl task", "etl all groups"]) {
        assert_eq!(left["policy"], name);
        let reason = left["reason"].as_str().expect("a reason");
        let said = "no group of scenario `small` matches the target `role: task`; select one of its groups: ";
        assert!(reason.contains(said), "{reason}");
        let noted = format!("note: left out `{name}`: {reason}");
        let stderr = answer
            .stderr
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(stderr.contains(&noted), "{stderr}");
    }
    assert_eq!(left_out.len(), 2);
    let runs = document["runs"].as_array().expect("runs");
    let names: Vec<&Value> = runs.iter().map(|run| &run["policy"]).collect();
    assert_eq!(names, ["etl core"]);
    let compared = folder
        .run("compare jobs.jsonl --scenario no-task.yaml --policy cluster.json --seeds 1 --json");
    assert_eq!(compared.code, Some(0), "{}", compared.stderr);
    assert!(compared.stdout.contains("\"etl core\""));
    assert!(!compared.stdout.contains("etl task"));
    assert!(compared.stderr.contains("left out `etl task`"));
    // Nothing is left of this one, although another file fits.
    folder.write("task.json", policy(0, 4).to_string());
    let refused = folder.run(&format!("{words} csv --policy task.json"));
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(refused.stderr.contains("task.json"), "{}", refused.stderr);
}

#[test]
fn policies_of_one_name_are_told_apart_by_their_files() {
    let folder = folder();
    for name in ["prod", "dev"] {
        std::fs::create_dir(folder.path(name)).expect("a folder");
        folder.write(&format!("{name}/scaling.json"), policy(0, 4).to_string());
    }
    folder.write("prod/mine.yaml", super::POLICY);
    let csv = folder.stdout(
        "simulate day --policy prod/scaling.json --policy dev/scaling.json --policy mine.yaml --policy prod/mine.yaml --policy hpa --format csv",
    );
    let names: Vec<&str> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').nth(1))
        .collect();
    assert_eq!(
        names,
        [
            "emr-automatic-scaling (prod/scaling.json)",
            "emr-automatic-scaling (dev/scaling.json)",
            "mine (mine.yaml)",
            "mine (prod/mine.yaml)",
            "hpa",
        ]
    );
}

#[test]
fn convert_writes_a_file_for_each_policy_or_the_one_of_a_group() {
    let folder = folder();
    let refused = folder.run("convert cluster.json");
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(
        refused
            .stderr
            .contains("headroom convert cluster.json --out-dir FOLDER"),
        "{}",
        refused.stderr
    );
    assert_eq!(
        folder.stdout("convert cluster.json --out-dir policies"),
        "policies/etl-core.yaml\npolicies/etl-task.yaml\npolicies/etl-all-groups.yaml\n"
    );
    assert_eq!(
        folder.stdout("check --strict policies/etl-core.yaml policies/etl-task.yaml policies/etl-all-groups.yaml"),
        "0 errors, 0 warnings\n"
    );
    let task = folder.stdout("convert cluster.json --group role=task");
    assert_eq!(task, folder.read("policies/etl-task.yaml"));
}

#[test]
fn a_value_that_is_missing_or_not_used_is_named() {
    let folder = folder();
    for (words, said) in [
        ("convert template.yaml", "`Most` has no default"),
        (
            "convert template.yaml --set Most=7 --set Other=1",
            "--set Other: no template refers to this name; the names are Most",
        ),
        (
            "simulate day --policy template.yaml --set most=7",
            "add `--set Most=VALUE` instead of `--set most`",
        ),
        (
            "check mine.yaml --set Most=7",
            "--set Most: no template refers to this name",
        ),
    ] {
        let refused = folder.run(words);
        assert_eq!(refused.code, Some(1), "{words}: {}", refused.stdout);
        assert!(refused.stderr.contains(said), "{words}: {}", refused.stderr);
    }
    assert_eq!(folder.run("convert template.yaml --set Most").code, Some(2));
}

#[test]
fn files_that_are_not_text_say_what_they_are() {
    let folder = folder();
    folder.write_utf_16("power.json", &cluster("etl"));
    assert!(folder.stdout("check power.json").contains("`etl core`"));
    folder.write_utf_16("power.yaml", super::POLICY);
    folder.write_utf_16("power-cluster.yaml", super::SCENARIO);
    let words =
        "simulate jobs.jsonl --policy power.yaml --scenario power-cluster.yaml --format csv";
    assert!(folder.stdout(words).contains("mine"));
    std::fs::write(folder.path("plan.bin"), b"PK\x03\x04").expect("a file");
    let refused = folder.run("convert plan.bin");
    assert!(
        refused.stderr.contains("terraform show -json"),
        "{}",
        refused.stderr
    );
}

#[test]
fn traces_of_one_name_are_told_apart_by_their_folders() {
    let folder = folder();
    for name in ["prod", "dev"] {
        std::fs::create_dir(folder.path(name)).expect("a folder");
        folder.write(&format!("{name}/week.jsonl"), super::JOBS);
    }
    let traces = "prod/week.jsonl dev/week.jsonl --scenario small.yaml";
    let csv = folder.stdout(&format!("simulate {traces} --policy hpa --format csv"));
    let names: Vec<&str> = csv
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    let expected = ["week (prod/week.jsonl)", "week (dev/week.jsonl)"];
    assert_eq!(names, expected);
    let advice = folder.stdout(&format!(
        "advise {traces} --wait-p95 1h --candidates 8 --seeds 1 --json"
    ));
    assert!(
        expected.iter().all(|name| advice.contains(name)),
        "{advice}"
    );
}
