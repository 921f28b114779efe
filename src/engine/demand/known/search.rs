//! Searches the size at which paying for units and letting work wait cost least together.

use std::collections::BTreeMap;

use super::rollout::{Fleet, Workload};
use crate::engine::demand::units::whole;

/// A launch costs as much as a unit for this part of the provisioning time.
const LAUNCH: f64 = 0.5;
/// Sizes that are all tried; of more, some.
const ALL: u32 = 8;
const POINTS: u64 = 6;

/// The size with the least cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    pub units: u32,
    /// The most units that the known work can use.
    pub usable: u32,
}

/// What sizes cost, over all scenarios.
struct Costs<'a> {
    scenarios: &'a [Workload],
    fleet: &'a Fleet,
    /// What a second of waiting of a task is worth, in unit-seconds.
    waiting_price: f64,
    known: BTreeMap<u32, f64>,
}

/// Returns the best size between what is there and what the work can use at most. `scenarios` are what
/// the work may be, each as likely as the others.
pub fn best(scenarios: &[Workload], fleet: &Fleet, waiting_price: f64) -> Best {
    let most_used = scenarios
        .iter()
        .map(|work| work.with(fleet.max, fleet).most_used)
        .fold(0.0, f64::max);
    let committed = fleet.committed();
    let low = fleet.there.max(fleet.min).min(fleet.max);
    let high = f64::from(whole(most_used)).max(low).max(committed);
    let high = high.min(fleet.max.max(committed));
    let (mut low, mut high) = (low.ceil() as u32, high.ceil() as u32);
    let mut costs = Costs {
        scenarios,
        fleet,
        waiting_price,
        known: BTreeMap::new(),
    };
    costs.of(committed.ceil() as u32);
    while high.saturating_sub(low) > ALL {
        let span = u64::from(high - low);
        let points = (0..=POINTS).map(|point| low + (span * point / POINTS) as u32);
        let points: Vec<u32> = points.collect();
        let of_points: Vec<f64> = points.iter().map(|units| costs.of(*units)).collect();
        let least = (0..points.len())
            .min_by(|one, other| of_points[*one].total_cmp(&of_points[*other]))
            .unwrap_or(0);
        low = points[least.saturating_sub(1)];
        high = points[(least + 1).min(points.len() - 1)];
    }
    for units in low..=high {
        costs.of(units);
    }
    let least = costs
        .known
        .iter()
        .min_by(|one, other| one.1.total_cmp(other.1));
    Best {
        units: least.map_or(committed.ceil() as u32, |(units, _)| *units),
        usable: whole(most_used),
    }
}

impl Costs<'_> {
    fn of(&mut self, units: u32) -> f64 {
        if let Some(cost) = self.known.get(&units) {
            return *cost;
        }
        // Where a unit is a part of an instance, what is committed is no whole number.
        let committed = self.fleet.committed();
        let is_committed = units == committed.ceil() as u32;
        let requested = if is_committed {
            committed
        } else {
            f64::from(units)
        };
        let launches = LAUNCH * self.fleet.delay_s * requested;
        let (mut cost, mut used_at_arrival) = (0.0, 0.0_f64);
        for work in self.scenarios {
            let outlook = work.with(requested, self.fleet);
            cost += outlook.paid + launches + self.waiting_price * outlook.waiting_s;
            used_at_arrival = used_at_arrival.max(outlook.used_at_arrival);
        }
        // Units that would find nothing to do are not requested yet.
        if requested > committed && used_at_arrival < requested - 1.0 {
            cost = f64::MAX;
        }
        self.known.insert(units, cost);
        cost
    }
}
