use super::*;
use crate::policy::parse::parse_with_spans;

/// The rules of a task group, with limits from 1 to 20, and what is said of them.
fn messages(rules: &str) -> Vec<String> {
    let source = format!(
        "name: p\ntargets:\n  - group: {{ role: task }}\n    limits: {{ min: 1, max: 20 }}\n    rules:\n{rules}"
    );
    let (policy, _) = parse_with_spans(&source, "p").unwrap_or_else(|errors| panic!("{errors}"));
    lint(&policy).into_iter().map(|lint| lint.message).collect()
}

fn rule(name: &str, when: &str, rest: &str) -> String {
    format!("      - {{ name: {name}, when: \"{when}\", {rest} }}\n")
}

#[test]
fn rules_that_do_what_they_say_are_not_warned_of() {
    for (when, rest) in [
        (
            "yarn_memory_available_percent < 15",
            "for: 5m, then: { grow: 5 }",
        ),
        (
            "yarn_memory_available_percent > 75",
            "for: 3m, then: { shrink: 3 }",
        ),
        (
            "yarn_containers_pending > 0 and yarn_memory_available_percent > 30",
            "then: { grow: 5 }",
        ),
        (
            "avg(yarn_memory_available_percent, 5m) > 75",
            "then: { shrink: 1 }",
        ),
        ("emr_idle_seconds > 10m", "for: 1m, then: { set: min }"),
        (
            "true",
            "then: { track: { signal: yarn_memory_allocated_percent, target: 80 } }",
        ),
        (
            "yarn_apps_pending != 0 or yarn_containers_pending > 10",
            "then: { grow: 1 }",
        ),
        (
            "yarn_memory_available_mib - yarn_memory_pending_mib < -10GiB",
            "then: { grow: 1 }",
        ),
    ] {
        assert_eq!(messages(&rule("r", when, rest)), [""; 0], "{when}");
    }
}

#[test]
fn an_inverted_operator_is_found_by_what_the_signal_means() {
    for (when, then, part) in [
        ("yarn_memory_available_percent > 15", "grow: 5", "much room"),
        (
            "75 > yarn_memory_available_percent",
            "shrink: 5",
            "little room",
        ),
        (
            "yarn_memory_allocated_percent < 80",
            "grow: 5",
            "little work",
        ),
        ("yarn_containers_pending > 3", "shrink: 5", "much work"),
        (
            "avg(YARNMemoryAvailablePercentage, 5m) > 75",
            "grow: 1",
            "much room",
        ),
        (
            "yarn_memory_available_percent < 15 or yarn_apps_pending < 1",
            "grow: 1",
            "little work",
        ),
    ] {
        let found = messages(&rule("r", when, &format!("for: 1m, then: {{ {then} }}")));
        assert!(
            found.len() == 1 && found[0].contains(part) && found[0].contains("inverted"),
            "{when}: {found:?}"
        );
    }
}

#[test]
fn a_condition_that_cannot_be_true_is_found() {
    for when in [
        "yarn_memory_available_percent < 0",
        "yarn_memory_available_percent > 100",
        "YARNMemoryAvailablePercentage * 2 > 200",
        "yarn_apps_pending < 0",
        "yarn_apps_pending < 10 and yarn_apps_pending > 20",
        "yarn_apps_pending < 10 and 10 < yarn_apps_pending",
        "not (yarn_apps_pending >= 0)",
        "false or 1 > 2",
        "greatest(yarn_memory_available_percent, 20) < 15",
    ] {
        assert_eq!(
            messages(&rule("r", when, "for: 1m, then: { set: max }")),
            ["this can never be true"],
            "{when}"
        );
    }
    for when in [
        "yarn_apps_pending >= 10 and yarn_apps_pending <= 10",
        "rate(yarn_apps_running, 5m) < 0",
        "yarn_apps_pending == 0",
    ] {
        assert_eq!(
            messages(&rule("r", when, "for: 1m, then: { set: max }")),
            [""; 0],
            "{when}"
        );
    }
}

#[test]
fn a_condition_that_is_always_true_is_found_where_it_runs_away() {
    let found = messages(&rule(
        "r",
        "yarn_memory_available_percent <= 100",
        "then: { grow: 1 }",
    ));
    assert!(
        found.iter().any(|message| message.contains("always true")),
        "{found:?}"
    );
}

#[test]
fn a_scale_in_that_would_be_taken_back_is_found() {
    let pair = |shrink: &str, above: u32| {
        rule(
            "short",
            "yarn_memory_available_percent < 15",
            "for: 5m, then: { grow: 5 }",
        ) + &rule(
            "idle",
            &format!("yarn_memory_available_percent > {above}"),
            &format!("for: 3m, then: {{ shrink: {shrink} }}"),
        )
    };
    // 4 task nodes and a core node at 75 % use are 3.75 nodes of work: more than 85 % of 4.
    let found = messages(&pair("1", 25));
    assert!(
        found.len() == 1
            && found[0].starts_with("shrinking from 7 to 6 raises use from ")
            && found[0].ends_with(", at which `short` grows the group again"),
        "{found:?}"
    );
    // 2 to 1 beside the core node: 25 % of 3 nodes is 37.5 % of 2.
    assert_eq!(messages(&pair("1", 75)), [""; 0]);
    // The whole group but one: 25 % of 20 + 1 nodes is far more than 1 + 1.
    assert_eq!(messages(&pair("100%", 75)).len(), 1);
}

#[test]
fn conditions_that_are_true_together_are_found() {
    let rules = rule(
        "short",
        "yarn_memory_available_percent < 50",
        "for: 5m, then: { grow: 5 }",
    ) + &rule(
        "idle",
        "yarn_memory_available_percent > 40",
        "for: 3m, then: { shrink: 3 }",
    );
    assert_eq!(
        messages(&rules),
        [
            "`short` is true at the same time, for example at 45, and then prevents this rule from acting"
        ]
    );
}

#[test]
fn a_rule_in_the_shadow_of_another_is_found_once() {
    let rules = rule(
        "five",
        "yarn_apps_pending > 3",
        "for: 1m, then: { grow: 5 }",
    ) + &rule("two", "AppsPending > 3", "for: 2m, then: { grow: 2 }");
    assert_eq!(
        messages(&rules),
        ["`five` has the same condition and always asks for at least as large a size"]
    );
    let twins = rule("a", "yarn_apps_pending > 3", "then: { grow: 5 }")
        + &rule("b", "yarn_apps_pending > 3", "then: { grow: 5 }");
    assert_eq!(
        messages(&twins),
        ["`a` has the same condition and always asks for at least as large a size"]
    );
    let later = rule(
        "soon",
        "yarn_apps_pending > 3",
        "for: 1m, then: { grow: 1 }",
    ) + &rule(
        "late",
        "yarn_apps_pending > 3",
        "for: 9m, then: { grow: 9 }",
    );
    assert_eq!(
        messages(&later),
        [""; 0],
        "a larger step after a longer time has its use"
    );
}

#[test]
fn times_that_decide_nothing_are_found() {
    for (when, rest, part) in [
        (
            "yarn_apps_pending > 3",
            "for: 10s, then: { grow: 1 }",
            "shorter than the 30s between two samples",
        ),
        (
            "yarn_memory_available_percent > 75",
            "then: { shrink: 1 }",
            "a single sample shrinks the group",
        ),
        (
            "avg(yarn_apps_pending, 45s) > 3",
            "then: { grow: 1 }",
            "a window of 45s is too short for samples",
        ),
        (
            "max(yarn_apps_pending, 8d) > 3",
            "then: { grow: 1 }",
            "a window of 8d has no value until the daemon has run for that long",
        ),
        (
            "yarn_apps_pending > 3",
            "then: { set: 30 }",
            "the size 30 is outside the limits",
        ),
        (
            "true",
            "then: { track: { signal: yarn_memory_available_percent, target: 20 } }",
            "this signal rises with free capacity",
        ),
    ] {
        let found = messages(&rule("r", when, rest));
        assert!(
            found.len() == 1 && found[0].contains(part),
            "{when}: {found:?}"
        );
    }
}

#[test]
fn what_concerns_a_whole_target_or_a_metric_is_found() {
    let source = "\
name: p
metrics:
  depth: { namespace: App, metric_name: Depth, period: 5m }
targets:
  - group: { role: core }
    limits: { min: 1, max: 9 }
    hdfs: { replication: 2 }
    rules:
      - { name: short, when: depth > 3, for: 2m, then: { grow: 1 } }
      - { name: idle, when: depth < 1, for: 10m, then: { shrink: 1 } }
  - group: { role: task }
    limits: { min: 4, max: 4 }
    rules:
      - { name: short, when: depth > 3, for: 10m, then: { grow: 1 } }
";
    let (policy, places) =
        parse_with_spans(source, "p").unwrap_or_else(|errors| panic!("{errors}"));
    let rendered: Vec<String> = lint(&policy)
        .iter()
        .map(|lint| lint.diagnostic(&places).render(source, "p.yaml", false))
        .collect();
    insta::assert_snapshot!(rendered.join("\n\n"));
}

#[test]
fn the_example_of_the_language_reference_is_valid_and_not_warned_of() {
    let reference = include_str!("../../../docs/policy-language.md");
    let example = reference
        .split("```yaml\n")
        .find(|block| block.starts_with("name: example"))
        .and_then(|block| block.split("```").next());
    let (policy, _) = parse_with_spans(example.expect("an example"), "example")
        .unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(lint(&policy), []);
}

#[test]
fn of_the_shipped_policies_only_the_first_rules_are_warned_of() {
    for baseline in crate::policy::baselines::BASELINES {
        let (policy, _) = parse_with_spans(baseline.text, baseline.name)
            .unwrap_or_else(|errors| panic!("{errors}"));
        let messages: Vec<String> = lint(&policy).into_iter().map(|lint| lint.message).collect();
        let known = "shrinking from 3 to 0 raises use from 25% to 100%, at which `memory-short` grows the group again";
        assert_eq!(
            messages,
            if baseline.name == "available-memory" {
                vec![known]
            } else {
                Vec::new()
            },
            "{}",
            baseline.name
        );
    }
}

#[test]
fn demand_with_nothing_to_decide_or_out_of_reach_is_found() {
    let one = "targets: [{ group: { role: task }, limits: { min: 3, max: 4 } }]";
    for (demand, targets, expected) in [
        ("min: 2, max: 9", "", None),
        ("min: 2, max: 9, units: vcpu", "", None),
        (
            "min: 2, max: 9",
            "targets: [{ group: { role: core }, hdfs: { replication: 3 } }]",
            None,
        ),
        (
            "min: 2, max: 2",
            "",
            Some("`min` equals `max` (2 instances), so the size never follows demand"),
        ),
        (
            "min: 5, max: 9",
            one,
            Some(
                "the limits of all targets together allow at most 4 instances, which is below `min: 5`",
            ),
        ),
        (
            "min: 0, max: 2",
            one,
            Some(
                "the limits of all targets together need at least 3 instances, which is above `max: 2`",
            ),
        ),
    ] {
        let source = format!("name: p\ndemand: {{ {demand} }}\n{targets}\n");
        let (policy, places) =
            parse_with_spans(&source, "p").unwrap_or_else(|errors| panic!("{errors}"));
        let found = lint(&policy);
        let messages: Vec<&str> = found.iter().map(|lint| lint.message.as_str()).collect();
        assert_eq!(messages, Vec::from_iter(expected), "{source}");
        for lint in found {
            assert!(source[lint.diagnostic(&places).span.start..].starts_with("{ min: "));
        }
    }
}

#[test]
fn a_rule_that_takes_starting_instances_for_lost_ones_is_found() {
    let found = |rest: &str| messages(&rule("lost", "yarn_nodes_not_listed > 2", rest));
    let message = "instances that have just started are not listed either";
    assert_eq!(found("then: { grow: 3 }, cooldown: 1h"), [message]);
    assert_eq!(found("for: 2m, then: { grow: 3 }"), [message]);
    assert_eq!(found("for: 20m, then: { grow: 3 }"), [""; 0]);
}
