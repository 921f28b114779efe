//! Amazon's documents become policies.

mod auto_scaling;
mod behaviour;
mod cloudformation;
mod documents;
mod managed;
mod properties;
mod remarks;
mod terraform;

use super::*;
use crate::policy::parse::{Choices, Imported, import, parse};

/// Every field of a `PutAutoScalingPolicy` request.
const AUTO_SCALING: &str = r#"{
  "ClusterId": "j-2AB",
  "InstanceGroupId": "ig-3CD",
  "AutoScalingPolicy": {
    "Constraints": { "MinCapacity": 2, "MaxCapacity": 10 },
    "Rules": [
      {
        "Name": "short-of-memory",
        "Description": "More, when memory is short",
        "Action": {
          "Market": "SPOT",
          "SimpleScalingPolicyConfiguration": { "AdjustmentType": "CHANGE_IN_CAPACITY", "ScalingAdjustment": 1, "CoolDown": 300 }
        },
        "Trigger": {
          "CloudWatchAlarmDefinition": {
            "ComparisonOperator": "LESS_THAN",
            "EvaluationPeriods": 1,
            "MetricName": "YARNMemoryAvailablePercentage",
            "Namespace": "AWS/ElasticMapReduce",
            "Period": 300,
            "Threshold": 15.0,
            "Statistic": "AVERAGE",
            "Unit": "PERCENT",
            "Dimensions": [{ "Key": "JobFlowId", "Value": "${emr.clusterId}" }]
          }
        }
      }
    ]
  }
}
"#;

/// Only what must be there.
const LEAST: &str = r#"{"Constraints": {"MinCapacity": 0, "MaxCapacity": 4}, "Rules": [{"Name": "r",
  "Action": {"SimpleScalingPolicyConfiguration": {"ScalingAdjustment": 1}},
  "Trigger": {"CloudWatchAlarmDefinition": {"ComparisonOperator": "LESS_THAN", "MetricName": "IsIdle", "Period": 300, "Threshold": 1}}}]}"#;

/// Every field of a `PutManagedScalingPolicy` request.
const MANAGED: &str = r#"{
  "ClusterId": "j-2AB",
  "ManagedScalingPolicy": {
    "ComputeLimits": {
      "UnitType": "Instances",
      "MinimumCapacityUnits": 2,
      "MaximumCapacityUnits": 100,
      "MaximumOnDemandCapacityUnits": 20,
      "MaximumCoreCapacityUnits": 10
    },
    "ScalingStrategy": "ADVANCED",
    "UtilizationPerformanceIndex": 75
  }
}
"#;

/// The policies of a document.
fn policies(source: &str, choices: &Choices) -> Vec<Imported> {
    import(source, "amazon.json", choices)
        .unwrap_or_else(|errors| panic!("{errors}"))
        .expect("a document of Amazon's")
        .policies
}

/// Imports, and makes sure that the file that is printed is the same policy.
fn imported(source: &str) -> Imported {
    let mut policies = policies(source, &Choices::default());
    let (Some(imported), true) = (policies.pop(), policies.is_empty()) else {
        panic!("not one policy: {source}");
    };
    let again = parse(imported.yaml(), "ours.yaml")
        .unwrap_or_else(|errors| panic!("{errors}\n{}", imported.yaml()));
    assert_eq!(again, imported.policy, "{}", imported.yaml());
    assert_eq!(
        parse(source, "amazon.json").as_ref(),
        Ok(&imported.policy),
        "it loads as it is"
    );
    imported
}

#[test]
fn a_full_document_becomes_a_policy_that_people_can_read() {
    let [rules, managed] = [AUTO_SCALING, MANAGED].map(|source| imported(source).yaml().to_owned());
    let least = imported(LEAST).yaml().to_owned();
    insta::assert_snapshot!([rules, managed, least].join("\n"));
}

#[test]
fn what_emr_answers_loads_too() {
    let status = r#""Status": {"State": "ATTACHED", "StateChangeReason": {"Code": "USER_REQUEST", "Message": ""}}, "Constraints""#;
    let answer = AUTO_SCALING.replace("\"Constraints\"", status).replacen(
        '{',
        "{\"ClusterArn\": \"arn:aws:elasticmapreduce:x\",",
        1,
    );
    assert_eq!(imported(&answer).policy, imported(AUTO_SCALING).policy);
}

#[test]
fn a_group_that_is_given_comes_before_the_one_that_is_named() {
    let group = Selector::Role(crate::observation::Role::Core);
    let choices = Choices {
        group: Some(group.clone()),
        ..Choices::default()
    };
    let imported = policies(AUTO_SCALING, &choices);
    assert_eq!(imported[0].policy.targets()[0].selector, group);
    assert!(import(MANAGED, "m.json", &choices).is_err());
}

#[test]
fn policies_of_our_own_are_none_of_amazons() {
    for source in [
        "name: Rules\ntargets: []",
        "# ComputeLimits\nname: p",
        "",
        "- Rules",
        "Constraints",
    ] {
        assert!(
            import(source, "p", &Choices::default()).is_ok_and(|imported| imported.is_none()),
            "{source}"
        );
    }
    assert!(
        import("{\"Rules\": [", "p", &Choices::default()).is_err(),
        "a torn one of Amazon's is not taken for one of ours"
    );
}

/// What a person sees, for each way of being wrong.
#[test]
fn every_error_names_the_path_of_its_field() {
    let mut seen = Vec::new();
    for (from, to) in [
        ("\"Threshold\": 15.0", "\"Foo\": 1"),
        ("\"Threshold\": 15.0,", ""),
        ("{ \"MinCapacity\": 2, \"MaxCapacity\": 10 }", "7"),
        ("\"MinCapacity\": 2", "\"MinCapacity\": 20"),
        ("\"MinCapacity\": 2", "\"MinCapacity\": -1"),
        ("\"ScalingAdjustment\": 1", "\"ScalingAdjustment\": 0"),
        ("\"ScalingAdjustment\": 1", "\"ScalingAdjustment\": 1.5"),
        ("CHANGE_IN_CAPACITY", "CHANGE_CAPACITY"),
        (
            "CHANGE_IN_CAPACITY\", \"ScalingAdjustment\": 1",
            "PERCENT_CHANGE_IN_CAPACITY\", \"ScalingAdjustment\": -120",
        ),
        ("\"CoolDown\": 300", "\"CoolDown\": -300"),
        ("SPOT", "SPOTTY"),
        ("LESS_THAN", "LESS"),
        ("\"EvaluationPeriods\": 1", "\"EvaluationPeriods\": 0"),
        (
            "\"EvaluationPeriods\": 1",
            "\"EvaluationPeriods\": 2000000000",
        ),
        ("\"EvaluationPeriods\": 1", "\"EvaluationPeriods\": 200000"),
        ("\"Period\": 300", "\"Period\": 90"),
        ("15.0", "-15.0"),
        ("AVERAGE", "P99"),
        ("\"PERCENT\"", "\"%\""),
        ("${emr.clusterId}", "${emr.instanceGroupId}"),
        (
            "{ \"Key\"",
            "{ \"Key\": \"JobFlowId\", \"Value\": \"x\" }, { \"Key\"",
        ),
        ("YARNMemoryAvailablePercentage", ""),
    ] {
        assert!(AUTO_SCALING.contains(from), "{from}");
        seen.push(
            parse(&AUTO_SCALING.replacen(from, to, 1), "amazon.json")
                .expect_err(to)
                .to_string(),
        );
    }
    for (from, to) in [
        ("\"UnitType\": \"Instances\"", "\"UnitType\": \"Cores\""),
        (
            "\"MaximumCoreCapacityUnits\": 10",
            "\"MaximumCoreCapacityUnits\": 101",
        ),
        (
            "\"MaximumCapacityUnits\": 100",
            "\"MaximumCapacityUnits\": 1",
        ),
        ("ADVANCED", "BEST"),
        ("75", "60"),
        (
            "\"UtilizationPerformanceIndex\"",
            "\"UtilisationPerformanceIndex\"",
        ),
    ] {
        assert!(MANAGED.contains(from), "{from}");
        seen.push(
            parse(&MANAGED.replacen(from, to, 1), "amazon.json")
                .expect_err(to)
                .to_string(),
        );
    }
    insta::assert_snapshot!(seen.join("\n\n"));
}
