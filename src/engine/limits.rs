//! Limits the size of a resize. The [HDFS floor](super::hdfs_floor) overrides the maximum, the
//! maximum the minimum, and the minimum the desired size.

use super::in_flight::AcceptedResizes;
use crate::decision::Limiter;
use crate::observation::Direction;
use crate::policy::{Budget, Guards, Limits};
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

/// Limits a scale-out from `from` to the maximum, the step cap and the budgets. The result is at least
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

/// Limits a scale-in from `from` to the minimum, the step cap and the budgets. The result is at most
/// `from`.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The size, and the limit that changed it, when a group of `from` instances is to have
    /// `desired` and may have 2 to 20.
    fn limited(from: u32, desired: u32, guards: Guards) -> (u32, Option<Limiter>) {
        let limits = Limits::new(Instances(2), Instances(20)).expect("min <= max");
        let limit = if desired > from {
            limit_scale_out
        } else {
            limit_scale_in
        };
        let limited = limit(
            LimitedSize::new(Instances(desired)),
            Instances(from),
            limits,
            &guards,
            &AcceptedResizes::default(),
            Timestamp::EPOCH,
        );
        (limited.size.get(), limited.by)
    }

    #[test]
    fn a_scale_out_stops_at_the_lowest_of_maximum_step_and_budget() {
        let budget = Budget {
            direction: Direction::Out,
            instances: Instances(3),
            per: Duration::from_secs(3_600),
        };
        for (step_grow, budgets, expected) in [
            (None, vec![], (20, Some(Limiter::Maximum))),
            (Some(Instances(5)), vec![], (9, Some(Limiter::Step))),
            (Some(Instances(5)), vec![budget], (7, Some(Limiter::Budget))),
        ] {
            let guards = Guards {
                step_grow,
                budgets,
                ..Guards::default()
            };
            assert_eq!(limited(4, 30, guards), expected);
        }
    }

    #[test]
    fn a_scale_in_stops_at_the_highest_of_minimum_and_step() {
        for (step_shrink, expected) in [
            (None, (2, Some(Limiter::Minimum))),
            (Some(Instances(3)), (7, Some(Limiter::Step))),
        ] {
            let guards = Guards {
                step_shrink,
                ..Guards::default()
            };
            assert_eq!(limited(10, 0, guards), expected);
        }
    }
}
