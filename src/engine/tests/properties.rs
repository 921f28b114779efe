//! What holds of every sequence of observations and outcomes.

use proptest::prelude::*;

use super::*;

/// What a cluster might show at one poll, and what EMR might answer.
#[derive(Clone, Debug)]
struct Moment {
    gap_s: i64,
    available_percent: Option<f64>,
    delay_s: i64,
    arrives: bool,
    outcome: Option<Outcome>,
}

fn moments() -> impl Strategy<Value = Vec<Moment>> {
    let outcome = prop_oneof![
        8 => Just(Some(Outcome::Accepted)),
        1 => Just(Some(Outcome::Unknown)),
        1 => Just(Some(Outcome::Rejected(Rejection::Throttled))),
        1 => Just(None),
    ];
    let available = prop_oneof![4 => Just(Some(10.0)), 4 => Just(Some(80.0)), 1 => Just(Some(50.0)), 1 => Just(None)];
    let moment = (prop_oneof![9 => Just(30_i64), 1 => -40_i64..400], available, 0_i64..60, any::<bool>(), outcome);
    let moment = moment.prop_map(|(gap_s, available_percent, delay_s, arrives, outcome)| Moment {
        gap_s,
        available_percent,
        delay_s,
        arrives,
        outcome,
    });
    proptest::collection::vec(moment, 1..120)
}

/// Plays the moments from `from` on against an engine, with EMR following its decisions.
fn play(engine: &mut Engine, scene: &mut Scene, moments: &[Moment], mut each: impl FnMut(&Observation, &Decision)) -> Vec<Decision> {
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
        observation.yarn =
            observation.yarn.map(|yarn| Sampled { measured_at: scene.at - Duration::from_secs(moment.delay_s.unsigned_abs()), ..yarn });
        let decision = engine.step(&observation).remove(0);
        each(&observation, &decision);
        if let Action::Resize(resize) = &decision.action {
            let group = &mut scene.groups[1];
            if let Some(outcome) = moment.outcome {
                engine.note(&group.id.clone(), outcome);
            }
            if matches!(moment.outcome, Some(Outcome::Accepted)) || (moment.outcome.is_none() && moment.arrives) {
                group.requested = resize.to;
                group.state = GroupState::Resizing;
            }
        }
        all.push(decision);
    }
    all
}

fn busy_policy() -> Policy {
    let rules = vec![
        rule("short", Comparison::Less, 15.0, 60, grow(5), 0),
        rule("idle", Comparison::Greater, 75.0, 60, shrink(3), 120),
        rule("very-idle", Comparison::Greater, 79.0, 90, Change::Shrink(Amount::Percent(crate::units::Percent(50.0))), 0),
    ];
    let budget = Budget { direction: Direction::In, instances: Instances(6), per: HOUR };
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

proptest! {
    #[test]
    fn sizes_stay_within_the_limits_and_nothing_shrinks_on_what_is_not_known(moments in moments()) {
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        play(&mut Engine::new(busy_policy()), &mut scene, &moments, |observation, decision| {
            if let Action::Resize(resize) = &decision.action {
                assert!(resize.to <= Instances(20) && resize.to != resize.from);
                let fresh = observation.yarn.is_some_and(|yarn| observation.at.since(yarn.measured_at) <= Duration::from_secs(90));
                assert!(fresh, "acted on missing or stale data: {decision}");
            }
        });
    }

    #[test]
    fn a_fold_of_any_prefix_continues_like_the_engine_that_never_stopped(moments in moments(), cut in 0_usize..120) {
        let cut = cut.min(moments.len());
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        let mut unstopped = Engine::new(busy_policy());
        let mut seen = Vec::new();
        let all = play(&mut unstopped, &mut scene, &moments, |observation, _| seen.push(observation.clone()));

        let mut restored = Engine::new(busy_policy());
        for (observation, (decision, moment)) in seen.iter().zip(all.iter().zip(&moments)).take(cut) {
            restored.step(observation);
            if let (Action::Resize(_), Some(group), Some(outcome)) = (&decision.action, &decision.group, moment.outcome) {
                restored.note(group, outcome);
            }
        }
        let mut continued = restored.clone();
        for (observation, (decision, moment)) in seen.iter().zip(all.iter().zip(&moments)).skip(cut) {
            prop_assert_eq!(&continued.step(observation)[0], decision);
            if let (Action::Resize(_), Some(group), Some(outcome)) = (&decision.action, &decision.group, moment.outcome) {
                continued.note(group, outcome);
            }
        }
    }
}
