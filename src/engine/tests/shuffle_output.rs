//! Nodes that store shuffle output of running applications: asked for before a scale-in, and kept for a
//! while.

use super::*;
use crate::decision::Resize;
use crate::observation::NodeHealth;
use crate::observation::work::{
    ApplicationKind, ApplicationWork, KnownWork, StageWork, Storage, StoringNode, Work,
    WorkOrReason, WorkUnknown,
};
use crate::units::VirtualCores;

/// What runs on a node, and since when it is empty.
type Load = (u32, Option<u64>);

/// A task group of five nodes, which a rule sets to one, at 1,000 s.
struct Asked {
    harness: Harness,
    nodes: [Load; 5],
    storage: Option<Storage>,
    kind: ApplicationKind,
    /// Containers that wait.
    pending: u64,
    /// How often the stage that runs was submitted before.
    attempt: u32,
    /// The time of the only task that is left; 0 if none is.
    left_s: f64,
}

/// A node that stores shuffle output, or cached blocks if not.
fn storing(number: u32, shuffle: bool) -> StoringNode {
    StoringNode {
        instance: InstanceId::new(format!("i-{number}")),
        shuffle,
        cached: !shuffle,
    }
}

fn known(nodes: Vec<StoringNode>) -> Option<Storage> {
    Some(Storage {
        nodes,
        apps_unknown: 0,
    })
}

impl Asked {
    fn new(fields: &str) -> Self {
        let target = format!(
            "{{ group: {{ role: task }}, limits: {{ min: 0, max: 20 }}, {fields} rules: [{{ name: set, when: 'true', then: {{ set: 1 }} }}] }}"
        );
        let policy = parsed(&format!("{{ name: t, targets: [{target}] }}"));
        let mut harness = Harness::new(policy, 5);
        harness.scene.groups[0] = core_group(0);
        harness.engine = started(
            harness.engine.policy().clone(),
            harness.scene.groups.clone(),
        );
        harness.scene.at = second(1_000);
        Self {
            harness,
            // The longer empty, the earlier it goes.
            nodes: [
                (0, Some(900)),
                (0, Some(800)),
                (0, Some(700)),
                (0, Some(600)),
                (0, Some(500)),
            ],
            storage: None,
            kind: ApplicationKind::Spark,
            pending: 0,
            attempt: 0,
            left_s: 0.0,
        }
    }

    fn observation(&self) -> Observation {
        let mut observation = self.harness.scene.observation();
        let measured_at = observation.at;
        let nodes = self
            .nodes
            .iter()
            .enumerate()
            .map(|(number, (containers, idle_s))| NodeLoad {
                instance: InstanceId::new(format!("i-{number}")),
                group: task_group(0).id,
                containers: *containers,
                has_application_master: false,
                draining: false,
                idle_since: idle_s.map(|idle_s| second(idle_s.cast_signed())),
                health: NodeHealth::Usable,
            });
        observation.nodes = Some(Sampled {
            value: NodeSnapshot(nodes.collect()),
            measured_at,
        });
        if let Some(yarn) = &mut observation.yarn {
            yarn.value.apps_running = 1;
            yarn.value.containers_pending = self.pending;
            yarn.value.oldest_app_started_at = Some(second(0));
        }
        let application = ApplicationWork {
            id: "application_1_0001".into(),
            name: "sql".into(),
            queue: "default".into(),
            kind: self.kind,
            memory_allocated: Mebibytes(1),
            vcores_allocated: VirtualCores(1),
            containers: 1,
            work: match self.kind {
                ApplicationKind::Other => WorkOrReason::Unknown(WorkUnknown::OtherFramework),
                _ => WorkOrReason::Known(KnownWork {
                    executors: None,
                    stages: vec![StageWork {
                        attempt: self.attempt,
                        tasks_remaining: u32::from(self.left_s > 0.0),
                        task_s: Some(self.left_s),
                        ..StageWork::default()
                    }],
                }),
            },
        };
        observation.work = Some(Sampled {
            value: Work {
                storage: self.storage.clone(),
                ..Work::of(vec![application], 20)
            },
            measured_at,
        });
        observation
    }

    fn action(&mut self) -> Action {
        let observation = self.observation();
        self.harness.observe(&observation)
    }

    fn resize(&mut self) -> Resize {
        match self.action() {
            Action::Resize(resize) => resize,
            Action::Hold(reason) => panic!("a resize, not {reason}"),
        }
    }
}

fn names(ids: &[InstanceId]) -> Vec<&str> {
    ids.iter().map(InstanceId::as_str).collect()
}

#[test]
fn a_scale_in_first_asks_where_spark_stores_shuffle_output() {
    let mut asked = Asked::new("");
    assert!(!asked.harness.engine.asks_for_output());
    assert_eq!(asked.action(), Action::Hold(HoldReason::AskingForOutput));
    assert!(asked.harness.engine.asks_for_output());
    asked.harness.scene.at = second(1_030);
    asked.storage = known(vec![]);
    assert_eq!(asked.resize().to, Instances(1));
}

#[test]
fn nobody_is_asked_where_nobody_could_say_it() {
    for kind in [ApplicationKind::MapReduce, ApplicationKind::Other] {
        let mut asked = Asked::new("");
        asked.kind = kind;
        assert_eq!(asked.resize().to, Instances(1), "{kind}");
    }
    let mut off = Asked::new("keep_shuffle_output: 0s,");
    assert_eq!(off.resize().to, Instances(1));
    assert!(!off.harness.engine.asks_for_output());
}

#[test]
fn nodes_with_shuffle_output_stay_and_the_others_go() {
    let mut asked = Asked::new("");
    asked.storage = known(vec![storing(1, true), storing(4, true)]);
    let resize = asked.resize();
    assert_eq!(
        (resize.to, resize.limited_by),
        (Instances(2), Some(Limiter::ShuffleOutput))
    );
    assert_eq!(names(&resize.prefer), ["i-3", "i-2", "i-0"]);
    assert_eq!(names(&resize.protect), ["i-1", "i-4"]);
    assert!(
        resize
            .to_string()
            .contains("limited by shuffle output that running applications may need"),
        "{resize}"
    );
}

fn at_limit(size: u32) -> Action {
    Action::Hold(HoldReason::AtLimit {
        limiter: Limiter::ShuffleOutput,
        size: Instances(size),
        percent_cap: None,
    })
}

fn everywhere() -> Option<Storage> {
    known((0..5).map(|number| storing(number, true)).collect())
}

#[test]
fn where_all_nodes_store_output_nothing_scales_in_until_it_has_waited_for_long_enough() {
    let mut asked = Asked::new("keep_shuffle_output: 10m,");
    asked.storage = everywhere();
    for s in (1_000..1_600).step_by(30) {
        asked.harness.scene.at = second(s);
        assert_eq!(asked.action(), at_limit(5), "at {s} s");
        assert!(asked.harness.engine.asks_for_output());
    }
    asked.harness.scene.at = second(1_600);
    let resize = asked.resize();
    assert_eq!((resize.to, resize.limited_by), (Instances(1), None));
    assert_eq!(
        names(&resize.prefer),
        ["i-4", "i-3", "i-2", "i-1"],
        "the longest empty first"
    );
}

#[test]
fn a_decision_says_how_long_nodes_stay_for_output_and_what_that_costs() {
    let mut asked = Asked::new("keep_shuffle_output: 10m,");
    asked.storage = known((0..3).map(|number| storing(number, true)).collect());
    asked.action();
    asked.harness.scene.at = second(1_300);
    let observation = asked.observation();
    let decision = asked.harness.engine.step(&observation).remove(0);
    let wait = decision.output_wait.expect("three nodes stay");
    assert_eq!((wait.nodes, wait.until), (3, second(1_600)));
    assert_eq!((wait.node_s, wait.work_done_s), (900.0, Some(0.0)));
    asked.storage = known(Vec::new());
    asked.harness.scene.at = second(1_330);
    let observation = asked.observation();
    let decision = asked.harness.engine.step(&observation).remove(0);
    assert_eq!(decision.output_wait, None);
}

#[test]
fn nodes_stay_up_to_half_of_the_time_longer_if_the_known_work_is_done_by_then() {
    // What is left never gets less, so that at 1,720 s it would be done after 1,900 s.
    for (left_s, goes_at) in [(0.0, 1_600), (200.0, 1_720), (400.0, 1_600)] {
        let mut asked = Asked::new("keep_shuffle_output: 10m,");
        (asked.storage, asked.left_s) = (everywhere(), left_s);
        for s in (1_000..goes_at).step_by(30) {
            asked.harness.scene.at = second(s);
            assert_eq!(asked.action(), at_limit(5), "{left_s} s left, at {s} s");
        }
        asked.harness.scene.at = second(goes_at);
        assert_eq!(asked.resize().to, Instances(1), "{left_s} s left");
    }
}

#[test]
fn the_wait_goes_on_over_steps_and_over_ticks_at_which_nothing_asks_for_a_scale_in() {
    let mut asked = Asked::new("keep_shuffle_output: 10m, step: { shrink: 1 },");
    asked.storage = everywhere();
    for s in (1_000..1_600).step_by(30) {
        asked.harness.scene.at = second(s);
        // YARN does not answer now and then.
        asked.harness.scene.available_percent = (s % 90 != 0).then_some(50.0);
        assert!(matches!(asked.action(), Action::Hold(_)), "at {s} s");
    }
    asked.harness.scene.available_percent = Some(50.0);
    asked.harness.scene.at = second(1_630);
    assert_eq!(asked.resize().to, Instances(4));
    asked
        .harness
        .engine
        .note(&task_group(0).id, Outcome::NotSent);
    asked.harness.scene.at = second(1_660);
    assert_eq!(
        asked.resize().to,
        Instances(4),
        "the next step does not wait again"
    );
}

#[test]
fn a_group_that_was_asked_to_grow_in_between_waits_anew() {
    let mut asked = Asked::new("keep_shuffle_output: 10m,");
    let rules = "{ name: smaller, when: yarn_containers_pending == 0, then: { set: 1 } }, \
                 { name: larger, when: yarn_containers_pending > 0, then: { grow: 1 } }";
    asked.harness.engine = started(
        parsed(&format!(
            "{{ name: t, targets: [{{ group: {{ role: task }}, limits: {{ min: 0, max: 20 }}, keep_shuffle_output: 10m, rules: [{rules}] }}] }}"
        )),
        asked.harness.scene.groups.clone(),
    );
    asked.storage = everywhere();
    for s in (1_000..1_500).step_by(30) {
        asked.harness.scene.at = second(s);
        assert_eq!(asked.action(), at_limit(5), "at {s} s");
    }
    asked.pending = 7;
    asked.harness.scene.at = second(1_510);
    asked.action();
    asked
        .harness
        .engine
        .note(&task_group(0).id, Outcome::NotSent);
    asked.pending = 0;
    for s in (1_600..2_100).step_by(30) {
        asked.harness.scene.at = second(s);
        assert_eq!(asked.action(), at_limit(5), "at {s} s");
    }
}

#[test]
fn an_answer_that_is_missing_once_ends_no_wait() {
    let mut asked = Asked::new("");
    asked.storage = everywhere();
    assert_eq!(asked.action(), at_limit(5));
    for (s, storage) in [
        (
            1_030,
            Some(Storage {
                nodes: vec![],
                apps_unknown: 1,
            }),
        ),
        (1_060, everywhere()),
    ] {
        asked.harness.scene.at = second(s);
        asked.storage = storage;
        assert_eq!(asked.action(), at_limit(5), "at {s} s");
    }
    // Unknown for longer than a value counts as recent.
    asked.storage = Some(Storage {
        nodes: vec![],
        apps_unknown: 1,
    });
    asked.harness.scene.at = second(1_180);
    assert_eq!(asked.resize().to, Instances(1));
}

#[test]
fn busy_nodes_do_not_go_in_place_of_empty_ones_with_output() {
    let mut asked = Asked::new("");
    asked.nodes = [
        (0, Some(900)),
        (0, Some(900)),
        (0, Some(900)),
        (40, None),
        (40, None),
    ];
    asked.storage = known(vec![storing(0, true), storing(1, true), storing(2, true)]);
    assert_eq!(asked.action(), at_limit(5));
}

#[test]
fn a_fleet_with_output_stays_as_it_is_because_it_cannot_name_instances() {
    let mut asked = Asked::new("");
    let policy = "{ name: t, targets: [{ group: { fleet: task, market: on-demand }, limits: { min: 0, max: 40 }, \
                  rules: [{ name: set, when: 'true', then: { set: 5 } }] }] }";
    for group in &mut asked.harness.scene.groups {
        group.kind = crate::observation::GroupKind::Fleet;
        group.requested = Instances(20);
        group.running = Instances(20);
    }
    asked.harness.engine = started(parsed(policy), asked.harness.scene.groups.clone());
    asked.storage = known(vec![storing(0, true)]);
    assert_eq!(asked.action(), at_limit(20));
}

#[test]
fn a_target_that_does_not_wait_is_not_changed_by_what_another_asked_for() {
    let nodes = [
        (0, Some(900)),
        (0, Some(900)),
        (0, Some(900)),
        (4, None),
        (4, None),
    ];
    let mut off = Asked::new("keep_shuffle_output: 0s,");
    off.nodes = nodes;
    let before = off.resize();
    let mut off = Asked::new("keep_shuffle_output: 0s,");
    off.nodes = nodes;
    off.storage = Some(Storage {
        nodes: vec![storing(0, true), storing(1, true), storing(2, true)],
        apps_unknown: 1,
    });
    let with_answers = off.resize();
    assert_eq!(
        (with_answers.to, with_answers.prefer, with_answers.protect),
        (before.to, before.prefer, before.protect)
    );
}

#[test]
fn nodes_whose_executors_store_something_go_after_those_whose_do_not() {
    let mut asked = Asked::new("");
    asked.nodes = [(1, None), (3, None), (2, None), (2, None), (0, Some(900))];
    asked.storage = known(vec![storing(0, false), storing(2, true)]);
    let resize = asked.resize();
    assert_eq!(
        resize.to,
        Instances(1),
        "the node with shuffle output stays"
    );
    assert_eq!(names(&resize.prefer), ["i-4"]);
    assert_eq!(names(&resize.protect), ["i-2"]);
}

#[test]
fn what_an_application_did_not_say_counts_as_before() {
    let mut asked = Asked::new("");
    asked.storage = Some(Storage {
        nodes: vec![storing(4, true)],
        apps_unknown: 1,
    });
    let resize = asked.resize();
    assert_eq!(
        names(&resize.prefer),
        ["i-3", "i-2", "i-1", "i-0"],
        "the longest empty first"
    );
}

#[test]
fn a_group_above_its_maximum_comes_down_whatever_is_stored() {
    let mut asked = Asked::new("");
    let policy = "{ name: t, targets: [{ group: { role: task }, limits: { min: 0, max: 1 } }] }";
    asked.harness.engine = started(parsed(policy), asked.harness.scene.groups.clone());
    asked.storage = known((0..5).map(|number| storing(number, true)).collect());
    assert_eq!(asked.resize().to, Instances(1));
}

#[test]
fn a_stage_that_runs_again_is_told_once_if_the_group_has_scaled_in() {
    let mut asked = Asked::new("keep_shuffle_output: 0s,");
    asked.storage = known(Vec::new());
    asked.attempt = 1;
    let mut decide = |attempt| {
        asked.attempt = attempt;
        let observation = asked.observation();
        let decision = asked.harness.engine.step(&observation).remove(0);
        asked
            .harness
            .engine
            .note(&task_group(0).id, Outcome::Accepted);
        asked.harness.scene.at = asked.harness.scene.at + Duration::from_secs(60);
        decision
    };
    let before = decide(1);
    assert_eq!(before.runs_again, None, "it ran again before the scale-in");
    assert!(matches!(before.action, Action::Resize(_)), "{before:?}");
    assert_eq!(decide(1).runs_again, None);
    let again = decide(2).runs_again.expect("another attempt");
    assert_eq!((again.stages, &*again.applications[0]), (1, "sql"));
    assert_eq!(again.scale_in_at, before.at);
    assert_eq!(decide(2).runs_again, None);
}
