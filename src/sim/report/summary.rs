//! One figure over several seeds.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// Mean of a figure and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Summary {
    pub mean: f64,
    /// Half the width of the 95 % confidence interval of the mean (Student's t); `None` for a single value.
    pub ci95_half_width: Option<f64>,
    /// How many values.
    pub n: usize,
}

impl Summary {
    /// The mean of no values is not a number.
    pub fn of(values: &[f64]) -> Self {
        let n = values.len();
        let mean = values.iter().sum::<f64>() / n as f64;
        Self { mean, ci95_half_width: half_width(values, mean), n }
    }

    /// Zero lies within the interval; a single value says nothing.
    pub fn may_be_zero(&self) -> bool {
        self.ci95_half_width.is_some_and(|half_width| self.mean.abs() <= half_width)
    }
}

fn half_width(values: &[f64], mean: f64) -> Option<f64> {
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)? as f64;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / freedom;
    let quantile = StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(0.975);
    Some(quantile * (variance / values.len() as f64).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_no_interval() {
        assert_eq!(Summary::of(&[3.0]), Summary { mean: 3.0, ci95_half_width: None, n: 1 });
    }

    /// t(0.975, 4) is 2.776 in every table; the standard error of 1 to 5 is sqrt(2.5 / 5).
    #[test]
    fn the_interval_is_students() {
        let summary = Summary::of(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        let half_width = summary.ci95_half_width.expect("five values");
        assert_eq!(summary.mean, 3.0);
        assert!((half_width - 2.776 * 0.5_f64.sqrt()).abs() < 1e-3, "{half_width}");
        assert!(!summary.may_be_zero());
        assert!(Summary::of(&[-1.0, 1.0]).may_be_zero());
        assert!(!Summary::of(&[0.1]).may_be_zero());
    }
}
