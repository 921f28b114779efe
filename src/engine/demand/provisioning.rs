//! Learns how long a new unit takes from its request until it runs.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// The delays assumed before any was measured: EMR takes 5 to 10 minutes.
const ASSUMED: usize = 3;
const ASSUMED_S: f64 = 400.0;
/// The quantile of the delays that counts as the delay.
const QUANTILE: f64 = 0.75;
/// Longer delays are cut to this: something went wrong.
const LONGEST_S: f64 = 6.0 * 3_600.0;
/// When a unit is expected that takes longer than the delay.
const SOON_S: f64 = 30.0;
/// How many delays are remembered.
const MEMORY: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provisioning {
    /// Units that were requested and do not run yet, with the time of the request, oldest first.
    launches: VecDeque<(Timestamp, u32)>,
    last: Option<(u32, u32)>,
    delays_s: VecDeque<f64>,
}

impl Provisioning {
    /// Records the units that all targets have requested and running.
    pub fn observe(&mut self, at: Timestamp, requested: u32, running: u32) {
        let Some((requested_before, running_before)) = self.last.replace((requested, running))
        else {
            return;
        };
        if requested > requested_before {
            self.launches.push_back((at, requested - requested_before));
        }
        let mut arrived = running.saturating_sub(running_before);
        while arrived > 0
            && let Some((launched_at, units)) = self.launches.front_mut()
        {
            let taken = arrived.min(*units);
            let delay_s = at.seconds_since(*launched_at).clamp(0.0, LONGEST_S);
            self.delays_s
                .extend(std::iter::repeat_n(delay_s, (taken as usize).min(MEMORY)));
            *units -= taken;
            arrived -= taken;
            self.launches.pop_front_if(|(_, units)| *units == 0);
        }
        while self.delays_s.len() > MEMORY {
            self.delays_s.pop_front();
        }
        self.drop_cancelled(requested.saturating_sub(running));
    }

    /// The 75th percentile of the recent delays and a few assumed ones.
    pub fn delay(&self) -> Duration {
        let mut delays_s: Vec<f64> = self
            .delays_s
            .iter()
            .copied()
            .chain([ASSUMED_S; ASSUMED])
            .collect();
        delays_s.sort_by(f64::total_cmp);
        let position = ((delays_s.len() - 1) as f64 * QUANTILE).round() as usize;
        Duration::try_from_secs_f64(delays_s[position]).unwrap_or_default()
    }

    /// `units` that were requested and do not run yet: the seconds until they are expected, and how many
    /// then, the oldest first. A unit that is late is expected soon.
    pub fn coming(&self, at: Timestamp, units: f64) -> Vec<(f64, f64)> {
        let delay_s = self.delay().as_secs_f64();
        let launched = self.launches.iter().map(|(_, count)| f64::from(*count));
        let launched: f64 = launched.sum();
        if launched <= 0.0 {
            return vec![(delay_s, units)];
        }
        let left = self.launches.iter().map(|(launched_at, count)| {
            let left_s = delay_s - at.seconds_since(*launched_at);
            (left_s.max(SOON_S), units * f64::from(*count) / launched)
        });
        left.collect()
    }

    /// Which part of its provisioning the unit that was requested last has completed, from 0 to 1; 1 if
    /// no unit is being provisioned.
    pub fn passed(&self, at: Timestamp) -> f64 {
        let delay_s = self.delay().as_secs_f64();
        let Some((launched_at, _)) = self.launches.back().filter(|_| delay_s > 0.0) else {
            return 1.0;
        };
        (at.seconds_since(*launched_at) / delay_s).clamp(0.0, 1.0)
    }

    /// Adjusts to a gap in the observations: when the present units arrived is unknown.
    pub fn forget(&mut self) {
        self.launches.clear();
        self.last = None;
    }

    /// Drops launches that were cancelled before the units ran, the latest first.
    fn drop_cancelled(&mut self, on_their_way: u32) {
        let mut surplus = self
            .launches
            .iter()
            .map(|(_, units)| *units)
            .fold(0, u32::saturating_add)
            .saturating_sub(on_their_way);
        while surplus > 0
            && let Some((_, units)) = self.launches.back_mut()
        {
            let dropped = surplus.min(*units);
            *units -= dropped;
            surplus -= dropped;
            self.launches.pop_back_if(|(_, units)| *units == 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_on_their_way_are_expected_after_the_delay_or_soon() {
        let mut provisioning = Provisioning::default();
        let at = |s: i64| Timestamp::from_millis(1_000 * s);
        assert_eq!(provisioning.coming(at(0), 2.0), [(ASSUMED_S, 2.0)]);
        provisioning.observe(at(0), 4, 4);
        provisioning.observe(at(30), 7, 4);
        provisioning.observe(at(330), 8, 4);
        assert_eq!(
            provisioning.coming(at(330), 4.0),
            [(100.0, 3.0), (400.0, 1.0)]
        );
        assert_eq!(
            provisioning.coming(at(730), 8.0),
            [(SOON_S, 6.0), (SOON_S, 2.0)]
        );
    }

    #[test]
    fn the_delay_moves_from_the_assumed_one_to_what_was_seen() {
        let mut provisioning = Provisioning::default();
        assert_eq!(provisioning.delay(), Duration::from_secs(400));
        provisioning.observe(Timestamp::EPOCH, 0, 0);
        provisioning.observe(Timestamp::from_millis(10_000), 20, 0);
        provisioning.observe(Timestamp::from_millis(130_000), 20, 20);
        assert_eq!(provisioning.delay(), Duration::from_secs(120));
    }

    #[test]
    fn the_unit_requested_last_has_its_part_of_the_delay_behind_it() {
        let mut provisioning = Provisioning::default();
        for (at_s, requested, running) in [(0, 2, 2), (0, 4, 2), (100, 5, 2)] {
            provisioning.observe(Timestamp::from_millis(at_s * 1_000), requested, running);
        }
        let passed = |at_s: i64| provisioning.passed(Timestamp::from_millis(at_s * 1_000));
        assert_eq!(
            [passed(100), passed(200), passed(500), passed(900)],
            [0.0, 0.25, 1.0, 1.0]
        );
        assert_eq!(
            Provisioning::default().passed(Timestamp::EPOCH),
            1.0,
            "nothing is on its way"
        );
    }

    #[test]
    fn what_was_taken_back_teaches_nothing() {
        let mut provisioning = Provisioning::default();
        for (at_s, requested, running) in [
            (0, 0, 0),
            (10, 20, 0),
            (20, 0, 0),
            (5_000, 20, 0),
            (5_060, 20, 20),
        ] {
            provisioning.observe(Timestamp::from_millis(at_s * 1_000), requested, running);
        }
        assert_eq!(provisioning.delay(), Duration::from_secs(60));
    }
}
