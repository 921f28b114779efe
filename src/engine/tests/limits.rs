//! How far a resize may go.

use super::*;

#[test]
fn at_the_maximum_the_reason_is_the_maximum() {
    let mut harness = Harness::new(available_memory(), 20);
    harness.until_resize(0, 270, 10.0);
    assert_eq!(
        harness.tick(300, Some(10.0)),
        Action::Hold(HoldReason::AtLimit {
            limiter: Limiter::Maximum,
            size: Instances(20),
            percent_cap: None,
        })
    );
}

#[test]
fn a_cut_resize_says_what_was_wanted_and_what_cut_it() {
    let mut harness = Harness::new(available_memory(), 18);
    harness.until_resize(0, 270, 10.0);
    let Action::Resize(resize) = harness.tick(300, Some(10.0)) else {
        panic!("a resize")
    };
    assert_eq!(
        (resize.to.get(), resize.desired.get(), resize.limited_by),
        (20, 23, Some(Limiter::Maximum))
    );
}

fn core_policy() -> Policy {
    let mut spec = policy(vec![rule(
        "idle",
        Comparison::Greater,
        75.0,
        0,
        shrink(6),
        0,
    )]);
    spec.target_for_tests().selector = Selector::Role(Role::Core);
    spec
}

/// A scene whose first group stores `used_mib`, with 100 MiB a node.
pub fn with_hdfs(scene: &Scene, used_mib: u64) -> Observation {
    let mut observation = scene.observation();
    let nodes = u64::from(scene.groups[0].running.get());
    let load = HdfsLoad {
        capacity_total: Mebibytes(nodes * 100),
        capacity_used: Mebibytes(used_mib),
        ..HdfsLoad::default()
    };
    observation.hdfs = Some(Sampled {
        value: load,
        measured_at: observation.at,
    });
    observation
}

#[test]
fn core_nodes_stay_above_the_hdfs_floor_and_stay_all_when_hdfs_is_unknown() {
    let mut engine = started(core_policy(), vec![core_group(10)]);
    let mut scene = Scene::new(vec![core_group(10)]);
    scene.available_percent = Some(80.0);
    let mut observation = scene.observation();
    assert_eq!(
        engine.step(&observation)[0].action,
        Action::Hold(HoldReason::MissingSignal {
            signal: "hdfs".into()
        })
    );
    let load = HdfsLoad {
        capacity_total: Mebibytes(1_000),
        capacity_used: Mebibytes(550),
        blocks_under_replicated: 0,
        blocks_missing: 0,
    };
    observation.hdfs = Some(Sampled {
        value: load,
        measured_at: observation.at,
    });
    let Action::Resize(resize) = &engine.step(&observation)[0].action else {
        panic!("a resize")
    };
    assert_eq!(
        (resize.to.get(), resize.limited_by),
        (7, Some(Limiter::HdfsFloor))
    );
}

#[test]
fn the_replication_of_a_large_core_group_is_kept_while_it_shrinks_step_by_step() {
    let mut engine = started(core_policy(), vec![core_group(10)]);
    let mut scene = Scene::new(vec![core_group(10)]);
    scene.available_percent = Some(80.0);
    let mut sizes = Vec::new();
    for s in (0..=600).step_by(30) {
        scene.at = second(s);
        if let Action::Resize(resize) = &engine.step(&with_hdfs(&scene, 10))[0].action {
            sizes.push(resize.to.get());
            scene.groups[0] = core_group(resize.to.get());
            engine.note(&scene.groups[0].id.clone(), Outcome::Accepted);
        }
    }
    assert_eq!(
        sizes,
        [4, 3],
        "ten nodes were launched with three copies of each block"
    );
}

#[test]
fn core_nodes_that_do_not_run_yet_say_nothing_about_hdfs() {
    let mut scene = Scene::new(vec![core_group(10), task_group(4)]);
    scene.available_percent = Some(80.0);
    scene.groups[0].running = Instances(0);
    let mut engine = started(core_policy(), scene.groups.clone());
    let mut observation = with_hdfs(&scene, 10);
    observation
        .hdfs
        .as_mut()
        .expect("there")
        .value
        .capacity_total = Mebibytes(1_000);
    assert_eq!(
        engine.step(&observation)[0].action,
        Action::Hold(HoldReason::MissingSignal {
            signal: "hdfs".into()
        })
    );
}
