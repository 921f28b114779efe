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
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Usable units of all targets together.
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
    /// Of those that run, the ones that are no capacity.
    pub unusable: u32,
    pub min: u32,
    pub max: u32,
    /// Whether the group can scale out: it is ready, and no scale-out failed recently.
    pub can_grow: bool,
    /// Whether its last scale-out failed, and did not bring all that was requested.
    pub has_failed: bool,
}

/// Returns the size of each member, so that all together have the wanted units, as far as their own
/// limits and those of core and on-demand allow.
pub fn shares(wanted: Wanted, limits: &UnitLimits, members: &[Member]) -> Vec<u32> {
    let mut split = Split::new(wanted, limits, members);
    split.leave_classes_above_their_maximum();
    split.grow();
    split.ask_again();
    split.drop_unusable();
    split.shrink();
    split.keep_the_minimum();
    split.take_back();
    split.sizes
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
        let unusable = self.unusable.iter().copied();
        self.total() - unusable.fold(0, u32::saturating_add)
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
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn member(role: Role, market: Market, requested: u32) -> Member {
        Member {
            role,
            market,
            requested,
            running: requested,
            unusable: 0,
            min: 0,
            max: 50,
            can_grow: true,
            has_failed: false,
        }
    }

    /// Only what is needed, on demand first.
    fn needed(units: u32) -> Wanted {
        Wanted {
            units,
            needed: units,
            drops_unusable: false,
            first_market: Market::OnDemand,
        }
    }

    fn spot_first(units: u32) -> Wanted {
        Wanted {
            first_market: Market::Spot,
            ..needed(units)
        }
    }

    const UP_TO_20: UnitLimits = UnitLimits {
        min: 2,
        max: 20,
        max_core: 20,
        max_on_demand: 20,
    };

    /// Core, task, task on spot.
    fn three(core: u32, task: u32, spot: u32) -> [Member; 3] {
        use {Market::*, Role::*};
        [
            member(Core, OnDemand, core),
            member(Task, OnDemand, task),
            member(Task, Spot, spot),
        ]
    }

    #[test]
    fn core_grows_first_and_on_demand_before_spot_and_they_shrink_the_other_way_round() {
        let limits = UnitLimits {
            min: 2,
            max: 100,
            max_core: 10,
            max_on_demand: 20,
        };
        for (wanted, (core, task, spot), expected) in [
            (7, (2, 0, 0), [7, 0, 0]),
            (15, (2, 0, 0), [10, 5, 0]),
            (30, (2, 0, 0), [10, 10, 10]),
            (25, (10, 10, 10), [10, 10, 5]),
            (12, (10, 10, 10), [10, 2, 0]),
            (4, (10, 10, 10), [4, 0, 0]),
            (12, (4, 3, 5), [4, 3, 5]),
        ] {
            assert_eq!(
                shares(needed(wanted), &limits, &three(core, task, spot)),
                expected,
                "{wanted} units"
            );
        }
    }

    #[test]
    fn a_class_above_its_maximum_gives_way_to_the_others() {
        let limits = UnitLimits {
            min: 2,
            max: 100,
            max_core: 3,
            max_on_demand: 8,
        };
        assert_eq!(shares(needed(14), &limits, &three(9, 5, 0)), [3, 5, 6]);
    }

    #[test]
    fn the_maximum_of_a_class_takes_no_unit_that_the_minimum_needs() {
        let limits = UnitLimits {
            min: 3,
            max: 100,
            max_core: 100,
            max_on_demand: 0,
        };
        assert_eq!(
            shares(needed(3), &limits, &three(2, 4, 0)[..2]),
            [2, 1],
            "nobody else can have them"
        );
        assert_eq!(shares(needed(3), &limits, &three(2, 4, 0)), [0, 0, 3]);
    }

    #[test]
    fn where_one_cannot_grow_the_next_one_does() {
        let limits = UnitLimits {
            min: 2,
            max: 100,
            max_core: 10,
            max_on_demand: 20,
        };
        let mut members = three(2, 0, 0);
        members[0].can_grow = false;
        assert_eq!(shares(needed(9), &limits, &members), [2, 7, 0]);
    }

    #[test]
    fn with_spot_first_it_grows_first_and_core_last_and_core_is_the_last_to_go() {
        for (wanted, (core, task, spot), expected) in [
            (15, (2, 0, 0), [2, 0, 13]),
            (2, (2, 0, 13), [2, 0, 0]),
            (6, (2, 3, 5), [2, 0, 4]),
        ] {
            let mut members = three(core, task, spot);
            members[0].min = 2;
            let sizes = shares(spot_first(wanted), &UP_TO_20, &members);
            assert_eq!(sizes, expected, "{wanted} units");
        }
        let mut members = three(2, 0, 0);
        members[2].max = 5;
        members[1].max = 4;
        assert_eq!(shares(spot_first(15), &UP_TO_20, &members), [6, 4, 5]);
    }

    #[test]
    fn what_a_failed_scale_out_did_not_bring_is_asked_of_the_others_within_the_maximum() {
        let failed = |requested, running| {
            let mut members = three(2, 0, requested);
            members[0].max = 2;
            (members[2].running, members[2].has_failed) = (running, true);
            members[2].can_grow = false;
            members
        };
        let sizes = |wanted, members: &[Member]| shares(wanted, &UP_TO_20, members);
        assert_eq!(sizes(spot_first(10), &failed(8, 1)), [2, 7, 1]);
        assert_eq!(sizes(needed(10), &failed(8, 1)), [2, 7, 1]);
        assert_eq!(lacking(&failed(8, 1)), 7);
        let near_the_maximum = failed(14, 1);
        assert_eq!(
            sizes(spot_first(16), &near_the_maximum),
            [2, 4, 10],
            "13 are still owed, and 20 is the maximum: only 4 of them could be moved"
        );
        let mut alone = failed(8, 1);
        alone[1].can_grow = false;
        alone[0].can_grow = false;
        assert_eq!(sizes(spot_first(10), &alone), [2, 0, 8], "nobody else can");
        assert_eq!(lacking(&alone), 0);
    }

    #[test]
    fn each_group_gives_its_own_unusable_units_back_and_only_once_others_work_in_their_place() {
        let mut members = three(4, 4, 0);
        members[0].unusable = 2;
        let sizes = |units, drops_unusable, members: &[Member]| {
            let wanted = Wanted {
                drops_unusable,
                ..needed(units)
            };
            shares(wanted, &UP_TO_20, members)
        };
        assert_eq!(sizes(6, true, &members), [2, 4, 0]);
        assert_eq!(sizes(8, false, &members), [6, 4, 0], "two are made up for");
        members[0].requested = 6;
        assert_eq!(sizes(8, false, &members), [6, 4, 0], "they do not work yet");
        members[0].min = 6;
        assert_eq!(
            sizes(8, true, &members),
            [6, 4, 0],
            "the task group is busy"
        );
        assert_eq!(sizes(20, false, &members), [16, 4, 0], "up to the maximum");
    }

    #[test]
    fn what_took_the_place_of_spot_is_given_back_once_spot_runs() {
        let mut members = three(2, 7, 1);
        (members[0].min, members[0].max) = (2, 2);
        let wait = |members: &[Member]| shares(spot_first(10), &UP_TO_20, members);
        members[2].can_grow = false;
        assert_eq!(wait(&members), [2, 7, 1], "spot failed a short time ago");
        members[2].can_grow = true;
        assert_eq!(wait(&members), [2, 7, 8], "it is asked again");
        members[2].requested = 8;
        assert_eq!(wait(&members), [2, 7, 8], "it does not run yet");
        members[2].running = 5;
        assert_eq!(wait(&members), [2, 3, 8]);
        members[2].running = 8;
        assert_eq!(wait(&members), [2, 0, 8]);
    }

    proptest! {
        #[test]
        fn no_size_leaves_its_limits_whoever_fails(
            wanted in 0..40_u32, kept in 0..20_u32, is_spot_first in proptest::bool::ANY,
            groups in proptest::collection::vec((0..20_u32, 0..20_u32, proptest::bool::ANY, proptest::bool::ANY), 3),
        ) {
            let limits = UnitLimits { min: 0, max: 40, max_core: 40, max_on_demand: 40 };
            let mut members = three(groups[0].0, groups[1].0, groups[2].0);
            for (member, (_, running, can_grow, has_failed)) in members.iter_mut().zip(&groups) {
                (member.running, member.can_grow, member.has_failed, member.max) = (*running, *can_grow, *has_failed, 20);
            }
            let requested: u32 = members.iter().map(|member| member.requested).sum();
            let units = wanted.saturating_add(kept).min(40);
            let all = if is_spot_first { spot_first(units) } else { needed(units) };
            let sizes = shares(Wanted { needed: wanted, ..all }, &limits, &members);
            prop_assert!(sizes.iter().all(|size| *size <= 20), "{sizes:?}");
            prop_assert!(sizes.iter().sum::<u32>() <= 40.max(requested), "{sizes:?}");
            for (member, size) in members.iter().zip(&sizes) {
                prop_assert!(member.can_grow || *size <= member.requested, "{sizes:?}");
            }
        }

        #[test]
        fn sizes_add_up_to_what_is_wanted_unless_limits_forbid_it(
            wanted in 0..120_u32, core in 0..60_u32, task in 0..60_u32, spot in 0..60_u32, max_core in 0..100_u32, max_on_demand in 0..100_u32,
        ) {
            let limits = UnitLimits { min: 0, max: 120, max_core, max_on_demand };
            let members = three(core, task, spot);
            let sizes = shares(needed(wanted), &limits, &members);
            let total: u32 = sizes.iter().sum();
            prop_assert!(total <= wanted, "{sizes:?}");
            prop_assert!(sizes[0] <= max_core && sizes[0] + sizes[1] <= max_on_demand, "{sizes:?}");
            prop_assert!(sizes.iter().all(|size| *size <= 50));
            let split = Split { sizes: sizes.clone(), ..Split::new(needed(wanted), &limits, &members) };
            let can_take_more = (0..3).any(|member| split.room_of_class(member) > 0);
            prop_assert!(total == wanted || !can_take_more, "{sizes:?}");
        }
    }
}
