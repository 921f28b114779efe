//! Windows of the week, each in its own time zone, in which other limits apply or a direction is
//! frozen.

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;

use crate::observation::Direction;
use crate::policy::limits::Limits;
use crate::units::Timestamp;

/// A window that opens on the given days from `from` to `to`; past midnight when `to` is not later
/// than `from`.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleWindow {
    /// Shown as the reason while the window freezes a direction.
    pub name: std::sync::Arc<str>,
    /// Monday first: the days on which the window opens.
    pub days: [bool; 7],
    /// The local time at which it opens, included.
    pub from: Time,
    /// The local time at which it closes, excluded.
    pub to: Time,
    /// The time zone of `days`, `from` and `to`, with its daylight saving time.
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
    /// Whether the window is open at this instant, in its own time zone.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let local = now.to_jiff().to_zoned(self.time_zone.clone());
        let (day, time) = (local.weekday(), local.time());
        let opens_on =
            |day: Weekday| self.days[usize::from(day.to_monday_zero_offset().unsigned_abs())];
        if self.from < self.to {
            opens_on(day) && self.from <= time && time < self.to
        } else {
            (opens_on(day) && self.from <= time) || (opens_on(day.previous()) && time < self.to)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: (i8, i8), to: (i8, i8), days: [bool; 7]) -> ScheduleWindow {
        ScheduleWindow {
            name: "w".into(),
            days,
            from: Time::constant(from.0, from.1, 0, 0),
            to: Time::constant(to.0, to.1, 0, 0),
            time_zone: TimeZone::get("Europe/Berlin").expect("bundled"),
            limits: None,
            freeze: None,
        }
    }

    fn at(text: &str) -> Timestamp {
        serde_json::from_str(&format!("\"{text}\"")).expect("a timestamp")
    }

    const WEEKDAYS: [bool; 7] = [true, true, true, true, true, false, false];

    #[test]
    fn a_window_follows_local_time_through_the_change_to_summer_time() {
        let office = window((8, 0), (18, 0), WEEKDAYS);
        for (instant, open) in [
            ("2026-03-27T06:59:59Z", false), // Friday, still winter time: 07:59:59
            ("2026-03-27T07:00:00Z", true),
            ("2026-03-27T17:00:00Z", false),
            ("2026-03-30T05:59:59Z", false),
            ("2026-03-30T06:00:00Z", true), // Monday, summer time: 08:00
            ("2026-03-28T10:00:00Z", false), // Saturday
        ] {
            assert_eq!(office.is_open(at(instant)), open, "{instant}");
        }
    }

    #[test]
    fn a_window_past_midnight_belongs_to_the_day_on_which_it_opens() {
        let night = window((22, 0), (6, 0), WEEKDAYS);
        assert!(
            night.is_open(at("2026-03-28T03:00:00Z")),
            "Saturday 04:00 belongs to Friday's window"
        );
        assert!(
            !night.is_open(at("2026-03-28T22:00:00Z")),
            "Saturday 23:00 opens none"
        );
        assert!(
            !night.is_open(at("2026-03-29T22:30:00Z")),
            "Monday 00:30 belongs to Sunday, which opens none"
        );
    }
}
