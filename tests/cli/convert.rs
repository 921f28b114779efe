//! A policy of Amazon's: loaded as it is, and written as one of ours.

use super::Folder;

/// The rules that the EMR console fills in, for a group that Amazon knows by its id.
const SCALING: &str = r#"{
  "ClusterId": "j-2AB",
  "InstanceGroupId": "ig-3CD",
  "AutoScalingPolicy": {
    "Constraints": { "MinCapacity": 0, "MaxCapacity": 4 },
    "Rules": [
      {
        "Name": "scale-out",
        "Description": "One more, when memory is short",
        "Action": { "Market": "SPOT", "SimpleScalingPolicyConfiguration": { "ScalingAdjustment": 1, "CoolDown": 300 } },
        "Trigger": { "CloudWatchAlarmDefinition": {
          "ComparisonOperator": "LESS_THAN", "EvaluationPeriods": 1, "MetricName": "YARNMemoryAvailablePercentage", "Period": 300, "Threshold": 15 } }
      }
    ]
  }
}
"#;
const MANAGED: &str = r#"{ "ComputeLimits": { "UnitType": "Instances", "MinimumCapacityUnits": 2, "MaximumCapacityUnits": 9 } }"#;

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("scaling.json", SCALING);
    folder.write("managed.json", MANAGED);
    folder
}

#[test]
fn a_converted_policy_is_right_and_says_what_had_no_counterpart() {
    let folder = folder();
    let answer = folder.run("convert scaling.json --group role=task --out scaling.yaml");
    assert_eq!(
        (answer.code, answer.stdout.as_str()),
        (Some(0), ""),
        "{}",
        answer.stderr
    );
    assert!(
        answer
            .stderr
            .starts_with("note: AutoScalingPolicy.Rules[0].Action.Market: SPOT changes nothing;"),
        "{}",
        answer.stderr
    );
    let yaml = folder.read("scaling.yaml");
    assert!(
        yaml.contains("# - AutoScalingPolicy.Rules[0].Action.Market: SPOT changes nothing;"),
        "{yaml}"
    );
    assert!(
        yaml.contains("  - group: { role: task }\n    limits: { min: 0, max: 4 }\n"),
        "{yaml}"
    );
    assert!(
        yaml.lines().all(|line| line.chars().count() <= 80),
        "{yaml}"
    );
    assert_eq!(
        folder.stdout("check --strict scaling.yaml"),
        "0 errors, 0 warnings\n"
    );
    assert_eq!(
        folder.stdout("convert scaling.json --group role=task"),
        yaml
    );
    let spot = folder.stdout("convert scaling.json --group role=task,market=spot");
    assert!(
        spot.contains("  - group: { role: task, market: spot }\n"),
        "{spot}"
    );
}

#[test]
fn a_managed_scaling_policy_becomes_one_that_follows_demand() {
    let folder = folder();
    let yaml = folder.stdout("convert managed.json");
    assert!(
        yaml.ends_with("demand:\n  min: 2\n  max: 9\n  units: instances\n"),
        "{yaml}"
    );
    folder.write("managed.yaml", &yaml);
    assert_eq!(
        folder.stdout("check --strict managed.json managed.yaml"),
        "managed.json: `emr-managed-scaling`: follows demand from 2 to 9 instances\n0 errors, 0 warnings\n"
    );
}

#[test]
fn amazons_document_loads_wherever_a_policy_is_read() {
    let folder = folder();
    folder.write(
        "task.json",
        SCALING.replace("  \"InstanceGroupId\": \"ig-3CD\",\n", ""),
    );
    folder.write("scaling.yaml", folder.stdout("convert task.json"));
    let answer = folder.run("check task.json");
    assert_eq!(
        (answer.code, answer.stdout.as_str()),
        (
            Some(0),
            "task.json: `emr-automatic-scaling`: role: task from 0 to 4 instances with 1 rule\n0 errors, 2 warnings\n"
        ),
        "{}",
        answer.stderr
    );
    let costs =
        |policy: &str| folder.stdout(&format!("simulate day --policy {policy} --format csv"));
    assert_eq!(costs("task.json"), costs("scaling.yaml"));
}

#[test]
fn managed_scaling_takes_task_groups_of_both_markets_and_refuses_what_it_does_not_count() {
    let folder = folder();
    let task = "{ id: ig-TASK, name: task, role: task, type: m5.xlarge, market: on-demand, count: 0, limits: { min: 0, max: 4 } }";
    let spot = task
        .replace("ig-TASK, name: task", "ig-SPOT, name: spot")
        .replace("on-demand", "spot");
    let core = task
        .replace(
            "ig-TASK, name: task, role: task",
            "ig-CORE, name: core, role: core",
        )
        .replace("count: 0", "count: 1");
    folder.write(
        "both.yaml",
        format!("name: both\ncluster:\n  groups:\n    - {core}\n    - {task}\n    - {spot}\n"),
    );
    let simulated = folder
        .run("simulate day/trace.jsonl --scenario both.yaml --policy managed.json --format csv");
    assert_eq!(simulated.code, Some(0), "{}", simulated.stderr);
    folder.write(
        "fleets.json",
        folder
            .read("managed.json")
            .replace("Instances", "InstanceFleetUnits"),
    );
    let refused = folder.run("simulate day/trace.jsonl --scenario both.yaml --policy fleets.json");
    assert_eq!(refused.code, Some(1), "{}", refused.stdout);
    assert!(
        refused.stderr.contains(
            "counts fleet-units, but scenario `both` has no group to scale in these units"
        ),
        "{}",
        refused.stderr
    );
}

#[test]
fn amazons_document_is_tuned_as_the_policy_that_it_becomes() {
    let folder = folder();
    folder.write(
        "task.json",
        SCALING.replace("  \"InstanceGroupId\": \"ig-3CD\",\n", ""),
    );
    let tuned = folder.run("tune day --policy task.json --candidates 8 --seeds 1 --out best.yaml");
    assert_eq!(tuned.code, Some(0), "{}", tuned.stderr);
    assert!(
        folder.read("best.yaml").contains("\ntargets:\n"),
        "{}",
        folder.read("best.yaml")
    );
}

#[test]
fn what_cannot_be_converted_is_refused_with_its_path() {
    let folder = folder();
    folder.write(
        "typo.json",
        SCALING.replace("\"Threshold\"", "\"Treshold\""),
    );
    folder.write(
        "torn.json",
        SCALING.trim_end().strip_suffix('}').expect("an object"),
    );
    folder.write("ours.yaml", super::POLICY);
    for (words, code, said) in [
        ("convert torn.json", 1, "torn.json:"),
        (
            "convert typo.json",
            1,
            "AutoScalingPolicy.Rules[0].Trigger.CloudWatchAlarmDefinition.Treshold: there is no field",
        ),
        (
            "convert ours.yaml",
            1,
            "ours.yaml is not one of Amazon's documents with scaling policies",
        ),
        ("convert nowhere.json", 1, "nowhere.json cannot be read"),
        (
            "convert managed.json --group role=core",
            1,
            "about the whole cluster",
        ),
        (
            "convert scaling.json --group role=primary",
            2,
            "write role=core, role=task, role=task,market=spot, name=NAME or id=ID",
        ),
    ] {
        let answer = folder.run(words);
        assert_eq!(answer.code, Some(code), "{words}: {}", answer.stderr);
        assert!(answer.stderr.contains(said), "{words}: {}", answer.stderr);
    }
}
