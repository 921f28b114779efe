//! The simulator compared with a real cluster: `simulations/recorded-yarn` has the load that a
//! ResourceManager reported, and the jobs that it ran.

use std::path::{Path, PathBuf};

use headroom::observation::Observation;
use headroom::sim::fidelity::{Curves, Deviation, simulate_recording};
use headroom::sim::input::Source;
use headroom::sim::trace_work::TraceWork;
use headroom::trace::Record;
use headroom::trace::journal::TraceReader;
use headroom::units::Percent;

/// The limit of the mean absolute error, relative to the mean capacity.
const TOLERANCE: Percent = Percent(10.0);

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations/recorded-yarn")
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

fn deviation(workload: &TraceWork) -> Deviation {
    let Source {
        trace, scenario, ..
    } = Source::find(&folder(), None).expect("a scenario");
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
        &deviation(&workload(&folder().join("jobs.trace.jsonl.zst"))),
    );
}

#[test]
fn the_fluid_of_a_recording_on_the_recorded_nodes_loads_them_as_the_work_loaded_yarn() {
    let Source { trace, .. } = Source::find(&folder(), None).expect("a scenario");
    assert_close("fluid", &deviation(&workload(&trace)));
}
