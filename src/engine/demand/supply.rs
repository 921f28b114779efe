//! The units that a cluster has.

use crate::observation::{GroupKind, GroupStatus, Role};
use crate::units::Instances;

/// The units of a cluster at one tick.
#[derive(Clone, Copy, Debug)]
pub struct Supply {
    /// Requested for all targets.
    pub requested: u32,
    /// Running and requested, of all targets.
    pub running: u32,
    /// Running in groups that the policy does not resize.
    pub others: u32,
    /// Running in all groups but the primary one.
    pub workers: u32,
    /// A unit is a node in each of these groups.
    pub counts_nodes: bool,
}

impl Supply {
    /// Counts the units of `groups`, of which the policy resizes `targets`.
    pub fn of(groups: &[GroupStatus], targets: &[&GroupStatus]) -> Self {
        let workers = || groups.iter().filter(|group| group.role != Role::Primary);
        let is_other = |group: &&GroupStatus| targets.iter().all(|target| target.id != group.id);
        Self {
            requested: total(targets.iter().map(|group| group.requested)),
            running: total(
                targets
                    .iter()
                    .map(|group| group.running.min(group.requested)),
            ),
            others: total(workers().filter(is_other).map(|group| group.running)),
            workers: total(workers().map(|group| group.running)),
            counts_nodes: workers().all(|group| group.kind == GroupKind::Group),
        }
    }

    /// Units that the cluster has or will have when everything requested runs.
    pub fn have(&self) -> u32 {
        self.others.saturating_add(self.requested)
    }

    /// Units that run.
    pub fn there(&self) -> u32 {
        self.others.saturating_add(self.running)
    }
}

fn total(sizes: impl Iterator<Item = Instances>) -> u32 {
    sizes.sum::<Instances>().get()
}
