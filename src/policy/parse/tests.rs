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

/// What a person sees, for each way of being wrong.
#[test]
fn every_error_says_where_it_is_and_what_would_be_right() {
    let condition = "when: yarn_memory_available_percent < 15";
    let replacements = [
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
        // names
        ("name: memory-short\n", "name: 'Größe ⛅ a'\n"),
        ("role: task", "role: taks"),
        ("role: task", "role: primary"),
        ("role: task", "fleet: task"),
        ("role: task", "role: task, market: spot"),
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
        ("{ grow: 5 }", "{ track: { signal: yarn_memory_allocated_percent, target: 64GiB } }"),
        ("{ grow: 5 }", "{ track: { signal: yarn_memory_allocated_percent, target: 0, tolerance: 1 } }"),
        // conditions
        (condition, "when: yarn_memory_availabel_percent < 15"),
        (condition, "when: 'yarn_memory_available_percent < 64GiB'"),
        (condition, "when: |\n          yarn_memory_available_percent < 64GiB"),
        (condition, "when: \"yarn_memory_\\u0061vailable_percent < 64GiB\""),
        (condition, "when: yarn_memory_available_mib < 64GB"),
        (condition, "when: yarn_memory_available_percent"),
        (condition, "when: yarn_memory_available_percent < "),
        (condition, "when: yarn_memory_available_percent < 15 && true"),
        (condition, "when: yarn_memory_available_percent = 15"),
        (condition, "when: (yarn_memory_available_percent < 15"),
        (condition, "when: 5 < yarn_memory_available_percent < 15"),
        (condition, "when: yarn_apps_pending / 0 > 1 + true"),
        (condition, "when: emr_cluster_state == WAITNG"),
        (condition, "when: emr_cluster_state > WAITING"),
        (condition, "when: average(yarn_apps_pending, 5m) > 1"),
        (condition, "when: avg(yarn_apps_pending, 300) > 1"),
        (condition, "when: avg(yarn_apps_pending + 1, 5m) < 15 and foo > 3 and IsIdle > 0"),
        (condition, "when: greatest(yarn_apps_pending, yarn_memory_total_mib) > 3"),
        // guards and the schedule
        ("    rules:", "    step: { grow: 0 }\n    budget: { shrink: 0, per: 0s }\n    flips: { max: 4, per: 1x }\n    rules:"),
        ("    rules:", "    provisioning: { quarantine: 2h }\n    hdfs: { replication: 0, max_used: 120% }\n    rules:"),
        (
            "    rules:",
            "    schedule:\n      - { name: w, days: [mon, tuesday], from: 8, to: '24:00', time_zone: Europe/Berln }\n    rules:",
        ),
    ];
    let mut seen = String::new();
    for (from, to) in replacements {
        let errors = parse(&VALID.replacen(from, to, 1), "policy.yaml").expect_err(to);
        seen.push_str(&format!("{errors}\n\n"));
    }
    insta::assert_snapshot!(seen);
}

#[test]
fn the_smallest_policy_has_the_documented_defaults() {
    let policy = parse("name: p\ntargets: [{ group: { role: core }, limits: { min: 1, max: 2 } }]", "p").expect("valid");
    assert_eq!(policy.poll(), DEFAULT_POLL);
    assert_eq!(policy.targets()[0].guards, crate::policy::Guards::default());
    assert!(policy.targets()[0].rules.is_empty());
}
