//! The reduces of MapReduce jobs, which start before the maps are done.

use proptest::prelude::*;

use crate::observation::work::{ApplicationKind, WorkOrReason};
use crate::sim::job_work::{JobWork, JobWorkError};
use crate::sim::run::Run;
use crate::sim::testing::*;
use crate::trace::{Job, MapReduce};
use crate::units::Timestamp;

fn map_reduce(id: &str, submit_s: f64, maps_s: &[f64], reduces_s: &[f64], slowstart: f64) -> Job {
    Job {
        is_step: false,
        map_reduce: Some(MapReduce { slowstart }),
        ..staged(id, submit_s, &[(&[], maps_s), (&[0], reduces_s)])
    }
}

/// The containers that ran at each poll.
fn containers(run: &Run) -> Vec<u64> {
    let yarn = |observation: &crate::observation::Observation| {
        observation.yarn.as_ref().map(|yarn| yarn.value)
    };
    (run.observations.iter().filter_map(yarn))
        .map(|yarn| yarn.containers_allocated)
        .collect()
}

#[test]
fn reduces_hold_their_containers_until_the_last_map_is_done() {
    // Polls at 0, 30 and 60 s. Half of the maps are done at 20 s, the last at 50 s.
    let maps_s = [20.0, 50.0];
    let run = |slowstart| {
        let job = map_reduce("a", 0.0, &maps_s, &[15.0, 15.0], slowstart);
        run_jobs(&[job], &scenario(1, 4), &[], 0)
    };
    let early = run(0.5);
    assert_eq!(containers(&early), [2, 3, 2], "one map and both reduces");
    assert_eq!(
        finishes(&early),
        [65.0],
        "the reduces take their own time from 50 s on"
    );
    assert_eq!(waits(&early), [0.0; 4]);
    let late = run(1.0);
    assert_eq!(
        containers(&late),
        [2, 1, 2],
        "none before the last map is done"
    );
    assert_eq!(finishes(&late), [65.0]);
}

#[test]
fn while_maps_wait_reduces_take_at_most_half_of_the_room() {
    // Four slots, twelve maps of 40 s one after the other on each slot.
    let maps_s: Vec<f64> = (0..12).map(|map| 40.0 + f64::from(map) / 10.0).collect();
    let job = map_reduce("a", 0.0, &maps_s, &[5.0; 6], 0.05);
    let run = run_jobs(&[job], &scenario(1, 4), &[], 0);
    let most_reduces = run.observations.iter().filter_map(|observation| {
        let work = &observation.work.as_ref()?.value;
        let WorkOrReason::Known(known) = &work.applications.first()?.work else {
            return None;
        };
        let [maps, reduces] = known.stages.as_slice() else {
            return None;
        };
        (maps.tasks_remaining > maps.tasks_running).then_some(reduces.tasks_running)
    });
    assert_eq!(most_reduces.max(), Some(2), "of four slots");
    // Without reduces that hold room, the maps would take three rounds of 40 s.
    assert!(run.end > Timestamp::from_millis(125_000), "{:?}", run.end);
}

#[test]
fn a_reduce_gives_way_to_a_map_that_was_lost_and_finds_no_room() {
    // Two nodes of one slot. From 10 s on a reduce holds one, and waits for the map on the other,
    // which is terminated with it.
    let job = map_reduce("a", 0.0, &[10.0, 100.0], &[5.0], 0.5);
    let mut scenario = scenario(2, 1);
    scenario.decommission_timeout = seconds(5.0);
    let run = run_jobs(&[job], &scenario, &[(30.0, 1)], 0);
    assert_eq!(finishes(&run), [35.0 + 100.0 + 5.0]);
    assert_eq!(run.tasks_rerun, 1, "the map");
}

#[test]
fn the_master_says_what_is_left_of_maps_and_reduces() {
    let job = map_reduce("a", 0.0, &[20.0, 50.0], &[15.0, 15.0], 0.5);
    let run = run_jobs(&[job], &scenario(1, 4), &[], 0);
    let said = |poll: usize| {
        let work = run.observations[poll].work.clone().expect("shown").value;
        let application = &work.applications[0];
        assert_eq!(application.kind, ApplicationKind::MapReduce);
        let WorkOrReason::Known(known) = &application.work else {
            panic!("unknown");
        };
        let of = |stage: &crate::observation::work::StageWork| {
            (
                stage.tasks_remaining,
                stage.tasks_running,
                stage.task_s,
                stage.is_blocked,
            )
        };
        known.stages.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(said(1), [(1, 1, Some(30.0), false), (2, 2, None, true)]);
    assert_eq!(said(2), [(2, 2, None, false)]);
}

#[test]
fn a_job_that_is_not_maps_and_reduces_is_refused() {
    let refused = |job: Job| {
        let error = JobWork::from_jobs(Timestamp::EPOCH, &[job]).expect_err("refused");
        assert!(matches!(error, JobWorkError::NoMapReduce { .. }), "{error}");
    };
    refused(map_reduce("a", 0.0, &[1.0], &[1.0], 1.5));
    refused(map_reduce("a", 0.0, &[1.0], &[1.0], f64::NAN));
    let mut apart = map_reduce("a", 0.0, &[1.0], &[1.0], 0.5);
    apart.stages[1].after.clear();
    refused(apart);
    refused(Job {
        is_step: false,
        map_reduce: Some(MapReduce { slowstart: 0.5 }),
        ..staged("a", 0.0, &[(&[], &[1.0]), (&[0], &[1.0]), (&[1], &[1.0])])
    });
}

fn made() -> impl Strategy<Value = (u32, Vec<u32>, Vec<u32>, f64, bool)> {
    (
        0_u32..300,
        prop::collection::vec(1_u32..200, 1..12),
        prop::collection::vec(1_u32..200, 0..12),
        0.0..=1.0,
        any::<bool>(),
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Lost maps wait while reduces hold all the room, unless these give it up.
    #[test]
    fn whatever_nodes_do_every_map_and_reduce_is_done_once(
        made in prop::collection::vec(made(), 1..5),
        mut script in prop::collection::vec((0_u32..1_500, 0_u32..4), 0..8),
        is_fair: bool,
        seed: u64,
    ) {
        let seconds_of = |tasks: &[u32]| tasks.iter().map(|task| f64::from(*task)).collect::<Vec<_>>();
        let jobs: Vec<Job> = (0..).zip(&made).map(|(number, (_, maps, reduces, slowstart, has_master))| {
            let name = format!("{number}");
            let mut job = if reduces.is_empty() {
                job(&name, 0.0, &seconds_of(maps))
            } else {
                map_reduce(&name, 0.0, &seconds_of(maps), &seconds_of(reduces), *slowstart)
            };
            // Two masters would fill the last node, as they would on YARN.
            job.application_master = (*has_master && number == 0).then_some(SLOT);
            job
        }).collect();
        script.sort_unstable();
        let mut script: Vec<(f64, u32)> =
            script.into_iter().map(|(at_s, to)| (f64::from(at_s), to)).collect();
        // One node of two slots is left in the end.
        script.push((1_600.0, 1));
        let mut scenario = scenario(2, 2);
        scenario.decommission_timeout = seconds(100.0);
        scenario.yarn.heartbeat = seconds(1.0);
        scenario.max_duration = seconds(200_000.0);
        provision(&mut scenario, 40);
        on_spot(&mut scenario, 20.0);
        scenario.spot.notice = seconds(1.0);
        if is_fair {
            scenario = fair(scenario);
        }
        let tasks: u64 = jobs.iter().flat_map(|job| &job.stages).map(|stage| stage.tasks.len() as u64).sum();
        let run = run_jobs(&jobs, &scenario, &script, seed);
        prop_assert!(!run.is_cut_off);
        prop_assert_eq!((run.tasks_total, run.tasks_finished), (tasks, tasks));
        for observation in &run.observations {
            let yarn = observation.yarn.as_ref().expect("shown").value;
            prop_assert!(yarn.memory_allocated <= yarn.memory_total);
        }
    }

    #[test]
    fn a_job_that_never_waits_takes_its_unhindered_time((_, maps, reduces, slowstart, _) in made()) {
        prop_assume!(!reduces.is_empty());
        let seconds_of = |tasks: &[u32]| tasks.iter().map(|task| f64::from(*task)).collect::<Vec<_>>();
        let job = map_reduce("a", 0.0, &seconds_of(&maps), &seconds_of(&reduces), slowstart);
        let longest = |tasks: &[u32]| f64::from(*tasks.iter().max().expect("one"));
        let run = run_jobs(&[job], &scenario(1, 1_000), &[], 0);
        prop_assert_eq!(finishes(&run), [longest(&maps) + longest(&reduces)]);
    }
}
