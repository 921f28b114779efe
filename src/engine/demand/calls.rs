//! How much a resize has to bring. Each resize is a call to EMR, and small ones that follow each other
//! within a minute or two could have been one: so a difference waits until it has cost as much as a call
//! is worth, and after a call the next has to bring as much again.

use std::cmp::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::surplus::Surplus;
use crate::units::Timestamp;

/// A scale-in is made once what is released has cost as much as one unit in this part of the
/// provisioning time.
const SCALE_IN: f64 = 0.6;
/// The same for a scale-out, and what is missing. Work waits for it, so that it is less.
const SCALE_OUT: f64 = 0.1;

/// What waits for the next resize.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// The instances that were requested when the size was last seen.
    requested: Option<u32>,
    /// What units that are needed and not requested yet would have brought.
    missing: Surplus,
}

impl Calls {
    /// Records how many instances all targets have requested. After a call, the next one in its direction has
    /// to bring as much again, also while what is too much, the `surplus`, or too little goes on to change.
    /// Resizes of others count, too.
    pub fn observe(&mut self, requested: u32, surplus: &mut Surplus) {
        let before = self.requested.replace(requested).unwrap_or(requested);
        match requested.cmp(&before) {
            Ordering::Equal => {}
            Ordering::Less => surplus.forget(),
            Ordering::Greater => self.missing.forget(),
        }
    }

    /// What a scale-in has to save: a unit for this time.
    pub fn worth_of_scale_in(provisioning: Duration) -> Duration {
        provisioning.mul_f64(SCALE_IN)
    }

    /// Returns the units to have at least: `needed` once those that are missing of them have been for as
    /// long as a call is worth, and until then the whole ones that there are. When they are first seen,
    /// they have been missing for the time of a `poll`. `patience` is the part of this that may wait.
    pub fn put_off_scale_out(
        &mut self,
        at: Timestamp,
        (have, needed): (f64, u32),
        poll: Duration,
        provisioning: Duration,
        patience: f64,
    ) -> u32 {
        let worth = provisioning.mul_f64(SCALE_OUT * patience);
        let missing = f64::from(needed) - have;
        if self.missing.has_cost(at, missing, poll, worth) {
            needed
        } else {
            needed.min(super::units::rounded_down(have) as u32)
        }
    }

    /// Adjusts to a gap in the observations, or to a clock that went back: calls that were made stay so.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_secs(30);
    const PROVISIONING: Duration = Duration::from_secs(400);

    fn second(s: i64) -> Timestamp {
        Timestamp::from_millis(1_000 * s)
    }

    #[test]
    fn a_missing_unit_waits_for_others_and_several_are_asked_for_at_once() {
        let needed = |missing: &[u32], patience: f64| -> Vec<u32> {
            let mut calls = Calls::default();
            let each = missing.iter().zip(0..).map(|(missing, poll)| {
                let units = (10.5, 10 + missing);
                calls.put_off_scale_out(second(30 * poll), units, POLL, PROVISIONING, patience)
            });
            each.collect()
        };
        // 40 unit-seconds are worth a call, and half a unit is there already.
        assert_eq!(needed(&[1, 1, 1, 1], 1.0), [10, 10, 11, 11]);
        assert_eq!(needed(&[1, 3], 1.0), [10, 13]);
        assert_eq!(needed(&[2], 1.0), [12]);
        assert_eq!(needed(&[1, 1], 0.0), [11, 11]);
        // What is not missing any more has not cost anything.
        assert_eq!(needed(&[1, 1, 0, 1, 1], 1.0), [10; 5]);
    }

    #[test]
    fn after_a_call_the_next_has_to_bring_as_much_again() {
        let mut calls = Calls::default();
        let mut surplus = Surplus::default();
        let mut grows_at = |s: i64, have: u32| {
            calls.observe(have, &mut surplus);
            let units = (f64::from(have), have + 1);
            calls.put_off_scale_out(second(s), units, POLL, PROVISIONING, 1.0) > have
        };
        assert!(!grows_at(0, 4));
        assert!(grows_at(30, 4));
        // The need has risen while the call was under way.
        assert!(!grows_at(60, 5));
        assert!(grows_at(90, 5));
        surplus.has_cost(second(120), 3.0, POLL, PROVISIONING);
        calls.observe(5, &mut surplus);
        assert_ne!(surplus, Surplus::default());
        calls.observe(4, &mut surplus);
        assert_eq!(surplus, Surplus::default());
    }
}
