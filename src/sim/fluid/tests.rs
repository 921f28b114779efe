use proptest::prelude::*;

use super::pool::{Inflow, Pool};
use crate::sim::observed_work::ObservedWork;
use crate::sim::run::Run;
use crate::sim::scenario::Scenario;
use crate::sim::testing::*;
use crate::trace::Job;
use crate::units::Instances;

fn inflow(mib_per_s: f64, lifetime_s: f64) -> Inflow {
    Inflow {
        mib_per_s,
        lifetime_s,
        parcel: 0,
    }
}

fn pool(capacity_mib: f64) -> Pool {
    let mut pool = Pool::new();
    pool.capacity_mib = capacity_mib;
    pool
}

#[test]
fn a_step_of_load_fills_for_one_lifetime_and_then_stays_whatever_the_ticks() {
    for ticks in [1, 7, 100] {
        let mut pool = pool(1e6);
        for tick in 1..=ticks {
            pool.flow(300.0 / f64::from(ticks), inflow(10.0, 60.0));
            let expected = 10.0 * (300.0 * f64::from(tick) / f64::from(ticks)).min(60.0);
            assert!(
                (pool.service.mass_mib - expected).abs() < 1e-6,
                "{ticks} ticks: {} for {expected}",
                pool.service.mass_mib
            );
        }
        assert_eq!(pool.backlog_mib(), 0.0);
        let area = 10.0 * 60.0 * (300.0 - 30.0);
        assert!(
            (pool.busy_s * 1e6 - area).abs() < 1e-3,
            "{} for {area}",
            pool.busy_s * 1e6
        );
    }
}

#[test]
fn beyond_the_capacity_the_rest_waits_and_is_served_wave_by_wave_in_order() {
    // 10 MiB/s of 60 s each would need 600 MiB; there are 300. They are full at 30 s and begin to
    // end at 60 s: in each minute 30 s bring room for what came in 30 s. What arrived in the first
    // second after 30 s starts at 60 s; the last, at 120 s, starts after three minutes.
    let mut pool = pool(300.0);
    for _ in 0..4 {
        pool.flow(30.0, inflow(10.0, 60.0));
    }
    assert!(
        (pool.backlog_mib() - 600.0).abs() < 1e-3,
        "{}",
        pool.backlog_mib()
    );
    pool.flow(600.0, Inflow::NONE);
    assert!(pool.backlog_mib() < 1e-6 && pool.service.mass_mib < 1e-6);
    // 300 start as they come, 300 wait 30 s (30..60 -> 60..90), 300 wait 60 s, 300 wait 90 s.
    let waiting: f64 = pool
        .waits
        .iter()
        .map(|wait| wait.seconds * wait.weight)
        .sum();
    let expected = 300.0 * (30.0 + 60.0 + 90.0);
    assert!(
        (waiting - expected).abs() < 1e-3 * expected,
        "{waiting} for {expected}"
    );
}

#[test]
fn where_starting_takes_time_a_burst_starts_little_by_little() {
    // 300 MiB of 60 s at once, of which 10 start each second; in the 150 that fit, starts go on
    // when departures begin at 60 s.
    let mut pool = pool(150.0);
    pool.most_starts_mib_s = 10.0;
    pool.add(300.0, 60.0, 0);
    for (span_s, in_service, waiting) in [
        (5.0, 50.0, 250.0),
        (10.0, 150.0, 150.0),
        (45.0, 150.0, 150.0),
        (6.0, 150.0, 90.0),
        (9.0, 150.0, 0.0),
    ] {
        pool.flow(span_s, Inflow::NONE);
        assert!(
            (pool.service.mass_mib - in_service).abs() < 1e-3,
            "{} for {in_service}",
            pool.service.mass_mib
        );
        assert!(
            (pool.backlog_mib() - waiting).abs() < 1e-3,
            "{} for {waiting}",
            pool.backlog_mib()
        );
    }
    pool.flow(60.0, Inflow::NONE);
    assert!(pool.service.mass_mib < 1e-6);
}

#[test]
fn an_inflow_faster_than_starts_waits() {
    // 20 MiB/s for 10 s, of which 15 start: what is left starts within the next 10/3 s.
    let mut pool = pool(1e6);
    pool.most_starts_mib_s = 15.0;
    pool.flow(10.0, inflow(20.0, 60.0));
    assert!(
        (pool.backlog_mib() - 50.0).abs() < 1e-3,
        "{}",
        pool.backlog_mib()
    );
    pool.flow(4.0, Inflow::NONE);
    assert!(pool.backlog_mib() < 1e-6 && (pool.service.mass_mib - 200.0).abs() < 1e-3);
}

#[test]
fn without_nodes_everything_waits() {
    let mut pool = pool(0.0);
    pool.flow(30.0, inflow(2.0, 10.0));
    assert_eq!((pool.service.mass_mib, pool.backlog_mib()), (0.0, 60.0));
    pool.capacity_mib = 100.0;
    pool.settle();
    assert_eq!((pool.service.mass_mib, pool.backlog_mib()), (60.0, 0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn work_that_comes_is_served_or_still_there(
        steps in prop::collection::vec((0.1_f64..100.0, prop_oneof![Just(0.0), 0.0_f64..50.0], 1.0_f64..2_000.0, prop_oneof![Just(0.0), 1.0_f64..5_000.0]), 1..40)
    ) {
        let mut pool = pool(0.0);
        let (mut came, mut served, mut mass) = (0.0, 0.0, 0.0);
        for (index, (span_s, mib_per_s, lifetime_s, capacity)) in steps.into_iter().enumerate() {
            // A cluster never has less room than what runs on it.
            pool.capacity_mib = capacity.max(pool.service.mass_mib);
            let before = pool.busy_s;
            pool.flow(span_s, Inflow { mib_per_s, lifetime_s, parcel: index as u32 });
            served += (pool.busy_s - before) * pool.capacity_mib;
            came += mib_per_s * span_s * lifetime_s;
            mass += mib_per_s * span_s;
            let there = pool.service.work(pool.clock_s) + pool.backlog_work();
            prop_assert!((came - served - there).abs() <= 1e-6 * came + 1e-2, "came {came}, served {served}, there {there}");
            prop_assert!(pool.service.mass_mib <= pool.capacity_mib * (1.0 + 1e-6));
            prop_assert!(pool.waits.iter().all(|wait| wait.seconds >= 0.0));
        }
        let waited: f64 = pool.waits.iter().map(|wait| wait.weight).sum();
        prop_assert!(waited <= mass * (1.0 + 1e-6) + 1e-6);
    }
}

/// Jobs from a simple generator: exponential gaps, a few tasks each, of one size or of very
/// different sizes.
fn generated(jobs: u32, gap_s: f64, tasks: u32, lifetimes_s: &[f64]) -> Vec<Job> {
    let streams = crate::sim::random::RandomStreams::new(11);
    let mut submit_s = 0.0;
    let of = |index: u32| {
        submit_s += -gap_s
            * streams
                .draw(crate::sim::random::Purpose::SpotLife, 0, u64::from(index))
                .ln();
        let lifetime_s = lifetimes_s[index as usize % lifetimes_s.len()];
        let count = 1 + index * 7 % tasks;
        job(
            &format!("j{index}"),
            submit_s,
            &vec![lifetime_s; count as usize],
        )
    };
    (0..jobs).map(of).collect()
}

/// The same work in both models: the jobs, and the observations that a daemon took of them on a
/// cluster with room for everything.
fn both(jobs: &[Job], scenario: &Scenario, script: Script) -> (Run, Run) {
    let mut ample = scenario.clone();
    ample.groups[0].count = Instances(100);
    let seen = run_jobs(jobs, &ample, &[], 0);
    let mut builder = ObservedWork::builder(None);
    seen.observations
        .iter()
        .for_each(|observation| builder.push(observation));
    let load = builder.finish().expect("a recording");
    (
        run_jobs(jobs, scenario, script, 0),
        run_fluid(&load, scenario, script, 0),
    )
}

/// What the difference between both models may be, for one kind of tasks.
struct Tolerance {
    cost_percent: f64,
    wait_percent: f64,
    wait_s: f64,
}

#[test]
fn jobs_and_the_observations_of_them_agree() {
    let ups_and_downs: Vec<(f64, u32)> = (0..1_000)
        .map(|step| (f64::from(step) * 900.0, [4, 9, 6, 12][step as usize % 4]))
        .collect();
    // Where nodes leave under load, YARN's emptiest ones go first; in the fluid all carry the same.
    // That is most of the difference in cost. Of tasks that are shorter than the time between two
    // polls, the observations show a sample only.
    let sampled = Tolerance {
        cost_percent: 6.0,
        wait_percent: 25.0,
        wait_s: 10.0,
    };
    let seen = |wait_s| Tolerance {
        cost_percent: 3.5,
        wait_percent: 3.0,
        wait_s,
    };
    let kinds: [(&[f64], Tolerance); 4] = [
        (&[90.0], seen(9.0)),
        (&[20.0, 60.0, 300.0], seen(12.0)),
        (&[1_200.0], seen(40.0)),
        (&[8.0], sampled),
    ];
    for (lifetimes_s, tolerance) in kinds {
        let mean_s = lifetimes_s.iter().sum::<f64>() / lifetimes_s.len() as f64;
        // About 24 slots busy on average.
        let jobs = generated(2_400, 4.5 * mean_s / 24.0, 8, lifetimes_s);
        for (nodes, script) in [(14, &[][..]), (7, &[]), (5, &[]), (8, &ups_and_downs[..])] {
            let mut scenario = scenario(nodes, 4);
            provision(&mut scenario, 240);
            let (exact, fluid) = both(&jobs, &scenario, script);
            let (cost, fluid_cost) = (node_hours(&exact), node_hours(&fluid));
            let (wait_s, fluid_wait_s) = (mean_wait_s(&exact), mean_wait_s(&fluid));
            let case = format!(
                "tasks of {lifetimes_s:?} s on {nodes} nodes, {} resizes: ",
                script.len()
            );
            println!(
                "{case}node-hours {cost:.2} {fluid_cost:.2}, wait {wait_s:.2} {fluid_wait_s:.2} s"
            );
            assert!(
                (fluid_cost / cost - 1.0).abs() <= tolerance.cost_percent / 100.0,
                "{case}{fluid_cost} for {cost} node-hours"
            );
            let allowed_s = tolerance
                .wait_s
                .max(wait_s * tolerance.wait_percent / 100.0);
            assert!(
                (fluid_wait_s - wait_s).abs() <= allowed_s,
                "{case}{fluid_wait_s} for {wait_s} s of waiting"
            );
        }
    }
}

/// A recording of four containers of 1,000 MiB that come at 0 and run for ten minutes; its last
/// observation, at 570 s, still sees them.
fn four_containers() -> ObservedWork {
    let seen = run_jobs(&[job("a", 0.0, &[600.0; 4])], &scenario(4, 1), &[], 0);
    let mut builder = ObservedWork::builder(None);
    seen.observations
        .iter()
        .for_each(|observation| builder.push(observation));
    builder.finish().expect("a recording")
}

#[test]
fn a_leaving_node_finishes_its_share() {
    let run = run_fluid(&four_containers(), &scenario(2, 4), &[(60.0, 1)], 0);
    let paid = paid(&run);
    let gone_s = paid.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(
        (540.0..=570.0).contains(&gone_s),
        "two containers run on it until 570 s; it is gone at {gone_s}"
    );
    assert_eq!(
        (run.tasks_rerun, run.tasks_finished, run.tasks_total),
        (0, 4, 4)
    );
}

#[test]
fn a_share_killed_at_the_decommission_timeout_runs_again() {
    let mut scenario = scenario(2, 4);
    scenario.decommission_timeout = seconds(120.0);
    let run = run_fluid(&four_containers(), &scenario, &[(60.0, 1)], 0);
    assert_eq!((run.tasks_rerun, run.tasks_finished), (2, 4));
    assert!(
        (run.lost_work.as_secs_f64() - 2.0 * 180.0).abs() < 15.0,
        "{:?}",
        run.lost_work
    );
    assert!(
        (run.end.seconds_since(run.start) - 750.0).abs() < 15.0,
        "{}",
        run.end
    );
    let busy_s: f64 = run.instances.iter().map(|life| life.busy_s).sum();
    assert!(
        (busy_s * 4.0 - 2_280.0 - run.lost_work.as_secs_f64()).abs() < 60.0,
        "{busy_s}"
    );
}

#[test]
fn a_lost_spot_node_gives_its_share_to_the_queue() {
    let mut scenario = scenario(2, 4);
    on_spot(&mut scenario, 20.0);
    let run = run_fluid(&four_containers(), &scenario, &[], 3);
    assert!(run.tasks_rerun > 0 && run.instances.len() > 2);
    assert_eq!(run.tasks_finished, 4);
    for (life, paid_s) in run.instances.iter().zip(paid(&run)) {
        assert!(life.busy_s <= paid_s + 1e-6, "{life:?} paid {paid_s}");
    }
}
