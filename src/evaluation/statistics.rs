//! What several seeds say together: means with confidence intervals, and policies compared on the
//! same seeds.

use std::collections::BTreeMap;

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::statistics::Statistics;

use crate::evaluation::scorecard::Scorecard;

/// Both tails together are the other 5%.
const UPPER_TAIL: f64 = 0.975;

/// The mean of independent values and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The mean of the values.
    pub mean: f64,
    /// The 95% confidence interval of the mean is `mean` plus or minus this: Student's t with `n -
    /// 1` degrees of freedom times the standard error. `None` for a single value, which says
    /// nothing of its spread.
    pub ci95_half_width: Option<f64>,
    /// How many values there are.
    pub n: usize,
}

impl Summary {
    /// The mean of no values is not a number.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len();
        let ci95_half_width =
            (n > 1).then(|| t_quantile(n - 1) * values.std_dev() / (n as f64).sqrt());
        Self {
            mean: values.mean(),
            ci95_half_width,
            n,
        }
    }

    /// Whether the 95% interval lies on one side of zero; `None` where there is no interval.
    pub fn excludes_zero(&self) -> Option<bool> {
        self.ci95_half_width
            .map(|half_width| self.mean.abs() > half_width)
    }
}

/// `ours - theirs` of one figure, paired by seed, over the seeds that both have. Pairing takes out
/// what a seed does to both.
pub fn paired_difference(
    ours: &[Scorecard],
    theirs: &[Scorecard],
    figure: fn(&Scorecard) -> f64,
) -> Summary {
    let theirs_by_seed: BTreeMap<u64, &Scorecard> =
        theirs.iter().map(|run| (run.seed, run)).collect();
    let difference = |run: &Scorecard| {
        theirs_by_seed
            .get(&run.seed)
            .map(|other| figure(run) - figure(other))
    };
    Summary::of(&ours.iter().filter_map(difference).collect::<Vec<f64>>())
}

fn t_quantile(degrees_of_freedom: usize) -> f64 {
    let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom as f64);
    distribution
        .expect("at least one degree of freedom")
        .inverse_cdf(UPPER_TAIL)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::bounds::Bounds;
    use crate::evaluation::scorecard::{Label, Measure};
    use crate::sim::run::{Run, StepCurve, Wait};
    use proptest::prelude::*;
    use std::time::Duration;

    fn run(seed: u64, wait_s: f64) -> Scorecard {
        let run = Run {
            waits: vec![Wait {
                seconds: wait_s,
                weight: 1.0,
                since_s: 0.0,
            }],
            ..Run::default()
        };
        let label = Label {
            trace: "t".into(),
            policy: "p".into(),
            seed,
        };
        let demand_nodes = StepCurve(vec![]);
        Scorecard::of(
            label,
            &run,
            &Measure {
                rates: &[],
                bounds: Bounds::default(),
                demand_nodes: &demand_nodes,
                slo_wait: Some(Duration::ZERO),
            },
        )
    }

    /// The 97.5% column of any printed table of Student's t.
    #[test]
    fn quantiles_equal_the_printed_table() {
        for (degrees, printed) in [
            (1, "12.706"),
            (2, "4.303"),
            (4, "2.776"),
            (9, "2.262"),
            (19, "2.093"),
            (30, "2.042"),
            (120, "1.980"),
        ] {
            assert_eq!(
                format!("{:.3}", t_quantile(degrees)),
                printed,
                "{degrees} degrees of freedom"
            );
        }
    }

    #[test]
    fn an_interval_by_hand() {
        // Mean 5, sample standard deviation sqrt(32 / 7), n = 8, t = 2.365.
        let summary = Summary::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!((summary.mean, summary.n), (5.0, 8));
        let half_width = summary.ci95_half_width.expect("several values");
        assert!(
            (half_width - 2.364_624 * (32.0_f64 / 7.0).sqrt() / 8.0_f64.sqrt()).abs() < 1e-5,
            "{half_width}"
        );
    }

    #[test]
    fn one_value_has_no_interval_and_none_has_no_mean() {
        assert_eq!(
            Summary::of(&[3.0]),
            Summary {
                mean: 3.0,
                ci95_half_width: None,
                n: 1
            }
        );
        assert_eq!(Summary::of(&[3.0]).excludes_zero(), None);
        assert!(Summary::of(&[]).mean.is_nan());
    }

    #[test]
    fn an_interval_excludes_zero_only_beside_it() {
        for (values, excludes) in [
            ([1.0, 1.1, 0.9], true),
            ([-1.0, -1.1, -0.9], true),
            ([1.0, -1.1, 0.9], false),
            ([0.0; 3], false),
            ([2.0; 3], true),
        ] {
            assert_eq!(
                Summary::of(&values).excludes_zero(),
                Some(excludes),
                "{values:?}"
            );
        }
    }

    #[test]
    fn pairing_by_seed_sees_what_separate_intervals_hide() {
        let ours = [run(1, 101.0), run(2, 11.2), run(3, 50.9), run(8, 0.0)];
        let theirs = [run(3, 50.0), run(1, 100.0), run(2, 10.0), run(9, 0.0)];
        let difference = paired_difference(&ours, &theirs, |card| card.wait_mean_s);
        assert!((difference.mean - 3.1 / 3.0).abs() < 1e-12);
        assert_eq!((difference.n, difference.excludes_zero()), (3, Some(true)));
        let alone = Summary::of(&ours.map(|card| card.wait_mean_s));
        assert_eq!(alone.excludes_zero(), Some(false));
    }

    proptest! {
        #[test]
        fn the_mean_lies_among_the_values(values in prop::collection::vec(-1e6..1e6, 1..30)) {
            let summary = Summary::of(&values);
            let (low, high) = values.iter().fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
            prop_assert!(low - 1e-6 <= summary.mean && summary.mean <= high + 1e-6);
            prop_assert!(summary.ci95_half_width.is_none_or(|half_width| half_width >= 0.0));
        }
    }
}
