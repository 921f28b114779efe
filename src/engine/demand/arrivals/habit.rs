//! When applications of one name start, and what they need from then on.
//!
//! They have a habit if they started at the same time on most of the last days, or on this day of most
//! of the last weeks, and that is no chance: an application that comes at any time, often enough, is
//! there at any time of earlier days, too.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

use super::profile::Profile;
use crate::decision::Precedent;
use crate::units::Timestamp;

const DAY_MS: i64 = 86_400_000;
const WEEK_MS: i64 = 7 * DAY_MS;
/// The most days and weeks that count.
const DAYS: i64 = 7;
const WEEKS: i64 = 4;
/// Starts count as at the same time if they are no further apart.
const TOLERANCE_MS: i64 = 600_000;
/// The most starts that are remembered.
const STARTS: usize = 100;
/// The fewest days, and the fewest weeks, on which it must have started.
const FEWEST_DAYS: u32 = 3;
const FEWEST_WEEKS: u32 = 2;
/// It started on at least this share of the days, or weeks.
const SHARE: f64 = 0.6;
/// A day's habit also counts if it started on this share of the weeks.
const SHARE_OF_WEEKS: f64 = 0.5;
/// That it started so often is less likely than this if starts are at random.
const CHANCE: f64 = 0.0005;
/// How often it starts at random is counted within so much of the time of day.
const AROUND_MS: i64 = 3 * 3_600_000;

/// The units of an application, or of several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Units {
    pub held: f64,
    /// Those that are held or waited for.
    pub needed: f64,
}

/// The starts of the applications of one name, the latest last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Habit {
    starts: VecDeque<Start>,
    /// What it got of each unit that it needed, the last time that no room was ready.
    got: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Start {
    at: Timestamp,
    /// The units that it held or waited for from then on.
    needed: Profile,
    /// The most units that it got; `None` if room had been made ready, so that it shows nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    got: Option<f64>,
}

/// A start that is expected, or has happened as expected.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// When it is expected at the earliest.
    pub at: Timestamp,
    /// What it will need.
    pub needed: Profile,
    /// The share of it that it would get without room that is made ready.
    pub got: f64,
    /// So many of the last so many days, weeks or runs showed this.
    pub times: u32,
    pub periods: u32,
    pub precedent: Precedent,
}

/// The starts at the same time of earlier days or weeks.
struct Earlier<'a> {
    periods: u32,
    /// The last period has one.
    is_latest_near: bool,
    /// For each period that has one: the time of the start, moved to now, and the start.
    starts: Vec<(i64, &'a Start)>,
}

impl Habit {
    /// Records what applications which started at this time hold and need together, `age` later.
    pub fn record(&mut self, at: Timestamp, age: Duration, units: Units, is_prepared: bool) {
        if self.start_mut(at).is_none() {
            self.starts.push_back(Start {
                at,
                needed: Profile::default(),
                got: (!is_prepared).then_some(0.0),
            });
        }
        if self.starts.len() > STARTS {
            self.starts.pop_front();
        }
        if let Some(start) = self.start_mut(at) {
            start.needed.record(age, units.needed);
            start.got = start.got.map(|got| got.max(units.held));
            let share = start.got.map(|got| got / start.needed.most());
            self.got = share.filter(|share| share.is_finite()).or(self.got);
        }
    }

    /// The time of the latest start.
    pub fn latest(&self) -> Timestamp {
        let latest = self.starts.back().map(|start| start.at);
        latest.unwrap_or(Timestamp::from_millis(i64::MIN))
    }

    /// The start that is expected within `lead`, or is late.
    pub fn due(&self, now: Timestamp, lead: Duration) -> Option<Due> {
        let (now_ms, lead_ms) = (now.as_millis(), millis(lead));
        // The last day, or the last week, has one.
        let starts = self.starts.iter().map(|start| start.at.as_millis());
        let centers =
            starts.flat_map(|start| [DAY_MS, WEEK_MS].map(|period| start.saturating_add(period)));
        let soon =
            now_ms.saturating_sub(TOLERANCE_MS)..=now_ms.saturating_add(lead_ms + TOLERANCE_MS);
        let near = centers.filter(|center| soon.contains(center));
        let due = near.filter_map(|center| self.due_at(center));
        let due = due.filter(|due| due.at.as_millis() <= now_ms.saturating_add(lead_ms));
        let due = due.filter(|due| !self.has_started(due, now_ms));
        due.max_by_key(|due| (due.times, Reverse(due.at)))
    }

    /// What is expected of applications that started at this time; `None` if that is no habit.
    pub fn since(&self, start: Timestamp) -> Option<Due> {
        self.due_at(start.as_millis())
    }

    /// What applications that started at this time have needed so far.
    pub fn needed_since(&self, start: Timestamp) -> Option<&Profile> {
        let mut starts = self.starts.iter().rev();
        starts.find(|one| one.at == start).map(|one| &one.needed)
    }

    fn start_mut(&mut self, at: Timestamp) -> Option<&mut Start> {
        self.starts.iter_mut().rev().find(|start| start.at == at)
    }

    /// The start that is expected around this time.
    fn due_at(&self, center: i64) -> Option<Due> {
        let days = self.earlier(center, DAY_MS, DAYS);
        let weeks = self.earlier(center, WEEK_MS, WEEKS);
        if self.starts_near(center).count() > 1 {
            return None;
        }
        let chance = self.chance(center);
        let is_habit = |earlier: &Earlier, fewest: u32| {
            let times = earlier.starts.len() as u32;
            let goes_on = earlier.is_latest_near;
            goes_on
                && times >= fewest
                && earlier.share() >= SHARE
                && earlier.likelihood(chance) <= CHANCE
        };
        let knows_weeks = weeks.periods >= FEWEST_WEEKS;
        let is_daily =
            is_habit(&days, FEWEST_DAYS) && (!knows_weeks || weeks.share() >= SHARE_OF_WEEKS);
        if is_daily {
            return Some(self.due_like(&days, Precedent::Days));
        }
        is_habit(&weeks, FEWEST_WEEKS).then(|| self.due_like(&weeks, Precedent::Weeks))
    }

    fn due_like(&self, earlier: &Earlier, precedent: Precedent) -> Due {
        let mut times: Vec<i64> = earlier.starts.iter().map(|(time, _)| *time).collect();
        times.sort_unstable();
        let needed: Vec<&Profile> = earlier.starts.iter().map(|one| &one.1.needed).collect();
        Due {
            at: Timestamp::from_millis(times[(times.len() - 1) / 4]),
            needed: Profile::reached_by(&needed, 0.5),
            got: self.got.unwrap_or(1.0),
            times: earlier.starts.len() as u32,
            periods: earlier.periods,
            precedent,
        }
    }

    /// What happened around this time of up to `most` earlier periods.
    fn earlier(&self, center: i64, period: i64, most: i64) -> Earlier<'_> {
        let first = self.starts.front();
        let first = first.map_or(i64::MAX, |start| start.at.as_millis());
        let known = center.saturating_sub(first).saturating_add(TOLERANCE_MS) / period;
        let periods = known.clamp(0, most);
        let start_in = |ago: i64| {
            let mut near = self.starts_near(center.saturating_sub(ago * period));
            // Of several, it is not known which corresponds to which.
            let only = near.next().filter(|_| near.next().is_none())?;
            Some((only.at.as_millis().saturating_add(ago * period), only))
        };
        Earlier {
            periods: periods as u32,
            is_latest_near: start_in(1).is_some(),
            starts: (1..=periods).filter_map(start_in).collect(),
        }
    }

    /// Whether it has started around the time when it was due.
    fn has_started(&self, due: &Due, now: i64) -> bool {
        let earliest = due.at.as_millis().saturating_sub(2 * TOLERANCE_MS);
        let mut starts = self.starts.iter().rev().map(|start| start.at.as_millis());
        starts.any(|time| (earliest..=now).contains(&time))
    }

    fn starts_near(&self, time: i64) -> impl Iterator<Item = &Start> {
        let starts = self.starts.iter();
        starts
            .filter(move |start| start.at.as_millis().abs_diff(time) <= TOLERANCE_MS.unsigned_abs())
    }

    /// The probability that one starts within the tolerance of this time of a day, if it starts at random
    /// as often as it does around this time of the day.
    fn chance(&self, time: i64) -> f64 {
        let (Some(first), Some(last)) = (self.starts.front(), self.starts.back()) else {
            return 1.0;
        };
        let is_around = |start: &&Start| {
            let apart = start.at.as_millis().saturating_sub(time).rem_euclid(DAY_MS);
            apart.min(DAY_MS - apart) <= AROUND_MS
        };
        let count = self.starts.iter().filter(is_around).count() as f64;
        let days = last.at.since(first.at).as_millis() as f64 / DAY_MS as f64 + 1.0;
        let each_ms = 2.0 * AROUND_MS as f64 * days / count;
        -(-2.0 * TOLERANCE_MS as f64 / each_ms).exp_m1()
    }
}

impl Due {
    /// The share of what it needs that is made ready: what it would get anyway, and no more than the
    /// capacity factor. Above one, that is room for what it does not say.
    pub fn share(&self, capacity_factor: f64) -> f64 {
        (self.got * capacity_factor.max(1.0)).min(capacity_factor)
    }
}

impl Earlier<'_> {
    fn share(&self) -> f64 {
        self.starts.len() as f64 / f64::from(self.periods.max(1))
    }

    /// How likely it is that it started on so many of the periods, if `chance` is the probability for one.
    fn likelihood(&self, chance: f64) -> f64 {
        let times = self.starts.len() as u64;
        let starts = Binomial::new(chance, self.periods.into());
        starts.map_or(1.0, |starts| starts.sf(times.saturating_sub(1)))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
