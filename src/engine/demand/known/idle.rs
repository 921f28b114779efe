//! Notices executors that an application keeps although they run nothing.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// Spark gives an idle executor back after a minute. Those that are idle for longer cache blocks, or the
/// settings of the application keep them.
const KEPT_AFTER: Duration = Duration::from_secs(150);

/// The idle executors of an application: since when there are at least so many. The counts rise.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdleExecutors(VecDeque<(Timestamp, u32)>);

impl IdleExecutors {
    /// Records how many executors run nothing.
    pub fn observe(&mut self, executors: u32, at: Timestamp) {
        let mut since = at;
        while let Some((earlier, _)) = self.0.pop_back_if(|(_, count)| *count >= executors) {
            since = earlier;
        }
        self.0.push_back((since, executors));
        let is_old = |reading: &(Timestamp, u32)| at.since(reading.0) >= KEPT_AFTER;
        while self.0.get(1).is_some_and(is_old) {
            self.0.pop_front();
        }
    }

    /// How many have been idle for longer than Spark keeps them by default.
    pub fn kept(&self, at: Timestamp) -> u32 {
        let mut latest_first = self.0.iter().rev();
        let kept = latest_first.find(|(since, _)| at.since(*since) >= KEPT_AFTER);
        kept.map_or(0, |(_, executors)| *executors)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The executors that are kept after these were idle, one reading each half minute.
    fn kept(idle: &[u32]) -> u32 {
        let mut executors = IdleExecutors::default();
        let mut now = Timestamp::from_millis(0);
        for (number, count) in (0..).zip(idle) {
            now = Timestamp::from_millis(30_000 * number);
            executors.observe(*count, now);
        }
        executors.kept(now)
    }

    #[test]
    fn the_fewest_of_the_last_two_and_a_half_minutes_are_kept() {
        assert_eq!(kept(&[8; 6]), 8);
        assert_eq!(kept(&[8; 5]), 0, "Spark may give them back yet");
        assert_eq!(kept(&[8, 8, 8, 5, 9, 9]), 5);
        assert_eq!(kept(&[0, 8, 8, 8, 8, 8, 8]), 8);
        assert_eq!(kept(&[8, 8, 8, 8, 8, 8, 0]), 0);
        assert_eq!(kept(&[]), 0);
    }

    #[test]
    fn no_more_readings_are_remembered_than_are_needed() {
        let mut executors = IdleExecutors::default();
        for second in 0..5_000 {
            let count = u32::try_from(second).unwrap_or(0);
            executors.observe(count, Timestamp::from_millis(1_000 * second));
        }
        assert!(executors.0.len() <= 151, "{}", executors.0.len());
    }
}
