//! Limits the size of a resize. The [HDFS floor](super::hdfs_floor) overrides the maximum, the
//! maximum the minimum, and the minimum the desired size.

use super::in_flight::AcceptedResizes;
use crate::decision::{Limiter, PercentCap};
use crate::observation::Direction;
use crate::policy::{Cap, Guards, Limits};
use crate::units::{Instances, Timestamp};

/// A size, and the limit that changed it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitedSize {
    pub size: Instances,
    pub by: Option<LimitedBy>,
}

/// What changed a size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimitedBy {
    pub limiter: Limiter,
    /// Set for a step cap or budget in percent.
    pub percent_cap: Option<PercentCap>,
}

/// A step cap or what is left of a budget, in instances.
struct Allowance {
    instances: Instances,
    by: LimitedBy,
}

impl From<Limiter> for LimitedBy {
    fn from(limiter: Limiter) -> Self {
        Self {
            limiter,
            percent_cap: None,
        }
    }
}

impl LimitedSize {
    /// A size that no limit has changed.
    pub fn new(size: Instances) -> Self {
        Self { size, by: None }
    }

    /// Lowers the size to `limit`.
    fn at_most(self, limit: Instances, by: impl Into<LimitedBy>) -> Self {
        if self.size > limit {
            Self {
                size: limit,
                by: Some(by.into()),
            }
        } else {
            self
        }
    }

    /// Raises the size to `limit`.
    pub fn at_least(self, limit: Instances, by: impl Into<LimitedBy>) -> Self {
        if self.size < limit {
            Self {
                size: limit,
                by: Some(by.into()),
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
    for Allowance { instances, by } in allowances(guards, Direction::Out, from, accepted, at) {
        limited = limited.at_most(from + instances, by);
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
    for Allowance { instances, by } in allowances(guards, Direction::In, from, accepted, at) {
        limited = limited.at_least(from - instances, by);
    }
    LimitedSize {
        size: limited.size.min(from),
        ..limited
    }
}

/// How many instances the step cap allows in this direction, and then each budget.
fn allowances(
    guards: &Guards,
    direction: Direction,
    from: Instances,
    accepted: &AcceptedResizes,
    at: Timestamp,
) -> impl Iterator<Item = Allowance> {
    let step = match direction {
        Direction::Out => guards.step_grow,
        Direction::In => guards.step_shrink,
    };
    let step = step.map(|cap| Allowance {
        instances: cap.of(from),
        by: limited_by(Limiter::Step, cap, from),
    });
    let budgets = guards.budgets.iter();
    let budgets = budgets.filter(move |budget| budget.direction == direction);
    step.into_iter().chain(budgets.map(move |budget| {
        let moved = |direction| accepted.moved(at, direction, budget.per);
        // A share of the present size would grow with what it allows.
        let at_beginning = from + moved(Direction::In) - moved(Direction::Out);
        Allowance {
            instances: budget.cap.of(at_beginning) - moved(direction),
            by: limited_by(Limiter::Budget, budget.cap, at_beginning),
        }
    }))
}

/// The step cap or budget, with the size that its share is of.
fn limited_by(limiter: Limiter, cap: Cap, of: Instances) -> LimitedBy {
    let percent_cap = match cap {
        Cap::Instances(_) => None,
        Cap::Percent(percent) => Some(PercentCap {
            percent,
            of,
            instances: cap.of(of),
        }),
    };
    LimitedBy {
        limiter,
        percent_cap,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::policy::Budget;
    use crate::units::Percent;

    const HOUR: Duration = Duration::from_secs(3_600);

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
        (limited.size.get(), limited.by.map(|by| by.limiter))
    }

    #[test]
    fn a_scale_out_stops_at_the_lowest_of_maximum_step_and_budget() {
        let budget = Budget {
            direction: Direction::Out,
            cap: Cap::Instances(Instances(3)),
            per: HOUR,
        };
        for (step_grow, budgets, expected) in [
            (None, vec![], (20, Some(Limiter::Maximum))),
            (
                Some(Cap::Instances(Instances(5))),
                vec![],
                (9, Some(Limiter::Step)),
            ),
            (
                Some(Cap::Instances(Instances(5))),
                vec![budget],
                (7, Some(Limiter::Budget)),
            ),
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
            (Some(Cap::Instances(Instances(3))), (7, Some(Limiter::Step))),
        ] {
            let guards = Guards {
                step_shrink,
                ..Guards::default()
            };
            assert_eq!(limited(10, 0, guards), expected);
        }
    }

    #[test]
    fn a_step_in_percent_is_rounded_down_and_allows_at_least_one_instance() {
        let guards = |percent| Guards {
            step_grow: Some(Cap::Percent(Percent(percent))),
            step_shrink: Some(Cap::Percent(Percent(percent))),
            ..Guards::default()
        };
        for (percent, from, grown, shrunk) in [
            (20.0, 2, 3, 2),
            (20.0, 4, 5, 3),
            (20.0, 9, 10, 8),
            (20.0, 10, 12, 8),
            (33.4, 3, 4, 2),
            (70.0, 10, 17, 3),
            (100.0, 3, 6, 2),
            (0.1, 12, 13, 11),
        ] {
            assert_eq!(
                limited(from, 20, guards(percent)).0,
                grown,
                "{percent}% of {from}"
            );
            assert_eq!(
                limited(from, 0, guards(percent)).0,
                shrunk,
                "{percent}% of {from}"
            );
        }
        assert_eq!(
            Cap::Percent(Percent(20.0)).of(Instances::ZERO),
            Instances(1)
        );
    }

    /// Moves a group of `from` instances as far as its budget allows, every minute of the hour, and
    /// returns the sizes.
    fn moved_within_the_hour(from: u32, percent: f64, direction: Direction) -> Vec<u32> {
        let guards = Guards {
            budgets: vec![Budget {
                direction,
                cap: Cap::Percent(Percent(percent)),
                per: HOUR,
            }],
            ..Guards::default()
        };
        let limits = Limits::up_to(Instances(100_000));
        let mut accepted = AcceptedResizes::default();
        let (mut size, mut sizes) = (Instances(from), Vec::new());
        for minute in 0..60 {
            let at = Timestamp::EPOCH + Duration::from_secs(60) * minute;
            let (limit, desired): (fn(_, _, _, &_, &_, _) -> _, _) = match direction {
                Direction::Out => (limit_scale_out, size + Instances(3)),
                Direction::In => (limit_scale_in, size - Instances(3)),
            };
            let limited: LimitedSize = limit(
                LimitedSize::new(desired),
                size,
                limits,
                &guards,
                &accepted,
                at,
            );
            if limited.size != size {
                accepted.push(at, size, limited.size);
            }
            size = limited.size;
            sizes.push(size.get());
        }
        sizes
    }

    #[test]
    fn a_budget_in_percent_is_of_the_size_at_the_beginning_of_its_time_span() {
        let grown = moved_within_the_hour(10, 50.0, Direction::Out);
        assert_eq!(grown[..3], [13, 15, 15]);
        assert_eq!(
            grown.last(),
            Some(&15),
            "it does not grow with what it allows"
        );
        let shrunk = moved_within_the_hour(10, 50.0, Direction::In);
        assert_eq!(shrunk[..3], [7, 5, 5]);
        assert_eq!(shrunk.last(), Some(&5));
        assert_eq!(
            moved_within_the_hour(0, 50.0, Direction::Out).last(),
            Some(&1)
        );
        assert_eq!(
            moved_within_the_hour(1, 50.0, Direction::In).last(),
            Some(&0)
        );
    }

    proptest! {
        #[test]
        fn a_cap_in_percent_never_allows_more_than_its_number_of_instances(
            from in 0_u32..500, desired in 0_u32..1_000, percent in 0.1_f64..1_000.0,
        ) {
            let in_instances = ((f64::from(from) * percent / 100.0 + 1e-9) as u32).max(1);
            let sizes = [Cap::Percent(Percent(percent)), Cap::Instances(Instances(in_instances))].map(|cap| {
                let budget = |direction| Budget { direction, cap, per: HOUR };
                let by_step = Guards { step_grow: Some(cap), step_shrink: Some(cap), ..Guards::default() };
                let by_budget = Guards {
                    budgets: vec![budget(Direction::Out), budget(Direction::In)],
                    ..Guards::default()
                };
                [by_step, by_budget].map(|guards| limited(from, desired, guards))
            });
            prop_assert_eq!(&sizes[0], &sizes[1]);
            for (size, _) in sizes[0] {
                prop_assert!(size.abs_diff(from) <= in_instances || size == 2, "{}", size);
            }
        }

        #[test]
        fn resizes_within_a_time_span_stay_within_the_share(from in 0_u32..300, percent in 0.1_f64..100.0) {
            let most = (f64::from(from) * percent / 100.0 + 1e-9).max(1.0);
            for direction in [Direction::Out, Direction::In] {
                for size in moved_within_the_hour(from, percent, direction) {
                    prop_assert!(f64::from(size.abs_diff(from)) <= most, "{} to {}", from, size);
                }
            }
        }
    }
}
