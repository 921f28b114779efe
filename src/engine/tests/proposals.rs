//! Which change of size wins.

use super::*;

#[test]
fn scale_out_beats_scale_in_then_the_larger_size_then_file_order() {
    let rules = vec![
        rule("shrink", Comparison::Less, 50.0, 0, shrink(1), 0),
        rule("small", Comparison::Less, 50.0, 0, grow(2), 0),
        rule("large", Comparison::Less, 50.0, 0, grow(4), 0),
        rule("large-too", Comparison::Less, 50.0, 0, grow(4), 0),
    ];
    let mut harness = Harness::new(policy(rules.clone()), 4);
    let Action::Resize(resize) = harness.tick(0, Some(10.0)) else {
        panic!("a resize")
    };
    assert_eq!(
        (resize.to, resize.because),
        (Instances(8), Cause::Rule(rules[2].name.clone()))
    );
    let shrinks = vec![
        rule("three", Comparison::Less, 50.0, 0, shrink(3), 0),
        rule("one", Comparison::Less, 50.0, 0, shrink(1), 0),
    ];
    assert_eq!(
        Harness::new(policy(shrinks), 4)
            .tick(0, Some(10.0))
            .resized_to(),
        Some(3),
        "of two scale-ins the one that keeps more"
    );
}

#[test]
fn a_rule_that_wants_exactly_the_present_size_holds_off_scale_in() {
    let rules = vec![
        rule(
            "stay",
            Comparison::Less,
            50.0,
            0,
            Change::Set(Size::Exactly(Instances(4))),
            0,
        ),
        rule("shrink", Comparison::Less, 50.0, 0, shrink(1), 0),
    ];
    assert_eq!(
        Harness::new(policy(rules), 4).tick(0, Some(10.0)).reason(),
        Some("no_rule_firing")
    );
}

#[test]
fn below_the_minimum_grows_at_once_and_above_the_maximum_shrinks_to_it() {
    let mut harness = Harness::new(policy(vec![]), 25);
    let Action::Resize(resize) = harness.tick(0, None) else {
        panic!("a resize")
    };
    assert_eq!(
        (resize.to, resize.because),
        (Instances(20), Cause::AboveMaximum)
    );
    let limits = Limits::new(Instances(3), Instances(20)).expect("in order");
    let Action::Resize(resize) = Harness::new(policy(vec![]).with_limits(limits), 1).tick(0, None)
    else {
        panic!("a resize")
    };
    assert_eq!(
        (resize.to, resize.because),
        (Instances(3), Cause::BelowMinimum)
    );
}

#[test]
fn the_minimum_comes_before_step_caps_budgets_and_what_is_in_flight() {
    let min_10 = Limits::new(Instances(10), Instances(20)).expect("in order");
    let budget = Budget {
        direction: Direction::Out,
        cap: Cap::Instances(Instances(1)),
        per: HOUR,
    };
    let guards = Guards {
        step_grow: Some(Cap::Instances(Instances(2))),
        budgets: vec![budget],
        ..Guards::default()
    };
    let rules = vec![rule("short", Comparison::Less, 15.0, 0, grow(8), 0)];
    assert_eq!(
        Harness::new(guarded(rules, guards).with_limits(min_10), 4)
            .tick(0, Some(10.0))
            .resized_to(),
        Some(10)
    );

    let night =
        "{ name: t, targets: [{ group: { role: task }, limits: { min: 0, max: 20 }, rules: [
        { name: short, when: yarn_memory_available_percent < 15, then: { grow: 5 } }],
        schedule: [{ name: day, from: '00:01', to: '23:00', limits: { min: 10, max: 20 } }] }] }";
    let mut harness = Harness::new(parsed(night), 3);
    assert_eq!(harness.tick(0, Some(10.0)).resized_to(), Some(8));
    harness.note(Outcome::Accepted);
    harness.report(8, 3);
    assert_eq!(
        harness.tick(30, Some(10.0)).reason(),
        Some("resize_in_flight")
    );
    assert_eq!(
        harness.tick(60, Some(10.0)).resized_to(),
        Some(10),
        "a rule that must wait does not keep the minimum waiting"
    );
}
