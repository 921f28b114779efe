//! Chooses which nodes a scale-in terminates first.
//!
//! A node without containers may still store shuffle output of a running application, for stages
//! that have not read it yet. YARN does not report which nodes do; Spark applications say it when they
//! are asked. Where that is unknown, output that was written before the oldest running application
//! started is not needed by any of them.

use std::collections::BTreeSet;

use crate::engine::tick::Tick;
use crate::observation::work::{ApplicationKind, ApplicationWork, Storage, WorkOrReason};
use crate::observation::{GroupKind, GroupStatus, InstanceId, NodeLoad};
use crate::units::{Instances, Timestamp};

/// How much would be lost if a node were terminated, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Loss {
    /// YARN does not use the node.
    Unusable,
    /// The node is empty, and no running application can need output on it.
    Nothing,
    /// The node has been empty since then and may store output that is needed. The longer ago, the
    /// more likely it has been read.
    Output { idle_since: Timestamp },
    /// The node runs this many containers.
    Containers(u32),
    /// The node runs this many containers, one of which caches blocks.
    Cached(u32),
    /// The node is kept for its shuffle output, and runs this many containers.
    Kept(u32),
    /// The node runs an application master: the application would be lost.
    Application,
}

impl Loss {
    const fn is_of_empty_node(self) -> bool {
        matches!(self, Self::Unusable | Self::Nothing | Self::Output { .. })
    }
}

/// Returns the instances to protect and those to terminate first when a group scales in to `to`:
/// see [`Resize`](crate::decision::Resize). Instances may also have to be terminated when the
/// requested size grows, if an earlier scale-in is still in flight. For a fleet there are none:
/// `ModifyInstanceFleet` cannot name instances.
pub(super) fn choose_nodes(
    tick: &Tick,
    group: &GroupStatus,
    to: Instances,
    kept: &BTreeSet<InstanceId>,
) -> (Vec<InstanceId>, Vec<InstanceId>) {
    let can_name = group.kind == GroupKind::Group && to < group.running;
    let Some(snapshot) = tick.snapshot().filter(|_| can_name) else {
        return Default::default();
    };
    let (draining, staying): (Vec<&NodeLoad>, Vec<_>) = snapshot
        .0
        .iter()
        .filter(|node| node.group == group.id)
        .partition(|node| node.draining);
    // Among equals the last one of the snapshot is first: snapshots are in order of arrival, so
    // that this is the newest node.
    let mut by_loss: Vec<(Loss, &NodeLoad)> = staying
        .into_iter()
        .rev()
        .map(|node| (loss(tick, node, kept), node))
        .collect();
    by_loss.sort_by_key(|(loss, _)| *loss);
    let to_terminate = ((group.running - to).get() as usize).saturating_sub(draining.len());
    let empty = by_loss
        .iter()
        .take(to_terminate)
        .take_while(|(loss, _)| loss.is_of_empty_node())
        .count();
    let (prefer, others) = by_loss.split_at(empty);
    let masters = others
        .iter()
        .filter(|(loss, _)| *loss == Loss::Application)
        .count();
    let protect = others
        .iter()
        .rev()
        .take_while(|(loss, _)| *loss > Loss::Nothing)
        .take(masters.max(to.get() as usize));
    (ids(protect), ids(prefer))
}

/// Returns the fewest instances of the group that can keep all its application masters: one for
/// each node that runs one. EMR chooses which instances of a fleet to terminate, so that only the
/// last one can be kept.
pub(super) fn application_masters_floor(tick: &Tick, group: &GroupStatus) -> Instances {
    match group.kind {
        GroupKind::Group => Instances(application_masters(tick, group)),
        GroupKind::Fleet => Instances(application_masters(tick, group).min(1)),
    }
}

/// Returns how many instances of the group stay if all others go: the `kept` ones, those with application
/// masters, and, where an empty one is kept, those that run containers.
pub(super) fn fewest_with(
    tick: &Tick,
    group: &GroupStatus,
    kept: &BTreeSet<InstanceId>,
) -> Instances {
    let nodes = tick.snapshot().map_or(&[][..], |snapshot| &snapshot.0);
    let of_group = || {
        let is_of_group = |node: &&NodeLoad| node.group == group.id && !node.draining;
        nodes.iter().filter(is_of_group)
    };
    let is_kept = |node: &NodeLoad| kept.contains(&node.instance);
    let keeps_empty = of_group().any(|node| is_kept(node) && node.containers == 0);
    let stay = of_group().filter(|node| {
        node.has_application_master || is_kept(node) || (keeps_empty && node.containers > 0)
    });
    Instances(stay.count() as u32)
}

/// Whether Spark applications can say which nodes store their data, and have not been asked.
pub(super) fn can_ask_for_output(tick: &Tick) -> bool {
    let is_spark = |application: &ApplicationWork| {
        application.kind == ApplicationKind::Spark
            && matches!(application.work, WorkOrReason::Known(_))
    };
    let work = tick.work();
    work.is_some_and(|work| work.storage.is_none() && work.applications.iter().any(is_spark))
}

/// Returns how many instances with application masters a scale-in to `to` may terminate.
pub(super) fn application_masters_at_risk(tick: &Tick, group: &GroupStatus, to: Instances) -> u32 {
    if to >= group.running {
        return 0;
    }
    match group.kind {
        GroupKind::Group => application_masters(tick, group).saturating_sub(to.get()),
        GroupKind::Fleet => application_masters(tick, group),
    }
}

/// How many nodes of the group run an application master and are not draining.
fn application_masters(tick: &Tick, group: &GroupStatus) -> u32 {
    tick.snapshot().map_or(0, |snapshot| {
        let masters = snapshot
            .0
            .iter()
            .filter(|node| node.group == group.id && node.has_application_master && !node.draining);
        masters.count() as u32
    })
}

fn ids<'a>(nodes: impl IntoIterator<Item = &'a (Loss, &'a NodeLoad)>) -> Vec<InstanceId> {
    nodes
        .into_iter()
        .map(|(_, node)| node.instance.clone())
        .collect()
}

fn loss(tick: &Tick, node: &NodeLoad, kept: &BTreeSet<InstanceId>) -> Loss {
    if node.has_application_master {
        Loss::Application
    } else if !node.health.is_usable() {
        Loss::Unusable
    } else if kept.contains(&node.instance) {
        Loss::Kept(node.containers)
    } else if node.containers > 0 && is_cached(tick, node) {
        Loss::Cached(node.containers)
    } else if node.containers > 0 {
        Loss::Containers(node.containers)
    } else if stores_nothing_needed(tick, node) {
        Loss::Nothing
    } else {
        // Without a known time, assume that the node became empty just now.
        Loss::Output {
            idle_since: node.idle_since.unwrap_or(tick.at()),
        }
    }
}

/// Whether an executor on the node caches blocks, as far as applications were asked.
fn is_cached(tick: &Tick, node: &NodeLoad) -> bool {
    let stored = storage(tick).and_then(|storage| storage.of(&node.instance));
    stored.is_some_and(|stored| stored.cached)
}

/// What Spark applications said about where they store data, if they were asked.
pub(super) fn storage<'a>(tick: &Tick<'a>) -> Option<&'a Storage> {
    tick.work()?.storage.as_ref()
}

/// Whether no running application can need output on an empty node: all have said that they store none
/// there, there is no application, or the oldest one started after the node had become empty.
fn stores_nothing_needed(tick: &Tick, empty: &NodeLoad) -> bool {
    if let Some(storage) = storage(tick).filter(|storage| storage.apps_unknown == 0) {
        return storage
            .of(&empty.instance)
            .is_none_or(|stored| !stored.shuffle);
    }
    let Some(yarn) = tick.yarn() else {
        return false;
    };
    if yarn.apps_running == 0 && yarn.apps_pending == 0 {
        return true;
    }
    empty
        .idle_since
        .zip(yarn.oldest_app_started_at)
        .is_some_and(|(idle_since, started_at)| idle_since < started_at)
}
