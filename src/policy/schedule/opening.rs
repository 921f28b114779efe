//! When a window is open, in local time, and the instants at which that is in a time zone.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::units::Timestamp;

/// When a window is open, in the local time of its time zone.
#[derive(Clone, Debug, PartialEq)]
pub enum Opening {
    /// On each of these days, from `from` to `to`; past midnight when `to` is not later than `from`.
    Daily {
        /// The days on which the window opens.
        days: Days,
        /// When it opens, included.
        from: Time,
        /// When it closes, excluded.
        to: Time,
    },
    /// Once, possibly over several days.
    Once(OneTime),
}

/// The days on which a window opens.
#[derive(Clone, Debug, PartialEq)]
pub enum Days {
    /// Again and again: the days that are both.
    Recurring {
        /// Monday first.
        of_week: [bool; 7],
        /// `None` for every day of the month.
        of_month: Option<DaysOfMonth>,
    },
    /// On these dates only.
    Dates(Vec<DateRange>),
}

/// Days of each month. A month that has no such day is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaysOfMonth {
    /// From 1 to 31.
    pub numbers: BTreeSet<i8>,
    /// Also the last day, whatever its number.
    pub last: bool,
}

/// Consecutive dates, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateRange {
    first: Date,
    last: Date,
}

/// A stretch of local time, over any number of days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneTime {
    start: DateTime,
    end: DateTime,
}

/// From when to when a window is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant at which it is open.
    pub opens: Timestamp,
    /// The first instant at which it is closed again; later than `opens`.
    pub closes: Timestamp,
    /// Whether it lasts as long as the clock shows: no change of the clock is inside or moves an end.
    pub has_usual_length: bool,
}

impl DaysOfMonth {
    fn contains(&self, day: Date) -> bool {
        self.numbers.contains(&day.day()) || (self.last && day == day.last_of_month())
    }
}

impl DateRange {
    /// `None` when `last` is before `first`.
    pub fn new(first: Date, last: Date) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// One date.
    pub fn single(date: Date) -> Self {
        Self {
            first: date,
            last: date,
        }
    }

    /// Each of the dates.
    pub fn days(self) -> impl Iterator<Item = Date> {
        std::iter::successors(Some(self.first), |day| day.tomorrow().ok())
            .take_while(move |day| *day <= self.last)
    }

    fn contains(self, day: Date) -> bool {
        self.first <= day && day <= self.last
    }
}

impl OneTime {
    /// `None` when `end` is not after `start`.
    pub fn new(start: DateTime, end: DateTime) -> Option<Self> {
        (start < end).then_some(Self { start, end })
    }

    #[cfg(test)]
    pub(super) fn contains(self, time: DateTime) -> bool {
        self.start <= time && time < self.end
    }
}

impl Opening {
    /// Every date on which it opens; `None` if it opens again and again.
    pub fn date_ranges(&self) -> Option<Vec<DateRange>> {
        match self {
            Self::Daily {
                days: Days::Recurring { .. },
                ..
            } => None,
            Self::Daily {
                days: Days::Dates(dates),
                ..
            } => Some(dates.clone()),
            Self::Once(OneTime { start, .. }) => Some(vec![DateRange::single(start.date())]),
        }
    }

    /// The last date on which it opens; `None` if it opens again and again.
    pub(super) fn last_date(&self) -> Option<Date> {
        self.date_ranges()?
            .into_iter()
            .map(|range| range.last)
            .max()
    }

    /// The days on which an opening may begin that reaches into the days from `first` to `last`. A
    /// window of yesterday may reach into today past midnight, or because a skipped time moved it.
    pub(super) fn days_that_reach(&self, first: Date, last: Date) -> DateRange {
        match self {
            Self::Daily { .. } => DateRange {
                first: first.yesterday().unwrap_or(first),
                last,
            },
            Self::Once(OneTime { start, .. }) => DateRange::single(start.date()),
        }
    }

    /// From when to when the window is open that opens on this day; `None` if none does, and at the
    /// end of the calendar.
    pub(super) fn span(&self, day: Date, time_zone: &TimeZone) -> Option<Span> {
        match self {
            Self::Daily { days, from, to } => {
                let last_day = if from < to { day } else { day.tomorrow().ok()? };
                let opens = days.contain(day);
                opens.then(|| {
                    between(day.to_datetime(*from), last_day.to_datetime(*to), time_zone)
                })?
            }
            Self::Once(OneTime { start, end }) => {
                let opens = start.date() == day;
                opens.then(|| between(*start, *end, time_zone))?
            }
        }
    }
}

impl Days {
    pub(super) fn contain(&self, day: Date) -> bool {
        match self {
            Self::Recurring { of_week, of_month } => {
                let weekday = day.weekday().to_monday_zero_offset().unsigned_abs();
                of_week[usize::from(weekday)]
                    && of_month
                        .as_ref()
                        .is_none_or(|of_month| of_month.contains(day))
            }
            Self::Dates(ranges) => ranges.iter().any(|range| range.contains(day)),
        }
    }
}

/// The instants from one local time to another.
///
/// A time that the clock shows twice opens the window when it is shown first, and closes it when it
/// is shown last. A time that the clock skips opens or closes the window when the clock is changed. A
/// window of which every minute is skipped is open for as long as on other days, later by what was
/// skipped. So the window is open whenever the clock reads a time inside it.
fn between(from: DateTime, to: DateTime, time_zone: &TimeZone) -> Option<Span> {
    let usual_length = from.duration_until(to);
    let (mut opens, mut closes) = (first(from, time_zone)?, last(to, time_zone)?);
    if opens >= closes {
        opens = time_zone.to_timestamp(from).ok()?;
        closes = opens.checked_add(usual_length).ok()?;
    }
    Some(Span {
        opens: Timestamp::from_millis(opens.as_millisecond()),
        closes: Timestamp::from_millis(closes.as_millisecond()),
        has_usual_length: opens.duration_until(closes) == usual_length,
    })
}

/// The first instant at which the clock shows this time or a later one.
fn first(time: DateTime, time_zone: &TimeZone) -> Option<jiff::Timestamp> {
    let ambiguous = time_zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => change_after(ambiguous.earlier().ok()?, time_zone),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
            ambiguous.earlier().ok()
        }
    }
}

/// The last instant at which the clock shows this time, or first shows a later one.
fn last(time: DateTime, time_zone: &TimeZone) -> Option<jiff::Timestamp> {
    let ambiguous = time_zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        AmbiguousOffset::Gap { .. } => change_after(ambiguous.earlier().ok()?, time_zone),
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
            ambiguous.later().ok()
        }
    }
}

/// When the clock is first changed after this instant.
fn change_after(instant: jiff::Timestamp, time_zone: &TimeZone) -> Option<jiff::Timestamp> {
    let change = time_zone.following(instant).next()?;
    Some(change.timestamp())
}
