//! The recent samples of each signal: how old the newest one is, and whether samples follow each
//! other without a gap.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::Sampled;
use crate::units::Timestamp;

/// What the engine keeps of one signal between two ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalSamples {
    last: Option<Sampled<f64>>,
    /// The last sample, while the next one can still follow it without a gap.
    recent: Option<Sampled<f64>>,
    /// Changes whenever the series of samples breaks: after a gap, or when time goes backwards.
    breaks: u64,
}

/// How much a signal can be relied on at one tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Freshness {
    Fresh(Sampled<f64>),
    /// Observed, but measured too long ago, or so far in the future that a clock is wrong.
    Stale(Timestamp),
    /// Not observed.
    Missing,
}

/// How a sample follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Later than the last sample, without a gap.
    Next,
    /// The first sample, one after a gap, or one that is older than the last: conclusions from
    /// earlier samples no longer hold.
    Restart,
    /// The last sample again, or none.
    Nothing,
}

impl SignalSamples {
    /// Adds what was observed at `at`. `max_age` is how old a sample may be, and how far apart two
    /// samples may lie.
    pub fn update(
        &mut self,
        at: Timestamp,
        sample: Option<Sampled<f64>>,
        max_age: Duration,
    ) -> (Arrival, Freshness) {
        let is_fresh = |sample: &Sampled<f64>| at.distance(sample.measured_at) <= max_age;
        let Some(sample) = sample else {
            self.recent = self.recent.filter(is_fresh);
            return (Arrival::Nothing, Freshness::Missing);
        };
        let arrival = match self.last {
            Some(last) if sample.measured_at == last.measured_at => Arrival::Nothing,
            Some(last)
                if sample.measured_at > last.measured_at
                    && sample.measured_at.since(last.measured_at) <= max_age =>
            {
                Arrival::Next
            }
            _ => Arrival::Restart,
        };
        if arrival == Arrival::Restart {
            self.breaks = self.breaks.wrapping_add(1);
        }
        self.last = Some(sample);
        self.recent = Some(sample).filter(is_fresh);
        let freshness = match self.recent {
            Some(sample) => Freshness::Fresh(sample),
            None => Freshness::Stale(sample.measured_at),
        };
        (arrival, freshness)
    }

    /// Drops all samples, because the clock went back: no later sample continues the series.
    pub fn clear(&mut self) {
        *self = Self {
            breaks: self.breaks.wrapping_add(1),
            ..Self::default()
        };
    }

    /// A number that changes whenever the series of samples breaks.
    pub fn breaks(&self) -> u64 {
        self.breaks
    }

    /// The last sample, even if this tick did not bring it, while the next one can still follow it
    /// without a gap.
    pub fn recent(&self) -> Option<Sampled<f64>> {
        self.recent
    }
}

impl Freshness {
    /// The sample, if it is fresh.
    pub fn sample(self) -> Option<Sampled<f64>> {
        match self {
            Self::Fresh(sample) => Some(sample),
            Self::Stale(_) | Self::Missing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: i64) -> Timestamp {
        Timestamp::from_millis(s * 1_000)
    }

    fn sample(value: f64, s: i64) -> Option<Sampled<f64>> {
        Some(Sampled {
            value,
            measured_at: second(s),
        })
    }

    #[test]
    fn samples_follow_each_other_up_to_the_greatest_age() {
        let max_age = Duration::from_secs(90);
        for (next_s, expected) in [
            (30, Arrival::Next),
            (90, Arrival::Next),
            (91, Arrival::Restart),
            (0, Arrival::Nothing),
            (-1, Arrival::Restart),
        ] {
            let mut samples = SignalSamples::default();
            assert_eq!(
                samples.update(second(0), sample(1.0, 0), max_age).0,
                Arrival::Restart,
                "the first sample starts a series"
            );
            assert_eq!(
                samples.update(second(91), sample(1.0, next_s), max_age).0,
                expected,
                "a sample at {next_s} s"
            );
        }
    }

    #[test]
    fn a_sample_is_fresh_until_it_exceeds_the_greatest_age() {
        let mut samples = SignalSamples::default();
        let mut freshness = |at_s, sample| {
            let max_age = Duration::from_secs(90);
            samples.update(second(at_s), sample, max_age).1
        };
        assert!(freshness(90, sample(1.0, 0)).sample().is_some());
        assert_eq!(freshness(91, sample(1.0, 0)), Freshness::Stale(second(0)));
        assert_eq!(freshness(92, None), Freshness::Missing);
    }
}
