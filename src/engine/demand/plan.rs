//! The result of a demand: the units of all targets, and what that means for each of them.

use super::member::Member;
use super::shares::{Shares, Wanted, shares};
use super::units::{DemandLimits, NEGLIGIBLE, rounded_down, whole};
use crate::decision::{DemandReport, HoldReason};
use crate::units::Instances;

/// The units that all targets should have together.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    pub wanted: Wanted,
    pub limits: DemandLimits,
    /// The most units that the limits allow.
    pub most: f64,
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
        let Shares {
            sizes,
            units,
            unusable,
            asked_back,
        } = shares(self.wanted, &self.limits, members);
        let desired = (self.wanted.units + unusable).min(self.most);
        let report = &mut self.report;
        if self.wanted.drops_unusable {
            report.units_unusable = whole(unusable).min(report.units_unusable);
        }
        report.units_desired = whole(desired);
        report.units_possible = (units + NEGLIGIBLE < desired).then(|| rounded_down(units) as u32);
        report.units_asked_back = rounded_down(asked_back) as u32;
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
