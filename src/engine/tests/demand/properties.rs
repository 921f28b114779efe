//! What holds whatever the work.

use proptest::prelude::*;

use super::*;
use crate::engine::tests::properties::anything;
use crate::observation::{HdfsLoad, InstanceId, NodeHealth, NodeLoad, NodeSnapshot};

fn core_node(number: usize, has_application_master: bool) -> NodeLoad {
    let (instance, group) = (InstanceId::new(format!("i-{number}")), core_group(1).id);
    NodeLoad {
        instance,
        group,
        containers: u32::from(has_application_master),
        has_application_master,
        draining: false,
        idle_since: None,
        health: NodeHealth::Usable,
    }
}

/// What runs and waits at one tick, and whether new units have come.
fn works() -> impl Strategy<Value = Vec<(Option<Work>, bool)>> {
    let work = (
        0.0..1.0_f64,
        prop_oneof![3 => Just(0.0), 2 => 0.0..60.0_f64],
        0..80_u64,
    );
    let work = work.prop_map(|(allocated, pending, released)| Work {
        allocated,
        pending,
        released,
    });
    proptest::collection::vec(
        (proptest::option::weighted(0.9, work), any::<bool>()),
        1..150,
    )
}

proptest! {
    #[test]
    fn it_stays_within_its_limits_and_never_turns_within_the_reversal_guard(works in works(), index in 1..=100_u8) {
        let mut cluster = Cluster::new(following(&format!("min: 1, max: 12, performance_index: {index}")), 1);
        let mut last: Option<(Timestamp, Direction)> = None;
        for (k, (work, arrives)) in works.into_iter().enumerate() {
            let nodes = f64::from(cluster.scene.groups[1].running.get() + 2);
            let work = work.map(|work| Work { allocated: work.allocated * nodes, ..work });
            let observation = cluster.observation(20 * k as i64, work);
            let decision = cluster.engine.step(&observation).remove(0);
            let group = &mut cluster.scene.groups[1];
            if arrives {
                group.running = group.requested;
            }
            if let Action::Resize(resize) = &decision.action {
                prop_assert!((1..=12).contains(&resize.to.get()), "{}", decision);
                prop_assert!(work.is_some(), "moved without knowing: {}", decision);
                if let Some((at, direction)) = last.filter(|(_, direction)| *direction != resize.direction()) {
                    prop_assert!(decision.at.since(at) >= Duration::from_secs(60), "turned from {:?}: {}", direction, decision);
                }
                last = Some((decision.at, resize.direction()));
                if resize.direction() == Direction::Out {
                    let report = decision.demand.as_ref().expect("known");
                    // Above that index there is more headroom than what runs, whatever waits.
                    let leaves_room = index > 55 || report.units_forecast.is_some_and(|units| units > 2 + resize.from.get());
                    prop_assert!(report.units_remaining > 0.0 || leaves_room, "grew for work that would have been served: {}", decision);
                }
                group.requested = resize.to;
                group.running = group.running.min(resize.to);
                cluster.engine.note(&group.id.clone(), Outcome::Accepted);
            }
        }
    }

    #[test]
    fn an_idle_core_group_goes_down_to_the_hdfs_floor_and_never_below_and_its_application_masters_stay(
        used_mib in 0_u64..900,
        has_master in proptest::collection::vec(proptest::bool::weighted(0.2), 12),
    ) {
        let policy = "name: f\ndemand: { min: 1, max: 12, performance_index: 1 }\ntargets: [{ group: { role: core } }]\n";
        let scene = Scene::new(vec![core_group(12)]);
        let mut cluster = Cluster { engine: Engine::new(parsed(policy)), scene, released: 0, asked_at_s: 0 };
        let mut nodes: Vec<NodeLoad> = (0..12).map(|k| core_node(k, has_master[k])).collect();
        for k in 0..200 {
            let mut observation = cluster.observation(60 * k, Some(busy(0.0, 0.0)));
            let measured_at = observation.at;
            let capacity_total = Mebibytes(100 * nodes.len() as u64);
            let hdfs = HdfsLoad { capacity_total, capacity_used: Mebibytes(used_mib), ..HdfsLoad::default() };
            observation.hdfs = Some(Sampled { value: hdfs, measured_at });
            observation.nodes = Some(Sampled { value: NodeSnapshot(nodes.clone()), measured_at });
            let decision = cluster.engine.step(&observation).remove(0);
            if let Action::Resize(resize) = &decision.action {
                for node in nodes.iter().filter(|node| node.has_application_master) {
                    prop_assert!(resize.protect.contains(&node.instance) && !resize.prefer.contains(&node.instance), "{}", decision);
                }
                nodes.sort_by_key(|node| std::cmp::Reverse(node.has_application_master));
                nodes.truncate(resize.to.get() as usize);
                let group = &mut cluster.scene.groups[0];
                (group.requested, group.running) = (resize.to, resize.to);
                cluster.engine.note(&group.id.clone(), Outcome::Accepted);
            }
            prop_assert!(used_mib <= 80 * nodes.len() as u64, "{} nodes for {} MiB: {}", nodes.len(), used_mib, decision);
        }
        // At most 80% of HDFS may be used, and three copies of each block need three nodes.
        let masters = has_master.iter().filter(|has_master| **has_master).count() as u64;
        prop_assert_eq!(nodes.len() as u64, used_mib.div_ceil(80).max(3).max(masters));
    }

    #[test]
    fn no_observation_whatever_makes_it_panic_or_leave_its_limits(observations in proptest::collection::vec(anything(), 1..30)) {
        let policy = "name: f\ndemand: { min: 3, max: 90, max_core: 40, max_on_demand: 60 }\n";
        let mut engine = Engine::new(parsed(policy));
        let mut next = 1_772_438_400_000_i64;
        for (times, mut observation) in observations {
            next = next.saturating_add(30_000);
            let time = |k: usize| Timestamp::from_millis(if times[k].0 { next } else { times[k].1 });
            observation.at = time(0);
            observation.yarn.iter_mut().for_each(|yarn| yarn.measured_at = time(1));
            observation.cluster.measured_at = time(3);
            for decision in engine.step(&observation) {
                prop_assert!(!decision.to_string().is_empty());
                prop_assert!(serde_json::to_string(&decision).is_ok_and(|json| serde_json::from_str::<Decision>(&json).is_ok()));
                if let (Action::Resize(resize), Some(group)) = (&decision.action, &decision.group) {
                    prop_assert!(resize.to <= Instances(90) || resize.to < resize.from, "{}", decision);
                    engine.note(group, Outcome::Accepted);
                }
            }
            let state = serde_json::to_string(&engine.state()).expect("written");
            prop_assert!(serde_json::from_str::<crate::engine::EngineState>(&state).is_ok());
        }
    }
}
