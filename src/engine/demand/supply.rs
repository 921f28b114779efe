//! The units that a cluster has.

use crate::engine::presence::Unavailable;
use crate::observation::{GroupKind, GroupStatus, Role, YarnLoad};
use crate::units::Instances;

/// The units of a cluster at one tick.
#[derive(Clone, Copy, Debug)]
pub struct Supply {
    /// Requested for all targets, without what others have to take the place of.
    pub requested: u32,
    /// What others have to take the place of: requested of targets, and not brought by a failed scale-out.
    pub lacking: u32,
    /// Running and requested, of all targets.
    pub running: u32,
    /// Running in groups that the policy does not resize.
    pub others: u32,
    /// Running in all groups but the primary one.
    pub workers: u32,
    /// A unit is a node in each of these groups.
    pub counts_nodes: bool,
    /// Running units that YARN does not use and that may come back; zero for fleets, where nodes are not
    /// units.
    pub missing: u32,
    /// Running units that have been unavailable for so long that they are no capacity; zero for fleets.
    pub unusable: u32,
    /// Those of them that are known to be in targets.
    pub unusable_in_targets: u32,
}

impl Supply {
    /// Counts the units of `groups`, of which the policy resizes `targets`. `lacking` units were requested
    /// and did not arrive, and others can take their place.
    pub fn of(
        groups: &[GroupStatus],
        targets: &[&GroupStatus],
        lacking: u32,
        unavailable: &Unavailable,
    ) -> Self {
        let workers = || groups.iter().filter(|group| group.role != Role::Primary);
        let is_other = |group: &&GroupStatus| targets.iter().all(|target| target.id != group.id);
        let counts_nodes = workers().all(|group| group.kind == GroupKind::Group);
        let counted = |nodes: u32| if counts_nodes { nodes } else { 0 };
        Self {
            requested: total(targets.iter().map(|group| group.requested)).saturating_sub(lacking),
            lacking,
            running: total(
                targets
                    .iter()
                    .map(|group| group.running.min(group.requested)),
            ),
            others: total(workers().filter(is_other).map(|group| group.running)),
            workers: total(workers().map(|group| group.running)),
            counts_nodes,
            missing: counted(unavailable.total - unavailable.unusable),
            unusable: counted(unavailable.unusable),
            unusable_in_targets: counted(
                targets
                    .iter()
                    .map(|group| unavailable.unusable_in(group, None))
                    .fold(0, u32::saturating_add)
                    .min(unavailable.unusable),
            ),
        }
    }

    /// Units that are no unusable ones, and that the cluster has or will have when everything requested
    /// runs.
    pub fn have(&self) -> u32 {
        self.others
            .saturating_add(self.requested)
            .saturating_sub(self.unusable)
    }

    /// Returns the usable units that the cluster should have when `needed` have to work and `kept` are
    /// needed or worth keeping. While some are missing, they may come back: nothing is terminated that
    /// would then be needed.
    pub fn total(&self, needed: u32, kept: u32) -> u32 {
        let have = self.have();
        let needed = needed
            .saturating_sub(self.not_replaced())
            .max(needed.min(self.usable()));
        if needed > have {
            return needed;
        }
        kept.max(needed.saturating_add(self.missing)).min(have)
    }

    /// What the targets should have of so many usable units of the cluster.
    pub fn share_of_targets(&self, units: u32) -> u32 {
        let elsewhere = self.unusable - self.unusable_in_targets;
        units.saturating_add(elsewhere).saturating_sub(self.others)
    }

    /// Whether so many usable units work that the unusable ones are not needed in their place any more.
    pub fn has_replaced_unusable(&self, needed: u32) -> bool {
        self.working() >= needed
    }

    /// Unusable units that are not made up for: more of them than there are units that work. Where nothing
    /// that is launched ever works, launching more does not help; where it does, the limit rises.
    pub fn not_replaced(&self) -> u32 {
        self.unusable.saturating_sub(self.working())
    }

    /// Units that run and are not unusable.
    pub fn usable(&self) -> u32 {
        self.there().saturating_sub(self.unusable)
    }

    /// Units that run and that YARN uses.
    fn working(&self) -> u32 {
        self.usable().saturating_sub(self.missing)
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
