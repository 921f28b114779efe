//! The load of the cluster in units.

use super::preference::Preference;
use super::units::{UnitSize, whole};
use crate::decision::Resource;
use crate::observation::YarnLoad;

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

impl Load {
    /// The load of the binding resource: the one that needs most units. The running containers finish
    /// `finished` times within the patience.
    pub fn binding(yarn: &YarnLoad, unit: UnitSize, finished: f64) -> Self {
        let load = |resource, allocated: f64, pending: f64, size: f64| Self {
            resource,
            allocated: allocated / size,
            pending: pending / size,
            served: allocated / size * finished,
            turns: finished.max(1.0),
        };
        let memory = load(
            Resource::Memory,
            yarn.memory_allocated.as_f64(),
            yarn.memory_pending.as_f64(),
            unit.memory_mib,
        );
        let cores = (unit.vcores, yarn.vcores_allocated, yarn.vcores_pending);
        let (Some(size), Some(allocated), Some(pending)) = cores else {
            return memory;
        };
        let vcores = load(Resource::Vcores, allocated.as_f64(), pending.as_f64(), size);
        if vcores.allocated + vcores.pending > memory.allocated + memory.pending {
            vcores
        } else {
            memory
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
    pub fn units(&self, preference: Preference, working: u32) -> u32 {
        let wanted = (self.allocated + self.for_remaining()) * preference.capacity_factor;
        whole(wanted.min(f64::from(working.max(1)) * preference.growth))
    }
}
