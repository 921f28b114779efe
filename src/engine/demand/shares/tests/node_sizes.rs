//! Shares of groups whose instances offer different amounts.

use super::*;

/// The same member with instances that offer so many units of each resource.
fn offering(member: Member, memory: f64, vcores: f64) -> Member {
    Member {
        offer: ResourceUnits { memory, vcores },
        ..member
    }
}

/// Core nodes of one unit, and task nodes of four.
fn small_and_large(core: u32, task: u32) -> [Member; 2] {
    let [core, task, _] = three(core, task, 0);
    [core, offering(task, 4.0, 4.0)]
}

/// The same members once the sizes are requested, of which `running` run.
fn asked(members: &[Member], sizes: &[u32], running: &[u32]) -> Vec<Member> {
    let asked = members.iter().zip(sizes).zip(running);
    asked
        .map(|((member, size), running)| Member {
            requested: *size,
            running: *running,
            has_failed: false,
            ..*member
        })
        .collect()
}

#[test]
fn a_group_of_large_instances_is_asked_for_as_many_as_offer_what_is_missing_and_keeps_them() {
    let limits = limits(0, 100, 2, 100);
    let members = small_and_large(2, 0);
    let wanted = needed(21);
    assert_eq!(shares(wanted, &limits, &members), [2, 5]);
    for running in [0, 3, 5] {
        let asked = asked(&members, &[2, 5], &[2, running]);
        assert_eq!(
            shares(wanted, &limits, &asked),
            [2, 5],
            "{running} of 5 run"
        );
    }
}

#[test]
fn a_group_scales_in_by_whole_instances_and_the_next_ones_not_for_what_is_left_of_one() {
    let limits = limits(0, 100, 100, 100);
    for (wanted, expected) in [
        (22, [2, 5]),
        (19, [2, 5]),
        (18, [2, 4]),
        (3, [2, 1]),
        (2, [2, 0]),
        (1, [1, 0]),
    ] {
        let sizes = shares(needed(wanted), &limits, &small_and_large(2, 5));
        assert_eq!(sizes, expected, "{wanted} units");
    }
    let [mut core, task, _] = three(3, 6, 0);
    core = offering(core, 4.0, 4.0);
    for (wanted, expected) in [(18, [3, 6]), (13, [3, 1]), (12, [3, 0]), (7, [2, 0])] {
        let sizes = shares(needed(wanted), &limits, &[core, task]);
        assert_eq!(sizes, expected, "{wanted} units of large core nodes");
    }
}

#[test]
fn no_instance_is_given_back_for_a_large_one_that_does_not_run_yet() {
    let limits = limits(0, 100, 100, 100);
    let [mut core, task, _] = three(1, 5, 0);
    core = offering(core, 4.0, 4.0);
    let wanted = needed(10);
    assert_eq!(shares(wanted, &limits, &[core, task]), [2, 5]);
    let waiting = asked(&[core, task], &[2, 5], &[1, 5]);
    assert_eq!(
        shares(wanted, &limits, &waiting),
        [2, 5],
        "it does not run yet"
    );
    let arrived = asked(&[core, task], &[2, 5], &[2, 5]);
    assert_eq!(shares(wanted, &limits, &arrived), [2, 2]);
}

#[test]
fn limits_count_instances_or_the_virtual_cores_that_they_offer() {
    let (members, wanted) = (small_and_large(0, 0), needed(40));
    let vcores = |max, max_core| DemandLimits {
        count_vcores: true,
        ..limits(0, max, max_core, max)
    };
    assert_eq!(shares(wanted, &limits(0, 8, 2, 8), &members), [2, 6]);
    assert_eq!(shares(wanted, &vcores(18, 2), &members), [2, 4]);
    assert_eq!(shares(wanted, &vcores(17, 2), &members), [2, 3]);
    let above = small_and_large(3, 5);
    assert_eq!(shares(wanted, &limits(0, 6, 3, 6), &above), [3, 3]);
    let at_least = |least: u32| Wanted {
        least: f64::from(least),
        ..needed(1)
    };
    assert_eq!(
        shares(at_least(4), &limits(4, 9, 9, 9), &small_and_large(1, 5)),
        [1, 3],
        "the minimum counts instances, whatever they offer"
    );
    assert_eq!(
        shares(at_least(4), &limits(4, 9, 1, 9), &small_and_large(0, 0)),
        [1, 3]
    );
}

#[test]
fn the_binding_resource_says_what_an_instance_offers() {
    let [core, task, _] = three(2, 0, 0);
    let members = [core, offering(task, 4.0, 1.0)];
    let limits = limits(0, 100, 2, 100);
    let of = |resource| Wanted {
        resource,
        ..needed(10)
    };
    assert_eq!(shares(of(Resource::Memory), &limits, &members), [2, 2]);
    assert_eq!(shares(of(Resource::Vcores), &limits, &members), [2, 8]);
}

#[test]
fn what_small_instances_provide_in_the_place_of_large_spot_ones_is_given_back() {
    let limits = limits(0, 40, 2, 40);
    let mut members = three(2, 7, 0);
    members[2] = offering(members[2], 4.0, 4.0);
    let wanted = spot_first(9);
    let sizes = shares(wanted, &limits, &members);
    assert_eq!(
        sizes,
        [2, 7, 2],
        "7 units are asked back, with two instances"
    );
    let waiting = asked(&members, &sizes, &[2, 7, 1]);
    assert_eq!(
        shares(wanted, &limits, &waiting),
        [2, 3, 2],
        "one of them runs"
    );
    let arrived = asked(&members, &[2, 3, 2], &[2, 3, 2]);
    assert_eq!(shares(wanted, &limits, &arrived), [2, 0, 2]);
}

/// A member of a random group.
fn any_member(role: Role, market: Market) -> impl Strategy<Value = Member> {
    let offer = prop::sample::select(vec![1.0, 2.0, 4.0, 4.0 + 2.0 / 3.0, 8.5]);
    let sizes = (0..30_u32, 0..20_u32, 0..3_u32);
    (offer, 1..4_u32, sizes).prop_map(move |(memory, cores, (requested, max, min))| Member {
        min,
        max: max.max(min),
        ..offering(
            member(role, market, requested.min(max)),
            memory,
            f64::from(cores) / 2.0,
        )
    })
}

fn any_members() -> impl Strategy<Value = Vec<Member>> {
    use {Market::*, Role::*};
    let all = (
        any_member(Core, OnDemand),
        any_member(Task, OnDemand),
        any_member(Task, Spot),
    );
    all.prop_map(|(core, task, spot)| vec![core, task, spot])
}

proptest! {
    #[test]
    fn what_is_asked_for_is_asked_for_once_and_is_neither_too_little_nor_too_much(
        members in any_members(), units in 0..80_u32, least in 0..10_u32, max in 30..90_u32,
        (max_core, max_on_demand) in (0..40_u32, 0..40_u32), count_vcores in any::<bool>(), of_vcores in any::<bool>(),
    ) {
        let limits = DemandLimits { count_vcores, ..limits(least, max, max_core, max_on_demand) };
        let resource = if of_vcores { Resource::Vcores } else { Resource::Memory };
        let wanted = Wanted { resource, least: f64::from(least), ..needed(units) };
        prop_assume!(Split::new(wanted, &limits, &members).usable().count <= limits.max);
        let sizes = shares(wanted, &limits, &members);
        let asked_for = asked(&members, &sizes, &sizes);
        let next = shares(wanted, &limits, &asked_for);
        for (now, next) in sizes.iter().zip(&next) {
            prop_assert!(next <= now, "{sizes:?}, then {next:?}");
        }
        let settled = asked(&members, &next, &next);
        prop_assert_eq!(&shares(wanted, &limits, &settled), &next, "after {:?}", sizes);

        let split = Split { sizes: next.clone(), ..Split::new(wanted, &limits, &settled) };
        let usable = split.usable();
        let is_enough = usable.units + 1e-3 >= wanted.units && usable.count + 1e-3 >= wanted.least;
        let has_room = (0..3).any(|member| split.room(member) > 0);
        prop_assert!(is_enough || !has_room, "{next:?}");
        for (member, size) in settled.iter().zip(&next) {
            prop_assert!((member.min..=member.max).contains(size), "{next:?}");
        }
        // The minimum keeps instances above the maximum of a class, whatever they offer.
        let keeps_minimum = split.count_of_class(super::super::is_core) > limits.max_core
            || split.count_of_class(super::super::is_on_demand) > limits.max_on_demand;
        let can_go = |member: &usize| next[*member] > settled[*member].min;
        let last = split.order.first_to_go.iter().find(|member| can_go(member));
        if let Some(last) = last.filter(|_| !keeps_minimum) {
            let without = (usable.units - split.units(*last, 1), usable.count - split.count(*last, 1));
            let is_needed = without.0 < wanted.units - 1e-3 || without.1 < wanted.least - 1e-3;
            prop_assert!(is_needed, "{next:?} without one of {last}");
            prop_assert!(usable.count <= limits.max + 1e-3, "{next:?}");
        }
    }
}
