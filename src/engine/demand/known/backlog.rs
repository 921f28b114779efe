//! Notices a backlog that does not fall. What is known of the work may mislead: work arrives as fast as
//! it is done, containers do not fit, an application is not what it says. Then known work counts no less
//! than any other.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::demand::units::NEGLIGIBLE;
use crate::units::Timestamp;

/// A backlog that is at least so much of what it was has not fallen.
const FALLEN: f64 = 0.9;
/// So many readings of a window are remembered.
const READINGS: u32 = 16;

/// The backlog over the last while, in units; empty while nothing waits.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backlog {
    readings: VecDeque<(Timestamp, f64)>,
}

impl Backlog {
    /// Records the backlog. Returns whether it has not fallen within the window.
    pub fn stands(&mut self, at: Timestamp, units: f64, window: Duration) -> bool {
        if units <= NEGLIGIBLE {
            self.readings.clear();
            return false;
        }
        let is_old = |reading: &(Timestamp, f64)| at.since(reading.0) >= window;
        while self.readings.get(1).is_some_and(is_old) {
            self.readings.pop_front();
        }
        let last = self.readings.back();
        if last.is_none_or(|last| at.since(last.0) >= window / READINGS) {
            self.readings.push_back((at, units));
        }
        let first = self.readings.front();
        first.is_some_and(|first| is_old(first) && units >= FALLEN * first.1)
    }

    /// Adjusts to a gap in the observations.
    pub fn forget(&mut self) {
        self.readings.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_secs(800);

    /// Whether the backlog stands at the end of an hour, of which each minute leaves so many units.
    fn stands(units: impl Fn(i64) -> f64) -> bool {
        let mut backlog = Backlog::default();
        let at = |minute: i64| Timestamp::from_millis(60_000 * minute);
        let minutes = (0..60).map(|minute| backlog.stands(at(minute), units(minute), WINDOW));
        minutes.last().unwrap_or(false)
    }

    #[test]
    fn a_backlog_stands_unless_it_falls_or_was_gone() {
        assert!(stands(|_| 5.0));
        assert!(stands(|minute| 5.0 + minute as f64));
        assert!(!stands(|minute| 60.0 - minute as f64));
        assert!(!stands(|minute| if minute == 55 { 0.0 } else { 5.0 }));
        assert!(!stands(|_| 0.0));
    }

    #[test]
    fn it_remembers_no_more_than_it_needs() {
        let mut backlog = Backlog::default();
        for second in 0..5_000 {
            backlog.stands(Timestamp::from_millis(1_000 * second), 1.0, WINDOW);
        }
        assert!(backlog.readings.len() <= 18, "{}", backlog.readings.len());
    }
}
