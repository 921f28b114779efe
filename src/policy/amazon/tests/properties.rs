//! Whatever the document says.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

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
