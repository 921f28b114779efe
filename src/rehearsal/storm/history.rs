//! What happened in a storm, for the invariants.

use super::faults::Fault;
use super::link::Call;
use super::script::{START, Script};
use crate::daemon::telemetry::report::TickReport;
use crate::decision::{Action, Decision, Resize};
use crate::observation::GroupId;
use crate::replay::verify::Verification;
use crate::trace::Record;
use crate::units::{Instances, Timestamp};

/// What happened in a storm.
pub struct History {
    pub script: Script,
    pub ticks: Vec<Tick>,
    pub calls: Vec<Call>,
    /// When EMR listed the groups as they were.
    pub listed: Vec<Timestamp>,
    /// When a daemon began, and why it did not start, if so.
    pub starts: Vec<(Timestamp, Option<String>)>,
    /// The groups at the end, and whether all work was done.
    pub groups: Vec<(GroupId, Instances)>,
    pub is_finished: bool,
    pub verification: Verification,
    /// The journal.
    pub records: Vec<Record>,
}

/// A tick of the daemon.
pub struct Tick {
    /// The true time.
    pub at: Timestamp,
    pub report: TickReport,
}

/// The faults at a time.
pub fn faults_at(history: &History, at: Timestamp) -> impl Iterator<Item = &Fault> {
    history.script.at(at.since(START).as_secs())
}

/// The faults of which a part lies between two times.
pub fn faults_between(
    history: &History,
    from: Timestamp,
    to: Timestamp,
) -> impl Iterator<Item = &Fault> {
    let overlaps = move |fault: &&Fault| {
        let (begins, ends) = fault.span(START);
        begins <= to && ends >= from
    };
    history.script.faults.iter().filter(overlaps)
}

/// The resizes that were decided, with their ticks.
pub fn resizes(history: &History) -> impl Iterator<Item = (&Tick, &Decision, &Resize)> {
    let of_tick = |tick| resizes_of(tick).map(move |(decision, resize)| (tick, decision, resize));
    history.ticks.iter().flat_map(of_tick)
}

/// The resizes of a tick.
pub fn resizes_of(tick: &Tick) -> impl Iterator<Item = (&Decision, &Resize)> {
    let decisions = tick.report.decisions.iter();
    decisions.filter_map(|decision| match &decision.action {
        Action::Resize(resize) => Some((decision, resize)),
        Action::Hold(_) => None,
    })
}

/// A time as the seconds since the beginning.
pub fn second(at: Timestamp) -> String {
    format!("{} s", at.since(START).as_secs())
}

/// A call in a line.
pub fn shown(call: &Call) -> String {
    format!(
        "{} {} -> {} ({} running, {:?})",
        call.group, call.from, call.to, call.running, call.answer
    )
}

/// The resizes in the journal, in its order.
pub fn journalled(history: &History) -> Vec<(GroupId, Instances)> {
    let resizes = history.records.iter().filter_map(|record| match record {
        Record::Decision(decision) => {
            let Action::Resize(resize) = &decision.action else {
                return None;
            };
            Some((decision.group.clone()?, resize.to))
        }
        _ => None,
    });
    resizes.collect()
}

/// The calls, and each decision that says something else than the one before, in the order of time.
pub fn story(history: &History) -> String {
    let mut lines: Vec<(Timestamp, String)> = Vec::new();
    let calls = history.calls.iter();
    lines.extend(calls.map(|call| (call.at, format!("    calls: {}", shown(call)))));
    let starts = history.starts.iter();
    lines.extend(starts.map(|(at, problem)| (*at, format!("    starts: {problem:?}"))));
    let mut before = Vec::new();
    for tick in &history.ticks {
        let decisions = tick.report.decisions.iter();
        let said = decisions.map(|decision| {
            let text = decision.to_string();
            let (_, said) = text.split_once(' ').unwrap_or_default();
            format!("{said} ({} running)", decision.running)
        });
        let said: Vec<String> = said.collect();
        if said != before {
            lines.push((tick.at, said.join("\n        ")));
            before = said;
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    let lines = lines.iter();
    lines
        .map(|(at, line)| format!("{:>7} {line}\n", second(*at)))
        .collect()
}
