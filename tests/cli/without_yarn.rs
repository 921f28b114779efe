//! Policies with `uses_yarn: false` on the command line.

use super::Folder;

const TRINO: &str = include_str!("../../policies/trino.yaml");
const STEPS: &str = "\
name: steps
uses_yarn: false
targets:
  - group: { role: task }
    limits: { min: 1, max: 4 }
    rules: [{ name: quiet, when: emr_instances_running > 2, for: 10m, then: { shrink: 1 }, cooldown: 5m }]
";

#[test]
fn check_states_what_is_not_known_and_does_not_fail_for_it() {
    let folder = Folder::new();
    folder.write("trino.yaml", TRINO);
    let said = folder.run("check --strict trino.yaml");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(said.stdout, "0 errors, 0 warnings\n");
    assert!(
        said.stderr
            .starts_with("note: without YARN, Headroom does not know which instances are busy")
            && said.stderr.contains("trino.yaml:10:12")
            && said.stderr.contains("docs/without-yarn.md"),
        "{}",
        said.stderr
    );
}

#[test]
fn what_has_no_metrics_is_refused_with_another_way_to_try_the_policy() {
    let folder = Folder::new();
    folder.write("trino.yaml", TRINO);
    for command in [
        "simulate jobs.jsonl --scenario small.yaml --policy trino.yaml",
        "compare jobs.jsonl --scenario small.yaml --policy trino.yaml",
        "tune jobs.jsonl --scenario small.yaml --policy trino.yaml",
    ] {
        let said = folder.run(command);
        assert_ne!(said.code, Some(0), "{command}: {said:?}");
        assert!(
            said.stderr
                .contains("`queued_queries`, which is not simulated")
                && said.stderr.contains("headroom run --dry-run"),
            "{command}: {}",
            said.stderr
        );
    }
}

#[test]
fn a_policy_that_reads_neither_yarn_nor_metrics_is_simulated() {
    let folder = Folder::new();
    folder.write("steps.yaml", STEPS);
    let said = folder.stdout("simulate jobs.jsonl --scenario small.yaml --policy steps.yaml");
    assert!(said.contains("steps"), "{said}");
}
