//! Following demand, as its users rely on it.

use proptest::prelude::*;

use super::properties::anything;
use super::*;
use crate::decision::DemandReport;
use crate::observation::{HdfsLoad, InstanceId, NodeLoad, NodeSnapshot, NodesByState, YarnLoad};

/// Memory of a node in these tests.
const NODE_MIB: u64 = 1_024;

fn following(demand: &str) -> Policy {
    parsed(&format!(
        "name: follow\ndemand: {{ {demand} }}\ntargets:\n  - group: {{ role: task }}\n"
    ))
}

/// Two core nodes, and a task group whose new units come 390 s after they were asked for.
struct Cluster {
    engine: Engine,
    scene: Scene,
    released: u64,
    asked_at_s: i64,
}

/// What runs and waits, in nodes.
#[derive(Clone, Copy, Debug)]
struct Work {
    allocated: f64,
    pending: f64,
    /// Containers released since the last tick, of which four fill a node.
    released: u64,
}

impl Cluster {
    fn new(policy: Policy, task: u32) -> Self {
        Self {
            engine: Engine::new(policy),
            scene: Scene::new(vec![core_group(2), task_group(task)]),
            released: 0,
            asked_at_s: 0,
        }
    }

    fn observation(&mut self, s: i64, work: Option<Work>) -> Observation {
        self.scene.at = second(s);
        let mut observation = self.scene.observation();
        let nodes = self
            .scene
            .groups
            .iter()
            .map(|group| u64::from(group.running.get()))
            .sum::<u64>();
        observation.yarn = work.map(|work| {
            self.released += work.released;
            let mib = |nodes: f64| Mebibytes((nodes * NODE_MIB as f64) as u64);
            let value = YarnLoad {
                memory_total: Mebibytes(nodes * NODE_MIB),
                memory_allocated: mib(work.allocated),
                memory_available: Mebibytes(nodes * NODE_MIB) - mib(work.allocated),
                memory_pending: mib(work.pending),
                containers_allocated: (work.allocated * 4.0) as u64,
                containers_pending: (work.pending * 4.0) as u64,
                containers_released_total: Some(self.released),
                nodes: NodesByState {
                    active: nodes as u32,
                    ..NodesByState::default()
                },
                ..YarnLoad::default()
            };
            Sampled {
                value,
                measured_at: self.scene.at,
            }
        });
        observation
    }

    /// One tick; EMR accepts what was decided.
    fn tick(&mut self, s: i64, work: Option<Work>) -> Decision {
        let group = &mut self.scene.groups[1];
        if s >= self.asked_at_s + 390 {
            group.running = group.requested;
        }
        let observation = self.observation(s, work);
        let decision = self.engine.step(&observation).remove(0);
        if let Action::Resize(resize) = &decision.action {
            let group = &mut self.scene.groups[1];
            (group.requested, group.running) = (resize.to, group.running.min(resize.to));
            self.asked_at_s = s;
            self.engine.note(&group.id.clone(), Outcome::Accepted);
        }
        decision
    }

    fn report(&mut self, s: i64, work: Work) -> Box<DemandReport> {
        self.tick(s, Some(work))
            .demand
            .expect("the demand is known")
    }

    fn size(&self) -> u32 {
        self.scene.groups[1].requested.get()
    }
}

fn busy(allocated: f64, pending: f64) -> Work {
    Work {
        allocated,
        pending,
        released: 0,
    }
}

#[test]
fn it_grows_by_what_waits_and_nobody_will_serve_and_says_so_in_numbers() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 70"), 0);
    let decision = cluster.tick(0, Some(busy(2.0, 10.0)));
    let report = decision.demand.clone().expect("known");
    assert_eq!(
        (
            report.units_pending,
            report.units_served,
            report.units_remaining
        ),
        (10.0, 0.0, 10.0)
    );
    assert!(cluster.size() >= 10, "{decision}");
    let said = decision.to_string();
    assert!(
        said.contains("demand; pending 10.0 GiB = 10.0 units; 108% of these and of 2.0 in use are needed; needed 13, kept")
            && said.contains("new units take 6m 40s"),
        "{said}"
    );
}

#[test]
fn it_says_what_kept_it_from_giving_all_that_is_needed() {
    let with = |demand: &str, targets: &str| {
        format!("name: f\ndemand: {{ {demand}, performance_index: 53 }}\ntargets:{targets}\n")
    };
    let (task, both) = (
        "\n  - group: { role: task }",
        "\n  - group: { role: core }\n  - group: { role: task }",
    );
    let task_to_6 = "\n  - group: { role: task }\n    limits: { min: 0, max: 6 }";
    for (policy, said) in [
        (with("min: 0, max: 200", task), "needed 90, kept"),
        (
            with("min: 0, max: 20", task),
            "needed 90, of which other groups have 2 and the maximum allows 20, kept",
        ),
        (
            with("min: 2, max: 20", both),
            "needed 90, of which the maximum allows 20, kept",
        ),
        (
            with("min: 0, max: 20", task_to_6),
            "needed 90, of which other groups have 2 and the targets can take 6, kept",
        ),
        (
            with("min: 2, max: 200, max_on_demand: 12", both),
            "needed 90, of which the targets can take 12, kept",
        ),
    ] {
        let mut engine = Engine::new(parsed(&policy));
        let observation =
            Cluster::new(following("min: 0, max: 1"), 0).observation(0, Some(busy(2.0, 90.0)));
        let decisions: Vec<String> = engine
            .step(&observation)
            .iter()
            .map(Decision::to_string)
            .collect();
        assert!(
            decisions.iter().any(|decision| decision.contains(said)),
            "{decisions:#?}\n{policy}"
        );
    }
}

#[test]
fn at_its_maximum_it_holds_and_says_that_more_is_needed() {
    let mut cluster = Cluster::new(following("min: 0, max: 20, performance_index: 65"), 20);
    let held = cluster.tick(0, Some(busy(22.0, 90.0))).to_string();
    assert!(
        held.contains("hold at 20: the room is what the demand asks for within its limits; needed"),
        "{held}"
    );
    assert!(
        held.ends_with("of which other groups have 2 and the maximum allows 20"),
        "{held}"
    );
    let met = cluster.tick(30, Some(busy(15.0, 0.0))).to_string();
    assert!(met.ends_with("within its limits"), "{met}");
}

#[test]
fn it_does_not_grow_for_what_finishing_containers_make_room_for_within_its_patience() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 12"), 0);
    // Eight containers run, and sixteen finish in 30 s: they live for 15 s.
    for s in (0..600).step_by(30) {
        cluster.tick(
            s,
            Some(Work {
                allocated: 2.0,
                pending: 0.0,
                released: 16,
            }),
        );
    }
    let report = cluster.report(
        600,
        Work {
            allocated: 2.0,
            pending: 10.0,
            released: 16,
        },
    );
    assert!(
        report.units_served == 10.0 && report.units_remaining == 0.0,
        "{report:?}"
    );
    assert_eq!(cluster.size(), 0);
    let said = report.to_string();
    assert!(said.starts_with("pending 10.0 GiB; 10.0 GiB of it starts within 2m as running containers finish; 0.0 GiB remain = 0.0 units"), "{said}");
    let flood = cluster.report(
        630,
        Work {
            allocated: 2.0,
            pending: 500.0,
            released: 16,
        },
    );
    assert!(flood.units_remaining > 0.0);
    assert!(
        cluster.size() > 0,
        "a flood is more than two nodes can take"
    );
}

#[test]
fn a_step_that_the_index_limits_is_told() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 1"), 0);
    let report = cluster.report(0, busy(2.0, 90.0));
    assert_eq!(
        report.units_needed, 3,
        "one and a half times the two that work"
    );
    assert!(
        report
            .to_string()
            .contains("one step grows no further; needed 3, kept 2"),
        "{report}"
    );
}

#[test]
fn at_the_default_index_it_does_not_grow_for_short_containers_that_the_next_seconds_serve() {
    let mut cluster = Cluster::new(following("min: 0, max: 40"), 0);
    for s in (0..600).step_by(30) {
        cluster.tick(
            s,
            Some(Work {
                allocated: 2.0,
                pending: 0.0,
                released: 24,
            }),
        );
    }
    // Containers of ten seconds make room for four units of what waits in 20 s.
    let report = cluster.report(
        600,
        Work {
            allocated: 2.0,
            pending: 3.5,
            released: 24,
        },
    );
    assert_eq!(
        (report.units_remaining, cluster.size()),
        (0.0, 0),
        "{report:?}"
    );
    cluster.tick(
        630,
        Some(Work {
            allocated: 2.0,
            pending: 30.0,
            released: 24,
        }),
    );
    assert!(cluster.size() > 0, "a flood is grown for");
}

#[test]
fn without_yarn_nothing_moves_and_the_reason_is_told() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 68"), 0);
    cluster.tick(0, Some(busy(2.0, 10.0)));
    let size = cluster.size();
    for s in (30..7_200).step_by(30) {
        assert_eq!(
            cluster.tick(s, None).action.reason(),
            Some("missing_signal")
        );
    }
    assert_eq!(cluster.size(), size);
    // Two hours unseen are not two hours idle.
    cluster.tick(7_200, Some(busy(2.0, 0.0)));
    assert_eq!(
        cluster.size(),
        size,
        "the first look after a gap shows an idle cluster, not one that has long been idle"
    );
}

#[test]
fn idle_units_go_in_the_end_down_to_the_minimum() {
    let mut cluster = Cluster::new(following("min: 1, max: 40, performance_index: 65"), 0);
    cluster.tick(0, Some(busy(2.0, 10.0)));
    assert!(cluster.size() > 5);
    for s in (60..86_400).step_by(60) {
        cluster.tick(s, Some(busy(0.5, 0.0)));
    }
    assert_eq!(cluster.size(), 1);
}

#[test]
fn units_still_on_their_way_are_taken_back_sooner_than_those_that_are_there() {
    let kept_s = |work_ends_s: i64| {
        let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 68"), 0);
        for s in (0..work_ends_s).step_by(30) {
            cluster.tick(s, Some(busy(2.0, 10.0)));
        }
        let size = cluster.size();
        let mut later = (work_ends_s..86_400).step_by(30);
        later
            .find(|s| {
                cluster
                    .tick(*s, Some(busy(2.0, 0.0)))
                    .action
                    .reason()
                    .is_none()
                    && cluster.size() < size
            })
            .map(|s| s - work_ends_s)
    };
    let (coming_s, there_s) = (kept_s(120), kept_s(600));
    assert!(
        coming_s < there_s && coming_s.is_some(),
        "{coming_s:?} while they come, {there_s:?} once they are there"
    );
}

#[test]
fn what_comes_every_night_is_there_before_it_comes() {
    let mut cluster = Cluster::new(following("min: 0, max: 40, performance_index: 65"), 0);
    let fourth_night = 3 * 86_400 + 79_200;
    for s in (0..fourth_night - 300).step_by(60) {
        let room = f64::from(cluster.size() + 2);
        let needed = if (s / 3_600) % 24 == 22 { 20.0 } else { 0.0 };
        cluster.tick(s, Some(busy(room.min(needed), (needed - room).max(0.0))));
        let early = s % 86_400 < 79_200 - 1_800 && s % 86_400 > 3_600 * 6;
        assert!(!early || cluster.size() == 0, "by day: {}", cluster.size());
    }
    assert!(
        cluster.size() >= 18,
        "five minutes before the fourth night: {}",
        cluster.size()
    );
}

#[test]
fn what_was_learned_survives_a_restart_and_an_edited_policy() {
    let mut cluster = Cluster::new(following("min: 0, max: 40"), 0);
    for s in (0..3_600).step_by(30) {
        cluster.tick(
            s,
            Some(Work {
                allocated: 2.0,
                pending: if s % 600 == 0 { 9.0 } else { 0.0 },
                released: 4,
            }),
        );
    }
    let state = serde_json::to_string(&cluster.engine.state()).expect("written");
    let restored = Engine::restore(
        following("min: 0, max: 40"),
        serde_json::from_str(&state).expect("read"),
    )
    .expect("its own policy");
    let edited = restored.clone().adopt(following("min: 0, max: 30"));
    let observation = cluster.observation(3_600, Some(busy(2.0, 30.0)));
    let decision = cluster.engine.step(&observation).remove(0);
    assert_eq!(restored.clone().step(&observation).remove(0), decision);
    let learned = |decision: &Decision| {
        decision
            .demand
            .as_ref()
            .map(|demand| (demand.container_lifetime_s, demand.keep_idle_s))
    };
    assert_eq!(
        learned(&edited.clone().step(&observation).remove(0)),
        learned(&decision)
    );
    assert!(learned(&decision).expect("known").0.is_some());
}

#[test]
fn limits_in_virtual_cores_count_the_cores_of_nodes() {
    let mut cluster = Cluster::new(
        following("min: 8, max: 42, units: vcpu, performance_index: 53"),
        0,
    );
    let mut observation = cluster.observation(0, Some(busy(2.0, 90.0)));
    let mut count = |vcores: Option<u64>| {
        observation
            .yarn
            .iter_mut()
            .for_each(|yarn| yarn.value.vcores_total = vcores.map(crate::units::VirtualCores));
        observation.clone()
    };
    let observation = count(Some(8));
    let decision = cluster.engine.step(&observation).remove(0);
    assert_eq!(
        decision.action.resized_to(),
        Some(10),
        "four cores a node: {decision}"
    );
    let decision = Engine::new(following("min: 8, max: 42, units: vcpu"))
        .step(&count(None))
        .remove(0);
    assert_eq!(decision.action.reason(), Some("missing_signal"));
}

fn core_node(number: usize, has_application_master: bool) -> NodeLoad {
    let (instance, group) = (InstanceId::new(format!("i-{number}")), core_group(1).id);
    NodeLoad {
        instance,
        group,
        containers: u32::from(has_application_master),
        has_application_master,
        draining: false,
        idle_since: None,
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
        // At most 80 % of HDFS may be used, and three copies of each block need three nodes.
        prop_assert_eq!(nodes.len() as u64, used_mib.div_ceil(80).max(3));
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
