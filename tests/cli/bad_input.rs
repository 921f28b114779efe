//! Whatever is wrong, the answer is one story with its place and a remedy, exit code 1, and nothing
//! is left half-written.

use std::fs;

use super::{Folder, JOBS, POLICY, SCENARIO};

/// The files that are wrong, each in its own way.
fn folder_of_bad_files() -> Folder {
    let folder = Folder::new();
    fs::create_dir(folder.path("empty-folder")).expect("a folder");
    folder.stdout("generate office-day --out day.trace.zst");
    let whole = fs::read(folder.path("day.trace.zst")).expect("reads");
    let header = JOBS.lines().next().expect("a header");
    for (name, content) in [
        ("empty", String::new()),
        ("negative.jsonl", JOBS.replace("[12,600]", "[12,-600]")),
        ("large.jsonl", JOBS.replace("8192", "999999")),
        ("no-jobs.jsonl", format!("{header}\n")),
        ("not-a-trace", "what is this\n".to_owned()),
        (
            "unknown-type.yaml",
            SCENARIO.replacen("m5.xlarge", "m5.xlrge", 1),
        ),
        ("unknown-field.yaml", format!("{SCENARIO}pol: 30s\n")),
        ("negative.yaml", format!("{SCENARIO}poll: -30s\n")),
        ("no-prices.yaml", format!("{SCENARIO}prices: nowhere.csv\n")),
        (
            "no-limits.yaml",
            SCENARIO.replace(", limits: { min: 0, max: 4 }", ""),
        ),
        (
            "swapped.yaml",
            SCENARIO.replace("min: 0, max: 4", "min: 4, max: 0"),
        ),
        (
            "two-tasks.yaml",
            format!(
                "{SCENARIO}    - {{ name: spot, role: task, type: m5.xlarge, market: spot, count: 0 }}\n"
            ),
        ),
        (
            "wrong.yaml",
            POLICY
                .replace("available", "avaliable")
                .replace("max: 4", "max: four"),
        ),
        (
            "no-tests.test.yaml",
            "policy: nowhere.yaml\ntests: []\n".to_owned(),
        ),
        (
            "jobs.csv",
            "job,submit_s,stage,after,tasks,task_s,memory_mib,vcores\na,0,0,,4,-60,4096,1\n"
                .to_owned(),
        ),
        (
            "jobs.tsv",
            "a\t0\t0\t100\t200\t300\nb\t5\t5\tmany\t200\t300\n".to_owned(),
        ),
        ("late.tsv", "a\t90000\t0\t100\t200\t300\n".to_owned()),
        ("precious", "what was there before".to_owned()),
    ] {
        folder.write(name, content);
    }
    folder.write("truncated.trace.zst", &whole[..whole.len() / 2]);
    folder
}

/// What is said of each command, which must refuse it and leave the folder as it was.
fn refusals(folder: &Folder, code: i32, commands: &[&str]) -> String {
    let before = folder.content();
    let mut story = String::new();
    for words in commands {
        let answer = folder.run(words);
        assert_eq!(
            answer.code,
            Some(code),
            "headroom {words}\n{}",
            answer.stderr
        );
        assert!(
            !answer.stderr.contains("panicked"),
            "headroom {words}\n{}",
            answer.stderr
        );
        assert!(
            !answer.stderr.contains(".tmp"),
            "a temporary name tells nobody anything: {}",
            answer.stderr
        );
        assert!(
            folder.content() == before,
            "headroom {words} changed the folder"
        );
        story += &format!("$ headroom {words}\n{}{}\n", answer.stderr, answer.stdout);
    }
    story
}

#[test]
fn a_trace_that_cannot_be_simulated_is_refused_with_its_place() {
    insta::assert_snapshot!(refusals(
        &folder_of_bad_files(),
        1,
        &[
            "simulate missing.jsonl",
            "simulate empty",
            "simulate not-a-trace",
            "simulate truncated.trace.zst",
            "simulate negative.jsonl",
            "simulate large.jsonl --scenario small.yaml",
            "simulate no-jobs.jsonl --scenario small.yaml",
            "simulate empty-folder",
            "trace info truncated.trace.zst",
            "trace info day",
        ]
    ));
}

#[test]
fn a_scenario_that_cannot_be_is_shown_where_it_is_wrong() {
    insta::assert_snapshot!(refusals(
        &folder_of_bad_files(),
        1,
        &[
            "simulate jobs.jsonl --scenario missing.yaml",
            "simulate jobs.jsonl --scenario empty",
            "simulate jobs.jsonl --scenario unknown-type.yaml",
            "simulate jobs.jsonl --scenario unknown-field.yaml",
            "simulate jobs.jsonl --scenario negative.yaml",
            "simulate jobs.jsonl --scenario swapped.yaml",
            "simulate jobs.jsonl --scenario no-prices.yaml",
            "simulate jobs.jsonl --scenario no-limits.yaml",
        ]
    ));
}

#[test]
fn a_policy_that_is_wrong_or_does_not_fit_is_refused() {
    insta::assert_snapshot!(refusals(
        &folder_of_bad_files(),
        1,
        &[
            "simulate day --policy fixed-mx",
            "simulate day --policy missing.yaml",
            "simulate day --policy empty-folder",
            "simulate day --policy wrong.yaml",
            "simulate jobs.jsonl --scenario two-tasks.yaml --policy mine.yaml",
            "check wrong.yaml mine.yaml",
            "check missing.yaml",
            "check empty",
            "check no-tests.test.yaml",
            "baselines show fixed-mx",
            "baselines show something-else",
        ]
    ));
}

#[test]
fn an_import_that_fails_leaves_the_old_file() {
    insta::assert_snapshot!(refusals(
        &folder_of_bad_files(),
        1,
        &[
            "import csv jobs.csv --out precious",
            "import csv missing.csv --out precious",
            "import csv empty --out precious",
            "import swim jobs.tsv --out precious",
            "import swim late.tsv --out precious",
            "import swim late.tsv --out precious --split-mib 0",
            "import rumen jobs.csv --out precious",
            "import spark jobs.csv --out precious",
            "import spark truncated.trace.zst --out precious",
            "import spark empty-folder --out precious",
        ]
    ));
}

#[test]
fn an_output_that_cannot_be_written_is_refused_before_the_work() {
    insta::assert_snapshot!(refusals(
        &folder_of_bad_files(),
        1,
        &[
            "generate office-day --out empty-folder",
            "generate office-day --out missing/day.zst",
            "generate office-day --out precious/day.zst",
            "generate office-day --out precious --days 0",
            "generate office-day --out precious --days 1e9",
            "generate office-day --out precious --rate nan",
            "import csv missing.csv --out empty-folder",
            "simulate missing.jsonl --series empty-folder",
            "simulate missing.jsonl --series missing/testbed.csv",
        ]
    ));
}

#[test]
fn wrong_usage_is_told_apart_by_its_exit_code() {
    insta::assert_snapshot!(refusals(
        &folder_of_bad_files(),
        2,
        &[
            "simulate",
            "simulate jobs.jsonl --seeds 0",
            "simulate jobs.jsonl --seeds 10001",
            "simulate jobs.jsonl --seed 18446744073709551615",
            "simulate jobs.jsonl --format xml",
            "simulte jobs.jsonl",
            "import csv jobs.csv",
            "import swim jobs.tsv --out precious --cut -1h",
            "import swim jobs.tsv --out precious --start noon",
            "generate office-dya --out precious",
            "check",
        ]
    ));
}
