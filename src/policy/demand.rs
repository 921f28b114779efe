//! `demand:`, a policy without rules: the cluster has the room that its work needs, between a
//! minimum and a maximum.

use std::fmt;

use crate::observation::{GroupKind, Market};
use crate::policy::limits::Limits;

/// What a demand-following policy keeps to. `min <= max`, `1 <= max`, `max_core <= max` and
/// `max_on_demand <= max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// The fewest units of all targets together.
    pub min: u32,
    /// The most units of all targets together.
    pub max: u32,
    /// What `min`, `max`, `max_core` and `max_on_demand` count.
    pub units: DemandUnits,
    /// The most units on core nodes.
    pub max_core: u32,
    /// The most units bought on demand.
    pub max_on_demand: u32,
    /// The market that scales out first and scales in last.
    pub first_market: Market,
    /// How much cost to accept for less waiting.
    pub performance_index: PerformanceIndex,
}

impl Demand {
    /// The same within a scenario's limits; those are instances, so that a demand counted in other
    /// units stays as it is.
    pub(super) fn within(self, limits: Limits) -> Self {
        if self.units != DemandUnits::Instances {
            return self;
        }
        let max = limits.max().get().max(1);
        // What did not bind before does not bind now.
        let share = |most: u32| if most == self.max { max } else { most.min(max) };
        Self {
            min: limits.min().get(),
            max,
            max_core: share(self.max_core),
            max_on_demand: share(self.max_on_demand),
            ..self
        }
    }
}

/// What `min` and `max` of a [`Demand`] count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DemandUnits {
    /// Instances of instance groups.
    #[default]
    Instances,
    /// Virtual cores of instance groups, as YARN counts them: on EMR, by default, one for each vCPU of
    /// EC2.
    Vcpu,
    /// Capacity units of instance fleets, as the weights of their instance types define them.
    FleetUnits,
}

impl DemandUnits {
    /// The units in which groups of this kind are counted by default.
    pub const fn of(kind: GroupKind) -> Self {
        match kind {
            GroupKind::Group => Self::Instances,
            GroupKind::Fleet => Self::FleetUnits,
        }
    }

    /// Whether groups of this kind have such units.
    pub const fn count(self, kind: GroupKind) -> bool {
        matches!(
            (self, kind),
            (Self::Instances | Self::Vcpu, GroupKind::Group) | (Self::FleetUnits, GroupKind::Fleet)
        )
    }

    /// As a policy writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Vcpu => "vcpu",
            Self::FleetUnits => "fleet-units",
        }
    }
}

impl fmt::Display for DemandUnits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where to stand between the least cost (1) and the least waiting (100).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PerformanceIndex(u8);

impl PerformanceIndex {
    /// `None` outside 1 to 100.
    pub fn new(index: u8) -> Option<Self> {
        (1..=100).contains(&index).then_some(Self(index))
    }

    /// From 1, the least cost, to 100, the least waiting.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for PerformanceIndex {
    fn default() -> Self {
        Self(50)
    }
}

impl fmt::Display for PerformanceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
