//! When and what a group loses.

use std::collections::BTreeSet;

use super::super::faults::Kind;
use super::super::history::{History, faults_at, resizes, second, shown};
use super::super::script::START;
use crate::decision::Cause;
use crate::observation::{InstanceId, NodeLoad};

/// A scale-in needs the load, the nodes and the application masters. Only `max` needs none.
pub fn nothing_scales_in_on_what_is_not_known(history: &History) -> Vec<String> {
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
pub fn no_node_of_an_application_master_goes_while_another_will_do(
    history: &History,
) -> Vec<String> {
    let mut found = Vec::new();
    for call in history.calls.iter().filter(|call| call.to < call.running) {
        let is_lied_to = faults_at(history, call.at).any(|fault| {
            fault.kind.lies()
                || fault.kind.hides_load()
                || fault.kind.hides_groups()
                || fault.kind.is_about_nodes()
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

/// A scale-in that names instances names those that do not work before those that do.
pub fn what_does_not_work_goes_first(history: &History) -> Vec<String> {
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
