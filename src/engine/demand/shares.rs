//! Distributes the units of a demand over its targets as Amazon's managed scaling does: scale-out
//! prefers core to task and on-demand to spot, and scale-in goes in the opposite order.

use super::units::UnitLimits;
use crate::observation::{Market, Role};

/// One target that can be resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub role: Role,
    pub market: Market,
    pub requested: u32,
    pub min: u32,
    pub max: u32,
    /// Whether the group can scale out: it is ready, and no scale-out failed recently.
    pub can_grow: bool,
}

/// Returns the size of each member, so that all together have `wanted` units, as far as their own
/// limits and those of core and on-demand allow.
pub fn shares(wanted: u32, limits: &UnitLimits, members: &[Member]) -> Vec<u32> {
    let mut sizes: Vec<u32> = members
        .iter()
        .map(|member| {
            member
                .requested
                .clamp(member.min, member.max.max(member.min))
        })
        .collect();
    let mut first_to_grow: Vec<usize> = (0..members.len()).collect();
    first_to_grow.sort_by_key(|member| {
        (
            members[*member].role != Role::Core,
            members[*member].market != Market::OnDemand,
            *member,
        )
    });
    for (most, belongs) in [
        (limits.max_core, is_core as fn(&Member) -> bool),
        (limits.max_on_demand, is_on_demand),
    ] {
        let of_class = || (0..members.len()).filter(|member| belongs(&members[*member]));
        let mut surplus = of_class()
            .map(|member| sizes[member])
            .fold(0, u32::saturating_add)
            .saturating_sub(most);
        for member in first_to_grow
            .iter()
            .rev()
            .copied()
            .filter(|member| belongs(&members[*member]))
        {
            let taken = surplus.min(sizes[member].saturating_sub(members[member].min));
            sizes[member] -= taken;
            surplus -= taken;
        }
    }
    let total = |sizes: &[u32]| sizes.iter().copied().fold(0, u32::saturating_add);
    for member in first_to_grow
        .iter()
        .copied()
        .filter(|member| members[*member].can_grow)
    {
        let missing = wanted.saturating_sub(total(&sizes));
        sizes[member] += missing.min(room(member, &sizes, limits, members));
    }
    for member in first_to_grow.iter().rev().copied() {
        let surplus = total(&sizes).saturating_sub(wanted);
        sizes[member] -= surplus.min(sizes[member].saturating_sub(members[member].min));
    }
    // The maximum of a class moves units to other members. If there are none, units that run stay, so
    // that the total does not fall below the minimum.
    for member in first_to_grow {
        let missing = wanted.min(limits.min).saturating_sub(total(&sizes));
        sizes[member] += missing.min(members[member].requested.saturating_sub(sizes[member]));
    }
    sizes
}

/// Returns by how many units a member may grow.
fn room(member: usize, sizes: &[u32], limits: &UnitLimits, members: &[Member]) -> u32 {
    let left = |most: u32, belongs: fn(&Member) -> bool| {
        let of_class = members
            .iter()
            .zip(sizes)
            .filter(|(other, _)| belongs(other))
            .map(|(_, size)| *size);
        if belongs(&members[member]) {
            most.saturating_sub(of_class.fold(0, u32::saturating_add))
        } else {
            u32::MAX
        }
    };
    let own = members[member].max.saturating_sub(sizes[member]);
    own.min(left(limits.max_core, is_core))
        .min(left(limits.max_on_demand, is_on_demand))
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
            min: 0,
            max: 50,
            can_grow: true,
        }
    }

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
                shares(wanted, &limits, &three(core, task, spot)),
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
        assert_eq!(shares(14, &limits, &three(9, 5, 0)), [3, 5, 6]);
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
            shares(3, &limits, &three(2, 4, 0)[..2]),
            [2, 1],
            "nobody else can have them"
        );
        assert_eq!(shares(3, &limits, &three(2, 4, 0)), [0, 0, 3]);
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
        assert_eq!(shares(9, &limits, &members), [2, 7, 0]);
    }

    proptest! {
        #[test]
        fn sizes_add_up_to_what_is_wanted_unless_limits_forbid_it(
            wanted in 0..120_u32, core in 0..60_u32, task in 0..60_u32, spot in 0..60_u32, max_core in 0..100_u32, max_on_demand in 0..100_u32,
        ) {
            let limits = UnitLimits { min: 0, max: 120, max_core, max_on_demand };
            let members = three(core, task, spot);
            let sizes = shares(wanted, &limits, &members);
            let total: u32 = sizes.iter().sum();
            prop_assert!(total <= wanted, "{sizes:?}");
            prop_assert!(sizes[0] <= max_core && sizes[0] + sizes[1] <= max_on_demand, "{sizes:?}");
            prop_assert!(sizes.iter().all(|size| *size <= 50));
            let can_take_more = (0..3).any(|member| room(member, &sizes, &limits, &members) > 0);
            prop_assert!(total == wanted || !can_take_more, "{sizes:?}");
        }
    }
}
