//! Groups whose instances are known to differ.

use super::*;
use crate::engine::testing::node;
use crate::units::VirtualCores;

/// Core nodes of 1,000 MiB and 4 virtual cores, and task nodes of four times as much.
fn small_and_large(core: u32, task: u32) -> Vec<GroupStatus> {
    vec![
        node(core_group(core), 1_000, 4),
        node(task_group(task), 4_000, 16),
    ]
}

/// What the policy decides about these groups while all of their memory is used and `pending_mib` are
/// pending, with a virtual core for each 250 MiB.
fn decisions(policy: &str, groups: Vec<GroupStatus>, pending_mib: u64) -> Vec<Decision> {
    let mut engine = started(parsed(policy), groups.clone());
    let running = |group: &GroupStatus| u64::from(group.running.get());
    let memory = |group: &GroupStatus| group.node.map_or(1_000, |node| node.memory.get());
    let total = groups.iter().map(|group| running(group) * memory(group));
    let total: u64 = total.sum();
    let cores = |mib: u64| Some(VirtualCores(mib / 250));
    let load = YarnLoad {
        memory_total: Mebibytes(total),
        memory_allocated: Mebibytes(total),
        memory_pending: Mebibytes(pending_mib),
        vcores_total: cores(total),
        vcores_available: cores(0),
        vcores_allocated: cores(total),
        vcores_pending: cores(pending_mib),
        containers_pending: pending_mib / 250,
        nodes: NodesByState {
            active: groups.iter().map(running).sum::<u64>() as u32,
            ..NodesByState::default()
        },
        ..YarnLoad::default()
    };
    let scene = Scene::new(groups);
    let mut observation = scene.observation();
    observation.yarn = Some(Sampled {
        value: load,
        measured_at: scene.at,
    });
    engine.step(&observation)
}

/// What each target is resized to; `None` if it holds.
fn resized(decisions: &[Decision]) -> Vec<Option<u32>> {
    let size = |decision: &Decision| match &decision.action {
        Action::Resize(resize) => Some(resize.to.get()),
        Action::Hold(_) => None,
    };
    decisions.iter().map(size).collect()
}

fn with_demand(demand: &str) -> String {
    format!(
        "name: f\ndemand: {{ {demand}, performance_index: 55 }}\ntargets:\n  - group: {{ role: core }}\n  - group: {{ role: task }}\n"
    )
}

#[test]
fn a_decision_says_what_an_instance_of_each_group_offers_where_they_differ() {
    let policy = with_demand("min: 0, max: 40, max_core: 2");
    let decided = decisions(&policy, small_and_large(2, 0), 19_000);
    assert_eq!(resized(&decided), [None, Some(5)]);
    let said = decided[1].to_string();
    let sizes = "a unit is the smallest instance, of 1.0 GiB; one of ig-core offers 1.0, one of ig-task 4.0";
    assert!(said.contains(sizes), "{said}");

    let alike = vec![node(core_group(2), 1_000, 4), node(task_group(0), 1_000, 4)];
    let decided = decisions(&policy, alike, 19_000);
    assert_eq!(resized(&decided), [None, Some(19)]);
    assert!(!decided[1].to_string().contains("smallest instance"));
}

#[test]
fn the_size_of_a_unit_does_not_depend_on_which_nodes_run() {
    let policy = with_demand("min: 0, max: 40, max_core: 2");
    for (core, task) in [(2, 0), (2, 3), (0, 3)] {
        let decided = decisions(&policy, small_and_large(core, task), 0);
        let report = decided[0].demand.as_ref().expect("the demand is known");
        assert_eq!(report.unit_memory_mib, Mebibytes(1_000));
        assert_eq!(report.unit_vcores, Some(4.0));
    }
}

#[test]
fn limits_in_virtual_cores_count_what_an_instance_offers_and_those_in_instances_do_not() {
    for (demand, expected, limited) in [
        (
            "min: 0, max: 40, max_core: 8, units: vcpu",
            Some(2),
            "the maximum allows 10,",
        ),
        (
            "min: 0, max: 6, max_core: 2",
            Some(4),
            "the targets can provide 18,",
        ),
    ] {
        let decided = decisions(&with_demand(demand), small_and_large(2, 0), 90_000);
        assert_eq!(resized(&decided), [None, expected], "{demand}");
        let said = decided[1].to_string();
        assert!(said.contains(limited), "{said}");
    }
}

#[test]
fn where_nothing_runs_a_unit_is_what_the_type_of_the_group_offers() {
    let policy = with_demand("min: 0, max: 40, max_core: 2");
    let decided = decisions(&policy, small_and_large(0, 0), 10_000);
    assert_eq!(resized(&decided), [Some(2), Some(2)]);
    let unknown = vec![core_group(0), task_group(0)];
    for decision in decisions(&policy, unknown, 10_000) {
        assert_eq!(
            decision.action,
            Action::Hold(HoldReason::missing("yarn_nodes_active"))
        );
    }
}

#[test]
fn where_the_type_of_a_group_is_not_known_every_instance_is_one_unit() {
    let policy = with_demand("min: 0, max: 40, max_core: 2");
    let groups = vec![core_group(2), node(task_group(0), 4_000, 16)];
    assert_eq!(
        resized(&decisions(&policy, groups, 19_000)),
        [None, Some(19)]
    );
}
