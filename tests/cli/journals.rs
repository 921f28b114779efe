//! A daemon's journal, explained, verified and simulated.

use std::fs;
use std::path::Path;

use headroom::decision::{Action, Outcome, Rejection};
use headroom::engine::Engine;
use headroom::observation::Observation;
use headroom::trace::journal::{Segment, TraceWriter, segments};
use headroom::trace::{
    FORMAT_VERSION, Header, Kind, OutcomeRecord, PolicySource, Record, SavedState, Start,
};
use headroom::units::Timestamp;

use super::Folder;

const POLICY: &str = "\
name: two-thresholds
metrics:
  backlog: { namespace: Shop, metric_name: Orders, period: 1m }
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    rules:
      - { name: memory-short, when: yarn_memory_available_percent < 15, for: 2m, then: { grow: 5 } }
      - { name: memory-idle, when: 'avg(yarn_memory_available_percent, 3m) > 75', then: { shrink: 3 }, cooldown: 10m }
      - { name: backlog, when: backlog > 1000 and yarn_memory_pending_mib > 1GiB, for: 1m, then: { grow: 50% } }
";
/// 2026-11-20T08:00:00Z.
const BEGIN_MS: i64 = 1_795_161_600_000;

fn minute(minutes: f64) -> Timestamp {
    Timestamp::from_millis(BEGIN_MS + (60_000.0 * minutes) as i64)
}

/// What a cluster shows: available memory in percent, if YARN answers, and the size of its task
/// group.
#[derive(Clone, Copy)]
struct Shown {
    available_percent: Option<u32>,
    requested: u32,
    running: u32,
}

fn observation(at: Timestamp, shown: Shown) -> Observation {
    let Shown {
        available_percent,
        requested,
        running,
    } = shown;
    let state = if requested == running {
        "RUNNING"
    } else {
        "RESIZING"
    };
    let group = |id: &str, role: &str, state: &str, requested: u32, running: u32| {
        serde_json::json!({"id": id, "name": format!("the {role} nodes"), "role": role, "market": "on-demand",
            "state": state, "requested": requested, "running": running})
    };
    let mut observation = serde_json::json!({
        "at": at,
        "metrics": {"backlog": {"value": 40.0, "measured_at": at - std::time::Duration::from_secs(70)}},
        "cluster": {"measured_at": at - std::time::Duration::from_secs(4), "value": {"state": "RUNNING", "groups": [
            group("ig-CORE", "core", "RUNNING", 2, 2), group("ig-TASK", "task", state, requested, running)]}},
    });
    if let Some(percent) = available_percent {
        let total = 24_576 * u64::from(running + 2) / 2;
        let available = total * u64::from(percent) / 100;
        observation["yarn"] = serde_json::json!({"measured_at": at - std::time::Duration::from_secs(1), "value": {
            "memory_total_mib": total, "memory_available_mib": available, "memory_allocated_mib": total - available, "memory_pending_mib": 3_000,
            "vcores_total": 8, "vcores_available": 1, "vcores_allocated": 7, "vcores_pending": 4, "containers_allocated": 7,
            "containers_pending": 4, "containers_released_total": at.as_millis() / 10_000 % 100_000, "apps_running": 2, "apps_pending": 0}});
    }
    serde_json::from_value(observation).expect("an observation")
}

fn start(at: Timestamp, policy: &str, state: Option<SavedState>) -> Record {
    let policy = PolicySource {
        file: "/etc/headroom/policy.yaml".into(),
        text: policy.into(),
    };
    Record::Start(Box::new(Start {
        at,
        headroom: "0.1.0".into(),
        cluster: "j-SHOP".into(),
        dry_run: false,
        policy,
        state,
    }))
}

fn write(folder: &Path, begin: Timestamp, records: &[Record]) {
    let header = Header {
        headroom_trace: FORMAT_VERSION,
        kind: Kind::Observations,
        start: begin,
        source: String::new(),
        synthetic: false,
    };
    let mut writer =
        TraceWriter::create(&Segment::plain(folder, begin).path, &header).expect("creates");
    records
        .iter()
        .for_each(|record| writer.write(record).expect("writes"));
    writer.finish().expect("finishes");
}

/// A cluster that does what it is told a while later, and the records of a daemon beside it.
struct Story {
    engine: Engine,
    records: Vec<Record>,
    shown: Shown,
    arrives: Option<Timestamp>,
}

impl Story {
    fn tick(&mut self, at: Timestamp, answer: Option<Outcome>) {
        if self.arrives.is_some_and(|arrives| arrives <= at) {
            (self.shown.running, self.arrives) = (self.shown.requested, None);
        }
        let observation = observation(at, self.shown);
        let decisions = self.engine.step(&observation);
        self.records
            .push(Record::Observation(Box::new(observation)));
        self.records.extend(
            decisions
                .iter()
                .map(|decision| Record::Decision(Box::new(decision.clone()))),
        );
        for decision in decisions {
            let (Action::Resize(resize), Some(group), Some(outcome)) =
                (decision.action, decision.group, answer)
            else {
                continue;
            };
            self.engine.note(&group, outcome);
            self.records
                .push(Record::Outcome(OutcomeRecord { at, group, outcome }));
            if outcome == Outcome::Accepted {
                (self.shown.requested, self.arrives) = (
                    resize.to.get(),
                    Some(at + std::time::Duration::from_secs(330)),
                );
            }
        }
    }

    fn ticks(&mut self, from: f64, to: f64, available_percent: Option<u32>, answer: Outcome) {
        self.shown.available_percent = available_percent;
        let polls = ((to - from) * 2.0) as u32;
        (0..polls).for_each(|poll| self.tick(minute(from + f64::from(poll) / 2.0), Some(answer)));
    }
}

/// A morning: short memory, silence of YARN, an operator's hand, a restart with an edited policy,
/// idle memory.
fn morning(folder: &Folder) {
    let path = folder.path("journal");
    fs::create_dir(&path).expect("a folder");
    let policy = |text: &str| headroom::policy::parse::parse(text, "p.yaml").expect("a policy");
    let shown = Shown {
        available_percent: None,
        requested: 4,
        running: 4,
    };
    let mut story = Story {
        engine: Engine::new(policy(POLICY)),
        records: vec![start(minute(0.0), POLICY, None)],
        shown,
        arrives: None,
    };
    story.ticks(0.0, 5.0, Some(50), Outcome::Accepted);
    story.ticks(5.0, 14.0, Some(10), Outcome::Accepted);
    story.ticks(14.0, 20.0, Some(50), Outcome::Accepted);
    story.ticks(20.0, 24.0, None, Outcome::Accepted);
    story.ticks(24.0, 30.0, Some(50), Outcome::Accepted);
    (story.shown.requested, story.shown.running) = (12, 12);
    story.ticks(30.0, 40.0, Some(50), Outcome::Accepted);
    write(&path, minute(0.0), &story.records);
    let edited = POLICY.replace("shrink: 3", "shrink: 4");
    story.engine = story.engine.clone().adopt(policy(&edited));
    story.records = vec![start(
        minute(52.0),
        &edited,
        Some(SavedState::Known(Box::new(story.engine.state()))),
    )];
    story.ticks(
        52.0,
        55.5,
        Some(80),
        Outcome::Rejected(Rejection::Throttled),
    );
    story.ticks(55.5, 75.0, Some(80), Outcome::Accepted);
    write(&path, minute(52.0), &story.records);
}

#[test]
fn a_morning_is_told_from_its_beginning_to_its_end() {
    let folder = Folder::new();
    morning(&folder);
    insta::assert_snapshot!(folder.stdout("explain journal"));
}

#[test]
fn moments_are_told_with_all_that_was_known() {
    let folder = Folder::new();
    morning(&folder);
    let moments = [
        "08:06",
        "08:07:10",
        "08:22",
        "08:31",
        "2026-11-20T09:05:00Z",
    ];
    let told: Vec<String> = moments
        .iter()
        .map(|at| {
            format!(
                "== --at {at}\n{}",
                folder.stdout(&format!("explain journal --at {at}"))
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn a_policy_that_was_not_in_force_is_asked_instead() {
    let folder = Folder::new();
    morning(&folder);
    folder.write_utf_16(
        "eager.yaml",
        &POLICY
            .replace("for: 2m", "for: 30s")
            .replace("grow: 5", "grow: 2")
            .replace("two-thresholds", "eager"),
    );
    let told = folder.stdout("explain journal --policy eager.yaml");
    // The same recording without decisions, as CloudWatch's history gives it.
    let observed: String = segments(&folder.path("journal"))
        .expect("lists")
        .iter()
        .flat_map(|segment| {
            fs::read_to_string(&segment.path)
                .expect("reads")
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|line| line.starts_with("{\"observation\""))
        .map(|line| line + "\n")
        .collect();
    folder.write(
        "observed.jsonl",
        format!("{{\"headroom_trace\":1,\"kind\":\"observations\",\"start\":\"2026-11-20T08:00:00Z\"}}\n{observed}"),
    );
    let without = folder.run("explain observed.jsonl");
    assert_eq!(without.code, Some(1));
    let shadow = folder.stdout("explain observed.jsonl --policy eager.yaml");
    insta::assert_snapshot!(format!("{told}\n==\n{}\n==\n{shadow}", without.stderr));
}

#[test]
fn a_moment_of_a_policy_that_follows_demand_has_its_numbers() {
    let folder = Folder::new();
    morning(&folder);
    folder.write("follow.yaml", "name: follow\ndemand: { min: 0, max: 20, performance_index: 25 }\ntargets: [{ group: { role: task } }]\n");
    folder.write("tight.yaml", "name: tight\ndemand: { min: 0, max: 4, performance_index: 100 }\ntargets: [{ group: { role: task } }]\n");
    let moments = [("follow", "08:04"), ("follow", "08:06"), ("tight", "08:06")];
    let told: Vec<String> = moments
        .iter()
        .map(|(policy, at)| {
            format!(
                "== --at {at}\n{}",
                folder.stdout(&format!("explain journal --policy {policy}.yaml --at {at}"))
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn json_has_the_whole_story_and_every_moment() {
    let folder = Folder::new();
    morning(&folder);
    let json = |words: &str| {
        serde_json::from_str::<serde_json::Value>(&folder.stdout(words)).expect("JSON")
    };
    let story = json("explain journal --format json");
    let entries = story["entries"].as_array().expect("entries");
    let grown = entries
        .iter()
        .find(|entry| entry["resized"]["resize"]["to"] == 9)
        .expect("the growth");
    assert_eq!(grown["from"], "2026-11-20T08:07:00Z");
    assert_eq!(
        (
            &grown["resized"]["outcome"],
            &grown["resized"]["complete_at"]
        ),
        (&"accepted".into(), &"2026-11-20T08:12:30Z".into())
    );
    assert!(
        grown["resized"]["readings"][0]["value"]
            .as_f64()
            .is_some_and(|percent| (percent - 10.0).abs() < 0.01)
    );
    let moment = json("explain journal --at 08:06 --format json");
    assert_eq!(moment["at"], "2026-11-20T08:06:00Z");
    assert_eq!(
        moment["targets"][0]["rules"][0]["state"]["pending"]["since"],
        "2026-11-20T08:04:59Z"
    );
    assert_eq!(moment["targets"][0]["limits"], serde_json::json!([0, 20]));
}

#[test]
fn only_what_was_asked_for_is_told() {
    let folder = Folder::new();
    morning(&folder);
    for target in ["1", "ig-TASK", "the task nodes"] {
        let mut command = folder.command("explain journal --at 08:06");
        let output = command.args(["--target", target]).output().expect("starts");
        assert!(output.status.success(), "{target}: {output:?}");
    }
    let errors: Vec<String> = [
        "--target 2",
        "--target ig-CORE",
        "--at yesterday",
        "--at 2026-11-19T00:00:00Z",
    ]
    .iter()
    .map(|words| folder.run(&format!("explain journal {words}")))
    .map(|answer| format!("{:?} {}", answer.code, answer.stderr))
    .collect();
    let missing = [
        folder.run("explain jobs.jsonl"),
        folder.run("explain day"),
        folder.run("explain nowhere"),
    ];
    let missing: Vec<String> = missing
        .iter()
        .map(|answer| format!("{:?} {}", answer.code, answer.stderr))
        .collect();
    insta::assert_snapshot!(format!("{}\n==\n{}", errors.join("\n"), missing.join("\n")));
}

#[test]
fn a_journal_is_verified_and_what_was_changed_in_it_is_found() {
    let folder = Folder::new();
    morning(&folder);
    let well = folder.run("simulate --verify journal");
    assert_eq!((well.code, well.stderr.as_str()), (Some(0), ""));
    let segment = segments(&folder.path("journal")).expect("lists").remove(0);
    let text = fs::read_to_string(&segment.path).expect("reads");
    fs::write(&segment.path, text.replacen("\"to\":9", "\"to\":8", 1)).expect("writes");
    let changed = folder.run("simulate --verify journal");
    assert_eq!(changed.code, Some(1));
    let no_journal = folder.run("simulate --verify jobs.jsonl");
    insta::assert_snapshot!(format!(
        "{}\n==\n{}{}\n==\n{}",
        well.stdout, changed.stdout, changed.stderr, no_journal.stderr
    ));
}

#[test]
fn a_journal_is_a_trace() {
    let folder = Folder::new();
    morning(&folder);
    let table = folder.stdout("simulate journal --scenario small.yaml --policy fixed-max");
    assert!(table.starts_with("journal: recorded trace."), "{table}");
    let info = folder.stdout("trace info journal");
    assert!(
        info.contains("observations, recorded") && info.contains("126"),
        "{info}"
    );
}
