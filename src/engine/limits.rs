//! Limits the size of a resize. The HDFS floor overrides the maximum, the maximum the minimum, and the
//! minimum the desired size.

use std::time::Duration;

use super::in_flight::AcceptedResizes;
use crate::decision::Limiter;
use crate::observation::{Direction, GroupStatus, Observation, Role};
use crate::policy::{Budget, Guards, HdfsGuard, Limits};
use crate::units::{Instances, Timestamp};

/// A size, and the limit that changed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitedSize {
    pub size: Instances,
    pub by: Option<Limiter>,
}

impl LimitedSize {
    /// A size that no limit has changed.
    pub fn new(size: Instances) -> Self {
        Self { size, by: None }
    }

    /// Lowers the size to `limit`.
    fn at_most(self, limit: Instances, by: Limiter) -> Self {
        if self.size > limit {
            Self {
                size: limit,
                by: Some(by),
            }
        } else {
            self
        }
    }

    /// Raises the size to `limit`.
    pub fn at_least(self, limit: Instances, by: Limiter) -> Self {
        if self.size < limit {
            Self {
                size: limit,
                by: Some(by),
            }
        } else {
            self
        }
    }
}

/// Limits a scale-out from `from` to the maximum, the step and the budgets. The result is at least
/// `from` and at least the minimum.
pub fn limit_scale_out(
    desired: LimitedSize,
    from: Instances,
    limits: Limits,
    guards: &Guards,
    accepted: &AcceptedResizes,
    at: Timestamp,
) -> LimitedSize {
    let mut limited = desired.at_most(limits.max(), Limiter::Maximum);
    if let Some(step) = guards.step_grow {
        limited = limited.at_most(from + step, Limiter::Step);
    }
    for left in budgets_left(&guards.budgets, Direction::Out, accepted, at) {
        limited = limited.at_most(from + left, Limiter::Budget);
    }
    LimitedSize {
        size: limited.size.max(from).max(limits.min()),
        ..limited
    }
}

/// Limits a scale-in from `from` to the minimum, the step and the budgets. The result is at most `from`.
pub fn limit_scale_in(
    desired: LimitedSize,
    from: Instances,
    limits: Limits,
    guards: &Guards,
    accepted: &AcceptedResizes,
    at: Timestamp,
) -> LimitedSize {
    let mut limited = desired.at_least(limits.min(), Limiter::Minimum);
    if let Some(step) = guards.step_shrink {
        limited = limited.at_least(from - step, Limiter::Step);
    }
    for left in budgets_left(&guards.budgets, Direction::In, accepted, at) {
        limited = limited.at_least(from - left, Limiter::Budget);
    }
    LimitedSize {
        size: limited.size.min(from),
        ..limited
    }
}

/// How many instances each budget for this direction still allows.
fn budgets_left<'a>(
    budgets: &'a [Budget],
    direction: Direction,
    accepted: &'a AcceptedResizes,
    at: Timestamp,
) -> impl Iterator<Item = Instances> + 'a {
    budgets
        .iter()
        .filter(move |budget| budget.direction == direction)
        .map(move |budget| budget.instances - accepted.moved(at, direction, budget.per))
}

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
        .filter(|hdfs| observation.at.since(hdfs.measured_at) <= max_age)
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

    fn limits(min: u32, max: u32) -> Limits {
        Limits::new(Instances(min), Instances(max)).expect("min <= max")
    }

    #[test]
    fn a_scale_out_stops_at_the_lowest_of_maximum_step_and_budget() {
        let budget = Budget {
            direction: Direction::Out,
            instances: Instances(3),
            per: Duration::from_secs(3_600),
        };
        for (step, budgets, expected) in [
            (None, vec![], (20, Some(Limiter::Maximum))),
            (Some(Instances(5)), vec![], (9, Some(Limiter::Step))),
            (Some(Instances(5)), vec![budget], (7, Some(Limiter::Budget))),
        ] {
            let guards = Guards {
                step_grow: step,
                budgets,
                ..Guards::default()
            };
            let limited = limit_scale_out(
                LimitedSize::new(Instances(30)),
                Instances(4),
                limits(0, 20),
                &guards,
                &AcceptedResizes::default(),
                Timestamp::EPOCH,
            );
            assert_eq!((limited.size.get(), limited.by), expected);
        }
    }

    #[test]
    fn a_scale_in_stops_at_the_highest_of_minimum_and_step() {
        for (step, expected) in [
            (None, (2, Some(Limiter::Minimum))),
            (Some(Instances(3)), (7, Some(Limiter::Step))),
        ] {
            let guards = Guards {
                step_shrink: step,
                ..Guards::default()
            };
            let limited = limit_scale_in(
                LimitedSize::new(Instances(0)),
                Instances(10),
                limits(2, 20),
                &guards,
                &AcceptedResizes::default(),
                Timestamp::EPOCH,
            );
            assert_eq!((limited.size.get(), limited.by), expected);
        }
    }

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
