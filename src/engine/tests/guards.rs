//! What holds a change of size back.

use super::*;

#[test]
fn scale_in_waits_while_a_rule_that_could_grow_cannot_be_judged() {
    let mut spec = policy(vec![
        rule("grow", Comparison::Less, 15.0, 0, grow(5), 0),
        rule("shrink", Comparison::Greater, 75.0, 0, shrink(3), 0),
    ]);
    let mut harness = Harness::new(spec.clone(), 9);
    assert_eq!(harness.tick(0, Some(80.0)).resized_to(), Some(6));
    let target = spec.target_for_tests();
    target
        .signals
        .push(SignalSource::BuiltIn(Signal::HdfsUsedPercent));
    target.rules[0].when = Condition::Any(vec![
        target.rules[0].when.clone(),
        Condition::Compare {
            left: Expr::Signal(1),
            operator: Comparison::Greater,
            right: Expr::Constant(90.0),
        },
    ]);
    let mut harness = Harness::new(spec, 9);
    assert_eq!(
        harness.tick(0, Some(80.0)),
        Action::Hold(HoldReason::MissingSignal {
            signal: "hdfs_used_percent".into()
        })
    );
    assert_eq!(
        harness.tick(30, Some(10.0)).resized_to(),
        Some(14),
        "what is known is enough to grow"
    );
}

#[test]
fn a_pause_of_one_direction_leaves_the_other_alone_and_ends_by_itself() {
    let mut harness = Harness::new(
        policy(vec![
            rule("idle", Comparison::Greater, 75.0, 0, shrink(3), 0),
            rule("short", Comparison::Less, 15.0, 0, grow(1), 0),
        ]),
        9,
    );
    let paused = |harness: &mut Harness, s: i64, available: f64| {
        harness.scene.at = second(s);
        harness.scene.available_percent = Some(available);
        let mut observation = harness.scene.observation();
        observation.control.pause = Some(Pause {
            until: second(60),
            direction: Some(Direction::In),
        });
        harness.observe(&observation)
    };
    assert_eq!(
        paused(&mut harness, 0, 80.0),
        Action::Hold(HoldReason::Paused { until: second(60) })
    );
    assert_eq!(paused(&mut harness, 60, 80.0).resized_to(), Some(6));
    let mut harness = Harness::new(harness.engine.policy().clone(), 9);
    assert_eq!(paused(&mut harness, 0, 10.0).resized_to(), Some(10));
}

#[test]
fn who_is_not_the_leader_or_has_no_ready_cluster_holds() {
    let mut harness = Harness::new(
        policy(vec![rule("now", Comparison::Less, 50.0, 0, grow(1), 0)]),
        4,
    );
    harness.tick(0, Some(80.0));
    harness.scene.available_percent = Some(10.0);
    let mut follower = harness.scene.observation();
    follower.control.leader = false;
    assert_eq!(harness.observe(&follower).reason(), Some("not_leader"));
    let mut ending = harness.scene.observation();
    ending.cluster.value.state = ClusterState::Terminating;
    assert_eq!(harness.observe(&ending).reason(), Some("cluster_not_ready"));
    let mut unclear = harness.scene.observation();
    unclear.cluster.value.groups.push(GroupStatus {
        id: GroupId::new("ig-other"),
        ..task_group(1)
    });
    assert_eq!(
        harness.observe(&unclear),
        Action::Hold(HoldReason::TargetNotFound { matches: 2 })
    );
    harness.scene.groups[1].state = GroupState::Arrested;
    assert_eq!(
        harness.tick(30, Some(10.0)),
        Action::Hold(HoldReason::GroupNotReady {
            state: GroupState::Arrested,
            message: None,
        })
    );
    harness.scene.groups[1].state_reason = Some("Instance limit exceeded".into());
    let Action::Hold(reason) = harness.tick(60, Some(10.0)) else {
        panic!("an arrested group is not resized");
    };
    assert_eq!(
        reason.to_string(),
        "the group is ARRESTED (EMR: \"Instance limit exceeded\")"
    );
}

#[test]
fn budgets_and_flips_hold_scale_in_back() {
    let rules = || {
        vec![
            rule("short", Comparison::Less, 15.0, 0, grow(5), 0),
            rule("idle", Comparison::Greater, 75.0, 0, shrink(3), 0),
        ]
    };
    let budget = Budget {
        direction: Direction::In,
        cap: Cap::Instances(Instances(4)),
        per: HOUR,
    };
    let mut harness = Harness::new(
        guarded(
            rules(),
            Guards {
                budgets: vec![budget],
                reversal: Duration::ZERO,
                ..Guards::default()
            },
        ),
        15,
    );
    for (s, expected) in [(0, Some(12)), (30, Some(11)), (60, None), (3_600, Some(8))] {
        let size = harness.tick(s, Some(80.0)).resized_to();
        assert_eq!(size, expected, "at {s} s");
        harness.note(Outcome::Accepted);
        let now = size.unwrap_or(harness.scene.groups[1].requested.get());
        harness.report(now, now);
    }
    let flips = FlipBudget { max: 1, per: HOUR };
    let mut harness = Harness::new(
        guarded(
            rules(),
            Guards {
                flips: Some(flips),
                reversal: Duration::ZERO,
                ..Guards::default()
            },
        ),
        10,
    );
    for (s, available, expected) in [
        (0, 80.0, Ok(7)),
        (30, 10.0, Ok(12)),
        (60, 80.0, Err("flip_budget_spent")),
        (3_630, 80.0, Ok(9)),
    ] {
        let action = harness.tick(s, Some(available));
        assert_eq!(
            action
                .resized_to()
                .ok_or(action.reason().unwrap_or_default()),
            expected,
            "at {s} s"
        );
        harness.note(Outcome::Accepted);
        let now = action
            .resized_to()
            .unwrap_or(harness.scene.groups[1].requested.get());
        harness.report(now, now);
    }
}

#[test]
fn a_reversal_waits_for_its_guard() {
    let rules = vec![
        rule("short", Comparison::Less, 15.0, 0, grow(5), 0),
        rule("idle", Comparison::Greater, 75.0, 0, shrink(3), 0),
    ];
    let mut harness = Harness::new(
        guarded(
            rules,
            Guards {
                reversal: Duration::from_secs(60),
                ..Guards::default()
            },
        ),
        9,
    );
    assert_eq!(harness.tick(0, Some(80.0)).resized_to(), Some(6));
    harness.note(Outcome::Accepted);
    harness.report(6, 6);
    assert_eq!(
        harness.tick(30, Some(10.0)),
        Action::Hold(HoldReason::ReversalGuard { until: second(60) })
    );
    assert_eq!(harness.tick(60, Some(10.0)).resized_to(), Some(11));
}

#[test]
fn a_scale_in_waits_while_it_is_not_known_any_more_what_runs_where() {
    let mut harness = Harness::new(
        policy(vec![rule(
            "idle",
            Comparison::Greater,
            75.0,
            0,
            shrink(2),
            0,
        )]),
        4,
    );
    harness.scene.available_percent = Some(50.0);
    let mut observation = harness.scene.observation();
    observation.nodes = Some(Sampled {
        value: NodeSnapshot::default(),
        measured_at: observation.at,
    });
    harness.observe(&observation);
    assert_eq!(
        harness.tick(30, Some(80.0)),
        Action::Hold(HoldReason::MissingSignal {
            signal: "nodes".into()
        })
    );
}

#[test]
fn a_scale_in_waits_for_the_first_look_at_the_nodes_where_they_are_looked_at() {
    let mut harness = Harness::new(
        policy(vec![rule(
            "idle",
            Comparison::Greater,
            75.0,
            0,
            shrink(2),
            0,
        )]),
        4,
    );
    harness.scene.available_percent = Some(80.0);
    let mut observation = harness.scene.observation();
    observation.control.looks_at_nodes = true;
    assert_eq!(
        harness.observe(&observation),
        Action::Hold(HoldReason::MissingSignal {
            signal: "nodes".into()
        })
    );
}

#[test]
fn a_change_of_direction_counts_even_when_the_resize_before_it_is_long_past() {
    let flips = FlipBudget { max: 1, per: HOUR };
    let mut harness = Harness::new(
        guarded(
            eager(),
            Guards {
                flips: Some(flips),
                reversal: Duration::ZERO,
                ..Guards::default()
            },
        ),
        10,
    );
    for (s, available, expected) in [(0, 80.0, 7), (3_540, 10.0, 12)] {
        assert_eq!(
            harness.tick(s, Some(available)).resized_to(),
            Some(expected)
        );
        harness.note(Outcome::Accepted);
        harness.report(expected, expected);
    }
    assert_eq!(
        harness.tick(3_700, Some(80.0)),
        Action::Hold(HoldReason::FlipBudgetSpent {
            until: second(3_540 + 3_600)
        })
    );
    assert_eq!(harness.tick(7_140, Some(80.0)).resized_to(), Some(9));
}

#[test]
fn a_rule_that_could_only_shrink_freezes_nothing_when_it_cannot_be_judged() {
    let spec = parsed(
        "{ name: t, targets: [{ group: { role: task }, limits: { min: 0, max: 20 }, rules: [
            { name: idle, when: yarn_memory_available_percent > 75, then: { shrink: 3 } },
            { name: empty, when: hdfs_used_percent < 1, then: { set: min } }] }] }",
    );
    assert_eq!(
        Harness::new(spec, 9).tick(0, Some(80.0)).resized_to(),
        Some(6)
    );
}

#[test]
fn the_first_tick_of_a_daemon_that_was_restarted_does_not_scale_in() {
    let mut harness = Harness::new(policy(eager()), 9);
    let observed = |harness: &mut Harness, s, is_first| {
        harness.scene.at = second(s);
        harness.scene.available_percent = Some(90.0);
        let mut observation = harness.scene.observation();
        observation.control.is_first = is_first;
        harness.observe(&observation)
    };
    let held = observed(&mut harness, 0, true);
    assert_eq!(held.reason(), Some("missing_signal"));
    assert_eq!(observed(&mut harness, 30, false).resized_to(), Some(6));
}
