//! The `for` timer of a rule: how long its condition has been true.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::scope::Shown;
use crate::policy::condition::Condition;
use crate::units::Timestamp;

/// The unbroken series of samples at which a condition was true. Time is counted by the samples,
/// not by ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ForTimer {
    running: Option<Running>,
}

/// A journal that is older than `parts` has `breaks` in their place, which says too little to go on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    /// When the newest of the condition's signals was measured as the condition became true.
    start: Timestamp,
    /// The parts of the condition at the last tick, in the order of its text.
    #[serde(default)]
    parts: Vec<Part>,
}

/// What the last known samples say of a part of a condition that is not composed of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub truth: Option<bool>,
    /// Changes whenever the series of the samples that the part reads is interrupted; `None` while one of them is
    /// too old.
    pub breaks: Option<u64>,
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
    /// Advances the timer by the value of the condition, the time for which samples show it, and what the last
    /// known samples say of its parts. The timer starts at the newest of the samples that made the condition
    /// true, and counts up to the oldest that it needs now: with a slow and a fast signal, it waits for the slow
    /// one. An unknown value leaves the timer running. Where the parts without a gap since the last tick did not
    /// make the condition true then, or the last known samples do not make it true now, call
    /// [`reset`](Self::reset) first.
    pub fn update(
        &mut self,
        truth: Option<bool>,
        shown: Shown,
        parts: Vec<Part>,
        for_duration: Duration,
    ) -> ForState {
        match truth {
            None => {
                if let Some(running) = &mut self.running {
                    running.parts = parts;
                }
                ForState::Unknown
            }
            Some(false) => {
                self.reset();
                ForState::Inactive
            }
            Some(true) => {
                let start = (self.running.as_ref()).map_or(shown.from, |running| running.start);
                self.running = Some(Running { start, parts });
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

    /// Whether the samples of the last tick, of which the ones at this tick are the next ones, made the condition
    /// true: a gap of a signal that it did not need does not matter.
    pub fn continues(&self, condition: &Condition, parts: &[Part]) -> bool {
        let Some(running) = &self.running else {
            return false;
        };
        let mut both = running.parts.iter().zip(parts);
        let value = condition.truth(&mut |_| {
            let (before, now) = both.next()?;
            before.truth.filter(|_| before.breaks == now.breaks)
        });
        value == Some(true)
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
        let five_minutes = Duration::from_secs(300);
        let mut timer = ForTimer::default();
        let mut update = |truth: Option<bool>, s: i64, breaks: u64| {
            let condition = Condition::Constant(true);
            let parts = vec![Part {
                truth,
                breaks: Some(breaks),
            }];
            if truth.is_some() && !timer.continues(&condition, &parts) {
                timer.reset();
            }
            let shown = Shown {
                from: second(s),
                until: second(s),
            };
            timer.update(truth, shown, parts, five_minutes)
        };
        let pending = |since, until| ForState::Pending {
            since: second(since),
            until: second(until),
        };
        assert_eq!(update(Some(true), 0, 1), pending(0, 300));
        assert_eq!(update(Some(true), 299, 1), pending(0, 300));
        assert_eq!(update(Some(true), 300, 1), ForState::Firing);
        assert_eq!(
            update(Some(true), 301, 2),
            pending(301, 601),
            "after a break"
        );
        assert_eq!(update(Some(false), 302, 2), ForState::Inactive);
        assert_eq!(update(Some(true), 303, 2), pending(303, 603));
        assert_eq!(update(None, 304, 2), ForState::Unknown);
        assert_eq!(update(Some(true), 305, 2), pending(305, 605), "unknown");
    }
}
