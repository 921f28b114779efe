//! Benchmarks written by hand.

use super::{Benchmark, DemandPoint, Hindsight, Point};

pub fn point(policy: &str, cost_usd: f64, wait_p95_s: f64) -> Point {
    Point {
        policy: policy.into(),
        cost_usd,
        wait_p95_s,
        peak_nodes: 10,
        unfinished_tasks: 0,
    }
}

pub fn demand(performance_index: u8, cost_usd: f64, wait_p95_s: f64) -> DemandPoint {
    DemandPoint {
        performance_index,
        point: point(&format!("demand-{performance_index}"), cost_usd, wait_p95_s),
    }
}

/// A frontier of 100 USD at 50 s and 80 USD at 250 s; one default of 150 USD and 200 s; a
/// clairvoyant of 70 USD.
pub fn benchmark(trace: &str, demand: Vec<DemandPoint>) -> Benchmark {
    let swept = vec![
        point("fixed 20", 100.0, 50.0),
        point("fixed 7", 80.0, 250.0),
        point("fixed 8", 101.0, 240.0),
    ];
    let hindsight = Hindsight {
        trace: trace.into(),
        synthetic: true,
        seeds: 3,
        min_nodes: 0,
        max_nodes: 20,
        no_wait_usd: 40.0,
        clairvoyant_usd: 70.0,
        defaults: vec![point("hpa", 150.0, 200.0)],
        swept,
    };
    Benchmark {
        hindsight,
        demand,
        policies: Vec::new(),
    }
}
