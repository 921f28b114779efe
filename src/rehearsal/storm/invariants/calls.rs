//! What EMR is asked.

use std::time::Duration;

use super::super::faults::{Fault, Kind};
use super::super::history::{History, Tick, faults_at, faults_between, resizes_of, second, shown};
use super::super::link::{Answer, Call};
use super::super::script::{CORE_LIMITS, POLL, REVERSAL, START, TASK_LIMITS};
use crate::observation::{GroupStatus, Role};
use crate::units::Timestamp;

/// When the window `early` of the policy `windows` is open, in seconds since the beginning.
const EARLY_S: std::ops::Range<u64> = 900..2_700;
/// How often EMR's managed scaling is read.
const MANAGED_SCALING_EVERY: Duration = Duration::from_secs(300);
/// The limits in this window.
const EARLY_LIMITS: (u32, u32) = (3, 6);

/// The limits are those of the policy, or of the window that is open.
pub fn sizes_are_within_limits_and_floors(history: &History) -> Vec<String> {
    let outside = |call: &&Call| {
        let (min, max) = match call.group.as_str() {
            "ig-core" => CORE_LIMITS,
            _ if is_certainly_early(history, call.at) => EARLY_LIMITS,
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

/// EMR's managed scaling is read every five minutes.
pub fn nothing_is_resized_that_is_amazons_or_not_ready(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for call in &history.calls {
        let is_read = |fault: &&Fault| {
            let (begins, _) = fault.span(START);
            fault.kind != Kind::EmrManages
                || call.at.since(begins) > MANAGED_SCALING_EVERY + POLL * 2
        };
        let mut forbidding =
            faults_at(history, call.at).filter(|fault| fault.kind.forbids_resizes());
        let forbidding = forbidding.find(is_read);
        let since = forbidding.map_or(call.at, |fault| fault.span(START).0);
        let is_hidden = faults_between(history, since, call.at)
            .any(|fault| fault.kind.hides_groups() || fault.kind.is_of_clock());
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

/// Whether the window `early` of the policy `windows` is open: from 01:45 until 03:15, which is an hour later, because
/// 03:00 follows 02:00. The daemon's clock has to be right.
fn is_certainly_early(history: &History, at: Timestamp) -> bool {
    let is_right = !(history.script.faults.iter())
        .any(|fault| fault.kind.is_of_clock() || fault.kind == Kind::PolicyReplaced);
    let since_s = at.since(START).as_secs();
    history.script.policy == "windows" && is_right && EARLY_S.contains(&since_s)
}

/// The window `skipped` opens as summer time begins and closes at 03:30, and `early` comes first.
pub fn nothing_scales_in_while_that_is_frozen(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    let is_right = !(history.script.faults.iter())
        .any(|fault| fault.kind.is_of_clock() || fault.kind == Kind::PolicyReplaced);
    if history.script.policy != "windows" || !is_right {
        return found;
    }
    for call in &history.calls {
        let since_s = call.at.since(START).as_secs();
        if (EARLY_S.end..3_600).contains(&since_s) && call.to < call.from {
            found.push(format!("{}: is frozen: {}", second(call.at), shown(call)));
        }
    }
    found
}

/// A group is at the minimum of a window soon after it has opened, if nothing is wrong then.
pub fn a_window_that_opens_has_its_minimum(history: &History) -> Vec<String> {
    let opened_s = EARLY_S.start + 150;
    let of_then = |tick: &&Tick| tick.at.since(START).as_secs() >= opened_s;
    let Some(tick) = history.ticks.iter().find(of_then) else {
        return Vec::new();
    };
    // What was quarantined or an operator's before may still wait.
    let is_wrong = faults_between(history, START, tick.at).next().is_some();
    let groups = &tick.report.observation.cluster.value.groups;
    let is_small = |group: &&GroupStatus| group.requested.get() < EARLY_LIMITS.0;
    let small = groups
        .iter()
        .filter(|group| group.role == Role::Task)
        .find(is_small);
    match small.filter(|_| is_certainly_early(history, tick.at) && !is_wrong) {
        Some(group) => vec![format!(
            "{}: {} has {}",
            second(tick.at),
            group.id,
            group.requested
        )],
        None => Vec::new(),
    }
}
