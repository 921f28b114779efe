//! Rates per hour that may change, integrated exactly over the lifetime of an instance.

use std::ops::{Add, AddAssign};
use std::time::Duration;

use crate::units::{Timestamp, Usd};

/// EC2, EMR and EBS bill by the second, but never less than this (Amazon EC2 and EMR pricing
/// pages).
pub const MINIMUM_BILLED: Duration = Duration::from_secs(60);

const MS_PER_HOUR: f64 = 3_600_000.0;

/// The cost of one instance per hour, by service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    /// The EC2 instance.
    pub ec2_usd_h: f64,
    /// EMR's fee on top of EC2; the same for spot instances.
    pub emr_usd_h: f64,
    /// The EBS volumes.
    pub ebs_usd_h: f64,
}

impl Rates {
    /// The sum of all services.
    pub fn total_usd_h(&self) -> f64 {
        self.ec2_usd_h + self.emr_usd_h + self.ebs_usd_h
    }
}

/// Rates that change over time, such as spot prices.
#[derive(Clone, Debug, PartialEq)]
pub struct RateCurve {
    first: Rates,
    /// In order of time.
    changes: Vec<(Timestamp, Rates)>,
}

impl RateCurve {
    /// Rates that never change.
    pub fn constant(rates: Rates) -> Self {
        Self {
            first: rates,
            changes: Vec::new(),
        }
    }

    /// `first` until the earliest change, then each change until the next. Of two changes at the
    /// same instant, the later in the list applies.
    pub fn new(first: Rates, mut changes: Vec<(Timestamp, Rates)>) -> Self {
        changes.sort_by_key(|(at, _)| *at);
        Self { first, changes }
    }

    /// The rates at an instant.
    pub fn at(&self, instant: Timestamp) -> Rates {
        self.with_later_changes(instant).0
    }

    /// The rates at an instant, and the changes after it.
    fn with_later_changes(&self, instant: Timestamp) -> (Rates, &[(Timestamp, Rates)]) {
        let past = self.changes.partition_point(|(at, _)| *at <= instant);
        let (before, after) = self.changes.split_at(past);
        (before.last().map_or(self.first, |(_, rates)| *rates), after)
    }
}

/// A cost by service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// EC2 instances.
    pub ec2: Usd,
    /// EMR's fee.
    pub emr: Usd,
    /// EBS volumes.
    pub ebs: Usd,
}

impl Cost {
    /// The sum of all services.
    pub fn total(&self) -> Usd {
        self.ec2 + self.emr + self.ebs
    }

    fn of(rates: Rates, hours: f64) -> Self {
        Self {
            ec2: Usd(rates.ec2_usd_h * hours),
            emr: Usd(rates.emr_usd_h * hours),
            ebs: Usd(rates.ebs_usd_h * hours),
        }
    }
}

impl Add for Cost {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            ec2: self.ec2 + other.ec2,
            emr: self.emr + other.emr,
            ebs: self.ebs + other.ebs,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), Add::add)
    }
}

/// The billed time of an instance that lives from `from` to `to`, at least [`MINIMUM_BILLED`].
pub fn billed(from: Timestamp, to: Timestamp) -> Duration {
    to.since(from).max(MINIMUM_BILLED)
}

/// The cost of an instance that is launched at `from` and terminated at `to`: the integral of the
/// rates over the billed time, to the millisecond. An instance that lives shorter than the minimum
/// is billed until the minimum, at the rates in force then.
pub fn cost(curve: &RateCurve, from: Timestamp, to: Timestamp) -> Cost {
    let end = from + billed(from, to);
    let (mut rates, later) = curve.with_later_changes(from);
    let mut since = from;
    let mut paid = Cost::default();
    for &(at, next) in later.iter().take_while(|(at, _)| *at < end) {
        paid += Cost::of(rates, hours(since, at));
        (since, rates) = (at, next);
    }
    paid + Cost::of(rates, hours(since, end))
}

fn hours(from: Timestamp, to: Timestamp) -> f64 {
    to.since(from).as_millis() as f64 / MS_PER_HOUR
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    fn usd_h(ec2_usd_h: f64) -> Rates {
        Rates {
            ec2_usd_h,
            ..Rates::default()
        }
    }

    #[test]
    fn ninety_minutes_at_one_dollar_are_one_dollar_fifty_exactly() {
        let paid = cost(&RateCurve::constant(usd_h(1.0)), seconds(0), seconds(5_400));
        assert_eq!(
            paid,
            Cost {
                ec2: Usd(1.5),
                ..Cost::default()
            }
        );
    }

    #[test]
    fn each_part_is_paid_at_its_own_rate() {
        let rates = Rates {
            ec2_usd_h: 1.0,
            emr_usd_h: 0.25,
            ebs_usd_h: 0.125,
        };
        let paid = cost(&RateCurve::constant(rates), seconds(0), seconds(7_200));
        assert_eq!(
            paid,
            Cost {
                ec2: Usd(2.0),
                emr: Usd(0.5),
                ebs: Usd(0.25)
            }
        );
        assert_eq!(paid.total(), Usd(2.75));
    }

    #[test]
    fn a_life_under_a_minute_is_billed_a_minute() {
        let curve = RateCurve::constant(usd_h(60.0));
        for (from_s, to_s, billed_usd) in [
            (0, 10, 1.0),
            (0, 0, 1.0),
            (10, 0, 1.0),
            (0, 60, 1.0),
            (0, 90, 1.5),
        ] {
            assert_eq!(
                cost(&curve, seconds(from_s), seconds(to_s)).ec2,
                Usd(billed_usd),
                "{from_s} s to {to_s} s"
            );
        }
    }

    #[test]
    fn a_price_change_at_half_time_makes_two_parts() {
        let curve = RateCurve::new(usd_h(1.0), vec![(seconds(3_600), usd_h(3.0))]);
        assert_eq!(cost(&curve, seconds(0), seconds(7_200)).ec2, Usd(4.0));
        assert_eq!(cost(&curve, seconds(0), seconds(3_600)).ec2, Usd(1.0));
        assert_eq!(cost(&curve, seconds(3_600), seconds(7_200)).ec2, Usd(3.0));
    }

    #[test]
    fn the_minimum_runs_into_the_next_price() {
        let curve = RateCurve::new(usd_h(60.0), vec![(seconds(30), usd_h(120.0))]);
        assert_eq!(cost(&curve, seconds(0), seconds(10)).ec2, Usd(1.5));
    }

    #[test]
    fn changes_apply_in_order_of_time_and_the_last_of_one_instant_wins() {
        let curve = RateCurve::new(
            usd_h(1.0),
            vec![
                (seconds(20), usd_h(3.0)),
                (seconds(10), usd_h(9.0)),
                (seconds(10), usd_h(2.0)),
            ],
        );
        for (at_s, usd) in [
            (-5, 1.0),
            (9, 1.0),
            (10, 2.0),
            (19, 2.0),
            (20, 3.0),
            (99, 3.0),
        ] {
            assert_eq!(curve.at(seconds(at_s)), usd_h(usd), "at {at_s} s");
        }
    }

    prop_compose! {
        fn rate_curves()(first in 0.0..10.0, changes in prop::collection::vec((0_i64..10_000, 0.0..10.0), 0..8)) -> RateCurve {
            RateCurve::new(usd_h(first), changes.into_iter().map(|(at, usd)| (seconds(at), usd_h(usd))).collect())
        }
    }

    proptest! {
        #[test]
        fn a_life_costs_what_its_parts_cost(curve in rate_curves(), from in 0_i64..5_000, first in 60_i64..5_000, second in 60_i64..5_000) {
            let (a, b, c) = (seconds(from), seconds(from + first), seconds(from + first + second));
            let (whole, parts) = (cost(&curve, a, c).total().0, (cost(&curve, a, b) + cost(&curve, b, c)).total().0);
            prop_assert!((whole - parts).abs() < 1e-9, "{whole} {parts}");
        }

        #[test]
        fn a_longer_life_never_costs_less(curve in rate_curves(), from in 0_i64..5_000, life in -50_i64..5_000, more in 0_i64..5_000) {
            let (shorter, longer) = (cost(&curve, seconds(from), seconds(from + life)), cost(&curve, seconds(from), seconds(from + life + more)));
            prop_assert!(shorter.total().0 >= 0.0);
            prop_assert!(longer.total().0 >= shorter.total().0 - 1e-12);
        }

        #[test]
        fn no_instants_overflow(from in any::<i64>(), to in any::<i64>()) {
            let paid = cost(&RateCurve::constant(usd_h(1.0)), Timestamp::from_millis(from), Timestamp::from_millis(to));
            prop_assert!(paid.total().0.is_finite());
        }
    }
}
