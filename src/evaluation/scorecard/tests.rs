use super::*;
use crate::pricing::Rates;
use crate::sim::run::Wait;
use proptest::prelude::*;

fn seconds(s: u64) -> Timestamp {
    Timestamp::EPOCH + Duration::from_secs(s)
}

fn rates(ec2_usd_h: f64) -> RateCurve {
    RateCurve::constant(Rates {
        ec2_usd_h,
        emr_usd_h: ec2_usd_h / 4.0,
        ebs_usd_h: 0.0,
    })
}

fn scorecard(run: &Run, rates: &[RateCurve]) -> Scorecard {
    let label = Label {
        trace: "t".into(),
        policy: "p".into(),
        seed: 7,
    };
    let demand_nodes = StepCurve(vec![(run.start, 2)]);
    Scorecard::of(
        label,
        run,
        &Measure {
            rates,
            bounds: Bounds::default(),
            demand_nodes: &demand_nodes,
            slo_wait: Some(Duration::from_secs(60)),
        },
    )
}

fn life(group: usize, launched_s: u64, terminated_s: Option<u64>, busy_s: f64) -> InstanceLife {
    InstanceLife {
        group,
        launched_at: seconds(launched_s),
        terminated_at: terminated_s.map(seconds),
        busy_s,
    }
}

fn hour(instances: Vec<InstanceLife>) -> Run {
    Run {
        start: seconds(0),
        end: seconds(3_600),
        instances,
        ..Run::default()
    }
}

#[test]
fn each_instance_is_paid_at_the_rates_of_its_group_until_it_goes_or_the_run_ends() {
    let card = scorecard(
        &hour(vec![
            life(0, 0, None, 0.0),
            life(1, 1_800, None, 0.0),
            life(1, 0, Some(900), 0.0),
        ]),
        &[rates(1.0), rates(4.0)],
    );
    assert_eq!(
        (card.ec2_usd, card.emr_usd, card.ebs_usd, card.cost_usd),
        (4.0, 1.0, 0.0, 5.0)
    );
    assert_eq!(card.node_hours, 1.75);
}

#[test]
fn idle_money_is_what_paid_for_unused_time() {
    for (instance, idle_usd) in [
        (life(0, 0, None, 3_600.0), 0.0),
        (life(0, 0, None, 0.0), 1.25),
        (life(0, 0, None, 900.0), 0.9375),
        // Billed a minute, used for 15 s of it.
        (life(0, 0, Some(15), 15.0), 0.75 * 1.25 / 60.0),
        // Rounding may report a little more than all.
        (life(0, 0, None, 3_600.1), 0.0),
    ] {
        assert_eq!(
            scorecard(&hour(vec![instance]), &[rates(1.0)]).idle_usd,
            idle_usd,
            "{instance:?}"
        );
    }
}

#[test]
fn slowdown_is_bounded_below_by_one_and_for_short_jobs() {
    let job = |submitted_s, finished_s, unhindered_s| JobLife {
        submitted_at: seconds(submitted_s),
        finished_at: seconds(finished_s),
        unhindered: Duration::from_secs(unhindered_s),
    };
    for (jobs, mean) in [
        (vec![], None),
        (vec![job(0, 100, 100)], Some(1.0)),
        (vec![job(0, 300, 100)], Some(3.0)),
        (vec![job(0, 30, 1)], Some(3.0)),
        (vec![job(0, 5, 1)], Some(1.0)),
        (vec![job(0, 300, 100), job(50, 150, 100)], Some(2.0)),
    ] {
        let card = scorecard(
            &Run {
                jobs: jobs.clone(),
                ..hour(vec![])
            },
            &[],
        );
        assert_eq!(card.bounded_slowdown_mean, mean, "{jobs:?}");
    }
}

#[test]
fn makespan_runs_from_the_first_submission_to_the_last_completion() {
    let job = |submitted_s, finished_s| JobLife {
        submitted_at: seconds(submitted_s),
        finished_at: seconds(finished_s),
        unhindered: Duration::ZERO,
    };
    let card = scorecard(
        &Run {
            jobs: vec![job(500, 700), job(100, 300)],
            ..hour(vec![])
        },
        &[],
    );
    assert_eq!((card.makespan_s, card.jobs_finished), (600.0, 2));
    assert_eq!(scorecard(&hour(vec![]), &[]).makespan_s, 3_600.0);
}

#[test]
fn elasticity_and_waits_are_those_of_the_run() {
    let run = Run {
        supply_nodes: StepCurve(vec![(seconds(0), 1.0), (seconds(900), 4.0)]),
        waits: vec![
            Wait {
                seconds: 90.0,
                weight: 1.0,
                since_s: 0.0,
            },
            Wait {
                seconds: 0.0,
                weight: 3.0,
                since_s: 0.0,
            },
        ],
        lost_work: Duration::from_secs(1_800),
        ..hour(vec![])
    };
    let card = scorecard(&run, &[]);
    assert_eq!(
        (card.theta_u, card.theta_o, card.tau_u, card.tau_o),
        (12.5, 75.0, 25.0, 75.0)
    );
    assert_eq!(
        (
            card.wait_mean_s,
            card.wait_p50_s,
            card.wait_max_s,
            card.slo_miss_percent
        ),
        (22.5, 0.0, 90.0, Some(25.0))
    );
    assert_eq!(card.lost_work_h, 0.5);
    assert_eq!(card.eta_vs_fixed_max, None);
}

#[test]
fn eta_compares_with_the_fixed_maximum() {
    let with_supply = |nodes: f64| {
        scorecard(
            &Run {
                supply_nodes: StepCurve(vec![(seconds(0), nodes)]),
                ..hour(vec![])
            },
            &[],
        )
    };
    let (fixed_max, close) = (with_supply(18.0), with_supply(3.0));
    assert_eq!(
        fixed_max.clone().with_eta_over(&fixed_max).eta_vs_fixed_max,
        Some(1.0)
    );
    assert_eq!(close.with_eta_over(&fixed_max).eta_vs_fixed_max, Some(2.0));
    assert_eq!(
        with_supply(2.0).with_eta_over(&fixed_max).eta_vs_fixed_max,
        None
    );
}

proptest! {
    #[test]
    fn money_is_never_negative_and_idle_money_is_part_of_it(
        lives in prop::collection::vec((0_u64..4_000, prop::option::of(0_u64..4_000), 0.0..5_000.0), 0..20),
    ) {
        let instances = lives.into_iter().map(|(launched_s, terminated_s, busy_s)| life(0, launched_s, terminated_s, busy_s)).collect();
        let card = scorecard(&hour(instances), &[rates(1.0)]);
        let fields = serde_json::to_value(&card).expect("serialises");
        for (name, value) in fields.as_object().expect("a struct") {
            prop_assert!(value.as_f64().is_none_or(|figure| figure >= 0.0), "{name}: {value}");
        }
        prop_assert!(card.idle_usd <= card.cost_usd + 1e-12);
    }
}
