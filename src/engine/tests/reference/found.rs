//! Differences between the engine and the documentation that the reference found, each with its smallest case.

use super::super::*;

fn at(scene: &mut Scene, s: i64, available_percent: f64) -> Observation {
    scene.at = second(s);
    scene.available_percent = Some(available_percent);
    scene.observation()
}

fn sized(requested: u32, running: u32) -> Scene {
    let mut scene = Scene::new(vec![core_group(2), task_group(requested)]);
    scene.groups[1].running = Instances(running);
    scene
}

fn with_rules(limits: &str, metrics: &str, rules: &[&str]) -> Engine {
    let rules = rules.join("\n      - ");
    Engine::new(parsed(&format!(
        "name: known\n{metrics}\ntargets:\n  - group: {{ role: task }}\n    limits: {limits}\n    rules:\n      - {rules}\n"
    )))
}

/// `a or b` has been true by `a` for two minutes when the rule would fire, but `b` has its first sample before.
#[test]
fn a_signal_that_is_not_needed_does_not_delay_a_rule_when_it_appears() {
    let metrics = "metrics: { depth: { namespace: A, metric_name: D, period: 1m } }";
    let rule = "{ name: short, when: 'yarn_memory_available_percent < 15 or depth > 100', for: 2m, then: { grow: 5 } }";
    let mut engine = with_rules("{ min: 0, max: 20 }", metrics, &[rule]);
    let mut scene = sized(4, 4);
    let fires_at = (0..=300).step_by(30).find(|s| {
        let mut observation = at(&mut scene, *s, 10.0);
        if *s >= 90 {
            let sample = Sampled {
                value: 0.0,
                measured_at: second(90),
            };
            observation
                .metrics
                .insert(crate::observation::MetricId::new("depth"), sample);
        }
        engine.step(&observation)[0].action.resized_to().is_some()
    });
    assert_eq!(fires_at, Some(120));
}

/// EMR shows the size of a call without an answer after more than three polls: nobody can know whose it is, and to
/// yield is the safe side.
#[test]
fn a_call_without_an_answer_that_arrives_late_counts_as_someone_elses() {
    let rule = "{ name: short, when: yarn_memory_available_percent < 15, then: { set: 12 } }";
    let mut engine = with_rules("{ min: 0, max: 20 }", "", &[rule]);
    let mut scene = sized(4, 4);
    assert_eq!(
        engine.step(&at(&mut scene, 0, 10.0))[0].action.resized_to(),
        Some(12)
    );
    engine.step(&at(&mut scene, 30, 50.0));
    engine.step(&at(&mut scene, 90, 50.0));
    let mut scene = sized(12, 12);
    let action = &engine.step(&at(&mut scene, 120, 50.0))[0].action;
    assert_eq!(action.reason(), Some("yielding_to_operator"));
}

/// A scale-in drains while a scale-out is called, whose answer is lost. The scale-in completes before EMR shows the
/// scale-out, a minute after the call.
#[test]
fn a_call_without_an_answer_is_not_forgotten_when_the_resize_before_it_is_complete() {
    let rules = [
        "{ name: idle, when: yarn_memory_available_percent > 75, then: { set: 2 } }",
        "{ name: short, when: yarn_memory_available_percent < 15, then: { set: 4 } }",
    ];
    let mut engine = with_rules("{ min: 0, max: 20 }", "", &rules);
    let draining = || {
        let mut scene = sized(2, 4);
        scene.groups[1].state = GroupState::Resizing;
        scene
    };
    engine.step(&at(&mut sized(4, 4), 0, 50.0));
    assert_eq!(
        engine.step(&at(&mut sized(4, 4), 30, 80.0))[0]
            .action
            .resized_to(),
        Some(2)
    );
    engine.note(&GroupId::new("ig-task"), Outcome::Accepted);
    assert_eq!(
        engine.step(&at(&mut draining(), 90, 10.0))[0]
            .action
            .resized_to(),
        Some(4)
    );
    engine.note(&GroupId::new("ig-task"), Outcome::Unknown);
    engine.step(&at(&mut sized(2, 2), 120, 50.0));
    let action = &engine.step(&at(&mut sized(4, 4), 150, 50.0))[0].action;
    assert_eq!(action.reason(), Some("no_rule_firing"));
}

/// A group below its minimum, of which EMR has lost an instance, while a rule asks to grow beyond the minimum.
#[test]
fn a_rule_that_waits_for_what_emr_owes_does_not_keep_the_minimum_waiting() {
    let rule = "{ name: short, when: yarn_memory_available_percent < 15, then: { grow: 5 } }";
    let decided = |available_percent| {
        let mut engine = with_rules("{ min: 4, max: 20 }", "", &[rule]);
        engine
            .step(&at(&mut sized(2, 1), 0, available_percent))
            .remove(0)
            .action
    };
    assert_eq!(decided(50.0).resized_to(), Some(4));
    let busy = decided(10.0);
    let expected = Some(4);
    assert_eq!(busy.resized_to(), expected, "{busy:?}");
}

/// A `grow` rule waits for an instance that EMR has lost, and a smaller `set` would not have to.
#[test]
fn a_rule_that_waits_for_what_emr_owes_does_not_keep_a_smaller_scale_out_waiting() {
    let rules = [
        "{ name: grow, when: yarn_memory_available_percent < 15, then: { grow: 10 } }",
        "{ name: set, when: yarn_memory_available_percent < 15, then: { set: 12 } }",
    ];
    let decided = |rules: &[&str]| {
        let mut engine = with_rules("{ min: 0, max: 20 }", "", rules);
        engine.step(&at(&mut sized(8, 7), 0, 10.0)).remove(0).action
    };
    assert_eq!(decided(&rules[1..]).resized_to(), Some(12));
    assert_eq!(decided(&rules).resized_to(), Some(12));
}

/// A second `shrink` waits for the first one to complete, and a lower `set` would not have to.
#[test]
fn a_shrink_that_waits_keeps_a_lower_size_waiting() {
    let rules = [
        "{ name: shrink, when: yarn_memory_available_percent > 75, then: { shrink: 1 } }",
        "{ name: set, when: yarn_memory_available_percent > 85, then: { set: 4 } }",
    ];
    let mut engine = with_rules("{ min: 0, max: 20 }", "", &rules);
    engine.step(&at(&mut sized(10, 10), 0, 50.0));
    assert_eq!(
        engine.step(&at(&mut sized(10, 10), 30, 80.0))[0]
            .action
            .resized_to(),
        Some(9)
    );
    engine.note(&GroupId::new("ig-task"), Outcome::Accepted);
    let mut draining = sized(9, 10);
    draining.groups[1].state = GroupState::Resizing;
    let action = &engine.step(&at(&mut draining, 60, 90.0))[0].action;
    assert_eq!(action.resized_to(), None);
}
