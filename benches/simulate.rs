//! Whole simulations, without reading the trace: `cargo bench --bench simulate`.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, criterion_group, criterion_main};
use headroom::generate::{self, SyntheticWorkload};
use headroom::policy::Policy;
use headroom::policy::baselines;
use headroom::sim::input::Source;
use headroom::sim::job_work::JobWork;
use headroom::sim::observed_work::ObservedWork;
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::TraceWork;
use headroom::sim::{Recording, simulate};

/// Grow by 5 below 15% available memory for 5 minutes, and shrink by 3 above 75% for 3 minutes.
fn seed_rules(scenario: &Scenario) -> Policy {
    let limits = scenario
        .groups
        .iter()
        .find_map(|group| group.limits)
        .expect("a group that is scaled");
    baselines::find("available-memory")
        .expect("a baseline")
        .policy(limits)
}

/// The observations that a daemon would have recorded in 30 days, every 30 s: 86,400 of them.
fn thirty_days_of_observations(scenario: &Scenario) -> TraceWork {
    let month = SyntheticWorkload::NightlyBatch
        .workload(Some(30.25), 1.0)
        .expect("valid");
    let jobs = TraceWork::Jobs(
        JobWork::from_jobs(month.start, &generate::generate(&month, 1)).expect("valid jobs"),
    );
    let recording = Recording {
        observations: true,
        series: false,
    };
    let run = simulate(&jobs, scenario, &seed_rules(scenario), 1, recording).expect("simulates");
    let mut load = ObservedWork::builder(None);
    run.observations
        .iter()
        .for_each(|observation| load.push(observation));
    assert!(
        run.observations.len() >= 86_400,
        "{} observations",
        run.observations.len()
    );
    TraceWork::Observations(load.finish().expect("a recording"))
}

fn observations(criterion: &mut Criterion) {
    let scenario = Scenario::default();
    let (workload, policy) = (
        thirty_days_of_observations(&scenario),
        seed_rules(&scenario),
    );
    criterion.bench_function("30 days of observations, seed rules", |bencher| {
        bencher.iter(|| {
            black_box(simulate(
                &workload,
                &scenario,
                &policy,
                1,
                Recording::default(),
            ))
        });
    });
}

fn jobs(criterion: &mut Criterion) {
    let mut traces = vec![(
        "office-day (21,552 tasks)",
        Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations/office-day"),
    )];
    traces.extend(
        std::env::var_os("HEADROOM_BENCH_TRACE").map(|path| ("HEADROOM_BENCH_TRACE", path.into())),
    );
    for (name, path) in traces {
        let source = Source::find(&path, None).expect("a trace");
        let (loaded, policy) = (
            source.read(None).expect("reads"),
            seed_rules(&source.scenario),
        );
        criterion.bench_function(&format!("{name}, seed rules"), |bencher| {
            bencher.iter(|| {
                black_box(simulate(
                    &loaded.workload,
                    &source.scenario,
                    &policy,
                    1,
                    Recording::default(),
                ))
            });
        });
    }
}

criterion_group!(benches, observations, jobs);
criterion_main!(benches);
