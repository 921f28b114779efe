use std::time::Duration;

use crate::observation::Observation;
use crate::observation::work::{StageWork, WorkOrReason};
use crate::sim::run::Run;
use crate::sim::scenario::Scenario;
use crate::sim::testing::{SLOT, finishes, run_jobs, scenario, seconds, staged, waits};
use crate::trace::{
    DynamicAllocation, ExecutorAllocation, ExecutorSize, Job, SparkApplication, SparkStage,
};
use crate::units::{Mebibytes, VirtualCores};

const DYNAMIC: DynamicAllocation = DynamicAllocation {
    initial: 0,
    min: 0,
    max: None,
    idle_timeout: Duration::from_secs(60),
    cached_idle_timeout: None,
    shuffle_tracking: false,
};

/// An application whose executors take a slot of the cluster each, and run `slots` tasks.
fn spark(id: &str, allocation: ExecutorAllocation, slots: u32, stages: &[Stage]) -> Job {
    let plain: Vec<(&[u32], &[f64])> = stages.iter().map(|stage| (stage.0, stage.1)).collect();
    let mut job = staged(id, 0.0, &plain);
    for (stage, given) in job.stages.iter_mut().zip(stages) {
        stage.spark = Some(given.2);
    }
    job.spark = Some(Box::new(SparkApplication {
        executors: vec![ExecutorSize {
            memory: SLOT.memory,
            vcores: SLOT.vcores,
            slots,
        }],
        allocation,
        executor_start: None,
        end_pause: Duration::ZERO,
    }));
    job
}

/// What a stage waits for, its tasks, and what is special about it.
type Stage<'a> = (&'a [u32], &'a [f64], SparkStage);

fn plain() -> SparkStage {
    SparkStage::default()
}

fn shuffled() -> SparkStage {
    SparkStage {
        shuffle_output: true,
        ..plain()
    }
}

fn fixed(count: u32) -> ExecutorAllocation {
    ExecutorAllocation::Fixed(count)
}

fn dynamic() -> ExecutorAllocation {
    ExecutorAllocation::Dynamic(DYNAMIC)
}

/// Executors at each poll, and those that are requested.
fn executors(run: &Run) -> Vec<(u64, u64)> {
    let counts = |observation: &Observation| {
        let yarn = observation.yarn.as_ref().expect("always shown").value;
        (yarn.containers_allocated, yarn.containers_pending)
    };
    run.observations.iter().map(counts).collect()
}

fn every_second(mut scenario: Scenario) -> Scenario {
    scenario.poll = Some(Duration::from_secs(1));
    scenario
}

#[test]
fn tasks_share_the_executors_that_there_are() {
    let job = spark("a", fixed(2), 2, &[(&[], &[10.0; 8], plain())]);
    let run = run_jobs(&[job], &scenario(4, 1), &[], 0);
    assert_eq!(finishes(&run), [20.0]);
    assert_eq!(run.tasks_finished, 8);
    assert_eq!(executors(&run)[0], (2, 0));
}

#[test]
fn tasks_do_not_wait_for_the_cluster_where_the_application_wants_no_more_executors() {
    let job = spark("a", fixed(1), 1, &[(&[], &[10.0; 3], plain())]);
    let run = run_jobs(&[job], &scenario(4, 1), &[], 0);
    assert_eq!(finishes(&run), [30.0]);
    assert_eq!(waits(&run), [0.0, 0.0, 0.0]);
}

#[test]
fn tasks_wait_for_the_cluster_while_it_owes_executors() {
    let job = spark("a", fixed(2), 1, &[(&[], &[10.0; 3], plain())]);
    let run = run_jobs(&[job], &scenario(1, 1), &[], 0);
    assert_eq!(waits(&run), [0.0, 10.0, 20.0]);
}

#[test]
fn dynamic_allocation_doubles_its_requests_each_second_and_idle_executors_leave() {
    let tasks = [100.0; 10];
    let job = spark(
        "a",
        dynamic(),
        1,
        &[(&[], &tasks, plain()), (&[0], &[200.0], plain())],
    );
    let run = run_jobs(&[job], &every_second(scenario(20, 1)), &[], 0);
    let held: Vec<u64> = executors(&run).iter().map(|(held, _)| *held).collect();
    assert_eq!(held[..6], [0, 1, 3, 7, 10, 10]);
    // The first is done at 101 s, and the last at 104 s, when the second stage begins.
    assert_eq!((held[150], held[170]), (10, 1));
}

#[test]
fn executors_that_must_serve_their_shuffle_output_stay_until_the_end() {
    let tracked = ExecutorAllocation::Dynamic(DynamicAllocation {
        shuffle_tracking: true,
        ..DYNAMIC
    });
    let stages: &[Stage] = &[(&[], &[10.0; 4], shuffled()), (&[0], &[300.0], plain())];
    for (allocation, held_at_the_end) in [(tracked, 4), (dynamic(), 1)] {
        let job = spark("a", allocation, 1, stages);
        let run = run_jobs(&[job], &every_second(scenario(20, 1)), &[], 0);
        assert_eq!(executors(&run)[250].0, held_at_the_end);
    }
}

#[test]
fn cached_blocks_keep_an_executor() {
    let cached = SparkStage {
        cached: true,
        ..plain()
    };
    let stages: &[Stage] = &[(&[], &[10.0; 4], cached), (&[0], &[300.0], plain())];
    let job = spark("a", dynamic(), 1, stages);
    let run = run_jobs(&[job], &every_second(scenario(20, 1)), &[], 0);
    assert_eq!(executors(&run)[250].0, 4);
}

#[test]
fn the_driver_pauses_before_a_stage_and_before_its_end() {
    let paused = SparkStage {
        pause: seconds(30.0),
        job: 1,
        ..plain()
    };
    let mut job = spark(
        "a",
        fixed(1),
        1,
        &[(&[], &[10.0], plain()), (&[0], &[10.0], paused)],
    );
    job.spark.as_mut().expect("spark").end_pause = seconds(5.0);
    let run = run_jobs(&[job], &scenario(1, 1), &[], 0);
    assert_eq!(finishes(&run), [55.0]);
    assert_eq!(waits(&run), [0.0, 0.0]);
}

#[test]
fn output_that_is_lost_with_its_node_is_written_again_before_it_is_read() {
    // Two nodes of two slots. After the first stage, idle executors leave, and the second node with
    // half of the output is empty.
    let stages: &[Stage] = &[(&[], &[10.0; 4], shuffled()), (&[0], &[300.0; 4], plain())];
    let mut job = spark("a", fixed(4), 1, stages);
    job.stages[1].spark = Some(SparkStage {
        pause: seconds(30.0),
        job: 1,
        ..plain()
    });
    let mut scenario = every_second(scenario(2, 2));
    scenario.decommission_timeout = seconds(5.0);
    let run = run_jobs(&[job], &scenario, &[(20.0, 1)], 0);
    // At 25 s the node is gone with two outputs, which are written again until 35 s. The second stage
    // begins after its pause, at 40 s, and takes two rounds on the two slots that are left.
    assert_eq!(run.tasks_rerun, 2);
    assert_eq!(run.tasks_finished, 8);
    assert_eq!(finishes(&run), [40.0 + 600.0]);
}

#[test]
fn an_application_whose_driver_is_lost_begins_again() {
    let mut job = spark("a", fixed(2), 1, &[(&[], &[10.0, 40.0], plain())]);
    job.application_master = Some(SLOT);
    let mut scenario = every_second(scenario(2, 2));
    scenario.decommission_timeout = seconds(5.0);
    // Both nodes leave, and the driver is lost at 25 s.
    let run = run_jobs(&[job], &scenario, &[(20.0, 0), (30.0, 2)], 0);
    assert_eq!(finishes(&run), [30.0 + 40.0]);
    assert_eq!(run.tasks_finished, 2);
    // The master, the task that ran, and the one that was done.
    assert_eq!(run.tasks_rerun, 3);
}

#[test]
fn an_executor_on_a_leaving_node_takes_no_more_tasks_and_is_replaced() {
    let job = spark("a", dynamic(), 1, &[(&[], &[10.0; 40], plain())]);
    let run = run_jobs(&[job], &every_second(scenario(2, 2)), &[(15.0, 1)], 0);
    let left = run.instances.iter().find_map(|life| life.terminated_at);
    // The tasks that run end by 24 s; a minute later the executors are removed.
    let left_s = left.map(|at| at.as_millis() / 1_000);
    assert!(
        left_s.is_some_and(|at| (80..=85).contains(&at)),
        "{left_s:?}"
    );
    assert_eq!(run.tasks_finished, 40);
    assert_eq!(run.tasks_rerun, 0);
}

#[test]
fn the_engine_sees_what_the_applications_say() {
    let second_job = SparkStage { job: 1, ..plain() };
    let stages: &[Stage] = &[
        (&[], &[10.0; 8], shuffled()),
        (&[0], &[20.0; 3], plain()),
        (&[1], &[5.0; 2], second_job),
    ];
    let job = spark("a", dynamic(), 2, stages);
    let run = run_jobs(&[job], &every_second(scenario(2, 1)), &[], 0);
    let work = |second: usize| {
        let work = run.observations[second].work.as_ref().expect("shown");
        let application = &work.value.applications[0];
        let WorkOrReason::Known(known) = &application.work else {
            panic!("{application:?}");
        };
        (known.clone(), work.value.totals)
    };
    let (known, totals) = work(5);
    let executors = known.executors.expect("of Spark");
    assert_eq!((executors.held, executors.needed), (2, Some(4)));
    assert_eq!((executors.slots, executors.memory), (2, Mebibytes(1_000)));
    let running = |task_s| StageWork {
        tasks_remaining: 8,
        tasks_running: 4,
        task_s: Some(task_s),
        is_blocked: false,
    };
    let blocked = StageWork {
        tasks_remaining: 3,
        tasks_running: 0,
        task_s: None,
        is_blocked: true,
    };
    // The stage of the second Spark job is not known yet.
    assert_eq!(known.stages, [running(4.0), blocked]);
    assert_eq!(totals.tasks_remaining, Some(11));
    let (known, _) = work(14);
    assert_eq!(known.stages[0].tasks_remaining, 4);
    assert_eq!(known.stages[0].task_s, Some(10.0));
}

#[test]
fn an_executor_takes_the_cores_of_its_container() {
    let mut job = spark("a", fixed(1), 2, &[(&[], &[10.0; 2], plain())]);
    job.spark.as_mut().expect("spark").executors[0].vcores = VirtualCores(2);
    let mut scenario = scenario(1, 1);
    scenario.groups[0].node.vcores = VirtualCores(2);
    let run = run_jobs(&[job], &every_second(scenario), &[], 0);
    let yarn = run.observations[5].yarn.as_ref().expect("shown").value;
    assert_eq!(yarn.vcores_allocated, Some(VirtualCores(2)));
    assert_eq!(yarn.memory_allocated, Mebibytes(1_000));
}
