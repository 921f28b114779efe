//! Automatic scaling policies, field by field.

use super::*;

/// Each field with another value, and the line that says so in our language.
const FIELDS: [(&str, &str, &str); 31] = [
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
];

#[test]
fn every_field_of_an_automatic_scaling_policy_arrives() {
    for (from, to, line) in FIELDS {
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
