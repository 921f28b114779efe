//! The same work as jobs, container by container, and as the fluid of the observations that a
//! daemon would have taken of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use headroom::evaluation::scorecard::Scorecard;
use headroom::evaluation::trials::{Candidate, Testbed, Trial};
use headroom::policy::Limits;
use headroom::policy::baselines::{self, BASELINES};
use headroom::sim::input::Source;
use headroom::sim::job_work::JobWork;
use headroom::sim::observed_work::ObservedWork;
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::TraceWork;
use headroom::sim::{Recording, simulate};
use headroom::trace::journal::TraceReader;
use headroom::trace::{Job, Record, Stage};
use headroom::units::Instances;

/// How much both may differ: the cost in percent, and the mean wait in percent or by
/// [`NOTICEABLE_S`], whichever is more.
#[derive(Clone, Copy)]
struct Tolerance {
    cost_percent: f64,
    wait_percent: f64,
}

/// The time between two polls: shorter differences of a wait cannot be observed.
const NOTICEABLE_S: f64 = 30.0;

const SEEDS: u64 = 5;

fn folder(scenario: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("simulations")
        .join(scenario)
}

/// The observations that a daemon would have recorded of these jobs on a cluster so large that none
/// waited.
fn observations_of(jobs: &TraceWork, scenario: &Scenario) -> TraceWork {
    let mut ample = scenario.clone();
    ample.groups[0].count = Instances(500);
    let idle = baselines::FIXED_MAX.policy(Limits::exactly(Instances::ZERO));
    let run = simulate(
        jobs,
        &ample,
        &idle,
        1,
        Recording {
            observations: true,
            series: false,
        },
    )
    .expect("simulates");
    let mut load = ObservedWork::builder(None);
    run.observations
        .iter()
        .for_each(|observation| load.push(observation));
    TraceWork::Observations(load.finish().expect("a recording"))
}

/// Each stage as a job of its own, submitted when it would be ready if nothing waited, without
/// application masters.
fn independent_stages(trace: &Path) -> TraceWork {
    let reader = TraceReader::open(trace).expect("opens");
    let start = reader.header().start;
    let mut stages: Vec<Job> = Vec::new();
    for record in reader {
        let Ok(Record::Job(job)) = record else {
            panic!("a trace of jobs")
        };
        let mut ends: Vec<Duration> = Vec::new();
        for stage in &job.stages {
            let ready = stage
                .after
                .iter()
                .map(|before| ends[*before as usize])
                .max()
                .unwrap_or(job.submit);
            ends.push(
                ready
                    + stage
                        .tasks
                        .iter()
                        .map(|run| run.duration)
                        .max()
                        .unwrap_or_default(),
            );
            let alone = Stage {
                after: vec![],
                ..stage.clone()
            };
            stages.push(Job {
                submit: ready,
                application_master: None,
                stages: vec![alone],
                ..job.clone()
            });
        }
    }
    stages.sort_by_key(|job| job.submit);
    TraceWork::Jobs(JobWork::from_jobs(start, &stages).expect("valid jobs"))
}

/// The means of a policy over several seeds, because between single runs the cost varies by several
/// percent and the wait by a quarter.
struct Means {
    policy: String,
    cost_usd: f64,
    wait_mean_s: f64,
}

/// All baselines except `fixed-min`, whose queue grows without end in both models.
fn means(workload: &TraceWork, scenario: &Scenario) -> Vec<Means> {
    let testbed = Testbed::new("agreement".into(), workload, scenario).expect("something to scale");
    let candidates: Vec<Candidate> = BASELINES
        .iter()
        .filter(|one| one.name != "fixed-min")
        .map(|one| testbed.baseline(one))
        .collect();
    let trials = testbed
        .compare(&candidates, 1..1 + SEEDS, Recording::default(), || ())
        .expect("simulates");
    let of_policy = |trials: &[Trial]| Means {
        policy: trials[0].card.policy.clone(),
        cost_usd: mean(trials, |card| card.cost_usd),
        wait_mean_s: mean(trials, |card| card.wait_mean_s),
    };
    trials.chunks(SEEDS as usize).map(of_policy).collect()
}

fn mean(trials: &[Trial], figure: fn(&Scorecard) -> f64) -> f64 {
    trials.iter().map(|trial| figure(&trial.card)).sum::<f64>() / trials.len() as f64
}

/// Prints a row for ARCHITECTURE.md: `cargo test --test simulation agree -- --nocapture`.
fn assert_agree(name: &str, jobs: &TraceWork, scenario: &Scenario, tolerance: Tolerance) {
    let observations = observations_of(jobs, scenario);
    for (exact, fluid) in means(jobs, scenario)
        .into_iter()
        .zip(means(&observations, scenario))
    {
        let cost_percent = 100.0 * (fluid.cost_usd / exact.cost_usd - 1.0);
        let wait_s = fluid.wait_mean_s - exact.wait_mean_s;
        println!(
            "| {name} | {} | {:.2} | {:.2} | {cost_percent:+.1}% | {:.0} | {:.0} | {wait_s:+.0} |",
            exact.policy, exact.cost_usd, fluid.cost_usd, exact.wait_mean_s, fluid.wait_mean_s
        );
        assert!(
            cost_percent.abs() <= tolerance.cost_percent,
            "{name}, {}: cost differs by {cost_percent:.2}%",
            exact.policy
        );
        let allowed_s = NOTICEABLE_S.max(tolerance.wait_percent / 100.0 * exact.wait_mean_s);
        assert!(
            wait_s.abs() <= allowed_s,
            "{name}, {}: {:.0} and {:.0} s",
            exact.policy,
            exact.wait_mean_s,
            fluid.wait_mean_s
        );
    }
}

#[test]
fn independent_stages_and_their_observations_agree_on_cost_and_mean_waiting() {
    for (name, cost_percent, wait_percent) in [
        ("nightly-batch", 2.0, 5.0),
        ("short-containers", 13.0, 20.0),
        ("office-day", 8.5, 50.0),
    ] {
        let source = Source::find(&folder(name), None).expect("a scenario");
        assert_agree(
            name,
            &independent_stages(&source.trace),
            &source.scenario,
            Tolerance {
                cost_percent,
                wait_percent,
            },
        );
    }
}

/// Observations do not show that a stage waits for another, so that in the fluid a stage arrives when
/// it was recorded, even if the stage before it ends later.
#[test]
fn jobs_with_stages_and_their_observations_agree_less() {
    for (name, cost_percent, wait_percent) in [
        ("nightly-batch", 10.0, 56.0),
        ("short-containers", 13.0, 30.0),
        ("office-day", 15.0, 35.0),
    ] {
        let source = Source::find(&folder(name), None).expect("a scenario");
        let jobs = source.read(None).expect("a trace").workload;
        assert_agree(
            name,
            &jobs,
            &source.scenario,
            Tolerance {
                cost_percent,
                wait_percent,
            },
        );
    }
}
