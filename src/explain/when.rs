//! The time that a user asks about.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;

use crate::units::Timestamp;

/// An instant, or a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// An instant.
    Instant(Timestamp),
    /// The last occurrence of a time of day (UTC) within the recording.
    TimeOfDay(Time),
}

impl FromStr for When {
    type Err = String;

    /// Parses `2026-11-20T14:05:00Z`, `2026-11-20 14:05` or `14:05`, in UTC unless there is an
    /// offset.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let millis = |instant: jiff::Timestamp| {
            Self::Instant(Timestamp::from_millis(instant.as_millisecond()))
        };
        if let Ok(instant) = text.parse::<jiff::Timestamp>() {
            return Ok(millis(instant));
        }
        // A time of day is tried last, because it also parses from a date with a time.
        if let Some(civil) = text
            .parse::<DateTime>()
            .ok()
            .and_then(|civil| civil.to_zoned(TimeZone::UTC).ok())
        {
            return Ok(millis(civil.timestamp()));
        }
        text.parse::<Time>()
            .map(Self::TimeOfDay)
            .map_err(|_| "not a time; write `14:05`, `2026-11-20 14:05` (both UTC) or an instant such as `2026-11-20T14:05:00Z`".to_owned())
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(at) => at.fmt(f),
            Self::TimeOfDay(time) => write!(f, "{time} UTC"),
        }
    }
}

/// Picks the last of the offered things that is not later than the requested time. Things are
/// offered in order of time.
pub(super) struct Choice<T> {
    when: When,
    last: Option<(Timestamp, T)>,
    best: Option<T>,
}

impl<T> Choice<T> {
    pub fn new(when: When) -> Self {
        Self {
            when,
            last: None,
            best: None,
        }
    }

    pub fn offer(&mut self, at: Timestamp, thing: T) {
        match self.when {
            When::Instant(wanted) if at <= wanted => self.last = Some((at, thing)),
            When::Instant(_) => {}
            When::TimeOfDay(time) => {
                let wanted = latest(time, at);
                if wanted == at {
                    (self.best, self.last) = (Some(thing), None);
                    return;
                }
                if let Some((_, before)) = self
                    .last
                    .replace((at, thing))
                    .filter(|(last, _)| *last < wanted)
                {
                    self.best = Some(before);
                }
            }
        }
    }

    /// The choice. If the recording ends before the time of day is reached, its last thing.
    pub fn made(self) -> Option<T> {
        self.best.or(self.last.map(|(_, thing)| thing))
    }
}

/// The last instant with this time of day that is not later than `at`.
fn latest(time: Time, at: Timestamp) -> Timestamp {
    let civil = TimeZone::UTC.to_datetime(at.to_jiff());
    let date = if civil.time() >= time {
        civil.date()
    } else {
        civil.date().yesterday().unwrap_or(civil.date())
    };
    let instant = date.to_datetime(time).to_zoned(TimeZone::UTC);
    instant.map_or(at, |instant| {
        Timestamp::from_millis(instant.timestamp().as_millisecond())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        serde_json::from_str(&format!("\"{text}\"")).expect("a timestamp")
    }

    #[test]
    fn a_time_is_read_in_three_forms() {
        for (text, expected) in [
            (
                "2026-11-20T14:05:00Z",
                When::Instant(at("2026-11-20T14:05:00Z")),
            ),
            (
                "2026-11-20T14:05:00+01:00",
                When::Instant(at("2026-11-20T13:05:00Z")),
            ),
            (
                "2026-11-20 14:05",
                When::Instant(at("2026-11-20T14:05:00Z")),
            ),
            (
                "2026-11-20 14:05:30",
                When::Instant(at("2026-11-20T14:05:30Z")),
            ),
            ("14:05", When::TimeOfDay(Time::constant(14, 5, 0, 0))),
            ("14:05:30", When::TimeOfDay(Time::constant(14, 5, 30, 0))),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "now", "25:00", "2026-13-01 10:00", "14.05"] {
            assert!(text.parse::<When>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_last_thing_before_the_wanted_time_is_picked() {
        let ticks = [
            "2026-11-19T13:00:00Z",
            "2026-11-19T15:00:00Z",
            "2026-11-20T14:04:30Z",
            "2026-11-20T14:05:30Z",
            "2026-11-20T23:00:00Z",
        ];
        for (wanted, expected) in [
            ("14:05", Some(2)),
            ("14:05:30", Some(3)),
            ("14:06", Some(3)),
            ("15:00", Some(3)),
            ("14:00", Some(1)), // the last one of the day before
            ("23:30", Some(1)), // not reached on the last day
            ("2026-11-19 14:59", Some(0)),
            ("2026-12-01 00:00", Some(4)),
            ("2026-11-19 12:59", None),
        ] {
            let mut choice = Choice::new(wanted.parse().expect("a time"));
            ticks
                .iter()
                .enumerate()
                .for_each(|(k, tick)| choice.offer(at(tick), k));
            assert_eq!(choice.made(), expected, "{wanted}");
        }
        let mut short = Choice::new("14:05".parse().expect("a time"));
        short.offer(at("2026-11-19T08:00:00Z"), 0);
        short.offer(at("2026-11-19T09:00:00Z"), 1);
        assert_eq!(short.made(), Some(1), "the end of the recording is nearest");
    }
}
