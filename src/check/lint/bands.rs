//! Rules that pull in opposite directions: which way each should point, and whether a scale-in
//! would call for its own scale-out.

use super::interval::Interval;
use crate::observation::Role;
use crate::policy::condition::{Condition, Expr, WindowFunction};
use crate::policy::operator::Comparison;
use crate::policy::signal::{Signal, SignalSource};
use crate::policy::{Amount, Cap, Change, Limits, Rule, Selector, Target};
use crate::units::Instances;

/// Sizes above this behave like the ones below.
const LARGEST_SIZE: u32 = 1_000;

/// What a large value of a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sense {
    /// There is room: a reason to shrink.
    Room,
    /// There is work: a reason to grow.
    Work,
}

/// What a large value of an expression means, where it is one signal or a window over one.
pub fn sense(expr: &Expr, target: &Target) -> Option<Sense> {
    use Signal as S;
    match signal(expr, target)? {
        S::YarnMemoryAvailablePercent
        | S::YarnMemoryAvailableMib
        | S::YarnVcoresAvailablePercent
        | S::YarnVcoresAvailable
        | S::HdfsCapacityRemainingMib
        | S::WorkExecutorsIdle
        | S::EmrIdleSeconds => Some(Sense::Room),
        S::YarnMemoryAllocatedPercent
        | S::YarnMemoryAllocatedMib
        | S::YarnMemoryReservedMib
        | S::YarnMemoryPendingMib
        | S::YarnVcoresAllocatedPercent
        | S::YarnVcoresAllocated
        | S::YarnVcoresReserved
        | S::YarnVcoresPending
        | S::YarnContainersAllocated
        | S::YarnContainersPending
        | S::YarnContainersReserved
        | S::YarnContainerPendingRatio
        | S::YarnAppsPending
        | S::YarnAppsRunning
        | S::EmrStepsPending
        | S::EmrStepsRunning
        | S::WorkDrainSeconds
        | S::WorkTasksRemaining
        | S::WorkExecutorsNeeded
        | S::HdfsUsedPercent => Some(Sense::Work),
        _ => None,
    }
}

/// The comparisons that must all hold; `None` where the condition has another shape.
pub fn conjunction(condition: &Condition) -> Vec<&Condition> {
    match condition {
        Condition::All(parts) => parts.iter().collect(),
        other => vec![other],
    }
}

/// Every comparison of this condition points the wrong way for a rule that grows (or, when `grows`
/// is false, shrinks).
pub fn inverted<'c>(
    condition: &'c Condition,
    grows: bool,
    target: &Target,
) -> Option<(&'c Expr, Comparison)> {
    let mut first = None;
    for part in conjunction(condition) {
        let Some((expr, operator, _)) = part.threshold() else {
            continue;
        };
        let Some(sense) = sense(expr, target) else {
            continue;
        };
        let large = match operator {
            Comparison::Greater | Comparison::GreaterOrEqual => true,
            Comparison::Less | Comparison::LessOrEqual => false,
            Comparison::Equal | Comparison::NotEqual => continue,
        };
        let says_grow = (sense == Sense::Work) == large;
        if says_grow == grows {
            return None;
        }
        first = first.or(Some((expr, operator)));
    }
    first
}

/// A scale-in that its scale-out takes back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retrigger {
    pub from: u32,
    pub to: u32,
    /// Use of the resource before and after, in percent.
    pub used_before: f64,
    pub used_after: f64,
}

/// The largest size at which the scale-in, fired at its threshold, leaves so little that the
/// scale-out fires.
pub fn retrigger(grow: &Rule, shrink: &Rule, target: &Target) -> Option<Retrigger> {
    let Change::Shrink(amount) = &shrink.then else {
        return None;
    };
    let (grow_resource, grow_above) = match conjunction(&grow.when).as_slice() {
        [only] => used_band(only, target, true)?,
        _ => return None,
    };
    let below = conjunction(&shrink.when)
        .into_iter()
        .find_map(|part| used_band(part, target, false));
    let (_, shrink_below) = below.filter(|(resource, _)| *resource == grow_resource)?;
    let others = other_nodes(&target.selector);
    (target.limits.min().get()..=target.limits.max().get().min(LARGEST_SIZE))
        .rev()
        .find_map(|from| {
            let to = shrunk(from, *amount, target.limits, target.guards.step_shrink);
            if to + others == 0 || to == from {
                return None;
            }
            let used_after =
                (shrink_below * f64::from(from + others) / f64::from(to + others)).min(100.0);
            (used_after > grow_above).then_some(Retrigger {
                from,
                to,
                used_before: shrink_below,
                used_after,
            })
        })
}

/// Both conditions are one comparison of the same expression, and some value satisfies both.
pub fn both_true(grow: &Rule, shrink: &Rule) -> Option<f64> {
    let (left, right) = (grow.when.threshold()?, shrink.when.threshold()?);
    let together =
        Interval::satisfying(left.1, left.2)?.and(Interval::satisfying(right.1, right.2)?);
    if left.0 != right.0 || together.is_empty() {
        return None;
    }
    let middle = (together.low + together.high) / 2.0;
    [middle, together.low, together.high]
        .into_iter()
        .find(|value| value.is_finite())
}

/// The signal behind an expression that is a signal, or a window that keeps its unit.
fn signal(expr: &Expr, target: &Target) -> Option<Signal> {
    let index = match expr {
        Expr::Signal(index) => *index,
        Expr::Window(index) => {
            target
                .windows
                .get(*index)
                .filter(|window| window.function != WindowFunction::Rate)?
                .signal
        }
        _ => return None,
    };
    match target.signals.get(index)? {
        SignalSource::BuiltIn(signal) => Some(*signal),
        SignalSource::Metric { .. } | SignalSource::OfTarget { .. } => None,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Resource {
    Memory,
    Vcores,
}

/// A comparison as a bound on the share in use: above it when `above`, else below it.
fn used_band(condition: &Condition, target: &Target, above: bool) -> Option<(Resource, f64)> {
    let (expr, operator, value) = condition.threshold()?;
    let (resource, is_available) = match signal(expr, target)? {
        Signal::YarnMemoryAvailablePercent => (Resource::Memory, true),
        Signal::YarnMemoryAllocatedPercent => (Resource::Memory, false),
        Signal::YarnVcoresAvailablePercent => (Resource::Vcores, true),
        Signal::YarnVcoresAllocatedPercent => (Resource::Vcores, false),
        _ => return None,
    };
    let bounds_from_below = match operator {
        Comparison::Greater | Comparison::GreaterOrEqual => !is_available,
        Comparison::Less | Comparison::LessOrEqual => is_available,
        Comparison::Equal | Comparison::NotEqual => return None,
    };
    (bounds_from_below == above)
        .then_some((resource, if is_available { 100.0 - value } else { value }))
}

/// Nodes that run work beside the target's: a cluster with task nodes has at least one core node.
fn other_nodes(selector: &Selector) -> u32 {
    u32::from(selector.role() == Some(Role::Task))
}

fn shrunk(from: u32, amount: Amount, limits: Limits, step: Option<Cap>) -> u32 {
    let by = match amount {
        Amount::Instances(instances) => instances.get(),
        Amount::Percent(percent) => {
            (f64::from(from) * percent.get() / 100.0).ceil().max(1.0) as u32
        }
    };
    let step = step.map_or(u32::MAX, |cap| cap.of(Instances(from)).get());
    from.saturating_sub(by.min(step)).max(limits.min().get())
}
