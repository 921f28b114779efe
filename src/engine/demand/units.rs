//! What one unit offers to containers, and the limits of a demand in units.

use serde::{Deserialize, Serialize};

use super::pending_limits::ClusterSize;
use crate::observation::YarnLoad;
use crate::policy::demand::{Demand, DemandUnits};

/// A fraction of a unit that is ignored: YARN reports memory in whole mebibytes.
const NEGLIGIBLE: f64 = 1e-3;

/// What one unit offers to containers: the mean over all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitSize {
    pub memory_mib: f64,
    /// `None` if cores are not counted.
    pub vcores: Option<f64>,
}

/// The limits of a demand, in units of its targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitLimits {
    pub min: u32,
    pub max: u32,
    pub max_core: u32,
    pub max_on_demand: u32,
}

impl UnitSize {
    /// The mean size of `running` units that offer what YARN reports; `None` if there is nothing to
    /// divide.
    pub fn mean(yarn: &YarnLoad, running: u32) -> Option<Self> {
        if running == 0 || yarn.memory_total.get() == 0 {
            return None;
        }
        let per_unit = |total: f64| total / f64::from(running);
        Some(Self {
            memory_mib: per_unit(yarn.memory_total.as_f64()),
            vcores: yarn
                .vcores_total
                .filter(|vcores| vcores.get() > 0)
                .map(|vcores| per_unit(vcores.as_f64())),
        })
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

    /// What `units` of this size offer.
    pub fn times(self, units: u32) -> ClusterSize {
        let units = f64::from(units);
        ClusterSize {
            memory_mib: units * self.memory_mib,
            vcores: self.vcores.map(|vcores| units * vcores),
        }
    }
}

impl UnitLimits {
    /// Converts the limits to units; `None` if they count cores and the cores of a node are unknown.
    pub fn of(demand: &Demand, unit: UnitSize) -> Option<Self> {
        let size = match demand.units {
            DemandUnits::Instances | DemandUnits::FleetUnits => 1.0,
            DemandUnits::Vcpu => unit.vcores?,
        };
        let at_most = |counted: u32| (f64::from(counted) / size + NEGLIGIBLE) as u32;
        let max = at_most(demand.max);
        let min = whole(f64::from(demand.min) / size).min(max);
        Some(Self {
            min,
            max,
            max_core: at_most(demand.max_core),
            max_on_demand: at_most(demand.max_on_demand),
        })
    }
}

/// Rounds up to whole units.
pub fn whole(units: f64) -> u32 {
    (units - NEGLIGIBLE).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}
