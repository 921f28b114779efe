use super::*;
use crate::check::policy_test::PolicyTests;
use crate::policy::demand::DemandUnits;
use crate::policy::parse::{Imported, import, parse};

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

/// Imports, and makes sure that the file that is printed is the same policy.
fn imported(source: &str) -> Imported {
    let imported = import(source, "amazon.json", None)
        .unwrap_or_else(|errors| panic!("{errors}"))
        .expect("a document of Amazon's");
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

fn remarks(imported: &Imported) -> Vec<&str> {
    imported
        .remarks
        .iter()
        .map(|remark| remark.message.as_str())
        .collect()
}

#[test]
fn a_full_document_becomes_a_policy_that_people_can_read() {
    let [rules, managed] = [AUTO_SCALING, MANAGED].map(|source| imported(source).yaml().to_owned());
    let least = imported(LEAST).yaml().to_owned();
    insta::assert_snapshot!([rules, managed, least].join("\n"));
}

/// Each field with another value, and the line that says so in our language.
#[test]
fn every_field_of_an_automatic_scaling_policy_arrives() {
    for (from, to, line) in [
        (
            "j-2AB",
            "j-5XY",
            "description: Amazon's automatic scaling of group ig-3CD of cluster j-5XY",
        ),
        ("ig-3CD", "ig-5XY", "  - group: { id: ig-5XY }"),
        (
            "\"MinCapacity\": 2",
            "\"MinCapacity\": 3",
            "    limits: { min: 3, max: 10 }",
        ),
        (
            "\"MaxCapacity\": 10",
            "\"MaxCapacity\": 30",
            "    limits: { min: 2, max: 30 }",
        ),
        ("short-of-memory", "more", "      - name: more"),
        (
            "More, when",
            "Another, when",
            "      # Another, when memory is short",
        ),
        (
            "\"ScalingAdjustment\": 1",
            "\"ScalingAdjustment\": 7",
            "        then: { grow: 7 }",
        ),
        (
            "\"ScalingAdjustment\": 1",
            "\"ScalingAdjustment\": -2",
            "        then: { shrink: 2 }",
        ),
        (
            "\"CHANGE_IN_CAPACITY\", \"ScalingAdjustment\": 1",
            "\"PERCENT_CHANGE_IN_CAPACITY\", \"ScalingAdjustment\": 20",
            "        then: { grow: 20% }",
        ),
        (
            "\"CHANGE_IN_CAPACITY\", \"ScalingAdjustment\": 1",
            "\"PERCENT_CHANGE_IN_CAPACITY\", \"ScalingAdjustment\": -25",
            "        then: { shrink: 25% }",
        ),
        (
            "\"CHANGE_IN_CAPACITY\", \"ScalingAdjustment\": 1",
            "\"EXACT_CAPACITY\", \"ScalingAdjustment\": 8",
            "        then: { set: 8 }",
        ),
        (
            "\"AdjustmentType\": \"CHANGE_IN_CAPACITY\", ",
            "",
            "        then: { grow: 1 }",
        ),
        (
            "\"CoolDown\": 300",
            "\"CoolDown\": 90",
            "        cooldown: 90s",
        ),
        (
            "LESS_THAN",
            "LESS_THAN_OR_EQUAL",
            "        when: avg(yarn_memory_available_percent, 5m) <= 15",
        ),
        (
            "LESS_THAN",
            "GREATER_THAN",
            "        when: avg(yarn_memory_available_percent, 5m) > 15",
        ),
        (
            "LESS_THAN",
            "GREATER_THAN_OR_EQUAL",
            "        when: avg(yarn_memory_available_percent, 5m) >= 15",
        ),
        (
            "\"EvaluationPeriods\": 1",
            "\"EvaluationPeriods\": 3",
            "        for: 10m",
        ),
        (
            "YARNMemoryAvailablePercentage",
            "ContainerPendingRatio",
            "        when: avg(yarn_container_pending_ratio, 5m) < 15",
        ),
        (
            "YARNMemoryAvailablePercentage",
            "CapacityRemainingGB",
            "        when: capacity_remaining_gb < 15",
        ),
        (
            "YARNMemoryAvailablePercentage",
            "CapacityRemainingGB",
            "    metric_name: CapacityRemainingGB",
        ),
        ("AWS/ElasticMapReduce", "My App", "    namespace: My App"),
        (
            "AWS/ElasticMapReduce",
            "My App",
            "        when: yarnmemory_available_percentage < 15",
        ),
        (
            "\"Period\": 300",
            "\"Period\": 3600",
            "        when: avg(yarn_memory_available_percent, 1h) < 15",
        ),
        (
            "15.0",
            "0.75",
            "        when: avg(yarn_memory_available_percent, 5m) < 0.75",
        ),
        (
            "AVERAGE",
            "MINIMUM",
            "        when: min(yarn_memory_available_percent, 5m) < 15",
        ),
        (
            "AVERAGE",
            "MAXIMUM",
            "        when: max(yarn_memory_available_percent, 5m) < 15",
        ),
        ("AVERAGE", "SUM", "    statistic: sum"),
        ("AVERAGE", "SAMPLE_COUNT", "    statistic: samplecount"),
        (
            "\"Value\": \"${emr.clusterId}\"",
            "\"Value\": \"j-other\"",
            "      JobFlowId: j-other",
        ),
        (
            "\"Value\": \"${emr.clusterId}\"",
            "\"Value\": \"j-2AB\"",
            "        when: avg(yarn_memory_available_percent, 5m) < 15",
        ),
        (
            "\"Key\": \"JobFlowId\"",
            "\"Key\": \"Queue\"",
            "      Queue: \"${cluster_id}\"",
        ),
    ] {
        assert!(AUTO_SCALING.contains(from), "{from}");
        let yaml = imported(&AUTO_SCALING.replacen(from, to, 1))
            .yaml()
            .to_owned();
        assert!(
            yaml.lines().any(|found| found == line),
            "{to}: {line}\n{yaml}"
        );
    }
}

#[test]
fn fields_that_may_be_left_out_have_amazons_defaults() {
    let spelled_out = LEAST
        .replace("\"ScalingAdjustment\"", "\"AdjustmentType\": \"CHANGE_IN_CAPACITY\", \"CoolDown\": 0, \"ScalingAdjustment\"")
        .replace(
            "\"Threshold\"",
            "\"EvaluationPeriods\": 1, \"Namespace\": \"AWS/ElasticMapReduce\", \"Statistic\": \"AVERAGE\", \"Unit\": \"NONE\",
             \"Dimensions\": [{\"Key\": \"JobFlowId\", \"Value\": \"${emr.clusterId}\"}], \"Threshold\"",
        );
    assert_eq!(imported(LEAST).policy, imported(&spelled_out).policy);
    let managed = |most: &str| {
        format!(
            r#"{{"ComputeLimits": {{"UnitType": "VCPU", "MinimumCapacityUnits": 1, "MaximumCapacityUnits": 9{most}}}}}"#
        )
    };
    let explicit = managed(r#", "MaximumOnDemandCapacityUnits": 9, "MaximumCoreCapacityUnits": 9"#);
    assert_eq!(imported(&managed("")).policy, imported(&explicit).policy);
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
fn every_field_of_a_managed_scaling_policy_arrives() {
    let demand = |source: &str| *imported(source).policy.demand().expect("demand");
    let full = demand(MANAGED);
    assert_eq!(
        (full.min, full.max, full.max_on_demand, full.max_core),
        (2, 100, 20, 10)
    );
    assert_eq!(
        (full.units, full.performance_index.get()),
        (DemandUnits::Instances, 75)
    );
    assert_eq!(
        demand(&MANAGED.replace("Instances", "VCPU")).units,
        DemandUnits::Vcpu
    );
    assert_eq!(
        demand(&MANAGED.replace("Instances", "InstanceFleetUnits")).units,
        DemandUnits::FleetUnits
    );
    for index in [1_u8, 25, 50, 75, 100] {
        let source = MANAGED.replace("75", &index.to_string());
        assert_eq!(demand(&source).performance_index.get(), index);
    }
    assert_eq!(
        demand(&MANAGED.replace(",\n    \"UtilizationPerformanceIndex\": 75", ""))
            .performance_index
            .get(),
        50
    );
    assert_eq!(
        imported(&MANAGED.replace("j-2AB", "j-5XY"))
            .policy
            .description(),
        Some("Amazon's managed scaling of cluster j-5XY")
    );
}

#[test]
fn what_has_no_counterpart_is_named_with_its_path() {
    let rule = "AutoScalingPolicy.Rules[0]";
    let with = |from: &str, to: &str| {
        AUTO_SCALING
            .replacen("\"Market\": \"SPOT\",", "", 1)
            .replacen(from, to, 1)
    };
    for (source, expected) in [
        (with("x", "x"), None),
        (AUTO_SCALING.to_owned(), Some(format!("{rule}.Action.Market: SPOT changes nothing"))),
        (with("short-of-memory", "short: memory"), Some(format!("{rule}.Name: the rule is called `short- memory` here"))),
        (
            with("\"PERCENT\"", "\"BYTES\""),
            Some(format!("{rule}.Trigger.CloudWatchAlarmDefinition.Unit: EMR publishes this metric in PERCENT, not in BYTES")),
        ),
        (
            with("\"PERCENT\"", "\"BYTES\"").replace("YARNMemoryAvailablePercentage", "S3BytesRead"),
            Some(format!("{rule}.Trigger.CloudWatchAlarmDefinition.Unit: Headroom has no unit BYTES")),
        ),
        (LEAST.to_owned(), Some("Constraints: no instance group is named, so this is about the task group".to_owned())),
        (
            MANAGED.replace("ADVANCED", "DEFAULT"),
            Some("ManagedScalingPolicy.UtilizationPerformanceIndex: 75 counts with the strategy ADVANCED only".to_owned()),
        ),
        (MANAGED.to_owned(), None),
    ] {
        let imported = imported(&source);
        assert_eq!(remarks(&imported), Vec::from_iter(expected.as_deref()), "{source}");
        assert!(expected.is_none_or(|remark| imported.yaml().replace("\n#  ", "").contains(&remark)), "{}", imported.yaml());
    }
}

#[test]
fn a_metrics_unit_is_kept_where_we_have_it() {
    for (unit, ours) in [
        ("PERCENT", "percent"),
        ("SECONDS", "seconds"),
        ("COUNT_PER_SECOND", "per_second"),
        ("COUNT", "number"),
    ] {
        let source = LEAST.replace(
            "\"Threshold\"",
            &format!("\"Unit\": \"{unit}\", \"Threshold\""),
        );
        assert!(
            imported(&source)
                .yaml()
                .contains(&format!("\n    unit: {ours}\n")),
            "{unit}"
        );
    }
}

#[test]
fn rules_of_one_name_and_metrics_of_one_name_are_told_apart() {
    let rule = |namespace: &str, name: &str| {
        let (_, rule) = LEAST.split_once("\"Rules\": [").expect("rules");
        rule.trim_end_matches("]}")
            .replace(
                "\"Period\"",
                &format!("\"Namespace\": \"{namespace}\", \"Period\""),
            )
            .replace("\"r\"", &format!("\"{name}\""))
    };
    let rules = [
        rule("a", "é/"),
        rule("b", "é-"),
        rule("a", ""),
        rule("b", &"x".repeat(70)),
        rule("c", &"x".repeat(70)),
    ]
    .join(",");
    let imported = imported(&format!(
        r#"{{"Constraints": {{"MinCapacity": 0, "MaxCapacity": 4}}, "Rules": [{rules}]}}"#
    ));
    let rules = &imported.policy.targets()[0].rules;
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "é-",
            "é--2",
            "rule-3",
            &"x".repeat(64),
            &format!("{}-2", "x".repeat(62))
        ]
    );
    let read: Vec<&str> = rules.iter().map(|rule| &*rule.when_text).collect();
    assert_eq!(
        read,
        [
            "is_idle < 1",
            "is_idle_2 < 1",
            "is_idle < 1",
            "is_idle_2 < 1",
            "is_idle_3 < 1"
        ]
    );
}

#[test]
fn a_group_that_is_given_comes_before_the_one_that_is_named() {
    let group = Selector::Role(crate::observation::Role::Core);
    let imported = import(AUTO_SCALING, "a.json", Some(&group))
        .expect("valid")
        .expect("Amazon's");
    assert_eq!(imported.policy.targets()[0].selector, group);
    assert!(import(MANAGED, "m.json", Some(&group)).is_err());
}

#[test]
fn what_emr_never_publishes_is_told() {
    let told = |source: &str| {
        remarks(&imported(source))
            .into_iter()
            .filter(|remark| remark.contains("EMR") || remark.contains("another"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(&LEAST.replace("IsIdle", "CapacityRemainingGB")),
        [""; 0]
    );
    let [typo, ..] = &told(&LEAST.replace("IsIdle", "YARNMemoryAvailablePercent"))[..] else {
        panic!("nothing is told")
    };
    assert!(
        typo.ends_with("MetricName: EMR publishes no metric `YARNMemoryAvailablePercent`"),
        "{typo}"
    );
    let with = |key: &str, value: &str| {
        let dimension = format!(
            "\"MetricName\": \"IsIdle\", \"Dimensions\": [{{\"Key\": \"{key}\", \"Value\": \"{value}\"}}]"
        );
        let policy = LEAST.replace("\"MetricName\": \"IsIdle\"", &dimension);
        format!(
            "{{ \"ClusterId\": \"j-OWN\", \"InstanceGroupId\": \"ig-1\", \"AutoScalingPolicy\": {policy} }}"
        )
    };
    assert_eq!(told(&with("JobFlowId", "j-OWN")), [""; 0]);
    assert!(
        told(&with("JobFlowId", "j-OTHER"))[0]
            .ends_with("Dimensions[0]: `j-OTHER` is another cluster than the policy's")
    );
    assert!(
        told(&with("ClusterId", "j-OWN"))[0]
            .ends_with("EMR publishes nothing by `ClusterId`, only by `JobFlowId`")
    );
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
            import(source, "p", None).is_ok_and(|imported| imported.is_none()),
            "{source}"
        );
    }
    assert!(
        import("{\"Rules\": [", "p", None).is_err(),
        "a torn one of Amazon's is not taken for one of ours"
    );
}

/// What a person sees, for each way of being wrong.
#[test]
fn every_error_names_the_path_of_its_field() {
    let mut seen = Vec::new();
    for (from, to) in [
        ("\"Threshold\": 15.0", "\"Foo\": 1"),
        ("\"ClusterId\"", "\"Cluster\""),
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

#[test]
fn the_consoles_default_is_the_baseline_of_that_name() {
    let rule = |name: &str, operator: &str, threshold: u32, adjustment: i32| {
        format!(
            r#"{{"Name": "{name}", "Action": {{"SimpleScalingPolicyConfiguration": {{"ScalingAdjustment": {adjustment}, "CoolDown": 300}}}},
            "Trigger": {{"CloudWatchAlarmDefinition": {{"ComparisonOperator": "{operator}", "EvaluationPeriods": 1,
            "MetricName": "YARNMemoryAvailablePercentage", "Period": 300, "Threshold": {threshold}}}}}}}"#
        )
    };
    let rules = [
        rule("scale-out", "LESS_THAN", 15, 1),
        rule("scale-in", "GREATER_THAN", 75, -1),
    ]
    .join(",");
    let ours = imported(&format!(
        r#"{{"Constraints": {{"MinCapacity": 0, "MaxCapacity": 20}}, "Rules": [{rules}]}}"#
    ))
    .policy;
    let baseline = parse(
        include_str!("../../../policies/console-default.yaml"),
        "console-default.yaml",
    )
    .expect("valid");
    let [mut found, expected] = [&ours, &baseline].map(|policy| policy.targets()[0].clone());
    for (rule, other) in found.rules.iter_mut().zip(&expected.rules) {
        rule.when_text = other.when_text.clone();
    }
    assert_eq!(found, expected);
}

/// Runs a policy test, as `headroom check` does.
fn holds(source: &str, test: &str) {
    let tests = PolicyTests::read(&format!("policy: p\ntests:\n  - {test}\n"), "p.test.yaml")
        .unwrap_or_else(|errors| panic!("{errors}"));
    let outcomes = tests
        .run(&imported(source).policy)
        .unwrap_or_else(|errors| panic!("{errors}"));
    let failures = outcomes
        .iter()
        .flat_map(|outcome| &outcome.failures)
        .map(|failure| tests.render(failure, false));
    assert_eq!(failures.collect::<String>(), "");
}

#[test]
fn an_alarm_is_on_after_exactly_its_evaluation_periods() {
    let three = LEAST.replace("\"Threshold\"", "\"EvaluationPeriods\": 3, \"Threshold\"");
    holds(
        &three,
        "{ name: t, every: 5m, series: { is_idle: '0x2 1 0x4' },
           expect: [{ at: 10m, hold: no_rule_ready }, { at: 20m, hold: no_rule_ready }, { at: 25m, resize: { from: 0, to: 1, because: r } }] }",
    );
    holds(
        LEAST,
        "{ name: t, every: 5m, series: { is_idle: '1 0' }, expect: [{ at: 0m, hold: no_rule_ready }, { at: 5m, resize: { to: 1 } }] }",
    );
    let signal = three
        .replace("IsIdle", "AppsPending")
        .replace("EvaluationPeriods\": 3", "EvaluationPeriods\": 2");
    holds(
        &signal,
        "{ name: t, every: 30s, series: { yarn_apps_pending: '0x30' },
           expect: [{ at: 9m 30s, hold: no_rule_ready }, { at: 10m, resize: { to: 1 } }] }",
    );
}

#[test]
fn a_cooldown_begins_when_the_resize_is_complete() {
    let source = LEAST.replace(
        "\"ScalingAdjustment\": 1",
        "\"ScalingAdjustment\": 1, \"CoolDown\": 600",
    );
    holds(
        &source,
        "{ name: t, every: 5m, provisioning: 10m, series: { is_idle: '0x8' },
           expect: [{ at: 0m, resize: { to: 1 } }, { at: 5m, hold: resize_in_flight }, { at: 15m, hold: cooling_down }, { at: 20m, resize: { to: 2 } }] }",
    );
}

mod properties {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn alarm() -> impl Strategy<Value = Value> {
        let names = prop_oneof![
            prop::sample::select(vec![
                "YARNMemoryAvailablePercentage",
                "ContainerPendingRatio",
                "IsIdle",
                "avg",
                "WAITING"
            ])
            .prop_map(String::from),
            "[ -~]{0,70}[!-~]",
            "\\PC{0,9}x",
        ];
        let statistic = prop::option::of(prop::sample::select(vec![
            "SAMPLE_COUNT",
            "AVERAGE",
            "SUM",
            "MINIMUM",
            "MAXIMUM",
        ]));
        let unit = prop::option::of(prop::sample::select(vec![
            "NONE", "PERCENT", "COUNT", "BYTES", "SECONDS",
        ]));
        let namespace = prop::option::of(prop_oneof![
            Just("AWS/ElasticMapReduce".to_owned()),
            "[ -~]{0,9}x"
        ]);
        let dimensions = prop::option::of(prop::collection::btree_map(
            "[ -~]{1,9}",
            "[ -#%-~]{0,9}",
            0..3,
        ));
        let period = prop::sample::select(vec![10, 30, 60, 300, 3_600, 86_400]);
        (names, statistic, unit, namespace, dimensions, period, 1..9, 0.0..1e9_f64).prop_map(
            |(name, statistic, unit, namespace, dimensions, period, periods, threshold)| {
                let pair = |(key, value)| json!({ "Key": key, "Value": value });
                json!({
                    "ComparisonOperator": "LESS_THAN", "MetricName": name, "Statistic": statistic, "Unit": unit, "Namespace": namespace,
                    "Dimensions": dimensions.map(|map| map.into_iter().map(pair).collect::<Vec<_>>()), "Period": period,
                    "EvaluationPeriods": periods, "Threshold": threshold,
                })
            },
        )
    }

    fn rule() -> impl Strategy<Value = Value> {
        let kind = prop::sample::select(vec![
            "CHANGE_IN_CAPACITY",
            "PERCENT_CHANGE_IN_CAPACITY",
            "EXACT_CAPACITY",
        ]);
        let description = prop::option::of("\\PC{0,200}");
        ("\\PC{0,70}", description, kind, 1..100, any::<bool>(), 0..1_000_000, alarm()).prop_map(
            |(name, description, kind, amount, grows, cooldown, alarm): (String, Option<String>, &str, i32, bool, i32, Value)| {
                let amount = if grows || kind == "EXACT_CAPACITY" { amount } else { -amount };
                json!({
                    "Name": name, "Description": description, "Trigger": { "CloudWatchAlarmDefinition": alarm },
                    "Action": { "Market": "SPOT", "SimpleScalingPolicyConfiguration": {
                        "AdjustmentType": kind, "ScalingAdjustment": amount, "CoolDown": cooldown,
                    } },
                })
            },
        )
    }

    proptest! {
        #[test]
        fn what_is_printed_is_the_policy_that_was_loaded(rules in prop::collection::vec(rule(), 0..4), least in 0..9, more in 0..9) {
            imported(&json!({ "Constraints": { "MinCapacity": least, "MaxCapacity": least + more }, "Rules": rules }).to_string());
        }

        #[test]
        fn a_changed_document_loads_or_says_where_it_does_not(at in 0_usize..1_400, with in "\\PC{0,6}", cut in 0_usize..12) {
            let start = at.min(AUTO_SCALING.len());
            let end = (start + cut).min(AUTO_SCALING.len());
            if let Err(errors) = parse(&format!("{}{with}{}", &AUTO_SCALING[..start], &AUTO_SCALING[end..]), "a.json") {
                prop_assert!(errors.to_string().contains("a.json:"), "{errors}");
            }
        }
    }
}
