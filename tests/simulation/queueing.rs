//! Simulated queues with Poisson arrivals and fixed capacity wait as long as queueing theory says.

use std::path::Path;
use std::time::Duration;

use headroom::evaluation::statistics::Summary;
use headroom::policy::baselines;
use headroom::policy::{Limits, Policy, Selector};
use headroom::sim::job_work::JobWork;
use headroom::sim::run::Wait;
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::TraceWork;
use headroom::sim::{Recording, simulate};
use headroom::trace::{Job, Stage, TaskRun};
use headroom::units::{Instances, Mebibytes, Timestamp, VirtualCores};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;

use crate::formulas::{mdc_mean_wait, mmc_mean_wait};

const SERVICE_S: f64 = 60.0;
const SEEDS: u64 = 20;
/// Tasks that arrive before the queue reaches its usual length, and are not counted.
const WARM_UP: usize = 4_000;
const TASKS: usize = 44_000;

/// One core node with as many slots as the queue has servers, and nothing to scale.
fn one_node(servers: u32) -> (Scenario, Policy) {
    let text = format!(
        "cluster: {{ groups: [{{ name: core, role: core, type: m5.xlarge, market: on-demand, count: 1, \
         node: {{ memory_mib: {}, vcores: {servers} }} }}] }}\npoll: 10m",
        1_024 * u64::from(servers)
    );
    let scenario = Scenario::parse(&text, Path::new("one-node.yaml")).expect("a scenario");
    let one = Limits::new(Instances(1), Instances(1)).expect("in order");
    let policy = baselines::find("fixed-max")
        .expect("a baseline")
        .policy(one)
        .on_group(&Selector::Id(scenario.groups[0].id.clone()))
        .expect("one target");
    (scenario, policy)
}

/// Single tasks with random arrivals, `arrivals_per_s` on average.
fn arrivals(arrivals_per_s: f64, seed: u64, service_s: impl Fn(f64) -> f64) -> TraceWork {
    let mut generator = ChaCha8Rng::seed_from_u64(seed);
    let mut uniform = || ((generator.next_u64() >> 12) as f64 + 0.5) * f64::EPSILON;
    let mut now_s = 0.0;
    let jobs: Vec<Job> = (0..TASKS)
        .map(|number| {
            now_s -= uniform().ln() / arrivals_per_s;
            let run = TaskRun {
                count: 1,
                duration: Duration::from_secs_f64(service_s(uniform())),
            };
            let stage = Stage {
                after: vec![],
                memory: Mebibytes(1_024),
                vcores: VirtualCores(1),
                tasks: vec![run],
                spark: None,
            };
            Job {
                queue: None,
                user: None,
                is_step: false,
                map_reduce: None,
                id: number.to_string().into(),
                name: None,
                submit: Duration::from_secs_f64(now_s),
                application_master: None,
                stages: vec![stage],
                spark: None,
            }
        })
        .collect();
    TraceWork::Jobs(JobWork::from_jobs(Timestamp::EPOCH, &jobs).expect("valid jobs"))
}

fn simulated_mean_wait(
    servers: u32,
    arrivals_per_s: f64,
    service_s: impl Fn(f64) -> f64 + Sync,
) -> Summary {
    let (scenario, policy) = one_node(servers);
    let mean_wait = |seed| {
        let workload = arrivals(arrivals_per_s, seed, &service_s);
        let run =
            simulate(&workload, &scenario, &policy, seed, Recording::default()).expect("simulates");
        assert_eq!(weight(&run.waits), TASKS as f64);
        let settled = &run.waits[WARM_UP..];
        settled
            .iter()
            .map(|wait| wait.seconds * wait.weight)
            .sum::<f64>()
            / weight(settled)
    };
    Summary::of(
        &(1..=SEEDS)
            .into_par_iter()
            .map(mean_wait)
            .collect::<Vec<f64>>(),
    )
}

fn weight(waits: &[Wait]) -> f64 {
    waits.iter().map(|wait| wait.weight).sum()
}

fn assert_within_interval(
    kind: &str,
    theory: fn(u32, f64, f64) -> f64,
    service_s: impl Fn(f64) -> f64 + Sync + Copy,
) {
    for (servers, load) in [(1, 0.5), (4, 0.5), (4, 0.7), (4, 0.9), (16, 0.7), (16, 0.9)] {
        let arrivals_per_s = load * f64::from(servers) / SERVICE_S;
        let expected_s = theory(servers, arrivals_per_s, SERVICE_S);
        let simulated = simulated_mean_wait(servers, arrivals_per_s, service_s);
        let half_width_s = simulated.ci95_half_width.expect("several seeds");
        println!(
            "{kind} c={servers:2} load={load}: {:8.3} s ± {half_width_s:.3}, theory {expected_s:8.3} s",
            simulated.mean
        );
        assert!(
            (simulated.mean - expected_s).abs() <= half_width_s,
            "{kind}/{servers} at load {load}: {:.3} ± {half_width_s:.3} s, theory {expected_s:.3} s",
            simulated.mean
        );
        assert!(
            half_width_s < 0.1 * expected_s + 0.5,
            "the interval is narrow enough to mean something"
        );
    }
}

#[test]
fn exponential_service_waits_as_erlang_c_says() {
    assert_within_interval("M/M", mmc_mean_wait, |uniform| -SERVICE_S * uniform.ln());
}

#[test]
fn constant_service_waits_as_crommelin_says() {
    assert_within_interval("M/D", mdc_mean_wait, |_| SERVICE_S);
}
