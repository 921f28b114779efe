mod node_sizes;

use proptest::prelude::*;

use super::{DemandLimits, Member, Split, Wanted};
use crate::decision::Resource;
use crate::engine::demand::member::lacking;
use crate::engine::node_size::ResourceUnits;
use crate::observation::{Market, Role};

/// The sizes alone.
fn shares(wanted: Wanted, limits: &DemandLimits, members: &[Member]) -> Vec<u32> {
    super::shares(wanted, limits, members).sizes
}

fn member(role: Role, market: Market, requested: u32) -> Member {
    Member {
        role,
        market,
        offer: ResourceUnits::ONE,
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
        resource: Resource::Memory,
        units: f64::from(units),
        needed: f64::from(units),
        least: 0.0,
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

/// Limits in instances.
const fn limits(min: u32, max: u32, max_core: u32, max_on_demand: u32) -> DemandLimits {
    DemandLimits {
        min: min as f64,
        max: max as f64,
        max_core: max_core as f64,
        max_on_demand: max_on_demand as f64,
        count_vcores: false,
    }
}

const UP_TO_20: DemandLimits = limits(2, 20, 20, 20);

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
    let limits = limits(2, 100, 10, 20);
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
    let limits = limits(2, 100, 3, 8);
    assert_eq!(shares(needed(14), &limits, &three(9, 5, 0)), [3, 5, 6]);
}

#[test]
fn the_maximum_of_a_class_takes_no_unit_that_the_minimum_needs() {
    let limits = limits(3, 100, 100, 0);
    assert_eq!(
        shares(needed(3), &limits, &three(2, 4, 0)[..2]),
        [2, 1],
        "nobody else can have them"
    );
    assert_eq!(shares(needed(3), &limits, &three(2, 4, 0)), [0, 0, 3]);
}

#[test]
fn where_one_cannot_grow_the_next_one_does() {
    let limits = limits(2, 100, 10, 20);
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
    assert_eq!(lacking(&failed(8, 1)), [0, 0, 7]);
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
    assert_eq!(lacking(&alone), [0, 0, 0]);
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
        let limits = limits(0, 40, 40, 40);
        let mut members = three(groups[0].0, groups[1].0, groups[2].0);
        for (member, (_, running, can_grow, has_failed)) in members.iter_mut().zip(&groups) {
            (member.running, member.can_grow, member.has_failed, member.max) = (*running, *can_grow, *has_failed, 20);
        }
        let requested: u32 = members.iter().map(|member| member.requested).sum();
        let units = wanted.saturating_add(kept).min(40);
        let all = if is_spot_first { spot_first(units) } else { needed(units) };
        let sizes = shares(Wanted { needed: f64::from(wanted), ..all }, &limits, &members);
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
        let limits = limits(0, 120, max_core, max_on_demand);
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
