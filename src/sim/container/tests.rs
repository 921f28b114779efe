mod map_reduce;
mod queues;
mod steps;

use crate::sim::run::Run;
use crate::sim::scenario::{Scenario, Scheduler};
use crate::sim::testing::*;
use crate::sim::workload::Workload;
use crate::trace::Job;
use crate::units::{Resources, Timestamp};

#[test]
fn fifo_serves_strictly_in_order_to_the_millisecond() {
    // Two slots. a: 10 s and 4 s at 0; b: 3 s at 1, which starts at 4 when a's short task ends; c
    // at 2.5 starts at 7.
    let jobs = [
        job("a", 0.0, &[10.0, 4.0]),
        job("b", 1.0, &[3.0]),
        job("c", 2.5, &[1.001]),
    ];
    let run = run_jobs(&jobs, &scenario(1, 2), &[], 0);
    assert_eq!(waits(&run), [0.0, 0.0, 3.0, 4.5]);
    assert_eq!(finishes(&run), [7.0, 8.001, 10.0]);
    assert_eq!(run.end, Timestamp::from_millis(10_000));
    assert!((run.instances[0].busy_s - (10.0 + 4.0 + 3.0 + 1.001) / 2.0).abs() < 1e-9);
}

#[test]
fn nobody_overtakes_a_container_that_fits_nowhere() {
    // b's task needs both slots and waits for a's; c's would fit next to a's, but c arrived after b.
    let mut wide = job("b", 1.0, &[5.0]);
    wide.stages[0].memory = SLOT.times(2).memory;
    let run = run_jobs(
        &[job("a", 0.0, &[10.0]), wide, job("c", 2.0, &[1.0])],
        &scenario(1, 2),
        &[],
        0,
    );
    assert_eq!(waits(&run), [0.0, 9.0, 13.0]);
}

#[test]
fn a_smaller_container_at_the_head_uses_room_that_the_one_before_it_left() {
    // b needs both slots of a node and blocks; in fair queueing the newcomer c, which holds
    // nothing, is first only on a tie by submission, so b stays ahead until a is done; with two
    // nodes c finds room next to a as soon as b runs.
    let mut wide = job("b", 1.0, &[5.0]);
    wide.stages[0].memory = SLOT.times(2).memory;
    let run = run_jobs(
        &[job("a", 0.0, &[10.0, 3.0]), wide, job("c", 2.0, &[1.0])],
        &scenario(2, 2),
        &[],
        0,
    );
    assert_eq!(waits(&run), [0.0, 0.0, 2.0, 1.0]);
}

#[test]
fn in_a_capacity_queue_only_what_fits_into_all_that_is_left_holds_others_back() {
    let mut wide = job("b", 1.0, &[5.0]);
    wide.stages[0].memory = SLOT.times(2).memory;
    let one_node = Scenario {
        scheduler: Scheduler::Capacity,
        ..scenario(1, 2)
    };
    // One slot is left: too little for b, so c goes first.
    let run = run_jobs(
        &[job("a", 0.0, &[10.0]), wide.clone(), job("c", 2.0, &[1.0])],
        &one_node,
        &[],
        0,
    );
    assert_eq!(waits(&run), [0.0, 0.0, 9.0]);
    // Two slots are left, on two nodes: b would fit if they were one, and c waits behind it.
    let two_nodes = Scenario {
        scheduler: Scheduler::Capacity,
        ..scenario(2, 2)
    };
    let run = run_jobs(
        &[job("a", 0.0, &[10.0, 10.0]), wide, job("c", 2.0, &[1.0])],
        &two_nodes,
        &[],
        0,
    );
    assert_eq!(waits(&run), [0.0, 0.0, 9.0, 8.0]);
}

#[test]
fn containers_are_spread_over_the_nodes_in_turn() {
    let mut seen = Vec::new();
    let jobs = [job("a", 0.0, &[100.0, 100.0, 100.0])];
    watch_jobs(&jobs, &scenario(3, 2), &[], 0, |observation| {
        let snapshot = &observation.nodes.as_ref().expect("a snapshot").value.0;
        seen.push(
            snapshot
                .iter()
                .map(|node| node.containers)
                .collect::<Vec<_>>(),
        );
    });
    assert_eq!(seen[0], [1, 1, 1]);
}

#[test]
fn fair_queueing_serves_the_job_that_holds_least() {
    // One slot: a holds it until 4; then both hold nothing and a came first; at 8 and 12 likewise.
    // Two slots: a takes both at 0; when one is free at 4, b holds nothing and goes first.
    let jobs = [job("a", 0.0, &[4.0, 8.0, 4.0]), job("b", 1.0, &[4.0, 4.0])];
    let run = run_jobs(&jobs, &fair(scenario(1, 2)), &[], 0);
    assert_eq!(waits(&run), [0.0, 0.0, 3.0, 8.0, 7.0]);
    let fifo = run_jobs(&jobs, &scenario(1, 2), &[], 0);
    assert_eq!(waits(&fifo), [0.0, 0.0, 4.0, 7.0, 7.0]);
}

#[test]
fn a_stage_starts_when_all_stages_before_it_are_finished() {
    let jobs = [staged(
        "a",
        0.0,
        &[
            (&[], &[3.0]),
            (&[], &[5.0]),
            (&[0, 1], &[2.0]),
            (&[0], &[1.0]),
        ],
    )];
    let run = run_jobs(&jobs, &scenario(1, 4), &[], 0);
    assert_eq!(waits(&run), [0.0; 4]);
    assert_eq!(finishes(&run), [7.0]);
    assert_eq!(run.jobs[0].unhindered, seconds(7.0));
}

fn with_master(mut job: Job) -> Job {
    job.application_master = Some(SLOT);
    job
}

#[test]
fn an_application_master_starts_first_and_holds_its_room_until_the_job_ends() {
    // Two slots: the master takes one, so the tasks run one after the other.
    let run = run_jobs(
        &[with_master(job("a", 0.0, &[2.0, 3.0]))],
        &scenario(1, 2),
        &[],
        0,
    );
    assert_eq!(waits(&run), [0.0, 2.0]);
    assert_eq!(run.tasks_total, 2);
    assert_eq!(run.tasks_finished, 2);
    assert_eq!(run.instances[0].busy_s, (5.0 + 5.0) / 2.0);
}

#[test]
fn masters_leave_half_of_the_cluster_to_tasks() {
    // Four slots, four jobs at once: two masters may run; the others wait although there is room.
    let jobs: Vec<Job> = ["a", "b", "c", "d"]
        .iter()
        .map(|id| with_master(job(id, 0.0, &[10.0])))
        .collect();
    let mut pending = None;
    let run = watch_jobs(&jobs, &scenario(1, 4), &[], 0, |observation| {
        let yarn = observation.yarn.as_ref().expect("an answer").value;
        pending.get_or_insert((
            yarn.apps_running,
            yarn.apps_pending,
            yarn.containers_pending,
        ));
    });
    assert_eq!(pending, Some((2, 2, 2)));
    assert_eq!(finishes(&run), [10.0, 10.0, 20.0, 20.0]);
    assert_eq!(
        waits(&run),
        [0.0, 0.0, 10.0, 10.0],
        "a task waits from its job's submission, although its master does not run"
    );
}

/// Slots of one container, so that it is known where each one is.
fn one_slot_nodes(count: u32) -> Scenario {
    let mut scenario = scenario(count, 1);
    scenario.decommission_timeout = seconds(60.0);
    scenario
}

#[test]
fn a_leaving_node_finishes_what_it_runs_and_takes_no_more() {
    // Shrunk at 30 s; the task on the leaving node ends at 50, its node with it; c runs on the
    // other one from 60 on.
    let jobs = [
        job("a", 0.0, &[60.0]),
        job("b", 0.0, &[50.0]),
        job("c", 35.0, &[10.0]),
    ];
    let run = run_jobs(&jobs, &one_slot_nodes(2), &[(30.0, 1)], 0);
    assert_eq!(
        paid(&run).iter().copied().fold(f64::INFINITY, f64::min),
        50.0
    );
    assert_eq!(waits(&run)[2], 25.0);
    assert_eq!((run.tasks_rerun, run.tasks_finished), (0, 3));
}

#[test]
fn what_still_runs_at_the_decommission_timeout_runs_again_elsewhere() {
    // Shrunk at 30 s, killed at 90 s: 90 s of work are lost, and the task runs again when the other
    // node is free at 100.
    let run = run_jobs(
        &[job("a", 0.0, &[100.0, 200.0])],
        &one_slot_nodes(2),
        &[(30.0, 1)],
        0,
    );
    assert_eq!(run.tasks_rerun, 1);
    assert_eq!(run.lost_work, seconds(90.0));
    assert_eq!(run.tasks_finished, 2);
    assert_eq!(
        waits(&run),
        [0.0, 0.0],
        "a task that runs again does not wait again"
    );
    // Whichever of the two is killed, its repeat follows the other one on the same node.
    assert_eq!(run.end.as_millis() / 1_000, 100 + 200);
}

#[test]
fn growing_takes_leaving_nodes_back_before_it_launches() {
    // Both nodes are busy until 100; shrunk at 30, grown back at 60: no third instance is launched.
    let mut scenario = one_slot_nodes(2);
    provision(&mut scenario, 300);
    let run = run_jobs(
        &[job("a", 0.0, &[100.0, 100.0]), job("b", 70.0, &[10.0])],
        &scenario,
        &[(30.0, 1), (60.0, 2)],
        0,
    );
    assert_eq!(run.instances.len(), 2);
    assert_eq!((run.resizes, run.flips), (2, 1));
    assert_eq!(waits(&run), [0.0, 0.0, 30.0]);
}

#[test]
fn losing_a_master_loses_the_running_tasks_of_its_job_but_not_the_finished_ones() {
    // Four nodes of one slot: the master on the first, three tasks on the others; the 40 s task is
    // finished when the master's node dies.
    let jobs = [with_master(job("a", 0.0, &[40.0, 300.0, 300.0]))];
    let mut scenario = one_slot_nodes(4);
    scenario.decommission_timeout = seconds(0.0);
    let load = load(&jobs);
    let mut workload = super::ContainerWorkload::new(&load, &scenario);
    let mut cluster = crate::sim::cluster::Cluster::new(&scenario, 0, Timestamp::EPOCH);
    for change in std::mem::take(&mut cluster.changes) {
        workload.on(change, 0, &mut cluster);
    }
    workload.advance(0, &mut cluster);
    workload.settle(0, &mut cluster);
    workload.advance(40_000, &mut cluster);
    workload.settle(40_000, &mut cluster);
    let master = cluster
        .nodes
        .iter()
        .position(|node| node.application_masters == 1)
        .expect("a master") as u32;
    workload.lose_node(master, 60_000, &mut cluster);
    let after_loss = workload.load(&cluster);
    assert_eq!(
        (
            after_loss.containers_allocated,
            after_loss.containers_pending
        ),
        (0, 1),
        "tasks are not requested until the master is back"
    );
    workload.settle(60_000, &mut cluster);
    assert_eq!(workload.load(&cluster).containers_allocated, 3);
    workload.advance(360_000, &mut cluster);
    assert!(workload.is_finished());
    let mut run = Run::default();
    workload.finish(&mut cluster, &mut run);
    assert_eq!(
        (run.tasks_finished, run.tasks_rerun, run.lost_work),
        (3, 3, seconds(180.0))
    );
}

#[test]
fn a_node_takes_one_container_a_heartbeat() {
    let mut scenario = scenario(2, 4);
    scenario.yarn.heartbeat = seconds(1.0);
    let run = run_jobs(
        &[job("a", 0.0, &[10.0; 5]), job("b", 1.2, &[10.0])],
        &scenario,
        &[],
        0,
    );
    assert_eq!(waits(&run), [0.0, 0.0, 1.0, 1.0, 2.0, 0.8]);
    assert_eq!(run.end.as_millis(), 12_000);
}

#[test]
fn tasks_are_asked_for_when_their_master_is_up_and_wait_from_then_on() {
    // Two slots: the master takes one, so the second task follows the first.
    let mut scenario = scenario(1, 2);
    scenario.yarn.application_start = seconds(6.0);
    let mut seen = Vec::new();
    let run = watch_jobs(
        &[with_master(job("a", 0.0, &[40.0, 3.0]))],
        &scenario,
        &[],
        0,
        |observation| {
            let yarn = observation.yarn.as_ref().expect("an answer").value;
            seen.push((yarn.containers_allocated, yarn.containers_pending));
        },
    );
    assert_eq!(seen[..2], [(1, 0), (2, 1)]);
    assert_eq!(waits(&run), [0.0, 40.0]);
    assert_eq!(
        (finishes(&run), run.jobs[0].unhindered),
        (vec![49.0], seconds(46.0))
    );
}

#[test]
fn a_master_that_is_lost_on_its_way_up_starts_again() {
    // Shrunk to nothing at 30 s, which kills at once, and grown again at 60 s.
    let mut scenario = one_slot_nodes(3);
    scenario.decommission_timeout = seconds(0.0);
    scenario.yarn.application_start = seconds(45.0);
    let run = run_jobs(
        &[with_master(job("a", 0.0, &[10.0, 10.0]))],
        &scenario,
        &[(30.0, 0), (60.0, 3)],
        0,
    );
    assert_eq!((run.tasks_rerun, run.tasks_finished), (1, 2));
    assert_eq!(finishes(&run), [60.0 + 45.0 + 10.0]);
}

#[test]
fn a_container_holds_its_room_longer_than_its_task_runs() {
    let mut scenario = scenario(1, 1);
    scenario.yarn.container_overhead = seconds(1.5);
    let run = run_jobs(&[job("a", 0.0, &[10.0, 10.0])], &scenario, &[], 0);
    assert_eq!((waits(&run), finishes(&run)), (vec![0.0, 11.5], vec![23.0]));
}

#[test]
fn nodes_are_idle_since_they_joined_or_their_last_container_left_and_the_oldest_job_that_is_not_finished_is_told()
 {
    // Three nodes of one slot: a on the first until 40 s, b on the second from 10 to 110, c on the
    // third from 200 on. A fourth joins at 80 s.
    let mut scenario = scenario(3, 1);
    provision(&mut scenario, 20);
    let jobs = [
        job("a", 0.0, &[40.0]),
        job("b", 10.0, &[100.0]),
        job("c", 200.0, &[20.0]),
    ];
    let mut seen = Vec::new();
    watch_jobs(&jobs, &scenario, &[(60.0, 4)], 0, |observation| {
        let second = |at: Option<Timestamp>| at.map(|at| at.as_millis() / 1_000);
        let snapshot = &observation.nodes.as_ref().expect("a snapshot").value.0;
        let oldest = observation
            .yarn
            .as_ref()
            .expect("an answer")
            .value
            .oldest_app_started_at;
        seen.push((
            snapshot
                .iter()
                .map(|node| second(node.idle_since))
                .collect::<Vec<_>>(),
            second(oldest),
        ));
    });
    assert_eq!(seen[0], (vec![None, Some(0), Some(0)], Some(0)));
    assert_eq!(seen[1], (vec![None, None, Some(0)], Some(0)));
    assert_eq!(
        seen[2],
        (vec![Some(40), None, Some(0)], Some(10)),
        "a is finished"
    );
    assert_eq!(seen[3], (vec![Some(40), None, Some(0), Some(80)], Some(10)));
    assert_eq!(
        seen[4],
        (vec![Some(40), Some(110), Some(0), Some(80)], None),
        "c has not come"
    );
    assert_eq!(
        seen[7],
        (vec![Some(40), Some(110), None, Some(80)], Some(200))
    );
}

#[test]
fn the_scarcer_resource_counts_as_use() {
    let mut scenario = scenario(1, 4);
    scenario.groups[0].node.vcores = crate::units::VirtualCores(2);
    let run = run_jobs(&[job("a", 0.0, &[10.0])], &scenario, &[], 0);
    assert_eq!(run.instances[0].busy_s, 5.0);
    assert_eq!(Resources::default().times(3), Resources::default());
}
