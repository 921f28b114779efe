//! Aggregates of one signal over a time span.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::samples::Arrival;
use crate::observation::Sampled;
use crate::policy::condition::{WindowFunction, WindowSpec};

/// The samples of one window, without a gap and oldest first. The first one lies outside: it is the
/// last that is not later than `newest - over`, if there is one. Aggregates are computed from the
/// samples alone, so that they do not depend on how long the engine has run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WindowSamples(VecDeque<Sampled<f64>>);

impl WindowSamples {
    /// Adds the signal's sample of this tick and drops those that the window has left behind.
    pub fn update(&mut self, arrival: Arrival, sample: Option<Sampled<f64>>, over: Duration) {
        let Some(sample) = sample else { return };
        match arrival {
            Arrival::Restart => self.0.clear(),
            Arrival::Next => {}
            Arrival::Nothing => return,
        }
        self.0.push_back(sample);
        let edge = sample.measured_at - over;
        while self
            .0
            .get(1)
            .is_some_and(|second| second.measured_at <= edge)
        {
            self.0.pop_front();
        }
    }

    /// Drops all samples.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The aggregate over the samples later than `newest - over`; `None` until samples without a gap
    /// span the whole window. A counter (`is_counter`) that falls has started again at zero.
    pub fn value(&self, spec: &WindowSpec, is_counter: bool) -> Option<f64> {
        let (oldest, newest) = (self.0.front()?, self.0.back()?);
        if oldest.measured_at > newest.measured_at - spec.over {
            return None;
        }
        let inside = self.0.iter().skip(1).map(|sample| sample.value);
        let count = self.0.len() - 1;
        if count == 0 {
            return None;
        }
        Some(match spec.function {
            WindowFunction::Average => inside.sum::<f64>() / count as f64,
            WindowFunction::Minimum => inside.fold(f64::INFINITY, f64::min),
            WindowFunction::Maximum => inside.fold(f64::NEG_INFINITY, f64::max),
            WindowFunction::Percentile(rank) => nearest_rank(inside.collect(), rank),
            WindowFunction::Rate => {
                self.change(is_counter) / newest.measured_at.seconds_since(oldest.measured_at)
            }
        })
    }

    /// By how much the signal changed from the first sample to the last.
    fn change(&self, is_counter: bool) -> f64 {
        let values = self.0.iter().map(|sample| sample.value);
        let steps = values.clone().zip(values.skip(1));
        if is_counter {
            steps
                .map(|(before, after)| {
                    if after < before {
                        after
                    } else {
                        after - before
                    }
                })
                .sum()
        } else {
            steps.map(|(before, after)| after - before).sum()
        }
    }
}

/// Returns the smallest value that at least `rank` percent of the values do not exceed.
fn nearest_rank(mut values: Vec<f64>, rank: u8) -> f64 {
    let position = (values.len() * usize::from(rank))
        .div_ceil(100)
        .saturating_sub(1);
    *values.select_nth_unstable_by(position, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Timestamp;

    fn window_of(function: WindowFunction, is_counter: bool, values: &[f64]) -> Option<f64> {
        let spec = WindowSpec {
            function,
            signal: 0,
            over: Duration::from_secs(120),
        };
        let mut window = WindowSamples::default();
        for (k, value) in values.iter().enumerate() {
            let sample = Sampled {
                value: *value,
                measured_at: Timestamp::from_millis(30_000 * k as i64),
            };
            window.update(
                if k == 0 {
                    Arrival::Restart
                } else {
                    Arrival::Next
                },
                Some(sample),
                spec.over,
            );
        }
        window.value(&spec, is_counter)
    }

    #[test]
    fn each_function_over_the_last_two_minutes() {
        let values = [100.0, 9.0, 1.0, 2.0, 3.0, 10.0];
        for (function, expected) in [
            (WindowFunction::Average, 4.0),
            (WindowFunction::Minimum, 1.0),
            (WindowFunction::Maximum, 10.0),
            (WindowFunction::Percentile(50), 2.0),
            (WindowFunction::Percentile(75), 3.0),
            (WindowFunction::Percentile(99), 10.0),
            (WindowFunction::Rate, 1.0 / 120.0),
        ] {
            assert_eq!(
                window_of(function, false, &values),
                Some(expected),
                "{function:?}"
            );
        }
    }

    #[test]
    fn a_window_is_unknown_until_samples_span_it() {
        assert_eq!(
            window_of(WindowFunction::Average, false, &[1.0; 4]),
            None,
            "90 s of samples"
        );
        assert_eq!(
            window_of(WindowFunction::Average, false, &[1.0; 5]),
            Some(1.0),
            "120 s of samples"
        );
    }

    #[test]
    fn a_counter_that_was_reset_counts_from_zero() {
        assert_eq!(
            window_of(
                WindowFunction::Rate,
                true,
                &[100.0, 160.0, 30.0, 60.0, 90.0]
            ),
            Some(150.0 / 120.0)
        );
    }

    #[test]
    fn a_gap_empties_the_window() {
        let spec = WindowSpec {
            function: WindowFunction::Maximum,
            signal: 0,
            over: Duration::from_secs(30),
        };
        let mut window = WindowSamples::default();
        for (k, arrival) in [
            (0, Arrival::Restart),
            (1, Arrival::Next),
            (10, Arrival::Restart),
        ] {
            window.update(
                arrival,
                Some(Sampled {
                    value: 1.0,
                    measured_at: Timestamp::from_millis(30_000 * k),
                }),
                spec.over,
            );
        }
        assert_eq!(window.value(&spec, false), None);
    }
}
