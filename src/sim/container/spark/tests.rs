use std::time::Duration;

use proptest::prelude::*;

use crate::observation::Observation;
use crate::observation::work::{StageWork, WorkOrReason};
use crate::sim::job_work::{JobWork, JobWorkError};
use crate::sim::run::Run;
use crate::sim::scenario::Scenario;
use crate::sim::testing::{
    SLOT, finishes, on_spot, provision, run_jobs, scenario, seconds, staged, waits,
};
use crate::trace::{
    DynamicAllocation, ExecutorAllocation, ExecutorSize, Job, SparkApplication, SparkStage,
};
use crate::units::{Mebibytes, Timestamp, VirtualCores};

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
fn absurdly_many_executors_are_refused_instead_of_simulated() {
    let wanted = |allocation| {
        let job = spark("a", allocation, 1, &[(&[], &[10.0], plain())]);
        JobWork::from_jobs(Timestamp::EPOCH, &[job]).map(|_| ())
    };
    let dynamic = |min, max| {
        ExecutorAllocation::Dynamic(DynamicAllocation {
            min,
            max,
            ..DYNAMIC
        })
    };
    let refused = Err(JobWorkError::TooManyExecutors { job: "a".into() });
    assert_eq!(wanted(fixed(4_000_000_000)), refused);
    assert_eq!(wanted(dynamic(4_000_000_000, None)), refused);
    assert_eq!(wanted(dynamic(4_000_000_000, Some(5))), Ok(()));
    assert_eq!(wanted(fixed(100_000)), Ok(()));
}

#[test]
fn idle_executors_are_removed_when_their_node_begins_to_leave() {
    // Three executors of the start have had no task for longer than their timeout when both nodes leave,
    // so that looking at one of them removes the others, too.
    let allocation = ExecutorAllocation::Dynamic(DynamicAllocation {
        initial: 3,
        idle_timeout: seconds(5.0),
        ..DYNAMIC
    });
    let paused = SparkStage {
        pause: seconds(40.0),
        ..plain()
    };
    let mut job = spark("a", allocation, 1, &[(&[], &[10.0], paused)]);
    job.application_master = Some(SLOT);
    let mut scenario = every_second(scenario(2, 3));
    scenario.decommission_timeout = seconds(600.0);
    let run = run_jobs(&[job], &scenario, &[(30.0, 0), (100.0, 1)], 0);
    // The driver keeps its node, which YARN takes back at 100 s: the executor then starts.
    assert_eq!(executors(&run)[31].0, 1);
    assert_eq!(run.tasks_finished, 1);
    assert_eq!(finishes(&run), [110.0]);
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
        ..StageWork::default()
    };
    let blocked = StageWork {
        id: 1,
        tasks_remaining: 3,
        is_blocked: true,
        ..StageWork::default()
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

/// A Spark application to try.
#[derive(Clone, Debug)]
struct Application {
    has_master: bool,
    allocation: ExecutorAllocation,
    slots: u32,
    /// The tasks of each stage, whether it waits for the one before it, and what is special about it.
    stages: Vec<(Vec<u32>, bool, SparkStage)>,
}

fn applications() -> impl Strategy<Value = Application> {
    let stage = (
        prop::collection::vec(0_u32..150, 1..8),
        any::<bool>(),
        (0_u32..3, 0_u32..60, any::<[bool; 2]>()),
    );
    let allocation = (
        any::<[bool; 3]>(),
        (0_u32..4, 0_u32..3, prop::option::of(1_u32..6)),
        5_u64..90,
    );
    let stages = prop::collection::vec(stage, 1..5);
    (any::<bool>(), allocation, 1_u32..4, stages).prop_map(
        |(has_master, ([is_fixed, tracks, forgets], counts, idle_s), slots, stages)| {
            let (initial, min, max) = counts;
            let dynamic = DynamicAllocation {
                initial,
                min,
                max,
                idle_timeout: Duration::from_secs(idle_s),
                cached_idle_timeout: forgets.then_some(Duration::from_secs(2 * idle_s)),
                shuffle_tracking: tracks,
            };
            let stages = stages.into_iter().map(
                |(tasks, is_chained, (job, pause_s, [shuffle_output, cached]))| {
                    let detail = SparkStage {
                        job,
                        pause: Duration::from_secs(u64::from(pause_s)),
                        executor: 0,
                        shuffle_output,
                        cached,
                    };
                    (tasks, is_chained, detail)
                },
            );
            Application {
                has_master,
                allocation: match is_fixed {
                    true => fixed(initial + 1),
                    false => ExecutorAllocation::Dynamic(dynamic),
                },
                slots,
                stages: stages.collect(),
            }
        },
    )
}

impl Application {
    fn job(&self, number: usize) -> Job {
        let stages = self.stages.iter().zip(0_u32..);
        let owned: Vec<(Vec<u32>, Vec<f64>, SparkStage)> = stages
            .map(|((tasks, is_chained, detail), position)| {
                let after = position.checked_sub(1).filter(|_| *is_chained);
                let tasks = tasks.iter().map(|task_s| f64::from(*task_s));
                (after.into_iter().collect(), tasks.collect(), *detail)
            })
            .collect();
        let borrowed: Vec<Stage> = owned
            .iter()
            .map(|(after, tasks, detail)| (after.as_slice(), tasks.as_slice(), *detail))
            .collect();
        let mut job = spark(
            &format!("a{number}"),
            self.allocation,
            self.slots,
            &borrowed,
        );
        job.submit = Duration::from_secs(40 * number as u64);
        job.application_master = self.has_master.then_some(SLOT);
        job
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_nodes_do_every_task_of_every_application_is_done_once(
        applications in prop::collection::vec(applications(), 1..5),
        mut script in prop::collection::vec((0_u32..1_500, 0_u32..6), 0..8),
        is_spot: bool,
        seed: u64,
    ) {
        script.sort_unstable();
        let mut script: Vec<(f64, u32)> =
            script.into_iter().map(|(at_s, to)| (f64::from(at_s), to)).collect();
        script.push((1_600.0, 12));
        let mut scenario = scenario(2, 3);
        scenario.decommission_timeout = seconds(100.0);
        provision(&mut scenario, 40);
        if is_spot {
            on_spot(&mut scenario, 4.0);
        }
        let jobs: Vec<Job> = (0..).zip(&applications).map(|(number, made)| made.job(number)).collect();
        let tasks: u64 = jobs.iter().flat_map(|job| &job.stages).map(|stage| stage.tasks.len() as u64).sum();
        let run = run_jobs(&jobs, &scenario, &script, seed);
        prop_assert!(!run.is_cut_off);
        prop_assert_eq!((run.tasks_total, run.tasks_finished), (tasks, tasks));
        prop_assert_eq!(run.jobs.len(), jobs.len());
        for observation in &run.observations {
            let work = &observation.work.as_ref().expect("shown").value;
            let yarn = observation.yarn.as_ref().expect("shown").value;
            let held = work.totals.executors_held.expect("all are known");
            prop_assert!(held <= yarn.containers_allocated);
            prop_assert!(yarn.memory_allocated <= yarn.memory_total);
        }
        let again = run_jobs(&jobs, &scenario, &script, seed);
        prop_assert_eq!(format!("{run:?}"), format!("{again:?}"));
    }

    #[test]
    fn an_application_that_never_waits_takes_its_unhindered_time(application in applications()) {
        let job = application.job(0);
        let mut work = crate::sim::testing::load(std::slice::from_ref(&job));
        crate::sim::unhindered::measure(&mut work);
        let run = run_jobs(&[job], &scenario(1, 1_000), &[], 0);
        let took_ms = run.jobs[0].finished_at.as_millis();
        prop_assert_eq!(took_ms, work.jobs[0].unhindered_ms);
        let waited: f64 = run.waits.iter().map(|wait| wait.seconds * wait.weight).sum();
        prop_assert_eq!(waited, 0.0);
    }
}
