//! What must be true of every storm, whatever happens. Each function is one invariant: it returns what contradicts
//! it, in words, with the second of the storm.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::faults::Kind;
use super::history::{History, faults_at, faults_between, resizes, resizes_of, second, shown};
use super::link::{Answer, Call};
use super::script::{CALM_FROM_S, CORE_LIMITS, POLL, REVERSAL, START, TASK_LIMITS};
use crate::decision::{Action, Cause, HoldReason, RuleState};
use crate::observation::{InstanceId, NodeHealth, NodeLoad};
use crate::units::{Instances, Timestamp};

/// How long after the last fault the groups are back at their smallest, at most: what is in flight and quarantined
/// by then, the work that is left, and the waits before a scale-in.
const CONVERGED_AFTER_S: u64 = 7_000;

/// How long an instance is unavailable until it counts as unusable.
const UNUSABLE_AFTER: Duration = Duration::from_secs(600);

/// Everything that contradicts an invariant.
pub fn violations(history: &History) -> Vec<String> {
    [
        sizes_are_within_limits_and_floors,
        nothing_scales_in_on_what_is_not_known,
        no_node_of_an_application_master_goes_while_another_will_do,
        nothing_is_asked_while_a_call_is_unanswered,
        directions_do_not_change_too_soon,
        nothing_is_resized_while_paused,
        nothing_is_resized_that_is_amazons_or_not_ready,
        every_call_was_decided_and_written_before,
        every_decision_follows_again_from_the_journal,
        every_decision_is_explained,
        no_call_is_repeated_for_nothing,
        growth_does_not_add_up_while_instances_are_owed,
        growth_does_not_wait_for_a_drain,
        what_does_not_work_goes_first,
        what_does_not_work_is_no_room,
        it_starts_whenever_it_can,
        it_ticks_at_every_poll,
        it_converges_when_faults_cease,
    ]
    .into_iter()
    .flat_map(|invariant| invariant(history))
    .collect()
}

fn sizes_are_within_limits_and_floors(history: &History) -> Vec<String> {
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

/// A scale-in needs the load, the nodes and the application masters. Only `max` needs none.
fn nothing_scales_in_on_what_is_not_known(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for (tick, decision, resize) in resizes(history) {
        let hidden = faults_at(history, tick.at).find(|fault| {
            let lasted_s = tick.at.since(START).as_secs() - fault.from_s;
            // After ten minutes, nodes that are not listed count as unusable while others are.
            let is_known_by_now = fault.kind == Kind::YarnRegistering && lasted_s > 600;
            fault.kind.hides_load() && !is_known_by_now
        });
        if let Some(fault) = hidden
            && resize.to < resize.from
            && resize.because != Cause::AboveMaximum
        {
            found.push(format!(
                "{}: scales in during `{fault}`: {decision}",
                second(tick.at)
            ));
        }
    }
    found
}

/// Of a group that scales in, the instances that stay are those with masters, as far as there are enough.
fn no_node_of_an_application_master_goes_while_another_will_do(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for call in history.calls.iter().filter(|call| call.to < call.running) {
        let is_lied_to = faults_at(history, call.at).any(|fault| {
            fault.kind.lies()
                || fault.kind.hides_load()
                || fault.kind.hides_groups()
                || fault.kind.is_about_one_node()
        });
        if is_lied_to {
            continue;
        }
        let masters = call.masters.len() as u32;
        let protected: BTreeSet<_> = call.protect.iter().collect();
        let at_risk = call.masters.iter().filter(|id| !protected.contains(id));
        let named = call.prefer.iter().filter(|id| call.masters.contains(id));
        let (at_risk, named) = (at_risk.count() as u32, named.count());
        let unavoidable = masters.saturating_sub(call.to.get());
        if named > 0 || at_risk > unavoidable {
            found.push(format!(
                "{}: {at_risk} of {masters} nodes with masters at risk, {named} named: {}",
                second(call.at),
                shown(call)
            ));
        }
    }
    found
}

/// After a call without an answer, EMR has to be read before the next one.
fn nothing_is_asked_while_a_call_is_unanswered(history: &History) -> Vec<String> {
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
fn directions_do_not_change_too_soon(history: &History) -> Vec<String> {
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

fn nothing_is_resized_while_paused(history: &History) -> Vec<String> {
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

fn nothing_is_resized_that_is_amazons_or_not_ready(history: &History) -> Vec<String> {
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

/// What EMR is asked is what was decided in the tick, and the tick's decisions are durable before: a daemon that is
/// killed while it asks finds them again.
fn every_call_was_decided_and_written_before(history: &History) -> Vec<String> {
    let torn = history
        .script
        .faults
        .iter()
        .any(|fault| fault.kind == Kind::CrashTornJournal);
    let mut written = history.journalled.clone();
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

fn every_decision_follows_again_from_the_journal(history: &History) -> Vec<String> {
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
fn every_decision_is_explained(history: &History) -> Vec<String> {
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

/// The same size is not requested again while it is already requested and nothing is missing.
fn no_call_is_repeated_for_nothing(history: &History) -> Vec<String> {
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

/// A `grow` rule does not ask for more while EMR runs fewer instances than were requested.
fn growth_does_not_add_up_while_instances_are_owed(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for (tick, decision, resize) in resizes(history) {
        let by_grow = matches!(&resize.because, Cause::Rule(rule) if rule.as_str() == "waiting");
        if by_grow && resize.to > resize.from && decision.running < decision.requested {
            found.push(format!("{}: adds up: {decision}", second(tick.at)));
        }
    }
    found
}

/// A scale-out waits for no scale-in that EMR shows, however long its nodes drain.
fn growth_does_not_wait_for_a_drain(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for tick in &history.ticks {
        for decision in &tick.report.decisions {
            let Action::Hold(HoldReason::ResizeInFlight { .. }) = decision.action else {
                continue;
            };
            let asks_for_more = decision.rules.iter().any(
                |rule| matches!(rule.state, RuleState::Firing { to } if to > decision.requested),
            );
            let calls = history.calls.iter().rev();
            let mut before = calls
                .filter(|call| decision.group.as_ref() == Some(&call.group) && call.at < tick.at);
            let drains = before.next().is_some_and(|last| {
                last.to < last.from
                    && last.answer == Answer::Accepted
                    && last.to == decision.requested
            });
            let is_misled = faults_at(history, tick.at).any(|fault| fault.kind.hides_groups());
            if asks_for_more && drains && decision.running >= decision.requested && !is_misled {
                found.push(format!(
                    "{}: waits for a drain: {decision}",
                    second(tick.at)
                ));
            }
        }
    }
    found
}

/// A scale-in that names instances names those that do not work before those that do.
fn what_does_not_work_goes_first(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for (tick, decision, resize) in
        resizes(history).filter(|(_, _, resize)| resize.to < resize.from)
    {
        let Some(nodes) = &tick.report.observation.nodes else {
            continue;
        };
        let of_group = |node: &&NodeLoad| Some(&node.group) == decision.group.as_ref();
        let mut spared = nodes.value.0.iter().filter(of_group).filter(|node| {
            !node.health.is_usable()
                && !node.draining
                && !node.has_application_master
                && !resize.prefer.contains(&node.instance)
        });
        let works = |id: &&InstanceId| {
            let node = nodes.value.0.iter().find(|node| node.instance == **id);
            node.is_some_and(|node| node.health.is_usable() && !node.draining)
        };
        if let Some(spared) = spared.next()
            && let Some(named) = resize.prefer.iter().find(works)
        {
            found.push(format!(
                "{}: names {named}, which works, and not {}: {decision}",
                second(tick.at),
                spared.instance
            ));
        }
    }
    found
}

/// Demand counts no node as capacity that has been unhealthy for ten minutes, if it needs more than works.
fn what_does_not_work_is_no_room(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    let mut unhealthy_since: BTreeMap<&InstanceId, Timestamp> = BTreeMap::new();
    for tick in &history.ticks {
        let Some(nodes) = &tick.report.observation.nodes else {
            unhealthy_since.clear();
            continue;
        };
        let is_unhealthy =
            |node: &&NodeLoad| node.health == NodeHealth::Unhealthy && !node.draining;
        let unhealthy = nodes.value.0.iter().filter(is_unhealthy);
        let since = |node: &'_ NodeLoad| unhealthy_since.get(&node.instance).copied();
        let kept = unhealthy.map(|node| (&node.instance, since(node).unwrap_or(tick.at)));
        unhealthy_since = kept.collect();
        let of_old = unhealthy_since.values().filter(|since| {
            // Not to the second, and not across a gap in what was seen.
            tick.at.since(**since) > UNUSABLE_AFTER + POLL * 2
        });
        let counted = of_old.count() as f64;
        let is_misled = faults_between(history, tick.at - UNUSABLE_AFTER, tick.at).any(|fault| {
            fault.kind.is_of_clock()
                || fault.kind.hides_groups()
                || fault.kind.hides_load()
                || fault.kind.kills()
        });
        let working = nodes.value.0.iter().filter(|node| node.health.is_usable());
        let working = working.count() as u32;
        for decision in tick.report.decisions.iter().filter(|_| !is_misled) {
            if let Some(demand) = &decision.demand
                && demand.units_needed > working
                && f64::from(demand.units_unusable + demand.units_not_replaced) + 0.5 < counted
            {
                found.push(format!(
                    "{}: {counted} nodes have been unhealthy for long, and {} count as unusable: {decision}",
                    second(tick.at),
                    demand.units_unusable
                ));
            }
        }
    }
    found
}

/// While nothing is wrong, a daemon starts.
fn it_starts_whenever_it_can(history: &History) -> Vec<String> {
    let mut found = Vec::new();
    for (at, problem) in &history.starts {
        let is_calm = faults_at(history, *at).next().is_none();
        if let Some(problem) = problem.as_ref().filter(|_| is_calm) {
            found.push(format!("{}: does not start: {problem}", second(*at)));
        }
    }
    found
}

/// A daemon that runs observes at every poll, also when its clock is set.
fn it_ticks_at_every_poll(history: &History) -> Vec<String> {
    let ticks = history.ticks.iter().zip(history.ticks.iter().skip(1));
    let late = ticks.filter(|(one, next)| {
        let starts_between = |(at, _): &&(Timestamp, _)| one.at < *at && *at <= next.at;
        let is_killed = faults_between(history, one.at, next.at).any(|fault| fault.kind.kills());
        let is_one_run = history.starts.iter().find(starts_between).is_none() && !is_killed;
        is_one_run && next.at.since(one.at) > POLL * 2
    });
    late.map(|(one, next)| format!("{}: no tick until {}", second(one.at), second(next.at)))
        .collect()
}

fn it_converges_when_faults_cease(history: &History) -> Vec<String> {
    let last = history.ticks.last();
    let ended_s = last.map_or(u64::MAX, |tick| tick.at.since(START).as_secs());
    let smallest = |group: &str| match group {
        "ig-core" => Instances(CORE_LIMITS.0),
        _ => Instances(TASK_LIMITS.0),
    };
    let mut found = Vec::new();
    if !history.is_finished {
        found.push("work is left at the end".to_owned());
    }
    for (group, size) in &history.groups {
        if *size != smallest(group.as_str()) {
            let why = last.map(|tick| {
                let said: Vec<String> = tick
                    .report
                    .decisions
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                said.join("; ")
            });
            found.push(format!(
                "at the end {group} has {size}: {}",
                why.unwrap_or_default()
            ));
        }
    }
    if ended_s > CALM_FROM_S + CONVERGED_AFTER_S {
        found.push(format!("not at rest until {ended_s} s"));
    }
    found
}
