use std::time::Duration;

use super::VALID;
use crate::observation::{Market, Role};
use crate::policy::demand::{Demand, DemandUnits, PerformanceIndex};
use crate::policy::parse::parse;
use crate::policy::{Limits, Policy, Selector};
use crate::units::Instances;

/// A policy whose `demand` and targets a test gives.
fn demanding(demand: &str, rest: &str) -> String {
    format!("name: p\ndemand: {{ {demand} }}\n{rest}")
}

#[test]
fn demand_has_the_documented_defaults() {
    let policy = parse(&demanding("min: 0, max: 9", ""), "p").expect("valid");
    let expected = Demand {
        min: 0,
        max: 9,
        units: DemandUnits::Instances,
        max_core: 9,
        max_on_demand: 9,
        first_market: Market::OnDemand,
        performance_index: PerformanceIndex::new(50).expect("in range"),
    };
    assert_eq!(policy.demand(), Some(&expected));
    assert_eq!(parse(VALID, "p").expect("valid").demand(), None);
}

#[test]
fn every_field_of_demand_arrives_in_the_model() {
    let source = demanding(
        "min: 2, max: 100, units: vcpu, max_core: 10, max_on_demand: 20, market_order: [spot], performance_index: 75",
        "",
    );
    let expected = Demand {
        min: 2,
        max: 100,
        units: DemandUnits::Vcpu,
        max_core: 10,
        max_on_demand: 20,
        first_market: Market::Spot,
        performance_index: PerformanceIndex::new(75).expect("in range"),
    };
    assert_eq!(
        parse(&source, "p").expect("valid").demand(),
        Some(&expected)
    );
}

#[test]
fn demand_without_targets_scales_core_and_task() {
    for (units, kind) in [
        ("instances", "role"),
        ("vcpu", "role"),
        ("fleet-units", "fleet"),
    ] {
        let policy = parse(
            &demanding(&format!("min: 1, max: 9, units: {units}"), ""),
            "p",
        )
        .expect("valid");
        let selectors: Vec<String> = policy
            .targets()
            .iter()
            .map(|target| target.selector.to_string())
            .collect();
        let parts = [
            "core, market: on-demand",
            "core, market: spot",
            "task, market: on-demand",
            "task, market: spot",
        ];
        assert_eq!(
            selectors,
            parts.map(|part| format!("{kind}: {part}")),
            "{units}"
        );
        assert!(
            policy
                .targets()
                .iter()
                .all(|target| target.guards == crate::policy::Guards::default())
        );
    }
}

#[test]
fn a_target_that_follows_demand_has_its_own_limits_and_guards_or_those_of_demand() {
    let targets = "targets:\n  - { group: { role: core }, limits: { min: 2, max: 3 } }\n  - { group: { role: task }, reversal: 9m }\n";
    let policy = parse(&demanding("min: 1, max: 9", targets), "p").expect("valid");
    let limits: Vec<(u32, u32)> = policy
        .targets()
        .iter()
        .map(|t| (t.limits.min().get(), t.limits.max().get()))
        .collect();
    assert_eq!(limits, [(2, 3), (0, 9)]);
    assert_eq!(
        policy.targets()[1].guards.reversal,
        Duration::from_secs(540)
    );
}

#[test]
fn demand_that_makes_no_sense_is_refused_with_what_would_be_right() {
    let task = "targets: [{ group: { role: task } }]\n";
    let cases = [
        demanding("min: 9, max: 2", ""),
        demanding("min: 0, max: 0", ""),
        demanding("min: 1", ""),
        demanding("min: 1, max: 9, units: cores", ""),
        demanding("min: 1, max: 9, max_core: 10", ""),
        demanding("min: 1, max: 9, max_on_demand: 10", ""),
        demanding("min: 1, max: 9, performance_index: 0", ""),
        demanding("min: 1, max: 9, performance_index: 101", ""),
        demanding("min: 1, max: 9, maximum: 4", ""),
        demanding("min: 1, max: 9", "targets: []\n"),
        demanding(
            "min: 1, max: 9",
            "targets:\n  - group: { role: task }\n    rules:\n      - { name: r, when: true, then: { grow: 1 } }\n",
        ),
        demanding("min: 1, max: 9, units: fleet-units", task),
        demanding(
            "min: 1, max: 9, units: vcpu",
            "targets: [{ group: { fleet: task, market: spot } }]\n",
        ),
        "name: p\n".to_owned(),
        format!("name: p\n{task}"),
    ];
    let seen: Vec<String> = cases
        .iter()
        .map(|source| parse(source, "policy.yaml").expect_err(source).to_string())
        .collect();
    insta::assert_snapshot!(seen.join("\n\n"));
}

#[test]
fn demand_is_counted_within_the_limits_of_a_comparison() {
    let limits = Limits::new(Instances(2), Instances(6)).expect("in order");
    let of = |demand: &str| {
        parse(&demanding(demand, ""), "p")
            .expect("valid")
            .with_limits(limits)
    };
    let numbers = |policy: &Policy| {
        policy
            .demand()
            .map(|d| (d.min, d.max, d.max_core, d.max_on_demand))
    };
    assert_eq!(
        numbers(&of("min: 1, max: 9, max_core: 4, max_on_demand: 8")),
        Some((2, 6, 4, 6))
    );
    assert_eq!(numbers(&of("min: 1, max: 3")), Some((2, 6, 6, 6)));
    assert_eq!(
        numbers(&of("min: 1, max: 90, units: vcpu")),
        Some((1, 90, 90, 90))
    );
    let shared: Vec<u32> = of("min: 1, max: 9")
        .targets()
        .iter()
        .map(|target| target.limits.min().get())
        .collect();
    assert_eq!(shared, [0; 4], "all targets share the minimum");
    let alone = of("min: 1, max: 9")
        .on_group(&Selector::Role(Role::Task))
        .expect("a group of instances")
        .with_limits(limits);
    assert_eq!(
        (alone.targets().len(), alone.targets()[0].limits),
        (1, limits)
    );
}

#[test]
fn a_policy_that_cannot_run_on_one_group_is_refused_for_it() {
    let two = parse(
        &VALID.replace(
            "targets:",
            "targets:\n  - { group: { name: other }, limits: { min: 0, max: 1 } }",
        ),
        "p",
    )
    .expect("valid");
    let error = two
        .on_group(&Selector::Role(Role::Task))
        .expect_err("two targets");
    assert!(error.to_string().contains("2 groups"), "{error}");
    let demand = parse(&demanding("min: 1, max: 9", ""), "p").expect("valid");
    let fleet = Selector::Fleet {
        role: Role::Task,
        market: Market::Spot,
    };
    let error = demand
        .on_group(&fleet)
        .expect_err("a fleet has no instances");
    assert!(error.to_string().contains("units: fleet-units"), "{error}");
}
