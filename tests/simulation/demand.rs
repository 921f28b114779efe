//! `demand:` on the shipped scenarios: what the performance index promises, and what a flood of
//! short containers must not do.

use std::path::Path;

use headroom::evaluation::trials::{Candidate, Testbed, Trial, scaled_group};
use headroom::policy::parse::parse;
use headroom::policy::{Policy, Selector};
use headroom::sim::Recording;
use headroom::sim::input::Source;
use headroom::sim::scenario::Scenario;

const SCENARIOS: [&str; 5] = [
    "office-day",
    "nightly-batch",
    "short-containers",
    "spot-storm",
    "recorded-yarn",
];
const SEEDS: std::ops::Range<u64> = 1..21;

/// One text for every trace, within the limits of each.
fn following(scenario: &Scenario, performance_index: u8) -> Policy {
    let text = format!(
        "name: index-{performance_index}\ndemand: {{ min: 0, max: 20, performance_index: {performance_index} }}\n"
    );
    let (scaled, limits) = scaled_group(scenario).expect("a group that is scaled");
    parse(&text, "follow")
        .expect("a policy")
        .with_limits(limits)
        .on_group(&Selector::Id(scenario.groups[scaled].id.clone()))
        .expect("a group of instances")
}

/// The runs at each index with each seed.
fn trials(scenario: &str, indexes: &[u8], recording: Recording) -> Vec<Vec<Trial>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("simulations")
        .join(scenario);
    let source = Source::find(&folder, None).expect("a trace");
    let loaded = source.read(None).expect("reads");
    let testbed = Testbed::new(source.name, &loaded.workload, &source.scenario)
        .expect("a group that is scaled");
    let candidates: Vec<Candidate> = indexes
        .iter()
        .map(|index| Candidate::of(following(&source.scenario, *index)))
        .collect();
    let mut trials = testbed
        .compare(&candidates, SEEDS, recording, || ())
        .expect("simulates")
        .into_iter();
    indexes
        .iter()
        .map(|_| trials.by_ref().take(SEEDS.count()).collect())
        .collect()
}

fn mean(trials: &[Trial], value: impl Fn(&Trial) -> f64) -> f64 {
    trials.iter().map(value).sum::<f64>() / trials.len() as f64
}

#[test]
fn a_higher_performance_index_never_costs_less_and_never_waits_longer_in_the_mean_of_twenty_seeds()
{
    let mut broken = Vec::new();
    for scenario in SCENARIOS {
        let trials = trials(scenario, &[1, 25, 50, 75, 100], Recording::default());
        let costs: Vec<f64> = trials
            .iter()
            .map(|trials| mean(trials, |trial| trial.card.cost_usd))
            .collect();
        let waits: Vec<f64> = trials
            .iter()
            .map(|trials| mean(trials, |trial| trial.card.wait_p95_s))
            .collect();
        println!("{scenario}: {costs:.2?} USD, {waits:.0?} s");
        if !costs.is_sorted() || !waits.is_sorted_by(|one, next| one >= next) {
            broken.push(format!("{scenario}: {costs:.2?} USD, p95 {waits:.0?} s"));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_flood_of_short_containers_does_not_run_a_thrifty_cluster_to_its_maximum() {
    let recording = Recording {
        observations: false,
        series: true,
    };
    let trials = trials("short-containers", &[1], recording).remove(0);
    let largest = trials
        .iter()
        .flat_map(|trial| &trial.run.series)
        .map(|point| point.requested.get())
        .max()
        .expect("polls");
    println!("largest: {largest} of 22 nodes");
    assert!(
        largest < 22,
        "two core nodes and {} of 20 task nodes",
        largest - 2
    );
}

#[test]
fn scale_ins_that_wait_for_shuffle_output_cost_less_and_lose_little_of_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations/spark-day");
    let source = Source::find(&folder, None).expect("a trace");
    let loaded = source.read(None).expect("reads");
    let testbed = Testbed::new(source.name, &loaded.workload, &source.scenario)
        .expect("a group that is scaled");
    let waiting = |time: &str| {
        let text = format!(
            "name: follow\ndemand: {{ min: 0, max: 20, performance_index: 50 }}\ntargets: [{{ group: {{ role: task }}, keep_shuffle_output: {time} }}]\n"
        );
        Candidate::of(parse(&text, "follow").expect("a policy"))
    };
    let candidates = [waiting("0s"), waiting("30m")];
    let trials = testbed
        .compare(&candidates, 1..6, Recording::default(), || ())
        .expect("simulates");
    let (at_once, waits) = trials.split_at(5);
    let rerun = |trials: &[Trial]| mean(trials, |trial| trial.run.tasks_rerun as f64);
    let cost = |trials: &[Trial]| mean(trials, |trial| trial.card.cost_usd);
    assert!(
        rerun(waits) < rerun(at_once) / 10.0,
        "{} of {} tasks",
        rerun(waits),
        rerun(at_once)
    );
    assert!(
        cost(waits) < 0.9 * cost(at_once),
        "{} instead of {} USD",
        cost(waits),
        cost(at_once)
    );
}
