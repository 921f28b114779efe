//! What an application needs as time passes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The time after the start is divided into slots.
const SLOT: Duration = Duration::from_secs(300);
/// How many slots are remembered: two hours.
const SLOTS: usize = 24;

/// The most units that were needed in each slot since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    slots: Vec<f64>,
    /// How long it has run.
    lasts_s: u64,
}

impl Profile {
    /// Records that so many units are needed, so long after the start.
    pub fn record(&mut self, age: Duration, units: f64) {
        self.lasts_s = self.lasts_s.max(age.as_secs());
        let slot = slot_of(age);
        if slot < SLOTS {
            if self.slots.len() <= slot {
                self.slots.resize(slot + 1, 0.0);
            }
            // Tenths are exact enough, and short in the journal.
            self.slots[slot] = self.slots[slot].max((units * 10.0).round() / 10.0);
        }
    }

    /// What at least this share of several needed: slot by slot, and so of how long they last.
    pub fn reached_by(profiles: &[&Self], share: f64) -> Self {
        let fewest = (profiles.len() as f64 * share).ceil() as usize;
        let rank = profiles.len().saturating_sub(fewest);
        let slots = profiles.iter().map(|one| one.slots.len()).max();
        let in_slot = |slot: usize| {
            let units = profiles.iter().map(|one| one.slots.get(slot).copied());
            let mut units: Vec<f64> = units.map(|units| units.unwrap_or(0.0)).collect();
            units.sort_by(f64::total_cmp);
            units.get(rank).copied().unwrap_or(0.0)
        };
        let mut lasts_s: Vec<u64> = profiles.iter().map(|one| one.lasts_s).collect();
        lasts_s.sort_unstable();
        Self {
            slots: (0..slots.unwrap_or(0)).map(in_slot).collect(),
            lasts_s: lasts_s.get(rank).copied().unwrap_or(0),
        }
    }

    /// The units that are needed so long after the start; none after the end.
    pub fn at(&self, age: Duration) -> f64 {
        if age.as_secs() > self.lasts_s {
            return 0.0;
        }
        self.slots.get(slot_of(age)).copied().unwrap_or(0.0)
    }

    /// The same with this part of the units, at most all of them.
    pub fn times(mut self, factor: f64) -> Self {
        // Not a number where nothing is needed.
        if factor < 1.0 {
            self.slots.iter_mut().for_each(|units| *units *= factor);
        }
        self
    }

    /// The same until this age, and nothing from then on.
    pub fn until(mut self, age: Duration) -> Self {
        self.lasts_s = self.lasts_s.min(age.as_secs());
        self
    }

    /// The most units that are needed at any time.
    pub fn most(&self) -> f64 {
        self.slots.iter().copied().fold(0.0, f64::max)
    }

    /// The share of what is `usual` that was needed until this age, at most all of it.
    pub fn share_of(&self, usual: &Self, age: Duration) -> f64 {
        match (self.most_before(age), usual.most_before(age)) {
            (Some(units), Some(usual)) if usual > 0.0 => (units / usual).min(1.0),
            _ => 1.0,
        }
    }

    /// The most units that are needed in the slots that are over at this age; `None` in the first.
    pub fn most_before(&self, age: Duration) -> Option<f64> {
        let over = slot_of(age);
        let slots = self.slots.iter().take(over).copied();
        (over > 0).then(|| slots.fold(0.0, f64::max))
    }
}

fn slot_of(age: Duration) -> usize {
    usize::try_from(age.as_secs() / SLOT.as_secs()).unwrap_or(usize::MAX)
}
