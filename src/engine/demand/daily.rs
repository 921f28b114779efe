//! Forecasts the units needed at a time of day from earlier days.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

const DAY: Duration = Duration::from_secs(86_400);
/// A day is divided into slots of ten minutes.
const SLOT: Duration = Duration::from_secs(600);
const SLOTS: usize = 144;
/// How many days are remembered.
const MEMORY: usize = 7;
/// The fewest days from which a forecast is made.
const FEWEST: usize = 2;
/// A forecast is what was needed on at least this share of the days.
const SHARE: f64 = 0.6;

/// The mean units needed, by slot and day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Daily {
    /// By slot of the day, the latest day last. Empty until the first slot is complete.
    slots: Vec<VecDeque<u32>>,
    current: Option<Slot>,
}

/// The slot that is not over yet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Slot {
    start: Timestamp,
    sum: f64,
    samples: u32,
}

impl Daily {
    pub fn observe(&mut self, at: Timestamp, needed: u32) {
        let start = at.floor(SLOT);
        if let Some(done) = self.current.take_if(|slot| slot.start != start) {
            self.close(done);
        }
        let slot = self.current.get_or_insert(Slot {
            start,
            sum: 0.0,
            samples: 0,
        });
        slot.sum += f64::from(needed);
        slot.samples += 1;
    }

    /// The most units expected from `at` until new ones would run; `None` without enough days.
    pub fn forecast(&self, at: Timestamp, provisioning: Duration) -> Option<u32> {
        let slots = 0..=(provisioning.as_secs() / SLOT.as_secs() + 1).min(SLOTS as u64);
        slots
            .filter_map(|ahead| self.habit(slot_of(at + SLOT * ahead as u32)))
            .max()
    }

    /// Days remembered.
    pub fn days(&self) -> u32 {
        self.slots.iter().map(VecDeque::len).max().unwrap_or(0) as u32
    }

    fn habit(&self, slot: usize) -> Option<u32> {
        let days = self.slots.get(slot).filter(|days| days.len() >= FEWEST)?;
        let mut needed: Vec<u32> = days.iter().copied().collect();
        needed.sort_unstable_by(|one, other| other.cmp(one));
        let enough = (SHARE * needed.len() as f64).ceil() as usize;
        needed.get(enough - 1).copied()
    }

    fn close(&mut self, slot: Slot) {
        if self.slots.is_empty() {
            self.slots = vec![VecDeque::new(); SLOTS];
        }
        let days = &mut self.slots[slot_of(slot.start)];
        days.push_back((slot.sum / f64::from(slot.samples)).round() as u32);
        if days.len() > MEMORY {
            days.pop_front();
        }
    }
}

fn slot_of(at: Timestamp) -> usize {
    let into_day = at.since(at.floor(DAY)).as_secs() / SLOT.as_secs();
    (into_day as usize).min(SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64, hour: i64, minute: i64) -> Timestamp {
        Timestamp::from_millis(((day * 24 + hour) * 60 + minute) * 60_000)
    }

    /// Twelve units from 22:00 to 23:00 on the given days, two otherwise.
    fn nightly(days: i64, quiet: &[i64]) -> Daily {
        let mut daily = Daily::default();
        for minute in 0..days * 1_440 {
            let now = at(0, 0, minute);
            let is_busy = (minute / 60) % 24 == 22 && !quiet.contains(&(minute / 1_440));
            daily.observe(now, if is_busy { 12 } else { 2 });
        }
        daily
    }

    #[test]
    fn what_comes_every_night_is_expected_before_it_comes() {
        let daily = nightly(3, &[]);
        let forecast = |hour, minute| daily.forecast(at(3, hour, minute), Duration::from_secs(400));
        assert_eq!(
            [
                forecast(21, 30),
                forecast(21, 52),
                forecast(22, 30),
                forecast(23, 5)
            ],
            [Some(2), Some(12), Some(12), Some(2)]
        );
    }

    #[test]
    fn one_day_is_no_habit_and_neither_is_one_of_three() {
        assert_eq!(
            nightly(1, &[]).forecast(at(1, 21, 55), Duration::from_secs(400)),
            None
        );
        assert_eq!(
            nightly(3, &[0, 1]).forecast(at(3, 21, 55), Duration::from_secs(400)),
            Some(2)
        );
    }
}
