//! Aggregates of one signal over a time span.

use std::collections::VecDeque;
use std::time::Duration;

use super::memory::Arrival;
use crate::observation::Sampled;
use crate::policy::condition::WindowFunction;

/// The samples of one window. Aggregates are computed from the samples alone, so that they do not
/// depend on how long the engine has run.
#[derive(Clone, Debug)]
pub struct Window {
    function: WindowFunction,
    over: Duration,
    /// A counter that was reset counts from zero; anything else may fall.
    is_counter: bool,
    /// Gap-free, oldest first; the first one is the last that is not later than `newest - over`, if
    /// there is one.
    samples: VecDeque<Sampled<f64>>,
}

impl Window {
    pub fn new(function: WindowFunction, over: Duration, is_counter: bool) -> Self {
        Self {
            function,
            over,
            is_counter,
            samples: VecDeque::new(),
        }
    }

    /// The same window with the samples of another one: see [`samples`](Self::samples).
    pub fn with_samples(self, samples: VecDeque<Sampled<f64>>) -> Self {
        Self { samples, ..self }
    }

    /// All that one tick leaves to the next.
    pub fn samples(&self) -> &VecDeque<Sampled<f64>> {
        &self.samples
    }

    /// Takes the signal's sample of this tick.
    pub fn update(&mut self, arrival: Arrival, sample: Option<Sampled<f64>>) {
        let Some(sample) = sample else { return };
        match arrival {
            Arrival::Restart => self.samples.clear(),
            Arrival::Next => {}
            Arrival::Nothing => return,
        }
        self.samples.push_back(sample);
        let edge = sample.measured_at - self.over;
        while self
            .samples
            .get(1)
            .is_some_and(|second| second.measured_at <= edge)
        {
            self.samples.pop_front();
        }
    }

    pub fn forget(&mut self) {
        self.samples.clear();
    }

    /// The aggregate over the samples later than `newest - over`; `None` until gap-free samples
    /// span the whole window.
    pub fn value(&self) -> Option<f64> {
        let (oldest, newest) = (self.samples.front()?, self.samples.back()?);
        if oldest.measured_at > newest.measured_at - self.over {
            return None;
        }
        let inside = self.samples.iter().skip(1).map(|sample| sample.value);
        let count = self.samples.len() - 1;
        if count == 0 {
            return None;
        }
        Some(match self.function {
            WindowFunction::Average => inside.sum::<f64>() / count as f64,
            WindowFunction::Minimum => inside.fold(f64::INFINITY, f64::min),
            WindowFunction::Maximum => inside.fold(f64::NEG_INFINITY, f64::max),
            WindowFunction::Percentile(rank) => nearest_rank(inside.collect(), rank),
            WindowFunction::Rate => {
                self.change() / newest.measured_at.seconds_since(oldest.measured_at)
            }
        })
    }

    fn change(&self) -> f64 {
        let values = self.samples.iter().map(|sample| sample.value);
        let steps = values.clone().zip(values.skip(1));
        if self.is_counter {
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

/// The smallest value that at least `rank` percent of the values do not exceed.
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
        let mut window = Window::new(function, Duration::from_secs(120), is_counter);
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
            );
        }
        window.value()
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
        let mut window = Window::new(WindowFunction::Maximum, Duration::from_secs(30), false);
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
            );
        }
        assert_eq!(window.value(), None);
    }
}
