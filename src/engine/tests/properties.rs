//! What holds of every sequence of observations and outcomes.

use proptest::prelude::*;

use super::*;

/// What a cluster might show at one poll, and what EMR might answer.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    gap_s: i64,
    pub(super) available_percent: Option<f64>,
    delay_s: i64,
    arrives: bool,
    outcome: Option<Outcome>,
    paused: bool,
}

pub(super) fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let outcome = prop_oneof![
        8 => Just(Some(Outcome::Accepted)),
        1 => Just(Some(Outcome::Unknown)),
        1 => Just(Some(Outcome::Rejected(Rejection::Throttled))),
        1 => Just(None),
    ];
    let available = prop_oneof![4 => Just(Some(10.0)), 4 => Just(Some(80.0)), 1 => Just(Some(50.0)), 1 => Just(None)];
    let moment = (
        prop_oneof![9 => Just(30_i64), 1 => -40_i64..400],
        available,
        0_i64..60,
        any::<bool>(),
        outcome,
        proptest::bool::weighted(0.1),
    );
    let moment = moment.prop_map(
        |(gap_s, available_percent, delay_s, arrives, outcome, paused)| Moment {
            gap_s,
            available_percent,
            delay_s,
            arrives,
            outcome,
            paused,
        },
    );
    proptest::collection::vec(moment, 1..120)
}

/// Plays the moments against an engine, with EMR following its decisions.
pub(super) fn play(
    engine: &mut Engine,
    scene: &mut Scene,
    moments: &[Moment],
    mut each: impl FnMut(&Observation, &Decision),
) -> Vec<Decision> {
    let mut all = Vec::new();
    for moment in moments {
        scene.at = second(scene.at.as_millis() / 1_000 + moment.gap_s);
        scene.available_percent = moment.available_percent;
        let group = &mut scene.groups[1];
        if moment.arrives {
            group.running = group.requested;
            group.state = GroupState::Running;
        }
        let mut observation = scene.observation();
        observation.yarn = observation.yarn.map(|yarn| Sampled {
            measured_at: scene.at - Duration::from_secs(moment.delay_s.unsigned_abs()),
            ..yarn
        });
        observation.control.pause = moment.paused.then(|| Pause {
            until: scene.at + Duration::from_secs(60),
            direction: None,
        });
        let decision = engine.step(&observation).remove(0);
        each(&observation, &decision);
        if let Action::Resize(resize) = &decision.action {
            let group = &mut scene.groups[1];
            if let Some(outcome) = moment.outcome {
                engine.note(&group.id.clone(), outcome);
            }
            if matches!(moment.outcome, Some(Outcome::Accepted))
                || (moment.outcome.is_none() && moment.arrives)
            {
                group.requested = resize.to;
                group.state = GroupState::Resizing;
            }
        }
        all.push(decision);
    }
    all
}

pub(super) fn busy_policy() -> Policy {
    let rules = vec![
        rule("short", Comparison::Less, 15.0, 60, grow(5), 0),
        rule("idle", Comparison::Greater, 75.0, 60, shrink(3), 120),
        rule(
            "very-idle",
            Comparison::Greater,
            79.0,
            90,
            Change::Shrink(Amount::Percent(crate::units::Percent(50.0))),
            0,
        ),
    ];
    let budget = Budget {
        direction: Direction::In,
        cap: Cap::Instances(Instances(6)),
        per: HOUR,
    };
    guarded(
        rules,
        Guards {
            budgets: vec![budget],
            flips: Some(FlipBudget { max: 3, per: HOUR }),
            provision_timeout: Duration::from_secs(300),
            ..Guards::default()
        },
    )
}

/// Two targets with everything that the language has.
pub(super) fn whole_language() -> Policy {
    parsed(
        "
name: everything
metrics:
  depth: { namespace: A, metric_name: B, period: 1m }
targets:
  - group: { role: core }
    limits: { min: 1, max: 100000 }
    rules:
      - { name: c1, when: hdfs_used_percent > 70 or hdfs_capacity_remaining_mib < 5GiB, then: { grow: 1000% } }
      - { name: c2, when: 'rate(yarn_containers_released_total, 1m) < 1', then: { shrink: 100% }, cooldown: 100d }
      - { name: c3, when: emr_idle_seconds > 10m or emr_cluster_state == WAITING, for: 100d, then: { set: min } }
      - { name: c4, when: not (depth > 5) and 1 / (yarn_apps_running - yarn_apps_pending) < 2, then: { shrink: 1 } }
    stabilization: 1m
    hdfs: { max_used: 50% }
  - group: { role: task }
    limits: { min: 0, max: 100000 }
    rules:
      - { name: t1, when: yarn_memory_available_percent >= 0, then: { track: { signal: yarn_memory_pending_mib, target: 1MiB } } }
      - { name: t2, when: 'avg(yarn_memory_pending_mib, 2m) * 1000000 > yarn_memory_total_mib', then: { set: max } }
      - { name: t3, when: 'p99(yarn_vcores_pending, 1m) < 1', then: { shrink: 50% } }
    budget: { grow: 100000, shrink: 100000, per: 100d }
    flips: { max: 1, per: 100d }
    schedule: [{ name: night, from: '22:00', to: '06:00', time_zone: Europe/Berlin, limits: { min: 5, max: 9 }, freeze: in }]
",
    )
}

fn extreme(bits: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX >> (64 - bits)),
        any::<u64>().prop_map(move |value| value >> (64 - bits))
    ]
}

/// Mostly thirty seconds later, sometimes anywhere in time.
fn instants() -> impl Strategy<Value = (bool, i64)> {
    (
        proptest::bool::weighted(0.9),
        prop_oneof![
            Just(i64::MIN),
            Just(i64::MAX),
            any::<i64>(),
            -100_000_i64..100_000
        ],
    )
}

prop_compose! {
    /// Any observation at all; each time is either `next` or what `instants` made of it.
    pub(super) fn anything()(
        numbers in proptest::collection::vec(extreme(64), 24),
        sizes in proptest::collection::vec(extreme(32), 4),
        times in proptest::collection::vec(instants(), 5),
        present in proptest::collection::vec(proptest::bool::weighted(0.8), 3),
        states in (0..GroupState::ALL.len(), 0..ClusterState::ALL.len()),
        metric in prop_oneof![Just(f64::NAN), Just(f64::INFINITY), any::<f64>()],
    ) -> (Vec<(bool, i64)>, Observation) {
        use crate::observation::{MetricId, NodesByState, YarnLoad};
        use crate::units::VirtualCores;
        let (memory, cores) = (|k: usize| Mebibytes(numbers[k]), |k: usize| VirtualCores(numbers[k]));
        let size = |k: usize| Instances(u32::try_from(sizes[k]).expect("32 bits"));
        let yarn = YarnLoad {
            memory_total: memory(0), memory_available: memory(1), memory_allocated: memory(2), memory_reserved: memory(3),
            memory_pending: memory(4), vcores_total: Some(cores(5)), vcores_available: Some(cores(6)), vcores_allocated: Some(cores(7)),
            vcores_reserved: Some(cores(8)), vcores_pending: Some(cores(9)), containers_allocated: numbers[10], containers_pending: numbers[11],
            containers_reserved: numbers[12], containers_released_total: Some(numbers[13]), apps_running: numbers[14],
            apps_pending: numbers[15], oldest_app_started_at: Some(Timestamp::from_millis(times[4].1)), nodes: NodesByState::default(),
        };
        let hdfs = HdfsLoad {
            capacity_total: memory(16), capacity_used: memory(17), blocks_under_replicated: numbers[18] / 2, blocks_missing: 0,
        };
        let mut core = core_group(0);
        (core.requested, core.running) = (size(0), size(1));
        let mut task = task_group(0);
        (task.requested, task.running, task.state) = (size(2), size(3), GroupState::ALL[states.0]);
        let mut observation = Scene::new(vec![core, task]).observation();
        observation.yarn = present[0].then_some(Sampled { value: yarn, measured_at: Timestamp::EPOCH });
        observation.hdfs = present[1].then_some(Sampled { value: hdfs, measured_at: Timestamp::EPOCH });
        if present[2] {
            observation.metrics.insert(MetricId::new("depth"), Sampled { value: metric, measured_at: Timestamp::EPOCH });
        }
        observation.cluster.value.idle_since = present[2].then(|| Timestamp::from_millis(times[4].1));
        observation.cluster.value.state = ClusterState::ALL[states.1];
        (times, observation)
    }
}

proptest! {
    #[test]
    fn sizes_stay_within_the_limits_and_nothing_shrinks_on_what_is_not_known(moments in moments()) {
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        play(&mut Engine::new(busy_policy()), &mut scene, &moments, |observation, decision| {
            if let Action::Resize(resize) = &decision.action {
                assert!(resize.to <= Instances(20), "{decision}");
                // The same size is requested only again, for instances that did not come.
                let group = &observation.cluster.value.groups[1];
                assert!(resize.to != resize.from || group.running < group.requested, "{decision}");
                let fresh = observation.yarn.is_some_and(|yarn| observation.at.since(yarn.measured_at) <= Duration::from_secs(90));
                assert!(fresh, "acted on missing or stale data: {decision}");
                assert_eq!(observation.control.pause, None, "acted within a pause: {decision}");
            }
        });
    }

    #[test]
    fn a_relative_grow_never_starts_before_the_one_before_it_is_complete_or_has_failed(moments in moments()) {
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        let mut in_flight: Option<(Timestamp, Instances)> = None;
        let mut last_at = None;
        play(&mut Engine::new(busy_policy()), &mut scene, &moments, |observation, decision| {
            let group = &observation.cluster.value.groups[1];
            let has_failed = |sent: Timestamp| observation.at.since(sent) > Duration::from_secs(300);
            let is_over = |(sent, to): (Timestamp, Instances)| group.running >= to || has_failed(sent) || group.requested != to;
            in_flight = in_flight.filter(|grow| !is_over(*grow)).filter(|_| last_at.is_none_or(|last| last <= observation.at));
            last_at = Some(observation.at);
            let Action::Resize(resize) = &decision.action else { return };
            if resize.direction() == Direction::Out {
                assert_eq!(in_flight, None, "{decision}");
                in_flight = Some((decision.at, resize.to));
            }
        });
    }

    #[test]
    fn every_wait_ends_in_the_future_and_the_next_look_is_no_later_than_that(moments in moments()) {
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        let mut engine = Engine::new(busy_policy());
        for moment in &moments {
            let decision = play(&mut engine, &mut scene, std::slice::from_ref(moment), |_, _| ()).remove(0);
            let (wakeup, _) = engine.next_wakeup();
            prop_assert!(wakeup > decision.at && wakeup <= decision.at + Duration::from_secs(30));
            let Action::Hold(reason) = &decision.action else { continue };
            prop_assert!(!reason.to_string().is_empty());
            if let Some(until) = reason.until() {
                prop_assert!(until > decision.at, "{decision}");
                prop_assert!(wakeup <= until, "{decision}");
            }
        }
    }

    #[test]
    fn what_was_written_as_json_and_folded_from_any_prefix_continues_like_the_engine_that_never_stopped(
        moments in moments(),
        cut in 0_usize..120,
    ) {
        fn through_json<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
            serde_json::from_str(&serde_json::to_string(value).expect("is written")).expect("is read back")
        }
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        let mut seen = Vec::new();
        let all = play(&mut Engine::new(busy_policy()), &mut scene, &moments, |observation, _| seen.push(through_json(observation)));

        let mut restored = Engine::new(busy_policy());
        for (k, (observation, (decision, moment))) in seen.iter().zip(all.iter().zip(&moments)).enumerate() {
            if k == cut {
                restored = Engine::restore(busy_policy(), through_json(&restored.state())).expect("its own policy");
            }
            prop_assert_eq!(&restored.step(observation)[0], &through_json(decision));
            if k < cut {
                restored.apply_recorded(&through_json(decision));
            }
            if let (Action::Resize(_), Some(group), Some(outcome)) = (&decision.action, &decision.group, moment.outcome) {
                restored.note(group, outcome);
            }
        }
    }

    #[test]
    fn an_engine_without_reports_decides_and_wakes_as_one_with_them(moments in moments()) {
        let [with, without] = [Engine::new(busy_policy()), Engine::new(busy_policy()).without_reports()].map(|mut engine| {
            let decisions = play(&mut engine, &mut Scene::new(vec![core_group(2), task_group(4)]), &moments, |_, _| {});
            (decisions, engine.next_wakeup())
        });
        let actions = |decisions: &[Decision]| decisions.iter().map(|decision| decision.action.clone()).collect::<Vec<_>>();
        prop_assert_eq!(actions(&with.0), actions(&without.0));
        prop_assert_eq!(with.1, without.1);
        prop_assert!(without.0.iter().all(|decision| decision.rules.is_empty() && decision.readings.is_empty()));
    }

    #[test]
    fn no_observation_whatever_makes_the_engine_panic_or_skip_a_target(observations in proptest::collection::vec(anything(), 1..40)) {
        let mut engine = Engine::new(whole_language());
        let mut next = 1_772_438_400_000_i64;
        for (times, mut observation) in observations {
            next = next.saturating_add(30_000);
            let time = |k: usize| {
                let (is_next, other): (bool, i64) = times[k];
                Timestamp::from_millis(if is_next { next } else { other })
            };
            observation.at = time(0);
            observation.yarn.iter_mut().for_each(|yarn| yarn.measured_at = time(1));
            observation.hdfs.iter_mut().for_each(|hdfs| hdfs.measured_at = time(2));
            observation.metrics.values_mut().for_each(|metric| metric.measured_at = time(2));
            observation.cluster.measured_at = time(3);
            let decisions = engine.step(&observation);
            prop_assert_eq!(decisions.iter().map(|decision| decision.target).collect::<Vec<_>>(), [0, 1]);
            for decision in &decisions {
                prop_assert!(!decision.to_string().is_empty());
                prop_assert!(decision.readings.iter().all(|reading| reading.value.is_finite()));
                if let (Action::Resize(resize), Some(group)) = (&decision.action, &decision.group) {
                    // The same size is asked for again only where EMR owes instances.
                    let groups = &observation.cluster.value.groups;
                    let is_owed = groups
                        .iter()
                        .any(|found| found.id == *group && found.running < found.requested);
                    prop_assert!(resize.from != resize.to || is_owed, "{decision}");
                    engine.note(group, Outcome::Accepted);
                }
            }
        }
    }
}
