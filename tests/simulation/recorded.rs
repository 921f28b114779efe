//! The simulator compared with a real cluster: `simulations/recorded-yarn` and `recorded-spark` have the
//! load that a ResourceManager reported, and the jobs that it ran.

use std::path::{Path, PathBuf};

use headroom::observation::Observation;
use headroom::observation::work::WorkTotals;
use headroom::sim::fidelity::{Curves, Deviation, simulate_recording};
use headroom::sim::input::Source;
use headroom::sim::trace_work::TraceWork;
use headroom::trace::Record;
use headroom::trace::journal::TraceReader;
use headroom::units::Percent;

const YARN: &str = "recorded-yarn";
const SPARK: &str = "recorded-spark";

/// The limit of the mean absolute error, relative to the mean capacity.
const TOLERANCE: Percent = Percent(10.0);

fn folder(name: &str) -> PathBuf {
    let simulations = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations");
    simulations.join(name)
}

fn workload(trace: &Path) -> TraceWork {
    let mut reader = TraceReader::open(trace).expect("opens");
    let header = reader.header().clone();
    TraceWork::read(&header, reader.by_ref(), None).expect("a trace that can be simulated")
}

fn observations(trace: &Path) -> Vec<Observation> {
    let observation = |record| match record {
        Ok(Record::Observation(observation)) => Some(*observation),
        Ok(_) => None,
        Err(error) => panic!("{error}"),
    };
    TraceReader::open(trace)
        .expect("opens")
        .filter_map(observation)
        .collect()
}

fn deviation(name: &str, workload: &TraceWork) -> Deviation {
    let Source {
        trace, scenario, ..
    } = Source::find(&folder(name), None).expect("a scenario");
    Deviation::between(
        &simulate_recording(&observations(&trace), workload, &scenario).expect("replays"),
    )
}

/// Prints the rows of the recording's README: `cargo test --test simulation recorded --
/// --nocapture`.
fn assert_close(model: &str, deviation: &Deviation) {
    for (
        resource,
        Curves {
            total,
            allocated,
            pending,
        },
    ) in [("memory", deviation.memory), ("vcores", deviation.vcores)]
    {
        for (what, curve) in [
            ("total", total),
            ("allocated", allocated),
            ("pending", pending),
        ] {
            let [recorded, simulated, error] =
                [curve.recorded, curve.simulated, curve.absolute_error]
                    .map(|value| 100.0 * value / total.recorded);
            println!(
                "| {model} | {resource} {what} | {recorded:.1}% | {simulated:.1}% | {error:.1}% |"
            );
        }
    }
    for (what, curve) in [
        ("allocated", deviation.containers_allocated),
        ("pending", deviation.containers_pending),
    ] {
        println!(
            "| {model} | containers {what} | {:.1} | {:.1} | {:.1} |",
            curve.recorded, curve.simulated, curve.absolute_error
        );
    }
    for (resource, curves) in [("memory", deviation.memory), ("vcores", deviation.vcores)] {
        let [allocated, pending] = curves.errors();
        assert!(
            allocated < TOLERANCE && pending < TOLERANCE,
            "{model}, {resource}: {allocated} allocated, {pending} pending"
        );
    }
}

#[test]
fn recorded_jobs_on_the_recorded_nodes_load_them_as_they_loaded_yarn() {
    assert_close(
        "jobs",
        &deviation(YARN, &workload(&folder(YARN).join("jobs.trace.jsonl.zst"))),
    );
}

#[test]
fn recorded_spark_applications_on_the_recorded_nodes_load_them_as_they_loaded_yarn() {
    let jobs = folder(SPARK).join("jobs.trace.jsonl.zst");
    assert_close("Spark", &deviation(SPARK, &workload(&jobs)));
}

/// A number of what applications say of their work.
type Number = fn(&WorkTotals) -> Option<u64>;

/// Applications in the simulation are not where the real ones were to the second, so that single moments
/// differ by more.
#[test]
fn simulated_applications_say_what_the_recorded_ones_said() {
    let jobs = folder(SPARK).join("jobs.trace.jsonl.zst");
    let Source {
        trace, scenario, ..
    } = Source::find(&folder(SPARK), None).expect("a scenario");
    let moments = simulate_recording(&observations(&trace), &workload(&jobs), &scenario);
    let said: Vec<_> = moments
        .expect("replays")
        .iter()
        .filter_map(|m| m.work)
        .collect();
    let numbers: [(&str, Number); 3] = [
        ("executors held", |totals| totals.executors_held),
        ("executors needed", |totals| totals.executors_needed),
        ("tasks remaining", |totals| totals.tasks_remaining),
    ];
    for (what, number) in numbers {
        let pairs = said.iter().filter_map(|[recorded, simulated]| {
            Some((number(recorded)? as f64, number(simulated)? as f64))
        });
        let pairs: Vec<(f64, f64)> = pairs.collect();
        let mean = |value: fn(&(f64, f64)) -> f64| {
            pairs.iter().map(value).sum::<f64>() / pairs.len() as f64
        };
        let (recorded, simulated) = (mean(|pair| pair.0), mean(|pair| pair.1));
        let error = mean(|pair| (pair.0 - pair.1).abs());
        println!(
            "| {what} | {} of {} | {recorded:.1} | {simulated:.1} | {error:.1} |",
            pairs.len(),
            said.len()
        );
        assert!(pairs.len() > 200, "{what}");
        assert!((simulated / recorded - 1.0).abs() < 0.10, "{what}");
        assert!(error / recorded < 0.25, "{what}");
    }
}

#[test]
fn the_fluid_of_a_recording_on_the_recorded_nodes_loads_them_as_the_work_loaded_yarn() {
    let Source { trace, .. } = Source::find(&folder(YARN), None).expect("a scenario");
    assert_close("fluid", &deviation(YARN, &workload(&trace)));
}
