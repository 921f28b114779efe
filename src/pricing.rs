//! What instances cost: rates that may change, integrated exactly over a life.

mod table;

use std::ops::{Add, AddAssign};
use std::time::Duration;

use crate::units::{Timestamp, Usd};

pub use table::{InstanceType, PriceTable, PricingError};

/// EC2, EMR and EBS bill by the second, but never less than this (Amazon EC2 and EMR pricing
/// pages).
pub const MINIMUM_BILLED: Duration = Duration::from_secs(60);

const MS_PER_HOUR: f64 = 3_600_000.0;

/// What one instance costs an hour, by who is paid.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    pub ec2_usd_h: f64,
    /// EMR's fee on top of EC2; a spot price does not lower it.
    pub emr_usd_h: f64,
    pub ebs_usd_h: f64,
}

impl Rates {
    pub fn total_usd_h(&self) -> f64 {
        self.ec2_usd_h + self.emr_usd_h + self.ebs_usd_h
    }
}

/// Rates that change at instants, such as spot prices. There is a rate at every instant.
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

    /// `first` until the earliest change, then each change until the next. Of two at one instant,
    /// the later in the list holds.
    pub fn new(first: Rates, mut changes: Vec<(Timestamp, Rates)>) -> Self {
        changes.sort_by_key(|(at, _)| *at);
        Self { first, changes }
    }

    pub fn at(&self, instant: Timestamp) -> Rates {
        let past = self.changes.partition_point(|(at, _)| *at <= instant);
        if past == 0 {
            self.first
        } else {
            self.changes[past - 1].1
        }
    }
}

/// What was paid, by who got it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    pub ec2: Usd,
    pub emr: Usd,
    pub ebs: Usd,
}

impl Cost {
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

/// How long a life from `from` to `to` is billed: [`MINIMUM_BILLED`] at least.
pub fn billed(from: Timestamp, to: Timestamp) -> Duration {
    to.since(from).max(MINIMUM_BILLED)
}

/// What an instance costs that is launched at `from` and terminated at `to`: the integral of the
/// rates over the billed time, to the millisecond. A life that is shorter than the minimum is
/// billed as if it had gone on, at the rates then in force.
pub fn cost(curve: &RateCurve, from: Timestamp, to: Timestamp) -> Cost {
    let end = from + billed(from, to);
    let past = curve.changes.partition_point(|(at, _)| *at <= from);
    let mut rates = if past == 0 {
        curve.first
    } else {
        curve.changes[past - 1].1
    };
    let mut since = from;
    let mut paid = Cost::default();
    for &(at, next) in curve.changes[past..].iter().take_while(|(at, _)| *at < end) {
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
