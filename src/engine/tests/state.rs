//! Stopping and going on: with the same policy, and with an edited one.

use proptest::prelude::*;

use super::properties::{Moment, anything, busy_policy, moments, play, whole_language};
use super::*;
use crate::engine::{EngineState, StateMismatch};

/// The engine as it is after it was written into a journal and read back.
fn through_json(engine: &Engine) -> Engine {
    let text = serde_json::to_string(&engine.state()).expect("is written");
    let state: EngineState = serde_json::from_str(&text).expect("is read back");
    assert_eq!(state, engine.state());
    Engine::restore(engine.policy().clone(), state).expect("its own policy")
}

proptest! {
    #[test]
    fn an_engine_restored_at_any_point_decides_what_follows_as_the_one_that_never_stopped(before in moments(), after in moments()) {
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        let mut engine = Engine::new(busy_policy());
        play(&mut engine, &mut scene, &before, |_, _| ());
        let mut restored = through_json(&engine);
        let decided = play(&mut engine, &mut scene.clone(), &after, |_, _| ());
        prop_assert_eq!(play(&mut restored, &mut scene, &after, |_, _| ()), decided);
        prop_assert_eq!(restored.state(), engine.state());
        prop_assert_eq!(restored.next_wakeup(), engine.next_wakeup());
    }

    #[test]
    fn whatever_was_observed_the_state_is_written_and_read_exactly(observations in proptest::collection::vec(anything(), 1..40)) {
        // Ten thousand years around the epoch are all that RFC 3339 has words for.
        let time = |next: i64, (is_next, other): (bool, i64)| Timestamp::from_millis(if is_next { next } else { other % 200_000_000_000_000 });
        let mut engine = Engine::new(whole_language());
        let mut restored = engine.clone();
        for (k, (times, mut observation)) in (1..).zip(observations) {
            let next = 1_772_438_400_000_i64 + 30_000 * k;
            observation.at = time(next, times[0]);
            observation.yarn.iter_mut().for_each(|yarn| yarn.measured_at = time(next, times[1]));
            observation.metrics.values_mut().for_each(|metric| metric.measured_at = time(next, times[2]));
            observation.cluster.measured_at = time(next, times[3]);
            observation.cluster.value.idle_since = observation.cluster.value.idle_since.map(|_| time(next, times[4]));
            let decisions = engine.step(&observation);
            prop_assert_eq!(&restored.step(&observation), &decisions);
            restored = through_json(&engine);
        }
    }

    #[test]
    fn adopting_the_same_policy_changes_nothing(before in moments(), after in moments()) {
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        let mut engine = Engine::new(busy_policy());
        play(&mut engine, &mut scene, &before, |_, _| ());
        let mut adopted = engine.clone().adopt(busy_policy());
        let decided = play(&mut engine, &mut scene.clone(), &after, |_, _| ());
        prop_assert_eq!(play(&mut adopted, &mut scene, &after, |_, _| ()), decided);
    }

    #[test]
    fn any_policy_may_be_adopted_at_any_point(before in moments(), after in moments()) {
        let mut scene = Scene::new(vec![core_group(2), task_group(6)]);
        let mut engine = Engine::new(busy_policy());
        play(&mut engine, &mut scene, &before, |_, _| ());
        let mut edited = engine.adopt(whole_language());
        let after: Vec<Moment> = after;
        for moment in &after {
            scene.at = scene.at + Duration::from_secs(30);
            scene.available_percent = moment.available_percent;
            prop_assert_eq!(edited.step(&scene.observation()).len(), 2);
        }
        play(&mut edited.adopt(busy_policy()), &mut scene, &after, |_, _| ());
    }
}

#[test]
fn a_state_is_refused_by_a_policy_that_it_was_not_taken_under() {
    let state = || Engine::new(available_memory()).state();
    let of_rules = |rules| Engine::restore(policy(rules), state()).err();
    assert_eq!(
        of_rules(eager()),
        Some(StateMismatch::Target {
            target: 0,
            part: "rules"
        })
    );
    assert_eq!(
        Engine::restore(whole_language(), state()).err(),
        Some(StateMismatch::Targets {
            found: 1,
            expected: 2
        })
    );

    let mut harness = Harness::new(policy(eager()), 4);
    harness.tick(0, Some(10.0));
    let by_hand = serde_json::to_string(&harness.engine.state())
        .expect("is written")
        .replace("\"rule\":0", "\"rule\":7");
    let state = serde_json::from_str(&by_hand).expect("is read back");
    assert_eq!(
        Engine::restore(policy(eager()), state).err(),
        Some(StateMismatch::Target {
            target: 0,
            part: "resizes"
        })
    );
}

#[test]
fn a_state_with_an_unknown_key_is_refused() {
    let written = serde_json::to_string(&Engine::new(available_memory()).state());
    let written = written.expect("is written");
    assert!(serde_json::from_str::<EngineState>(&written).is_ok());
    for place in [
        "\"needs_nodes\":",
        "\"targets\":",
        "\"resizes\":",
        "\"for_timer\":",
        "\"turnover\":",
        "\"breaks\":",
    ] {
        let edited = written.replacen(place, &format!("\"other\":0,{place}"), 1);
        let error = serde_json::from_str::<EngineState>(&edited).expect_err(place);
        assert!(
            error.to_string().contains("unknown field `other`"),
            "{error}"
        );
    }
}

const EDITED: &str = "
name: edited
poll: 30s
metrics:
  depth: { namespace: A, metric_name: B, period: 1m }
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    reversal: 0s
    rules:
      - { name: idle, when: yarn_memory_available_percent > 75, for: 5m, then: { shrink: 3 }, cooldown: 10m }
      - { name: short, when: yarn_memory_available_percent < 15, for: 2m, then: { grow: 5 } }
      - { name: mean, when: 'avg(yarn_memory_available_percent, 5m) < 10 and depth < 0', then: { grow: 1 } }
";

fn edited(from: &str, to: &str) -> Policy {
    assert!(EDITED.contains(from));
    parsed(&EDITED.replacen(from, to, 1))
}

/// Edits the policy of a harness between two ticks.
fn adopt(harness: Harness, policy: Policy) -> Harness {
    Harness {
        engine: harness.engine.adopt(policy),
        scene: harness.scene,
    }
}

#[test]
fn a_resize_on_its_way_and_its_cooldown_stay_with_the_group_under_an_edited_policy() {
    let mut harness = Harness::new(parsed(EDITED), 4);
    assert_eq!(harness.until_resize(0, 600, 80.0), Some((300, 1)));
    // Rules in another order: the resize is still that of `idle`.
    let swapped = edited(
        "    rules:\n",
        "    rules:\n      - { name: first, when: yarn_apps_pending > 1000, then: { grow: 1 } }\n",
    );
    let mut harness = adopt(harness, swapped);
    harness.report(1, 4);
    assert_eq!(
        harness.tick(330, Some(80.0)).reason(),
        Some("resize_in_flight"),
        "and nobody takes it for an operator's"
    );
    harness.report(1, 1);
    assert_eq!(
        harness.tick(360, Some(80.0)),
        Action::Hold(HoldReason::CoolingDown {
            rule: crate::observation::RuleName::new("idle"),
            until: second(960)
        })
    );
    let mut harness = adopt(harness, edited("cooldown: 10m", "cooldown: 20m"));
    assert_eq!(
        harness.tick(390, Some(80.0)),
        Action::Hold(HoldReason::CoolingDown {
            rule: crate::observation::RuleName::new("idle"),
            until: second(1_560)
        })
    );
    let mut harness = adopt(harness, edited("name: idle", "name: other"));
    assert_ne!(
        harness.tick(420, Some(80.0)).reason(),
        Some("cooling_down"),
        "a rule of another name has no cooldown"
    );
}

#[test]
fn a_hold_goes_on_when_its_condition_is_unchanged_and_starts_afresh_when_it_is_not() {
    let edits = [
        ("grow: 1 }", "grow: 2 }", Some(120)),       // another rule
        ("for: 2m", "for: 3m", Some(180)),           // the same condition, for longer
        ("percent < 15", "percent < 14", Some(180)), // another condition
        ("poll: 30s", "poll: 20s", Some(180)),       // other gaps are allowed
        ("name: short", "name: memory-short", Some(180)), // another rule
        ("period: 1m", "period: 2m", Some(120)),     // a signal that the rule does not read
        ("role: task }", "id: ig-task }", Some(120)), // the same group by another selector
        ("role: task }", "role: core }", None),      // another group
    ];
    for (from, to, expected) in edits {
        let mut harness = Harness::new(parsed(EDITED), 4);
        assert_eq!(harness.tick(0, Some(10.0)).resized_to(), None);
        assert_eq!(harness.tick(30, Some(10.0)).resized_to(), None);
        let mut harness = adopt(harness, edited(from, to));
        let grown = (60..=300)
            .step_by(30)
            .find(|s| harness.tick(*s, Some(10.0)).resized_to() == Some(9));
        assert_eq!(grown, expected, "{from} -> {to}");
    }
}

#[test]
fn targets_find_their_past_by_selector_whatever_their_order() {
    let two = |first: &str, second: &str| {
        let target = |role: &str| {
            format!(
                "  - group: {{ role: {role} }}\n    limits: {{ min: 0, max: 20 }}\n    hdfs: {{ replication: 1 }}\n    \
                 rules: [{{ name: short, when: yarn_memory_available_percent < 15, then: {{ grow: 5 }} }}]\n"
            )
        };
        parsed(&format!(
            "name: two\ntargets:\n{}{}",
            target(first),
            target(second)
        ))
    };
    let mut scene = Scene {
        available_percent: Some(10.0),
        ..Scene::new(vec![core_group(2), task_group(6)])
    };
    let mut engine = Engine::new(two("core", "task"));
    assert!(
        engine
            .step(&scene.observation())
            .iter()
            .all(|decision| decision.action.resized_to().is_some())
    );
    engine.note(&scene.groups[1].id, Outcome::Accepted);
    engine.note(&scene.groups[0].id, Outcome::NotSent);
    let mut engine = engine.adopt(two("task", "core"));
    scene.at = second(30);
    scene.groups[1].requested = Instances(11);
    let actions: Vec<Action> = engine
        .step(&scene.observation())
        .into_iter()
        .map(|decision| decision.action)
        .collect();
    assert_eq!(
        actions[0],
        Action::Hold(HoldReason::ResizeInFlight { to: Instances(11) })
    );
    assert_eq!(actions[1].resized_to(), Some(7));
}

#[test]
fn the_most_core_nodes_ever_seen_are_known_to_a_target_that_is_new() {
    let shrinking = |role: &str| {
        parsed(&format!(
            "name: t\ntargets:\n  - group: {{ role: {role} }}\n    limits: {{ min: 0, max: 20 }}\n    reversal: 0s\n    \
             rules: [{{ name: idle, when: yarn_memory_available_percent > 75, then: {{ set: 1 }} }}]\n"
        ))
    };
    let hdfs = HdfsLoad {
        capacity_total: Mebibytes(1_000),
        ..HdfsLoad::default()
    };
    let observe = |id: &str, core: u32, at: i64| {
        let mut scene = Scene {
            available_percent: Some(80.0),
            ..Scene::new(vec![core_group(core), task_group(1)])
        };
        scene.groups[0].id = GroupId::new(id);
        scene.at = second(at);
        let mut observation = scene.observation();
        observation.hdfs = Some(Sampled {
            value: hdfs,
            measured_at: second(at),
        });
        observation
    };
    let mut engine = Engine::new(shrinking("core"));
    engine.step(&observe("ig-core", 10, -30));
    assert_eq!(
        engine.step(&observe("ig-core", 10, 0))[0]
            .action
            .resized_to(),
        Some(3),
        "EMR's replication for ten nodes"
    );
    let mut engine = engine.adopt(shrinking("task")).adopt(shrinking("core"));
    assert_eq!(
        engine.step(&observe("ig-other", 5, 30))[0]
            .action
            .resized_to(),
        Some(3)
    );
}

#[test]
fn a_resize_that_was_not_sent_is_decided_again_and_leaves_no_trace() {
    let flips = FlipBudget { max: 1, per: HOUR };
    let guards = Guards {
        flips: Some(flips),
        reversal: Duration::ZERO,
        ..Guards::default()
    };
    let mut rules = eager();
    rules.iter_mut().for_each(|rule| rule.cooldown = HOUR);
    let mut harness = Harness::new(guarded(rules, guards), 6);
    for (s, percent, expected) in [
        (0, 10.0, 11),
        (30, 80.0, 3),
        (60, 10.0, 11),
        (90, 10.0, 11),
        (120, 80.0, 3),
    ] {
        assert_eq!(
            harness.tick(s, Some(percent)).resized_to(),
            Some(expected),
            "at {s} s"
        );
        harness.note(Outcome::NotSent);
    }
    assert_eq!(
        harness.tick(150, Some(50.0)).reason(),
        Some("no_rule_firing"),
        "nothing in flight, no cooldown, nobody to yield to"
    );
}

#[test]
fn a_resize_that_was_not_sent_leaves_the_one_before_it_in_flight() {
    let mut harness = Harness::new(
        policy(vec![
            rule(
                "all",
                Comparison::Less,
                15.0,
                0,
                Change::Set(Size::Maximum),
                0,
            ),
            eager().remove(0),
        ]),
        6,
    );
    harness.engine = Engine::new(policy(vec![rule(
        "short",
        Comparison::Less,
        15.0,
        0,
        grow(5),
        0,
    )]));
    assert_eq!(harness.tick(0, Some(10.0)).resized_to(), Some(11));
    harness.note(Outcome::Accepted);
    harness.report(11, 6);
    harness.engine = harness.engine.clone().adopt(policy(vec![rule(
        "most",
        Comparison::Less,
        15.0,
        0,
        Change::Set(Size::Maximum),
        0,
    )]));
    assert_eq!(harness.tick(30, Some(10.0)).resized_to(), Some(20));
    harness.note(Outcome::NotSent);
    harness.engine = harness.engine.clone().adopt(policy(vec![rule(
        "short",
        Comparison::Less,
        15.0,
        0,
        grow(5),
        0,
    )]));
    assert_eq!(
        harness.tick(60, Some(10.0)),
        Action::Hold(HoldReason::ResizeInFlight { to: Instances(11) })
    );
}

#[test]
fn a_group_that_amazon_scales_is_left_alone_until_it_no_longer_is() {
    let mut harness = Harness::new(policy(eager()), 6);
    harness.scene.groups[1].scaled_by_amazon = true;
    for (s, percent) in [(0, 10.0), (30, 80.0), (60, 50.0)] {
        assert_eq!(
            harness.tick(s, Some(percent)),
            Action::Hold(HoldReason::ScaledByAmazon)
        );
    }
    harness.scene.groups[1].scaled_by_amazon = false;
    assert_eq!(harness.tick(90, Some(10.0)).resized_to(), Some(11));
}

/// Otherwise a target would start an empty history when a daemon with this version starts.
#[test]
fn the_group_of_a_target_is_read_by_the_names_of_earlier_versions() {
    let mut engine = Engine::new(busy_policy());
    engine.step(&Scene::new(vec![core_group(2), task_group(6)]).observation());
    let written = serde_json::to_string(&engine.state()).expect("is written");
    assert!(written.contains(r#""known_group":"ig-task""#), "{written}");
    let earlier = written.replace("\"known_group\":", "\"tracked_group\":");
    let read: EngineState = serde_json::from_str(&earlier).expect("is read");
    assert_eq!(read, engine.state());
}
