//! What people complain of in other autoscalers, each as a test of the opposite. Beside these:
//! application masters are protected and limits are kept (`guards`), metrics that fail never shrink
//! anything and no action is taken twice (`holds`, `flights`, `properties`).

use super::*;

#[test]
fn containers_that_come_and_go_within_a_poll_do_not_run_a_group_to_its_maximum() {
    let mut harness = Harness::new(available_memory(), 4);
    for s in (0..7_200).step_by(30) {
        let available = if s % 60 == 0 { 0.0 } else { 60.0 };
        assert_eq!(
            harness.tick(s, Some(available)).resized_to(),
            None,
            "short at every other sample only"
        );
    }
}

#[test]
fn metrics_that_fail_never_cause_a_scale_in() {
    let rules = vec![
        rule("idle", Comparison::Greater, 75.0, 60, shrink(3), 0),
        rule("short", Comparison::Less, 15.0, 0, grow(5), 0),
    ];
    let mut harness = Harness::new(policy(rules), 9);
    harness.tick(0, Some(80.0));
    harness.tick(30, Some(80.0));
    for s in (60..7_200).step_by(30) {
        assert_eq!(
            harness.tick(s, None).reason(),
            Some("missing_signal"),
            "at {s} s"
        );
    }
    assert_eq!(
        harness.tick(7_200, Some(80.0)).resized_to(),
        None,
        "and are not counted as idle afterwards"
    );
}

#[test]
fn one_missing_metric_does_not_freeze_the_rules_that_can_do_without_it() {
    let rules = "rules: [
        { name: full, when: hdfs_used_percent > 90, then: { grow: 1 } },
        { name: short, when: yarn_memory_available_percent < 15, then: { grow: 5 } }]";
    let spec = parsed(&format!(
        "{{ name: t, targets: [{{ group: {{ role: task }}, limits: {{ min: 0, max: 20 }}, {rules} }}] }}"
    ));
    assert_eq!(
        Harness::new(spec, 4).tick(0, Some(10.0)).resized_to(),
        Some(9)
    );
}

#[test]
fn the_votes_of_several_rules_do_not_cancel_out() {
    let mut rules = vec![
        rule("less", Comparison::Less, 50.0, 0, shrink(5), 0),
        rule("more", Comparison::Less, 50.0, 0, grow(5), 0),
    ];
    rules.push(rule(
        "stay",
        Comparison::Less,
        50.0,
        0,
        Change::Set(Size::Exactly(Instances(9))),
        0,
    ));
    assert_eq!(
        Harness::new(policy(rules), 9)
            .tick(0, Some(10.0))
            .resized_to(),
        Some(14)
    );
}

#[test]
fn a_rule_that_waits_for_its_resize_does_not_silence_another_that_need_not() {
    let mut rules = eager();
    rules.push(rule(
        "double",
        Comparison::Less,
        15.0,
        0,
        Change::Grow(Amount::Percent(crate::units::Percent(300.0))),
        0,
    ));
    rules.push(rule(
        "urgent",
        Comparison::Less,
        5.0,
        0,
        Change::Set(Size::Exactly(Instances(19))),
        0,
    ));
    let mut harness = Harness::new(
        guarded(
            rules,
            Guards {
                step_grow: Some(Cap::Instances(Instances(5))),
                ..Guards::default()
            },
        ),
        4,
    );
    assert_eq!(harness.tick(0, Some(10.0)).resized_to(), Some(9));
    harness.note(Outcome::Accepted);
    harness.report(9, 4);
    assert_eq!(
        harness.tick(30, Some(1.0)).resized_to(),
        Some(14),
        "`urgent` goes on towards 19, though `double` wants 36"
    );
}

#[test]
fn no_refusal_stops_the_engine_for_good_and_each_says_why() {
    let mut harness = Harness::new(policy(eager()), 4);
    let mut calls_at_s = Vec::new();
    for s in (0..7_200).step_by(30) {
        match harness.tick(s, Some(10.0)) {
            Action::Resize(_) => {
                harness.note(Outcome::Rejected(Rejection::AccessDenied));
                calls_at_s.push(s);
            }
            Action::Hold(reason) => {
                assert!(reason.to_string().contains("access denied"), "{reason}")
            }
        }
    }
    assert!(
        calls_at_s
            .windows(2)
            .all(|calls| calls[1] - calls[0] <= 600),
        "{calls_at_s:?}"
    );
    assert!(calls_at_s.len() < 20, "nor does it hammer: {calls_at_s:?}");
}

#[test]
fn a_cooldown_is_in_seconds_and_ends_even_when_nothing_else_happens() {
    let mut harness = Harness::new(
        policy(vec![rule(
            "idle",
            Comparison::Greater,
            75.0,
            0,
            shrink(3),
            90,
        )]),
        9,
    );
    assert_eq!(harness.tick(0, Some(80.0)).resized_to(), Some(6));
    harness.note(Outcome::Accepted);
    harness.report(6, 6);
    harness.tick(30, Some(50.0));
    harness.tick(60, Some(50.0));
    let action = harness.tick(119, Some(80.0));
    assert_eq!(
        action.reason(),
        Some("cooling_down"),
        "89 s after the completion at 30 s"
    );
    assert_eq!(
        harness.engine.next_wakeup(),
        (second(120), WakeReason::WaitEnds)
    );
    assert_eq!(harness.tick(120, Some(80.0)).resized_to(), Some(3));
}

#[test]
fn what_was_refused_moves_no_cooldown_and_spends_no_budget() {
    let budget = Budget {
        direction: Direction::In,
        cap: Cap::Instances(Instances(3)),
        per: HOUR,
    };
    let rules = vec![rule("idle", Comparison::Greater, 75.0, 0, shrink(3), 600)];
    let mut harness = Harness::new(
        guarded(
            rules,
            Guards {
                budgets: vec![budget],
                reversal: Duration::ZERO,
                ..Guards::default()
            },
        ),
        9,
    );
    assert_eq!(harness.tick(0, Some(80.0)).resized_to(), Some(6));
    harness.note(Outcome::Rejected(Rejection::Other));
    assert_eq!(harness.tick(30, Some(80.0)).resized_to(), Some(6));
}

#[test]
fn a_decision_to_hold_names_what_would_have_to_change() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.scene.available_percent = Some(80.0);
    let decision = harness.engine.step(&harness.scene.observation()).remove(0);
    assert_eq!(
        decision.rules[1].state,
        RuleState::Pending {
            since: second(0),
            until: second(180)
        }
    );
    assert_eq!(decision.readings.len(), 1);
}

#[test]
fn a_job_that_comes_every_ten_minutes_does_not_make_the_group_thrash() {
    let guards = Guards {
        flips: Some(FlipBudget { max: 2, per: HOUR }),
        reversal: Duration::ZERO,
        ..Guards::default()
    };
    let mut harness = Harness::new(guarded(eager(), guards), 4);
    let mut directions = Vec::new();
    for s in (0..4 * 3_600).step_by(30) {
        let action = harness.tick(s, Some(if s / 300 % 2 == 0 { 10.0 } else { 80.0 }));
        if let Action::Resize(resize) = action {
            harness.note(Outcome::Accepted);
            harness.report(resize.to.get(), resize.to.get());
            directions.push(resize.direction());
        }
    }
    let flips = directions
        .windows(2)
        .filter(|pair| pair[0] != pair[1])
        .count();
    assert!(flips <= 12, "{flips} changes of direction in four hours");
}
