#[path = "../../../src/compare/testing.rs"]
mod testing;

use headroom::compare::Hindsight;

use super::*;
use testing::{benchmark, demand};

/// Everything that is aimed at, on both traces that aims name.
fn good() -> Vec<Measured> {
    let points = || {
        vec![
            demand(1, 60.0, 240.0),
            demand(50, 70.0, 60.0),
            demand(100, 88.0, 30.0),
        ]
    };
    vec![
        measured("short-containers", points()),
        measured("nightly-batch", points()),
    ]
}

fn measured(trace: &str, demand: Vec<DemandPoint>) -> Measured {
    Measured {
        monotony: demand.clone(),
        benchmark: benchmark(trace, demand),
    }
}

/// The aim of this letter.
fn aim(all: &[Measured], letter: char) -> Aim {
    let found = aims(all)
        .into_iter()
        .find(|aim| aim.aim.starts_with(&format!("({letter})")));
    found.expect("an aim of this letter")
}

#[test]
fn where_all_is_well_every_aim_is_met() {
    for aim in aims(&good()) {
        assert_eq!(aim.met, Some(true), "{aim:?}");
    }
}

#[test]
fn each_aim_is_missed_by_what_it_is_about() {
    let with = |points: Vec<DemandPoint>| {
        vec![
            measured("short-containers", points.clone()),
            measured("nightly-batch", points),
        ]
    };
    for (letter, points, figure) in [
        (
            'a',
            vec![demand(50, 88.0, 55.0)],
            "at most +10.0% (nightly-batch at 600 s)",
        ),
        ('b', vec![demand(50, 88.0, 55.0)], "-1.0%"),
        (
            'c',
            vec![demand(50, 106.0, 41.0)],
            "0 of 2; not on short-containers (hpa), nightly-batch (hpa)",
        ),
        (
            'd',
            vec![demand(50, 105.7, 55.0)],
            "at most 1.51 times (nightly-batch)",
        ),
        ('f', vec![demand(50, 157.0, 67.0)], "shares: hpa 0.34"),
        (
            'g',
            vec![demand(1, 50.0, 10.0), demand(25, 49.0, 11.0)],
            "cost falls 1 to 25 on short-containers, waiting rises 1 to 25 on short-containers, cost falls 1 to 25 on nightly-batch, waiting rises 1 to 25 on nightly-batch",
        ),
    ] {
        let aim = aim(&with(points), letter);
        assert_eq!(
            (aim.figure.as_str(), aim.met),
            (figure, Some(false)),
            "{}",
            aim.aim
        );
    }
}

#[test]
fn an_aim_is_met_to_its_very_edge() {
    let with = |points: Vec<DemandPoint>| {
        vec![
            measured("short-containers", points.clone()),
            measured("nightly-batch", points),
        ]
    };
    for (letter, points) in [
        ('a', vec![demand(50, 83.9, 55.0)]),
        ('c', vec![demand(50, 105.0, 200.0)]),
        ('c', vec![demand(50, 150.0, 40.0)]),
        ('d', vec![demand(50, 105.0, 60.0)]),
        ('f', vec![demand(50, 157.5, 66.0)]),
        ('g', vec![demand(1, 50.0, 10.0), demand(25, 50.0, 10.0)]),
    ] {
        assert_eq!(aim(&with(points), letter).met, Some(true), "({letter})");
    }
}

#[test]
fn what_demand_does_not_reach_is_no_success() {
    let never = vec![measured("t", vec![demand(50, 60.0, 130.0)])];
    for (letter, figure) in [
        ('a', "at most -25.0% (t at 600 s); 2 cells not reached"),
        ('b', "-25.0%; 2 cells not reached"),
        ('d', "no trace gets to 60 s; 1 cell not reached"),
    ] {
        let aim = aim(&never, letter);
        assert_eq!((aim.figure.as_str(), aim.met), (figure, Some(false)));
    }
}

#[test]
fn running_to_the_maximum_at_the_default_index_is_a_miss() {
    let peak = |index: u8, peak_nodes| {
        let found = demand(index, 1.0, 1.0);
        DemandPoint {
            point: Point {
                peak_nodes,
                ..found.point
            },
            ..found
        }
    };
    for (at_default, met, figure) in [
        (
            19,
            true,
            "index 50 reaches 19 of 20; below the maximum up to index 50",
        ),
        (
            20,
            false,
            "index 50 reaches 20 of 20; below the maximum up to index 1",
        ),
    ] {
        let aim = aim(
            &[measured(
                "short-containers",
                vec![peak(1, 5), peak(50, at_default), peak(100, 20)],
            )],
            'e',
        );
        assert_eq!((aim.figure.as_str(), aim.met), (figure, Some(met)));
    }
}

#[test]
fn without_traces_nothing_is_claimed() {
    for aim in aims(&[]) {
        assert_eq!(aim.met, None, "{aim:?}");
    }
}
