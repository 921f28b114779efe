//! A translated policy acts when Amazon's would.

use super::*;
use crate::check::policy_test::PolicyTests;

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
        include_str!("../../../../policies/console-default.yaml"),
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
           expect: [{ at: 10m, hold: no_rule_firing }, { at: 20m, hold: no_rule_firing }, { at: 25m, resize: { from: 0, to: 1, because: r } }] }",
    );
    holds(
        LEAST,
        "{ name: t, every: 5m, series: { is_idle: '1 0' }, expect: [{ at: 0m, hold: no_rule_firing }, { at: 5m, resize: { to: 1 } }] }",
    );
    let signal = three
        .replace("IsIdle", "AppsPending")
        .replace("EvaluationPeriods\": 3", "EvaluationPeriods\": 2");
    holds(
        &signal,
        "{ name: t, every: 30s, series: { yarn_apps_pending: '0x30' },
           expect: [{ at: 9m 30s, hold: no_rule_firing }, { at: 10m, resize: { to: 1 } }] }",
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
