//! The result of a demand: the units of all targets, and what that means for each of them.

use super::shares::{Member, Shares, Wanted, shares};
use super::units::UnitLimits;
use crate::decision::{DemandReport, HoldReason};
use crate::observation::Market;
use crate::units::Instances;

/// The units that all targets should have together.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub wanted: Wanted,
    /// The demand's limits, in units of the targets.
    pub limits: UnitLimits,
    pub report: DemandReport,
}

/// What a `demand:` policy asks of one target.
#[derive(Clone, Debug)]
pub enum DesiredSize {
    /// The desired size, and how it was computed.
    Known(Instances, Box<DemandReport>),
    /// Why the demand is not known.
    Unknown(HoldReason),
}

impl Plan {
    /// Returns the size of each target. The report says if they cannot take everything desired.
    pub fn shares(&mut self, members: &[Member]) -> Vec<u32> {
        let Shares { sizes, unusable } = shares(self.wanted, &self.limits, members);
        let total = sizes.iter().copied().fold(0, u32::saturating_add);
        let desired = self.wanted.units.saturating_add(unusable);
        let report = &mut self.report;
        if self.wanted.drops_unusable {
            report.units_unusable = unusable.min(report.units_unusable);
        }
        report.units_desired = desired.min(self.limits.max);
        report.units_possible = (total < report.units_desired).then_some(total);
        if self.wanted.first_market == Market::Spot {
            report.units_asked_back = total.saturating_sub(desired);
        }
        sizes
    }
}

impl DesiredSize {
    /// How the desired size was computed, if the demand is known.
    pub fn report(&self) -> Option<Box<DemandReport>> {
        match self {
            Self::Known(_, report) => Some(report.clone()),
            Self::Unknown(_) => None,
        }
    }
}
