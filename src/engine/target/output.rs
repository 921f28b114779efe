//! The wait of a scale-in for nodes that store shuffle output of running Spark applications.
//!
//! Such nodes stay while an application has stages left to read the output. Each stays at most
//! `keep_shuffle_output` after a scale-in first wanted it to go, or after it became empty if that is
//! later: then it has run tasks since. It stays up to half of that time more if the known work is done
//! by then: what it would save is less than it has cost already, and would be lost. Applications are asked where they store output only when a
//! target is about to scale in, because the answer is large.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::TargetState;
use super::history::KeptNode;
use super::situation::Situation;
use super::termination::{can_ask_for_output, fewest_with, storage};
use crate::decision::{HoldReason, Limiter, OutputWait};
use crate::engine::limits::LimitedSize;
use crate::observation::{GroupKind, InstanceId, NodeLoad};
use crate::units::{Instances, Timestamp};

/// A scale-in that wants a node again after so long is a new one, before which the cluster worked.
const NEW_WISH: Duration = Duration::from_secs(600);
/// The share of `keep_shuffle_output` for which a node stays longer if the known work is done by then.
const LONGER: f64 = 0.5;

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
        let storage = storage(now.tick).filter(|_| !keep.is_zero());
        let knows_all = storage.is_some_and(|storage| storage.apps_unknown == 0);
        let is_named = |instance: &InstanceId| {
            let stored = storage.and_then(|storage| storage.of(instance));
            stored.is_some_and(|stored| stored.shuffle)
        };
        let kept = &mut self.history.kept_nodes;
        kept.retain(|instance, node| {
            let is_old = at.since(node.last) > NEW_WISH;
            let may_need_it = is_named(instance) || !knows_all;
            present.contains_key(instance) && !is_old && may_need_it
        });
        for instance in present.keys().filter(|instance| is_named(instance)) {
            let first = KeptNode {
                since: at,
                last: at,
            };
            kept.entry((*instance).clone()).or_insert(first).last = at;
        }
        let work_done_at = work_done_at(now);
        let stays_until = |(instance, node): (&InstanceId, &KeptNode)| {
            let empty_since = present.get(instance).and_then(|node| node.idle_since);
            let since = empty_since.map_or(node.since, |empty| empty.max(node.since));
            // An application that does not answer once may still need what it named before.
            let is_recent = at.since(node.last) <= now.tick.max_age;
            let until = since + keep;
            let latest = until + keep.mul_f64(LONGER);
            let until = match work_done_at {
                Some(done_at) if at >= until && done_at <= latest => done_at,
                _ => until,
            };
            (is_recent && at < until).then(|| (instance.clone(), until))
        };
        let staying: BTreeMap<InstanceId, Timestamp> =
            kept.iter().filter_map(stays_until).collect();
        if now.tick.with_reports {
            self.output_wait = output_wait(now, &staying, work_done_at);
        }
        staying.into_keys().collect()
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

/// When the known work of all applications is done at the present size; `None` if that is not known, or
/// nothing is known to be left: what comes then is not known.
fn work_done_at(now: &Situation) -> Option<Timestamp> {
    let totals = &now.tick.work()?.totals;
    let done_s = totals.drain_s.filter(|done_s| *done_s > 0.0)?;
    let left = Duration::try_from_secs_f64(done_s).ok()?;
    Some(now.tick.at() + left)
}

/// What it costs that these nodes stay until then.
fn output_wait(
    now: &Situation,
    staying: &BTreeMap<InstanceId, Timestamp>,
    work_done_at: Option<Timestamp>,
) -> Option<OutputWait> {
    let at = now.tick.at();
    let until = staying.values().copied().max()?;
    Some(OutputWait {
        nodes: u32::try_from(staying.len()).unwrap_or(u32::MAX),
        until,
        is_extended: Some(until) == work_done_at,
        node_s: staying.values().map(|until| until.seconds_since(at)).sum(),
        work_done_s: now.tick.work().and_then(|work| work.totals.drain_s),
    })
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
