//! What EMR is asked.

use std::time::Duration;

use super::super::faults::Kind;
use super::super::history::{History, faults_at, faults_between, resizes_of, second, shown};
use super::super::link::{Answer, Call};
use super::super::script::{CORE_LIMITS, POLL, REVERSAL, START, TASK_LIMITS};

pub fn sizes_are_within_limits_and_floors(history: &History) -> Vec<String> {
    let outside = |call: &&Call| {
        let (min, max) = match call.group.as_str() {
            "ig-core" => CORE_LIMITS,
            _ => TASK_LIMITS,
        };
        !(min..=max).contains(&call.to.get())
    };
    let outside = history.calls.iter().filter(outside);
    outside
        .map(|call| format!("{}: outside the limits: {}", second(call.at), shown(call)))
        .collect()
}

/// After a call without an answer, EMR has to be read before the next one.
pub fn nothing_is_asked_while_a_call_is_unanswered(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for (position, call) in history.calls.iter().enumerate() {
        let Some(next) = history.calls[position + 1..]
            .iter()
            .find(|next| next.group == call.group)
        else {
            continue;
        };
        let is_read = history
            .listed
            .iter()
            .any(|at| call.at < *at && *at <= next.at);
        // A list that is too old to tell looks like any other.
        let is_misled = faults_between(history, call.at, next.at)
            .any(|fault| matches!(fault.kind, Kind::EmrStale | Kind::CrashTornJournal));
        if !is_read && !is_misled && call.answer == Answer::None {
            found.push(format!(
                "{}: {} follows {} without an answer",
                second(next.at),
                shown(next),
                shown(call)
            ));
        }
    }
    found
}

/// `reversal` holds across restarts. What enforces a limit waits for it, too.
pub fn directions_do_not_change_too_soon(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for (position, call) in history.calls.iter().enumerate() {
        let before = history.calls[..position].iter().rev();
        let mut accepted =
            before.filter(|before| before.group == call.group && before.answer == Answer::Accepted);
        let Some(last) = accepted.next() else {
            continue;
        };
        // The clock is set at the next tick after the end of a fault.
        let is_misled = faults_between(history, last.at - POLL * 2, call.at).any(|fault| {
            fault.kind.is_of_clock()
                || fault.kind.hides_groups()
                || fault.kind == Kind::CrashTornJournal
        });
        let changes = (last.to < last.from) != (call.to < call.from);
        let is_resize = last.to != last.from && call.to != call.from;
        if changes && is_resize && !is_misled && call.at.since(last.at) < REVERSAL {
            found.push(format!(
                "{}: {} only {} s after {}",
                second(call.at),
                shown(call),
                call.at.since(last.at).as_secs(),
                shown(last)
            ));
        }
    }
    found
}

pub fn nothing_is_resized_while_paused(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for tick in &history.ticks {
        let is_paused = tick.report.observation.control.pause.is_some();
        for (_, resize) in resizes_of(tick).filter(|_| is_paused) {
            found.push(format!(
                "{}: resizes while paused: {resize}",
                second(tick.at)
            ));
        }
    }
    for call in &history.calls {
        let since_s = call.at.since(START).as_secs();
        let paused = (history.script.faults.iter())
            // It is there for the first tick after a whole poll.
            .find(|fault| {
                fault.kind == Kind::Paused && (fault.from_s + 31..fault.to_s).contains(&since_s)
            });
        let is_of_clock = history
            .script
            .faults
            .iter()
            .any(|fault| fault.kind.is_of_clock());
        if let Some(fault) = paused.filter(|_| !is_of_clock) {
            found.push(format!(
                "{}: {} during `{fault}`",
                second(call.at),
                shown(call)
            ));
        }
    }
    found
}

pub fn nothing_is_resized_that_is_amazons_or_not_ready(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for call in &history.calls {
        let forbidding = faults_at(history, call.at).find(|fault| fault.kind.forbids_resizes());
        let is_hidden = faults_at(history, call.at).any(|fault| fault.kind.hides_groups());
        if let Some(fault) = forbidding.filter(|_| !is_hidden) {
            found.push(format!(
                "{}: {} during `{fault}`",
                second(call.at),
                shown(call)
            ));
        }
    }
    found
}

/// The same size is not requested again while it is already requested and nothing is missing.
pub fn no_call_is_repeated_for_nothing(history: &History) -> Vec<String> {
    let is_misled = |at| faults_at(history, at).any(|fault| fault.kind.hides_groups());
    let repeated = history
        .calls
        .iter()
        .filter(|call| call.to == call.from && call.running >= call.to && !is_misled(call.at));
    let by_faults = |call: &Call| {
        // What took effect late, or was asked by an operator, may just have made it so.
        faults_between(history, call.at - Duration::from_secs(200), call.at).any(|fault| {
            matches!(
                fault.kind,
                Kind::CallLate | Kind::AnswerLost | Kind::OperatorResizes | Kind::CrashAfterCall
            ) || fault.kind.hides_groups()
        })
    };
    repeated
        .filter(|call| !by_faults(call))
        .map(|call| format!("{}: for nothing: {}", second(call.at), shown(call)))
        .collect()
}
