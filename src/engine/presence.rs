//! Instances that EMR runs and YARN does not use: unhealthy, lost, never registered, or not yet
//! registered again with a ResourceManager that restarted.
//!
//! At first they are unavailable: they may come back, and nothing scales in because YARN does not list
//! them. After [`PATIENCE_POLLS`] they are unusable: they are no capacity, and the first to be terminated.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::{
    GroupId, GroupKind, GroupStatus, NodeHealth, NodeLoad, NodeSnapshot, NodesByState, Observation,
    Role, YarnLoad,
};
use crate::units::{Instances, Timestamp};

/// How many polls an instance may be unavailable before it counts as unusable: ten minutes at the default
/// poll of 30 s. NodeManagers register again within a minute or two after the ResourceManager is back.
pub const PATIENCE_POLLS: u32 = 20;

/// How long instances have been unavailable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Presence {
    /// Oldest first: since when so many more instances have been unavailable.
    #[serde(alias = "unused")]
    unavailable: Vec<(Timestamp, u32)>,
    measured_at: Option<Timestamp>,
}

/// The unavailable instances of the cluster at one tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unavailable {
    /// All of them.
    pub total: u32,
    /// Those that have been unavailable for so long that they are no capacity.
    pub unusable: u32,
    /// Instances that YARN does not list, if some of them have not been unavailable for long.
    pub not_listed: Option<NotListed>,
}

/// Instances that EMR runs and YARN does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotListed {
    /// How many there are.
    pub not_listed: u32,
    /// How many EMR runs, without the primary node.
    pub running: u32,
    /// When the last of them counts as unusable.
    pub until: Timestamp,
}

/// What one observation shows.
struct Count {
    running: u32,
    unhealthy: u32,
    not_listed: u32,
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
        let Some((measured_at, count)) = count(observation, max_age) else {
            return Unavailable::default();
        };
        let is_gap = |last: Timestamp| measured_at < last || measured_at.since(last) > max_age;
        if self.measured_at.is_some_and(is_gap) {
            self.unavailable.clear();
        }
        self.measured_at = Some(measured_at);
        let total = count.unhealthy.saturating_add(count.not_listed);
        self.set_total(total, measured_at);
        let patience = poll * PATIENCE_POLLS;
        let unusable = self
            .unavailable
            .iter()
            .filter(|(since, _)| at.since(*since) >= patience)
            .map(|(_, instances)| *instances)
            .fold(0, u32::saturating_add);
        let newest = self.unavailable.last().map_or(at, |(since, _)| *since);
        let not_yet_unusable = count.not_listed.min(total - unusable);
        Unavailable {
            total,
            unusable,
            not_listed: (not_yet_unusable > 0).then_some(NotListed {
                not_listed: count.not_listed,
                running: count.running,
                until: newest + patience,
            }),
        }
    }

    /// Starts over, because the clock went back.
    pub fn handle_clock_rollback(&mut self) {
        *self = Self::default();
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
    /// How many instances of a group are unavailable; of a fleet, how many units. Without a snapshot of
    /// the nodes it is not known which they are, and each group is taken to have them.
    pub fn in_group(&self, group: &GroupStatus, snapshot: Option<&NodeSnapshot>) -> Instances {
        let Some(snapshot) = snapshot else {
            return Instances(self.total).min(group.running);
        };
        let unavailable = of_group(snapshot, &group.id).filter(|node| !node.health.is_usable());
        let unavailable = self.total.min(unavailable.count() as u32);
        Instances(match group.kind {
            GroupKind::Group => unavailable,
            GroupKind::Fleet => {
                let nodes = of_group(snapshot, &group.id).count() as u32;
                share_of(group.running.get(), unavailable, nodes)
            }
        })
    }
}

/// Counts the unavailable instances, and says when YARN was measured; `None` if that is not known.
fn count(observation: &Observation, max_age: Duration) -> Option<(Timestamp, Count)> {
    let groups = &observation.cluster.value.groups;
    let is_fresh = |measured_at: Timestamp| observation.at.since(measured_at) <= max_age;
    if let Some(nodes) = observation
        .nodes
        .as_ref()
        .filter(|nodes| is_fresh(nodes.measured_at))
    {
        return Some((nodes.measured_at, listed(&nodes.value, groups)));
    }
    let yarn = observation
        .yarn
        .as_ref()
        .filter(|yarn| is_fresh(yarn.measured_at))?;
    Some((yarn.measured_at, counted(&yarn.value, groups)?))
}

/// Counts by the list of nodes. Of the instances that are not listed, those that were decommissioned
/// do not count, as far as a scale-in is about to terminate instances. That it is does not say which
/// they are: the others may be there and busy, and only be missing from the list.
fn listed(snapshot: &NodeSnapshot, groups: &[GroupStatus]) -> Count {
    let mut count = Count {
        running: 0,
        unhealthy: 0,
        not_listed: 0,
    };
    for group in workers(groups) {
        let (mut nodes, mut draining, mut decommissioned) = (0, 0, 0);
        for node in of_group(snapshot, &group.id) {
            nodes += 1;
            match node.health {
                NodeHealth::NotListed if node.draining => decommissioned += 1,
                NodeHealth::NotListed => count.not_listed += 1,
                NodeHealth::Unhealthy if !node.draining => count.unhealthy += 1,
                NodeHealth::Usable | NodeHealth::Unhealthy => draining += u32::from(node.draining),
            }
        }
        // The units of a fleet are not nodes: of its nodes, the same share leaves as of its units.
        let (running, leaving) = match group.kind {
            GroupKind::Group => (group.running.get(), group.leaving()),
            GroupKind::Fleet => (nodes, share_of(nodes, group.leaving(), group.running.get())),
        };
        let have_left = decommissioned.min(leaving.saturating_sub(draining));
        count.running = count.running.saturating_add(running);
        count.not_listed += decommissioned - have_left;
    }
    count
}

/// `of * part / whole`, rounded up.
fn share_of(of: u32, part: u32, whole: u32) -> u32 {
    let share = (u64::from(of) * u64::from(part)).div_ceil(u64::from(whole.max(1)));
    u32::try_from(share).unwrap_or(of)
}

/// Counts by YARN's numbers of nodes; `None` if those are not known, or if groups do not count
/// nodes. The numbers of lost and of decommissioned nodes include those of instances that were
/// terminated long ago: they say nothing of the instances that run, but for those of a scale-in that is
/// in flight.
fn counted(yarn: &YarnLoad, groups: &[GroupStatus]) -> Option<Count> {
    let nodes = yarn.nodes;
    let is_known = nodes != NodesByState::default() || yarn.memory_total.get() == 0;
    if !is_known || workers(groups).any(|group| group.kind == GroupKind::Fleet) {
        return None;
    }
    let running = workers(groups)
        .map(|group| group.running.get())
        .fold(0, u32::saturating_add);
    let leaving = workers(groups)
        .map(GroupStatus::leaving)
        .fold(0, u32::saturating_add);
    let have_left = leaving.saturating_sub(nodes.decommissioning);
    let accounted_for = nodes
        .active
        .saturating_add(nodes.decommissioning)
        .saturating_add(nodes.decommissioned.min(have_left));
    let unavailable = running.saturating_sub(accounted_for);
    let unhealthy = unavailable.min(nodes.unhealthy);
    Some(Count {
        running,
        unhealthy,
        not_listed: unavailable - unhealthy,
    })
}

fn workers(groups: &[GroupStatus]) -> impl Iterator<Item = &GroupStatus> {
    groups.iter().filter(|group| group.role != Role::Primary)
}

fn of_group<'a>(
    snapshot: &'a NodeSnapshot,
    group: &'a GroupId,
) -> impl Iterator<Item = &'a NodeLoad> {
    snapshot.0.iter().filter(move |node| node.group == *group)
}
