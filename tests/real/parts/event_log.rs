//! What a Spark event log says of a moment: the stages that run or wait, and the executors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use headroom::observation::work::StageWork;
use headroom::units::Timestamp;
use serde_json::Value;

/// The log of one application whose tasks all succeed.
#[derive(Debug, Default)]
pub struct EventLog {
    /// By id.
    jobs: BTreeMap<i64, Span>,
    stages: BTreeMap<i64, Stage>,
    executors: BTreeMap<String, Span>,
    /// Where tasks wrote shuffle output, and when they ended.
    outputs: Vec<(String, i64)>,
}

/// A time that may not have ended.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    begin_ms: Option<i64>,
    end_ms: Option<i64>,
}

#[derive(Debug, Default)]
struct Stage {
    tasks: u32,
    /// The jobs that have it among their stages.
    jobs: Vec<i64>,
    submitted: Span,
    runs: Vec<Span>,
}

/// A stage that runs or waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenStage {
    pub tasks_remaining: u32,
    pub tasks_running: u32,
    pub is_blocked: bool,
}

impl From<&StageWork> for OpenStage {
    fn from(stage: &StageWork) -> Self {
        Self {
            tasks_remaining: stage.tasks_remaining,
            tasks_running: stage.tasks_running,
            is_blocked: stage.is_blocked,
        }
    }
}

impl OpenStage {
    /// Whether its tasks are as in one of two moments that follow each other, or some have changed
    /// already.
    pub fn is_between(&self, one: &Self, other: &Self) -> bool {
        let between =
            |number: u32, one: u32, other: u32| (one.min(other)..=one.max(other)).contains(&number);
        between(
            self.tasks_remaining,
            one.tasks_remaining,
            other.tasks_remaining,
        ) && between(self.tasks_running, one.tasks_running, other.tasks_running)
            && [one.is_blocked, other.is_blocked].contains(&self.is_blocked)
    }
}

impl Span {
    fn includes(self, at_ms: i64) -> bool {
        self.begin_ms.is_some_and(|begin| begin <= at_ms)
            && self.end_ms.is_none_or(|end| end > at_ms)
    }
}

impl EventLog {
    /// Reads a log, which may still grow.
    pub fn read(path: &Path) -> Self {
        let text = fs::read_to_string(path).expect("a log");
        let mut log = Self::default();
        for line in text.lines() {
            // The last line may not be whole yet.
            if let Ok(event) = serde_json::from_str(line) {
                log.add(&event);
            }
        }
        log
    }

    fn add(&mut self, event: &Value) {
        let ms = |value: &Value| value.as_i64();
        match event["Event"].as_str().unwrap_or_default() {
            "SparkListenerJobStart" => {
                let id = event["Job ID"].as_i64().expect("a number");
                self.jobs.entry(id).or_default().begin_ms = ms(&event["Submission Time"]);
                for info in event["Stage Infos"].as_array().into_iter().flatten() {
                    let stage = self.stage(&info["Stage ID"]);
                    let tasks = info["Number of Tasks"].as_u64().expect("a number");
                    stage.tasks = u32::try_from(tasks).expect("not many");
                    stage.jobs.push(id);
                }
            }
            "SparkListenerJobEnd" => {
                let id = event["Job ID"].as_i64().expect("a number");
                self.jobs.entry(id).or_default().end_ms = ms(&event["Completion Time"]);
            }
            "SparkListenerStageSubmitted" => {
                let info = &event["Stage Info"];
                self.stage(&info["Stage ID"]).submitted.begin_ms = ms(&info["Submission Time"]);
            }
            "SparkListenerStageCompleted" => {
                let info = &event["Stage Info"];
                self.stage(&info["Stage ID"]).submitted.end_ms = ms(&info["Completion Time"]);
            }
            "SparkListenerTaskEnd" => {
                assert_eq!(event["Task End Reason"]["Reason"], "Success");
                let info = &event["Task Info"];
                self.stage(&event["Stage ID"]).runs.push(Span {
                    begin_ms: ms(&info["Launch Time"]),
                    end_ms: ms(&info["Finish Time"]),
                });
                let written = &event["Task Metrics"]["Shuffle Write Metrics"];
                if written["Shuffle Bytes Written"].as_u64() > Some(0) {
                    let host = info["Host"].as_str().expect("a name").to_owned();
                    self.outputs
                        .push((host, ms(&info["Finish Time"]).expect("a time")));
                }
            }
            "SparkListenerExecutorAdded" => {
                self.executor(event).begin_ms = ms(&event["Timestamp"]);
            }
            "SparkListenerExecutorRemoved" => {
                self.executor(event).end_ms = ms(&event["Timestamp"]);
            }
            _ => {}
        }
    }

    fn stage(&mut self, id: &Value) -> &mut Stage {
        self.stages
            .entry(id.as_i64().expect("a number"))
            .or_default()
    }

    fn executor(&mut self, event: &Value) -> &mut Span {
        let id = event["Executor ID"].as_str().expect("a name");
        self.executors.entry(id.to_owned()).or_default()
    }

    /// The instants from `from` to `to` at which something changes, and `from`.
    pub fn instants(&self, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let stages = self.stages.values();
        let of_stages = stages.flat_map(|stage| stage.runs.iter().chain([&stage.submitted]));
        let spans = of_stages
            .chain(self.jobs.values())
            .chain(self.executors.values());
        let ends = spans
            .flat_map(|span| [span.begin_ms, span.end_ms])
            .flatten();
        let changes = ends.map(Timestamp::from_millis);
        let inside = changes.filter(|at| (from..=to).contains(at));
        inside.chain([from]).collect()
    }

    /// The stages of the jobs that run at an instant, except those that have completed, and those that
    /// never run because their output exists.
    pub fn stages(&self, at: Timestamp) -> Vec<OpenStage> {
        let at_ms = at.as_millis();
        let has_job = |stage: &&Stage| {
            let mut jobs = stage.jobs.iter();
            jobs.any(|job| self.jobs[job].includes(at_ms))
        };
        let is_open = |stage: &&Stage| {
            stage.submitted.begin_ms.is_some()
                && stage.submitted.end_ms.is_none_or(|end| end > at_ms)
        };
        let open = self.stages.values().filter(has_job).filter(is_open);
        let open = open.map(|stage| OpenStage {
            tasks_remaining: stage.tasks
                - stage.count(|run| run.end_ms.is_some_and(|end| end <= at_ms)),
            tasks_running: stage.count(|run| run.includes(at_ms)),
            is_blocked: stage.submitted.begin_ms > Some(at_ms),
        });
        open.collect()
    }

    /// The hosts on which tasks had written shuffle output by then.
    pub fn hosts_with_output(&self, at: Timestamp) -> BTreeSet<&str> {
        let outputs = self.outputs.iter();
        let written = outputs.filter(|(_, end_ms)| *end_ms <= at.as_millis());
        written.map(|(host, _)| host.as_str()).collect()
    }

    /// The executors at an instant.
    pub fn executors(&self, at: Timestamp) -> u32 {
        let present = self.executors.values();
        let present = present.filter(|executor| executor.includes(at.as_millis()));
        u32::try_from(present.count()).expect("not many")
    }
}

impl Stage {
    fn count(&self, is_counted: impl Fn(&Span) -> bool) -> u32 {
        let counted = self.runs.iter().filter(|run| is_counted(run)).count();
        u32::try_from(counted).expect("not many")
    }
}
