//! The life of the daemon.

use super::super::history::{History, faults_at, faults_between, second};
use super::super::script::{CALM_FROM_S, CORE_LIMITS, POLL, START, TASK_LIMITS};
use crate::units::{Instances, Timestamp};

/// How long after the last fault the groups are back at their smallest, at most: what is in flight and quarantined
/// by then, the work that is left, and the waits before a scale-in.
const CONVERGED_AFTER_S: u64 = 7_000;

/// While nothing is wrong, a daemon starts.
pub fn it_starts_whenever_it_can(history: &History) -> Vec<String> {
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
pub fn it_ticks_at_every_poll(history: &History) -> Vec<String> {
    let ticks = history.ticks.iter().zip(history.ticks.iter().skip(1));
    let late = ticks.filter(|(one, next)| {
        let starts_between = |(at, _): &&(Timestamp, _)| one.at < *at && *at <= next.at;
        let is_killed = faults_between(history, one.at, next.at)
            .any(|fault| fault.kind.kills() || fault.kind.of_disk().is_some());
        let is_one_run = history.starts.iter().find(starts_between).is_none() && !is_killed;
        is_one_run && next.at.since(one.at) > POLL * 2
    });
    late.map(|(one, next)| format!("{}: no tick until {}", second(one.at), second(next.at)))
        .collect()
}

pub fn it_converges_when_faults_cease(history: &History) -> Vec<String> {
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
