//! What one unit offers to containers, and the limits of a demand.

use serde::{Deserialize, Serialize};

use super::member::Member;
use super::pending_limits::ClusterSize;
use crate::decision::Resource;
use crate::engine::node_size::ResourceUnits;
use crate::observation::YarnLoad;
use crate::policy::demand::{Demand, DemandUnits};
use crate::units::Resources;

/// A fraction of a unit that is ignored: YARN reports memory in whole mebibytes.
pub const NEGLIGIBLE: f64 = 1e-3;

/// What one unit offers to containers: the smallest node of the cluster if nodes are known to differ,
/// and else the mean over all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitSize {
    pub memory_mib: f64,
    /// `None` if cores are not counted.
    pub vcores: Option<f64>,
}

/// The limits of a demand. Where nodes differ, what they count is not what the units of a demand count:
/// an instance counts once, or as many virtual cores as it offers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DemandLimits {
    pub min: f64,
    pub max: f64,
    pub max_core: f64,
    pub max_on_demand: f64,
    /// An instance counts as the units of virtual cores that it offers, and not as one.
    pub count_vcores: bool,
}

impl UnitSize {
    /// The size of a unit if nodes that are `offered` units are all that YARN reports; `None` if there is
    /// nothing to divide.
    pub fn measured(yarn: &YarnLoad, offered: ResourceUnits) -> Option<Self> {
        if offered.memory <= 0.0 || yarn.memory_total.get() == 0 {
            return None;
        }
        Some(Self {
            memory_mib: yarn.memory_total.as_f64() / offered.memory,
            vcores: yarn
                .vcores_total
                .filter(|vcores| vcores.get() > 0)
                .map(|vcores| vcores.as_f64() / offered.vcores),
        })
    }
}

impl From<Resources> for UnitSize {
    fn from(node: Resources) -> Self {
        Self {
            memory_mib: node.memory.as_f64(),
            vcores: Some(node.vcores.as_f64()),
        }
    }
}

impl UnitSize {
    /// Whether the two differ by less than one percent.
    pub fn is_about(self, other: Self) -> bool {
        let is_near = |one: f64, other: f64| (one - other).abs() < 0.01 * other;
        is_near(self.memory_mib, other.memory_mib)
            && match (self.vcores, other.vcores) {
                (Some(one), Some(other)) => is_near(one, other),
                (one, other) => one.is_none() && other.is_none(),
            }
    }

    /// What so many units of this size offer.
    pub fn times(self, units: ResourceUnits) -> ClusterSize {
        ClusterSize {
            memory_mib: units.memory * self.memory_mib,
            vcores: self.vcores.map(|vcores| units.vcores * vcores),
        }
    }
}

impl DemandLimits {
    /// The limits for units of this size; `None` if they count cores and the cores of a unit are unknown.
    /// Where every instance is one unit, they are whole ones.
    pub fn of(demand: &Demand, unit: UnitSize, nodes_differ: bool) -> Option<Self> {
        let count_vcores = demand.units == DemandUnits::Vcpu;
        let size = if count_vcores { unit.vcores? } else { 1.0 };
        let at_most = |counted: u32| {
            let units = f64::from(counted) / size;
            if nodes_differ {
                units
            } else {
                rounded_down(units)
            }
        };
        let max = at_most(demand.max);
        let min = f64::from(demand.min) / size;
        let min = if nodes_differ {
            min
        } else {
            f64::from(whole(min))
        };
        Some(Self {
            min: min.min(max),
            max,
            max_core: at_most(demand.max_core),
            max_on_demand: at_most(demand.max_on_demand),
            count_vcores,
        })
    }

    /// What one instance of the member counts.
    pub fn count(&self, member: &Member) -> f64 {
        if self.count_vcores {
            member.offer.vcores
        } else {
            1.0
        }
    }

    /// The fewest units of a resource that instances of these members offer which count `counted`.
    pub fn least_units(&self, counted: f64, members: &[Member], resource: Resource) -> f64 {
        let least = self.offered(members, resource).reduce(f64::min);
        f64::from(whole(counted * least.unwrap_or(1.0)))
    }

    /// The most units of a resource that instances of these members offer within the maximum.
    pub fn most_units(&self, members: &[Member], resource: Resource) -> f64 {
        let most = self.offered(members, resource).reduce(f64::max);
        rounded_down(self.max * most.unwrap_or(1.0))
    }

    /// What each member offers of a resource for what it counts.
    fn offered(&self, members: &[Member], resource: Resource) -> impl Iterator<Item = f64> {
        members
            .iter()
            .map(move |member| member.offer.of(resource) / self.count(member))
    }
}

/// Rounds up to whole units.
pub fn whole(units: f64) -> u32 {
    (units - NEGLIGIBLE).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// Rounds down to whole units.
pub fn rounded_down(units: f64) -> f64 {
    (units + NEGLIGIBLE).floor().max(0.0)
}
