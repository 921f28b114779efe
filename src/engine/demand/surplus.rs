//! Lets small scale-ins wait for each other. Releasing one unit at a time, as soon as it is not worth
//! keeping, makes many calls that save little, and more than half of them are taken back.
//! [`super::calls`] says how much a call has to save.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// What units have cost that are too many, or missing, since there were any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surplus {
    last: Option<Timestamp>,
    /// Unit-seconds.
    spent_s: f64,
}

impl Surplus {
    /// Returns the units to keep of `have`, of which `kept` are worth it: all of them until the others
    /// have cost `worth_a_call` of one unit. When they are first seen, they have been too many for the
    /// time of a `poll`.
    pub fn settle(
        &mut self,
        at: Timestamp,
        (have, kept): (f64, f64),
        poll: Duration,
        worth_a_call: Duration,
    ) -> f64 {
        // Until they are gone: something may hold the scale-in for a poll.
        if self.has_cost(at, have - kept, poll, worth_a_call) {
            kept
        } else {
            kept.max(have)
        }
    }

    /// Whether a difference, of `units` now, has cost `worth_a_call` of one unit since there was one. When it
    /// is first seen, there has been one for the time of a `poll`.
    pub fn has_cost(
        &mut self,
        at: Timestamp,
        units: f64,
        poll: Duration,
        worth_a_call: Duration,
    ) -> bool {
        if units <= 0.0 {
            self.forget();
            return false;
        }
        let seconds = self
            .last
            .map_or(poll.as_secs_f64(), |last| at.seconds_since(last).max(0.0));
        self.last = Some(at);
        self.spent_s += units * seconds;
        self.spent_s >= worth_a_call.as_secs_f64()
    }

    /// Adjusts to a gap in the observations, or to a call that was made: the next is for what is left.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(30);
    const WORTH: Duration = Duration::from_secs(120);

    /// What is kept of ten units at each of these times, with so many that are too many.
    fn kept(surplus: &[(i64, f64)]) -> Vec<f64> {
        let mut state = Surplus::default();
        let each = surplus.iter().map(|(s, units)| {
            let at = Timestamp::from_millis(1_000 * s);
            state.settle(at, (10.0, 10.0 - units), POLL, WORTH)
        });
        each.collect()
    }

    #[test]
    fn one_unit_waits_for_others_and_many_go_at_once() {
        let one: Vec<(i64, f64)> = (0..5).map(|poll| (30 * poll, 1.0)).collect();
        assert_eq!(kept(&one), [10.0, 10.0, 10.0, 9.0, 9.0]);
        assert_eq!(kept(&[(0, 2.0), (30, 3.0)]), [10.0, 7.0]);
        assert_eq!(kept(&[(0, 4.0)]), [6.0]);
    }

    #[test]
    fn work_that_comes_back_ends_the_wait() {
        let kept = kept(&[(0, 1.0), (60, 1.0), (90, 0.0), (120, 1.0), (150, 1.0)]);
        assert_eq!(kept, [10.0; 5]);
    }
}
