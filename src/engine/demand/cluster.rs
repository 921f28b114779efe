//! The cluster that a demand is about: its targets, what it has, and what it may have.

use super::load::{Load, Mix};
use super::member::{Member, lacking};
use super::order::Order;
use super::pending_limits::ClusterSize;
use super::preference::Preference;
use super::supply::{InstanceCount, Supply};
use super::units::{DemandLimits, UnitSize};
use crate::decision::{Offered, Resource};
use crate::engine::node_size::ResourceUnits;
use crate::engine::tick::Tick;
use crate::observation::{GroupStatus, YarnLoad};
use crate::policy::demand::Demand;

/// The targets of a demand, and what the cluster has.
pub struct Cluster<'a> {
    pub tick: &'a Tick<'a>,
    demand: &'a Demand,
    targets: &'a [&'a GroupStatus],
    pub members: &'a [Member],
    pub instances: InstanceCount,
    memory: Supply,
    /// The same as that of memory where every instance is one unit.
    vcores: Supply,
}

/// What the units of a demand are, and how many there may be.
#[derive(Clone, Copy)]
pub struct Measure {
    pub unit: UnitSize,
    pub resource: Resource,
    pub preference: Preference,
    pub limits: DemandLimits,
    /// The most units of the whole cluster.
    pub most: u32,
}

impl<'a> Cluster<'a> {
    /// The cluster of a tick, of which the policy resizes `targets`: `members` in the same order.
    pub fn new(
        tick: &'a Tick<'a>,
        demand: &'a Demand,
        targets: &'a [&'a GroupStatus],
        members: &'a [Member],
    ) -> Self {
        let lacking = lacking(members);
        let supply = |resource| Supply::of(tick, targets, members, &lacking, resource);
        let memory = supply(Resource::Memory);
        let groups = &tick.observation.cluster.value.groups;
        Self {
            tick,
            demand,
            targets,
            members,
            instances: InstanceCount::of(groups, members, &lacking),
            memory,
            vcores: if tick.sizes.differ() {
                supply(Resource::Vcores)
            } else {
                memory
            },
        }
    }

    /// What the cluster has of a resource.
    pub const fn supply(&self, resource: Resource) -> &Supply {
        match resource {
            Resource::Memory => &self.memory,
            Resource::Vcores => &self.vcores,
        }
    }

    /// What `nodes` of those that run offer on average.
    pub fn units_of_nodes(&self, nodes: u32, resource: Resource) -> f64 {
        match self.instances.workers {
            0 => f64::from(nodes),
            workers => f64::from(nodes) * (self.supply(resource).workers / f64::from(workers)),
        }
    }

    /// What a unit will offer where nothing runs: by the node of the group that scales out first.
    pub fn expected_unit(&self) -> Option<UnitSize> {
        let order = Order::of(self.members, self.demand.first_market);
        let mut first_to_grow = order.first_to_grow.into_iter();
        let first = first_to_grow.find(|member| self.members[*member].can_grow)?;
        let node = self.tick.sizes.unit_of(self.targets[first])?;
        (self.instances.workers == 0).then(|| node.into())
    }

    /// The fewest units of the targets that count at least `least`, and the most that the limits allow.
    pub fn limits_in_units(&self, measure: Measure, least: f64) -> (f64, f64) {
        let (limits, resource) = (&measure.limits, measure.resource);
        let most = limits.most_units(self.members, resource);
        let fewest = limits.least_units(least, self.members, resource);
        (fewest.min(most), most)
    }

    /// What usable instances of the targets have to count for the minimum, which counts the unusable ones that
    /// Whether something runs on each node that YARN uses, so that a container that needs a whole node fits
    /// on none. Not while nodes are unknown.
    pub fn lacks_empty_node(&self) -> bool {
        let nodes = self.tick.snapshot();
        nodes.is_some_and(|nodes| {
            let used = nodes.0.iter();
            let mut used = used.filter(|node| node.health.is_usable() && !node.draining);
            used.all(|node| node.containers > 0)
        })
    }

    /// stay.
    pub fn least_beside_unusable(&self, limits: &DemandLimits) -> f64 {
        let members = self.members.iter();
        let unusable = members.map(|member| f64::from(member.unusable) * limits.count(member));
        (limits.min - unusable.sum::<f64>()).max(0.0)
    }

    /// The most units of a resource that the limits allow to the whole cluster.
    pub fn most_units(&self, limits: &DemandLimits, resource: Resource) -> f64 {
        limits.most_units(self.members, resource) + self.supply(resource).others
    }

    /// The largest cluster that the limits allow.
    pub fn largest(&self, limits: &DemandLimits, unit: UnitSize) -> ClusterSize {
        unit.times(ResourceUnits::by(|resource| {
            self.most_units(limits, resource)
        }))
    }

    /// The resource that binds under this load.
    pub fn binding_resource(
        &self,
        yarn: &YarnLoad,
        unit: UnitSize,
        preference: Preference,
    ) -> Resource {
        let have = ResourceUnits::by(|resource| self.supply(resource).have());
        let mix = (self.tick.sizes.differ()).then(|| Mix::of(self.demand, self.members, have));
        Load::binding_resource(yarn, unit, mix.as_ref(), preference.capacity_factor)
    }

    /// What one instance of each target offers; empty where every instance is one unit.
    pub fn offers(&self, resource: Resource) -> Vec<Offered> {
        if !self.tick.sizes.differ() {
            return Vec::new();
        }
        let targets = self.targets.iter().zip(self.members);
        targets
            .map(|(group, member)| Offered {
                group: group.id.clone(),
                units: member.offer.of(resource),
            })
            .collect()
    }
}
