//! Traces without a scenario, of every kind: which cluster is chosen for them, and what is said of
//! it; and what is said where no goal is set or the cluster is too small.

use super::Folder;

const HEADER: &str =
    "{\"headroom_trace\":1,\"kind\":\"jobs\",\"start\":\"2026-03-02T00:00:00Z\"}\n";

/// A trace of jobs: when each is submitted, how many tasks it has, how long each takes, and its
/// memory; a core each.
fn trace(jobs: &[(u64, u32, u64, u64)]) -> String {
    let mut text = HEADER.to_owned();
    for (index, (submit_s, tasks, task_s, memory_mib)) in jobs.iter().enumerate() {
        text += &format!(
            "{{\"job\":{{\"id\":\"job-{index}\",\"submit_s\":{submit_s},\"stages\":[{{\"memory_mib\":{memory_mib},\"vcores\":1,\
             \"tasks\":[[{tasks},{task_s}]]}}]}}}}\n"
        );
    }
    text
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_bare_trace_runs_on_a_cluster_chosen_for_its_work_and_says_so() {
    let folder = Folder::new();
    let answer = folder.run("simulate jobs.jsonl --policy fixed-min --format json");
    assert_eq!(answer.code, Some(0));
    assert_eq!(
        answer.stderr,
        "note: jobs.jsonl has no scenario (--scenario FILE), so it runs on 2 core and up to 1 task node, m5.2xlarge on demand:\n      \
         m5.2xlarge has room for the largest container (8192 MiB, 2 vcores); 3 nodes in all run 95% of the work without queueing\n"
    );
    let document = json(&answer.stdout);
    let chosen = &document["traces"][0]["chosen_cluster"];
    assert_eq!(chosen["instance_type"], "m5.2xlarge");
    assert_eq!(
        (&chosen["core_nodes"], &chosen["max_task_nodes"]),
        (&2.into(), &1.into())
    );
    assert!(
        chosen["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("largest container"))
    );
    assert!(document["traces"][0]["goal_wait_p95_s"].is_null());
    let with_scenario = json(&folder.stdout("simulate day --policy fixed-min --format json"));
    assert!(with_scenario["traces"][0]["chosen_cluster"].is_null());
}

#[test]
fn every_kind_of_trace_gets_a_cluster_that_serves_it() {
    let hourly: Vec<(u64, u32, u64, u64)> = (0..24)
        .map(|hour| (hour * 3_600, 40, 3_600, 1_024))
        .collect();
    for (kind, jobs) in [
        ("one job", vec![(0, 48, 1_800, 1_024)]),
        ("a flat load", hourly),
        ("a spike of seconds", vec![(0, 20_000, 10, 1_024)]),
        (
            "a spike after a quiet week",
            vec![(0, 4, 600, 1_024), (604_800, 2_000, 1_800, 1_024)],
        ),
        (
            "two years",
            vec![(0, 4, 600, 1_024), (63_072_000, 4, 600, 1_024)],
        ),
        ("large containers", vec![(0, 20, 1_800, 200_000)]),
    ] {
        let folder = Folder::new();
        folder.write("bare.jsonl", trace(&jobs));
        let words = "simulate bare.jsonl --policy fixed-max --policy fixed-min --format json";
        let document = json(&folder.stdout(words));
        let found = &document["traces"][0];
        assert!(found["too_small"].is_null(), "{kind}: {found}");
        assert!(
            found["chosen_cluster"]["max_task_nodes"].as_u64() >= Some(1),
            "{kind}"
        );
    }
}

#[test]
fn a_container_that_fits_no_node_is_refused() {
    let folder = Folder::new();
    folder.write("huge.jsonl", trace(&[(0, 1, 60, 600_000)]));
    let answer = folder.run("simulate huge.jsonl");
    assert_eq!(answer.code, Some(1), "{}", answer.stderr);
    assert!(
        answer
            .stderr
            .contains("its largest container takes 600000 MiB")
            && answer.stderr.contains("--scenario FILE"),
        "{}",
        answer.stderr
    );
}

#[test]
fn a_trace_without_work_is_refused_before_a_cluster_is_chosen() {
    let folder = Folder::new();
    folder.write("empty.jsonl", HEADER);
    for command in ["simulate", "tune --policy mine.yaml", "advise", "compare"] {
        let answer = folder.run(&format!("{command} empty.jsonl"));
        assert!(
            answer.code == Some(1) && answer.stderr.contains("the trace has no work"),
            "{command}: {}",
            answer.stderr
        );
        assert!(
            !answer.stderr.contains("note:"),
            "{command}: {}",
            answer.stderr
        );
    }
}

#[test]
fn several_traces_are_sized_one_by_one_to_simulate_and_together_to_advise() {
    let folder = Folder::new();
    folder.write("small.jsonl", trace(&[(0, 4, 600, 1_024)]));
    folder.write("large.jsonl", trace(&[(0, 400, 1_800, 1_024)]));
    let document =
        json(&folder.stdout("simulate small.jsonl large.jsonl --policy fixed-max --format json"));
    let most =
        |index: usize| document["traces"][index]["chosen_cluster"]["max_task_nodes"].as_u64();
    assert!(most(0) < most(1), "{document}");
    let answer = folder.run("advise small.jsonl large.jsonl --candidates 1 --seeds 1 --json");
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert_eq!(
        answer.stderr.matches("note:").count(),
        1,
        "{}",
        answer.stderr
    );
}

#[test]
fn a_cluster_that_is_too_small_has_no_winner_unless_a_policy_has_larger_limits() {
    let folder = Folder::new();
    folder.write("day/trace.jsonl", trace(&[(0, 400, 3_600, 2_048)]));
    let document = json(&folder.stdout("simulate day --format json"));
    let found = &document["traces"][0];
    assert_eq!(found["too_small"]["max_nodes"], 4, "{found}");
    assert!(
        found["too_small"]["enough_nodes"].as_u64() > Some(4),
        "{found}"
    );
    assert!(found["recommended"].is_null(), "{found}");
    let table = folder.stdout("simulate day");
    let flat = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("The cluster is too small for this work, so no policy wins"),
        "{table}"
    );
    assert!(
        flat.contains("raise `limits.max` in the scenario"),
        "{table}"
    );
    folder.write(
        "large.yaml",
        "name: large\ntargets:\n  - group: { role: task }\n    limits: { min: 100, max: 100 }\n",
    );
    let document =
        json(&folder.stdout("simulate day --policy large.yaml --policy fixed-max --format json"));
    assert!(document["traces"][0]["too_small"].is_null(), "{document}");
}

#[test]
fn a_goal_decides_who_wins_only_when_it_is_set() {
    let folder = Folder::new();
    let words = "simulate day --policy fixed-max --policy fixed-min --format json";
    let without = json(&folder.stdout(words));
    let found = &without["traces"][0];
    assert!(
        found["goal_wait_p95_s"].is_null() && found["recommended"].is_null(),
        "{found}"
    );
    assert!(without["runs"][0]["slo_miss_percent"].is_null());
    let with = json(&folder.stdout(&format!("{words} --wait-p95 1h")));
    assert_eq!(with["traces"][0]["goal_wait_p95_s"], 3_600.0);
    assert_eq!(with["traces"][0]["recommended"], "fixed-min");
    assert!(with["runs"][0]["slo_miss_percent"].is_number());
}

#[test]
fn without_a_goal_advice_is_a_trade_off_and_writes_no_policy() {
    let folder = Folder::new();
    let words = "advise day --candidates 1 --seeds 1";
    let page = folder.stdout(words);
    assert!(page.contains("No goal for waiting is set."), "{page}");
    let advice = json(&folder.stdout(&format!("{words} --json")));
    assert!(advice["goal_wait_p95_s"].is_null(), "{advice}");
    let unbeaten = advice["policies"].as_array().expect("policies").iter();
    assert!(
        unbeaten
            .filter(|policy| policy["is_unbeaten"] == true)
            .count()
            > 1,
        "{advice}"
    );
    assert!(advice["policy"].is_null(), "{advice}");
    let refused = folder.run(&format!("{words} --out best.yaml"));
    assert!(
        refused.code == Some(1) && refused.stderr.contains("add --wait-p95 TIME"),
        "{}",
        refused.stderr
    );
}

#[test]
fn a_simulation_that_ends_before_its_work_names_the_policies_that_it_cut_off() {
    let folder = Folder::new();
    folder.write(
        "week.jsonl",
        trace(&[(0, 4, 60, 2_048), (7 * 86_400, 4, 60, 2_048)]),
    );
    let cut_off = |max_days: u32| {
        let words =
            format!("simulate week.jsonl --policy fixed-max --max-days {max_days} --format json");
        json(&folder.stdout(&words))["traces"][0]["cut_off"].clone()
    };
    assert_eq!(cut_off(2)["policies"][0], "fixed-max");
    assert!(cut_off(8).is_null());
    let table = folder.stdout("simulate week.jsonl --policy fixed-max --max-days 2");
    let flat = table.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(
        flat.contains("The simulation of fixed-max ended after 2 days"),
        "{table}"
    );
}
