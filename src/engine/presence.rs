//! Instances that EMR runs and YARN does not use: unhealthy, lost, never registered, or not yet
//! registered again with a ResourceManager that restarted.
//!
//! At first they are unavailable: they may come back, and nothing scales in because YARN does not list
//! them. After [`PATIENCE_POLLS`] they are unusable: they are no capacity, and the first to be terminated.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::node_count::{NodeCount, share_of};
use crate::observation::{GroupKind, GroupStatus, NodeSnapshot, Observation};
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
        let unavailable = snapshot
            .of_group(&group.id)
            .filter(|node| !node.health.is_usable());
        let unavailable = self.total.min(unavailable.count() as u32);
        Instances(match group.kind {
            GroupKind::Group => unavailable,
            GroupKind::Fleet => {
                let nodes = snapshot.of_group(&group.id).count() as u32;
                share_of(group.running.get(), unavailable, nodes)
            }
        })
    }
}

/// Counts the unavailable instances, and says when YARN was measured; `None` if that is not known.
fn count(observation: &Observation, max_age: Duration) -> Option<(Timestamp, NodeCount)> {
    let groups = &observation.cluster.value.groups;
    let is_fresh = |measured_at: Timestamp| observation.at.since(measured_at) <= max_age;
    if let Some(nodes) = observation
        .nodes
        .as_ref()
        .filter(|nodes| is_fresh(nodes.measured_at))
    {
        return Some((nodes.measured_at, NodeCount::listed(&nodes.value, groups)));
    }
    let yarn = observation
        .yarn
        .as_ref()
        .filter(|yarn| is_fresh(yarn.measured_at))?;
    Some((yarn.measured_at, NodeCount::counted(&yarn.value, groups)?))
}
