//! The units that a cluster has.

use crate::engine::presence::Unavailable;
use crate::observation::{GroupKind, GroupStatus, Role, YarnLoad};
use crate::units::Instances;

/// The units of a cluster at one tick.
#[derive(Clone, Copy, Debug)]
pub struct Supply {
    /// Requested for all targets, without what others have to take the place of.
    pub requested: u32,
    /// Running and requested, of all targets.
    pub running: u32,
    /// Running in groups that the policy does not resize.
    pub others: u32,
    /// Running in all groups but the primary one.
    pub workers: u32,
    /// A unit is a node in each of these groups.
    pub counts_nodes: bool,
    /// Running units that YARN does not use; zero for fleets, where nodes are not units.
    pub unavailable: u32,
    /// Those of them that have been unavailable for so long that they are no capacity.
    pub unusable: u32,
}

impl Supply {
    /// Counts the units of `groups`, of which the policy resizes `targets`. `lacking` units were requested
    /// and did not arrive, and others can take their place.
    pub fn of(
        groups: &[GroupStatus],
        targets: &[&GroupStatus],
        lacking: u32,
        unavailable: Unavailable,
    ) -> Self {
        let workers = || groups.iter().filter(|group| group.role != Role::Primary);
        let is_other = |group: &&GroupStatus| targets.iter().all(|target| target.id != group.id);
        let counts_nodes = workers().all(|group| group.kind == GroupKind::Group);
        let counted = |nodes: u32| if counts_nodes { nodes } else { 0 };
        Self {
            requested: total(targets.iter().map(|group| group.requested)).saturating_sub(lacking),
            running: total(
                targets
                    .iter()
                    .map(|group| group.running.min(group.requested)),
            ),
            others: total(workers().filter(is_other).map(|group| group.running)),
            workers: total(workers().map(|group| group.running)),
            counts_nodes,
            unavailable: counted(unavailable.total),
            unusable: counted(unavailable.unusable),
        }
    }

    /// Units that the cluster has or will have when everything requested runs.
    pub fn have(&self) -> u32 {
        self.others.saturating_add(self.requested)
    }

    /// Returns the units that the cluster should have when `needed` have to work and `kept` are needed
    /// or worth keeping. Unusable units are made up for, or are the first to go. While some have not
    /// been unavailable for long, they may come back: nothing is terminated that would then be needed.
    pub fn total(&self, needed: u32, kept: u32) -> u32 {
        let have = self.have();
        let with_unusable = needed.saturating_add(self.unusable);
        if with_unusable > have {
            return with_unusable;
        }
        let remaining = kept.max(needed);
        if self.unavailable > self.unusable {
            remaining
                .max(needed.saturating_add(self.unavailable))
                .min(have)
        } else {
            remaining.min(have)
        }
    }

    /// Running units whose capacity is in YARN's totals. Without nodes in YARN's answer, all of them.
    pub fn nodes(&self, yarn: &YarnLoad) -> u32 {
        let listed = yarn.nodes.active.saturating_add(yarn.nodes.decommissioning);
        if self.counts_nodes && listed > 0 {
            self.workers.min(listed)
        } else {
            self.workers
        }
    }

    /// Units that run.
    pub fn there(&self) -> u32 {
        self.others.saturating_add(self.running)
    }
}

fn total(sizes: impl Iterator<Item = Instances>) -> u32 {
    sizes.sum::<Instances>().get()
}
