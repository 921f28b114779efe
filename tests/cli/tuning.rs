//! `headroom tune` and `headroom advise`.

use super::Folder;

/// Three days of the fixture's jobs, so that a day can be left out.
fn three_days(folder: &Folder) {
    let mut trace = r#"{"headroom_trace":1,"kind":"jobs","start":"2026-03-02T00:00:00Z","source":"a fixture","synthetic":true}"#.to_owned();
    for day in 0..3 {
        for (id, hour, tasks, seconds) in [
            ("etl", 1, 12, 600),
            ("report", 9, 20, 300),
            ("late", 20, 9, 900),
        ] {
            let submit_s = day * 86_400 + hour * 3_600;
            trace += &format!(
                "\n{{\"job\":{{\"id\":\"{id}-{day}\",\"submit_s\":{submit_s},\"stages\":[{{\"memory_mib\":4096,\"vcores\":1,\"tasks\":[[{tasks},{seconds}]]}}]}}}}"
            );
        }
    }
    folder.write("days.jsonl", trace + "\n");
}

#[test]
fn a_search_shows_the_frontier_and_writes_the_best_policy() {
    let folder = Folder::new();
    three_days(&folder);
    folder.write(
        "mine.yaml",
        format!("# Keep this remark.\n{}", super::POLICY),
    );
    let words = "tune days.jsonl --policy mine.yaml --scenario small.yaml --candidates 60 --wait-p95 10m --out best.yaml --svg picture.svg";
    let answer = folder.run(words);
    assert_eq!(answer.code, Some(0), "{}", answer.stdout);
    let warning = "warning: this is shorter than the 30s between two samples\n --> best.yaml:";
    assert!(
        answer.stderr.starts_with(warning),
        "what `headroom check` says of the best: {}",
        answer.stderr
    );
    insta::assert_snapshot!(answer.stdout);
    let best = folder.read("best.yaml");
    assert!(
        best.starts_with("# Values found by a search")
            && best.contains("\n# Keep this remark.\nname: mine\n"),
        "{best}"
    );
    assert_eq!(folder.run("check best.yaml").code, Some(0));
    assert!(folder.read("picture.svg").starts_with("<svg "));
    assert_eq!(
        answer
            .stdout
            .lines()
            .map(|line| line.chars().count())
            .max()
            .map(|width| width <= 80),
        Some(true)
    );
}

#[test]
fn a_search_gives_the_same_bytes_on_any_number_of_threads() {
    let folder = Folder::new();
    three_days(&folder);
    let words = "tune days.jsonl --policy mine.yaml --scenario small.yaml --candidates 40 --vary rules.short.for=30s..10m \
                 --vary rules.idle.threshold=50..95 --json";
    let first = folder.stdout(words);
    for threads in ["1", "2", "5"] {
        let other = folder
            .command(words)
            .env("RAYON_NUM_THREADS", threads)
            .output()
            .expect("starts");
        assert_eq!(
            String::from_utf8(other.stdout).expect("UTF-8"),
            first,
            "{threads} threads"
        );
    }
    let document: serde_json::Value = serde_json::from_str(&first).expect("JSON");
    assert_eq!(document["candidates"].as_array().map(Vec::len), Some(41));
    assert_eq!(document["on_unseen_days"]["folds"], 3);
}

#[test]
fn what_cannot_be_searched_is_refused_before_the_search() {
    let folder = Folder::new();
    for (vary, told) in [
        (
            "rules.shrt.for=1m..5m",
            "error: --vary rules.shrt.for=1m..5m: the policy has no `rules.shrt.for`; did you mean `rules.short.for`?\n",
        ),
        (
            "rules.short.for=5m..1m",
            "error: --vary rules.short.for=5m..1m: rules.short.for: `5m` is above `1m`; write the smaller value first\n",
        ),
        (
            "rules.short.then.grow=0..4",
            "rules.short.then.grow = 0 makes no policy; change its range (`0` changes nothing)",
        ),
    ] {
        let answer = folder.run(&format!("tune day --policy mine.yaml --vary {vary}"));
        assert_eq!(answer.code, Some(1), "{vary}");
        assert!(
            answer.stderr.contains(told) || answer.stderr.contains("`0` changes nothing"),
            "{vary}: {}",
            answer.stderr
        );
    }
}

#[test]
fn one_day_says_that_nothing_can_be_told_of_others() {
    let answer = Folder::new().stdout("tune day --policy mine.yaml --candidates 10");
    assert!(answer.contains("The trace has one day only"), "{answer}");
}

#[test]
fn advice_fits_one_screen_and_its_policy_can_be_deployed() {
    let folder = Folder::new();
    three_days(&folder);
    let words =
        "advise days.jsonl --scenario small.yaml --candidates 20 --wait-p95 10m --out policy.yaml";
    let answer = folder.run(words);
    assert_eq!(
        (answer.code, answer.stderr.as_str()),
        (Some(0), ""),
        "{}",
        answer.stdout
    );
    insta::assert_snapshot!(answer.stdout);
    assert!(answer.stdout.lines().count() <= 24, "{}", answer.stdout);
    assert_eq!(
        folder.run("check policy.yaml").code,
        Some(0),
        "{}",
        folder.read("policy.yaml")
    );
}

#[test]
fn advice_is_for_one_cluster() {
    let folder = Folder::new();
    three_days(&folder);
    // The one has up to 4 task nodes, the other runs on the default cluster, with up to 20.
    let answer = folder.run("advise day days.jsonl");
    assert_eq!(answer.code, Some(1), "{}", answer.stdout);
    assert!(
        answer.stderr.contains("are of clusters with other limits"),
        "{}",
        answer.stderr
    );
}

#[test]
fn advice_on_a_goal_that_nothing_keeps_names_what_is_nearly_as_good() {
    let folder = Folder::new();
    three_days(&folder);
    let answer = folder
        .stdout("advise days.jsonl --scenario small.yaml --candidates 8 --seeds 1 --wait-p95 1s");
    let words: Vec<&str> = answer.split_whitespace().collect();
    let answer = words.join(" ");
    assert!(
        answer.contains(
            "No policy keeps it; fixed-3 waits least: 23.97 USD a day with a p95 wait of 5m 00s."
        ),
        "{answer}"
    );
    assert!(
        answer.contains(" set-point, tuned waits little longer, 6m 00s, for 6.65 USD a day."),
        "{answer}"
    );
}
