//! The wait of a scale-in for nodes that store shuffle output of running Spark applications.
//!
//! Such nodes stay while an application has stages left to read the output. Each stays at most
//! `keep_shuffle_output` after a scale-in first wanted it to go, or after it became empty if that is
//! later: then it has run tasks since. Applications are asked where they store
//! output only when a target is about to scale in, because the answer is large.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::TargetState;
use super::history::KeptNode;
use super::situation::Situation;
use super::termination::{can_ask_for_output, fewest_with, storage};
use crate::decision::{HoldReason, Limiter};
use crate::engine::limits::LimitedSize;
use crate::observation::{GroupKind, InstanceId, NodeLoad};
use crate::units::Instances;

/// A scale-in that wants a node again after so long is a new one, before which the cluster worked.
const NEW_WISH: Duration = Duration::from_secs(600);

impl TargetState {
    /// Notes which nodes store shuffle output while a rule or demand asks for a scale-in, and returns those
    /// that have to stay for it. A node that is named again after a long time starts anew.
    pub(super) fn keep_output(&mut self, now: &Situation) -> BTreeSet<InstanceId> {
        let (at, keep) = (now.tick.at(), self.spec.guards.keep_shuffle_output);
        let nodes = now.tick.snapshot().map_or(&[][..], |snapshot| &snapshot.0);
        let of_group = nodes.iter().filter(|node| node.group == now.group.id);
        let present: BTreeMap<&InstanceId, &NodeLoad> = of_group
            .filter(|node| !node.draining && node.health.is_usable())
            .filter(|node| !node.has_application_master)
            .map(|node| (&node.instance, node))
            .collect();
        let kept = &mut self.history.kept_nodes;
        kept.retain(|node| present.contains_key(&node.instance) && at.since(node.last) <= NEW_WISH);
        let storage = storage(now.tick).filter(|_| !keep.is_zero());
        let knows_all = storage.is_some_and(|storage| storage.apps_unknown == 0);
        let named = storage.map_or(&[][..], |storage| &storage.nodes);
        let named = named.iter().filter(|node| node.shuffle);
        let named: BTreeSet<&InstanceId> = named
            .map(|node| &node.instance)
            .filter(|instance| present.contains_key(instance))
            .collect();
        // An application that does not answer once may still need what it named before.
        let is_recent = |node: &KeptNode| at.since(node.last) <= now.tick.max_age;
        kept.retain(|node| named.contains(&node.instance) || !knows_all);
        for instance in named {
            match kept.iter_mut().find(|node| node.instance == *instance) {
                Some(node) => node.last = at,
                None => kept.push(KeptNode {
                    instance: instance.clone(),
                    since: at,
                    last: at,
                }),
            }
        }
        let empty_since = |node: &KeptNode| {
            let present = present.get(&node.instance);
            present.and_then(|present| present.idle_since)
        };
        let stays = |node: &&KeptNode| {
            let since = empty_since(node).map_or(node.since, |since| since.max(node.since));
            is_recent(node) && at.since(since) < keep
        };
        let staying = kept.iter().filter(stays);
        staying.map(|node| node.instance.clone()).collect()
    }

    /// Forgets which nodes were kept, because the group is asked to grow: it needs them for new work.
    pub(super) fn forget_output(&mut self) {
        self.history.kept_nodes.clear();
    }

    /// Whether a scale-in has to be held until it is known which nodes store shuffle output. If there is
    /// one at all, the next observation should tell.
    pub(super) fn wait_for_answers(
        &mut self,
        now: &Situation,
        limited: &Result<LimitedSize, HoldReason>,
    ) -> Option<HoldReason> {
        let limited = limited.as_ref().ok()?;
        let is_by_output = limited
            .by
            .is_some_and(|by| by.limiter == Limiter::ShuffleOutput);
        let scales_in = limited.size < now.group.requested || is_by_output;
        self.asks_for_output = scales_in && !self.spec.guards.keep_shuffle_output.is_zero();
        (self.asks_for_output && can_ask_for_output(now.tick))
            .then_some(HoldReason::AskingForOutput)
    }
}

/// The fewest instances of the group with which `kept` stay; `None` if there are none. Nothing that runs
/// containers goes in their place. EMR chooses which instances of a fleet go, so that all stay.
pub(super) fn output_floor(now: &Situation, kept: &BTreeSet<InstanceId>) -> Option<Instances> {
    if kept.is_empty() {
        return None;
    }
    Some(match now.group.kind {
        GroupKind::Fleet => now.group.requested,
        GroupKind::Group => fewest_with(now.tick, now.group, kept),
    })
}
