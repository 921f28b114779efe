mod demand;
mod uses_yarn;

use super::*;

/// A policy with one target of one rule, whose lines a test replaces.
const VALID: &str = "\
name: example
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    rules:
      - name: memory-short
        when: yarn_memory_available_percent < 15
        for: 5m
        then: { grow: 5 }
";

const CONDITION: &str = "when: yarn_memory_available_percent < 15";

/// A part of [`VALID`], and something wrong in its place.
const MISTAKES: [(&str, &str); 68] = [
    // the shape of the file
    ("limits: {", "limit: {"),
    ("        then: { grow: 5 }\n", ""),
    ("rules:", "rules: 5\n    foo:"),
    ("{ grow: 5 }", "5"),
    ("for: 5m", "for: [1]"),
    ("for: 5m", "for: 5m\n        for: 6m"),
    ("for: 5m", "for: *x"),
    ("for: 5m", "\tfor: x"),
    ("{ grow: 5 }", "{ grow: 5"),
    (
        "{ grow: 5 }",
        "{ track: { signal: avg(yarn_memory_allocated_percent, 5m), target: 80 } }",
    ),
    // names
    ("name: memory-short\n", "name: 'Größe ⛅ a'\n"),
    ("role: task", "role: taks"),
    ("role: task", "role: primary"),
    ("role: task", "fleet: task"),
    ("role: task", "name: workers, market: spot"),
    ("role: task", "role: task, name: x"),
    ("role: task", ""),
    ("role: task", "name: ''"),
    // numbers and times
    ("min: 0", "min: 30"),
    ("min: 0", "min: -1"),
    ("min: 0", "min: 1.5"),
    ("for: 5m", "for: 300"),
    ("for: 5m", "for: -5m"),
    ("for: 5m", "for: 5m\n        cooldown: 9000h"),
    ("name: example", "name: example\npoll: 10ms"),
    ("{ grow: 5 }", "{ grow: 0 }"),
    ("{ grow: 5 }", "{ shrink: 120% }"),
    ("{ grow: 5 }", "{ set: mid }"),
    ("{ grow: 5 }", "{ }"),
    ("{ grow: 5 }", "{ grow: 5, shrink: 3 }"),
    (
        "{ grow: 5 }",
        "{ track: { signal: yarn_memory_allocated_percent, target: 64GiB } }",
    ),
    (
        "{ grow: 5 }",
        "{ track: { signal: yarn_memory_allocated_percent, target: 0, tolerance: 1 } }",
    ),
    // conditions
    (CONDITION, "when: yarn_memory_availabel_percent < 15"),
    (CONDITION, "when: 'yarn_memory_available_percent < 64GiB'"),
    (
        CONDITION,
        "when: |\n          yarn_memory_available_percent < 64GiB",
    ),
    (
        CONDITION,
        "when: \"yarn_memory_\\u0061vailable_percent < 64GiB\"",
    ),
    (CONDITION, "when: yarn_memory_available_mib < 64GB"),
    (CONDITION, "when: yarn_memory_available_percent"),
    (CONDITION, "when: yarn_memory_available_percent < "),
    (
        CONDITION,
        "when: yarn_memory_available_percent < 15 && true",
    ),
    (CONDITION, "when: yarn_memory_available_percent = 15"),
    (CONDITION, "when: (yarn_memory_available_percent < 15"),
    (CONDITION, "when: 5 < yarn_memory_available_percent < 15"),
    (CONDITION, "when: yarn_apps_pending / 0 > 1 + true"),
    (CONDITION, "when: emr_cluster_state == WAITNG"),
    (CONDITION, "when: emr_cluster_state > WAITING"),
    (CONDITION, "when: average(yarn_apps_pending, 5m) > 1"),
    (CONDITION, "when: avg(yarn_apps_pending, 300) > 1"),
    (
        CONDITION,
        "when: avg(yarn_apps_pending + 1, 5m) < 15 and foo > 3 and IsIdle > 0",
    ),
    (
        CONDITION,
        "when: greatest(yarn_apps_pending, yarn_memory_total_mib) > 3",
    ),
    // guards and the schedule
    (
        "    rules:",
        "    step: { grow: 0%, shrink: 120% }\n    budget: { grow: 2000%, shrink: half, per: 1h }\n    rules:",
    ),
    (
        "    rules:",
        "    step: { grow: 0 }\n    budget: { shrink: 0, per: 0s }\n    flips: { max: 4, per: 1x }\n    rules:",
    ),
    (
        "    rules:",
        "    provisioning: { quarantine: 2h }\n    hdfs: { replication: 0, max_used: 120% }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, days: [mon, tuesday], from: 8, to: '24:00', time_zone: Europe/Berln }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, dates: [2026-12-26..2026-12-24, 2026-02-30, 24.12.2026, 12-24], time_zone: UTC }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, dates: [2026-12-24], days: [mon], days_of_month: [1] }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, dates: [], days_of_month: [] }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, dates: 2026-12-24 }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, days_of_month: [0, 32, -1, 7..1, first, 1.5] }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, from: '08:00' }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, days: [mon], to: '08:00' }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, time_zone: UTC }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, start: 2026-11-09T06:00, end: 2026-11-07T20:00 }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, start: 2026-11-07, end: 2026-11-09T06:00Z }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, start: 2026-11-07T25:00, end: 2026-11-31T06:00 }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, start: 2026-11-07T20:00 }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, end: 2026-11-07T20:00, from: '08:00', to: '09:00' }\n    rules:",
    ),
    (
        "    rules:",
        "    schedule:\n      - { name: w, freeze: in, start: 2026-11-07T20:00, end: 2026-11-09T06:00, days: [mon], from: '08:00' }\n    rules:",
    ),
];

/// What a person sees, for each way of being wrong.
#[test]
fn every_error_says_where_it_is_and_what_would_be_right() {
    let mut seen = String::new();
    for (from, to) in MISTAKES {
        let errors = parse(&VALID.replacen(from, to, 1), "policy.yaml").expect_err(to);
        seen.push_str(&format!("{errors}\n\n"));
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn the_smallest_policy_has_the_documented_defaults() {
    let policy = parse(
        "name: p\ntargets: [{ group: { role: core }, limits: { min: 1, max: 2 } }]",
        "p",
    )
    .expect("valid");
    assert_eq!(policy.poll(), DEFAULT_POLL);
    assert_eq!(policy.targets()[0].guards, crate::policy::Guards::default());
    assert!(policy.targets()[0].rules.is_empty());
}

#[test]
fn every_field_arrives_in_the_model() {
    let source = "\
name: full
description: all fields
poll: 1m
metrics:
  queue_depth: { namespace: MyApp, metric_name: Depth, dimensions: { Queue: etl }, statistic: sum, period: 1m, delay: 90s, unit: percent }
targets:
  - group: { fleet: task, market: spot }
    limits: { min: 1, max: 20 }
    rules:
      - { name: a, when: \"avg(queue_depth, 5m) > 3 and MemoryAvailableMB < 2GiB\", for: 5m, then: { grow: 20% }, cooldown: 1h 30m }
      - { name: b, when: queue_depth < 1, then: { track: { signal: yarn_memory_allocated_mib, target: 1GiB, tolerance: 0.2 } } }
    step: { grow: 20, shrink: 12.5% }
    budget: { shrink: 10, grow: 40%, per: 1h }
    flips: { max: 4, per: 2h }
    reversal: 2m
    stabilization: 10m
    provisioning: { timeout: 20m, quarantine: 6m, quarantine_max: 2h }
    yield_to_operator: 0s
    keep_shuffle_output: 20m
    hdfs: { replication: 3, max_used: 70 }
    schedule:
      - { name: night, days: [sat, sun], from: \"22:00\", to: 06:30, time_zone: Europe/Berlin, limits: { min: 0, max: 2 }, freeze: both }
      - { name: month-end, days: [mon, fri], days_of_month: [1..3, 15, last], freeze: in }
      - { name: holidays, dates: [2026-12-24..2026-12-26, 2026-12-31], from: \"08:00\", to: \"12:00\", freeze: in }
      - { name: migration, start: 2026-11-07T20:00, end: 2026-11-09 06:00, time_zone: Europe/Berlin, freeze: both }
";
    let policy = parse(source, "p").unwrap_or_else(|errors| panic!("{errors}"));
    insta::assert_debug_snapshot!(policy);
}

#[test]
fn json_is_yaml() {
    let source = r#"{"name": "j", "targets": [{"group": {"role": "task"}, "limits": {"min": 0, "max": 2},
        "rules": [{"name": "r", "when": "yarn_apps_pending > 0", "then": {"grow": 1}}]}]}"#;
    assert!(parse(source, "p.json").is_ok());
}

#[test]
fn all_errors_of_a_file_are_reported_in_its_order() {
    let source = VALID
        .replace("for: 5m", "for: 300")
        .replace("max: 20", "max: many")
        .replace("available_percent", "free_percent");
    let errors = parse(&source, "p").expect_err("three errors");
    let places: Vec<usize> = errors
        .diagnostics()
        .iter()
        .map(|diagnostic| diagnostic.span.start)
        .collect();
    assert_eq!(places.len(), 3);
    assert!(places.is_sorted());
}

#[test]
fn targets_and_metrics_that_collide_are_refused() {
    let target =
        |group: &str| format!("  - {{ group: {{ {group} }}, limits: {{ min: 0, max: 2 }} }}\n");
    let policy = |metrics: &str, targets: &str| format!("name: p\n{metrics}targets:\n{targets}");
    let metric =
        |name: &str| format!("metrics: {{ {name}: {{ namespace: N, metric_name: M }} }}\n");
    let many: String = (0..50)
        .map(|number| target(&format!("name: g{number}")))
        .collect();
    for (source, message) in [
        (
            policy("", &(target("role: task") + &target("role: task"))),
            "two targets select the same group",
        ),
        (
            policy(
                "",
                &(target("role: task") + &target("role: task, market: spot")),
            ),
            "two targets select the same group (role: task, market: spot)",
        ),
        (
            policy(
                "",
                &(target("role: core") + &target("fleet: task, market: spot")),
            ),
            "either instance groups or instance fleets",
        ),
        (policy("", &many), "more than 49 targets"),
        ("name: p\ntargets: []".to_owned(), "a policy needs a target"),
        (
            policy(&metric("avg"), &target("role: task")),
            "already means something else",
        ),
        (
            policy(&metric("AppsPending"), &target("role: task")),
            "already means something else",
        ),
        (
            policy(&metric("WAITING"), &target("role: task")),
            "already means something else",
        ),
        (
            policy(&metric("a-b"), &target("role: task")),
            "cannot be the name of a metric",
        ),
        (
            policy(
                &metric("a").replace("M }", "M, period: 90s }"),
                &target("role: task"),
            ),
            "no period of `90s`",
        ),
        (
            policy(
                &metric("a").replace("M }", "M, statistic: p99 }"),
                &target("role: task"),
            ),
            "`p99` is not valid here",
        ),
        (String::new(), "the file is empty"),
        ("# nothing\n".to_owned(), "the file has no content"),
        (format!("{VALID}---\n{VALID}"), "a second document"),
    ] {
        let errors = parse(&source, "p").expect_err(message).to_string();
        assert!(errors.contains(message), "{message}: {errors}");
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_makes_the_grammar_panic(text in "\\PC*") {
            let _ = crate::policy::grammar::parse(&text);
        }

        #[test]
        fn no_sequence_of_words_makes_a_condition_panic(words in prop::collection::vec(prop::sample::select(WORDS), 0..60)) {
            let source = VALID.replace("yarn_memory_available_percent < 15", &format!("'{}'", words.join(" ")));
            inside(&source);
        }

        #[test]
        fn a_changed_policy_parses_or_says_where_it_does_not(at in 0usize..200, with in "\\PC{0,6}", cut in 0usize..12) {
            let start = at.min(VALID.len());
            let end = (start + cut).min(VALID.len());
            inside(&format!("{}{with}{}", &VALID[..start], &VALID[end..]));
        }
    }

    const WORDS: &[&str] = &[
        "(",
        ")",
        "avg(",
        "greatest(",
        ",",
        "5m",
        "15",
        "15%",
        "64GiB",
        "-",
        "+",
        "*",
        "/",
        "<",
        ">=",
        "==",
        "and",
        "or",
        "not",
        "true",
        "yarn_apps_pending",
        "yarn_memory_total_mib",
        "emr_cluster_state",
        "WAITING",
        "x",
        "0",
        "é",
    ];

    fn inside(source: &str) {
        if let Err(errors) = parse(source, "p.yaml") {
            for diagnostic in errors.diagnostics() {
                assert!(
                    diagnostic.span.start <= diagnostic.span.end
                        && diagnostic.span.end <= source.len(),
                    "{diagnostic:?}"
                );
                assert!(!diagnostic.message.is_empty());
            }
            assert!(errors.to_string().contains("p.yaml:"), "{errors}");
        }
    }

    #[test]
    fn deep_and_long_conditions_are_refused_before_the_stack_ends() {
        for text in [
            "(".repeat(100_000),
            "-".repeat(1_900),
            "not ".repeat(400),
            "avg(".repeat(400),
            format!("1{}", "+1".repeat(990)),
        ] {
            inside(&VALID.replace("yarn_memory_available_percent < 15", &format!("'{text}'")));
        }
    }
}
