//! Three costs to measure every policy against: all work packed perfectly, capacity that follows
//! demand instantly, and a clairvoyant that never lets work wait but pays for provisioning.

use std::ops::Range;
use std::time::Duration;

use crate::sim::run::StepCurve;
use crate::units::{Instances, Resources, Timestamp};

use crate::sim::no_wait_demand::nodes_needed;

/// One kind of node: what it offers to containers, and its price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offer {
    /// What one node offers to containers.
    pub node: Resources,
    /// The price of one node, in US dollars an hour.
    pub usd_h: f64,
}

/// What there is to buy.
#[derive(Clone, Debug, PartialEq)]
pub struct Capacity {
    /// The nodes that come and go.
    pub scaled: Offer,
    /// How many of them are always there: the policies' smallest size.
    pub scaled_min: Instances,
    /// Groups that never change, such as the primary node (which offers nothing to containers).
    pub fixed: Vec<(Instances, Offer)>,
    /// From the launch of a node until it takes work.
    pub provisioning: Duration,
}

/// Costs that say how good a policy could be. `work_usd <= no_wait_usd <= clairvoyant_usd`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bounds {
    /// All work, packed perfectly on nodes that are bought by the millisecond at the cheapest price
    /// of what it needs most: no policy costs less.
    pub work_usd: f64,
    /// Capacity follows demand instantly, whole nodes, and nothing waits.
    pub no_wait_usd: f64,
    /// Nothing waits, the future is known, and nodes must be launched ahead of their use.
    pub clairvoyant_usd: f64,
}

impl Bounds {
    /// The same bounds where the work itself needs less than `demand`, as executors hold more than their
    /// tasks need.
    pub fn with_least_demand(
        self,
        least: &StepCurve<Resources>,
        capacity: &Capacity,
        horizon: &Range<Timestamp>,
    ) -> Self {
        Self {
            work_usd: work_usd(least, capacity, horizon).min(self.work_usd),
            ..self
        }
    }

    /// The bounds for `demand` during `horizon`; see
    /// [`no_wait_demand`](crate::sim::no_wait_demand::no_wait_demand). No life is extended to the
    /// 60 s that EC2 bills at least.
    ///
    /// Level `i` of the nodes needed is busy while at least `i` nodes are needed. Levels that are
    /// always there cost the same in any case. For each other level the clairvoyant pays its busy
    /// time, the provisioning time before its first use, and across each idle gap the shorter of
    /// the gap (keep the node) and the provisioning time (let it go, buy it again).
    pub fn of(
        demand: &StepCurve<Resources>,
        capacity: &Capacity,
        horizon: &Range<Timestamp>,
    ) -> Self {
        let hours = horizon.end.since(horizon.start).as_secs_f64() / 3_600.0;
        let paid_anyway_usd = capacity.always_on_usd_h() * hours;
        let levels = Levels::of(
            &nodes_needed(demand, capacity.scaled.node),
            capacity,
            horizon,
        );
        let no_wait_usd = paid_anyway_usd + capacity.scaled.usd_h * levels.busy_h;
        Self {
            work_usd: work_usd(demand, capacity, horizon),
            no_wait_usd,
            clairvoyant_usd: no_wait_usd + capacity.scaled.usd_h * levels.bridging_h,
        }
    }
}

impl Capacity {
    fn always_on_usd_h(&self) -> f64 {
        let fixed_usd_h: f64 = self
            .fixed
            .iter()
            .map(|(count, offer)| count.as_f64() * offer.usd_h)
            .sum();
        self.scaled_min.as_f64() * self.scaled.usd_h + fixed_usd_h
    }

    /// How many whole nodes of the scaled kind the always-on nodes are worth.
    fn always_on_nodes(&self) -> u32 {
        let worth = |(count, offer): &(Instances, Offer)| {
            let memory = share(offer.node.memory.get(), self.scaled.node.memory.get());
            let vcores = share(offer.node.vcores.get(), self.scaled.node.vcores.get());
            // Neither is finite where the scaled node offers nothing at all: then no level exists
            // either.
            count.as_f64()
                * if memory.min(vcores).is_finite() {
                    memory.min(vcores)
                } else {
                    0.0
                }
        };
        // A third and two thirds of a node are one node, whatever their sum is in binary.
        let fixed = self.fixed.iter().map(worth).sum::<f64>() + 1e-9;
        self.scaled_min.get().saturating_add(fixed as u32)
    }

    /// The cheapest way to buy one of a resource for an hour, leaving out nodes that offer none;
    /// infinite when all do.
    fn cheapest_usd_h(&self, amount: impl Fn(&Resources) -> u64) -> f64 {
        let offers = self
            .fixed
            .iter()
            .filter(|(count, _)| count.get() > 0)
            .map(|(_, offer)| offer)
            .chain([&self.scaled]);
        offers
            .map(|offer| share_usd(offer.usd_h, amount(&offer.node)))
            .fold(f64::INFINITY, f64::min)
    }
}

/// `part / whole`; infinite where the whole is nothing, as a resource that is not offered is not
/// counted.
fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        f64::INFINITY
    } else {
        part as f64 / whole as f64
    }
}

fn share_usd(usd_h: f64, amount: u64) -> f64 {
    if amount == 0 {
        f64::INFINITY
    } else {
        usd_h / amount as f64
    }
}

/// The integral of demand, of each resource by itself (a policy may pair work that is heavy in
/// memory with work that is heavy in cores), at its cheapest price. The dearer one is a bound, as a
/// node that is paid for offers both.
fn work_usd(demand: &StepCurve<Resources>, capacity: &Capacity, horizon: &Range<Timestamp>) -> f64 {
    let (mut memory_mib_h, mut vcore_h) = (0.0, 0.0);
    for (hours, needed) in demand.pieces(horizon) {
        memory_mib_h += needed.memory.as_f64() * hours;
        vcore_h += needed.vcores.as_f64() * hours;
    }
    let priced = |amount_h: f64, usd_h: f64| {
        if usd_h.is_finite() {
            amount_h * usd_h
        } else {
            0.0
        }
    };
    let memory_usd = priced(
        memory_mib_h,
        capacity.cheapest_usd_h(|node| node.memory.get()),
    );
    let vcores_usd = priced(vcore_h, capacity.cheapest_usd_h(|node| node.vcores.get()));
    memory_usd.max(vcores_usd)
}

/// Time over all levels above the always-on nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Levels {
    busy_h: f64,
    /// Launching ahead of first uses, and keeping or launching again across idle gaps.
    bridging_h: f64,
}

impl Levels {
    /// Levels rise and fall as a stack: the level that falls idle last is the first to be busy
    /// again. Levels that fell idle at the same instant are one entry of that stack, so that the
    /// whole takes time in proportion to the steps of the curve.
    fn of(needed: &StepCurve<u32>, capacity: &Capacity, horizon: &Range<Timestamp>) -> Self {
        let always_on = capacity.always_on_nodes();
        let provisioning_h = capacity.provisioning.as_secs_f64() / 3_600.0;
        let mut idle: Vec<Idle> = Vec::new();
        let (mut level, mut highest) = (0_u32, 0_u32);
        let mut sums = Self::default();
        for (&(at, nodes), (hours, _)) in needed.0.iter().zip(needed.pieces(horizon)) {
            // Before the horizon, after it, or over in no time: nothing to buy.
            if hours == 0.0 {
                continue;
            }
            let (at, nodes) = (at.max(horizon.start), nodes.saturating_sub(always_on));
            if nodes < level {
                idle.push(Idle {
                    levels: level - nodes,
                    since: at,
                });
            }
            let mut rising = nodes.min(highest).saturating_sub(level);
            while let Some(top) = idle.last_mut().filter(|_| rising > 0) {
                let woken = rising.min(top.levels);
                let gap_h = at.since(top.since).as_millis() as f64 / 3_600_000.0;
                sums.bridging_h += f64::from(woken) * gap_h.min(provisioning_h);
                rising -= woken;
                top.levels -= woken;
                if top.levels == 0 {
                    idle.pop();
                }
            }
            sums.bridging_h += f64::from(nodes.saturating_sub(highest)) * provisioning_h;
            sums.busy_h += f64::from(nodes) * hours;
            (level, highest) = (nodes, highest.max(nodes));
        }
        sums
    }
}

/// Levels that fell idle together.
struct Idle {
    levels: u32,
    since: Timestamp,
}

#[cfg(test)]
mod tests;
