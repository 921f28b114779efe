//! Computes the size that a rule asks for.

use super::scope::Scope;
use super::tick::Tick;
use crate::decision::Resource;
use crate::observation::{GroupStatus, Role};
use crate::policy::condition::Expr;
use crate::policy::{Amount, Change, Limits, Size, Target};
use crate::units::Instances;

/// The rounding error that is allowed in a product such as 10 * (0.8 / 0.8), or in a ratio that lies
/// exactly at its tolerance.
const ROUNDING: f64 = 1e-9;

/// Returns the size that a firing rule asks for, before any limit; `None` when a signal that the size
/// is computed from is missing or stale. Grow and shrink start from the requested size, track from
/// the instances that carry the load.
pub fn desired_size(
    change: &Change,
    group: &GroupStatus,
    tick: &Tick,
    limits: Limits,
    scope: &Scope,
) -> Option<Instances> {
    let requested = group.requested;
    Some(match change {
        Change::Grow(amount) => requested + amount.of(requested),
        Change::Shrink(amount) => requested - amount.of(requested),
        Change::Set(size) => size.within(limits),
        Change::Track {
            signal,
            target,
            tolerance,
            ..
        } => {
            let ratio = scope.number(signal)? / target;
            tracked(
                ratio,
                *tolerance,
                resource_of(signal, scope.target),
                group,
                tick,
            )
        }
    })
}

impl Change {
    /// Whether the change is computed from the requested size, so that making it twice moves the group
    /// twice as far.
    pub fn is_relative(&self) -> bool {
        matches!(self, Self::Grow(_) | Self::Shrink(_))
    }
}

impl Size {
    /// The size in instances, under the limits in force.
    pub fn within(self, limits: Limits) -> Instances {
        match self {
            Self::Exactly(size) => size,
            Self::Minimum => limits.min(),
            Self::Maximum => limits.max(),
        }
    }
}

impl Amount {
    /// The amount in instances, for a group of this size.
    fn of(self, size: Instances) -> Instances {
        match self {
            Self::Instances(instances) => instances,
            Self::Percent(percent) => Instances(ceil(size.as_f64() * percent.get() / 100.0).max(1)),
        }
    }
}

/// The resource of which a larger node offers more, so that it lowers the signal more: virtual cores for a
/// signal of them, and else memory. `None` for HDFS, whose storage does not depend on either.
fn resource_of(signal: &Expr, target: &Target) -> Option<Resource> {
    let mut resource = Some(Resource::Memory);
    signal.leaves(&mut |leaf| {
        let read = target.signals[target.signal_of(leaf)].signal();
        let name = read.map_or("", |signal| signal.name());
        if name.starts_with("hdfs_") {
            resource = None;
        } else if name.starts_with("yarn_vcores_") && resource.is_some() {
            resource = Some(Resource::Vcores);
        }
    });
    resource
}

/// Returns the size with which all nodes that carry the load offer `ratio` times as much as they do: `ratio`
/// times what they offer, minus what the nodes of the other groups offer, in instances of this group, plus
/// those of this group that do not work, as far as the ones that work outnumber them: where nothing that
/// is launched ever works, launching more does not help. Instances that are only missing for a while are
/// not made up for, and while they are, the result may lie on the wrong side of the requested size: a
/// value above the target never asks for less, and one below it never for more.
fn tracked(
    ratio: f64,
    tolerance: f64,
    resource: Option<Resource>,
    group: &GroupStatus,
    tick: &Tick,
) -> Instances {
    if (ratio - 1.0).abs() <= tolerance + ROUNDING {
        return group.requested;
    }
    let working = |group: &GroupStatus| {
        group.running.min(group.requested) - tick.unavailable.in_group(group, tick.snapshot())
    };
    let offer =
        |group: &GroupStatus| resource.map_or(1.0, |resource| tick.sizes.offer(group).of(resource));
    // In instances of this group, so that those of the same type are whole ones.
    let in_its_instances =
        |other: &GroupStatus| working(other).as_f64() * (offer(other) / offer(group));
    let groups = tick.observation.cluster.value.groups.iter();
    let others = groups.filter(|other| other.id != group.id && other.role != Role::Primary);
    let others: f64 = others.map(in_its_instances).sum();
    let all = others + working(group).as_f64();
    let not_working = tick.unavailable.not_working_in(group, tick.snapshot());
    let made_up_for = not_working.min(Instances(all as u32));
    let desired = Instances(ceil(all * ratio - others)) + made_up_for;
    if ratio > 1.0 {
        desired.max(group.requested)
    } else {
        desired.min(group.requested)
    }
}

fn ceil(value: f64) -> u32 {
    (value - ROUNDING).ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    use crate::engine::node_size::NodeSizes;
    use crate::engine::presence::Unavailable;
    use crate::engine::samples::SignalSamples;
    use crate::engine::testing::{Scene, core_group, node, task_group};
    use crate::units::Percent;

    /// The tracked size of the last of these groups.
    fn tracked_in(ratio: f64, groups: &[GroupStatus]) -> Instances {
        let observation = Scene::new(groups.to_vec()).observation();
        let tick = Tick {
            observation: &observation,
            cluster: &SignalSamples::default(),
            uses_yarn: true,
            needs_nodes: false,
            is_first: false,
            unavailable: Unavailable::default(),
            sizes: NodeSizes::of(groups),
            failed: &[],
            poll: Duration::from_secs(30),
            max_age: Duration::from_secs(90),
            with_reports: true,
        };
        let group = groups.last().expect("a group");
        tracked(ratio, 0.1, Some(Resource::Memory), group, &tick)
    }

    #[test]
    fn percentages_round_away_from_zero_and_are_at_least_one() {
        for (percent, size, expected) in [
            (20.0, 10, 2),
            (20.0, 11, 3),
            (1.0, 10, 1),
            (50.0, 0, 1),
            (100.0, 7, 7),
        ] {
            assert_eq!(
                Amount::Percent(Percent(percent)).of(Instances(size)),
                Instances(expected),
                "{percent}% of {size}"
            );
        }
    }

    #[test]
    fn tracking_counts_every_node_that_carries_load_and_moves_only_its_own_group() {
        let all = [core_group(2), task_group(4)];
        for (ratio, expected) in [
            (1.0, 4),
            (1.1, 4),
            (1.5, 7),
            (2.0, 10),
            (0.5, 1),
            (0.1, 0),
            (5.0 / 6.0, 3),
        ] {
            assert_eq!(
                tracked_in(ratio, &all),
                Instances(expected),
                "ratio {ratio}"
            );
        }
    }

    #[test]
    fn tracking_scales_from_what_works_and_never_against_its_signal() {
        let growing = |requested| GroupStatus {
            requested: Instances(requested),
            ..task_group(4)
        };
        for (ratio, requested, expected) in [(2.0, 8, 10), (2.0, 20, 20), (0.5, 20, 1), (0.5, 3, 1)]
        {
            let tracked = tracked_in(ratio, &[core_group(2), growing(requested)]);
            assert_eq!(tracked, Instances(expected), "{ratio} of {requested}");
        }
    }

    #[test]
    fn tracking_counts_what_the_nodes_of_different_types_offer() {
        let all = |core, task| {
            [
                node(core_group(core), 12_288, 4),
                node(task_group(task), 49_152, 16),
            ]
        };
        for ((core, task), ratio, expected) in [
            ((2, 0), 5.0, 2),
            ((4, 2), 2.0, 5),
            ((4, 2), 0.5, 1),
            ((4, 2), 1.05, 2),
        ] {
            let tracked = tracked_in(ratio, &all(core, task));
            assert_eq!(tracked, Instances(expected), "{ratio} of {core} and {task}");
        }
        let [core, task] = all(4, 2);
        assert_eq!(tracked_in(2.0, &[task, core]), Instances(16));
    }
}
