//! Instances that EMR runs and YARN does not list, while others leave.

use super::*;
use crate::observation::{GroupKind, NodeHealth};

const NOT_LISTED: NodeHealth = NodeHealth::NotListed;

/// Nodes of the task group: health, whether they drain or have drained, and how many are like that.
type Alike = (NodeHealth, bool, usize);

fn snapshot(nodes: &[Alike]) -> NodeSnapshot {
    let nodes = nodes.iter().flat_map(|alike| vec![alike; alike.2]);
    let node = |(k, (health, draining, _)): (usize, &Alike)| NodeLoad {
        instance: InstanceId::new(format!("i-{k}")),
        group: task_group(0).id,
        containers: 0,
        has_application_master: false,
        draining: *draining,
        idle_since: None,
        health: *health,
    };
    NodeSnapshot(nodes.enumerate().map(node).collect())
}

/// What a target with this rule does to a task group of 20 of which 10 are requested, at the first tick
/// at which YARN shows these nodes.
fn with_nodes(kind: GroupKind, then: &str, nodes: &[Alike]) -> Action {
    with_group(kind, 10, then, nodes)
}

/// The same for an instance group of 20 of which so many are requested.
fn with_nodes_of(requested: u32, then: &str, nodes: &[Alike]) -> Action {
    with_group(GroupKind::Group, requested, then, nodes)
}

fn with_group(kind: GroupKind, requested: u32, then: &str, nodes: &[Alike]) -> Action {
    let selector = match kind {
        GroupKind::Group => "role: task",
        GroupKind::Fleet => "fleet: task, market: on-demand",
    };
    let rule = format!("{{ name: it, when: 'true', then: {then} }}");
    let target =
        format!("{{ group: {{ {selector} }}, limits: {{ min: 0, max: 99 }}, rules: [{rule}] }}");
    let mut harness = Harness::new(parsed(&format!("{{ name: t, targets: [{target}] }}")), 20);
    harness.scene.groups.remove(0);
    harness.scene.groups[0].kind = kind;
    harness.scene.groups[0].requested = Instances(requested);
    harness.engine = started(
        harness.engine.policy().clone(),
        harness.scene.groups.clone(),
    );
    let mut observation = harness.scene.observation();
    observation.nodes = Some(Sampled {
        value: snapshot(nodes),
        measured_at: observation.at,
    });
    harness.observe(&observation)
}

#[test]
fn while_a_group_scales_in_only_decommissioned_instances_may_be_missing_from_the_list() {
    let usable = |count| (NodeHealth::Usable, false, count);
    for (nodes, expected) in [
        (vec![usable(10), (NOT_LISTED, true, 10)], None),
        (vec![usable(10), (NodeHealth::Usable, true, 10)], None),
        (
            vec![usable(10), (NOT_LISTED, false, 10)],
            Some("nodes_not_listed"),
        ),
        (
            vec![usable(10), (NOT_LISTED, true, 9), (NOT_LISTED, false, 1)],
            Some("nodes_not_listed"),
        ),
        // More than leave: an address that was decommissioned once is used again.
        (
            vec![usable(9), (NOT_LISTED, true, 11)],
            Some("nodes_not_listed"),
        ),
    ] {
        for kind in [GroupKind::Group, GroupKind::Fleet] {
            let action = with_nodes(kind, "{ set: 5 }", &nodes);
            assert_eq!(action.reason(), expected, "{kind:?} {nodes:?}");
        }
    }
}

#[test]
fn track_counts_the_nodes_of_a_fleet_that_work_in_units() {
    // 20 units on 5 nodes of 4, of which 2 do not work: 10 requested of the 20 units less 8.
    let nodes = [
        (NodeHealth::Usable, false, 3),
        (NodeHealth::Unhealthy, false, 2),
    ];
    let track = "{ track: { signal: yarn_memory_available_percent, target: 5 } }";
    let action = with_nodes(GroupKind::Fleet, track, &nodes);
    assert_eq!(
        action.resized_to(),
        Some(10 * (10 - 8) + 2),
        "half of the memory is available, ten times the target, and as many are made up for as work"
    );
}

#[test]
fn track_does_not_count_instances_that_run_and_are_not_in_the_list_yet() {
    // Half of the memory of 10 listed nodes is available; 10 more run already, and are on their way.
    let track = "{ track: { signal: yarn_memory_available_percent, target: 25 } }";
    let action = with_nodes_of(20, track, &[(NodeHealth::Usable, false, 10)]);
    assert_eq!(action.reason(), Some("no_rule_firing"));
    let action = with_nodes_of(20, track, &[(NodeHealth::Usable, false, 20)]);
    assert_eq!(action.resized_to(), Some(40));
}

/// A ResourceManager without any node for an hour has not lost them: it does not work. When it does again, nodes
/// have ten minutes to register.
#[test]
fn nothing_scales_in_while_yarn_lists_no_instance_however_long_and_ten_minutes_after() {
    let usable = |count| (NodeHealth::Usable, false, count);
    let scales_in_at = |nodes_at: &dyn Fn(i64) -> Vec<Alike>| {
        let rule = "{ name: it, when: 'true', then: { set: 5 } }";
        let target = format!(
            "{{ group: {{ role: task }}, limits: {{ min: 0, max: 99 }}, rules: [{rule}] }}"
        );
        let mut harness = Harness::new(parsed(&format!("{{ name: t, targets: [{target}] }}")), 20);
        harness.scene.groups.remove(0);
        (0..7_200).step_by(30).find(|s| {
            harness.scene.at = second(*s);
            let mut observation = harness.scene.observation();
            observation.nodes = Some(Sampled {
                value: snapshot(&nodes_at(*s)),
                measured_at: observation.at,
            });
            harness.observe(&observation).resized_to().is_some()
        })
    };
    let none = || vec![(NOT_LISTED, false, 20)];
    let one = || vec![usable(1), (NOT_LISTED, false, 19)];
    assert_eq!(scales_in_at(&|_| none()), None);
    assert_eq!(scales_in_at(&|_| one()), Some(600));
    let recovers = |s| if s < 3_600 { none() } else { one() };
    assert_eq!(scales_in_at(&recovers), Some(3_570 + 600));
    // Decommissioned hosts are all that it shows.
    assert_eq!(
        scales_in_at(&|_| vec![(NOT_LISTED, true, 5), (NOT_LISTED, false, 15)]),
        None
    );
}
