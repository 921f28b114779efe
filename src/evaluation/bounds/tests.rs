use super::*;
use crate::sim::job_work::JobWork;
use crate::sim::no_wait_demand::no_wait_demand;
use crate::sim::trace_work::TraceWork;
use crate::trace::{Job, Stage, TaskRun};
use crate::units::{Mebibytes, VirtualCores};
use proptest::prelude::*;

fn seconds(s: u64) -> Timestamp {
    Timestamp::EPOCH + Duration::from_secs(s)
}

fn resources(memory_mib: u64, vcores: u64) -> Resources {
    Resources {
        memory: Mebibytes(memory_mib),
        vcores: VirtualCores(vcores),
    }
}

/// A node holds one unit of demand and costs one dollar a second: bounds are node-seconds.
fn node_seconds(provisioning_s: u64) -> Capacity {
    let scaled = Offer {
        node: resources(1, 1),
        usd_h: 3_600.0,
    };
    Capacity {
        scaled,
        scaled_min: Instances(0),
        fixed: vec![],
        provisioning: Duration::from_secs(provisioning_s),
    }
}

fn demand(steps: &[(u64, u64)]) -> StepCurve<Resources> {
    StepCurve(
        steps
            .iter()
            .map(|&(at, units)| (seconds(at), resources(units, units)))
            .collect(),
    )
}

fn assert_bounds(bounds: Bounds, work: f64, no_wait: f64, clairvoyant: f64) {
    let got = [bounds.work_usd, bounds.no_wait_usd, bounds.clairvoyant_usd];
    let near = got
        .iter()
        .zip([work, no_wait, clairvoyant])
        .all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(near, "{got:?}, expected {:?}", [work, no_wait, clairvoyant]);
}

#[test]
fn a_small_curve_costs_what_it_costs_by_hand() {
    // Level 1 is busy in 0..10, 15..20 and 100..110; level 2 in 0..10 and 100..110; level 3 in
    // 100..110.
    let curve = demand(&[(0, 2), (10, 0), (15, 1), (20, 0), (100, 3), (110, 0)]);
    let busy = 25.0 + 20.0 + 10.0;
    // With 20 s of provisioning: three first uses; level 1 is kept for 5 s and bought again across
    // 80 s, level 2 across 90 s.
    let bridging = 3.0 * 20.0 + 5.0 + 20.0 + 20.0;
    assert_bounds(
        Bounds::of(&curve, &node_seconds(20), &(seconds(0)..seconds(110))),
        busy,
        busy,
        busy + bridging,
    );
    // With 85 s, level 1 is kept throughout and level 2 is still bought again.
    let bridging = 3.0 * 85.0 + 5.0 + 80.0 + 85.0;
    assert_bounds(
        Bounds::of(&curve, &node_seconds(85), &(seconds(0)..seconds(110))),
        busy,
        busy,
        busy + bridging,
    );
    assert_bounds(
        Bounds::of(&curve, &node_seconds(0), &(seconds(0)..seconds(110))),
        busy,
        busy,
        busy,
    );
}

#[test]
fn levels_that_fall_idle_apart_wake_apart() {
    // Level 3 idles in 10..40, level 2 in 20..30.
    let curve = demand(&[(0, 3), (10, 2), (20, 1), (30, 2), (40, 3), (50, 0)]);
    let busy = 50.0 + 40.0 + 20.0;
    assert_bounds(
        Bounds::of(&curve, &node_seconds(15), &(seconds(0)..seconds(50))),
        busy,
        busy,
        busy + 3.0 * 15.0 + 10.0 + 15.0,
    );
}

#[test]
fn nodes_that_are_always_on_are_paid_for_the_whole_horizon_and_need_no_provisioning() {
    let curve = demand(&[(10, 3), (20, 0)]);
    let horizon = seconds(0)..seconds(100);
    let min = Capacity {
        scaled_min: Instances(2),
        ..node_seconds(5)
    };
    assert_bounds(Bounds::of(&curve, &min, &horizon), 30.0, 210.0, 215.0);
    // A fixed node of twice the size and three times the price does the same as two nodes.
    let twice = Offer {
        node: resources(2, 2),
        usd_h: 3.0 * 3_600.0,
    };
    let fixed = Capacity {
        fixed: vec![(Instances(1), twice)],
        ..node_seconds(5)
    };
    assert_bounds(Bounds::of(&curve, &fixed, &horizon), 30.0, 310.0, 315.0);
    // A primary node is paid for, too, and holds nothing.
    let primary = Offer {
        node: Resources::default(),
        usd_h: 3_600.0,
    };
    let with_primary = Capacity {
        fixed: vec![(Instances(1), primary)],
        ..node_seconds(5)
    };
    assert_bounds(
        Bounds::of(&curve, &with_primary, &horizon),
        30.0,
        130.0,
        145.0,
    );
}

#[test]
fn fixed_nodes_count_as_the_whole_nodes_they_are_worth() {
    // 49 * (1 / 49) is below one in binary.
    for (count, of_49, nodes) in [(48, 1, 0), (49, 1, 1), (1, 98, 2), (3, 40, 2)] {
        let mut capacity = node_seconds(0);
        capacity.scaled.node = resources(49, 49);
        capacity.fixed = vec![(
            Instances(count),
            Offer {
                node: resources(of_49, 100),
                usd_h: 0.0,
            },
        )];
        assert_eq!(
            capacity.always_on_nodes(),
            nodes,
            "{count} nodes of {of_49}/49"
        );
    }
}

#[test]
fn work_is_priced_at_the_cheapest_offer_that_exists() {
    let curve = demand(&[(0, 1), (10, 0)]);
    let half_price = Offer {
        node: resources(2, 2),
        usd_h: 3_600.0,
    };
    for (count, work_usd) in [(1, 5.0), (0, 10.0)] {
        let capacity = Capacity {
            fixed: vec![(Instances(count), half_price)],
            ..node_seconds(0)
        };
        assert_eq!(
            Bounds::of(&curve, &capacity, &(seconds(0)..seconds(10))).work_usd,
            work_usd
        );
    }
}

#[test]
fn only_what_lies_in_the_horizon_counts_and_the_last_value_holds_to_its_end() {
    let curve = demand(&[(0, 1), (50, 2)]);
    assert_bounds(
        Bounds::of(&curve, &node_seconds(0), &(seconds(40)..seconds(60))),
        30.0,
        30.0,
        30.0,
    );
    assert_bounds(
        Bounds::of(&curve, &node_seconds(7), &(seconds(10)..seconds(50))),
        40.0,
        40.0,
        47.0,
    );
    assert_bounds(
        Bounds::of(
            &StepCurve(vec![]),
            &node_seconds(7),
            &(seconds(0)..seconds(50)),
        ),
        0.0,
        0.0,
        0.0,
    );
}

/// Reads the trace only where the environment names the folder that holds it: it is too large to
/// ship.
#[test]
fn bounds_on_fb_2009_equal_an_independent_computation() {
    let Some(folder) = std::env::var_os("HEADROOM_SHARED") else {
        eprintln!("HEADROOM_SHARED names no folder with data/swim: bounds on FB-2009 not checked");
        return;
    };
    let path = std::path::Path::new(&folder).join("data/swim/FB-2009_samples_24_times_1hr_0.tsv");
    let text = std::fs::read_to_string(path).expect("HEADROOM_SHARED holds data/swim");
    let jobs: Vec<Job> = text.lines().filter_map(reference_job).collect();
    assert_eq!(jobs.len(), 5_892);
    assert_eq!(
        jobs.iter()
            .map(|job| job.stages[0].tasks[0].count)
            .sum::<u32>(),
        41_310
    );
    let workload =
        TraceWork::Jobs(JobWork::from_jobs(Timestamp::EPOCH, &jobs).expect("valid jobs"));
    let curve = no_wait_demand(&workload);
    let end = curve.0.last().expect("there is demand").0;
    let scaled = Offer {
        node: resources(12_288, 4),
        usd_h: 0.24,
    };
    let capacity = Capacity {
        scaled,
        scaled_min: Instances(0),
        fixed: vec![],
        provisioning: Duration::from_secs(360),
    };
    let bounds = Bounds::of(&curve, &capacity, &(Timestamp::EPOCH..end));
    let near = |usd: f64, expected: f64| {
        assert!(
            (usd - expected).abs() < 5e-4,
            "{usd}, expected {expected}: {bounds:?}"
        )
    };
    near(bounds.work_usd, 46.719);
    near(bounds.no_wait_usd, 47.936);
    near(bounds.clairvoyant_usd, 146.034);
}

/// The task model by which simulators of this trace are compared: 256 MiB and 30 s a task, one
/// vcore and 3 GiB.
fn reference_job(line: &str) -> Option<Job> {
    let fields: Vec<u64> = line
        .split('\t')
        .skip(1)
        .map(|field| field.parse().expect("a number"))
        .collect();
    let bytes = fields[2].max(fields[3]).max(fields[4]);
    let tasks = bytes.div_ceil(256 << 20).clamp(1, 64);
    let task_s = (30 * bytes / (256 << 20) / tasks).clamp(5, 300);
    let run = TaskRun {
        count: u32::try_from(tasks).expect("at most 64"),
        duration: Duration::from_secs(task_s),
    };
    let stage = Stage {
        after: vec![],
        memory: Mebibytes(3_072),
        vcores: VirtualCores(1),
        tasks: vec![run],
        spark: None,
    };
    let job = Job {
        queue: None,
        user: None,
        is_step: false,
        map_reduce: None,
        id: line.into(),
        name: None,
        submit: Duration::from_secs(fields[0]),
        application_master: None,
        stages: vec![stage],
        spark: None,
    };
    (fields[0] < 86_400).then_some(job)
}

prop_compose! {
    fn curves()(steps in prop::collection::vec((1_u64..500, 0_u64..40, 0_u64..12), 0..60)) -> StepCurve<Resources> {
        let mut at = 0;
        StepCurve(steps.into_iter().map(|(after, memory, vcores)| { at += after; (seconds(at), resources(memory, vcores)) }).collect())
    }
}

prop_compose! {
    fn offers()(memory in 0_u64..12, vcores in 0_u64..5, usd_h in 0.0..10.0) -> Offer {
        Offer { node: resources(memory, vcores), usd_h }
    }
}

prop_compose! {
    fn capacities()(
        scaled in offers(), min in 0_u32..5, fixed in prop::collection::vec((0_u32..3, offers()), 0..3), provisioning_s in 0_u64..900,
    ) -> Capacity {
        let fixed = fixed.into_iter().map(|(count, offer)| (Instances(count), offer)).collect();
        Capacity { scaled, scaled_min: Instances(min), fixed, provisioning: Duration::from_secs(provisioning_s) }
    }
}

/// The definition, level by level, without the stack.
fn clairvoyant_h_by_definition(
    needed: &StepCurve<u32>,
    always_on: u32,
    provisioning: Duration,
    end: Timestamp,
) -> f64 {
    let highest = needed
        .0
        .iter()
        .filter(|(at, _)| *at < end)
        .map(|(_, nodes)| *nodes)
        .max()
        .unwrap_or(0);
    let mut total_s = 0.0;
    for level in always_on + 1..=highest.max(always_on) {
        let mut idle_since = None;
        for (step, &(from, nodes)) in needed
            .0
            .iter()
            .enumerate()
            .filter(|(_, (from, _))| *from < end)
        {
            if nodes < level {
                continue;
            }
            let to = needed
                .0
                .get(step + 1)
                .map_or(end, |(next, _)| (*next).min(end));
            total_s += idle_since
                .map_or(provisioning, |since| from.since(since).min(provisioning))
                .as_secs_f64();
            total_s += to.since(from).as_secs_f64();
            idle_since = Some(to);
        }
    }
    total_s / 3_600.0
}

proptest! {
    #[test]
    fn each_bound_is_at_most_the_next(curve in curves(), capacity in capacities(), end in 1_u64..20_000) {
        // A resource that only the fixed nodes offer has no price at which more of it could be
        // bought.
        prop_assume!(capacity.scaled.node.memory.get() > 0 && capacity.scaled.node.vcores.get() > 0);
        let bounds = Bounds::of(&curve, &capacity, &(seconds(0)..seconds(end)));
        prop_assert!(0.0 <= bounds.work_usd);
        prop_assert!(bounds.work_usd <= bounds.no_wait_usd + 1e-6, "{bounds:?}");
        prop_assert!(bounds.no_wait_usd <= bounds.clairvoyant_usd, "{bounds:?}");
    }

    #[test]
    fn the_no_wait_bound_is_the_integral_of_the_nodes_needed(curve in curves(), end in 1_u64..20_000) {
        let needed = nodes_needed(&curve, resources(3, 1));
        let by_second: u64 = (0..end).map(|s| u64::from(needed.0.iter().rfind(|(at, _)| *at <= seconds(s)).map_or(0, |(_, nodes)| *nodes))).sum();
        let mut capacity = node_seconds(0);
        capacity.scaled.node = resources(3, 1);
        let bounds = Bounds::of(&curve, &capacity, &(seconds(0)..seconds(end)));
        prop_assert!((bounds.no_wait_usd - by_second as f64).abs() < 1e-6);
    }

    #[test]
    fn the_stack_of_levels_equals_the_definition(curve in curves(), min in 0_u32..5, provisioning_s in 0_u64..900, end in 1_u64..20_000) {
        let capacity = Capacity { scaled_min: Instances(min), ..node_seconds(provisioning_s) };
        let needed = nodes_needed(&curve, capacity.scaled.node);
        let levels = Levels::of(&needed, &capacity, &(seconds(0)..seconds(end)));
        let expected_h = clairvoyant_h_by_definition(&needed, min, capacity.provisioning, seconds(end));
        prop_assert!((levels.busy_h + levels.bridging_h - expected_h).abs() < 1e-6, "{levels:?} {expected_h}");
    }

    #[test]
    fn no_demand_and_no_capacity_overflows(memory in any::<u64>(), vcores in any::<u64>(), offer in offers(), count in any::<u32>(), end in any::<i64>()) {
        let curve = StepCurve(vec![(seconds(5), resources(memory, vcores)), (seconds(9), resources(vcores, memory))]);
        let (scaled_min, fixed) = (Instances(count), vec![(Instances(count), offer)]);
        let capacity = Capacity { scaled: offer, scaled_min, fixed, provisioning: Duration::MAX };
        let bounds = Bounds::of(&curve, &capacity, &(Timestamp::EPOCH..Timestamp::from_millis(end)));
        prop_assert!(!bounds.work_usd.is_nan() && !bounds.clairvoyant_usd.is_nan(), "{bounds:?}");
    }
}
