//! The load of the cluster in units, and the resource that binds.

use super::member::Member;
use super::order::Order;
use super::preference::Preference;
use super::units::{UnitSize, whole};
use crate::decision::Resource;
use crate::engine::node_size::ResourceUnits;
use crate::observation::YarnLoad;
use crate::policy::demand::Demand;

/// The load of one resource, in units.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    pub resource: Resource,
    pub allocated: f64,
    pub pending: f64,
    /// The part of `pending` that starts within the patience, as containers finish.
    pub served: f64,
    /// How many containers run one after another in the same place within the patience; at least
    /// one.
    turns: f64,
}

/// Where nodes differ: what the cluster has of each resource, and what the next instances would offer.
/// Which resource binds then depends on which instances come or go: they may have much memory for
/// their cores.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    have: ResourceUnits,
    next_to_grow: ResourceUnits,
    next_to_go: ResourceUnits,
}

impl Mix {
    /// The mix of a cluster that has so much of each resource.
    pub fn of(demand: &Demand, members: &[Member], have: ResourceUnits) -> Self {
        let order = Order::of(members, demand.first_market);
        let first = |positions: &[usize], can_move: fn(&Member) -> bool| {
            let mut members = positions.iter().map(|member| &members[*member]);
            let first = members.find(|member| can_move(member));
            first.map_or(ResourceUnits::ONE, |member| member.offer)
        };
        let is_above_min = |member: &Member| member.requested > member.min;
        let has_room = |member: &Member| member.can_grow && member.requested < member.max;
        Self {
            have,
            next_to_grow: first(&order.first_to_grow, has_room),
            next_to_go: first(&order.first_to_go, is_above_min),
        }
    }

    /// The resource for which most instances have to come, or fewest may go.
    fn binding(&self, needed: ResourceUnits) -> Resource {
        let missing = |resource| needed.of(resource) - self.have.of(resource);
        let grows = missing(Resource::Memory) > 0.0 || missing(Resource::Vcores) > 0.0;
        let offer = if grows {
            self.next_to_grow
        } else {
            self.next_to_go
        };
        let instances = |resource| missing(resource) / offer.of(resource);
        if instances(Resource::Vcores) > instances(Resource::Memory) {
            Resource::Vcores
        } else {
            Resource::Memory
        }
    }
}

impl Load {
    /// The load of one resource. The running containers finish `finished` times within the patience.
    pub fn of(resource: Resource, yarn: &YarnLoad, unit: UnitSize, finished: f64) -> Self {
        let load = |allocated: f64, pending: f64, size: f64| Self {
            resource,
            allocated: allocated / size,
            pending: pending / size,
            served: allocated / size * finished,
            turns: finished.max(1.0),
        };
        match (resource, unit.vcores) {
            (Resource::Vcores, Some(size)) => load(
                yarn.vcores_allocated.unwrap_or_default().as_f64(),
                yarn.vcores_pending.unwrap_or_default().as_f64(),
                size,
            ),
            _ => load(
                yarn.memory_allocated.as_f64(),
                yarn.memory_pending.as_f64(),
                unit.memory_mib,
            ),
        }
    }

    /// The resource that needs most units of `capacity_factor` times what is allocated and pending, or
    /// most instances where nodes differ. Memory if cores are not counted.
    pub fn binding_resource(
        yarn: &YarnLoad,
        unit: UnitSize,
        mix: Option<&Mix>,
        capacity_factor: f64,
    ) -> Resource {
        let counts_vcores = yarn.vcores_allocated.is_some() && yarn.vcores_pending.is_some();
        if unit.vcores.is_none() || !counts_vcores {
            return Resource::Memory;
        }
        let units = ResourceUnits::by(|resource| {
            let load = Self::of(resource, yarn, unit, 0.0);
            load.allocated + load.pending
        });
        match mix {
            Some(mix) => mix.binding(ResourceUnits::by(|resource| {
                capacity_factor * units.of(resource)
            })),
            None if units.vcores > units.memory => Resource::Vcores,
            None => Resource::Memory,
        }
    }

    /// Units of the backlog that do not start within the patience.
    pub fn remaining(&self) -> f64 {
        (self.pending - self.served).max(0.0)
    }

    /// Units that serve what remains within the patience, once they are there.
    pub fn for_remaining(&self) -> f64 {
        self.remaining() / self.turns
    }

    /// Units for what is allocated and what remains.
    pub fn units(&self, preference: Preference, working: f64) -> u32 {
        let wanted = (self.allocated + self.for_remaining()) * preference.capacity_factor;
        whole(wanted.min(working.max(1.0) * preference.growth))
    }
}
