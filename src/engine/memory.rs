//! What the engine remembers of each signal: the last sample, and whether samples came without a
//! gap.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::Sampled;
use crate::units::Timestamp;

/// One signal through time.
#[derive(Clone, Debug)]
pub struct SignalTrack {
    pub name: Arc<str>,
    /// How old a value may be, and how far apart two samples may lie.
    allowance: Duration,
    past: SignalPast,
    now: Knowledge,
}

/// What one tick leaves to the next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignalPast {
    last: Option<Sampled<f64>>,
    /// The last sample, as long as it could still be followed without a gap.
    recent: Option<Sampled<f64>>,
    /// Another number whenever the run of samples is broken: by too wide a gap, or by time going
    /// backwards.
    breaks: u64,
}

/// What is known of a signal at this tick.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Knowledge {
    Known(Sampled<f64>),
    /// Observed, but too old, or from so far in the future that a clock is wrong.
    Stale(Timestamp),
    Missing,
}

/// How a sample follows the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// Later than the last one, without a gap.
    Next,
    /// The first one, one after too wide a gap, or one from before the last: whatever was concluded
    /// so far no longer holds.
    Restart,
    /// The last one again, or none at all.
    Nothing,
}

impl SignalTrack {
    pub fn new(name: Arc<str>, allowance: Duration) -> Self {
        Self::with_past(name, allowance, SignalPast::default())
    }

    /// A signal that goes on from where [`past`](Self::past) was taken.
    pub fn with_past(name: Arc<str>, allowance: Duration, past: SignalPast) -> Self {
        Self {
            name,
            allowance,
            past,
            now: Knowledge::Missing,
        }
    }

    pub fn past(&self) -> SignalPast {
        self.past
    }

    /// Takes what was observed at `at`.
    pub fn update(&mut self, at: Timestamp, sample: Option<Sampled<f64>>) -> Arrival {
        let allowance = self.allowance;
        let is_fresh = |sample: &Sampled<f64>| at.distance(sample.measured_at) <= allowance;
        let Some(sample) = sample else {
            self.now = Knowledge::Missing;
            self.past.recent = self.past.recent.filter(is_fresh);
            return Arrival::Nothing;
        };
        let arrival = match self.past.last {
            Some(last) if sample.measured_at == last.measured_at => Arrival::Nothing,
            Some(last)
                if sample.measured_at > last.measured_at
                    && sample.measured_at.since(last.measured_at) <= self.allowance =>
            {
                Arrival::Next
            }
            _ => Arrival::Restart,
        };
        if arrival == Arrival::Restart {
            self.past.breaks = self.past.breaks.wrapping_add(1);
        }
        self.past.last = Some(sample);
        self.past.recent = Some(sample).filter(is_fresh);
        self.now = if self.past.recent.is_some() {
            Knowledge::Known(sample)
        } else {
            Knowledge::Stale(sample.measured_at)
        };
        arrival
    }

    /// Forgets everything: the clock of the observations cannot be trusted to continue.
    pub fn forget(&mut self) {
        self.past = SignalPast {
            breaks: self.past.breaks.wrapping_add(1),
            ..SignalPast::default()
        };
        self.now = Knowledge::Missing;
    }

    pub fn now(&self) -> Knowledge {
        self.now
    }

    pub fn breaks(&self) -> u64 {
        self.past.breaks
    }

    /// The last sample, even when this tick brought none, as long as the next one could follow it
    /// without a gap.
    pub fn recent(&self) -> Option<Sampled<f64>> {
        self.past.recent
    }

    pub fn known(&self) -> Option<Sampled<f64>> {
        match self.now {
            Knowledge::Known(sample) => Some(sample),
            Knowledge::Stale(_) | Knowledge::Missing => None,
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
    fn samples_follow_each_other_up_to_the_allowance_and_no_further() {
        let allowance = Duration::from_secs(90);
        for (next_s, expected) in [
            (30, Arrival::Next),
            (90, Arrival::Next),
            (91, Arrival::Restart),
            (0, Arrival::Nothing),
            (-1, Arrival::Restart),
        ] {
            let mut track = SignalTrack::new("x".into(), allowance);
            assert_eq!(
                track.update(second(0), sample(1.0, 0)),
                Arrival::Restart,
                "the first sample starts a run"
            );
            assert_eq!(
                track.update(second(91), sample(1.0, next_s)),
                expected,
                "a sample at {next_s} s"
            );
        }
    }

    #[test]
    fn a_value_is_known_until_it_is_older_than_the_allowance() {
        let mut track = SignalTrack::new("x".into(), Duration::from_secs(90));
        track.update(second(90), sample(1.0, 0));
        assert!(track.known().is_some());
        track.update(second(91), sample(1.0, 0));
        assert_eq!(track.now(), Knowledge::Stale(second(0)));
        track.update(second(92), None);
        assert_eq!(track.now(), Knowledge::Missing);
    }
}
