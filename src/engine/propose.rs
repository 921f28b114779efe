//! Computes the size that a rule asks for.

use super::scope::Scope;
use super::tick::Tick;
use crate::observation::{GroupStatus, Role};
use crate::policy::{Amount, Change, Limits, Size};
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
        } => tracked(scope.number(signal)? / target, *tolerance, group, tick),
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

/// Returns `ceil(nodes * ratio)` over all nodes that carry the load, minus those of the other groups,
/// plus those of this group that do not work, as far as the ones that work outnumber them: where nothing that
/// is launched ever works, launching more does not help. Instances that are only missing for a while are
/// not made up for, and while they are, the result may lie on the wrong side of the requested size: a
/// value above the target never asks for less, and one below it never for more.
fn tracked(ratio: f64, tolerance: f64, group: &GroupStatus, tick: &Tick) -> Instances {
    if (ratio - 1.0).abs() <= tolerance + ROUNDING {
        return group.requested;
    }
    let working = |group: &GroupStatus| {
        group.running.min(group.requested) - tick.unavailable.in_group(group, tick.snapshot())
    };
    let others: Instances = tick
        .observation
        .cluster
        .value
        .groups
        .iter()
        .filter(|other| other.id != group.id && other.role != Role::Primary)
        .map(working)
        .sum();
    let nodes = others + working(group);
    let not_working = tick.unavailable.not_working_in(group, tick.snapshot());
    let desired = Instances(ceil(nodes.as_f64() * ratio)) - others + not_working.min(nodes);
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

    use crate::engine::presence::Unavailable;
    use crate::engine::samples::SignalSamples;
    use crate::engine::testing::{Scene, core_group, task_group};
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
            failed: &[],
            poll: Duration::from_secs(30),
            max_age: Duration::from_secs(90),
            with_reports: true,
        };
        tracked(ratio, 0.1, groups.last().expect("a group"), &tick)
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
}
