//! How much a resize has to bring. Each resize is a call to EMR, and small ones that follow each other
//! within a minute or two could have been one: so a difference waits until it has cost as much as a call
//! is worth. The more calls there have been lately, the more the next one has to bring.

use std::cmp::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::surplus::Surplus;
use crate::units::Timestamp;

/// A scale-in is made once what is released has cost as much as one unit in this part of the
/// provisioning time, while there are few calls.
const SCALE_IN: f64 = 0.5;
/// The same for a scale-out, and what is missing. Work waits for it, so that it is less.
const SCALE_OUT: f64 = 0.1;
/// At so many calls a day, each has to bring twice as much as when there are none.
const MANY_PER_DAY: f64 = 60.0;
/// How fast that rises: at twice as many, it is five times as much.
const RISE: i32 = 2;
/// Calls count for about this time, so that a burst in the morning does not delay the evening.
const MEMORY_S: f64 = 6.0 * 3_600.0;
const DAY_S: f64 = 86_400.0;

/// The resizes of late, and what waits for the next scale-out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calls {
    /// When the size was last seen, and the instances that were requested then.
    last: Option<(Timestamp, u32)>,
    /// Resizes, each of which counts less as time passes.
    recent: f64,
    /// What units that are needed and not requested yet would have brought.
    missing: Surplus,
}

impl Calls {
    /// Records how many instances all targets have requested. After a call, the next one in its direction has
    /// to bring as much again, also while what is too much, the `surplus`, or too little goes on to change.
    /// Resizes of others count, too.
    pub fn observe(&mut self, at: Timestamp, requested: u32, surplus: &mut Surplus) {
        let Some((seen_at, before)) = self.last.replace((at, requested)) else {
            return;
        };
        let passed_s = at.seconds_since(seen_at).max(0.0);
        self.recent *= (-passed_s / MEMORY_S).exp();
        match requested.cmp(&before) {
            Ordering::Equal => return,
            Ordering::Less => surplus.forget(),
            Ordering::Greater => self.missing.forget(),
        }
        self.recent += 1.0;
    }

    /// What a scale-in has to save: a unit for this time.
    pub fn worth_of_scale_in(&self, provisioning: Duration) -> Duration {
        self.worth(SCALE_IN, provisioning)
    }

    /// Returns the units to have at least: `needed` once those that are missing of them have been for as
    /// long as a call is worth, and until then the whole ones that there are. When they are first seen,
    /// they have been missing for the time of a `poll`.
    pub fn put_off_scale_out(
        &mut self,
        at: Timestamp,
        (have, needed): (f64, u32),
        poll: Duration,
        provisioning: Duration,
    ) -> u32 {
        let worth = self.worth(SCALE_OUT, provisioning);
        let missing = f64::from(needed) - have;
        if self.missing.has_cost(at, missing, poll, worth) {
            needed
        } else {
            needed.min(super::units::rounded_down(have) as u32)
        }
    }

    /// Adjusts to a gap in the observations, or to a clock that went back: calls that were made stay so.
    pub fn forget(&mut self) {
        self.last = None;
        self.missing.forget();
    }

    fn worth(&self, share: f64, provisioning: Duration) -> Duration {
        let per_day = self.recent * DAY_S / MEMORY_S;
        let times = 1.0 + (per_day / MANY_PER_DAY).powi(RISE);
        Duration::try_from_secs_f64(provisioning.as_secs_f64() * share * times)
            .unwrap_or(Duration::MAX)
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

    /// Calls, one every `every_s` seconds for a day.
    fn calls(every_s: i64) -> Calls {
        let mut calls = Calls::default();
        for call in 0..86_400 / every_s {
            let requested = (call % 2) as u32;
            calls.observe(second(call * every_s), requested, &mut Surplus::default());
        }
        calls
    }

    #[test]
    fn a_missing_unit_waits_for_others_and_several_are_asked_for_at_once() {
        let needed = |missing: &[u32]| -> Vec<u32> {
            let mut calls = Calls::default();
            let each = missing.iter().zip(0..).map(|(missing, poll)| {
                let units = (10.5, 10 + missing);
                calls.put_off_scale_out(second(30 * poll), units, POLL, PROVISIONING)
            });
            each.collect()
        };
        // 40 unit-seconds are worth a call, and half a unit is there already.
        assert_eq!(needed(&[1, 1, 1, 1]), [10, 10, 11, 11]);
        assert_eq!(needed(&[1, 3]), [10, 13]);
        assert_eq!(needed(&[2]), [12]);
        // What is not missing any more has not cost anything.
        assert_eq!(needed(&[1, 1, 0, 1, 1]), [10; 5]);
    }

    #[test]
    fn after_a_call_the_next_has_to_bring_as_much_again() {
        let mut calls = Calls::default();
        let mut surplus = Surplus::default();
        let mut grows_at = |s: i64, have: u32| {
            calls.observe(second(s), have, &mut surplus);
            let units = (f64::from(have), have + 1);
            calls.put_off_scale_out(second(s), units, POLL, PROVISIONING) > have
        };
        assert!(!grows_at(0, 4));
        assert!(grows_at(30, 4));
        // The need has risen while the call was under way.
        assert!(!grows_at(60, 5));
        assert!(grows_at(90, 5));
        surplus.has_cost(second(120), 3.0, POLL, PROVISIONING);
        calls.observe(second(120), 5, &mut surplus);
        assert_ne!(surplus, Surplus::default());
        calls.observe(second(150), 4, &mut surplus);
        assert_eq!(surplus, Surplus::default());
    }

    #[test]
    fn the_more_calls_there_were_the_more_the_next_has_to_bring() {
        let worth_s = |every_s: i64| {
            let worth = calls(every_s).worth_of_scale_in(PROVISIONING);
            worth.as_secs_f64()
        };
        let none = Calls::default().worth_of_scale_in(PROVISIONING);
        assert_eq!(none, Duration::from_secs(200));
        let (few, many, flood) = (worth_s(86_400 / 12), worth_s(86_400 / 60), worth_s(720));
        assert!(few < 220.0, "12 a day: {few}");
        assert!((380.0..430.0).contains(&many), "60 a day: {many}");
        assert!((950.0..1_050.0).contains(&flood), "120 a day: {flood}");
    }

    #[test]
    fn calls_are_forgotten_as_time_passes() {
        let mut calls = calls(720);
        let many = calls.worth_of_scale_in(PROVISIONING);
        calls.observe(second(86_400 + 12 * 3_600), 1, &mut Surplus::default());
        let later = calls.worth_of_scale_in(PROVISIONING);
        assert!(many > later.saturating_mul(3), "{many:?}, then {later:?}");
        calls.forget();
        assert_eq!(calls.worth_of_scale_in(PROVISIONING), later);
    }
}
