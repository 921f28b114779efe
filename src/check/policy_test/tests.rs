use std::path::Path;

use super::*;
use crate::policy::baselines::BASELINES;
use crate::policy::parse::parse;

const POLICY: &str = "\
name: p
metrics: { depth: { namespace: App, metric_name: Depth, period: 1m } }
targets:
  - group: { role: core }
    limits: { min: 2, max: 9 }
    rules:
      - { name: deep, when: depth > 3 and emr_cluster_state == WAITING, for: 1m, then: { grow: 1 }, cooldown: 5m }
  - group: { role: task }
    limits: { min: 0, max: 9 }
    rules:
      - { name: apps, when: yarn_apps_pending > 3, then: { grow: 2 }, cooldown: 5m }
";

/// What is said of these tests of [`POLICY`], be it a refusal or failures.
fn said(tests: &str) -> String {
    let policy = parse(POLICY, "p.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    let source = format!("policy: p.yaml\ntests:\n{tests}");
    let tests =
        PolicyTests::read(&source, "p.test.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    match tests.run(&policy) {
        Ok(outcomes) => {
            let failures = outcomes.iter().flat_map(|outcome| &outcome.failures);
            failures
                .map(|failure| tests.render(failure, false))
                .collect::<Vec<_>>()
                .join("\n\n")
        }
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn every_shipped_policy_has_tests_and_passes_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    for baseline in BASELINES {
        let file = folder.join(format!("{}.test.yaml", baseline.name));
        let source = std::fs::read_to_string(&file)
            .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let tests =
            PolicyTests::read(&source, baseline.name).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(tests.policy_file(), format!("{}.yaml", baseline.name));
        let policy =
            parse(baseline.text, baseline.name).unwrap_or_else(|errors| panic!("{errors}"));
        let outcomes = tests
            .run(&policy)
            .unwrap_or_else(|errors| panic!("{errors}"));
        assert!(!outcomes.is_empty());
        let failures: Vec<String> = outcomes
            .iter()
            .flat_map(|outcome| &outcome.failures)
            .map(|f| tests.render(f, false))
            .collect();
        assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    }
}

#[test]
fn states_and_metrics_reach_the_rules_and_each_target_is_judged_by_itself() {
    let tests = "
  - name: t
    cluster: { core: 3 }
    series: { depth: 5x8, emr_cluster_state: RUNNINGx2 WAITINGx6, yarn_apps_pending: 4x8 }
    expect:
      - { at: 0s, group: core, hold: no_rule_firing }
      - { at: 0s, group: task, resize: { from: 0, to: 2, because: apps } }
      - { at: 1m 30s, group: core, hold: no_rule_firing }
      - { at: 2m, group: core, resize: { from: 3, to: 4, because: deep } }
      - { at: 2m, group: task, hold: cooling_down }
";
    assert_eq!(said(tests), "");
}

#[test]
fn the_label_of_an_earlier_version_is_understood() {
    let tests = "
  - name: t
    series: { depth: 1x3, yarn_apps_pending: 1x3 }
    expect: [{ at: 0s, group: core, hold: no_rule_ready }]
";
    assert_eq!(said(tests), "");
}

#[test]
fn missing_stale_and_nan_samples_are_told_apart() {
    let tests = "
  - name: t
    series: { depth: 1 stalex9 _ nan, emr_cluster_state: WAITINGx12, yarn_apps_pending: 1x12 }
    expect:
      - { at: 2m, group: core, hold: no_rule_firing }
      - { at: 4m 30s, group: core, hold: stale_data }
      - { at: 5m 30s, group: core, hold: missing_signal }
";
    assert_eq!(said(tests), "");
}

#[test]
fn a_resize_takes_as_long_as_the_test_says() {
    let tests = "
  - name: t
    provisioning: 2m
    series: { yarn_apps_pending: 4x20 }
    expect:
      - { at: 0s, group: task, resize: { to: 2 } }
      - { at: 1m 30s, group: task, hold: resize_in_flight }
      - { at: 2m, group: task, hold: cooling_down }
      - { at: 7m, group: task, resize: { from: 2, to: 4 } }
";
    assert_eq!(said(tests), "");
}

#[test]
fn a_failure_shows_what_was_expected_what_happened_and_why() {
    insta::assert_snapshot!(said(
        "
  - name: t
    series: { yarn_apps_pending: 4x3 }
    expect:
      - { at: 0s, group: task, resize: { from: 1, to: 3, because: apps } }
      - at: 30s
        group: task
        hold: no_rule_firing
"
    ));
}

#[test]
fn a_node_must_be_something_and_belong_to_a_group_of_the_test() {
    for (node, expected) in [
        (
            "{ task: { memory_mib: 0, vcores: 4 } }",
            "a node must have memory and cores",
        ),
        (
            "{ tsk: { memory_mib: 9, vcores: 4 } }",
            "the test has no group `tsk`",
        ),
        ("{ task: { memory_mib: 9, vcores: 4 } }", ""),
    ] {
        let tests = format!(
            "  - name: t\n    node: {node}\n    expect: [{{ at: 0s, group: task, hold: missing_signal }}]\n"
        );
        let said = said(&tests);
        assert_eq!(said.is_empty(), expected.is_empty(), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}

#[test]
fn tests_that_make_no_sense_are_refused_at_their_place() {
    insta::assert_snapshot!(said(
        "
  - name: signals of one answer
    series: { yarn_apps_pending: 1x3, yarn_apps_running: _x3 }
    expect: [{ at: 30s, group: core, hold: no_rule_firing }]
  - name: a contradiction
    series: { yarn_memory_available_percent: 50, yarn_memory_allocated_mib: 10, yarn_memory_available_mib: 7 }
    expect: [{ at: 0s, group: core, hold: no_rule_firing }]
  - name: half an application
    series: { yarn_apps_pending: 1.5 }
    expect: [{ at: 0s, group: core, hold: no_rule_firing }]
  - name: names
    cluster: { tsk: 4 }
    series: { yarn_apps_pendin: 1, emr_instances_running: 3, yarn_apps_pending: 1.5y3, depth: WAITING }
    expect: [{ at: 0s, group: core, hold: no_rule_firing }]
  - name: nothing expected
    expect: []
  - name: between two samples
    expect: [{ at: 45s, group: core, hold: no_rule_firing }, { at: 0s, hold: no_rule_firing }, { at: 0s, group: core }]
  - name: no time
    every: 0s
    start: yesterday
    expect: [{ at: 0s, group: core, hold: no_rule_firing }]
"
    ));
}

/// The hold of a target for the task group, in a cluster with ten other groups of `label`.
fn beside(policy: &str, label: &str) -> String {
    let policy = parse(policy, "p.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    let source = format!(
        "policy: p.yaml\ntests:\n  - name: t\n    cluster: {{ {label}: 10, task: 2 }}\n    series: {{ yarn_nodes_active: 12x2 }}\n    \
         expect: [{{ at: 30s, group: task, hold: no_rule_firing }}]\n"
    );
    let tests =
        PolicyTests::read(&source, "p.test.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    match tests.run(&policy) {
        Ok(outcomes) => format!("{} failures", outcomes[0].failures.len()),
        Err(errors) => errors.to_string(),
    }
}

#[test]
fn a_test_may_have_groups_that_are_no_targets() {
    const TASK: &str =
        "name: p\ntargets: [{ group: { role: task }, limits: { min: 0, max: 9 } }]\n";
    for label in ["core", "core/spot"] {
        assert_eq!(beside(TASK, label), "0 failures", "{label}");
    }
    let said = beside(TASK, "task/spot");
    assert!(
        said.contains("`task/spot` is a group of the target `task`"),
        "{said}"
    );
    let said = beside(TASK, "cores");
    assert!(
        said.contains("other groups of the cluster are written as `core`"),
        "{said}"
    );
}

#[test]
fn groups_that_are_no_targets_are_part_of_the_cluster() {
    let demand = "name: p\ndemand: { min: 0, max: 9 }\ntargets: [{ group: { role: task } }]\n";
    let policy = parse(demand, "p.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    let run = |cluster: &str| {
        let source = format!(
            "policy: p.yaml\ntests:\n  - name: t\n    cluster: {cluster}\n    series: {{ yarn_nodes_active: 2x3, \
             yarn_memory_total_mib: 20000x3, yarn_memory_allocated_mib: 0x3 }}\n    \
             expect: [{{ at: 1m, group: task, hold: nodes_not_listed }}]\n"
        );
        let tests = PolicyTests::read(&source, "p.test.yaml");
        let tests = tests.unwrap_or_else(|errors| panic!("{errors}"));
        let outcomes = tests
            .run(&policy)
            .unwrap_or_else(|errors| panic!("{errors}"));
        outcomes[0].failures.is_empty()
    };
    assert!(run("{ task: 2, core: 10 }"), "YARN lists 2 of 12 nodes");
    assert!(!run("{ task: 2 }"), "YARN lists all nodes");
}

#[test]
fn a_series_of_yarn_is_refused_for_a_policy_that_does_not_read_it() {
    let source = POLICY
        .replacen("name: p", "name: p\nuses_yarn: false", 1)
        .replacen("yarn_apps_pending > 3", "depth > 3", 1);
    let policy = parse(&source, "p.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    for (series, refused) in [
        ("yarn_apps_pending: 4x2", true),
        ("emr_idle_seconds: 4x2", true),
        ("depth: 4x2, hdfs_used_percent: 50x2", false),
    ] {
        let tests = format!(
            "policy: p.yaml\ntests:\n  - name: t\n    series: {{ {series} }}\n    expect: [{{ at: 0s, group: task, hold: missing_signal }}]\n"
        );
        let tests = PolicyTests::read(&tests, "p.test.yaml").expect("is read");
        let said = tests.run(&policy).map_err(|errors| errors.to_string());
        match said {
            Ok(_) => assert!(!refused, "{series}"),
            Err(said) => assert!(
                refused
                    && said.contains("has `uses_yarn: false`")
                    && said.contains("remove the series"),
                "{series}: {said}"
            ),
        }
    }
}
