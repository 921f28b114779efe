use proptest::prelude::*;

use super::job_work::JobWork;
use super::run::{Recording, Run};
use super::scenario::Scenario;
use super::simulate::simulate;
use super::testing::*;
use super::trace_work::TraceWork;
use crate::observation::GroupState;
use crate::policy::parse::parse;
use crate::trace::Job;
use crate::units::{Instances, Timestamp};

#[test]
fn an_instance_takes_its_provisioning_time_and_is_paid_from_launch() {
    let mut scenario = scenario(0, 1);
    provision(&mut scenario, 100);
    let run = run_jobs(&[job("a", 0.0, &[50.0])], &scenario, &[(30.0, 1)], 0);
    assert_eq!(waits(&run), [130.0]);
    assert_eq!(paid(&run), [150.0]);
    assert_eq!(run.instances[0].busy_s, 50.0);
    let supply: Vec<_> = run
        .supply_nodes
        .0
        .iter()
        .map(|(at, nodes)| (at.as_millis(), *nodes))
        .collect();
    assert_eq!(supply, [(0, 0.0), (130_000, 1.0)]);
}

#[test]
fn a_group_is_resizing_until_what_was_asked_for_is_there() {
    let mut scenario = scenario(1, 1);
    provision(&mut scenario, 45);
    let mut seen = Vec::new();
    watch_jobs(
        &[job("a", 0.0, &[140.0])],
        &scenario,
        &[(30.0, 2), (90.0, 1)],
        0,
        |observation| {
            let group = &observation.cluster.value.groups[0];
            seen.push((group.requested.get(), group.running.get(), group.state));
        },
    );
    let (resizing, running) = (GroupState::Resizing, GroupState::Running);
    assert_eq!(
        seen,
        [
            (1, 1, running),
            (1, 1, running),
            (2, 1, resizing),
            (2, 2, running),
            (1, 1, running)
        ]
    );
}

#[test]
fn shrinking_cancels_launches_first() {
    let mut scenario = scenario(1, 1);
    provision(&mut scenario, 300);
    let run = run_jobs(
        &[job("a", 0.0, &[400.0])],
        &scenario,
        &[(30.0, 3), (60.0, 1)],
        0,
    );
    assert_eq!(paid(&run), [400.0, 30.0, 30.0]);
}

#[test]
fn after_three_failed_launches_a_group_is_suspended_until_the_next_resize() {
    let mut scenario = scenario(1, 1);
    provision(&mut scenario, 10);
    fail_launches(&mut scenario, 100.0);
    let mut states = Vec::new();
    let run = watch_jobs(
        &[job("a", 0.0, &[200.0])],
        &scenario,
        &[(0.0, 2), (120.0, 3)],
        0,
        |observation| {
            states.push(observation.cluster.value.groups[0].state);
        },
    );
    // Three attempts from 0 to 30; then, at 120, two at once of which the third failure in a row
    // suspends again.
    assert_eq!(states[2..4], [GroupState::Suspended; 2]);
    let launches: Vec<_> = run
        .instances
        .iter()
        .map(|life| life.launched_at.as_millis() / 1_000)
        .collect();
    assert_eq!(launches, [0, 0, 10, 20, 120, 120, 130, 130]);
    assert_eq!(paid(&run)[1..], [10.0; 7]);
}

#[test]
fn an_interrupted_spot_node_is_lost_after_its_notice_and_replaced() {
    let mut scenario = scenario(1, 1);
    provision(&mut scenario, 60);
    on_spot(&mut scenario, 6.0);
    let run = run_jobs(&[job("a", 0.0, &[1_800.0])], &scenario, &[], 3);
    assert!(
        run.tasks_rerun > 0,
        "half an hour is long against ten minutes"
    );
    assert_eq!(run.tasks_rerun as usize, run.instances.len() - 1);
    assert_eq!(run.tasks_finished, 1);
    for pair in run.instances.windows(2) {
        assert_eq!(
            pair[0].terminated_at,
            Some(pair[1].launched_at),
            "the replacement is launched when the node is gone"
        );
    }
    assert_eq!(run.resizes, 0, "the requested size stays");
}

#[test]
fn core_nodes_that_hold_blocks_stay() {
    let mut scenario = scenario(4, 1);
    scenario.groups[0].role = crate::observation::Role::Core;
    scenario.hdfs.used = crate::units::Mebibytes(2 * scenario.hdfs.capacity_per_node.get() + 1);
    let mut running = Vec::new();
    watch_jobs(
        &[job("a", 0.0, &[100.0])],
        &scenario,
        &[(30.0, 1)],
        0,
        |observation| {
            running.push(observation.cluster.value.groups[0].running.get());
        },
    );
    assert_eq!(running, [4, 4, 3, 3]);
}

#[test]
fn observations_show_the_values_of_the_time_they_were_measured() {
    let mut scenario = scenario(1, 1);
    scenario.metrics.delay = seconds(45.0);
    let mut seen = Vec::new();
    watch_jobs(
        &[job("a", 40.0, &[100.0])],
        &scenario,
        &[],
        0,
        |observation| {
            let yarn = observation.yarn.map(|yarn| {
                (
                    yarn.measured_at.as_millis() / 1_000,
                    yarn.value.containers_allocated,
                )
            });
            seen.push((observation.at.as_millis() / 1_000, yarn));
        },
    );
    assert_eq!(
        seen[..5],
        [
            (0, None),
            (30, None),
            (60, Some((0, 0))),
            (90, Some((30, 0))),
            (120, Some((60, 1)))
        ]
    );
}

#[test]
fn a_lost_poll_shows_neither_yarn_nor_hdfs_nor_nodes() {
    let mut scenario = scenario(1, 1);
    scenario.metrics.loss = crate::units::Percent(50.0);
    let mut seen = Vec::new();
    watch_jobs(
        &[job("a", 0.0, &[3_000.0])],
        &scenario,
        &[],
        1,
        |observation| {
            let parts = [
                observation.yarn.is_some(),
                observation.hdfs.is_some(),
                observation.nodes.is_some(),
            ];
            assert!(parts.iter().all(|part| *part == parts[0]));
            if let Some(nodes) = &observation.nodes {
                assert_eq!(nodes.value.0.len(), 1);
            }
            seen.push(parts[0]);
        },
    );
    let answered = seen.iter().filter(|answered| **answered).count();
    assert!(
        (30..70).contains(&answered),
        "{answered} of {} polls were answered",
        seen.len()
    );
}

#[test]
fn idleness_is_dated_from_when_the_last_work_ended() {
    let mut seen = Vec::new();
    watch_jobs(
        &[job("a", 10.0, &[15.0]), job("b", 100.0, &[1.0])],
        &scenario(1, 1),
        &[],
        0,
        |observation| {
            seen.push(
                observation
                    .cluster
                    .value
                    .idle_since
                    .map(Timestamp::as_millis),
            );
        },
    );
    assert_eq!(seen, [Some(0), Some(25_000), Some(25_000), Some(25_000)]);
}

#[test]
fn what_leaves_counts_in_the_total_with_what_is_used_of_it() {
    let mut seen = Vec::new();
    watch_jobs(
        &[job("a", 0.0, &[100.0, 100.0])],
        &scenario(2, 2),
        &[(30.0, 1)],
        0,
        |observation| {
            let yarn = observation.yarn.expect("an answer").value;
            seen.push((
                yarn.memory_total.get(),
                yarn.memory_available.get(),
                yarn.memory_allocated.get(),
                yarn.nodes.decommissioning,
            ));
        },
    );
    assert_eq!(
        seen[1..3],
        [(4_000, 2_000, 2_000, 0), (3_000, 1_000, 2_000, 1)]
    );
}

/// A simulation to try: jobs with stages and masters, resizes, failures.
#[derive(Clone, Debug)]
struct Trial {
    jobs: Vec<Job>,
    script: Vec<(f64, u32)>,
    fair: bool,
    spot: bool,
    failures: bool,
    seed: u64,
}

fn trials() -> impl Strategy<Value = Trial> {
    let stage = (
        any::<bool>(),
        prop::collection::vec(0_u32..200, 1..6),
        1_u64..3,
    );
    let job = (
        0_u32..400,
        any::<bool>(),
        prop::collection::vec(stage, 1..4),
    );
    let resize = (0_u32..2_000, 0_u32..6);
    let jobs = prop::collection::vec(job, 1..12);
    let script = prop::collection::vec(resize, 0..8);
    (jobs, script, any::<[bool; 3]>(), any::<u64>()).prop_map(
        |(jobs, mut script, [fair, spot, failures], seed)| {
            script.sort_unstable();
            let mut script: Vec<(f64, u32)> = script
                .into_iter()
                .map(|(at_s, to)| (f64::from(at_s), to))
                .collect();
            script.push((2_500.0, 3));
            let mut submits: Vec<u32> = jobs.iter().map(|(submit_s, ..)| *submit_s).collect();
            submits.sort_unstable();
            let jobs = jobs
                .into_iter()
                .zip(submits)
                .map(|((_, has_master, stages), submit_s)| trial_job(submit_s, has_master, stages));
            Trial {
                jobs: jobs.collect(),
                script,
                fair,
                spot,
                failures,
                seed,
            }
        },
    )
}

fn trial_job(submit_s: u32, has_master: bool, stages: Vec<(bool, Vec<u32>, u64)>) -> Job {
    let mut made = job(&format!("job at {submit_s}"), f64::from(submit_s), &[1.0]);
    made.application_master = has_master.then_some(SLOT);
    let template = made.stages.remove(0);
    for (index, (chained, tasks_s, slots)) in stages.into_iter().enumerate() {
        let tasks = tasks_s
            .iter()
            .map(|task_s| crate::trace::TaskRun {
                count: 1,
                duration: seconds(f64::from(*task_s)),
            })
            .collect();
        let after = if chained && index > 0 {
            vec![index as u32 - 1]
        } else {
            Vec::new()
        };
        made.stages.push(crate::trace::Stage {
            after,
            memory: SLOT.times(slots).memory,
            tasks,
            ..template.clone()
        });
    }
    made
}

fn run_trial(trial: &Trial) -> Run {
    let mut scenario = scenario(2, 3);
    scenario.decommission_timeout = seconds(120.0);
    provision(&mut scenario, 40);
    if trial.spot {
        on_spot(&mut scenario, 4.0);
    }
    if trial.failures {
        fail_launches(&mut scenario, 20.0);
    }
    let scenario = if trial.fair { fair(scenario) } else { scenario };
    run_jobs(&trial.jobs, &scenario, &trial.script, trial.seed)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_task_finishes_exactly_once_and_waits_once(trial in trials()) {
        let run = run_trial(&trial);
        // A group can be left suspended, or without nodes, by chance; then not everything finishes,
        // but nothing is counted twice.
        let tasks: u64 = trial.jobs.iter().flat_map(|job| &job.stages).map(|stage| stage.tasks.len() as u64).sum();
        prop_assert_eq!(run.tasks_total, tasks);
        prop_assert!(run.tasks_finished <= tasks);
        let waited: f64 = run.waits.iter().map(|wait| wait.weight).sum();
        prop_assert!(waited <= tasks as f64);
        if !trial.failures {
            prop_assert_eq!(run.tasks_finished, tasks);
            prop_assert_eq!(waited, tasks as f64);
            prop_assert_eq!(run.jobs.len(), trial.jobs.len());
        }
    }

    #[test]
    fn work_done_is_work_asked_for_and_work_lost(mut trial in trials()) {
        trial.failures = false;
        trial.jobs.iter_mut().for_each(|job| job.application_master = None);
        for stage in trial.jobs.iter_mut().flat_map(|job| &mut job.stages) {
            stage.memory = SLOT.memory;
        }
        let run = run_trial(&trial);
        let asked_s: f64 = trial.jobs.iter().flat_map(|job| &job.stages).flat_map(|stage| &stage.tasks).map(|run| run.duration.as_secs_f64()).sum();
        let busy_s: f64 = run.instances.iter().map(|life| life.busy_s).sum();
        prop_assert!((busy_s * 3.0 - asked_s - run.lost_work.as_secs_f64()).abs() < 1e-6);
    }

    #[test]
    fn no_instance_is_used_more_than_it_is_paid_for(trial in trials()) {
        let run = run_trial(&trial);
        for (life, paid_s) in run.instances.iter().zip(paid(&run)) {
            prop_assert!(paid_s >= 0.0 && life.busy_s <= paid_s + 1e-6, "{:?} paid {}", life, paid_s);
        }
    }

    #[test]
    fn mean_work_waiting_is_arrival_rate_times_mean_wait(mut trial in trials()) {
        // Little's law is exact over a run in which all work that arrives also starts, and none
        // starts twice. YARN does not see the tasks of a job whose application master waits, so
        // that no job has one here.
        (trial.spot, trial.failures) = (false, false);
        trial.jobs.iter_mut().for_each(|job| job.application_master = None);
        let run = run_trial(&trial);
        prop_assume!(run.tasks_rerun == 0);
        for stage in trial.jobs.iter_mut().flat_map(|job| &mut job.stages) {
            stage.memory = SLOT.memory;
        }
        let run = run_trial(&trial);
        prop_assume!(run.tasks_rerun == 0);
        let waited_s: f64 = run.waits.iter().map(|wait| wait.seconds * wait.weight).sum();
        let waiting_s = run.backlog_mib_h * 3_600.0 / SLOT.memory.as_f64();
        prop_assert!((waiting_s - waited_s).abs() < 1e-6 * (1.0 + waited_s));
    }

    #[test]
    fn the_same_seed_gives_the_same_run(trial in trials()) {
        let (first, second) = (run_trial(&trial), run_trial(&trial));
        prop_assert_eq!(format!("{first:?}"), format!("{second:?}"));
    }
}

#[test]
fn demand_without_targets_on_two_groups_of_a_kind_is_told_to_list_its_targets() {
    let policy = crate::policy::parse::parse("name: d\ndemand: { min: 0, max: 9 }\n", "d.yaml");
    let policy = policy.expect("a policy");
    let mut scenario = scenario(1, 1);
    let mut second = scenario.groups[0].clone();
    second.id = crate::observation::GroupId::new("ig-second");
    second.name = "second".into();
    scenario.groups.push(second);
    let refused = super::check_targets(&policy, &scenario).expect_err("two task groups");
    assert!(
        refused
            .to_string()
            .ends_with("list the groups to scale under `targets`, each by `id` or `name`"),
        "{refused}"
    );
}

/// How many task nodes with so many slots a demand policy launches for 80 tasks, beside a core node that
/// has four slots.
fn task_nodes_launched(slots: u64) -> usize {
    let mut scenario = Scenario::default();
    scenario.groups[0].count = Instances(1);
    scenario.groups[0].node = SLOT.times(4);
    scenario.groups[1].node = SLOT.times(slots);
    let policy = "name: p\ndemand: { min: 0, max: 40, performance_index: 55 }\ntargets:\n  - group: { role: task }\n";
    let policy = parse(policy, "p.yaml").unwrap_or_else(|errors| panic!("{errors}"));
    let job = job("a", 0.0, &[3_600.0; 80]);
    let work = JobWork::from_jobs(Timestamp::EPOCH, &[job]).expect("a valid job");
    let work = TraceWork::Jobs(work);
    let run = simulate(&work, &scenario, &policy, 0, Recording::default()).expect("simulates");
    let is_task = |life: &&super::run::InstanceLife| life.group == 1;
    run.instances.iter().filter(is_task).count()
}

#[test]
fn a_demand_policy_knows_what_the_nodes_of_a_group_without_instances_offer() {
    assert_eq!(task_nodes_launched(4), 19);
    assert_eq!(task_nodes_launched(16), 5);
    assert_eq!(task_nodes_launched(2), 38);
}
