//! Estimates how long containers live, by Little's law: container-seconds per released container.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// After this time an observation has the weight `1/e`.
const MEMORY_S: f64 = 900.0;
/// The fewest releases, by weight, from which a lifetime is computed.
const FEWEST: f64 = 0.5;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Turnover {
    container_s: f64,
    released: f64,
    last: Option<(Timestamp, Option<u64>)>,
}

impl Turnover {
    /// Records the containers that run now, and a counter of those released, which starts again at zero
    /// with the ResourceManager.
    pub fn observe(&mut self, at: Timestamp, containers: u64, released_total: Option<u64>) {
        if let Some((before, released_before)) = self.last.replace((at, released_total)) {
            let seconds = at.since(before).as_secs_f64();
            let decay = (-seconds / MEMORY_S).exp();
            let released = released_total
                .zip(released_before)
                .map_or(0, |(now, before)| now.saturating_sub(before));
            self.container_s = self.container_s * decay + containers as f64 * seconds;
            self.released = self.released * decay + released as f64;
        }
    }

    /// The mean lifetime of a container; `None` while too few have been released, or if releases are
    /// not counted.
    pub fn lifetime(&self) -> Option<Duration> {
        let lifetime_s =
            (self.released > FEWEST).then(|| (self.container_s / self.released).max(1.0))?;
        Duration::try_from_secs_f64(lifetime_s).ok()
    }

    /// How many times the running containers finish and are replaced within `time`; 0 while their
    /// lifetime is unknown.
    pub fn times_finished_in(&self, time: Duration) -> f64 {
        self.lifetime()
            .map_or(0.0, |lifetime| time.as_secs_f64() / lifetime.as_secs_f64())
    }

    /// Adjusts to a gap in the observations: the next sample follows no other.
    pub fn forget(&mut self) {
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lifetime_is_container_seconds_over_releases() {
        let mut turnover = Turnover::default();
        for step in 0..40_u64 {
            turnover.observe(
                Timestamp::from_millis(step as i64 * 30_000),
                20,
                Some(step * 10),
            );
        }
        let lifetime_s = turnover
            .lifetime()
            .expect("many were released")
            .as_secs_f64();
        assert!(
            (lifetime_s - 60.0).abs() < 1e-6,
            "20 containers, 10 released in 30 s: {lifetime_s}"
        );
        assert!((turnover.times_finished_in(Duration::from_secs(90)) - 1.5).abs() < 1e-6);
    }

    #[test]
    fn a_counter_that_starts_again_and_one_that_nobody_keeps_release_nothing() {
        let mut turnover = Turnover::default();
        for (at_s, released) in [(0, Some(500)), (30, Some(3)), (60, None), (90, Some(9))] {
            turnover.observe(Timestamp::from_millis(at_s * 1_000), 20, released);
        }
        assert_eq!(turnover.lifetime(), None);
        assert_eq!(turnover.times_finished_in(Duration::from_secs(90)), 0.0);
    }
}
