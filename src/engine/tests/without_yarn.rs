//! Policies with `uses_yarn: false`: what YARN would show neither holds a scale-in nor guides it.

use super::*;
use crate::decision::Resize;
use crate::observation::{MetricId, NodeHealth};

const TASK: &str = "
name: t
uses_yarn: false
metrics: { queued: { namespace: App, metric_name: Queued, period: 1m } }
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    reversal: 0s
    rules:
      - { name: busy, when: queued > 10, then: { grow: 2 } }
      - { name: quiet, when: queued < 1, then: { shrink: 1 } }
";

/// A policy with only this rule.
fn with_rule(rule: &str) -> Policy {
    let (head, _) = TASK.split_once("      - {").expect("a rule");
    parsed(&format!("{head}      - {rule}\n"))
}

/// An observation of a daemon that does not read YARN, in which the metric has this value.
fn observed(scene: &Scene, queued: Option<f64>) -> Observation {
    let mut observation = scene.observation();
    observation.yarn = None;
    let sample = queued.map(|value| Sampled {
        value,
        measured_at: observation.at,
    });
    let named = sample.map(|sample| (MetricId::new("queued"), sample));
    observation.metrics = named.into_iter().collect();
    observation
}

fn decided(policy: Policy, groups: Vec<GroupStatus>, queued: Option<f64>) -> Vec<Action> {
    let decisions = Engine::new(policy).step(&observed(&Scene::new(groups), queued));
    decisions
        .into_iter()
        .map(|decision| decision.action)
        .collect()
}

fn resized(action: &Action) -> &Resize {
    match action {
        Action::Resize(resize) => resize,
        Action::Hold(reason) => panic!("{reason}"),
    }
}

#[test]
fn a_metric_scales_out_and_in_from_the_first_tick_on() {
    let to = |queued| {
        let actions = decided(
            parsed(TASK),
            vec![core_group(2), task_group(4)],
            Some(queued),
        );
        resized(&actions[0]).to.get()
    };
    assert_eq!((to(11.0), to(0.0)), (6, 3));
}

#[test]
fn a_scale_in_says_that_busy_instances_are_not_known() {
    let of = |queued| {
        let actions = decided(parsed(TASK), vec![task_group(4)], Some(queued));
        resized(&actions[0]).to_string()
    };
    assert_eq!(
        of(0.0),
        "shrink 4 -> 3: rule quiet; which instances are busy is not known (uses_yarn: false)"
    );
    assert_eq!(of(11.0), "grow 4 -> 6: rule busy");
}

#[test]
fn what_an_observation_has_of_yarn_neither_holds_nor_guides_a_scale_in() {
    let node = |k: u32| NodeLoad {
        instance: InstanceId::new(format!("i-{k}")),
        group: task_group(0).id,
        containers: k,
        has_application_master: true,
        draining: false,
        idle_since: None,
        health: NodeHealth::NotListed,
    };
    let scene = Scene::new(vec![task_group(4)]);
    let mut observation = observed(&scene, Some(0.0));
    observation.control.looks_at_nodes = true;
    for nodes in [None, Some(NodeSnapshot((0..4).map(node).collect()))] {
        observation.nodes = nodes.map(|value| Sampled {
            value,
            measured_at: observation.at,
        });
        let decisions = Engine::new(parsed(TASK)).step(&observation);
        let resize = resized(&decisions[0].action);
        assert_eq!(resize.to, Instances(3));
        assert!(resize.protect.is_empty() && resize.prefer.is_empty());
        assert_eq!(resize.application_masters_at_risk, 0);
    }
}

#[test]
fn a_metric_that_is_missing_or_stale_holds() {
    let mut engine = Engine::new(parsed(TASK));
    let mut scene = Scene::new(vec![task_group(4)]);
    let mut hold = |at_s: i64, observation: Observation| {
        let decisions = engine.step(&Observation {
            at: second(at_s),
            ..observation
        });
        match &decisions[0].action {
            Action::Hold(reason) => reason.label(),
            Action::Resize(resize) => panic!("{resize}"),
        }
    };
    assert_eq!(hold(0, observed(&scene, None)), "missing_signal");
    let quiet = observed(&scene, Some(5.0));
    assert_eq!(hold(30, quiet.clone()), "no_rule_firing");
    scene.at = second(300);
    let mut stale = observed(&scene, Some(0.0));
    stale.metrics = quiet.metrics;
    assert_eq!(hold(300, stale), "stale_data");
    scene.at = second(330);
    assert_eq!(hold(330, observed(&scene, None)), "missing_signal");
}

#[test]
fn track_counts_all_instances_that_run() {
    let policy = with_rule(
        "{ name: t, when: 'true', then: { track: { signal: queued, target: 10, tolerance: 0 } } }",
    );
    let groups = vec![core_group(2), task_group(4)];
    let to = |queued| resized(&decided(policy.clone(), groups.clone(), Some(queued))[0]).to;
    assert_eq!((to(20.0), to(5.0)), (Instances(10), Instances(1)));
    assert!(matches!(
        decided(policy.clone(), groups.clone(), None)[0],
        Action::Hold(HoldReason::MissingSignal { .. })
    ));
}

#[test]
fn core_groups_keep_what_hdfs_needs_and_task_groups_go_on() {
    let policy = parsed(
        "
name: t
uses_yarn: false
metrics: { queued: { namespace: App, metric_name: Queued } }
targets:
  - group: { role: core }
    limits: { min: 1, max: 20 }
    rules: [{ name: quiet, when: queued < 1, then: { set: min } }]
  - group: { role: task }
    limits: { min: 0, max: 20 }
    rules: [{ name: quiet, when: queued < 1, then: { set: min } }]
",
    );
    let groups = vec![core_group(6), task_group(4)];
    let unread = decided(policy.clone(), groups.clone(), Some(0.0));
    assert_eq!(unread[0], Action::Hold(HoldReason::missing("hdfs")));
    assert_eq!(resized(&unread[1]).to, Instances(0));

    let mut observation = observed(&Scene::new(groups), Some(0.0));
    observation.hdfs = Some(Sampled {
        value: HdfsLoad {
            capacity_total: Mebibytes(6_000),
            capacity_used: Mebibytes(2_400),
            ..HdfsLoad::default()
        },
        measured_at: observation.at,
    });
    let decisions = Engine::new(policy).step(&observation);
    let core = resized(&decisions[0].action);
    assert_eq!(
        (core.to, core.limited_by),
        (Instances(3), Some(Limiter::HdfsFloor))
    );
}

#[test]
fn an_edited_policy_that_uses_yarn_again_waits_for_the_nodes() {
    let scene = Scene::new(vec![task_group(4)]);
    let mut engine = Engine::new(parsed(TASK));
    engine.step(&observed(&scene, Some(5.0)));
    let mut edited = engine.adopt(parsed(&TASK.replace("uses_yarn: false", "uses_yarn: true")));
    let mut observation = observed(&scene, Some(0.0));
    observation.at = second(30);
    observation.control.looks_at_nodes = true;
    let decisions = edited.step(&observation);
    assert_eq!(
        decisions[0].action,
        Action::Hold(HoldReason::missing("nodes"))
    );
}

#[test]
fn a_restored_engine_decides_as_one_that_never_stopped() {
    let mut scene = Scene::new(vec![task_group(4)]);
    let mut engine = Engine::new(with_rule(
        "{ name: quiet, when: queued < 1, for: 1m, then: { shrink: 1 } }",
    ));
    engine.step(&observed(&scene, Some(0.0)));
    let mut restored =
        Engine::restore(engine.policy().clone(), engine.state()).expect("its own state");
    scene.at = second(60);
    let decisions = restored.step(&observed(&scene, Some(0.0)));
    assert_eq!(decisions, engine.step(&observed(&scene, Some(0.0))));
    assert_eq!(resized(&decisions[0].action).to, Instances(3));
}
