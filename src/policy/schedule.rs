//! Windows of time, each in its own time zone, in which other limits apply or a direction is frozen.

mod opening;

use jiff::tz::TimeZone;

use crate::observation::Direction;
use crate::policy::limits::Limits;
use crate::units::Timestamp;
pub use opening::{DateRange, Days, DaysOfMonth, OneTime, Opening, Span};

/// How many openings without a pause between them are followed to find when a window closes.
const MOST_JOINED: usize = 400;

/// A window, and what it changes while it is open.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleWindow {
    /// Shown as the reason while the window freezes a direction.
    pub name: std::sync::Arc<str>,
    /// When it is open, in local time.
    pub opening: Opening,
    /// The time zone of `opening`, with its daylight saving time.
    pub time_zone: TimeZone,
    /// Replaces the target's limits while the window is open.
    pub limits: Option<Limits>,
    /// The directions in which nothing is resized while the window is open.
    pub freeze: Option<Freeze>,
}

/// What a window forbids.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Freeze {
    /// No scale-out.
    Out,
    /// No scale-in.
    In,
    /// No resize at all.
    Both,
}

impl Freeze {
    /// Whether a resize in this direction is frozen.
    pub fn forbids(self, direction: Direction) -> bool {
        match self {
            Self::Out => direction == Direction::Out,
            Self::In => direction == Direction::In,
            Self::Both => true,
        }
    }
}

impl ScheduleWindow {
    /// Whether the window is open at this instant, in its own time zone. It opens and closes once on
    /// each of its days, whatever the clock does on that day.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.span_at(now).is_some()
    }

    /// When the window closes that is open at this instant, and does not open again at once. `None`
    /// if it is closed, or open for more than a year.
    pub fn closes_after(&self, now: Timestamp) -> Option<Timestamp> {
        let mut closes = self.span_at(now)?.closes;
        for _ in 0..MOST_JOINED {
            match self.span_at(closes) {
                Some(next) => closes = next.closes,
                None => return Some(closes),
            }
        }
        None
    }

    /// When the window closes for the last time; `None` if it opens again and again.
    pub fn closes_for_ever(&self) -> Option<Timestamp> {
        let last = self.opening.last_date()?;
        self.spans(DateRange::single(last))
            .map(|span| span.closes)
            .next()
    }

    /// From when to when the window is open, for each opening on one of these days, in order.
    pub fn spans(&self, days: DateRange) -> impl Iterator<Item = Span> + '_ {
        days.days()
            .filter_map(|day| self.opening.span(day, &self.time_zone))
    }

    /// From when to when the window is open, for each opening that is at least in part between two
    /// instants, in order.
    pub fn spans_during(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Span> + '_ {
        let date = |at: Timestamp| at.to_jiff().to_zoned(self.time_zone.clone()).date();
        let days = self.opening.days_that_reach(date(from), date(to));
        self.spans(days)
            .filter(move |span| span.opens < to && from < span.closes)
    }

    /// The opening that this instant is in.
    fn span_at(&self, now: Timestamp) -> Option<Span> {
        let today = now.to_jiff().to_zoned(self.time_zone.clone()).date();
        self.spans(self.opening.days_that_reach(today, today))
            .find(|span| span.opens <= now && now < span.closes)
    }
}

#[cfg(test)]
mod tests;
