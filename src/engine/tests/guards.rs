//! Which change wins, how far it may go, and what holds it back.

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
        Some("no_rule_ready")
    );
}

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
fn at_the_maximum_the_reason_is_the_maximum() {
    let mut harness = Harness::new(available_memory(), 20);
    harness.until_resize(0, 270, 10.0);
    assert_eq!(
        harness.tick(300, Some(10.0)),
        Action::Hold(HoldReason::AtLimit {
            limiter: Limiter::Maximum,
            size: Instances(20)
        })
    );
}

#[test]
fn a_cut_resize_says_what_was_wanted_and_what_cut_it() {
    let mut harness = Harness::new(available_memory(), 18);
    harness.until_resize(0, 270, 10.0);
    let Action::Resize(resize) = harness.tick(300, Some(10.0)) else {
        panic!("a resize")
    };
    assert_eq!(
        (resize.to.get(), resize.desired.get(), resize.limited_by),
        (20, 23, Some(Limiter::Maximum))
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
            state: GroupState::Arrested
        })
    );
}

#[test]
fn stabilization_keeps_the_highest_size_wanted_in_its_time() {
    let rules = vec![rule(
        "idle",
        Comparison::Greater,
        75.0,
        0,
        Change::Set(Size::Exactly(Instances(2))),
        0,
    )];
    let guards = Guards {
        stabilization: Duration::from_secs(300),
        reversal: Duration::ZERO,
        ..Guards::default()
    };
    let mut harness = Harness::new(guarded(rules, guards), 9);
    harness.tick(0, Some(50.0));
    assert_eq!(
        harness.tick(30, Some(80.0)),
        Action::Hold(HoldReason::AtLimit {
            limiter: Limiter::Stabilization,
            size: Instances(9)
        })
    );
    assert_eq!(
        harness.until_resize(60, 900, 80.0),
        Some((330, 2)),
        "300 s after the last tick that wanted more"
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
        instances: Instances(4),
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

fn core_policy() -> Policy {
    let mut spec = policy(vec![rule(
        "idle",
        Comparison::Greater,
        75.0,
        0,
        shrink(6),
        0,
    )]);
    spec.target_for_tests().selector = Selector::Role(Role::Core);
    spec
}

#[test]
fn core_nodes_stay_above_the_hdfs_floor_and_stay_all_when_hdfs_is_unknown() {
    let mut engine = Engine::new(core_policy());
    let mut scene = Scene::new(vec![core_group(10)]);
    scene.available_percent = Some(80.0);
    let mut observation = scene.observation();
    assert_eq!(
        engine.step(&observation)[0].action,
        Action::Hold(HoldReason::MissingSignal {
            signal: "hdfs".into()
        })
    );
    let load = HdfsLoad {
        capacity_total: Mebibytes(1_000),
        capacity_used: Mebibytes(550),
        blocks_under_replicated: 0,
        blocks_missing: 0,
    };
    observation.hdfs = Some(Sampled {
        value: load,
        measured_at: observation.at,
    });
    let Action::Resize(resize) = &engine.step(&observation)[0].action else {
        panic!("a resize")
    };
    assert_eq!(
        (resize.to.get(), resize.limited_by),
        (7, Some(Limiter::HdfsFloor))
    );
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
fn every_decision_says_how_each_rule_stands_and_what_was_read() {
    let mut harness = Harness::new(available_memory(), 4);
    harness.scene.available_percent = Some(10.0);
    let decision = harness.engine.step(&harness.scene.observation()).remove(0);
    assert_eq!(
        decision.rules[0].state,
        RuleState::Pending {
            since: second(0),
            until: second(300)
        }
    );
    assert_eq!(decision.rules[1].state, RuleState::Inactive);
    assert_eq!(
        (&*decision.readings[0].signal, decision.readings[0].value),
        ("yarn_memory_available_percent", 10.0)
    );
    assert_eq!(
        decision.to_string(),
        "1970-01-01T00:00:00Z ig-task: hold at 4: no rule is firing"
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
fn the_minimum_comes_before_step_caps_budgets_and_what_is_in_flight() {
    let min_10 = Limits::new(Instances(10), Instances(20)).expect("in order");
    let budget = Budget {
        direction: Direction::Out,
        instances: Instances(1),
        per: HOUR,
    };
    let guards = Guards {
        step_grow: Some(Instances(2)),
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

fn with_hdfs(scene: &Scene, used_mib: u64) -> Observation {
    let mut observation = scene.observation();
    let nodes = u64::from(scene.groups[0].running.get());
    let load = HdfsLoad {
        capacity_total: Mebibytes(nodes * 100),
        capacity_used: Mebibytes(used_mib),
        ..HdfsLoad::default()
    };
    observation.hdfs = Some(Sampled {
        value: load,
        measured_at: observation.at,
    });
    observation
}

#[test]
fn the_replication_of_a_large_core_group_is_kept_while_it_shrinks_step_by_step() {
    let mut engine = Engine::new(core_policy());
    let mut scene = Scene::new(vec![core_group(10)]);
    scene.available_percent = Some(80.0);
    let mut sizes = Vec::new();
    for s in (0..=600).step_by(30) {
        scene.at = second(s);
        if let Action::Resize(resize) = &engine.step(&with_hdfs(&scene, 10))[0].action {
            sizes.push(resize.to.get());
            scene.groups[0] = core_group(resize.to.get());
            engine.note(&scene.groups[0].id.clone(), Outcome::Accepted);
        }
    }
    assert_eq!(
        sizes,
        [4, 3],
        "ten nodes were launched with three copies of each block"
    );
}

#[test]
fn core_nodes_that_do_not_run_yet_say_nothing_about_hdfs() {
    let mut engine = Engine::new(core_policy());
    let mut scene = Scene::new(vec![core_group(10), task_group(4)]);
    scene.available_percent = Some(80.0);
    scene.groups[0].running = Instances(0);
    let mut observation = with_hdfs(&scene, 10);
    observation
        .hdfs
        .as_mut()
        .expect("there")
        .value
        .capacity_total = Mebibytes(1_000);
    assert_eq!(
        engine.step(&observation)[0].action,
        Action::Hold(HoldReason::MissingSignal {
            signal: "hdfs".into()
        })
    );
}

#[test]
fn of_two_targets_that_mean_one_group_only_the_first_moves_it() {
    let spec = parsed(
        "{ name: t, targets: [
            { group: { role: task }, limits: { min: 0, max: 20 }, rules: [{ name: a, when: 'true', then: { grow: 5 } }] },
            { group: { id: ig-task }, limits: { min: 0, max: 20 }, rules: [{ name: b, when: 'true', then: { shrink: 3 } }] }] }",
    );
    let decisions =
        Engine::new(spec).step(&Scene::new(vec![core_group(2), task_group(4)]).observation());
    assert_eq!(decisions[0].action.resized_to(), Some(9));
    assert_eq!(decisions[1].action.reason(), Some("group_taken"));
    assert_eq!(decisions[1].group, None);
}

/// Scale-in to 2 when idle, a grow by HDFS, and `more`.
fn idle_and_hdfs(more: &str) -> Policy {
    parsed(&format!(
        "{{ name: t, targets: [{{ group: {{ role: task }}, limits: {{ min: 0, max: 20 }}, reversal: 0s, {more} rules: [
            {{ name: idle, when: yarn_memory_available_percent > 75, then: {{ set: 2 }} }},
            {{ name: full, when: hdfs_used_percent > 90, then: {{ grow: 5 }} }}] }}] }}"
    ))
}

#[test]
fn stabilization_does_not_count_the_time_in_which_a_grow_could_not_be_judged() {
    let mut harness = Harness::new(idle_and_hdfs("stabilization: 5m,"), 9);
    for s in (0..600).step_by(30) {
        assert_eq!(harness.tick(s, Some(80.0)).reason(), Some("missing_signal"));
    }
    let sizes = (600..=1_200).step_by(30).find_map(|s| {
        harness.scene.at = second(s);
        harness
            .observe(&with_hdfs(&harness.scene, 10))
            .resized_to()
            .map(|size| (s, size))
    });
    assert_eq!(sizes, Some((900, 2)), "300 s after HDFS came back");
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
fn a_core_group_and_48_task_groups_are_decided_one_by_one_in_file_order() {
    let mut text =
        "{ name: t, targets: [{ group: { role: core }, limits: { min: 0, max: 20 } }".to_owned();
    let mut groups = vec![core_group(2)];
    for k in 0..48 {
        let more = format!(
            ", {{ group: {{ id: ig-{k} }}, limits: {{ min: 0, max: 20 }}, rules: [{{ name: r, when: 'true', then: {{ grow: {} }} }}] }}",
            k + 1
        );
        text.push_str(&more);
        groups.push(GroupStatus {
            id: GroupId::new(format!("ig-{k}")),
            ..task_group(1)
        });
    }
    text.push_str("] }");
    let mut engine = Engine::new(parsed(&text));
    let decisions = engine.step(&Scene::new(groups).observation());
    assert!(
        decisions
            .iter()
            .enumerate()
            .all(|(k, decision)| decision.target == k),
        "in file order"
    );
    let sizes: Vec<u32> = decisions
        .iter()
        .filter_map(|decision| decision.action.resized_to())
        .collect();
    assert_eq!(sizes, (2..50).map(|size| size.min(20)).collect::<Vec<_>>());
}
