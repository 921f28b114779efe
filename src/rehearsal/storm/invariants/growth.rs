//! When a group grows.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::history::{History, faults_at, faults_between, resizes, second};
use super::super::link::Answer;
use super::super::script::POLL;
use crate::decision::{Action, Cause, HoldReason, RuleState};
use crate::observation::{InstanceId, NodeHealth, NodeLoad};
use crate::units::Timestamp;

/// How long an instance is unavailable until it counts as unusable.
const UNUSABLE_AFTER: Duration = Duration::from_secs(600);

/// A `grow` rule does not ask for more while EMR runs fewer instances than were requested.
pub fn growth_does_not_add_up_while_instances_are_owed(history: &History) -> Vec<String> {
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
pub fn growth_does_not_wait_for_a_drain(history: &History) -> Vec<String> {
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
            // A scale-in that EMR shows, or a scale-out behind one, which is complete at once.
            let drains = before.next().is_some_and(|last| {
                last.answer == Answer::Accepted && last.to == decision.requested
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

/// Demand counts no node as capacity that has been unhealthy for ten minutes, if it needs more than works.
pub fn what_does_not_work_is_no_room(history: &History) -> Vec<String> {
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
