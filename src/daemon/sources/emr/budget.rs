//! Limits the calls to EMR: a budget for all reads, and a backoff for throttled operations.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::operation::Operation;
use crate::units::Timestamp;

/// The share of the budget that is reserved for essential calls.
const RESERVE: f64 = 0.25;

/// The first wait after an operation was throttled. It doubles with each further time in a row. The
/// actual wait is drawn from its upper half, so that several daemons do not retry together.
const FIRST_WAIT: Duration = Duration::from_secs(4);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Whether a call may be skipped when the budget is low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
}

/// A token bucket with the calls of one minute.
#[derive(Clone, Debug)]
pub struct Budget {
    per_minute: f64,
    left: f64,
    filled_at: Option<Timestamp>,
}

impl Budget {
    pub fn new(calls_per_minute: u32) -> Self {
        let per_minute = f64::from(calls_per_minute);
        Self {
            per_minute,
            left: per_minute,
            filled_at: None,
        }
    }

    /// Takes one call from the budget; returns whether there was one for this need.
    #[must_use]
    pub fn take(&mut self, now: Timestamp, need: Need) -> bool {
        let minutes = self
            .filled_at
            .map_or(0.0, |filled| now.since(filled).as_secs_f64() / 60.0);
        self.left = (self.left + minutes * self.per_minute).min(self.per_minute);
        self.filled_at = Some(now);
        let kept = if need == Need::Optional {
            self.per_minute * RESERVE
        } else {
            0.0
        };
        let is_enough = self.left >= kept + 1.0;
        if is_enough {
            self.left -= 1.0;
        }
        is_enough
    }
}

/// The operations that wait because EMR throttled them.
#[derive(Clone, Debug)]
pub struct Backoff {
    throttled: BTreeMap<Operation, (u32, Timestamp)>,
    luck: ChaCha8Rng,
}

impl Backoff {
    /// A backoff whose waits depend on the cluster, so that daemons of several clusters differ.
    pub fn new(cluster_id: &str) -> Self {
        let mut seed = [0; 32];
        seed.iter_mut()
            .zip(cluster_id.bytes())
            .for_each(|(slot, byte)| *slot = byte);
        Self {
            throttled: BTreeMap::new(),
            luck: ChaCha8Rng::from_seed(seed),
        }
    }

    /// How long the operation has to wait; `None` if it is not in backoff.
    pub fn wait(&self, operation: Operation, now: Timestamp) -> Option<Duration> {
        let (_, until) = self.throttled.get(&operation)?;
        let wait = until.since(now);
        // A clock that was set back must not extend the wait.
        (now < *until && wait <= LONGEST_WAIT).then_some(wait)
    }

    /// How long the operation that is longest in backoff has to wait; zero if none is.
    pub fn longest_wait(&self, now: Timestamp) -> Duration {
        let waits = self
            .throttled
            .keys()
            .filter_map(|operation| self.wait(*operation, now));
        waits.max().unwrap_or_default()
    }

    /// Notes that EMR throttled the operation.
    pub fn throttled(&mut self, operation: Operation, now: Timestamp) {
        let (times, until) = self.throttled.entry(operation).or_insert((0, now));
        let longest = FIRST_WAIT
            .saturating_mul(1_u32.checked_shl(*times).unwrap_or(u32::MAX))
            .min(LONGEST_WAIT);
        let share = 0.5 + 0.5 * (f64::from(self.luck.next_u32()) / f64::from(u32::MAX));
        *times = times.saturating_add(1);
        *until = now + longest.mul_f64(share);
    }

    /// Notes that EMR answered the operation, which ends its backoff.
    pub fn answered(&mut self, operation: Operation) {
        self.throttled.remove(&operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: i64) -> Timestamp {
        Timestamp::from_millis(1_000 * s)
    }

    #[test]
    fn optional_calls_are_left_out_first_and_a_minute_fills_the_budget_again() {
        let mut budget = Budget::new(12);
        let taken = |budget: &mut Budget, at, need| {
            (0..20).filter(|_| budget.take(second(at), need)).count()
        };
        assert_eq!(
            taken(&mut budget, 0, Need::Optional),
            9,
            "a quarter of twelve is kept"
        );
        assert_eq!(taken(&mut budget, 0, Need::Required), 3);
        assert_eq!(
            taken(&mut budget, 5, Need::Required),
            1,
            "one in five seconds"
        );
        assert_eq!(
            taken(&mut budget, 3_600, Need::Required),
            12,
            "never more than a minute's worth"
        );
    }

    #[test]
    fn a_clock_that_goes_back_neither_fills_the_budget_nor_empties_it() {
        let mut budget = Budget::new(2);
        assert!(budget.take(second(100), Need::Required));
        assert!(budget.take(second(0), Need::Required));
        assert!(!budget.take(second(0), Need::Required));
        assert!(budget.take(second(30), Need::Required));
    }

    #[test]
    fn an_operation_that_is_throttled_waits_twice_as_long_each_time_up_to_five_minutes_and_others_do_not()
     {
        let mut backoff = Backoff::new("j-1");
        let mut now = second(0);
        for longest_s in [4, 8, 16, 32, 64, 128, 256, 300, 300] {
            backoff.throttled(Operation::ListInstances, now);
            let waits_at = |s| {
                let at = now + Duration::from_secs(s);
                backoff.wait(Operation::ListInstances, at).is_some()
            };
            assert_eq!(
                backoff.longest_wait(now),
                backoff
                    .wait(Operation::ListInstances, now)
                    .unwrap_or_default()
            );
            assert!(
                waits_at(longest_s / 2 - 1),
                "at least half of {longest_s} s"
            );
            assert!(!waits_at(longest_s + 1), "at most {longest_s} s");
            assert_eq!(backoff.wait(Operation::ListSteps, now), None);
            now = now + Duration::from_secs(1_000);
        }
        backoff.throttled(Operation::ListInstances, now);
        backoff.answered(Operation::ListInstances);
        assert_eq!(backoff.wait(Operation::ListInstances, now), None);
    }

    #[test]
    fn a_clock_that_goes_back_ends_a_wait() {
        let mut backoff = Backoff::new("j-1");
        backoff.throttled(Operation::ListInstances, second(100_000));
        assert_eq!(backoff.wait(Operation::ListInstances, second(0)), None);
    }
}
