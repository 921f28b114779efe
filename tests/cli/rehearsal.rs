//! `headroom rehearse`: the daemon at work, in two seconds.

use super::{Folder, repository};

#[test]
fn a_rehearsal_says_where_to_look_what_happens_and_how_it_went() {
    let folder = Folder::new();
    folder.write_utf_16(
        "eager.yaml",
        "name: eager\ntargets:\n  - group: { role: task }\n    limits: { min: 0, max: 3 }\n    rules:\n      \
         - { name: waiting, when: yarn_containers_pending > 0, for: 1m, then: { set: max } }\n",
    );
    let told = folder.stdout(
        "rehearse day --policy eager.yaml --speed 1000 --for 30m --listen 127.0.0.1:0 --keep kept",
    );
    for expected in [
        "Rehearsing day with the policy eager.\n",
        "  status page  http://127.0.0.1:",
        "  task: scale out from 0 to 3\n          waiting: yarn_containers_pending > 0 for 1m (it is ",
        "  task: 3 nodes joined, 3 running\n",
        // A busy machine stops a little later: a tenth of a second is nearly two minutes here.
        "\nTime is up after 3",
        "\n  so far ",
        "\n  headroom explain kept/journal",
    ] {
        assert!(told.contains(expected), "{expected:?} is missing:\n{told}");
    }
    for line in told.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(folder.read("kept/log").contains("grow 0 -> 3"));
    assert!(
        folder
            .content()
            .keys()
            .any(|path| path.starts_with(folder.path("kept/journal")) && path.is_file())
    );
}

#[test]
fn a_baseline_scales_the_group_of_the_scenario_within_its_limits() {
    let folder = Folder::new();
    folder
        .stdout("rehearse day --policy hpa --speed 1000 --for 1m --listen 127.0.0.1:0 --keep kept");
    let policy = folder.read("kept/policy.yaml");
    assert!(
        policy.contains("group: { id: ig-task }") && policy.contains("limits: { min: 0, max: 4 }"),
        "{policy}"
    );
}

#[test]
fn a_rehearsal_that_cannot_be_is_refused_and_leaves_nothing() {
    let folder = Folder::new();
    let office_day = repository("simulations/office-day");
    for (words, problem) in [
        ("rehearse nothing", "error: nothing cannot be read"),
        (
            "rehearse day --policy hpaa",
            "error: --policy hpaa: there is neither a file nor a baseline of this name",
        ),
        (
            "rehearse day --keep day",
            "error: day is not empty; name an empty or a new folder",
        ),
        ("rehearse day --policy jobs.jsonl", "error"),
        (
            &format!("rehearse {office_day} --listen 192.0.2.1:80"),
            "error: cannot listen on 192.0.2.1:80; choose another address with --listen",
        ),
    ] {
        let before = folder.content();
        let answer = folder.run(words);
        assert_eq!(
            (answer.code, answer.stdout.as_str()),
            (Some(1), ""),
            "{words}\n{answer:?}"
        );
        assert!(
            answer.stderr.starts_with(problem),
            "{words}\n{}",
            answer.stderr
        );
        assert_eq!(folder.content(), before, "{words}");
    }
}
