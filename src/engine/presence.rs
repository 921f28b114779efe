//! Instances that EMR runs and YARN does not use: unhealthy, lost, never registered, or not yet
//! registered again with a ResourceManager that restarted.
//!
//! At first they are unavailable: they may come back, and nothing scales in because YARN does not list
//! them. After their [`patience`] they are unusable: they are no capacity, and the first to be
//! terminated. While YARN lists none at all, nothing scales in, however long that lasts.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::node_count::{NodeCount, share_of};
use crate::observation::{
    GroupId, GroupKind, GroupStatus, InstanceId, NodeHealth, NodeLoad, NodeSnapshot, Observation,
    Role, Sampled,
};
use crate::units::{Instances, Timestamp};

/// How long an instance may be unavailable before it counts as unusable. NodeManagers register again
/// within a minute or two after the ResourceManager is back, however often it is polled.
const LEAST_PATIENCE: Duration = Duration::from_secs(600);
/// Fewer measurements do not show that an instance does not come back.
const LEAST_POLLS: u32 = 4;

/// How long an instance may be unavailable before it counts as unusable: ten minutes, and at least four
/// polls.
pub fn patience(poll: Duration) -> Duration {
    LEAST_PATIENCE.max(poll * LEAST_POLLS)
}

/// How long instances have been unavailable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Since when each instance of the list of nodes has been unavailable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    nodes: BTreeMap<InstanceId, Timestamp>,
    /// Those of which only the number is known, oldest first: since when so many more have been
    /// unavailable.
    #[serde(alias = "unused")]
    unavailable: Vec<(Timestamp, u32)>,
    measured_at: Option<Timestamp>,
}

/// The unavailable instances of the cluster at one tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unavailable {
    /// All of them.
    pub total: u32,
    /// Those that YARN lists as unhealthy.
    unhealthy: u32,
    /// Those that have been unavailable for so long that they are no capacity.
    pub unusable: u32,
    /// The unusable ones by group, as far as that is known. Groups that are left out have none.
    by_group: Vec<(GroupId, u32)>,
    /// Instances that YARN does not list, if some of them have not been unavailable for long, or it lists none
    /// at all.
    pub not_listed: Option<NotListed>,
}

/// Instances that EMR runs and YARN does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotListed {
    /// How many there are.
    pub not_listed: u32,
    /// How many EMR runs, without the primary node.
    pub running: u32,
    /// When the last of them counts as unusable. While YARN lists none, it moves on with every measurement.
    pub until: Timestamp,
}

impl Presence {
    /// Processes an observation. `max_age` is how old a measurement may be, and how far apart two of them
    /// may lie.
    pub fn observe(
        &mut self,
        observation: &Observation,
        poll: Duration,
        max_age: Duration,
    ) -> Unavailable {
        let at = observation.at;
        let Some(Sampled {
            value: count,
            measured_at,
        }) = NodeCount::of(observation, max_age)
        else {
            return Unavailable::default();
        };
        self.forget_after_a_gap(measured_at, max_age);
        let total = count.unhealthy.saturating_add(count.not_listed);
        let is_old = |since: Timestamp| at.since(since) >= patience(poll);
        let snapshot = fresh_snapshot(observation, max_age);
        let named = unavailable_nodes(snapshot, total);
        let lists_none = lists_none(snapshot, count);
        if lists_none {
            // Then it is YARN that does not work. Once it lists the first, the others have their time to
            // register again.
            self.unavailable.clear();
            self.nodes.clear();
        }
        self.follow(&named, measured_at);
        self.set_total(total.saturating_sub(self.nodes.len() as u32), measured_at);
        let since = |node: &NodeLoad| self.nodes.get(&node.instance).copied();
        let is_unusable = |node: &&&NodeLoad| since(node).is_some_and(is_old);
        let unusable_nodes: Vec<&NodeLoad> = named.iter().filter(is_unusable).copied().collect();
        let unnamed = self.unavailable.iter().filter(|(since, _)| is_old(*since));
        let unnamed = unnamed
            .map(|(_, instances)| *instances)
            .fold(0, u32::saturating_add);
        let unusable = unnamed
            .saturating_add(unusable_nodes.len() as u32)
            .min(total);
        let newest = self
            .nodes
            .values()
            .chain(self.unavailable.iter().map(|(since, _)| since));
        let newest = newest.max().copied().unwrap_or(at);
        let not_yet_unusable = count.not_listed.min(total - unusable);
        let by_group = match snapshot {
            Some(_) => by_group(unusable_nodes.iter().map(|node| &node.group)),
            None => of_the_only_group(observation, unusable),
        };
        Unavailable {
            total,
            unhealthy: count.unhealthy,
            unusable,
            by_group,
            not_listed: (not_yet_unusable > 0 || lists_none).then_some(NotListed {
                not_listed: count.not_listed,
                running: count.running,
                until: newest + patience(poll),
            }),
        }
    }

    /// Starts over, because the clock went back.
    pub fn handle_clock_rollback(&mut self) {
        *self = Self::default();
    }

    /// Starts over if nothing was measured for longer than `max_age`, or the measurements went back in
    /// time.
    fn forget_after_a_gap(&mut self, measured_at: Timestamp, max_age: Duration) {
        let is_gap = |last: Timestamp| measured_at < last || measured_at.since(last) > max_age;
        if self.measured_at.is_some_and(is_gap) {
            self.unavailable.clear();
            self.nodes.clear();
        }
        self.measured_at = Some(measured_at);
    }

    /// Keeps since when each of these nodes has been unavailable.
    fn follow(&mut self, unavailable: &[&NodeLoad], at: Timestamp) {
        let before = std::mem::take(&mut self.nodes);
        let since = |node: &&NodeLoad| {
            let since = before.get(&node.instance).copied().unwrap_or(at);
            (node.instance.clone(), since)
        };
        self.nodes = unavailable.iter().map(since).collect();
    }

    /// Those that have been unavailable for the shortest time are the first that are used again.
    fn set_total(&mut self, total: u32, at: Timestamp) {
        let counts = self.unavailable.iter().map(|(_, instances)| *instances);
        let mut counted = counts.fold(0, u32::saturating_add);
        if total > counted {
            self.unavailable.push((at, total - counted));
        }
        while total < counted
            && let Some((_, newest)) = self.unavailable.last_mut()
        {
            let used_again = (*newest).min(counted - total);
            *newest -= used_again;
            counted -= used_again;
            if *newest == 0 {
                self.unavailable.pop();
            }
        }
    }
}

impl Unavailable {
    /// How many of a group's instances are unusable, as far as that is known; of a fleet, how many
    /// units.
    pub fn unusable_in(&self, group: &GroupStatus, snapshot: Option<&NodeSnapshot>) -> u32 {
        let found = self.by_group.iter().find(|(id, _)| *id == group.id);
        let unusable = found.map_or(0, |(_, instances)| *instances);
        units_of(group, unusable, snapshot)
    }

    /// How many of a group's instances are known not to work: unhealthy ones at once, those that YARN
    /// does not list once they are unusable. Of a fleet, how many units.
    pub fn not_working_in(
        &self,
        group: &GroupStatus,
        snapshot: Option<&NodeSnapshot>,
    ) -> Instances {
        let unhealthy = match snapshot {
            Some(snapshot) => {
                let nodes = snapshot.of_group(&group.id);
                let unhealthy = |node: &&NodeLoad| node.health == NodeHealth::Unhealthy;
                nodes.filter(unhealthy).count() as u32
            }
            None => self.unhealthy.min(group.running.get()),
        };
        let unhealthy = units_of(group, unhealthy.min(self.unhealthy), snapshot);
        Instances(unhealthy.max(self.unusable_in(group, snapshot)))
    }

    /// How many instances of a group are unavailable; of a fleet, how many units. Without a snapshot of
    /// the nodes it is not known which they are, and each group is taken to have them.
    pub fn in_group(&self, group: &GroupStatus, snapshot: Option<&NodeSnapshot>) -> Instances {
        let Some(snapshot) = snapshot else {
            return Instances(self.total).min(group.running);
        };
        let usable = snapshot
            .of_group(&group.id)
            .filter(|node| node.health.is_usable());
        let usable = usable.count() as u32;
        // The list of instances may be older than the number of those that run.
        let nodes = match group.kind {
            GroupKind::Group => group.running.get(),
            GroupKind::Fleet => snapshot.of_group(&group.id).count() as u32,
        };
        let unavailable = self.total.min(nodes.saturating_sub(usable));
        Instances(units_of(group, unavailable, Some(snapshot)))
    }
}

/// So many instances of a group in its units.
fn units_of(group: &GroupStatus, instances: u32, snapshot: Option<&NodeSnapshot>) -> u32 {
    match (group.kind, snapshot) {
        (GroupKind::Group, _) | (GroupKind::Fleet, None) => instances,
        (GroupKind::Fleet, Some(snapshot)) => {
            let nodes = snapshot.of_group(&group.id).count() as u32;
            share_of(group.running.get(), instances, nodes)
        }
    }
}

/// Whether a node of the list is unavailable. One that drains is about to go anyway.
fn is_unavailable(node: &NodeLoad) -> bool {
    !node.draining && !node.health.is_usable()
}

/// The unavailable nodes of the list, unless they are more than the `total` of the instances that run: such
/// a list does not say which ones do.
fn unavailable_nodes(snapshot: Option<&NodeSnapshot>, total: u32) -> Vec<&NodeLoad> {
    let Some(snapshot) = snapshot else {
        return Vec::new();
    };
    let unavailable = snapshot.0.iter().filter(|node| is_unavailable(node));
    let unavailable: Vec<&NodeLoad> = unavailable.collect();
    if unavailable.len() as u32 > total {
        return Vec::new();
    }
    unavailable
}

/// Whether YARN lists none of the instances that EMR runs; those that it lists as decommissioned do not count.
fn lists_none(snapshot: Option<&NodeSnapshot>, count: NodeCount) -> bool {
    let is_listed = |node: &NodeLoad| node.health != NodeHealth::NotListed;
    let lists_some = match snapshot {
        Some(snapshot) => snapshot.0.iter().any(is_listed),
        None => count.not_listed < count.running,
    };
    count.running > 0 && count.not_listed > 0 && !lists_some
}

fn by_group<'a>(groups: impl Iterator<Item = &'a GroupId>) -> Vec<(GroupId, u32)> {
    let mut counts: BTreeMap<&GroupId, u32> = BTreeMap::new();
    for group in groups {
        *counts.entry(group).or_default() += 1;
    }
    let counts = counts.into_iter();
    counts
        .map(|(group, count)| (group.clone(), count))
        .collect()
}

/// Without the list of nodes, it is known where the unusable ones are only if they can be nowhere else.
fn of_the_only_group(observation: &Observation, unusable: u32) -> Vec<(GroupId, u32)> {
    let groups = observation.cluster.value.groups.iter();
    let mut with_instances =
        groups.filter(|group| group.role != Role::Primary && group.running.get() > 0);
    match (with_instances.next(), with_instances.next()) {
        (Some(group), None) if unusable > 0 => vec![(group.id.clone(), unusable)],
        _ => Vec::new(),
    }
}

fn fresh_snapshot(observation: &Observation, max_age: Duration) -> Option<&NodeSnapshot> {
    let nodes = observation.nodes.as_ref()?;
    (observation.at.since(nodes.measured_at) <= max_age).then_some(&nodes.value)
}
