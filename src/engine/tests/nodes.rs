//! Which instances stay and which go first when a group comes down.

use proptest::prelude::*;

use super::*;
use crate::decision::Resize;
use crate::observation::{GroupKind, NodeHealth};

/// What runs on a node: containers, an application master among them, on its way out.
type Load = (u32, bool, bool);

const EMPTY: Load = (0, false, false);

fn snapshot(nodes: &[Load]) -> NodeSnapshot {
    let node = |(k, (containers, has_application_master, draining)): (usize, &Load)| NodeLoad {
        instance: InstanceId::new(format!("i-{k}")),
        group: task_group(0).id,
        containers: *containers,
        has_application_master: *has_application_master,
        draining: *draining,
        idle_since: None,
        health: NodeHealth::Usable,
    };
    NodeSnapshot(nodes.iter().enumerate().map(node).collect())
}

/// The resize to `to` of a task group with these nodes, which was asked to have `requested`; no
/// application is there.
fn resize(nodes: &[Load], requested: u32, to: u32) -> Resize {
    resize_seen(snapshot(nodes), requested, to, |_| {})
}

/// The resize of a task group with this snapshot, and what else was seen of YARN.
fn resize_seen(
    snapshot: NodeSnapshot,
    requested: u32,
    to: u32,
    see: impl FnOnce(&mut Observation),
) -> Resize {
    let rule = format!("{{ name: set, when: 'true', then: {{ set: {to} }} }}");
    let target =
        format!("{{ group: {{ role: task }}, limits: {{ min: 0, max: 20 }}, rules: [{rule}] }}");
    let mut harness = Harness::new(parsed(&format!("{{ name: t, targets: [{target}] }}")), 0);
    harness.report(requested, u32::try_from(snapshot.0.len()).expect("few"));
    // The list of nodes is that of the task group.
    harness.scene.groups[0] = core_group(0);
    harness.engine = started(
        harness.engine.policy().clone(),
        harness.scene.groups.clone(),
    );
    harness.scene.at = second(1_000);
    let mut observation = harness.scene.observation();
    observation.nodes = Some(Sampled {
        value: snapshot,
        measured_at: observation.at,
    });
    see(&mut observation);
    let Action::Resize(resize) = harness.observe(&observation) else {
        panic!("a resize")
    };
    resize
}

fn names(ids: &[InstanceId]) -> Vec<&str> {
    ids.iter().map(InstanceId::as_str).collect()
}

#[test]
fn application_masters_stay_then_the_busiest_as_many_as_remain_and_empty_nodes_go_first() {
    let nodes = [
        (3, false, false),
        EMPTY,
        (1, true, false),
        (7, false, false),
        EMPTY,
        (5, false, false),
    ];
    for (to, protect, prefer) in [
        (5, vec!["i-2", "i-3", "i-5", "i-0"], vec!["i-4"]),
        (3, vec!["i-2", "i-3", "i-5"], vec!["i-4", "i-1"]),
        (1, vec!["i-2"], vec!["i-4", "i-1"]),
    ] {
        let resize = resize(&nodes, 6, to);
        assert_eq!(
            (names(&resize.protect), names(&resize.prefer)),
            (protect, prefer),
            "to {to}"
        );
    }
}

/// Node 0 runs two containers. The others are empty: since 50 s (1), since nobody knows when (2),
/// since 300 s (3), 100 s (4) and 200 s (5).
fn emptied() -> NodeSnapshot {
    let mut snapshot = snapshot(&[(2, false, false), EMPTY, EMPTY, EMPTY, EMPTY, EMPTY]);
    for (node, since_s) in [(1, 50), (3, 300), (4, 100), (5, 200)] {
        snapshot.0[node].idle_since = Some(second(since_s));
    }
    snapshot
}

/// So many applications run and wait, the oldest of them since so many seconds.
type Apps = (u64, u64, Option<i64>);

fn shrink_emptied(to: u32, (running, pending, oldest_s): Apps) -> Resize {
    resize_seen(emptied(), 6, to, |observation| {
        let yarn = &mut observation.yarn.as_mut().expect("YARN answers").value;
        (
            yarn.apps_running,
            yarn.apps_pending,
            yarn.oldest_app_started_at,
        ) = (running, pending, oldest_s.map(second));
    })
}

#[test]
fn empty_nodes_without_output_that_is_needed_go_first_then_those_that_have_been_empty_longest() {
    let nobody: Apps = (0, 0, None);
    for (why, to, apps, protect, prefer) in [
        (
            "no application is there",
            2,
            nobody,
            vec!["i-0"],
            vec!["i-5", "i-4", "i-3", "i-2"],
        ),
        (
            "1 and 4 were empty before",
            4,
            (1, 0, Some(150)),
            vec!["i-0", "i-2", "i-3", "i-5"],
            vec!["i-4", "i-1"],
        ),
        (
            "5 has been empty longest of the rest",
            3,
            (1, 0, Some(150)),
            vec!["i-0", "i-2", "i-3"],
            vec!["i-4", "i-1", "i-5"],
        ),
        (
            "2 may have been in use a moment ago",
            1,
            (1, 0, Some(150)),
            vec!["i-0"],
            vec!["i-4", "i-1", "i-5", "i-3", "i-2"],
        ),
        (
            "3 became empty just when the oldest came",
            3,
            (1, 0, Some(300)),
            vec!["i-0", "i-2", "i-3"],
            vec!["i-5", "i-4", "i-1"],
        ),
        (
            "its start is not told",
            4,
            (1, 0, None),
            vec!["i-0", "i-2", "i-3", "i-5"],
            vec!["i-1", "i-4"],
        ),
        (
            "its master starts again",
            4,
            (0, 1, None),
            vec!["i-0", "i-2", "i-3", "i-5"],
            vec!["i-1", "i-4"],
        ),
        (
            "all were in use since",
            0,
            (3, 2, Some(10)),
            vec![],
            vec!["i-1", "i-4", "i-5", "i-3", "i-2"],
        ),
    ] {
        let resize = shrink_emptied(to, apps);
        assert_eq!(
            (names(&resize.protect), names(&resize.prefer)),
            (protect, prefer),
            "{why}"
        );
    }
}

#[test]
fn while_the_load_is_stale_an_empty_node_may_hold_output() {
    let resize = resize_seen(emptied(), 6, 5, |observation| {
        let stale_at = observation.at - Duration::from_secs(91);
        observation
            .yarn
            .iter_mut()
            .for_each(|yarn| yarn.measured_at = stale_at);
    });
    assert_eq!(
        names(&resize.prefer),
        ["i-1"],
        "not the last one, as if no application were there"
    );
}

#[test]
fn an_instance_with_an_application_master_is_never_preferred() {
    let resize = resize(&[(0, true, false), EMPTY], 2, 1);
    assert_eq!(
        (names(&resize.protect), names(&resize.prefer)),
        (vec!["i-0"], vec!["i-1"]),
        "two sources that disagree"
    );
}

#[test]
fn nodes_that_leave_already_are_neither_kept_nor_counted_again() {
    let resize = resize(
        &[(4, false, true), (0, false, true), EMPTY, EMPTY, EMPTY],
        3,
        2,
    );
    assert_eq!(
        (names(&resize.protect), names(&resize.prefer)),
        (vec![], vec!["i-4"])
    );
}

#[test]
fn nodes_are_kept_while_an_earlier_scale_in_comes_down_to_a_larger_size_too() {
    let resize = resize(
        &[(1, true, false), (2, false, false), (0, false, true), EMPTY],
        1,
        2,
    );
    assert_eq!(resize.direction(), Direction::Out);
    assert_eq!(
        (names(&resize.protect), names(&resize.prefer)),
        (vec!["i-0", "i-1"], vec!["i-3"])
    );
}

#[test]
fn where_none_leaves_none_is_named() {
    for (requested, to) in [(2, 3), (2, 2 + 7), (9, 4)] {
        let resize = resize(&[EMPTY, (1, true, false)], requested, to);
        assert_eq!(
            (resize.protect.len(), resize.prefer.len()),
            (0, 0),
            "{requested} -> {to}"
        );
    }
}

#[test]
fn nodes_that_yarn_does_not_use_go_before_every_healthy_one() {
    let mut nodes = snapshot(&[EMPTY, (2, false, false), (1, false, false), EMPTY, EMPTY]);
    nodes.0[1].health = NodeHealth::Unhealthy;
    nodes.0[3].health = NodeHealth::NotListed;
    // They have been missing for long enough: the engine has seen them for ten minutes.
    let mut harness = Harness::new(
        parsed(
            "{ name: t, targets: [{ group: { role: task }, limits: { min: 0, max: 9 }, \
             rules: [{ name: set, when: yarn_apps_pending > 0, then: { set: 2 } }] }] }",
        ),
        5,
    );
    let mut action = None;
    for s in (0..=600).step_by(30) {
        harness.scene.at = second(s);
        let mut observation = harness.scene.observation();
        let yarn = &mut observation.yarn.as_mut().expect("YARN answers").value;
        yarn.apps_pending = u64::from(s == 600);
        observation.nodes = Some(Sampled {
            value: nodes.clone(),
            measured_at: observation.at,
        });
        action = Some(harness.observe(&observation));
    }
    let Some(Action::Resize(resize)) = action else {
        panic!("a resize, not {action:?}")
    };
    assert_eq!(names(&resize.prefer), ["i-3", "i-1", "i-4"]);
    assert_eq!(names(&resize.protect), ["i-2", "i-0"]);
}

/// The last action of a task group of this kind that has one idle node and one with a master, while
/// a rule sets it to 0.
fn to_nothing(fields: &str, kind: GroupKind) -> Action {
    let rule = "{ name: set, when: 'true', then: { set: 0 } }";
    let selector = match kind {
        GroupKind::Group => "role: task",
        GroupKind::Fleet => "fleet: task, market: on-demand",
    };
    let target = format!(
        "{{ group: {{ {selector} }}, limits: {{ min: 0, max: 20 }}, {fields} rules: [{rule}] }}"
    );
    let mut harness = Harness::new(parsed(&format!("{{ name: t, targets: [{target}] }}")), 2);
    harness.scene.groups[0] = core_group(0);
    for group in &mut harness.scene.groups {
        group.kind = kind;
    }
    harness.engine = started(
        harness.engine.policy().clone(),
        harness.scene.groups.clone(),
    );
    let mut observation = harness.scene.observation();
    observation.nodes = Some(Sampled {
        value: snapshot(&[EMPTY, (1, true, false)]),
        measured_at: observation.at,
    });
    harness.observe(&observation)
}

#[test]
fn a_group_keeps_as_many_instances_as_run_application_masters_unless_the_policy_says_otherwise() {
    let Action::Resize(kept) = to_nothing("", GroupKind::Group) else {
        panic!("a resize")
    };
    assert_eq!(
        (kept.to, kept.limited_by, kept.application_masters_at_risk),
        (Instances(1), Some(Limiter::ApplicationMasters), 0)
    );
    let Action::Resize(all) = to_nothing("keep_application_masters: false,", GroupKind::Group)
    else {
        panic!("a resize")
    };
    assert_eq!((all.to, all.application_masters_at_risk), (Instances(0), 1));
}

#[test]
fn a_scale_in_of_a_fleet_names_no_instance_and_says_that_a_master_is_at_risk() {
    let Action::Resize(resize) = to_nothing("", GroupKind::Fleet) else {
        panic!("a resize")
    };
    assert_eq!(
        (resize.to, resize.application_masters_at_risk),
        (Instances(1), 1)
    );
    assert!(resize.protect.is_empty() && resize.prefer.is_empty());
    assert_eq!(
        resize.to_string(),
        "shrink 2 -> 1: rule set (desired 0, limited by application masters); it may terminate an \
         instance that runs an application master"
    );
}

proptest! {
    #[test]
    fn as_many_as_leave_are_always_left_to_go(
        nodes in proptest::collection::vec((0_u32..4, proptest::bool::weighted(0.2), proptest::bool::weighted(0.2)), 1..20),
        to in 0_u32..20,
    ) {
        let running = u32::try_from(nodes.len()).expect("few");
        let masters = nodes.iter().filter(|(_, is_master, draining)| *is_master && !draining).count();
        let to = to.max(u32::try_from(masters).expect("few"));
        prop_assume!(to < running);
        let resize = resize(&nodes, running, to);
        prop_assert_eq!(resize.to, Instances(to));
        let (protect, prefer) = (names(&resize.protect), names(&resize.prefer));
        prop_assert!(protect.iter().all(|id| !prefer.contains(id)));
        prop_assert!(protect.len() <= to as usize);
        prop_assert!(prefer.len() <= (running - to) as usize);
        let load = |id: &str| nodes[id[2..].parse::<usize>().expect("a number")];
        prop_assert!(prefer.iter().all(|id| load(id) == EMPTY));
        prop_assert!(protect.iter().all(|id| !load(id).2));
    }
}
