use super::*;
use headroom::compare::Hindsight;

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

fn point(policy: &str, cost_usd: f64, wait_p95_s: f64) -> Point {
    Point {
        policy: policy.into(),
        cost_usd,
        wait_p95_s,
        peak_nodes: 10,
        unfinished_tasks: 0,
    }
}

fn demand(performance_index: u8, cost_usd: f64, wait_p95_s: f64) -> DemandPoint {
    DemandPoint {
        performance_index,
        point: point(&format!("demand-{performance_index}"), cost_usd, wait_p95_s),
    }
}

/// A frontier of 100 USD at 50 s and 80 USD at 250 s; one default of 150 USD and 200 s; a
/// clairvoyant of 70 USD.
fn measured(trace: &str, demand: Vec<DemandPoint>) -> Measured {
    let hindsight = Hindsight {
        trace: trace.into(),
        synthetic: true,
        seeds: 3,
        min_nodes: 0,
        max_nodes: 20,
        no_wait_usd: 40.0,
        clairvoyant_usd: 70.0,
        defaults: vec![point("hpa", 150.0, 200.0)],
        swept: vec![
            point("fixed 20", 100.0, 50.0),
            point("fixed 7", 80.0, 250.0),
            point("fixed 8", 101.0, 240.0),
        ],
    };
    Measured {
        monotony: demand.clone(),
        benchmark: Benchmark {
            hindsight,
            demand,
            policies: Vec::new(),
        },
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
