//! The result of a demand: the units of all targets, and what that means for each of them.

use super::shares::{Member, Wanted, shares};
use super::units::UnitLimits;
use crate::decision::{DemandReport, HoldReason};
use crate::observation::Market;
use crate::units::Instances;

/// The units that all targets should have together.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Usable units of the targets, within the limits of the demand.
    pub desired: u32,
    /// Whether unusable units are to go, because others work in their place.
    pub drops_unusable: bool,
    /// Those of them that are needed, and not only worth keeping.
    pub needed: u32,
    /// The market that scales out first.
    pub first_market: Market,
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
        let wanted = Wanted {
            units: self.desired,
            needed: self.needed,
            drops_unusable: self.drops_unusable,
            first_market: self.first_market,
        };
        let sizes = shares(wanted, &self.limits, members);
        let unusable = self.unusable_left(members, &sizes);
        let total = sizes.iter().copied().fold(0, u32::saturating_add);
        let desired = self.desired.saturating_add(unusable);
        if self.drops_unusable {
            self.report.units_unusable = unusable.min(self.report.units_unusable);
        }
        self.report.units_desired = desired.min(self.limits.max);
        self.report.units_possible = (total < self.report.units_desired).then_some(total);
        if self.first_market == Market::Spot {
            self.report.units_asked_back = total.saturating_sub(desired);
        }
        sizes
    }
}

impl Plan {
    /// The unusable units that stay at these sizes.
    fn unusable_left(&self, members: &[Member], sizes: &[u32]) -> u32 {
        let left = members.iter().zip(sizes).map(|(member, size)| {
            if self.drops_unusable {
                let usable = member.requested.saturating_sub(member.unusable);
                size.saturating_sub(usable).min(member.unusable)
            } else {
                member.unusable
            }
        });
        left.fold(0, u32::saturating_add)
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
