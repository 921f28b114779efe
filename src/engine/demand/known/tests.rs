//! Sizes for known work.

use proptest::prelude::*;

use super::*;
use crate::observation::work::{ApplicationKind, Executors, WorkOrReason, WorkUnknown};
use crate::policy::demand::PerformanceIndex;
use crate::units::VirtualCores;

/// What one unit offers, in MiB. An executor fills a unit; it runs four tasks.
const UNIT_MIB: u64 = 4_096;

/// An application without executors, which may have any number.
const UNLIMITED: ApplicationLoad = ApplicationLoad {
    most: f64::MAX,
    fixed: 0.0,
    held: 0.0,
    executor: 1.0,
    kept: 0.0,
};

fn second(s: i64) -> Timestamp {
    Timestamp::from_millis(1_000 * s)
}

fn stage(tasks_done: u32, tasks_remaining: u32, tasks_running: u32, task_s: f64) -> StageWork {
    StageWork {
        id: 1,
        attempt: 0,
        tasks_done,
        tasks_remaining,
        tasks_running,
        task_s: Some(task_s),
        is_blocked: false,
    }
}

/// An application with so many executors, which may have `most`.
fn spark(held: u32, most: Option<u32>, stages: Vec<StageWork>) -> ApplicationWork {
    ApplicationWork {
        id: "application_1_0001".into(),
        name: "etl".into(),
        queue: "default".into(),
        kind: ApplicationKind::Spark,
        memory_allocated: Mebibytes(u64::from(held) * UNIT_MIB),
        vcores_allocated: VirtualCores(u64::from(held)),
        containers: u64::from(held),
        work: WorkOrReason::Known(KnownWork {
            executors: Some(Executors {
                held,
                needed: None,
                most,
                slots: 4,
                memory: Mebibytes(UNIT_MIB),
            }),
            stages,
        }),
    }
}

/// The size for this work on `there` units, after it was read twice.
fn size(there: u32, waiting_price: f64, applications: Vec<ApplicationWork>) -> KnownSize {
    size_after(30, there, waiting_price, applications).expect("the work is known")
}

/// The size after the work was read each 30 s for so many seconds, and was the same. YARN reports what
/// it says to be pending.
fn size_after(
    seconds: i64,
    there: u32,
    waiting_price: f64,
    applications: Vec<ApplicationWork>,
) -> Option<KnownSize> {
    let work = Work::of(applications, 20);
    let mut demand = KnownDemand::default();
    for reading in 0..=seconds / 30 {
        demand.observe(&work, second(30 * reading));
    }
    let pending: u64 = work
        .applications
        .iter()
        .filter_map(ApplicationWork::known)
        .map(|known| {
            known.executors.map_or(0, |executors| {
                u64::from(
                    known
                        .executors_needed(&executors)
                        .saturating_sub(executors.held),
                )
            })
        })
        .sum();
    let yarn = YarnLoad {
        memory_allocated: Mebibytes(u64::from(there) * UNIT_MIB),
        memory_pending: Mebibytes(pending.saturating_mul(UNIT_MIB)),
        ..YarnLoad::default()
    };
    let unit = UnitSize {
        memory_mib: UNIT_MIB as f64,
        vcores: None,
    };
    demand.size(&Situation {
        steps: None,
        at: second(seconds),
        read_at: second(seconds),
        work: &work,
        yarn: &yarn,
        load: &Load::of(Resource::Memory, &yarn, unit, 0.0),
        unit,
        fleet: Fleet {
            there: f64::from(there),
            coming: vec![],
            delay_s: 400.0,
            min: 0.0,
            max: 100.0,
        },
        backlog_stands: false,
        units_are_nodes: true,
        waiting_price,
    })
}

#[test]
fn nothing_is_launched_for_work_that_is_over_before_units_run() {
    // 100 tasks of 10 s on 16 slots: a minute.
    let size = size(
        4,
        40.0,
        vec![spark(4, None, vec![stage(400, 100, 16, 10.0)])],
    );
    assert_eq!(size.grows_to, None);
    let done_s = size.report.done_s;
    assert!(
        done_s.is_some_and(|done_s| done_s < 150.0),
        "{:?}",
        size.report
    );
}

#[test]
fn units_are_launched_for_work_that_they_shorten() {
    // 2,000 tasks of 100 s on 16 slots: three and a half hours.
    let long = || vec![spark(4, None, vec![stage(400, 2_000, 16, 100.0)])];
    let size_of = |waiting_price| size(4, waiting_price, long()).grows_to.unwrap_or(4);
    assert!(size_of(1.0) > 20, "{}", size_of(1.0));
    assert!(size_of(1.0) >= size_of(0.01) && size_of(0.01) >= size_of(0.0001));
    let report = size(4, 1.0, long()).report;
    let (now_s, then_s) = (report.done_s, report.done_with_usable_s);
    assert!(
        then_s
            .zip(now_s)
            .is_some_and(|(then_s, now_s)| then_s < 0.3 * now_s),
        "{report:?}"
    );
    assert_eq!(report.executors_needed, Some(500));
}

#[test]
fn an_application_gets_no_units_beyond_its_limit() {
    let capped = spark(4, Some(4), vec![stage(400, 2_000, 16, 100.0)]);
    let size = size(4, 40.0, vec![capped]);
    assert_eq!(size.grows_to, None);
    assert_eq!(size.report.units_usable, 4);
}

#[test]
fn a_wide_stage_that_is_known_to_follow_is_launched_for_ahead() {
    // The stage that runs takes five minutes more, and new units seven.
    let runs = stage(0, 16, 16, 300.0);
    let follows = StageWork {
        id: 2,
        tasks_remaining: 1_000,
        is_blocked: true,
        ..StageWork::default()
    };
    let alone = size(4, 1.0, vec![spark(4, None, vec![runs])]);
    let both = size(4, 1.0, vec![spark(4, None, vec![runs, follows])]);
    assert_eq!(alone.grows_to, None);
    assert!(both.grows_to.is_some_and(|units| units > 10), "{both:?}");
}

#[test]
fn without_an_application_that_says_its_work_there_is_no_size() {
    let silent = ApplicationWork {
        work: WorkOrReason::Unknown(WorkUnknown::TimedOut),
        ..spark(4, None, vec![])
    };
    assert_eq!(size_after(30, 4, 1.0, vec![silent]), None);
    let idle = size(4, 1.0, vec![spark(4, None, vec![])]);
    assert_eq!((idle.grows_to, idle.unknown_share), (None, 0.0));
}

#[test]
fn a_backlog_that_nobody_explains_or_that_stands_counts_as_without_known_work() {
    let yarn = YarnLoad {
        memory_allocated: Mebibytes(4 * UNIT_MIB),
        memory_pending: Mebibytes(10 * UNIT_MIB),
        ..YarnLoad::default()
    };
    let unit = UnitSize {
        memory_mib: UNIT_MIB as f64,
        vcores: None,
    };
    let load = Load::of(Resource::Memory, &yarn, unit, 0.0);
    let index = PerformanceIndex::new(48).expect("in range");
    let preference = Preference::of(index, Duration::from_secs(400));
    let without = load.units(preference, 4.0);
    let units = |unknown_share, backlog_stands| {
        let mut size = size(4, 1.0, vec![spark(4, None, vec![])]);
        size.unknown_share = unknown_share;
        size.report.backlog_stands = backlog_stands;
        size.units(&load, preference, 4.0)
    };
    assert!(units(0.0, false) < 5, "{}", units(0.0, false));
    assert_eq!((units(1.0, false), units(0.0, true)), (without, without));
    assert!((5..without).contains(&units(0.5, false)));
}

#[test]
fn executors_without_tasks_are_no_room_for_others() {
    // One long task is left of the first application, which keeps its four executors.
    let mut fixed = spark(4, Some(4), vec![stage(40, 1, 1, 7_200.0)]);
    fixed.name = "long".into();
    let mut waits = spark(
        0,
        None,
        vec![StageWork {
            tasks_remaining: 400,
            ..StageWork::default()
        }],
    );
    waits.id = "application_1_0002".into();
    let size = size(4, 1.0, vec![fixed, waits]);
    assert!(size.grows_to.is_some_and(|units| units > 6), "{size:?}");
}

#[test]
fn executors_that_start_are_room_for_the_tasks_of_their_application() {
    let mut starts = spark(1, None, vec![stage(0, 64, 4, 60.0)]);
    // Those of seven more executors, and that of the application master.
    starts.containers = 9;
    starts.memory_allocated = Mebibytes(8 * UNIT_MIB + UNIT_MIB / 10);
    let size = size(9, 1.0, vec![starts]);
    assert_eq!(size.grows_to, None, "{size:?}");
    assert!(size.report.done_s.is_some_and(|s| s < 400.0), "{size:?}");
}

#[test]
fn a_master_that_fits_beside_as_many_executors_as_a_node_has_needs_no_other_node() {
    // Five executors of three parts of sixteen, and a master of one.
    let mut capped = spark(3, Some(5), vec![stage(0, 600, 9, 60.0)]);
    if let WorkOrReason::Known(known) = &mut capped.work
        && let Some(executors) = &mut known.executors
    {
        executors.memory = Mebibytes(UNIT_MIB * 3 / 16);
    }
    capped.containers = 6;
    capped.memory_allocated = Mebibytes(UNIT_MIB);
    let size = size(1, 1.0, vec![capped]);
    assert_eq!((size.grows_to, size.report.units_usable), (None, 1));
}

#[test]
fn idle_executors_that_an_application_keeps_are_no_room_for_others() {
    let mut notebook = spark(4, None, vec![]);
    if let WorkOrReason::Known(known) = &mut notebook.work
        && let Some(executors) = &mut known.executors
    {
        executors.needed = Some(0);
    }
    let mut waits = spark(0, None, vec![stage(4, 400, 0, 60.0)]);
    waits.id = "application_1_0002".into();
    let done_s = |seconds| {
        let applications = vec![notebook.clone(), waits.clone()];
        let size = size_after(seconds, 4, 1.0, applications);
        size.and_then(|size| size.report.done_s)
    };
    // Executors that are idle for a short time are given back, and the work ends on the same units.
    assert!(done_s(30).is_some() && done_s(120).is_some());
    assert_eq!(done_s(150), None, "they stay");
}

#[test]
fn a_chain_of_stages_is_no_wide_stage() {
    let runs = stage(0, 6, 6, 60.0);
    let follows = |id| StageWork {
        id,
        tasks_remaining: 6,
        is_blocked: true,
        ..StageWork::default()
    };
    let stages = std::iter::once(runs).chain((2..200).map(follows)).collect();
    let size = size(4, 40.0, vec![spark(4, None, stages)]);
    assert_eq!((size.grows_to, size.report.units_usable), (None, 4));
    assert_eq!(size.report.done_s, None, "three hours at least");
}

#[test]
fn containers_are_not_spread_over_two_nodes() {
    // An executor of more than half a node: four nodes hold four.
    let big = |held: u32| {
        let mut one = spark(held, None, vec![stage(40, 400, 4 * held, 600.0)]);
        if let WorkOrReason::Known(known) = &mut one.work {
            known
                .executors
                .iter_mut()
                .for_each(|executors| executors.memory = Mebibytes(2_500));
        }
        one
    };
    assert_eq!(size(4, 40.0, vec![big(4)]).grows_to, Some(100));
}

#[test]
fn however_long_units_take_they_are_launched_for_work_that_lasts_longer() {
    let work = |delay_s| {
        let long = StageLoad {
            unit: 0.25,
            waiting: 4_000.0,
            task_s: 600.0,
            ..StageLoad::default()
        };
        let work = Workload {
            stages: vec![long],
            applications: vec![UNLIMITED],
            occupied: 0.0,
            spread: 0.3,
        };
        let fleet = Fleet {
            there: 4.0,
            coming: vec![],
            delay_s,
            min: 0.0,
            max: 100.0,
        };
        search::best(&[work], &fleet, 1.0).units
    };
    for delay_s in [60.0, 400.0, 2_400.0, 3_000.0, 5_400.0, 7_200.0] {
        assert!(work(delay_s) > 20, "{delay_s}: {}", work(delay_s));
    }
}

#[test]
fn a_part_of_an_instance_that_is_there_makes_no_whole_one() {
    let stages = vec![StageLoad {
        unit: 0.25,
        ends: vec![(600.0, 1.0)],
        task_s: 600.0,
        ..StageLoad::default()
    }];
    let work = Workload {
        stages,
        applications: vec![UNLIMITED],
        occupied: 0.0,
        spread: 0.3,
    };
    let fleet = Fleet {
        there: 6.67,
        coming: vec![],
        delay_s: 400.0,
        min: 0.0,
        max: 100.0,
    };
    assert_eq!(search::best(&[work], &fleet, 1.0).units, 7);
}

fn any_stage() -> impl Strategy<Value = StageWork> {
    let count = || prop_oneof![Just(0), Just(u32::MAX), any::<u32>(), 0..100_u32];
    let time = prop_oneof![
        Just(None),
        Just(Some(f64::NAN)),
        Just(Some(f64::INFINITY)),
        any::<f64>().prop_map(Some),
        (0.0..1e4).prop_map(Some),
    ];
    (0..4_u32, count(), count(), count(), time, any::<bool>()).prop_map(
        |(id, tasks_done, tasks_remaining, tasks_running, task_s, is_blocked)| StageWork {
            id,
            attempt: 0,
            tasks_done,
            tasks_remaining,
            tasks_running,
            task_s,
            is_blocked,
        },
    )
}

proptest! {
    #[test]
    fn whatever_applications_say_the_size_stays_within_the_limits(
        readings in proptest::collection::vec(proptest::collection::vec(any_stage(), 0..20), 1..4),
        memory in prop_oneof![Just(0), Just(u64::MAX), any::<u64>(), 0..100_000_u64],
        slots in prop_oneof![Just(0), Just(u32::MAX), 1..9_u32],
        held in prop_oneof![Just(0), Just(u32::MAX), 0..9_u32],
        has_executors in any::<bool>(),
    ) {
        for stages in readings {
            let mut one = spark(4, None, vec![]);
            one.memory_allocated = Mebibytes(memory);
            one.work = WorkOrReason::Known(KnownWork {
                executors: has_executors.then_some(Executors { held, needed: None, most: None, slots, memory: Mebibytes(memory) }),
                stages,
            });
            let size = size(4, 1.0, vec![one]);
            prop_assert!(size.grows_to.is_none_or(|units| units > 4 && units <= 100), "{:?}", size);
            prop_assert!((0.0..=1.0).contains(&size.unknown_share), "{:?}", size);
            prop_assert!(size.report.done_s.is_none_or(f64::is_finite));
        }
    }

    /// More units never let work wait longer, but for the length of a step.
    #[test]
    fn more_units_never_delay_the_work(
        stages in proptest::collection::vec((1..500_u32, 1.0..900.0_f64), 1..5),
        units in 1..60_u32,
    ) {
        let stages: Vec<StageLoad> = stages.iter().map(|(tasks, task_s)| StageLoad {
            application: 0,
            unit: 0.25,
            waiting: f64::from(*tasks),
            task_s: *task_s,
            ..StageLoad::default()
        }).collect();
        let work = Workload {
            stages,
            applications: vec![UNLIMITED],
            occupied: 0.0,
            spread: 0.3,
        };
        let fleet = Fleet { there: 1.0, coming: vec![], delay_s: 400.0, min: 1.0, max: 100.0 };
        let (fewer, more) = (work.with(f64::from(units), &fleet), work.with(f64::from(units + 1), &fleet));
        prop_assert!(more.waiting_s <= fewer.waiting_s * 1.01, "{:?} {:?}", fewer, more);
    }
}

#[test]
fn the_search_ends_on_a_fleet_of_any_size() {
    let fleet = Fleet {
        there: 5e9,
        coming: vec![],
        delay_s: 400.0,
        min: 0.0,
        max: 5e9,
    };
    assert_eq!(search::best(&[], &fleet, 1.0).units, u32::MAX);
}
