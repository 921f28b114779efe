//! Distributes the units of a demand over its targets. By default as Amazon's managed scaling does:
//! scale-out prefers core to task and on-demand to spot, and scale-in goes in the opposite order. With
//! spot first, task groups on spot grow first, and core groups, which hold HDFS, are the last to grow
//! and the last to go.
//!
//! What a failed scale-out did not bring is asked of the other targets. With spot first, they give it
//! back when the spot group gets its instances later.
//!
//! Sizes are in instances. What they offer, and what is wanted, is in units of one resource: where
//! instances differ, one of them offers more than a unit.

use super::member::Member;
use super::order::Order;
use super::units::{DemandLimits, NEGLIGIBLE, rounded_down, whole};
use crate::decision::Resource;
use crate::observation::{Market, Role};

/// What is distributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wanted {
    /// The resource that the units are of.
    pub resource: Resource,
    /// Usable units of all targets together, within the limits of the demand.
    pub units: f64,
    /// Those of them that are needed, and not only worth keeping.
    pub needed: f64,
    /// What the usable instances of all targets together count at least, as the limits count.
    pub least: f64,
    /// Whether unusable instances are to go, because others work in their place.
    pub drops_unusable: bool,
    /// The market that scales out first.
    pub first_market: Market,
}

/// The size of each member.
#[derive(Clone, Debug, PartialEq)]
pub struct Shares {
    /// In instances.
    pub sizes: Vec<u32>,
    /// The units in all sizes together.
    pub units: f64,
    /// Those of them that are unusable.
    pub unusable: f64,
    /// With spot first, what is asked of it and others provide until it arrives.
    pub asked_back: f64,
}

/// Returns the size of each member, so that all together have the wanted units, as far as their own
/// limits and those of the demand allow.
pub fn shares(wanted: Wanted, limits: &DemandLimits, members: &[Member]) -> Shares {
    let mut split = Split::new(wanted, limits, members);
    split.leave_classes_above_their_maximum();
    split.grow();
    split.ask_again();
    split.drop_unusable();
    split.shrink();
    split.keep_the_minimum();
    split.take_back();
    Shares {
        units: split.sum(|member| split.units(member, split.sizes[member])),
        unusable: split.sum(|member| split.units(member, split.unusable[member])),
        asked_back: split.asked_back(),
        sizes: split.sizes,
    }
}

/// The sizes of the members while they are computed.
struct Split<'a> {
    wanted: Wanted,
    limits: &'a DemandLimits,
    members: &'a [Member],
    order: Order,
    sizes: Vec<u32>,
    /// The unusable instances in these sizes.
    unusable: Vec<u32>,
}

impl<'a> Split<'a> {
    /// Starts with what is requested, without what failed scale-outs did not bring.
    fn new(wanted: Wanted, limits: &'a DemandLimits, members: &'a [Member]) -> Self {
        let size = |member: &Member| {
            let there = member.requested.saturating_sub(member.lacks());
            there.clamp(member.min, member.max.max(member.min))
        };
        Self {
            wanted,
            limits,
            members,
            order: Order::of(members, wanted.first_market),
            sizes: members.iter().map(size).collect(),
            unusable: members
                .iter()
                .map(|member| member.unusable.min(size(member)))
                .collect(),
        }
    }

    fn leave_classes_above_their_maximum(&mut self) {
        for (most, belongs) in [
            (self.limits.max_core, is_core as fn(&Member) -> bool),
            (self.limits.max_on_demand, is_on_demand),
        ] {
            for member in self.order.first_to_go.clone() {
                if belongs(&self.members[member]) {
                    let surplus = self.count_of_class(belongs) - most;
                    self.reduce(member, whole(surplus / self.count(member, 1)));
                }
            }
        }
    }

    fn grow(&mut self) {
        for member in self.order.first_to_grow.clone() {
            if self.members[member].can_grow {
                self.sizes[member] += self.missing(member).min(self.room(member));
            }
        }
    }

    /// What nobody else can take stays requested where it failed.
    fn ask_again(&mut self) {
        for member in self.order.first_to_grow.clone() {
            let lacks = self.members[member]
                .requested
                .saturating_sub(self.sizes[member]);
            if self.members[member].has_failed {
                let missing = self.missing(member).min(lacks);
                self.sizes[member] += missing.min(self.room_of_class(member));
            }
        }
    }

    /// Each group gives its own unusable instances back, once as many units work as are needed.
    fn drop_unusable(&mut self) {
        if !self.wanted.drops_unusable {
            return;
        }
        for member in 0..self.members.len() {
            let dropped = self.reduce(member, self.unusable[member]);
            self.unusable[member] -= dropped;
        }
    }

    /// Takes what is too much. What is less than one instance of the group whose turn it is stays: the next
    /// groups would scale in only because the instances of this one are large. Nor does any group scale in
    /// for what rounding up to a large instance adds, before that instance runs. With spot first, nothing
    /// is given back before what takes its place runs.
    fn shrink(&mut self) {
        for member in self.order.first_to_go.clone() {
            let arriving = if self.is_taken_back_from(member) {
                self.arriving()
            } else {
                Amount::default()
            };
            let usable = self.usable();
            let surplus = usable.units - self.wanted.units - arriving.units;
            let above_least = usable.count - self.wanted.least - arriving.count;
            let above_most = usable.count - self.limits.max - arriving.count;
            let (offer, count) = (self.units(member, 1), self.count(member, 1));
            let taken = if surplus + NEGLIGIBLE < self.largest_arriving() {
                0.0
            } else {
                rounded_down(surplus / offer).min(rounded_down(above_least / count))
            };
            let taken = self.reduce(member, (taken as u32).max(whole(above_most / count)));
            let is_left = surplus - self.units(member, taken) > NEGLIGIBLE;
            let is_within = above_most - self.count(member, taken) <= NEGLIGIBLE;
            if is_left && is_within && self.sizes[member] > self.members[member].min {
                return;
            }
        }
    }

    /// The maximum of a class moves units to other members. If there are none, instances that run stay, so
    /// that the total does not fall below the minimum.
    fn keep_the_minimum(&mut self) {
        for member in self.order.first_to_grow.clone() {
            let below_min = self.limits.min - self.usable().count;
            let missing = whole(below_min / self.count(member, 1)).min(self.missing(member));
            let requested = self.members[member].requested;
            self.sizes[member] += missing.min(requested.saturating_sub(self.sizes[member]));
        }
    }

    /// With spot first, a task group on spot asks again for what is needed and other task groups have:
    /// when it runs, theirs is too much.
    fn take_back(&mut self) {
        if self.wanted.first_market != Market::Spot {
            return;
        }
        let of_core = self.sum(|member| {
            if is_core(&self.members[member]) {
                self.units(member, self.sizes[member])
            } else {
                0.0
            }
        });
        let mut needed = self.wanted.needed - of_core;
        for member in self.order.first_to_grow.clone() {
            let Member { role, can_grow, .. } = self.members[member];
            if role != Role::Core && can_grow && !self.is_taken_back_from(member) {
                let usable = self.sizes[member].saturating_sub(self.unusable[member]);
                let missing = whole(needed / self.units(member, 1)).saturating_sub(usable);
                let taken = missing.min(self.room(member));
                self.sizes[member] += taken;
                needed -= self.units(member, usable + taken);
            }
        }
    }

    /// Units that are asked of spot, and that other task groups have until these run.
    fn asked_back(&self) -> f64 {
        let in_others = self.amount(|member| {
            if self.is_taken_back_from(member) && !is_core(&self.members[member]) {
                self.sizes[member].saturating_sub(self.unusable[member])
            } else {
                0
            }
        });
        let surplus = self.usable().units - self.wanted.units;
        surplus
            .min(in_others.units)
            .min(self.arriving().units)
            .max(0.0)
    }

    /// Whether others may have been asked for what this member has.
    fn is_taken_back_from(&self, member: usize) -> bool {
        self.wanted.first_market == Market::Spot && self.members[member].market != Market::Spot
    }

    /// Instances of groups on spot that are requested and do not run yet.
    fn arriving(&self) -> Amount {
        self.amount(|member| {
            let Member {
                market, running, ..
            } = self.members[member];
            if market == Market::Spot {
                self.sizes[member].saturating_sub(running)
            } else {
                0
            }
        })
    }

    /// What one instance offers of those that are requested and do not run yet, the largest of them.
    fn largest_arriving(&self) -> f64 {
        let is_arriving = |member: &usize| self.sizes[*member] > self.members[*member].running;
        let arriving = (0..self.members.len()).filter(is_arriving);
        arriving
            .map(|member| self.units(member, 1))
            .fold(0.0, f64::max)
    }

    /// Takes up to `surplus` instances from a member, and returns how many.
    fn reduce(&mut self, member: usize, surplus: u32) -> u32 {
        let taken = surplus.min(self.sizes[member].saturating_sub(self.members[member].min));
        self.sizes[member] -= taken;
        taken
    }

    /// How many instances of a member would make up for what is missing.
    fn missing(&self, member: usize) -> u32 {
        let usable = self.usable();
        let by_units = (self.wanted.units - usable.units) / self.units(member, 1);
        let by_count = (self.wanted.least - usable.count) / self.count(member, 1);
        whole(by_units).max(whole(by_count))
    }

    /// By how many instances a member may grow. What is still requested elsewhere counts until EMR no
    /// longer owes it.
    fn room(&self, member: usize) -> u32 {
        let owed = self.amount(|member| {
            let Member { requested, .. } = self.members[member];
            let unasked = requested.saturating_sub(self.sizes[member]);
            self.members[member].lacks().min(unasked)
        });
        let all = self.amount(|member| self.sizes[member]);
        let left = (self.limits.max - all.count).max(0.0) - owed.count;
        let left = rounded_down(left / self.count(member, 1)) as u32;
        self.room_of_class(member).min(left)
    }

    /// By how many instances a member may grow within its own maximum and those of its classes.
    fn room_of_class(&self, member: usize) -> u32 {
        let left = |most: f64, belongs: fn(&Member) -> bool| {
            if belongs(&self.members[member]) {
                let left = most - self.count_of_class(belongs);
                rounded_down(left / self.count(member, 1)) as u32
            } else {
                u32::MAX
            }
        };
        let own = self.members[member].max.saturating_sub(self.sizes[member]);
        own.min(left(self.limits.max_core, is_core))
            .min(left(self.limits.max_on_demand, is_on_demand))
    }

    /// What the members of a class count together.
    fn count_of_class(&self, belongs: fn(&Member) -> bool) -> f64 {
        let counts = self.amount(|member| {
            if belongs(&self.members[member]) {
                self.sizes[member]
            } else {
                0
            }
        });
        counts.count
    }

    /// All instances that are not unusable.
    fn usable(&self) -> Amount {
        let all = self.amount(|member| self.sizes[member]);
        let unusable = self.amount(|member| self.unusable[member]);
        Amount {
            units: all.units - unusable.units,
            count: all.count - unusable.count,
        }
    }

    /// So many instances of each member.
    fn amount(&self, instances: impl Fn(usize) -> u32) -> Amount {
        Amount {
            units: self.sum(|member| self.units(member, instances(member))),
            count: self.sum(|member| self.count(member, instances(member))),
        }
    }

    fn sum(&self, of: impl Fn(usize) -> f64) -> f64 {
        (0..self.members.len()).map(of).sum()
    }

    /// What so many instances of a member offer.
    fn units(&self, member: usize, instances: u32) -> f64 {
        f64::from(instances) * self.members[member].offer.of(self.wanted.resource)
    }

    /// What so many instances of a member count for the limits.
    fn count(&self, member: usize, instances: u32) -> f64 {
        f64::from(instances) * self.limits.count(&self.members[member])
    }
}

/// Instances of several members together.
#[derive(Clone, Copy, Debug, Default)]
struct Amount {
    /// What they offer, in units.
    units: f64,
    /// What they count, as the limits count.
    count: f64,
}

fn is_core(member: &Member) -> bool {
    member.role == Role::Core
}

fn is_on_demand(member: &Member) -> bool {
    member.market == Market::OnDemand
}

#[cfg(test)]
mod tests;
