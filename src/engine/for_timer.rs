//! The `for` timer of a rule: how long its condition has been true.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::scope::Shown;
use crate::units::Timestamp;

/// The unbroken series of samples at which a condition was true. Time is counted by the samples,
/// not by ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ForTimer {
    running: Option<Running>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Running {
    /// When the newest of the condition's signals was measured as the condition became true.
    start: Timestamp,
    /// The breaks of the condition's signals at the last true sample. A different number later
    /// means that a series of samples was interrupted.
    breaks: u64,
}

/// The state of a `for` timer after a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForState {
    /// The condition cannot be decided.
    Unknown,
    /// The condition is false.
    Inactive,
    /// The condition is true, but not yet for long enough.
    Pending { since: Timestamp, until: Timestamp },
    /// The condition has been true for long enough.
    Firing,
}

impl ForTimer {
    /// Advances the timer by the value of the condition, and the time for which samples show it. The
    /// timer starts at the newest of the samples that made the condition true, and counts up to the
    /// oldest that it needs now: with a slow and a fast signal, it waits for the slow one. An unknown
    /// value leaves the timer running, because the next samples either follow without a gap or change
    /// `breaks`.
    /// When the last known samples do not make the condition true either, call
    /// [`reset`](Self::reset) first.
    pub fn update(
        &mut self,
        truth: Option<bool>,
        shown: Shown,
        breaks: u64,
        for_duration: Duration,
    ) -> ForState {
        match truth {
            None => ForState::Unknown,
            Some(false) => {
                self.reset();
                ForState::Inactive
            }
            Some(true) => {
                let start = match self.running {
                    Some(running) if running.breaks == breaks => running.start,
                    _ => shown.from,
                };
                self.running = Some(Running { start, breaks });
                if shown.until.since(start) >= for_duration {
                    ForState::Firing
                } else {
                    ForState::Pending {
                        since: start,
                        until: start + for_duration,
                    }
                }
            }
        }
    }

    /// Stops the timer. It starts at zero when the condition is next true.
    pub fn reset(&mut self) {
        self.running = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_counts_from_the_first_true_sample_to_the_very_second() {
        let second = |s: i64| Timestamp::from_millis(1_000 * s);
        let at = |s: i64| Shown {
            from: second(s),
            until: second(s),
        };
        let five_minutes = Duration::from_secs(300);
        let mut timer = ForTimer::default();
        assert_eq!(
            timer.update(Some(true), at(0), 1, five_minutes),
            ForState::Pending {
                since: second(0),
                until: second(300)
            }
        );
        assert_eq!(
            timer.update(Some(true), at(299), 1, five_minutes),
            ForState::Pending {
                since: second(0),
                until: second(300)
            }
        );
        assert_eq!(
            timer.update(None, at(299), 1, five_minutes),
            ForState::Unknown
        );
        assert_eq!(
            timer.update(Some(true), at(300), 1, five_minutes),
            ForState::Firing
        );
        assert_eq!(
            timer.update(Some(true), at(301), 2, five_minutes),
            ForState::Pending {
                since: second(301),
                until: second(601)
            },
            "a break"
        );
        assert_eq!(
            timer.update(Some(false), at(302), 2, five_minutes),
            ForState::Inactive
        );
        assert_eq!(
            timer.update(Some(true), at(303), 2, Duration::ZERO),
            ForState::Firing
        );
    }
}
