//! The HDFS floor: how far the core group may scale in without losing blocks.

use std::time::Duration;

use crate::observation::{GroupStatus, Observation, Role};
use crate::policy::HdfsGuard;
use crate::units::Instances;

/// How far HDFS allows the core group to scale in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HdfsFloor {
    /// The group holds no blocks.
    NotCore,
    /// The group needs at least this many instances.
    At(Instances),
    /// Blocks are missing copies: no core node may be terminated until they are complete.
    BlocksIncomplete,
    /// The NameNode was not observed: no core node may be terminated.
    Unknown,
}

/// Returns the fewest instances of this group that can store all blocks: at least as many as the
/// replication factor, and with no more space used than the guard allows. EMR sets the replication
/// factor when it launches the cluster. It therefore follows from `most_core`, the most core nodes ever
/// seen, rather than from their present number.
pub fn hdfs_floor(
    observation: &Observation,
    group: &GroupStatus,
    guard: &HdfsGuard,
    most_core: Instances,
    max_age: Duration,
) -> HdfsFloor {
    if group.role != Role::Core {
        return HdfsFloor::NotCore;
    }
    let Some(hdfs) = observation
        .hdfs
        .as_ref()
        .filter(|hdfs| observation.at.distance(hdfs.measured_at) <= max_age)
    else {
        return HdfsFloor::Unknown;
    };
    let hdfs = hdfs.value;
    if hdfs.blocks_under_replicated > 0 || hdfs.blocks_missing > 0 {
        return HdfsFloor::BlocksIncomplete;
    }
    let core_running = core_running(observation);
    if core_running == Instances::ZERO {
        return HdfsFloor::Unknown;
    }
    let capacity_per_node = hdfs.capacity_total.as_f64() / core_running.as_f64();
    let for_blocks =
        hdfs.capacity_used.as_f64() / (capacity_per_node * guard.max_used.get() / 100.0);
    if !for_blocks.is_finite() {
        return HdfsFloor::Unknown;
    }
    let replication = guard
        .replication
        .unwrap_or_else(|| default_replication(most_core.max(core_running)));
    let cluster_floor = Instances((for_blocks.ceil() as u32).max(replication));
    HdfsFloor::At(cluster_floor - (core_running - group.running))
}

/// Returns the running core nodes of all groups.
pub fn core_running(observation: &Observation) -> Instances {
    observation
        .cluster
        .value
        .groups
        .iter()
        .filter(|group| group.role == Role::Core)
        .map(|group| group.running)
        .sum()
}

/// Returns EMR's default for `dfs.replication` by the number of core nodes (EMR Management Guide).
fn default_replication(core_nodes: Instances) -> u32 {
    match core_nodes.get() {
        0..=3 => 1,
        4..=9 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{Scene, core_group, task_group};
    use crate::observation::{HdfsLoad, Sampled};
    use crate::units::{Mebibytes, Percent};

    fn floor(used_gib: u64, under_replicated: u64, guard: HdfsGuard) -> HdfsFloor {
        let mut scene = Scene::new(vec![core_group(10), task_group(5)]).observation();
        let load = HdfsLoad {
            capacity_total: Mebibytes(1_000 * 1_024),
            capacity_used: Mebibytes(used_gib * 1_024),
            blocks_under_replicated: under_replicated,
            blocks_missing: 0,
        };
        scene.hdfs = Some(Sampled {
            value: load,
            measured_at: scene.at,
        });
        hdfs_floor(
            &scene,
            &core_group(10),
            &guard,
            Instances(10),
            Duration::from_secs(90),
        )
    }

    #[test]
    fn the_floor_is_what_the_blocks_need_and_at_least_the_replication() {
        let at = |replication, max_used| HdfsGuard {
            replication,
            max_used: Percent(max_used),
        };
        assert_eq!(
            floor(400, 0, at(None, 80.0)),
            HdfsFloor::At(Instances(5)),
            "400 GiB at 80 GiB a node"
        );
        assert_eq!(floor(401, 0, at(None, 80.0)), HdfsFloor::At(Instances(6)));
        assert_eq!(
            floor(0, 0, at(None, 80.0)),
            HdfsFloor::At(Instances(3)),
            "EMR's replication for ten nodes"
        );
        assert_eq!(floor(0, 0, at(Some(2), 80.0)), HdfsFloor::At(Instances(2)));
        assert_eq!(floor(400, 1, at(None, 80.0)), HdfsFloor::BlocksIncomplete);
    }

    #[test]
    fn without_the_namenode_the_floor_is_unknown_for_core_and_absent_for_task_groups() {
        let scene = Scene::new(vec![core_group(10), task_group(5)]).observation();
        let guard = HdfsGuard::default();
        assert_eq!(
            hdfs_floor(
                &scene,
                &core_group(10),
                &guard,
                Instances(10),
                Duration::from_secs(90)
            ),
            HdfsFloor::Unknown
        );
        assert_eq!(
            hdfs_floor(
                &scene,
                &task_group(5),
                &guard,
                Instances(10),
                Duration::from_secs(90)
            ),
            HdfsFloor::NotCore
        );
    }
}
