use std::io::Cursor;

use super::*;
use crate::decision::{Action, Outcome, Rejection};
use crate::engine::testing::{Scene, core_group, task_group};
use crate::trace::{PolicySource, SavedState};
use crate::units::Instances;

const HEADER: &str = r#"{"headroom_trace":1,"kind":"observations","start":"1970-01-01T00:00:00Z"}"#;
const POLICY: &str = "
name: p
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    rules: [{ name: short, when: yarn_memory_available_percent < 15, then: { grow: 5 }, cooldown: 2m }]
";

fn start(state: Option<SavedState>) -> Record {
    let policy = PolicySource {
        file: "p.yaml".into(),
        text: POLICY.into(),
    };
    let (at, headroom, cluster) = (Timestamp::EPOCH, "1".into(), "j-1".into());
    Record::Start(Box::new(Start {
        at,
        headroom,
        cluster,
        dry_run: false,
        policy,
        state,
    }))
}

/// Three ticks, of which the first one grows; a new segment, as a rotation begins it; three more
/// ticks.
fn journal() -> Vec<Record> {
    let mut engine = begin(
        None,
        &match start(None) {
            Record::Start(start) => *start,
            _ => unreachable!("a start"),
        },
    )
    .expect("a policy");
    let mut scene = Scene {
        available_percent: Some(10.0),
        ..Scene::new(vec![core_group(2), task_group(6)])
    };
    let mut records = vec![start(None)];
    for poll in 0..6 {
        if poll == 3 {
            records.push(start(Some(SavedState::Known(Box::new(engine.state())))));
        }
        scene.at = Timestamp::from_millis(30_000 * poll);
        let observation = scene.observation();
        let decision = engine.step(&observation).remove(0);
        records.extend([
            Record::Observation(Box::new(observation)),
            Record::Decision(Box::new(decision.clone())),
        ]);
        if let (Action::Resize(resize), Some(group)) = (decision.action, decision.group) {
            engine.note(&group, Outcome::Accepted);
            records.push(Record::Outcome(OutcomeRecord {
                at: scene.at,
                group,
                outcome: Outcome::Accepted,
            }));
            scene.groups[1].requested = resize.to;
        }
    }
    records
}

fn verified(records: &[Record]) -> Result<Verification, VerifyError> {
    let lines: Vec<String> = records
        .iter()
        .map(|record| serde_json::to_string(record).expect("is written"))
        .collect();
    let text = format!("{HEADER}\n{}\n", lines.join("\n"));
    verify(
        &mut TraceReader::from_reader("j", Cursor::new(text)).expect("opens"),
        || (),
    )
}

fn decision(record: &mut Record) -> &mut Decision {
    match record {
        Record::Decision(decision) => decision,
        other => panic!("a decision, not {other:?}"),
    }
}

fn refuse(record: &mut Record) {
    match record {
        Record::Outcome(answer) => answer.outcome = Outcome::Rejected(Rejection::Throttled),
        other => panic!("an outcome, not {other:?}"),
    }
}

#[test]
fn a_journal_as_it_was_written_is_reproduced() {
    let found = verified(&journal()).expect("verifies");
    assert_eq!(
        (found.records, found.observations, found.decisions),
        (15, 6, 6)
    );
    assert_eq!(
        (found.differing, found.unchecked, found.ends_within_a_tick),
        (0, 0, false)
    );
    assert_eq!(
        found.span,
        Some((Timestamp::EPOCH, Timestamp::from_millis(150_000)))
    );
}

/// The fields in which a decision differs from one about another observation.
const FIELDS_OF_ANOTHER_TICK: &[&str] = &[
    "action",
    "at",
    "group",
    "readings",
    "requested",
    "rules",
    "running",
    "target",
];

#[test]
fn every_change_by_hand_is_found_at_its_line() {
    type Change = fn(&mut Vec<Record>);
    let changes: [(&str, Change, u64, &[&str]); 5] = [
        (
            "a decision",
            |records| decision(&mut records[2]).requested = Instances(7),
            4,
            &["requested"],
        ),
        (
            "a reading",
            |records| decision(&mut records[2]).readings[0].value += 1e-9,
            4,
            &["readings"],
        ),
        (
            "an observation",
            |records| drop(records.remove(1)),
            3,
            FIELDS_OF_ANOTHER_TICK,
        ),
        (
            "a decision that is gone",
            |records| drop(records.remove(5)),
            6,
            FIELDS_OF_ANOTHER_TICK,
        ),
        (
            "an outcome",
            |records| refuse(&mut records[3]),
            7,
            &["action"],
        ),
    ];
    for (what, change, line, fields) in changes {
        let mut records = journal();
        change(&mut records);
        let found = verified(&records).expect("verifies");
        let first = found
            .differences
            .first()
            .unwrap_or_else(|| panic!("{what} goes unnoticed"));
        assert_eq!(
            (
                first.line,
                first
                    .fields()
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
            ),
            (line, fields.to_vec()),
            "{what}: {first:?}"
        );
    }
}

#[test]
fn the_state_of_a_segment_counts_and_one_that_is_not_known_leaves_its_decisions_unchecked() {
    let mut records = journal();
    let mut other = begin(
        None,
        &match &records[0] {
            Record::Start(start) => (**start).clone(),
            _ => unreachable!("a start"),
        },
    )
    .expect("a policy");
    other.step(&Scene::new(vec![core_group(2), task_group(3)]).observation());
    records[8] = start(Some(SavedState::Known(Box::new(other.state()))));
    assert!(
        verified(&records).expect("verifies").differing > 0,
        "a state in which the group had another size"
    );
    records[8] = start(Some(SavedState::Foreign(serde_json::json!({"engine": 9}))));
    let found = verified(&records).expect("verifies");
    assert_eq!(
        (found.decisions, found.differing, found.unchecked),
        (3, 0, 3)
    );
    assert!(
        matches!(
            found.without_engine[..],
            [(_, 10, StartError::Foreign { .. })]
        ),
        "{:?}",
        found.without_engine
    );
}

#[test]
fn a_tick_that_is_being_written_is_no_difference_and_a_trace_without_start_is_refused() {
    let mut records = journal();
    records.pop();
    let found = verified(&records).expect("verifies");
    assert_eq!((found.differing, found.ends_within_a_tick), (0, true));
    assert!(matches!(
        verified(&records[1..]),
        Err(VerifyError::NoStart { line: 2, .. })
    ));
}
