//! When applications of one name start, and what they need from then on.
//!
//! They have a habit if they started at the same time on most of the last days, or on this day of most
//! of the last weeks, and that is no chance: an application that comes at any time, often enough, is
//! there at any time of earlier days, too.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::profile::Profile;
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
/// The fewest days or weeks on which it must have started.
const FEWEST: u32 = 2;
/// It started on at least this share of the days, or weeks.
const SHARE: f64 = 0.6;
/// A day's habit also counts if it started on this share of the weeks.
const SHARE_OF_WEEKS: f64 = 0.5;
/// That it started so often is less likely than this if starts are at random.
const CHANCE: f64 = 0.005;

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
#[serde(transparent)]
pub struct Habit(VecDeque<Start>);

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
    /// What it got of each unit that it needed, the last time that no room was ready.
    got: f64,
    /// On so many of the last so many days, or weeks, it started at this time.
    pub times: u32,
    pub periods: u32,
    pub weekly: bool,
}

/// The starts at the same time of earlier days or weeks.
struct Earlier<'a> {
    periods: u32,
    /// For each period that has one: the time of the start, moved to now, and the start.
    starts: Vec<(i64, &'a Start)>,
}

impl Habit {
    /// Records what applications which started at this time hold and need together, `age` later.
    pub fn record(&mut self, at: Timestamp, age: Duration, units: Units, is_prepared: bool) {
        if self.start_mut(at).is_none() {
            self.0.push_back(Start {
                at,
                needed: Profile::default(),
                got: (!is_prepared).then_some(0.0),
            });
        }
        if self.0.len() > STARTS {
            self.0.pop_front();
        }
        if let Some(start) = self.start_mut(at) {
            start.needed.record(age, units.needed);
            start.got = start.got.map(|got| got.max(units.held));
        }
    }

    /// The time of the latest start.
    pub fn latest(&self) -> Timestamp {
        let latest = self.0.back().map(|start| start.at);
        latest.unwrap_or(Timestamp::from_millis(i64::MIN))
    }

    /// The start that is expected within `lead`, or is late.
    pub fn due(&self, now: Timestamp, lead: Duration) -> Option<Due> {
        let (now_ms, lead_ms) = (now.as_millis(), millis(lead));
        let centers = self.0.iter().flat_map(|start| {
            let next = |period| next(start.at.as_millis(), period, now_ms - TOLERANCE_MS);
            [next(DAY_MS), next(WEEK_MS)]
        });
        let near = centers.filter(|center| *center <= now_ms + lead_ms + TOLERANCE_MS);
        let due = near.filter_map(|center| self.due_at(center));
        let due = due.filter(|due| due.at.as_millis() <= now_ms + lead_ms);
        let due = due.filter(|due| !self.has_started(due, now_ms));
        due.max_by_key(|due| (due.times, -due.at.as_millis()))
    }

    /// What is expected of applications that started at this time; `None` if that is no habit.
    pub fn since(&self, start: Timestamp) -> Option<Due> {
        self.due_at(start.as_millis())
    }

    /// What applications that started at this time have needed so far.
    pub fn needed_since(&self, start: Timestamp) -> Option<&Profile> {
        let mut starts = self.0.iter().rev();
        starts.find(|one| one.at == start).map(|one| &one.needed)
    }

    fn start_mut(&mut self, at: Timestamp) -> Option<&mut Start> {
        self.0.iter_mut().rev().find(|start| start.at == at)
    }

    /// The start that is expected around this time.
    fn due_at(&self, center: i64) -> Option<Due> {
        let days = self.earlier(center, DAY_MS, DAYS);
        let weeks = self.earlier(center, WEEK_MS, WEEKS);
        let is_habit = |earlier: &Earlier| {
            let times = earlier.starts.len() as u32;
            let is_chance = self.chance().powi(times as i32) > CHANCE;
            times >= FEWEST && earlier.share() >= SHARE && !is_chance
        };
        let knows_weeks = weeks.periods >= FEWEST;
        let is_daily = is_habit(&days) && (!knows_weeks || weeks.share() >= SHARE_OF_WEEKS);
        if is_daily {
            return Some(self.due_like(&days, false));
        }
        is_habit(&weeks).then(|| self.due_like(&weeks, true))
    }

    fn due_like(&self, earlier: &Earlier, weekly: bool) -> Due {
        let mut times: Vec<i64> = earlier.starts.iter().map(|(time, _)| *time).collect();
        times.sort_unstable();
        let needed: Vec<&Profile> = earlier.starts.iter().map(|one| &one.1.needed).collect();
        Due {
            at: Timestamp::from_millis(times[(times.len() - 1) / 4]),
            needed: Profile::usual(&needed),
            got: self.share_got(),
            times: earlier.starts.len() as u32,
            periods: earlier.periods,
            weekly,
        }
    }

    /// What happened around this time of up to `most` earlier periods.
    fn earlier(&self, center: i64, period: i64, most: i64) -> Earlier<'_> {
        let first = self.0.front();
        let first = first.map_or(i64::MAX, |start| start.at.as_millis());
        let known = center.saturating_sub(first).saturating_add(TOLERANCE_MS) / period;
        let periods = known.clamp(0, most);
        let start_in = |ago: i64| {
            let then = center - ago * period;
            let time = |start: &Start| start.at.as_millis();
            let mut starts = self.0.iter();
            let near = starts.find(|start| (time(start) - then).abs() <= TOLERANCE_MS)?;
            Some((time(near) + ago * period, near))
        };
        Earlier {
            periods: periods as u32,
            starts: (1..=periods).filter_map(start_in).collect(),
        }
    }

    /// Whether it has started around the time when it was due.
    fn has_started(&self, due: &Due, now: i64) -> bool {
        let earliest = due.at.as_millis() - 2 * TOLERANCE_MS;
        let mut starts = self.0.iter().rev().map(|start| start.at.as_millis());
        starts.any(|time| (earliest..=now).contains(&time))
    }

    /// The probability that a start is at a given time, if starts are at random.
    fn chance(&self) -> f64 {
        let (Some(first), Some(last)) = (self.0.front(), self.0.back()) else {
            return 1.0;
        };
        let span_ms = last.at.since(first.at).as_millis().max(DAY_MS as u128) as f64;
        let in_window = self.0.len() as f64 / span_ms * (2 * TOLERANCE_MS) as f64;
        -(-in_window).exp_m1()
    }

    /// What it got of each unit that it needed, the last time that no room was ready.
    fn share_got(&self) -> f64 {
        let shares = self.0.iter().rev().filter_map(|start| {
            let share = start.got? / start.needed.most();
            share.is_finite().then_some(share)
        });
        shares.into_iter().next().unwrap_or(1.0)
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
}

/// The first time after `from` that is a whole number of periods after `start`, at least one.
fn next(start: i64, period: i64, from: i64) -> i64 {
    let passed = from.saturating_sub(start).max(0);
    let periods = (passed + period - 1) / period;
    start.saturating_add(periods.max(1).saturating_mul(period))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}
