//! What is believed of the time that a task of a stage takes: a lognormal distribution.
//!
//! The mean of the completed tasks is too low, because the short ones complete first. So those that run
//! count, too: each takes at least as long as it has run. With `n` completed tasks of the mean logarithm
//! `L`, tasks of the ages `a` that run, and a prior `(m, s)`, the logarithm `mu` of the median is the root of
//!
//! ```text
//! n (L - mu) / sigma^2 + sum h((ln a - mu) / sigma) / sigma + (m - mu) / s^2,    h = phi / (1 - Phi)
//! ```
//!
//! which is the maximum of the posterior with censored observations.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

use super::history::{Prior, Progress, SHORTEST_S};

/// Halvings of the interval in which the root lies: 12 wide, so that it is found to within 0.0001.
const HALVINGS: u32 = 17;

/// What is believed of the tasks of a stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TaskTime {
    /// The logarithm of the median, in seconds.
    log_median: f64,
    /// The standard deviation of what is believed of it.
    deviation: f64,
    /// The standard deviation of the logarithms of the times of tasks.
    spread: f64,
}

impl TaskTime {
    /// What is believed of a stage with this progress.
    pub fn of(progress: &Progress, prior: Prior, spread: f64) -> Self {
        let precision = 1.0 / (prior.deviation * prior.deviation);
        let of_each = 1.0 / (spread * spread);
        let ages: Vec<(f64, f64)> = progress
            .ages_s
            .iter()
            .map(|(age_s, count)| (age_s.max(SHORTEST_S).ln(), *count))
            .collect();
        let slope = |log_median: f64| {
            let censored: f64 = ages
                .iter()
                .map(|(age, count)| count * hazard((age - log_median) / spread))
                .sum();
            progress.done * (progress.log_mean - log_median) * of_each
                + censored / spread
                + (prior.log_median - log_median) * precision
        };
        let (mut low, mut high) = (prior.log_median - 5.0, prior.log_median + 7.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if slope(middle) > 0.0 {
                low = middle;
            } else {
                high = middle;
            }
        }
        let log_median = 0.5 * (low + high);
        let information: f64 = ages
            .iter()
            .map(|(age, count)| {
                let x = (age - log_median) / spread;
                let hazard = hazard(x);
                count * (hazard * (hazard - x)).clamp(0.0, 1.0)
            })
            .sum();
        Self {
            log_median,
            deviation: ((progress.done + information) * of_each + precision)
                .sqrt()
                .recip(),
            spread,
        }
    }

    /// What is believed before anything is seen.
    pub fn before(prior: Prior, spread: f64) -> Self {
        Self {
            log_median: prior.log_median,
            deviation: prior.deviation,
            spread,
        }
    }

    /// The mean time of a task, in seconds, if the median is so many standard deviations above what is
    /// believed.
    pub fn mean_s(&self, deviations: f64) -> f64 {
        let log = self.log_median + deviations * self.deviation + 0.5 * self.spread * self.spread;
        log.exp().clamp(0.5, 2e5)
    }

    /// The median of the time that a task still takes which has run for `age_s`, in seconds.
    pub fn left_s(&self, age_s: f64, deviations: f64) -> f64 {
        let log_median = self.log_median + deviations * self.deviation;
        let x = (age_s.max(SHORTEST_S).ln() - log_median) / self.spread;
        if x < -2.5 {
            log_median.exp() - age_s
        } else if x > 3.0 {
            // Far out, the tail is nearly exponential.
            age_s * self.spread * 0.35
        } else {
            let normal = Normal::standard();
            let beyond = 0.5 * normal.sf(x);
            (log_median + self.spread * normal.inverse_cdf(1.0 - beyond)).exp() - age_s
        }
    }
}

/// The density of the standard normal distribution over what lies beyond.
fn hazard(x: f64) -> f64 {
    if x < -4.0 {
        0.0
    } else if x > 4.0 {
        x + 1.0 / x
    } else {
        let normal = Normal::standard();
        normal.pdf(x) / normal.sf(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// About a minute, give or take a factor of three.
    const PRIOR: Prior = Prior {
        log_median: 4.1,
        deviation: 1.1,
    };
    const SPREAD: f64 = 0.3;

    fn believed(done: f64, task_s: f64, ages_s: &[(f64, f64)]) -> TaskTime {
        let progress = Progress {
            done,
            log_mean: task_s.ln(),
            ages_s: ages_s.to_vec(),
        };
        TaskTime::of(&progress, PRIOR, SPREAD)
    }

    #[test]
    fn completed_tasks_outweigh_what_was_believed_before() {
        let mean_s = believed(100.0, 10.0, &[]).mean_s(0.0);
        assert!((10.0..11.0).contains(&mean_s), "{mean_s}");
        let width = believed(100.0, 10.0, &[]).mean_s(1.0) / mean_s;
        assert!(width < 1.05, "{width}");
        assert!(believed(1.0, 10.0, &[]).mean_s(1.0) / mean_s > 1.2);
    }

    #[test]
    fn a_task_takes_at_least_as_long_as_it_has_run() {
        let without = believed(0.0, 1.0, &[]).mean_s(0.0);
        let with = believed(0.0, 1.0, &[(600.0, 10.0)]).mean_s(0.0);
        assert!(without < 90.0 && with > 600.0, "{without} {with}");
        // Two short ones that are done do not make the eight long ones short.
        let skewed = believed(2.0, 60.0, &[(600.0, 8.0)]).mean_s(0.0);
        assert!(skewed > 300.0, "{skewed}");
    }

    #[test]
    fn what_is_left_of_a_task_is_positive_at_every_age() {
        let time = believed(50.0, 60.0, &[]);
        let left: Vec<f64> = (0..400)
            .map(|age| time.left_s(f64::from(age) * 2.0, 0.0))
            .collect();
        assert!(left.iter().all(|left_s| *left_s > 0.0), "{left:?}");
        assert!((55.0..62.0).contains(&left[0]), "{}", left[0]);
    }
}
