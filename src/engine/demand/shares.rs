//! Distributes the units of a demand over its targets. By default as Amazon's managed scaling does:
//! scale-out prefers core to task and on-demand to spot, and scale-in goes in the opposite order. With
//! spot first, task groups on spot grow first, and core groups, which hold HDFS, are the last to grow
//! and the last to go.
//!
//! What a failed scale-out did not bring is asked of the other targets. With spot first, they give it
//! back when the spot group gets its instances later.

use super::units::UnitLimits;
use crate::observation::{Market, Role};

/// What is distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Usable units of all targets together, within the limits of the demand.
    pub units: u32,
    /// Those of them that are needed, and not only worth keeping.
    pub needed: u32,
    /// Whether unusable units are to go, because others work in their place.
    pub drops_unusable: bool,
    /// The market that scales out first.
    pub first_market: Market,
}

/// One target that can be resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub role: Role,
    pub market: Market,
    pub requested: u32,
    pub running: u32,
    /// The units that run and are no capacity.
    pub unusable: u32,
    pub min: u32,
    pub max: u32,
    /// Whether the group can scale out: it is ready, and no scale-out failed recently.
    pub can_grow: bool,
    /// Whether its last scale-out failed, and did not bring all that was requested.
    pub has_failed: bool,
}

/// The size of each member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares {
    pub sizes: Vec<u32>,
    /// The unusable units in all sizes together.
    pub unusable: u32,
}

/// Returns the size of each member, so that all together have the wanted units, as far as their own
/// limits and those of core and on-demand allow.
pub fn shares(wanted: Wanted, limits: &UnitLimits, members: &[Member]) -> Shares {
    let mut split = Split::new(wanted, limits, members);
    split.leave_classes_above_their_maximum();
    split.grow();
    split.ask_again();
    split.drop_unusable();
    split.shrink();
    split.keep_the_minimum();
    split.take_back();
    Shares {
        unusable: split.all_unusable(),
        sizes: split.sizes,
    }
}

/// Units that the members request, and that a failed scale-out did not bring, if another member could
/// take their place.
pub fn lacking(members: &[Member]) -> u32 {
    let can_grow = |other: usize| members[other].can_grow;
    let lacks = |member: usize| {
        let is_replaceable = (0..members.len()).any(|other| other != member && can_grow(other));
        if is_replaceable {
            members[member].lacks()
        } else {
            0
        }
    };
    (0..members.len()).map(lacks).fold(0, u32::saturating_add)
}

impl Member {
    /// What its failed scale-out did not bring.
    fn lacks(&self) -> u32 {
        if self.has_failed {
            self.requested.saturating_sub(self.running)
        } else {
            0
        }
    }
}

/// The sizes of the members while they are computed.
struct Split<'a> {
    wanted: Wanted,
    limits: &'a UnitLimits,
    members: &'a [Member],
    /// The members, the first to scale out first.
    first_to_grow: Vec<usize>,
    /// The members, the first to scale in first.
    first_to_go: Vec<usize>,
    sizes: Vec<u32>,
    /// The unusable units in these sizes.
    unusable: Vec<u32>,
}

impl<'a> Split<'a> {
    /// Starts with what is requested, without what failed scale-outs did not bring.
    fn new(wanted: Wanted, limits: &'a UnitLimits, members: &'a [Member]) -> Self {
        let is_spot_first = wanted.first_market == Market::Spot;
        let is_core = |member: usize| members[member].role == Role::Core;
        let is_later = |member: usize| members[member].market != wanted.first_market;
        let mut first_to_grow: Vec<usize> = (0..members.len()).collect();
        first_to_grow.sort_by_key(|member| {
            (
                is_core(*member) == is_spot_first,
                is_later(*member),
                *member,
            )
        });
        let mut first_to_go: Vec<usize> = first_to_grow.iter().rev().copied().collect();
        first_to_go.sort_by_key(|member| is_core(*member));
        let size = |member: &Member| {
            let there = member.requested.saturating_sub(member.lacks());
            there.clamp(member.min, member.max.max(member.min))
        };
        Self {
            wanted,
            limits,
            members,
            first_to_grow,
            first_to_go,
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
            let mut surplus = self.of_class(belongs).saturating_sub(most);
            for member in self.first_to_go.clone() {
                if belongs(&self.members[member]) {
                    surplus -= self.reduce(member, surplus);
                }
            }
        }
    }

    fn grow(&mut self) {
        for member in self.first_to_grow.clone() {
            if self.members[member].can_grow {
                let missing = self.wanted.units.saturating_sub(self.usable());
                self.sizes[member] += missing.min(self.room(member));
            }
        }
    }

    /// What nobody else can take stays requested where it failed.
    fn ask_again(&mut self) {
        for member in self.first_to_grow.clone() {
            let missing = self.wanted.units.saturating_sub(self.usable());
            let lacks = self.members[member]
                .requested
                .saturating_sub(self.sizes[member]);
            if self.members[member].has_failed {
                self.sizes[member] += missing.min(lacks).min(self.room_of_class(member));
            }
        }
    }

    /// Each group gives its own unusable units back, once as many units work as are needed.
    fn drop_unusable(&mut self) {
        if !self.wanted.drops_unusable {
            return;
        }
        for member in 0..self.members.len() {
            let dropped = self.reduce(member, self.unusable[member]);
            self.unusable[member] -= dropped;
        }
    }

    /// With spot first, nothing is given back before what takes its place runs.
    fn shrink(&mut self) {
        for member in self.first_to_go.clone() {
            let mut surplus = self.usable().saturating_sub(self.wanted.units);
            if self.is_taken_back_from(member) {
                surplus = surplus.saturating_sub(self.arriving());
            }
            self.reduce(member, surplus);
        }
    }

    /// The maximum of a class moves units to other members. If there are none, units that run stay, so
    /// that the total does not fall below the minimum.
    fn keep_the_minimum(&mut self) {
        for member in self.first_to_grow.clone() {
            let least = self.wanted.units.min(self.limits.min);
            let missing = least.saturating_sub(self.usable());
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
        let mut needed = self.wanted.needed.saturating_sub(self.of_class(is_core));
        for member in self.first_to_grow.clone() {
            let Member { role, can_grow, .. } = self.members[member];
            if role != Role::Core && can_grow && !self.is_taken_back_from(member) {
                let usable = self.sizes[member] - self.unusable[member];
                let taken = needed.saturating_sub(usable).min(self.room(member));
                self.sizes[member] += taken;
                needed = needed.saturating_sub(usable + taken);
            }
        }
    }

    /// Whether others may have been asked for what this member has.
    fn is_taken_back_from(&self, member: usize) -> bool {
        self.wanted.first_market == Market::Spot && self.members[member].market != Market::Spot
    }

    /// Units of groups on spot that are requested and do not run yet.
    fn arriving(&self) -> u32 {
        let members = self.members.iter().zip(&self.sizes);
        members
            .filter(|(member, _)| member.market == Market::Spot)
            .map(|(member, size)| size.saturating_sub(member.running))
            .fold(0, u32::saturating_add)
    }

    /// Takes up to `surplus` units from a member, and returns how many.
    fn reduce(&mut self, member: usize, surplus: u32) -> u32 {
        let taken = surplus.min(self.sizes[member].saturating_sub(self.members[member].min));
        self.sizes[member] -= taken;
        taken
    }

    /// By how many units a member may grow. What is still requested elsewhere counts until EMR no
    /// longer owes it.
    fn room(&self, member: usize) -> u32 {
        let owed = self
            .members
            .iter()
            .zip(&self.sizes)
            .map(|(member, size)| member.lacks().min(member.requested.saturating_sub(*size)))
            .fold(0, u32::saturating_add);
        let left = self.limits.max.saturating_sub(self.total());
        self.room_of_class(member).min(left.saturating_sub(owed))
    }

    /// By how many units a member may grow within its own maximum and those of its classes.
    fn room_of_class(&self, member: usize) -> u32 {
        let left = |most: u32, belongs: fn(&Member) -> bool| {
            if belongs(&self.members[member]) {
                most.saturating_sub(self.of_class(belongs))
            } else {
                u32::MAX
            }
        };
        let own = self.members[member].max.saturating_sub(self.sizes[member]);
        own.min(left(self.limits.max_core, is_core))
            .min(left(self.limits.max_on_demand, is_on_demand))
    }

    fn of_class(&self, belongs: fn(&Member) -> bool) -> u32 {
        let members = self.members.iter().zip(&self.sizes);
        members
            .filter(|(member, _)| belongs(member))
            .map(|(_, size)| *size)
            .fold(0, u32::saturating_add)
    }

    /// All units that are not unusable.
    fn usable(&self) -> u32 {
        self.total() - self.all_unusable()
    }

    fn all_unusable(&self) -> u32 {
        self.unusable.iter().copied().fold(0, u32::saturating_add)
    }

    fn total(&self) -> u32 {
        self.sizes.iter().copied().fold(0, u32::saturating_add)
    }
}

fn is_core(member: &Member) -> bool {
    member.role == Role::Core
}

fn is_on_demand(member: &Member) -> bool {
    member.market == Market::OnDemand
}

#[cfg(test)]
mod tests;
