//! Simulated Spark applications compared with real ones, each of which ran alone on a real YARN
//! (`tests/fixtures/spark-alone`).

use std::path::Path;

use headroom::policy::parse::parse;
use headroom::sim::run::SeriesPoint;
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::TraceWork;
use headroom::sim::{Recording, simulate};
use headroom::trace::journal::TraceReader;
use serde::Deserialize;

/// The memory that YARN had on all nodes.
const CAPACITY_MIB: f64 = 3.0 * 8_192.0;

#[derive(Deserialize)]
struct Recorded {
    name: String,
    driver_start_ms: u64,
    /// Milliseconds, and MiB allocated and pending.
    curve: Curve,
}

type Curve = Vec<(i64, f64, f64)>;

/// How far a simulation is from its recording.
struct Deviation {
    /// Of the GiB-hours that were allocated, relative to those recorded.
    allocated: f64,
    /// Of the time from the first container to the last, relative to the recorded one.
    makespan: f64,
    /// Mean absolute errors of memory allocated and pending, relative to the capacity.
    allocated_error: f64,
    pending_error: f64,
}

fn simulated(recorded: &Recorded) -> Curve {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/spark-alone");
    let path = folder.join(format!("{}.trace.jsonl.zst", recorded.name));
    let mut reader = TraceReader::open(&path).expect("opens");
    let header = reader.header().clone();
    let work = TraceWork::read(&header, reader.by_ref(), None).expect("can be simulated");
    let scenario = format!(
        "cluster:
  groups:
    - {{ name: core, role: core, type: m5.xlarge, market: on-demand, count: 3, node: {{ memory_mib: 8192, vcores: 16 }}, limits: {{ min: 3, max: 3 }} }}
poll: 1s
yarn: {{ application_start: {}ms, heartbeat: 1s }}
",
        recorded.driver_start_ms
    );
    let scenario = Scenario::parse(&scenario, Path::new("recorded.yaml")).expect("a scenario");
    let policy = "name: fixed\ndemand: { min: 3, max: 3 }\ntargets: [{ group: { role: core } }]\n";
    let policy = parse(policy, "fixed.yaml").expect("a policy");
    let record = Recording {
        series: true,
        ..Recording::default()
    };
    let run = simulate(&work, &scenario, &policy, 0, record).expect("simulates");
    let point = |point: &SeriesPoint| {
        let since = point.at.as_millis() - header.start.as_millis();
        let (allocated, pending) = (point.allocated.memory, point.pending.memory);
        (since, allocated.as_f64(), pending.as_f64())
    };
    let mut curve: Curve = run.series.iter().map(point).collect();
    let end_ms = run.end.as_millis() - header.start.as_millis();
    curve.push((end_ms, 0.0, 0.0));
    curve
}

/// The value of a curve at an instant.
fn at(curve: &Curve, ms: i64) -> (f64, f64) {
    let next = curve.partition_point(|(at_ms, ..)| *at_ms <= ms);
    let (_, allocated, pending) = next
        .checked_sub(1)
        .map_or((0, 0.0, 0.0), |last| curve[last]);
    (allocated, pending)
}

fn deviation(recorded: &Curve, simulated: &Curve) -> Deviation {
    let end = |curve: &Curve| curve.last().map_or(0, |(at_ms, ..)| *at_ms);
    let (recorded_end, simulated_end) = (end(recorded), end(simulated));
    let seconds: Vec<i64> = (0..recorded_end.max(simulated_end))
        .step_by(1_000)
        .collect();
    let sum = |value: &dyn Fn(i64) -> f64| seconds.iter().map(|ms| value(*ms)).sum::<f64>();
    let allocated = |curve: &Curve| sum(&|ms| at(curve, ms).0);
    let per_second = seconds.len() as f64 * CAPACITY_MIB;
    Deviation {
        allocated: allocated(simulated) / allocated(recorded) - 1.0,
        makespan: simulated_end as f64 / recorded_end as f64 - 1.0,
        allocated_error: sum(&|ms| (at(recorded, ms).0 - at(simulated, ms).0).abs()) / per_second,
        pending_error: sum(&|ms| (at(recorded, ms).1 - at(simulated, ms).1).abs()) / per_second,
    }
}

/// Prints the rows of docs/validation.md: `cargo test --test simulation spark_alone -- --nocapture`.
#[test]
fn a_simulated_application_holds_what_the_real_one_held_and_takes_as_long() {
    let recorded = include_str!("../fixtures/spark-alone/recorded.json");
    let recorded: Vec<Recorded> = serde_json::from_str(recorded).expect("recorded.json");
    assert!(recorded.len() >= 5);
    for application in &recorded {
        let off = deviation(&application.curve, &simulated(application));
        println!(
            "| {} | {:+.1}% | {:+.1}% | {:.1}% | {:.1}% |",
            application.name,
            100.0 * off.allocated,
            100.0 * off.makespan,
            100.0 * off.allocated_error,
            100.0 * off.pending_error
        );
        // Its 14 executors started together on two cores, the last of them 28 s after the first, so that
        // its pending curve is off by more than the aim of 10%.
        let pending_at_most = match application.name.as_str() {
            "wide-narrow" => 0.15,
            _ => 0.10,
        };
        assert!(off.allocated.abs() < 0.15, "{}", application.name);
        assert!(off.makespan.abs() < 0.10, "{}", application.name);
        assert!(off.allocated_error < 0.10, "{}", application.name);
        assert!(off.pending_error < pending_at_most, "{}", application.name);
    }
}
