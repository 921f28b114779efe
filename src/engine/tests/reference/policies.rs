//! Generates policies as their authors write them.

use std::fmt::{self, Write};

use proptest::prelude::*;

/// A policy, as the parts of its text.
#[derive(Clone)]
pub(super) struct Written {
    poll_s: i64,
    uses_yarn: bool,
    targets: Vec<WrittenTarget>,
}

#[derive(Clone, Debug)]
struct WrittenTarget {
    min: u32,
    max: u32,
    rules: Vec<WrittenRule>,
    guards: Vec<String>,
}

#[derive(Clone, Debug)]
struct WrittenRule {
    when: String,
    for_s: i64,
    then: String,
    cooldown_s: i64,
}

impl Written {
    /// The whole text. Guards that the reference does not cover are set so that they do not apply.
    pub(super) fn yaml(&self) -> String {
        let mut text = format!(
            "name: generated\npoll: {}s\nuses_yarn: {}\nmetrics:\n  \
             depth: {{ namespace: A, metric_name: D, period: 1m, delay: 1m }}\n  \
             lag: {{ namespace: A, metric_name: L, period: 5m, delay: 2m }}\ntargets:\n",
            self.poll_s, self.uses_yarn
        );
        for (target, market) in self.targets.iter().zip(["on-demand", "spot"]) {
            let (min, max) = (target.min, target.max);
            let name = if market == "spot" { "second" } else { "first" };
            let _ = writeln!(
                text,
                "  - name: {name}\n    group: {{ role: task, market: {market} }}\n    limits: {{ min: {min}, max: {max} }}\n    provisioning: {{ timeout: 6d }}"
            );
            if self.uses_yarn {
                text.push_str("    keep_shuffle_output: 0s\n");
            }
            for guard in &target.guards {
                let _ = writeln!(text, "    {guard}");
            }
            text.push_str("    rules:\n");
            for (number, rule) in target.rules.iter().enumerate() {
                let WrittenRule {
                    when,
                    for_s,
                    then,
                    cooldown_s,
                } = rule;
                let _ = writeln!(
                    text,
                    "      - {{ name: r{number}, when: \"{when}\", for: {for_s}s, then: {{ {then} }}, cooldown: {cooldown_s}s }}"
                );
            }
        }
        text
    }
}

/// A failure shows the text.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.yaml())
    }
}

/// Policies of one or two targets, with and without YARN.
pub(super) fn policies() -> impl Strategy<Value = Written> {
    let kind = (
        prop_oneof![4 => Just(30_i64), 1 => Just(60)],
        proptest::bool::weighted(0.8),
    );
    kind.prop_flat_map(|(poll_s, uses_yarn)| {
        let targets = proptest::collection::vec(target(uses_yarn), 1..=2);
        targets.prop_map(move |targets| {
            let mut written = Written {
                poll_s,
                uses_yarn,
                targets,
            };
            if written.targets.len() == 1 {
                let rules = &mut written.targets[0].rules;
                rules
                    .iter_mut()
                    .for_each(|rule| rule.when = rule.when.replace("(second)", ""));
            }
            written
        })
    })
}

fn target(uses_yarn: bool) -> impl Strategy<Value = WrittenTarget> {
    let limits = (0_u32..=4, 6_u32..=20);
    let rules = proptest::collection::vec(rule(uses_yarn), 1..=5);
    (limits, rules, guards()).prop_map(|((min, max), rules, guards)| WrittenTarget {
        min,
        max,
        rules,
        guards,
    })
}

fn rule(uses_yarn: bool) -> impl Strategy<Value = WrittenRule> {
    let for_s = prop_oneof![4 => Just(0_i64), 1 => Just(30), 1 => Just(60), 1 => Just(95), 1 => Just(300), 1 => Just(600)];
    let cooldown_s = prop_oneof![3 => Just(0_i64), 1 => Just(60), 1 => Just(130), 1 => Just(600)];
    (condition(uses_yarn), for_s, change(), cooldown_s).prop_map(
        |(when, for_s, then, cooldown_s)| WrittenRule {
            when,
            for_s,
            then,
            cooldown_s,
        },
    )
}

fn change() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => (1_u32..=6).prop_map(|n| format!("grow: {n}")),
        2 => prop_oneof![Just(7_u32), Just(20), Just(33), Just(50), Just(150)].prop_map(|n| format!("grow: {n}%")),
        3 => (1_u32..=6).prop_map(|n| format!("shrink: {n}")),
        2 => prop_oneof![Just(7_u32), Just(20), Just(33), Just(70)].prop_map(|n| format!("shrink: {n}%")),
        2 => (0_u32..=22).prop_map(|n| format!("set: {n}")),
        1 => Just("set: min".to_owned()),
        1 => Just("set: max".to_owned()),
    ]
}

/// A guard and the ways to write it; each is left out half of the time.
fn guards() -> impl Strategy<Value = Vec<String>> {
    let size = || prop_oneof![3 => (1_u32..=5).prop_map(|n| n.to_string()), 1 => Just("20%".to_owned()), 1 => Just("45%".to_owned())];
    let time = || prop_oneof![Just("0s"), Just("45s"), Just("2m"), Just("10m")];
    let budget = (
        size(),
        size(),
        prop_oneof![Just("5m"), Just("15m"), Just("1h")],
    );
    let all = (
        proptest::option::of(
            (size(), size())
                .prop_map(|(grow, shrink)| format!("step: {{ grow: {grow}, shrink: {shrink} }}")),
        ),
        proptest::option::of(budget.prop_map(|(grow, shrink, per)| {
            format!("budget: {{ grow: {grow}, shrink: {shrink}, per: {per} }}")
        })),
        proptest::option::weighted(
            0.3,
            (1_u32..=3, prop_oneof![Just("5m"), Just("1h")])
                .prop_map(|(max, per)| format!("flips: {{ max: {max}, per: {per} }}")),
        ),
        proptest::option::of(time().prop_map(|time| format!("reversal: {time}"))),
        proptest::option::weighted(
            0.3,
            time().prop_map(|time| format!("stabilization: {time}")),
        ),
        proptest::option::of(time().prop_map(|time| format!("yield_to_operator: {time}"))),
    );
    all.prop_map(|(step, budget, flips, reversal, stabilization, yielding)| {
        [step, budget, flips, reversal, stabilization, yielding]
            .into_iter()
            .flatten()
            .collect()
    })
}

fn condition(uses_yarn: bool) -> BoxedStrategy<String> {
    let leaf = if uses_yarn {
        prop_oneof![5 => of_yarn(), 4 => of_others()].boxed()
    } else {
        of_others().boxed()
    };
    let nested = leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    });
    // `true` stands alone only: which times it adds to other parts is not documented.
    prop_oneof![30 => nested, 1 => Just("true".to_owned())].boxed()
}

fn of_yarn() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("yarn_memory_available_percent < 15"),
        4 => Just("yarn_memory_available_percent > 75"),
        1 => Just("75 <= yarn_memory_available_percent"),
        2 => Just("yarn_containers_pending > 0"),
        1 => Just("yarn_containers_pending == 0"),
        1 => Just("avg(yarn_memory_available_percent, 5m) > 60"),
        1 => Just("max(yarn_containers_pending, 2m) == 0"),
        1 => Just("rate(yarn_containers_released_total, 3m) < 0.5"),
        1 => Just("yarn_containers_pending > emr_instances_running"),
        1 => Just("yarn_containers_pending / depth >= 0.05"),
    ]
    .prop_map(str::to_owned)
}

fn of_others() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just("depth > 100"),
        3 => Just("depth < 10"),
        2 => Just("lag >= 50"),
        1 => Just("lag != 0"),
        1 => Just("min(depth, 5m) > 20"),
        1 => Just("avg(lag, 10m) < 30"),
        1 => Just("p90(depth, 4m) <= 10"),
        1 => Just("lag / depth > 1"),
        1 => Just("greatest(depth, lag) > 90"),
        1 => Just("least(depth, lag, 50) < 20"),
        1 => Just("emr_instances_running < 5"),
        1 => Just("emr_instances_requested >= 8"),
        1 => Just("emr_instances_running(second) > 4"),
        1 => Just("emr_cluster_state == WAITING"),
        1 => Just("emr_cluster_state != WAITING"),
    ]
    .prop_map(str::to_owned)
}
