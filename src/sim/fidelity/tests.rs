use super::*;
use crate::observation::{NodeHealth, NodeLoad};
use crate::sim::testing::{SLOT, job, load, scenario};

/// At so many seconds: the nodes that were seen (those in capitals drain) and the containers that
/// ran and waited.
type Row = (i64, &'static str, u64, u64);

fn observations(rows: &[Row]) -> Vec<Observation> {
    rows.iter().map(observation).collect()
}

fn observation((at_s, nodes, allocated, pending): &Row) -> Observation {
    let at = Timestamp::from_millis(at_s * 1_000);
    let mut observation = crate::engine::testing::Scene::new(Vec::new()).observation();
    observation.nodes = Some(Sampled {
        value: NodeSnapshot(nodes.chars().map(node).collect()),
        measured_at: at,
    });
    let yarn = YarnLoad {
        memory_total: SLOT.times(2 * nodes.len() as u64).memory,
        memory_allocated: SLOT.times(*allocated).memory,
        memory_pending: SLOT.times(*pending).memory,
        containers_allocated: *allocated,
        containers_pending: *pending,
        ..YarnLoad::default()
    };
    observation.yarn = Some(Sampled {
        value: yarn,
        measured_at: at,
    });
    observation
}

/// A node without containers. It drains if its name is a capital.
fn node(name: char) -> NodeLoad {
    NodeLoad {
        instance: InstanceId::new(name.to_lowercase().to_string()),
        group: GroupId::new("ig-task"),
        containers: 0,
        has_application_master: false,
        draining: name.is_uppercase(),
        idle_since: None,
        health: NodeHealth::Usable,
    }
}

/// Containers that run and wait in the simulation, and the slots there are.
fn simulated(moments: &[Moment]) -> Vec<(u64, u64, u64)> {
    let counts = |load: &YarnLoad| {
        (
            load.containers_allocated,
            load.containers_pending,
            load.memory_total.get() / SLOT.memory.get(),
        )
    };
    moments
        .iter()
        .map(|moment| counts(&moment.simulated))
        .collect()
}

#[test]
fn nodes_come_half_way_between_two_looks_and_a_draining_one_finishes_what_it_runs() {
    // Two slots a node. Node b joins at 15 s; it drains from 45 s on, when the short tasks have
    // ended there, and the long ones run on a.
    let jobs = load(&[
        job("a", 5.0, &[100.0, 100.0, 20.0, 60.0]),
        job("b", 46.0, &[5.0]),
    ]);
    let rows = [
        (0, "a", 0, 0),
        (10, "a", 0, 0),
        (20, "ab", 0, 0),
        (40, "ab", 0, 0),
        (50, "aB", 0, 0),
        (70, "aB", 0, 0),
        (90, "a", 0, 0),
    ];
    let moments = simulate_recording(
        &observations(&rows),
        &TraceWork::Jobs(jobs),
        &scenario(0, 2),
    )
    .expect("replays");
    assert_eq!(
        simulated(&moments),
        [
            (0, 0, 2),
            (2, 2, 2),
            (4, 0, 4),
            (3, 0, 4),
            (3, 1, 3),
            (3, 1, 3),
            (2, 1, 2)
        ]
    );
}

#[test]
fn the_node_that_left_is_the_one_that_leaves() {
    // Both nodes run one task; the one that came later, and holds the longer task, stays.
    let jobs = load(&[job("a", 0.0, &[30.0]), job("b", 20.0, &[500.0])]);
    let rows = [
        (0, "a", 0, 0),
        (10, "ab", 0, 0),
        (40, "b", 0, 0),
        (60, "b", 0, 0),
    ];
    let moments = simulate_recording(
        &observations(&rows),
        &TraceWork::Jobs(jobs),
        &scenario(0, 1),
    )
    .expect("replays");
    assert_eq!(
        simulated(&moments),
        [(1, 0, 1), (1, 0, 2), (1, 0, 1), (1, 0, 1)]
    );
}

#[test]
fn an_error_is_the_mean_over_time_of_the_differences() {
    let jobs = load(&[job("a", 0.0, &[40.0, 40.0, 40.0])]);
    // Recorded is what the simulation says but at 10 s, where one runs less and two wait more, for
    // 30 s of 50.
    let rows = [
        (0, "a", 2, 1),
        (10, "a", 1, 3),
        (40, "a", 1, 0),
        (50, "a", 1, 0),
    ];
    let deviation = Deviation::between(
        &simulate_recording(
            &observations(&rows),
            &TraceWork::Jobs(jobs),
            &scenario(0, 2),
        )
        .expect("replays"),
    );
    assert_eq!(
        deviation.containers_allocated,
        Curve {
            recorded: 1.2,
            simulated: 1.8,
            absolute_error: 0.6
        }
    );
    assert_eq!(
        deviation.containers_pending.absolute_error,
        2.0 * 30.0 / 50.0
    );
    let Percent(allocated) = deviation.memory.errors()[0];
    assert!((allocated - 100.0 * 0.6 / 2.0).abs() < 1e-9, "{allocated}");
}

#[test]
fn what_cannot_be_replayed_is_refused() {
    let jobs = TraceWork::Jobs(load(&[job("a", 0.0, &[40.0])]));
    let rows = observations(&[(0, "a", 1, 0), (0, "a", 1, 0)]);
    assert_eq!(
        simulate_recording(&rows, &jobs, &scenario(1, 2)),
        Err(FidelityError::TooFew(1))
    );
    let mut other = scenario(1, 2);
    other.groups[0].id = GroupId::new("ig-other");
    let message = simulate_recording(&rows, &jobs, &other)
        .expect_err("refused")
        .to_string();
    assert_eq!(
        message,
        "the recording has nodes of the group `ig-task`, but scenario `default` has no group with this `id`; add it to the scenario"
    );
}
