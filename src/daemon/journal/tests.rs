//! A journal that is killed, filled up, rotated and taken up again.

mod upkeep;

use proptest::prelude::*;

use super::*;
use crate::decision::{Action, Decision, Outcome, Rejection};
use crate::engine::EngineState;
use crate::engine::testing::{Scene, core_group, task_group};
use crate::observation::{GroupState, MetricId, Sampled};
use crate::trace::journal::{TraceReader, segments};
use crate::trace::{OutcomeRecord, PolicySource};
use crate::units::Instances;

const POLICY: &str = "\
name: p
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    rules:
      - { name: short, when: 'yarn_memory_available_percent < 15', for: 30s, then: { grow: 5 } }
      - { name: idle, when: 'yarn_memory_available_percent > 75', for: 30s, then: { shrink: 3 }, cooldown: 1m }
";

fn start(at_s: i64, policy: &str) -> Start {
    Start {
        at: Timestamp::from_millis(at_s * 1_000),
        headroom: "1.0.0".into(),
        cluster: "j-TEST".into(),
        dry_run: false,
        policy: PolicySource {
            file: "p.yaml".into(),
            text: policy.into(),
        },
        state: None,
    }
}

/// A daemon's loop without its sources: a cluster by script, and answers by turn.
struct Rig {
    folder: PathBuf,
    journal: Journal,
    engine: Engine,
    scene: Scene,
    calls: usize,
    polls: i64,
    /// The engine's state with the length of the newest file, whenever all is durable.
    durable: Vec<(u64, EngineState)>,
}

const ANSWERS: [Option<Outcome>; 4] = [
    Some(Outcome::Accepted),
    None,
    Some(Outcome::Rejected(Rejection::Throttled)),
    Some(Outcome::NotSent),
];

impl Rig {
    fn open(folder: &Path, settings: Settings, start: Start) -> Self {
        let (journal, engine) = Journal::open(folder, settings, start).expect("opens");
        let scene = Scene::new(vec![core_group(1), task_group(6)]);
        let mut rig = Self {
            folder: folder.to_owned(),
            journal,
            engine,
            scene,
            calls: 0,
            polls: 0,
            durable: Vec::new(),
        };
        rig.remember();
        rig
    }

    fn new(folder: &Path) -> Self {
        Self::open(folder, Settings::default(), start(0, POLICY))
    }

    fn remember(&mut self) {
        let length = fs::metadata(self.journal.path()).expect("is there").len();
        self.durable.push((length, self.engine.state()));
    }

    fn observe(&mut self) -> Vec<Decision> {
        self.polls += 1;
        self.scene.at = Timestamp::from_millis(30_000 * self.polls);
        self.scene.available_percent =
            [Some(10.0), Some(80.0), None][(self.polls as usize / 3) % 3];
        let group = &mut self.scene.groups[1];
        if self.polls % 3 == 0 {
            (group.running, group.state) = (group.requested, GroupState::Running);
        }
        let observation = self.scene.observation();
        let decisions = self.engine.step(&observation);
        let records = std::iter::once(Record::Observation(Box::new(observation)));
        for record in records.chain(
            decisions
                .iter()
                .map(|decision| Record::Decision(Box::new(decision.clone()))),
        ) {
            self.journal.append(&record).expect("takes");
        }
        decisions
    }

    fn answer(&mut self, decisions: &[Decision]) {
        for decision in decisions {
            let (Action::Resize(resize), Some(group)) = (&decision.action, &decision.group) else {
                continue;
            };
            let answer = ANSWERS[self.calls % ANSWERS.len()];
            self.calls += 1;
            if !matches!(answer, Some(Outcome::Rejected(_) | Outcome::NotSent)) {
                let seen = &mut self.scene.groups[1];
                (seen.requested, seen.state) = (resize.to, GroupState::Resizing);
            }
            let Some(outcome) = answer else { continue };
            self.engine.note(group, outcome);
            self.journal
                .append(&Record::Outcome(OutcomeRecord {
                    at: decision.at,
                    group: group.clone(),
                    outcome,
                }))
                .expect("takes");
            self.journal.sync().expect("syncs");
            self.remember();
        }
    }

    fn tick(&mut self) {
        self.journal
            .prepare(self.scene.at, &self.engine)
            .expect("prepares");
        let decisions = self.observe();
        self.journal.sync().expect("syncs");
        self.remember();
        self.answer(&decisions);
    }

    fn ticks(&mut self, count: usize) -> &mut Self {
        (0..count).for_each(|_| self.tick());
        self
    }

    fn reopened(self, start: Start) -> Self {
        let (scene, calls, polls) = (self.scene, self.calls, self.polls);
        Self {
            scene,
            calls,
            polls,
            ..Self::open(&self.folder, self.journal.settings, start)
        }
    }
}

fn records(path: &Path) -> Vec<Record> {
    TraceReader::open(path)
        .expect("opens")
        .collect::<Result<_, _>>()
        .expect("reads")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn newest(folder: &Path) -> PathBuf {
    segments(folder)
        .expect("lists")
        .pop()
        .expect("a segment")
        .path
}

/// The engine's state at the last point that was durable in the first `length` bytes.
fn known_at(durable: &[(u64, EngineState)], length: u64) -> &EngineState {
    // A record that lacks nothing but its newline is there.
    &durable
        .iter()
        .rev()
        .find(|(end, _)| *end <= length + 1)
        .expect("the start")
        .1
}

#[test]
fn whatever_byte_the_writer_is_killed_at_the_engine_is_restored_as_of_the_last_whole_tick() {
    let folder = folder();
    let mut rig = Rig::new(folder.path());
    rig.ticks(9);
    assert_eq!(rig.calls, 2, "an answer and silence occur");
    let bytes = fs::read(rig.journal.path()).expect("reads");
    let (beginning, policy) = (rig.durable[0].0, rig.engine.policy().clone());
    let cut_folder = self::folder();
    let file = cut_folder
        .path()
        .join(rig.journal.path().file_name().expect("a name"));
    for length in (0..bytes.len() as u64).chain([bytes.len() as u64]) {
        fs::write(&file, &bytes[..length as usize]).expect("writes");
        let found = recover(cut_folder.path(), &policy).expect("recovers");
        if length < beginning {
            assert!(found.is_none(), "nothing was durable in {length} bytes");
            continue;
        }
        let found = found.expect("a segment");
        assert_eq!(
            &found.engine.state(),
            known_at(&rig.durable, length),
            "cut to {length} bytes"
        );
        assert!(found.whole_bytes <= length);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn a_journal_that_is_cut_and_taken_up_again_any_number_of_times_stays_whole(cuts in proptest::collection::vec((1_usize..9, 0.0..1.0_f64), 1..5)) {
        let folder = folder();
        let mut rig = Rig::new(folder.path());
        for (ticks, share) in cuts {
            let before = rig.durable.last().expect("the start").0;
            rig.ticks(ticks);
            let end = rig.durable.last().expect("the start").0;
            // What was durable before these ticks stays.
            let length = before + ((end - before) as f64 * share) as u64;
            let known = known_at(&rig.durable, length).clone();
            OpenOptions::new().write(true).open(rig.journal.path()).and_then(|file| file.set_len(length)).expect("cuts");
            rig = rig.reopened(start(0, POLICY));
            prop_assert_eq!(rig.engine.state(), known);
        }
        rig.ticks(2);
        let (records, path) = (records(folder.path()), rig.journal.path());
        let mut engine = Engine::new(rig.engine.policy().clone());
        let mut decided = Vec::new();
        for record in &records {
            decided.extend(crate::replay::fold::fold(&mut engine, record));
            if let Record::Decision(decision) = record {
                prop_assert_eq!(decided.pop(), Some((**decision).clone()), "{}", path.display());
            }
        }
        prop_assert_eq!(engine.state(), rig.engine.state());
    }
}

#[test]
fn a_restart_is_marked_and_another_policy_begins_a_segment_with_the_state_carried_over() {
    let folder = folder();
    let mut rig = Rig::new(folder.path());
    rig.ticks(2);
    assert_eq!(rig.calls, 1, "a resize is on its way");
    let first = rig.journal.path().to_owned();
    let known = rig.engine.state();
    let rig = rig.reopened(start(150, POLICY));
    assert_eq!(
        (rig.journal.path(), rig.engine.state()),
        (first.as_path(), known.clone())
    );
    assert_eq!(
        records(&first).last(),
        Some(&Record::Start(Box::new(start(150, POLICY))))
    );

    let edited = POLICY.replace("grow: 5", "grow: 4");
    let rig = rig.reopened(start(180, &edited));
    assert_ne!(rig.journal.path(), first);
    assert_eq!(
        rig.engine.state(),
        known,
        "everything in it belongs to groups and to unchanged conditions"
    );
    let state = Some(SavedState::Known(Box::new(known)));
    assert_eq!(
        records(rig.journal.path()),
        [Record::Start(Box::new(Start {
            state,
            ..start(180, &edited)
        }))]
    );

    let newer = Start {
        headroom: "1.0.1".into(),
        ..start(210, &edited)
    };
    let path = rig.journal.path().to_owned();
    assert_ne!(
        rig.reopened(newer).journal.path(),
        path,
        "each segment is of one version"
    );
}

#[test]
fn a_state_of_another_version_is_folded_from_the_records_that_follow_it() {
    let folder = folder();
    let mut rig = Rig::new(folder.path());
    rig.ticks(4);
    let rig = rig.reopened(start(150, &POLICY.replace("grow: 5", "grow: 4")));
    let path = rig.journal.path().to_owned();
    let text = fs::read_to_string(&path)
        .expect("reads")
        .replace("\"last_at\"", "\"last_seen\"");
    fs::write(&path, text).expect("writes");
    let rig = rig.reopened(start(180, POLICY));
    assert!(
        matches!(&records(&path)[0], Record::Start(start) if matches!(start.state, Some(SavedState::Foreign(_))))
    );
    assert_eq!(
        rig.engine.state(),
        Engine::new(rig.engine.policy().clone()).state()
    );
}

#[test]
fn a_newest_segment_without_a_beginning_is_deleted_and_the_one_before_it_counts() {
    let folder = folder();
    let mut rig = Rig::new(folder.path());
    rig.ticks(4);
    let known = rig.engine.state();
    for torn in [
        "",
        "{\"headroom_trace\"",
        "{\"headroom_trace\":1,\"kind\":\"observations\",\"start\":\"2026-03-02T08:00:00Z\"}\n{\"sta",
    ] {
        let path = Segment::plain(folder.path(), Timestamp::from_millis(9_000_000)).path;
        fs::write(&path, torn).expect("writes");
        rig = rig.reopened(start(150, POLICY));
        assert_eq!(rig.engine.state(), known);
        assert!(!path.exists());
    }
}

#[test]
fn what_is_not_durable_is_an_error_until_a_new_segment_closes_the_gap() {
    let folder = folder();
    let mut rig = Rig::new(folder.path());
    rig.ticks(3);
    let (first, length) = (
        rig.journal.path().to_owned(),
        rig.durable.last().expect("ticks").0,
    );
    // A file that cannot be written to: the kernel refuses, as it does when the disk is full.
    rig.journal.file = File::open(&first).expect("opens");
    let decisions = rig.observe();
    assert!(matches!(
        rig.journal.sync(),
        Err(JournalError::Write { .. })
    ));
    assert!(matches!(rig.journal.sync(), Err(JournalError::Gap)));
    let Some(group) = decisions[0].group.clone() else {
        panic!("a group")
    };
    assert!(matches!(
        rig.journal.append(&Record::Outcome(OutcomeRecord {
            at: Timestamp::EPOCH,
            group: group.clone(),
            outcome: Outcome::Accepted
        })),
        Err(JournalError::Gap)
    ));
    rig.engine.note(&group, Outcome::NotSent);
    assert_eq!(
        fs::metadata(&first).expect("is there").len(),
        length,
        "nothing that was not acknowledged"
    );

    rig.ticks(3);
    assert_ne!(rig.journal.path(), first);
    let known = rig.engine.state();
    assert_eq!(rig.reopened(start(300, POLICY)).engine.state(), known);
}

#[test]
fn a_metric_that_is_not_a_number_is_refused_and_leaves_a_gap() {
    let folder = folder();
    let mut rig = Rig::new(folder.path());
    let mut observation = rig.scene.observation();
    observation.metrics.insert(
        MetricId::new("lag"),
        Sampled {
            value: f64::NAN,
            measured_at: observation.at,
        },
    );
    assert!(matches!(
        rig.journal
            .append(&Record::Observation(Box::new(observation))),
        Err(JournalError::Refused(_))
    ));
    rig.ticks(1);
    assert_eq!(segments(folder.path()).expect("lists").len(), 2);
}

#[test]
fn what_cannot_be_taken_up_is_refused_with_what_to_do() {
    let folder = folder();
    let mut rig = Rig::new(folder.path());
    rig.ticks(2);
    let open = |start: Start| {
        Journal::open(folder.path(), Settings::default(), start)
            .map(drop)
            .expect_err("refused")
    };
    assert!(matches!(
        open(Start {
            cluster: "j-OTHER".into(),
            ..start(0, POLICY)
        }),
        JournalError::OtherCluster { .. }
    ));
    assert!(matches!(open(start(0, "name: x")), JournalError::Policy(_)));
    let path = newest(folder.path());
    let text = fs::read_to_string(&path).expect("reads");
    fs::write(&path, text.replacen("\"observation\"", "\"observed\"", 1)).expect("writes");
    let error = open(start(0, POLICY));
    assert!(
        matches!(error, JournalError::Damaged(_))
            && error.to_string().contains("move the file away"),
        "{error}"
    );
    let without_start: String = text
        .lines()
        .enumerate()
        .filter(|(k, _)| *k != 1)
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    fs::write(&path, without_start).expect("writes");
    assert!(matches!(
        open(start(0, POLICY)),
        JournalError::NoStart { .. }
    ));
}

#[test]
fn a_clock_that_went_back_still_begins_a_later_segment() {
    let folder = folder();
    let mut rig = Rig::open(folder.path(), Settings::default(), start(1_000, POLICY));
    rig.ticks(1);
    let first = rig.journal.path().to_owned();
    let rig = rig.reopened(start(500, &POLICY.replace("grow: 5", "grow: 4")));
    assert!(rig.journal.path() > first.as_path());
    assert_eq!(newest(folder.path()), rig.journal.path());
    assert_eq!(rig.scene.groups[1].requested, Instances(6));
}
