use super::*;
use crate::observation::YarnLoad;
use crate::units::{Mebibytes, VirtualCores};

/// Mebibytes of a container here.
const CONTAINER: u64 = 100;

/// At so many seconds: containers that run, that wait, and that were released so far.
type Row = (i64, u64, u64, Option<u64>);

fn read(rows: &[Row], assumed_s: Option<u64>) -> Result<ObservedWork, ObservedWorkError> {
    let mut builder = ObservedWork::builder(assumed_s.map(Duration::from_secs));
    for (at_s, allocated, pending, released) in rows {
        let at = Timestamp::from_millis(at_s * 1_000);
        let yarn = YarnLoad {
            memory_allocated: Mebibytes(allocated * CONTAINER),
            memory_pending: Mebibytes(pending * CONTAINER),
            vcores_allocated: Some(VirtualCores(*allocated)),
            vcores_pending: Some(VirtualCores(*pending)),
            containers_allocated: *allocated,
            containers_pending: *pending,
            containers_released_total: *released,
            ..YarnLoad::default()
        };
        let mut observation = crate::engine::testing::Scene::new(Vec::new()).observation();
        observation.yarn = Some(Sampled {
            value: yarn,
            measured_at: at,
        });
        builder.push(&observation);
    }
    builder.finish()
}

/// Parcels as from, until in seconds, containers, lifetime in seconds.
fn parcels(load: &ObservedWork) -> Vec<(i64, i64, f64, f64)> {
    let parcel = |parcel: &Parcel| {
        let lifetime_s = (f64::from(parcel.lifetime_s) * 10.0).round() / 10.0;
        (
            parcel.from_ms / 1_000,
            parcel.until_ms() / 1_000,
            parcel.memory_mib / CONTAINER as f64,
            lifetime_s,
        )
    };
    load.parcels.iter().map(parcel).collect()
}

#[test]
fn demand_that_grew_and_what_was_released_has_arrived() {
    // Two containers come in each half minute and run for one minute.
    let rows = [
        (0, 0, 0, Some(0)),
        (30, 2, 0, Some(0)),
        (60, 4, 0, Some(0)),
        (90, 4, 0, Some(2)),
        (120, 2, 0, Some(4)),
        (150, 0, 0, Some(6)),
    ];
    let load = read(&rows, None).expect("a recording");
    assert_eq!(
        parcels(&load),
        [(0, 30, 2.0, 60.0), (30, 60, 2.0, 60.0), (60, 90, 2.0, 60.0)]
    );
}

#[test]
fn the_work_is_the_allocated_memory_over_time() {
    let rows = [
        (0, 3, 1, Some(9)),
        (30, 4, 2, Some(11)),
        (60, 1, 0, Some(2)),
        (90, 5, 7, Some(3)),
        (120, 0, 0, Some(15)),
    ];
    let load = read(&rows, None).expect("a recording");
    let allocated: f64 = rows
        .windows(2)
        .map(|pair| (pair[0].1 + pair[1].1) as f64 / 2.0 * 30.0)
        .sum();
    assert!(
        (load.work_mib_s() - allocated * CONTAINER as f64).abs() < 1e-3 * allocated,
        "{} for {allocated}",
        load.work_mib_s()
    );
}

#[test]
fn requests_that_are_withdrawn_are_set_against_later_ones() {
    let rows = [
        (0, 1, 4, Some(0)),
        (30, 1, 0, Some(0)),
        (60, 1, 3, Some(0)),
        (90, 1, 6, Some(0)),
    ];
    let load = read(&rows, None).expect("a recording");
    let arrived: Vec<f64> = parcels(&load)
        .iter()
        .map(|(_, _, containers, _)| *containers)
        .collect();
    assert_eq!(arrived, [5.0, 2.0]);
}

#[test]
fn a_late_count_is_not_counted_twice() {
    // Six containers that live for about 20 s are gone at 25 s, and YARN counts them at 35 s; two more
    // arrive meanwhile.
    let rows = [
        (0, 0, 0, Some(0)),
        (5, 4, 2, Some(0)),
        (10, 6, 0, Some(0)),
        (15, 6, 0, Some(0)),
        (20, 6, 0, Some(0)),
        (25, 0, 0, Some(0)),
        (30, 2, 0, Some(0)),
        (35, 2, 0, Some(6)),
        (40, 0, 0, Some(6)),
        (45, 0, 0, Some(8)),
    ];
    let load = read(&rows, None).expect("a recording");
    assert_eq!(parcels(&load), [(0, 5, 6.0, 18.3), (25, 30, 2.0, 10.0)]);
}

#[test]
fn requests_that_are_gone_but_never_counted_were_withdrawn() {
    let rows = [
        (0, 1, 4, Some(0)),
        (5, 1, 0, Some(0)),
        (10, 1, 0, Some(0)),
        (15, 1, 0, Some(0)),
        (20, 0, 0, Some(1)),
    ];
    let load = read(&rows, None).expect("a recording");
    // One lives until it is gone, and the others, which never started, would have lived as long.
    assert_eq!(parcels(&load), [(0, 0, 5.0, 17.5)]);
}

#[test]
fn a_counter_that_begins_again_counts_from_zero() {
    let rows = [
        (0, 2, 0, Some(100)),
        (30, 2, 0, Some(101)),
        (60, 2, 0, Some(1)),
        (90, 2, 0, Some(2)),
    ];
    let load = read(&rows, None).expect("a recording");
    let arrived: f64 = parcels(&load)
        .iter()
        .map(|(_, _, containers, _)| containers)
        .sum();
    assert_eq!(arrived, 2.0 + 3.0);
}

#[test]
fn nothing_arrives_in_a_gap_and_what_runs_after_it_begins_there() {
    let rows = [
        (0, 2, 0, Some(0)),
        (30, 2, 0, Some(1)),
        (60, 2, 3, Some(2)),
        (3_600, 4, 0, Some(500)),
        (3_630, 4, 0, Some(501)),
    ];
    let load = read(&rows, None).expect("a recording");
    let at = |seconds: i64| Timestamp::from_millis(seconds * 1_000);
    assert_eq!(load.gaps(), [(at(60), at(3_600))]);
    assert!(
        parcels(&load)
            .iter()
            .all(|(from, until, ..)| *until <= 60 || *from >= 3_600)
    );
    let work: f64 = (60.0 * 2.0 + 30.0 * 4.0) * CONTAINER as f64;
    assert!(
        (load.work_mib_s() - work).abs() < 1.0,
        "{} for {work}: the backlog before the gap is not counted twice",
        load.work_mib_s()
    );
}

#[test]
fn without_a_count_of_releases_a_lifetime_must_be_assumed() {
    let rows: Vec<Row> = (0..60).map(|poll| (poll * 30, 4, 0, None)).collect();
    assert_eq!(
        read(&rows, None),
        Err(ObservedWorkError::NoTurnover {
            from: Timestamp::EPOCH
        })
    );
    let load = read(&rows, Some(120)).expect("a recording");
    // Four containers of two minutes each: two a minute, until the recording ends.
    let arrived: f64 = parcels(&load)
        .iter()
        .map(|(_, _, containers, _)| containers)
        .sum();
    assert!((arrived - 4.0 - 2.0 * 29.5).abs() < 0.01, "{arrived}");
    assert!(
        parcels(&load)[20..40]
            .iter()
            .all(|(.., lifetime_s)| *lifetime_s == 120.0)
    );
}

#[test]
fn repeated_samples_add_nothing_and_one_is_too_few() {
    assert_eq!(
        read(&[(0, 1, 0, Some(0)), (0, 5, 0, Some(9))], None),
        Err(ObservedWorkError::TooFew(1))
    );
}

#[test]
fn without_a_count_of_vcores_containers_take_memory_only() {
    let counted = |vcores: Option<u64>| {
        let mut builder = ObservedWork::builder(None);
        for (at_s, released) in [(0, 0), (30, 2)] {
            let yarn = YarnLoad {
                memory_allocated: Mebibytes(2 * CONTAINER),
                vcores_allocated: vcores.map(VirtualCores),
                vcores_pending: vcores.map(|_| VirtualCores(0)),
                containers_allocated: 2,
                containers_released_total: Some(released),
                ..YarnLoad::default()
            };
            let mut observation = crate::engine::testing::Scene::new(Vec::new()).observation();
            observation.yarn = Some(Sampled {
                value: yarn,
                measured_at: Timestamp::from_millis(at_s * 1_000),
            });
            builder.push(&observation);
        }
        let load = builder.finish().expect("a recording");
        (load.knows_vcores(), load.parcels[0].vcores_per_mib)
    };
    assert_eq!(counted(Some(4)), (true, 4.0 / (2 * CONTAINER) as f32));
    assert_eq!(counted(None), (false, 0.0));
}
