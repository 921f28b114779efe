//! Tracks which levels are idle, and since when. Level `i`, counted from one, is busy while at least
//! `i` units are needed.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// Levels form a stack: the one that became idle last is the first to be busy again. Levels that
/// became idle at the same instant are one entry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Levels {
    busy: u32,
    /// From the highest levels to the lowest.
    idle: Vec<Idle>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Idle {
    /// The highest level of the entry. The lowest is one above the next entry of the stack, or one
    /// above the busy levels.
    highest: u32,
    since: Timestamp,
}

/// Levels that were idle and are busy again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    pub levels: RangeInclusive<u32>,
    pub idle: Duration,
}

impl Levels {
    /// Records the units needed now. Returns the idle gaps that end with this.
    pub fn observe(&mut self, at: Timestamp, needed: u32) -> Vec<Gap> {
        if needed < self.busy {
            self.idle.push(Idle {
                highest: self.busy,
                since: at,
            });
            self.busy = needed;
        }
        let mut gaps = Vec::new();
        while self.busy < needed {
            let Some(entry) = self.idle.last().copied() else {
                break;
            };
            let highest = entry.highest.min(needed);
            gaps.push(Gap {
                levels: self.busy + 1..=highest,
                idle: at.since(entry.since),
            });
            self.busy = highest;
            if highest == entry.highest {
                self.idle.pop();
            }
        }
        self.busy = needed;
        gaps
    }

    /// Returns how many of `have` levels are busy, or idle and worth keeping. `worth` returns how many
    /// levels of a range are worth keeping after an idle time. Levels that were never needed are not
    /// kept.
    pub fn kept(
        &self,
        at: Timestamp,
        have: u32,
        mut worth: impl FnMut(RangeInclusive<u32>, Duration) -> u32,
    ) -> u32 {
        let mut kept = self.busy.min(have);
        let mut below = self.busy;
        for entry in self.idle.iter().rev() {
            let highest = entry.highest.min(have);
            if highest > below {
                kept += worth(below + 1..=highest, at.since(entry.since));
            }
            below = entry.highest;
        }
        kept
    }

    /// Assumes that the units present at the first observation were needed until then.
    pub fn assume_needed(&mut self, units: u32) {
        self.busy = self.busy.max(units);
    }

    /// Adjusts to a gap in the observations. Which levels were idle is unknown, so none counts as idle
    /// until it is observed again.
    pub fn forget(&mut self) {
        if let Some(highest) = self.idle.first() {
            self.busy = highest.highest.max(self.busy);
        }
        self.idle.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(s: i64) -> Timestamp {
        Timestamp::from_millis(1_000 * s)
    }

    #[test]
    fn a_gap_is_told_when_its_level_is_busy_again_and_for_each_level_its_own() {
        let mut levels = Levels::default();
        for (at_s, needed) in [(0, 5), (10, 3), (20, 2)] {
            assert_eq!(levels.observe(second(at_s), needed), [], "at {at_s} s");
        }
        let gap = |levels, s| Gap {
            levels,
            idle: Duration::from_secs(s),
        };
        assert_eq!(
            levels.observe(second(50), 4),
            [gap(3..=3, 30), gap(4..=4, 40)]
        );
        assert_eq!(
            levels.observe(second(60), 7),
            [gap(5..=5, 50)],
            "levels 6 and 7 are new"
        );
    }

    #[test]
    fn a_level_is_kept_while_it_is_busy_or_idle_for_less_than_its_time() {
        let mut levels = Levels::default();
        levels.observe(second(0), 5);
        levels.observe(second(10), 3);
        levels.observe(second(20), 1);
        let limit = |level| Duration::from_secs(if level == 2 { 100 } else { 30 });
        let kept = |at_s, have| {
            levels.kept(second(at_s), have, |levels, idle| {
                levels.filter(|level| idle < limit(*level)).count() as u32
            })
        };
        assert_eq!(
            [
                kept(20, 5),
                kept(40, 5),
                kept(50, 5),
                kept(119, 5),
                kept(120, 5)
            ],
            [5, 3, 2, 2, 1]
        );
        assert_eq!([kept(20, 2), kept(20, 9)], [2, 5]);
    }

    #[test]
    fn what_was_not_seen_does_not_count_as_idle() {
        let mut levels = Levels::default();
        levels.observe(second(0), 5);
        levels.observe(second(10), 3);
        levels.forget();
        assert_eq!(levels.kept(second(9_999), 9, |_, _| 0), 5);
        assert_eq!(levels.observe(second(10_000), 2), []);
        assert_eq!(
            levels.kept(second(10_001), 9, |levels, idle| if idle.as_secs() < 60 {
                levels.count() as u32
            } else {
                0
            }),
            5
        );
    }
}
