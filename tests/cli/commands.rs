//! Each command, when all is well.

use std::collections::BTreeSet;

use super::{Folder, POLICY, repository};

/// What other programs may rely on in `--format json` and `--format csv`.
const FIELDS: &str = "trace policy seed cost_usd ec2_usd emr_usd ebs_usd idle_usd node_hours work_bound_usd no_wait_bound_usd clairvoyant_usd \
    wait_mean_s wait_p50_s wait_p95_s wait_p99_s wait_max_s bounded_slowdown_mean backlog_gib_h slo_miss_percent resizes flips tasks_total \
    tasks_finished tasks_rerun jobs_finished makespan_s theta_u theta_o tau_u tau_o instability eta_vs_fixed_max";
const BASELINES: [&str; 8] = [
    "fixed-max",
    "fixed-min",
    "available-memory",
    "console-default",
    "hpa",
    "dataproc",
    "set-point",
    "follow-demand",
];

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn a_folder_gives_a_table_with_bounds_and_a_verdict() {
    let answer = Folder::new().run(
        "simulate day --policy fixed-max --policy fixed-min --policy hpa --policy available-memory",
    );
    assert_eq!((answer.code, answer.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(answer.stdout);
}

#[test]
fn without_a_policy_every_baseline_takes_part() {
    let table = Folder::new().stdout("simulate day");
    let policies: Vec<&str> = table.lines().flat_map(str::split_whitespace).collect();
    for baseline in BASELINES {
        assert!(policies.contains(&baseline), "{baseline} in {table}");
    }
}

#[test]
fn own_policies_are_compared_with_baselines_and_told_apart() {
    let folder = Folder::new();
    let csv = folder
        .stdout("simulate day day --policy mine.yaml --policy hpa --policy mine.yaml --format csv");
    let runs: Vec<_> = csv
        .lines()
        .skip(1)
        .map(|line| line.split(',').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        runs,
        [
            "day mine",
            "day hpa",
            "day mine-2",
            "day-2 mine",
            "day-2 hpa",
            "day-2 mine-2"
        ]
    );
}

#[test]
fn json_has_every_field_of_every_run_and_csv_has_the_same_columns() {
    let folder = Folder::new();
    let document = json(&folder.stdout("simulate day --seeds 2 --format json"));
    let runs = document["runs"].as_array().expect("runs");
    assert!(runs.len() >= 2 * BASELINES.len());
    for (run, seed) in runs.iter().zip([1, 2].into_iter().cycle()) {
        assert_eq!(
            (run["trace"].as_str(), run["seed"].as_u64()),
            (Some("day"), Some(seed))
        );
        let policy = &run["policy"];
        let missing: Vec<&str> = FIELDS
            .split_whitespace()
            .filter(|field| run.get(field).is_none())
            .collect();
        assert_eq!(missing, Vec::<&str>::new(), "{policy}");
        assert_eq!(
            (run["tasks_total"].as_u64(), run["tasks_finished"].as_u64()),
            (Some(20), Some(20)),
            "{policy}"
        );
        assert!(
            run["cost_usd"].as_f64() >= run["work_bound_usd"].as_f64(),
            "{policy}"
        );
    }
    let csv = folder.stdout("simulate day --seeds 2 --format csv");
    let columns: BTreeSet<&str> = csv.lines().next().unwrap_or_default().split(',').collect();
    let fields: BTreeSet<&str> = runs[0]
        .as_object()
        .expect("a run")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(columns, fields);
    assert_eq!(csv.lines().count(), 1 + runs.len());
}

#[test]
fn figures_have_no_negative_zeros() {
    let csv = Folder::new().stdout("simulate day --policy fixed-max --format csv");
    assert!(
        csv.lines()
            .nth(1)
            .is_some_and(|run| !run.split(',').any(|figure| figure.starts_with('-'))),
        "{csv}"
    );
}

#[test]
fn the_same_command_prints_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new();
    let words = "simulate day --seeds 3 --format json";
    let first = folder.stdout(words);
    assert_eq!(folder.stdout(words), first);
    let alone = folder
        .command(words)
        .env("RAYON_NUM_THREADS", "1")
        .output()
        .expect("starts");
    assert_eq!(String::from_utf8(alone.stdout).expect("UTF-8"), first);
}

#[test]
fn a_series_is_written_for_every_run() {
    let folder = Folder::new();
    folder.stdout("simulate day --policy mine.yaml --policy fixed-max --series testbed.csv");
    let testbed = folder.read("testbed.csv");
    assert!(
        testbed.starts_with("trace,policy,seed,at,instances_requested,instances_running,"),
        "{testbed}"
    );
    for run in [
        "day,mine,1,2026-03-02T00:00:00Z,",
        "day,fixed-max,1,2026-03-02T00:00:00Z,",
    ] {
        assert!(testbed.contains(run), "{run} in {testbed}");
    }
}

#[test]
fn a_recording_without_turnover_is_tried_with_a_band_of_container_lifetimes() {
    let folder = Folder::new();
    let mut trace =
        "{\"headroom_trace\":1,\"kind\":\"observations\",\"start\":\"2026-03-02T08:00:00Z\"}\n"
            .to_owned();
    for (minute, pending_mib) in [(0, 0), (1, 8_192), (2, 4_096), (3, 0)] {
        let at = format!("2026-03-02T08:{minute:02}:00Z");
        trace += &format!(
            "{{\"observation\":{{\"at\":\"{at}\",\"yarn\":{{\"value\":{{\"memory_total_mib\":24576,\"memory_available_mib\":8192,\
             \"memory_allocated_mib\":16384,\"memory_pending_mib\":{pending_mib},\"vcores_total\":8,\"vcores_available\":4,\"vcores_allocated\":4,\
             \"vcores_pending\":2,\"containers_allocated\":4,\"containers_pending\":2,\"apps_running\":1,\"apps_pending\":0,\
             \"nodes\":{{\"active\":2}}}},\"measured_at\":\"{at}\"}},\"cluster\":{{\"value\":{{\"state\":\"RUNNING\",\"groups\":[]}},\
             \"measured_at\":\"{at}\"}}}}}}\n"
        );
    }
    folder.write("june.jsonl", trace);
    let answer = folder.run("simulate june.jsonl --scenario small.yaml --policy fixed-max");
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    assert!(
        answer
            .stderr
            .contains("how long they live is unknown; tried with 20s, 2m, 15m"),
        "{}",
        answer.stderr
    );
    assert!(
        answer
            .stdout
            .contains("june (containers of 15m): recorded trace."),
        "{}",
        answer.stdout
    );
}

#[test]
fn check_counts_what_it_finds_and_runs_the_tests_beside_a_policy() {
    let folder = Folder::new();
    assert_eq!(folder.stdout("check mine.yaml"), "0 errors, 0 warnings\n");
    folder.write(
        "never.yaml",
        POLICY.replace("percent < 20", "percent < 200"),
    );
    let warned = folder.run("check never.yaml");
    assert_eq!(
        (warned.code, warned.stdout.as_str()),
        (Some(0), "0 errors, 2 warnings\n")
    );
    assert!(
        warned.stderr.starts_with("warning: ") && warned.stderr.contains("--> never.yaml:6:"),
        "{}",
        warned.stderr
    );
    assert_eq!(folder.run("check never.yaml --strict").code, Some(1));
}

#[test]
fn check_warns_of_a_window_whose_dates_are_over_today() {
    let folder = Folder::new();
    let policy = "name: p\ntargets:\n  - group: { role: task }\n    limits: { min: 0, max: 9 }\n    schedule:\n      \
                  - { name: holidays, dates: [YEAR-12-24..YEAR-12-26], freeze: in }\n";
    for (year, counted) in [("2020", "1 warning"), ("2999", "0 warnings")] {
        folder.write("dated.yaml", policy.replace("YEAR", year));
        let answer = folder.run("check dated.yaml");
        assert_eq!(answer.stdout, format!("0 errors, {counted}\n"));
        assert_eq!(
            answer
                .stderr
                .contains("closed for the last time at 2020-12-27 00:00"),
            year == "2020",
            "{}",
            answer.stderr
        );
    }
}

/// Clusters on which a decision would be wrong that looked right at first: restarted services, dead
/// nodes, limits, slow metrics. docs/faults.md lists them.
#[test]
fn the_cases_of_known_faults_are_decided_rightly() {
    let mut cases = 0;
    for entry in std::fs::read_dir(repository("tests/cases")).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path
            .to_str()
            .is_some_and(|path| path.ends_with(".test.yaml"))
        {
            let said = Folder::new().stdout(&format!("check {}", path.display()));
            assert!(said.contains("passed"), "{said}");
            cases += 1;
        }
    }
    assert_eq!(cases, 13);
}

#[test]
fn every_shipped_policy_passes_its_tests() {
    let files = std::fs::read_dir(repository("policies"))
        .expect("a folder")
        .map(|file| file.expect("readable").path().display().to_string());
    let policies: Vec<String> = files
        .filter(|file| file.ends_with(".yaml") && !file.ends_with(".test.yaml"))
        .collect();
    assert!(policies.len() >= 8, "{policies:?}");
    for policy in policies {
        let said = Folder::new().stdout(&format!("check {policy}"));
        assert!(said.ends_with(" passed\n"), "{policy}: {said}");
    }
}

#[test]
fn every_baseline_is_listed_and_is_a_policy_that_passes() {
    let folder = Folder::new();
    let list = folder.stdout("baselines");
    let names: Vec<&str> = list
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    for name in BASELINES {
        assert!(names.contains(&name), "{name} in {list}");
        folder.write(
            "shown.yaml",
            folder.stdout(&format!("baselines show {name}")),
        );
        assert!(
            folder.stdout("check shown.yaml").starts_with("0 errors"),
            "{name}"
        );
    }
}

#[test]
fn the_schema_is_the_one_in_the_repository() {
    let shipped = std::fs::read_to_string(repository("schema/policy.schema.json")).expect("reads");
    assert_eq!(json(&Folder::new().stdout("schema")), json(&shipped));
}

#[test]
fn every_import_makes_a_trace_that_can_be_simulated() {
    let folder = Folder::new();
    folder.write(
        "w.csv",
        "job,submit_s,stage,after,tasks,task_s,memory_mib,vcores\na,0,0,,4,60,4096,1\n",
    );
    folder.write("w.tsv", "a\t0\t0\t100\t536870912\t300\n");
    let fixture = |name: &str| repository(&format!("tests/fixtures/traces/{name}"));
    for (import, summary) in [
        ("csv w.csv".to_owned(), "1 job, 4 tasks, 0.07 core-hours"),
        ("swim w.tsv".to_owned(), "1 job, 2 tasks, 0.02 core-hours"),
        (
            format!("rumen {}", fixture("rumen.json")),
            "2 jobs, 5 tasks, ",
        ),
        (format!("rumen {}", fixture("sls.json")), " jobs, "),
        (
            format!("jhist {}", fixture("mapreduce")),
            "3 jobs, 17 tasks, ",
        ),
        (
            format!("history-server {}", fixture("spark-rest")),
            "1 job, 45 tasks, ",
        ),
        (
            format!("yarn-apps {}", fixture("../yarn/apps-finished.json")),
            "2 jobs, ",
        ),
        (
            format!("spark {}", fixture("spark/words.snappy")),
            "1 job, 15 tasks, ",
        ),
        (
            format!("spark {}", fixture("spark-eventlog.json")),
            "1 job, ",
        ),
    ] {
        let answer = folder.run(&format!("import {import} --out made.trace.zst"));
        assert_eq!(
            (answer.code, answer.stdout.as_str()),
            (Some(0), ""),
            "{import}: {}",
            answer.stderr
        );
        assert!(
            answer.stderr.starts_with("made.trace.zst: ") && answer.stderr.contains(summary),
            "{import}: {}",
            answer.stderr
        );
        assert!(
            folder
                .stdout("trace info made.trace.zst")
                .starts_with("made.trace.zst\n  kind          jobs, recorded\n"),
            "{import}"
        );
        assert!(
            folder
                .stdout("simulate made.trace.zst --policy fixed-max")
                .starts_with("made: recorded trace."),
            "{import}"
        );
    }
}

#[test]
fn generate_makes_the_same_trace_again_and_another_one_of_another_seed() {
    let folder = Folder::new();
    let made = |words: &str| {
        let answer = folder.run(&format!(
            "generate short-containers --days 0.05 --out made.trace.zst {words}"
        ));
        assert_eq!(
            (answer.code, answer.stdout.as_str()),
            (Some(0), ""),
            "{}",
            answer.stderr
        );
        (
            answer.stderr,
            std::fs::read(folder.path("made.trace.zst")).expect("reads"),
        )
    };
    let (summary, trace) = made("");
    assert!(
        summary.starts_with("made.trace.zst: ") && summary.ends_with(" (synthetic, seed 1)\n"),
        "{summary}"
    );
    assert_eq!(made("").1, trace);
    assert_ne!(made("--seed 2").1, trace);
}
