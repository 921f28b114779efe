//! What is decided and recorded.

use super::super::faults::{Fault, Kind};
use super::super::history::{History, journalled, second, shown};
use crate::decision::Action;
use crate::engine::tests::reference::recording::first_difference;
use crate::observation::{GroupState, Observation};
use crate::policy::parse::parse;
use crate::trace::Record;

/// What EMR is asked is what was decided in the tick, and the tick's decisions are durable before: a daemon that is
/// killed while it asks finds them again.
pub fn every_call_was_decided_and_written_before(history: &History) -> Vec<String> {
    let torn = history
        .script
        .faults
        .iter()
        .any(|fault| fault.kind == Kind::CrashTornJournal);
    let mut written = journalled(history);
    let mut found = Vec::new();
    for call in history.calls.iter().filter(|_| !torn) {
        match written
            .iter()
            .position(|(group, to)| *group == call.group && *to == call.to)
        {
            Some(position) => _ = written.drain(..=position),
            None => found.push(format!(
                "{}: not in the journal: {}",
                second(call.at),
                shown(call)
            )),
        }
    }
    found
}

pub fn every_decision_follows_again_from_the_journal(history: &History) -> Vec<String> {
    let verification = &history.verification;
    let differences = verification.differences.iter();
    differences
        .map(|difference| {
            format!(
                "the journal gives another decision: {:?} instead of {:?}",
                difference.made, difference.recorded
            )
        })
        .collect()
}

/// A resize says from where to where, why, and what limited it; a hold says why. The numbers are those of the tick.
pub fn every_decision_is_explained(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for tick in &history.ticks {
        for decision in &tick.report.decisions {
            let said = decision.to_string();
            let groups = &tick.report.observation.cluster.value.groups;
            let group = groups
                .iter()
                .find(|group| decision.group.as_ref() == Some(&group.id));
            let is_true = match (&decision.action, group) {
                (Action::Resize(resize), Some(group)) => {
                    let changes = if resize.to < resize.from {
                        "shrink"
                    } else {
                        "grow"
                    };
                    resize.from == group.requested
                        && decision.running == group.running
                        && said.contains(changes)
                        && (resize.desired == resize.to || resize.limited_by.is_some())
                }
                (Action::Resize(_), None) => false,
                (Action::Hold(reason), _) => !reason.to_string().is_empty(),
            };
            if !is_true {
                found.push(format!("{}: not so: {said}", second(tick.at)));
            }
        }
    }
    found
}

/// The reference engine, written from the documentation, decides the same from what the journal has. It knows the
/// policies `plain` and `metrics`, and neither instances that are not listed or do not work, nor scale-outs that fail and what
/// follows from them, nor clocks that are set.
pub fn every_decision_is_what_the_documentation_says(history: &History) -> Vec<String> {
    let script = &history.script;
    let is_unknown = |fault: &Fault| {
        let loses_records = fault.kind.of_disk().is_some();
        fault.kind.is_of_clock() || loses_records || fault.kind == Kind::PolicyReplaced
    };
    let is_covered = ["metrics", "plain"].contains(&script.policy);
    if !is_covered || script.faults.iter().any(is_unknown) {
        return Vec::new();
    }
    let policy = parse(script.policy_text(), "storm").expect("a valid policy");
    let records = history.records.iter();
    let records = records
        .take_while(|record| !shows_a_failure(record))
        .cloned();
    let difference = first_difference(policy, records, every_node_works);
    difference.into_iter().collect()
}

/// Whether YARN lists as many nodes as EMR runs, and all of them work.
fn every_node_works(observation: &Observation) -> bool {
    let Some(nodes) = &observation.nodes else {
        return true;
    };
    let groups = observation.cluster.value.groups.iter();
    let running: u32 = groups.map(|group| group.running.get()).sum();
    let works = nodes.value.0.iter().filter(|node| node.health.is_usable());
    works.count() as u32 == running
}

/// Whether EMR has given up on a group.
fn shows_a_failure(record: &Record) -> bool {
    let Record::Observation(observation) = record else {
        return false;
    };
    let mut groups = observation.cluster.value.groups.iter();
    groups.any(|group| group.state == GroupState::Suspended)
}
