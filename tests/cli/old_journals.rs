//! Journals that an earlier version wrote are still read. `before-renames` has two segments of
//! headroom 0.1.0: the first ends with a resize in flight, the second begins with the engine's state
//! under an edited policy.

use super::Folder;

const JOURNAL: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/fixtures/journals/before-renames"
);

#[test]
fn a_journal_of_an_earlier_version_is_verified_and_explained() {
    let folder = Folder::new();
    let verified = folder.stdout(&format!("simulate --verify {JOURNAL}"));
    assert!(verified.contains("33 made again, 0 differ"), "{verified}");
    let explained = folder.stdout(&format!("explain {JOURNAL}"));
    assert!(explained.contains("rule many"), "{explained}");
    let at = "--at 2026-03-02T00:17:30Z --format json";
    let moment = folder.stdout(&format!("explain {JOURNAL} {at}"));
    assert!(moment.contains("\"firing\""), "{moment}");
}

/// The engine continues from the old state: the resize that it names is still in flight.
#[cfg(feature = "daemon")]
#[test]
fn a_daemon_restarts_from_a_journal_of_an_earlier_version() {
    use headroom::daemon::journal::{Journal, Settings};
    use headroom::trace::journal::{TraceReader, segments};
    use headroom::trace::{Record, Start};

    let folder = tempfile::tempdir().expect("a folder");
    let mut last_start: Option<Start> = None;
    for segment in segments(std::path::Path::new(JOURNAL)).expect("is listed") {
        let name = segment.path.file_name().expect("a file");
        std::fs::copy(&segment.path, folder.path().join(name)).expect("copies");
        for record in TraceReader::open(&segment.path).expect("opens") {
            if let Record::Start(start) = record.expect("is read") {
                last_start = Some(*start);
            }
        }
    }
    let start = last_start.expect("a start");
    let state = serde_json::to_value(&start.state).expect("is written");
    let target = &state["targets"][0];
    assert_eq!(target["resizes"]["sent"]["to"], 12, "{state:#}");
    assert_eq!(target["resizes"]["overtaken_rules"], serde_json::json!([0]));
    assert_eq!(target["rules"][0][0], "backlog");
    let (_, engine) =
        Journal::open(folder.path(), Settings::default(), start).expect("is restored");
    let state = serde_json::to_value(engine.state()).expect("is written");
    assert_eq!(
        state["targets"][0]["rules"][0][0], "backlog",
        "the engine goes on from that state, not from an empty one"
    );
}

/// Decisions say why nothing is done in the words of the version that made them.
#[test]
fn reasons_in_the_words_of_earlier_versions_are_read() {
    use headroom::decision::HoldReason;

    for (old, new) in [
        (
            r#"{"reason":"no_rule_ready"}"#,
            r#"{"reason":"no_rule_firing"}"#,
        ),
        (
            r#"{"reason":"call_refused","rejection":"throttled","until":"2026-03-02T08:00:30Z"}"#,
            r#"{"reason":"call_rejected","rejection":"throttled","until":"2026-03-02T08:00:30Z"}"#,
        ),
        (
            r#"{"reason":"nodes_not_listed","missing":2,"running":6,"until":"2026-03-02T08:10:00Z"}"#,
            r#"{"reason":"nodes_not_listed","not_listed":2,"running":6,"until":"2026-03-02T08:10:00Z"}"#,
        ),
    ] {
        let read = |text| serde_json::from_str::<HoldReason>(text).expect(text);
        assert_eq!(read(old), read(new));
        assert_eq!(serde_json::to_string(&read(old)).expect("is written"), new);
    }
}
