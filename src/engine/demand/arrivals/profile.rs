//! What an application needs as time passes.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The time after the start is divided into slots.
const SLOT: Duration = Duration::from_secs(300);
/// How many slots are remembered: two hours.
const SLOTS: usize = 24;

/// The most units that were needed in each slot since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Profile(Vec<f64>);

impl Profile {
    /// Records that so many units are needed, so long after the start.
    pub fn record(&mut self, age: Duration, units: f64) {
        let slot = slot_of(age);
        if slot < SLOTS {
            if self.0.len() <= slot {
                self.0.resize(slot + 1, 0.0);
            }
            // Tenths are exact enough, and short in the journal.
            self.0[slot] = self.0[slot].max((units * 10.0).round() / 10.0);
        }
    }

    /// The upper median of several, slot by slot.
    pub fn usual(profiles: &[&Self]) -> Self {
        let slots = profiles.iter().map(|one| one.0.len()).max().unwrap_or(0);
        let median = |slot: usize| {
            let units = profiles.iter().map(|one| one.0.get(slot).copied());
            let mut units: Vec<f64> = units.map(|units| units.unwrap_or(0.0)).collect();
            units.sort_by(f64::total_cmp);
            units[units.len() / 2]
        };
        Self((0..slots).map(median).collect())
    }

    /// The most units that are needed between two ages.
    pub fn most_between(&self, ages: RangeInclusive<Duration>) -> f64 {
        let (first, last) = ages.into_inner();
        let slots = self.0.iter().take(slot_of(last).saturating_add(1));
        slots.skip(slot_of(first)).copied().fold(0.0, f64::max)
    }

    /// The most units that are needed at any time.
    pub fn most(&self) -> f64 {
        self.0.iter().copied().fold(0.0, f64::max)
    }

    /// The most units that are needed in the slots that are over at this age; `None` in the first.
    pub fn most_before(&self, age: Duration) -> Option<f64> {
        let over = slot_of(age);
        (over > 0).then(|| self.0.iter().take(over).copied().fold(0.0, f64::max))
    }
}

fn slot_of(age: Duration) -> usize {
    usize::try_from(age.as_secs() / SLOT.as_secs()).unwrap_or(usize::MAX)
}
