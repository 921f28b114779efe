use proptest::prelude::*;

use super::table::{Look, render};
use super::verdict::verdict;
use super::*;

const PLAIN: Look = Look {
    width: 80,
    colour: false,
};

fn trace(goal_s: u64) -> TraceNote {
    TraceNote {
        name: "office-day".to_owned(),
        kind: Kind::Jobs,
        synthetic: true,
        goal: Some(Duration::from_secs(goal_s)),
        shortage: None,
        cut_off: None,
        chosen_cluster: None,
        left_out: Vec::new(),
    }
}

/// A scorecard in which only what the tests look at differs.
pub(super) fn card(policy: &str, seed: u64, cost_usd: f64, wait_p95_s: f64) -> Scorecard {
    Scorecard {
        trace: "office-day".to_owned(),
        policy: policy.to_owned(),
        seed,
        cost_usd,
        ec2_usd: 0.78 * cost_usd,
        emr_usd: 0.19 * cost_usd,
        ebs_usd: 0.03 * cost_usd,
        idle_usd: (cost_usd - 20.15).max(0.0),
        node_hours: cost_usd / 0.249,
        work_bound_usd: 20.15,
        no_wait_bound_usd: 22.4,
        clairvoyant_usd: 31.9,
        wait_mean_s: wait_p95_s / 5.0,
        wait_p50_s: 0.0,
        wait_p95_s,
        wait_p99_s: 1.5 * wait_p95_s,
        wait_max_s: 4.0 * wait_p95_s + 500.0,
        bounded_slowdown_mean: Some(1.5),
        backlog_gib_h: 12.0,
        slo_miss_percent: Some((wait_p95_s / 60.0).min(85.0)),
        resizes: (10_000.0 / (cost_usd + 1.0)) as u64,
        flips: 3,
        tasks_total: 21_552,
        tasks_finished: 21_552,
        tasks_rerun: 0,
        lost_work_h: 0.0,
        jobs_finished: 909,
        makespan_s: 86_400.0,
        theta_u: 1.0,
        theta_o: 2.0,
        tau_u: 3.0,
        tau_o: 4.0,
        instability: 5.0,
        eta_vs_fixed_max: None,
    }
}

fn compare(goal_s: u64, policies: &[(&str, f64, f64)]) -> Comparison {
    Comparison::new(
        trace(goal_s),
        policies
            .iter()
            .map(|(policy, cost, wait)| card(policy, 1, *cost, *wait))
            .collect(),
    )
}

fn seven() -> Comparison {
    compare(
        300,
        &[
            ("fixed-max", 131.64, 16.4),
            ("fixed-min", 30.96, 85_962.0),
            ("available-memory", 45.62, 311.0),
            ("console-default", 58.3, 705.0),
            ("hpa-memory", 62.41, 227.0),
            ("dataproc", 49.02, 296.0),
            ("set-point", 60.75, 262.5),
        ],
    )
}

#[test]
fn the_table_of_one_seed_fits_80_columns() {
    let text = render(&[seven()], PLAIN);
    assert_fits(&text, 80);
    insta::assert_snapshot!(text);
}

#[test]
fn the_table_of_several_seeds_shows_how_sure_it_is() {
    let mut cards = Vec::new();
    for seed in 1..=5 {
        let noise = [0.0, 1.5, -0.7, 0.4, -1.1][seed as usize - 1];
        cards.push(card("fixed-max", seed, 131.64, 16.4 + noise));
        cards.push(card(
            "available-memory",
            seed,
            45.62 + noise,
            280.0 + 20.0 * noise,
        ));
        cards.push(card("dataproc", seed, 45.9 - noise, 296.0 + 10.0 * noise));
        cards.push(card("fixed-min", seed, 30.96, 85_962.0 + 1_000.0 * noise));
    }
    let text = render(&[Comparison::new(trace(300), cards)], PLAIN);
    assert_fits(&text, 80);
    insta::assert_snapshot!(text);
}

#[test]
fn two_traces_share_one_legend_that_says_what_waiting_is_for_each() {
    let mut recorded = compare(
        60,
        &[
            ("fixed-max", 2_131.64, 0.0),
            ("a-policy-of-our-own-with-a-long-name", 0.61, 3.2),
        ],
    );
    recorded.trace = TraceNote {
        name: "june.trace.zst".to_owned(),
        kind: Kind::Observations,
        synthetic: false,
        ..recorded.trace
    };
    let text = render(&[seven(), recorded], PLAIN);
    assert_fits(&text, 80);
    insta::assert_snapshot!(text);
}

#[test]
fn tasks_that_ran_again_are_told() {
    let mut stormy = card("dataproc", 1, 10.0, 5.0);
    stormy.tasks_rerun = 12;
    let text = render(
        &[Comparison::new(
            trace(60),
            vec![stormy, card("fixed-max", 1, 30.0, 5.0)],
        )],
        PLAIN,
    );
    assert!(
        text.contains("\nTasks that were lost and ran again: dataproc 12.\n"),
        "{text}"
    );
    assert!(!render(&[seven()], PLAIN).contains("ran again"));
}

#[test]
fn colour_is_off_unless_asked_for() {
    assert!(!render(&[seven()], PLAIN).contains('\u{1b}'));
    assert!(
        render(
            &[seven()],
            Look {
                colour: true,
                ..PLAIN
            }
        )
        .contains('\u{1b}')
    );
}

#[test]
fn a_narrow_terminal_breaks_names_and_not_figures() {
    let text = render(
        &[seven()],
        Look {
            width: 72,
            colour: false,
        },
    );
    assert_fits(&text, 72);
    assert!(text.contains("131.64"), "{text}");
}

fn assert_fits(text: &str, width: usize) {
    for line in text.lines() {
        assert!(
            line.chars().count() <= width,
            "{} columns: {line}",
            line.chars().count()
        );
    }
}

#[test]
fn the_verdict_says_who_wins_and_what_it_gives_up() {
    for (goal_s, policies, expected) in [
        (
            300,
            vec![
                ("fixed-max", 100.0, 16.0),
                ("dataproc", 70.0, 250.0),
                ("available-memory", 62.0, 130.0),
                ("fixed-min", 30.0, 90_000.0),
            ],
            "available-memory wins: 62.00 USD, the cheapest of 3 policies with a p95 wait (2m 10s) within the goal of 5m; 11% less than \
             the runner-up dataproc and 38% less than fixed-max; fixed-min would cost 52% less than available-memory but wait 1d 01h (p95).",
        ),
        (
            60,
            vec![
                ("fixed-max", 100.0, 16.0),
                ("available-memory", 62.0, 130.0),
            ],
            "fixed-max wins: 100.00 USD, the only policy with a p95 wait (16s) within the goal of 1m; available-memory would cost 38% \
             less than fixed-max but wait 2m 10s (p95).",
        ),
        (
            300,
            vec![
                ("fixed-max", 100.0, 16.0),
                ("available-memory", 62.0, 130.0),
            ],
            "available-memory wins: 62.00 USD, the cheapest of 2 policies with a p95 wait (2m 10s) within the goal of 5m; 38% less than \
             the runner-up fixed-max.",
        ),
        (
            10,
            vec![
                ("fixed-max", 100.0, 16.0),
                ("available-memory", 62.0, 130.0),
            ],
            "fixed-max wins only by waiting least: a p95 wait of 16s against a goal of 10s, which no policy meets; it costs 100.00 USD; \
             available-memory would cost 38% less than fixed-max but wait 2m 10s (p95).",
        ),
        (
            10,
            vec![
                ("fixed-max", 100.0, 160.0),
                ("available-memory", 62.0, 130.0),
            ],
            "available-memory wins only by waiting least: a p95 wait of 2m 10s against a goal of 10s, which no policy meets; it costs \
             62.00 USD, 38% less than fixed-max, the lowest cost of all.",
        ),
        (
            60,
            vec![("fixed-max", 100.0, 16.0)],
            "fixed-max costs 100.00 USD with a p95 wait of 16s, within the goal of 1m; there is nothing to compare it with.",
        ),
        (60, vec![], "Nothing was simulated."),
    ] {
        assert_eq!(verdict(&compare(goal_s, &policies)), expected);
    }
}

/// No goal is set.
fn without_goal(policies: &[(&str, f64, f64)]) -> Comparison {
    let mut comparison = compare(0, policies);
    comparison.trace.goal = None;
    for row in &mut comparison.rows {
        row.slo_miss_percent = None;
    }
    comparison
}

#[test]
fn without_a_goal_the_table_shows_the_trade_off() {
    let comparison = without_goal(&[
        ("fixed-max", 131.64, 16.4),
        ("fixed-min", 30.96, 85_962.0),
        ("available-memory", 45.62, 311.0),
        ("console-default", 58.3, 705.0),
        ("follow-demand", 44.02, 296.0),
        ("set-point", 60.75, 262.5),
    ]);
    let text = render(std::slice::from_ref(&comparison), PLAIN);
    assert_fits(&text, 80);
    assert!(comparison.winner().is_none());
    insta::assert_snapshot!(text);
}

#[test]
fn without_a_goal_only_a_policy_that_is_best_in_everything_is_recommended() {
    let best = without_goal(&[
        ("fixed-max", 100.0, 16.0),
        ("follow-demand", 50.0, 16.0),
        ("hpa", 60.0, 20.0),
    ]);
    assert_eq!(
        verdict(&best),
        "follow-demand is recommended: no other policy costs less or waits less. follow-demand costs 50.00 USD with a p95 wait of 16s, \
         50% less than fixed-max."
    );
    let equal = without_goal(&[("fixed-max", 100.0, 16.0), ("fixed-min", 100.0, 16.0)]);
    assert_eq!(
        verdict(&equal),
        "fixed-max and fixed-min do equally well, and no other policy costs less or waits less: fixed-max costs 100.00 USD with a p95 wait \
         of 16s."
    );
    let alone = without_goal(&[("hpa", 60.0, 20.0)]);
    assert_eq!(
        verdict(&alone),
        "hpa costs 60.00 USD with a p95 wait of 20s; there is nothing to compare it with."
    );
    for comparison in [&equal, &alone] {
        assert!(comparison.recommended().is_none());
    }
}

#[test]
fn a_cluster_that_is_too_small_has_no_winner_and_a_size_that_would_do() {
    let mut small = seven();
    small.trace.shortage = Some(Shortage {
        max_nodes: 20,
        late_s: 2.5 * 86_400.0,
        enough_nodes: Some(140),
    });
    assert!(small.winner().is_none() && small.recommended().is_none());
    assert_eq!(
        verdict(&small),
        "The cluster is too small for this work, so no policy wins: with all 20 nodes of the scaled group running all the time, the work \
         still ends 2d 12h later than it could. About 140 nodes would do; raise `limits.max` in the scenario."
    );
}

#[test]
fn a_simulation_that_ended_before_its_work_says_so_with_what_to_do() {
    let mut long = without_goal(&[("hpa", 60.0, 20.0)]);
    long.trace.cut_off = Some(CutOff {
        max_days: 400,
        policies: vec!["hpa".to_owned()],
    });
    assert!(
        verdict(&long).ends_with(
            "The simulation of hpa ended after 400 days, before the work was done: its figures are those of these days. \
             Raise `--max-days`, or the limits if the cluster cannot keep up."
        ),
        "{}",
        verdict(&long)
    );
    let json = super::export::json(&[long], &[]).expect("serialises");
    assert!(json.contains("\"max_days\": 400"), "{json}");
}

#[test]
fn a_difference_that_may_be_chance_is_called_so_and_a_clear_one_is_not() {
    let cards = |difference: [f64; 3]| {
        let pairs = (1..).zip(difference);
        pairs
            .flat_map(|(seed, by)| {
                [
                    card("a", seed, 50.0 + seed as f64, 20.0),
                    card("b", seed, 50.0 + seed as f64 + by, 20.0),
                ]
            })
            .collect()
    };
    let unclear = verdict(&Comparison::new(trace(60), cards([0.5, -0.4, 0.3])));
    assert!(
        unclear
            .contains("practically as much as the runner-up b (with 3 seeds, that may be chance)"),
        "{unclear}"
    );
    // The costs overlap from seed to seed, and yet b costs more on every single one: only pairs can
    // show it.
    let clear = verdict(&Comparison::new(trace(60), cards([0.5, 0.6, 0.55])));
    assert!(!clear.contains("chance"), "{clear}");
    assert!(clear.starts_with("a wins: 52.00 ± 2.48 USD, "), "{clear}");
}

#[test]
fn a_policy_that_leaves_work_undone_cannot_win() {
    let mut lazy = card("lazy", 1, 1.0, 0.0);
    lazy.tasks_finished = 52;
    let comparison = Comparison::new(
        trace(60),
        vec![lazy.clone(), card("fixed-max", 1, 100.0, 16.0)],
    );
    assert_eq!(
        comparison.winner().map(|(row, _)| row.policy.as_str()),
        Some("fixed-max")
    );
    assert!(!comparison.is_dominated(&comparison.rows()[1]));
    assert!(
        verdict(&comparison).ends_with(" lazy left 21500 of 21552 tasks undone and cannot win."),
        "{}",
        verdict(&comparison)
    );
    let alone = Comparison::new(trace(60), vec![lazy]);
    assert!(
        verdict(&alone).starts_with("No policy finished all the work, so none wins. lazy left "),
        "{}",
        verdict(&alone)
    );
}

#[test]
fn json_has_the_runs_field_by_field_and_a_summary_for_each_policy() {
    let cards = [
        card("a", 1, 10.0, 5.0),
        card("a", 2, 12.0, 5.0),
        card("b", 1, 30.0, 0.0),
    ];
    let text = export::json(&[], &cards).expect("serialises");
    let document: serde_json::Value = serde_json::from_str(&text).expect("parses");
    let runs: Vec<Scorecard> =
        serde_json::from_value(document["runs"].clone()).expect("scorecards");
    assert_eq!(runs, cards);
    let first = &document["summaries"][0];
    assert_eq!(
        (&first["trace"], &first["policy"], &first["seeds"]),
        (&"office-day".into(), &"a".into(), &2.into())
    );
    assert_eq!(first["cost_usd"]["mean"], 11.0);
    assert!(
        first["cost_usd"]["ci95_half_width"]
            .as_f64()
            .is_some_and(|half_width| (half_width - 12.706).abs() < 0.01),
        "{first}"
    );
    assert_eq!(
        document["summaries"][1]["cost_usd"],
        serde_json::json!({ "mean": 30.0, "ci95_half_width": null, "n": 1 })
    );
    assert!(first.get("seed").is_none() && first.get("eta_vs_fixed_max").is_none());
}

#[test]
fn csv_has_a_line_for_each_run_and_empty_cells_for_missing_figures() {
    let content = export::csv(&[
        card("a", 1, 10.0, 5.0),
        card("b, with a comma", 1, 30.0, 0.0),
    ])
    .expect("serialises");
    let mut reader = csv::Reader::from_reader(content.as_slice());
    assert_eq!(
        reader
            .headers()
            .expect("a heading")
            .iter()
            .take(4)
            .collect::<Vec<_>>(),
        ["trace", "policy", "seed", "cost_usd"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("rows");
    assert_eq!(
        rows.iter().map(|row| row[1].to_owned()).collect::<Vec<_>>(),
        ["a", "b, with a comma"]
    );
    assert_eq!(rows[0].iter().next_back(), Some(""));
}

proptest! {
    #[test]
    fn the_winner_is_never_beaten_by_a_policy_that_finished(
        figures in prop::collection::vec((1..5_u8, 0..5_u8, any::<bool>()), 1..8),
        goal_s in 0..5_u64,
    ) {
        let cards = figures.iter().zip(0..).map(|((cost, wait, finished), index)| {
            let mut card = card(&format!("p{index}"), 1, f64::from(*cost), f64::from(*wait));
            card.tasks_finished -= u64::from(!finished);
            card
        });
        let comparison = Comparison::new(trace(goal_s), cards.collect());
        match comparison.winner() {
            Some((winner, meets)) => {
                prop_assert!(!comparison.is_dominated(winner));
                prop_assert_eq!(meets, comparison.meets_goal(winner));
            }
            None => prop_assert!(figures.iter().all(|(_, _, finished)| !finished)),
        }
        assert_fits(&render(&[comparison], PLAIN), 80);
    }
}
