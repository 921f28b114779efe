//! What a cluster has: its instances, and the units that they offer.

use super::member::Member;
use super::units::NEGLIGIBLE;
use crate::decision::Resource;
use crate::engine::tick::Tick;
use crate::observation::{GroupKind, GroupStatus, Role, YarnLoad};

/// The instances of a cluster at one tick, whatever each offers. Of a fleet, its capacity units.
#[derive(Clone, Copy, Debug)]
pub struct InstanceCount {
    /// Requested for all targets, without what others have to take the place of.
    pub requested: u32,
    /// Running and requested, of all targets.
    pub running: u32,
    /// Running in all groups but the primary one.
    pub workers: u32,
    /// Each of them is a node: no group is a fleet.
    pub are_nodes: bool,
}

/// What the instances of a cluster offer of one resource at one tick, in units.
#[derive(Clone, Copy, Debug)]
pub struct Supply {
    /// Requested for all targets, without what others have to take the place of.
    pub requested: f64,
    /// What others have to take the place of: requested of targets, and not brought by a failed scale-out.
    pub lacking: f64,
    /// Running and requested, of all targets.
    pub running: f64,
    /// Running in groups that the policy does not resize.
    pub others: f64,
    /// Running in all groups but the primary one.
    pub workers: f64,
    /// Running units that YARN does not use and that may come back; zero for fleets, where units are not
    /// nodes.
    pub missing: f64,
    /// Running units that have been unavailable for so long that they are no capacity; zero for fleets.
    pub unusable: f64,
    /// Those of them that are known to be in targets.
    pub unusable_in_targets: f64,
}

impl InstanceCount {
    /// Counts the instances of `groups`, of which the policy resizes the groups of `members`. Of what
    /// each of these has requested, `lacking` did not arrive, and others can take its place.
    pub fn of(groups: &[GroupStatus], members: &[Member], lacking: &[u32]) -> Self {
        let workers = || groups.iter().filter(|group| group.role != Role::Primary);
        let (mut requested, mut running, mut all) = (0_u32, 0_u32, 0_u32);
        for (member, lacking) in members.iter().zip(lacking) {
            requested = requested.saturating_add(member.requested.saturating_sub(*lacking));
            running = running.saturating_add(member.working());
        }
        for group in workers() {
            all = all.saturating_add(group.running.get());
        }
        Self {
            requested,
            running,
            workers: all,
            are_nodes: workers().all(|group| group.kind == GroupKind::Group),
        }
    }

    /// Instances whose capacity is in YARN's totals. Without nodes in YARN's answer, all of them.
    pub fn nodes(&self, yarn: &YarnLoad) -> u32 {
        let listed = yarn.nodes.active.saturating_add(yarn.nodes.decommissioning);
        if self.are_nodes && listed > 0 {
            self.workers.min(listed)
        } else {
            self.workers
        }
    }
}

impl Supply {
    /// What the cluster offers of a resource. The policy resizes `targets`, which are `members` of the
    /// demand in the same order; `lacking` is what did not arrive of each, and others can take its place.
    pub fn of(
        tick: &Tick,
        targets: &[&GroupStatus],
        members: &[Member],
        lacking: &[u32],
        resource: Resource,
    ) -> Self {
        let workers = Workers { tick, resource };
        let is_target = |group: &GroupStatus| targets.iter().any(|target| target.id == group.id);
        let of_members = |instances: fn(&Member) -> u32| -> f64 {
            let units = |member| f64::from(instances(member)) * member.offer.of(resource);
            members.iter().map(units).sum()
        };
        let lacking = members.iter().zip(lacking);
        let lacking: f64 = lacking
            .map(|(member, lacking)| f64::from(*lacking) * member.offer.of(resource))
            .sum();
        let unusable = workers.unusable();
        Self {
            requested: (of_members(|member| member.requested) - lacking).max(0.0),
            lacking,
            running: of_members(Member::working),
            others: workers.running(|group| !is_target(group)),
            workers: workers.running(|_| true),
            missing: workers.missing(),
            unusable,
            unusable_in_targets: of_members(|member| member.unusable).min(unusable),
        }
    }

    /// Units that are no unusable ones, and that the cluster has or will have when everything requested
    /// runs.
    pub fn have(&self) -> f64 {
        (self.others + self.requested - self.unusable).max(0.0)
    }

    /// Returns the usable units that the cluster should have when `needed` have to work and `kept` are
    /// needed or worth keeping. While some are missing, they may come back: nothing is terminated that
    /// would then be needed.
    pub fn total(&self, needed: f64, kept: f64) -> f64 {
        let have = self.have();
        let needed = (needed - self.not_replaced()).max(needed.min(self.usable()));
        if needed > have + NEGLIGIBLE {
            return needed;
        }
        kept.max(needed + self.missing).min(have)
    }

    /// What the targets should have of so many usable units of the cluster.
    pub fn share_of_targets(&self, units: f64) -> f64 {
        let elsewhere = self.unusable - self.unusable_in_targets;
        (units + elsewhere - self.others).max(0.0)
    }

    /// Whether so many usable units work that the unusable ones are not needed in their place any more.
    pub fn has_replaced_unusable(&self, needed: f64) -> bool {
        self.working() + NEGLIGIBLE >= needed
    }

    /// Unusable units that are not made up for: more of them than there are units that work. Where nothing
    /// that is launched ever works, launching more does not help; where it does, the limit rises.
    pub fn not_replaced(&self) -> f64 {
        (self.unusable - self.working()).max(0.0)
    }

    /// Units that run and are not unusable.
    pub fn usable(&self) -> f64 {
        (self.others + self.running - self.unusable).max(0.0)
    }

    /// Units that run and that YARN uses.
    fn working(&self) -> f64 {
        (self.usable() - self.missing).max(0.0)
    }
}

/// The core and task groups of the cluster, and what their instances offer of one resource.
struct Workers<'a> {
    tick: &'a Tick<'a>,
    resource: Resource,
}

impl Workers<'_> {
    /// What the running instances of these groups offer.
    fn running(&self, counts: impl Fn(&GroupStatus) -> bool) -> f64 {
        let groups = self.groups().filter(|group| counts(group));
        groups
            .map(|group| f64::from(group.running.get()) * self.offer(group))
            .sum()
    }

    /// What the unusable nodes would offer.
    fn unusable(&self) -> f64 {
        let unavailable = &self.tick.unavailable;
        self.nodes(unavailable.unusable, |group| {
            unavailable.unusable_in(group, None)
        })
    }

    /// What the nodes would offer that are unavailable and may come back.
    fn missing(&self) -> f64 {
        let unavailable = &self.tick.unavailable;
        let missing = unavailable.total - unavailable.unusable;
        self.nodes(missing, |group| {
            let all = unavailable.in_group(group, self.tick.snapshot()).get();
            all.saturating_sub(unavailable.unusable_in(group, None))
        })
    }

    /// What `nodes` would offer, of which `in_group` are known to be in a group. The others count as the
    /// mean of those that run. Zero where a group is a fleet, whose units are not nodes.
    fn nodes(&self, nodes: u32, in_group: impl Fn(&GroupStatus) -> u32) -> f64 {
        if nodes == 0 || self.groups().any(|group| group.kind == GroupKind::Fleet) {
            return 0.0;
        }
        let sum =
            |of: &dyn Fn(&GroupStatus) -> u32| self.groups().map(of).fold(0, u32::saturating_add);
        let mean = match sum(&|group| group.running.get()) {
            0 => 1.0,
            running => self.running(|_| true) / f64::from(running),
        };
        let Some(elsewhere) = nodes.checked_sub(sum(&in_group)) else {
            return f64::from(nodes) * mean;
        };
        let known: f64 = self
            .groups()
            .map(|group| f64::from(in_group(group)) * self.offer(group))
            .sum();
        known + f64::from(elsewhere) * mean
    }

    fn groups(&self) -> impl Iterator<Item = &GroupStatus> {
        let groups = self.tick.observation.cluster.value.groups.iter();
        groups.filter(|group| group.role != Role::Primary)
    }

    fn offer(&self, group: &GroupStatus) -> f64 {
        self.tick.sizes.offer(group).of(self.resource)
    }
}
