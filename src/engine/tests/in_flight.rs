//! Resizes on their way, their outcomes, cooldowns and operators.

use super::*;

#[test]
fn a_second_grow_waits_for_the_first_to_complete() {
    let mut harness = Harness::new(available_memory(), 4);
    assert_eq!(harness.until_resize(0, 300, 10.0), Some((300, 9)));
    harness.report(9, 4);
    assert_eq!(
        harness.tick(330, Some(10.0)),
        Action::Hold(HoldReason::ResizeInFlight { to: Instances(9) })
    );
    harness.report(9, 9);
    assert_eq!(
        harness.tick(660, Some(10.0)).reason(),
        Some("no_rule_firing"),
        "the samples had a gap: the hold starts anew"
    );
    assert_eq!(harness.until_resize(690, 1_200, 10.0), Some((960, 14)));
}

#[test]
fn growing_does_not_wait_for_a_shrink_to_drain() {
    let mut harness = Harness::new(available_memory(), 9);
    assert_eq!(harness.until_resize(0, 180, 80.0), Some((180, 6)));
    harness.report(6, 9);
    assert_eq!(harness.until_resize(210, 900, 10.0), Some((510, 11)));
}

#[test]
fn cooldown_counts_from_the_completion_of_the_resize() {
    let mut harness = Harness::new(available_memory(), 12);
    assert_eq!(harness.until_resize(0, 180, 80.0), Some((180, 9)));
    harness.report(9, 12);
    assert_eq!(
        harness.until_resize(210, 1_200, 80.0),
        None,
        "draining takes its time"
    );
    harness.report(9, 9);
    assert_eq!(
        harness.until_resize(1_230, 1_500, 80.0),
        None,
        "five minutes from 1,230 s"
    );
    assert_eq!(harness.until_resize(1_530, 1_800, 80.0), Some((1_530, 6)));
}

#[test]
fn a_refused_call_starts_no_cooldown_and_waits_before_the_next() {
    let mut harness = Harness::new(available_memory(), 9);
    harness.tick(0, Some(80.0));
    harness.until_resize(30, 150, 80.0);
    assert_eq!(harness.tick(180, Some(80.0)).resized_to(), Some(6));
    harness.note(Outcome::Rejected(Rejection::Throttled));
    assert_eq!(
        harness.tick(200, Some(80.0)),
        Action::Hold(HoldReason::CallRejected {
            rejection: Rejection::Throttled,
            until: second(210)
        })
    );
    assert_eq!(
        harness.engine.next_wakeup(),
        (second(210), WakeReason::WaitEnds)
    );
    assert_eq!(harness.tick(210, Some(80.0)).resized_to(), Some(6));
}

#[test]
fn an_unanswered_call_is_not_repeated_before_the_cluster_was_described_again() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.until_resize(0, 270, 10.0);
    assert_eq!(harness.tick(300, Some(10.0)).resized_to(), Some(9));
    harness.note(Outcome::Unknown);
    let mut old_news = harness.scene.observation();
    (old_news.at, old_news.cluster.measured_at) = (second(330), second(300));
    assert_eq!(
        harness.observe(&old_news).reason(),
        Some("resize_in_flight")
    );
    assert_eq!(
        harness.tick(360, Some(10.0)).resized_to(),
        Some(9),
        "it never arrived"
    );
}

#[test]
fn an_operators_resize_is_left_alone_for_a_while() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.tick(0, Some(10.0));
    harness.report(12, 12);
    assert_eq!(
        harness.tick(30, Some(10.0)),
        Action::Hold(HoldReason::YieldingToOperator { until: second(930) })
    );
    assert_eq!(harness.until_resize(60, 1_500, 10.0), Some((930, 17)));
}

#[test]
fn growth_that_never_arrives_is_quarantined_and_then_tried_again() {
    let guards = Guards {
        provision_timeout: Duration::from_secs(600),
        quarantine: Duration::from_secs(300),
        reversal: Duration::ZERO,
        ..Guards::default()
    };
    let mut harness = Harness::new(
        guarded(
            vec![rule("short", Comparison::Less, 15.0, 0, grow(5), 0)],
            guards,
        ),
        4,
    );
    assert_eq!(harness.tick(0, Some(10.0)).resized_to(), Some(9));
    harness.note(Outcome::Accepted);
    harness.report(9, 4);
    assert_eq!(
        harness.tick(600, Some(10.0)).reason(),
        Some("resize_in_flight")
    );
    assert_eq!(
        harness.tick(630, Some(10.0)),
        Action::Hold(HoldReason::Quarantined {
            until: second(930),
            message: None
        })
    );
    assert_eq!(
        harness.tick(930, Some(10.0)).resized_to(),
        Some(9),
        "the same size again: five are still owed"
    );
}

#[test]
fn growth_waits_while_emr_replaces_instances_that_were_lost() {
    let rules = vec![rule("short", Comparison::Less, 15.0, 0, grow(5), 0)];
    let mut harness = Harness::new(guarded(rules, Guards::default()), 9);
    harness.tick(0, Some(50.0));
    harness.report(9, 4);
    assert_eq!(
        harness.tick(30, Some(10.0)),
        Action::Hold(HoldReason::ResizeInFlight { to: Instances(9) })
    );
    harness.report(9, 9);
    assert_eq!(harness.tick(60, Some(10.0)).resized_to(), Some(14));
}

#[test]
fn lost_instances_that_emr_does_not_replace_in_time_are_requested_again() {
    let guards = Guards {
        provision_timeout: Duration::from_secs(60),
        quarantine: Duration::from_secs(60),
        ..Guards::default()
    };
    let set = Change::Set(Size::Exactly(Instances(9)));
    let rules = vec![rule("short", Comparison::Less, 15.0, 0, set, 0)];
    let mut harness = Harness::new(guarded(rules, guards), 9);
    harness.report(9, 4);
    let actions: Vec<_> = (0..=5)
        .map(|tick| harness.tick(30 * tick, Some(10.0)))
        .map(|action| action.resized_to().or(action.reason().map(|_| 0)))
        .collect();
    assert_eq!(
        actions.last().copied().flatten(),
        Some(9),
        "missing for over a minute, then quarantined for one: {actions:?}"
    );
}

/// Whether the scale-in of a rule that the minimum forbids hides that the minimum is not met.
#[test]
fn lost_instances_of_a_group_at_its_minimum_are_requested_again_while_a_rule_would_scale_in() {
    let policy = parsed(
        "
name: idle
poll: 30s
targets:
  - group: { role: task }
    limits: { min: 2, max: 20 }
    provisioning: { timeout: 1m, quarantine: 1m }
    rules:
      - { name: idle, when: yarn_memory_available_percent > 75, then: { shrink: 1 } }
",
    );
    let mut harness = Harness::new(policy, 2);
    harness.report(2, 0);
    let actions: Vec<_> = (0..=5)
        .map(|tick| harness.tick(30 * tick, Some(90.0)))
        .collect();
    assert_eq!(actions[5].resized_to(), Some(2), "{actions:?}");
}

#[test]
fn a_scale_out_behind_nodes_that_drain_is_complete_at_once() {
    let rules = vec![rule("short", Comparison::Less, 15.0, 0, grow(1), 0)];
    let mut harness = Harness::new(guarded(rules, Guards::default()), 20);
    harness.report(15, 20);
    harness.scene.groups[1].state = GroupState::Resizing;
    harness.engine = started(
        harness.engine.policy().clone(),
        harness.scene.groups.clone(),
    );
    for (s, to) in [(0, 16), (30, 17), (60, 18)] {
        assert_eq!(harness.tick(s, Some(10.0)).resized_to(), Some(to));
        harness.note(Outcome::Accepted);
        harness.scene.groups[1].requested = Instances(to);
    }
}

#[test]
fn a_call_that_emr_does_not_show_yet_is_not_made_again() {
    let rules = vec![rule(
        "short",
        Comparison::Less,
        15.0,
        0,
        Change::Set(Size::Exactly(Instances(20))),
        0,
    )];
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
    assert_eq!(
        harness.tick_described(30, 0, 10.0).reason(),
        Some("resize_in_flight"),
        "described before the call"
    );
    assert_eq!(
        harness.tick(60, Some(10.0)).reason(),
        Some("resize_in_flight"),
        "reported late"
    );
    harness.report(9, 4);
    assert_eq!(harness.tick(90, Some(10.0)).resized_to(), Some(14));
}

#[test]
fn a_grow_starts_from_the_size_that_an_earlier_shrink_left() {
    let mut harness = Harness::new(policy(eager()), 9);
    assert_eq!(harness.tick(0, Some(80.0)).resized_to(), Some(6));
    harness.note(Outcome::Accepted);
    assert_eq!(
        harness.tick_described(30, 0, 10.0).reason(),
        Some("resize_in_flight")
    );
    harness.report(6, 9);
    assert_eq!(harness.tick(60, Some(10.0)).resized_to(), Some(11));
}

#[test]
fn a_refused_or_lost_call_leaves_the_resize_before_it_in_flight() {
    for outcome in [Outcome::Rejected(Rejection::Throttled), Outcome::Unknown] {
        let mut rules = eager();
        rules.push(rule(
            "very-short",
            Comparison::Less,
            5.0,
            0,
            Change::Set(Size::Exactly(Instances(15))),
            0,
        ));
        let mut harness = Harness::new(policy(rules), 4);
        assert_eq!(harness.tick(0, Some(10.0)).resized_to(), Some(9));
        harness.note(Outcome::Accepted);
        harness.report(9, 4);
        assert_eq!(harness.tick(30, Some(1.0)).resized_to(), Some(15));
        harness.note(outcome);
        assert_eq!(
            harness.tick(60, Some(10.0)),
            Action::Hold(HoldReason::ResizeInFlight { to: Instances(9) }),
            "{outcome:?}"
        );
    }
}

#[test]
fn a_fleet_that_cannot_meet_its_target_exactly_completes_its_resizes() {
    let mut harness = Harness::new(policy(eager()), 4);
    let fleet = |harness: &mut Harness, requested: u32, running: u32| {
        harness.report(requested, running);
        harness.scene.groups[1].state = GroupState::Running;
    };
    assert_eq!(harness.tick(0, Some(10.0)).resized_to(), Some(9));
    harness.note(Outcome::Accepted);
    fleet(&mut harness, 9, 12);
    assert_eq!(
        harness.tick(30, Some(10.0)).resized_to(),
        Some(14),
        "12 units where 9 were asked for"
    );
    harness.note(Outcome::Accepted);
    fleet(&mut harness, 14, 16);
    assert_eq!(harness.tick(60, Some(80.0)).resized_to(), Some(11));
    harness.note(Outcome::Accepted);
    fleet(&mut harness, 11, 16);
    assert_eq!(
        harness.tick(90, Some(80.0)).reason(),
        Some("resize_in_flight"),
        "EMR may not have begun"
    );
    assert_eq!(
        harness.tick(151, Some(80.0)).resized_to(),
        Some(8),
        "no instance is small enough to go"
    );
}

#[test]
fn a_resize_that_is_overtaken_starts_its_cooldown_when_the_other_completes() {
    let rules = vec![
        rule("idle", Comparison::Greater, 75.0, 0, shrink(3), 600),
        rule("short", Comparison::Less, 15.0, 0, grow(5), 0),
    ];
    let mut harness = Harness::new(policy(rules), 9);
    assert_eq!(harness.tick(0, Some(80.0)).resized_to(), Some(6));
    harness.note(Outcome::Accepted);
    harness.report(6, 9);
    assert_eq!(harness.tick(30, Some(10.0)).resized_to(), Some(11));
    harness.note(Outcome::Accepted);
    harness.report(11, 11);
    harness.tick(60, Some(50.0));
    assert_eq!(harness.tick(90, Some(80.0)).reason(), Some("cooling_down"));
    assert_eq!(harness.until_resize(120, 900, 80.0), Some((660, 8)));
}

#[test]
fn a_group_in_the_place_of_another_starts_afresh() {
    let mut harness = Harness::new(policy(eager()), 4);
    assert_eq!(harness.tick(0, Some(10.0)).resized_to(), Some(9));
    harness.note(Outcome::Accepted);
    harness.scene.groups[1].id = GroupId::new("ig-new");
    harness.report(7, 7);
    assert_eq!(harness.tick(30, Some(10.0)).resized_to(), Some(12));
}

#[test]
fn an_unanswered_call_that_arrives_late_is_not_taken_for_an_operators() {
    let mut harness = Harness::new(policy(eager()), 4);
    assert_eq!(harness.tick(0, Some(10.0)).resized_to(), Some(9));
    assert_eq!(
        harness.tick(30, Some(50.0)).reason(),
        Some("no_rule_firing"),
        "EMR still shows four"
    );
    harness.report(9, 4);
    assert_eq!(
        harness.tick(60, Some(10.0)),
        Action::Hold(HoldReason::ResizeInFlight { to: Instances(9) })
    );
}

#[test]
fn who_takes_over_knows_the_resizes_of_the_leader_before_it() {
    let mut harness = Harness::new(policy(eager()), 4);
    let follow = |harness: &mut Harness, s: i64| {
        harness.scene.at = second(s);
        let mut observation = harness.scene.observation();
        observation.control.leader = false;
        assert_eq!(harness.observe(&observation).reason(), Some("not_leader"));
    };
    follow(&mut harness, 0);
    harness.report(9, 4);
    follow(&mut harness, 30);
    assert_eq!(
        harness.tick(60, Some(10.0)),
        Action::Hold(HoldReason::ResizeInFlight { to: Instances(9) })
    );
    harness.report(9, 9);
    assert_eq!(harness.tick(90, Some(10.0)).resized_to(), Some(14));
}

#[test]
fn a_shrink_of_a_group_that_emr_cannot_fill_does_not_stop_the_next_one() {
    for state in [GroupState::Suspended, GroupState::Resizing] {
        let mut harness = Harness::new(policy(eager()), 14);
        harness.report(14, 4);
        harness.scene.groups[1].state = state;
        assert_eq!(harness.tick(0, Some(80.0)).resized_to(), Some(11));
        harness.note(Outcome::Accepted);
        harness.report(11, 4);
        harness.scene.groups[1].state = state;
        assert_eq!(
            harness.tick(30, Some(80.0)).resized_to(),
            Some(8),
            "{state}: four run, none has to go"
        );
    }
}
