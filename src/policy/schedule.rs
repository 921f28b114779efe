//! Windows of the week, each in its own time zone, in which other limits apply or a direction is
//! frozen.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

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
    /// Whether the window is open at this instant, in its own time zone. It opens and closes once on
    /// each of its days, whatever the clock does on that day.
    pub fn is_open(&self, now: Timestamp) -> bool {
        let instant = now.to_jiff();
        let today = instant.to_zoned(self.time_zone.clone()).date();
        // A window of yesterday may reach into today: past midnight, or because a skipped time moved it.
        [Some(today), today.yesterday().ok()]
            .into_iter()
            .flatten()
            .filter(|day| self.opens_on(*day))
            .filter_map(|day| self.span(day))
            .any(|(opens, closes)| opens <= instant && instant < closes)
    }

    fn opens_on(&self, day: Date) -> bool {
        self.days[usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())]
    }

    /// From when to when the window of this day is open; `None` at the end of the calendar.
    ///
    /// A time that the clock shows twice opens the window when it is shown first, and closes it when
    /// it is shown last. A time that the clock skips opens or closes the window when the clock is
    /// changed. A window of which every minute is skipped is open for as long as on other days,
    /// later by what was skipped. So the window is open whenever the clock reads a time inside it.
    fn span(&self, day: Date) -> Option<(jiff::Timestamp, jiff::Timestamp)> {
        let last_day = if self.from < self.to {
            day
        } else {
            day.tomorrow().ok()?
        };
        let (from, to) = (day.to_datetime(self.from), last_day.to_datetime(self.to));
        let (opens, closes) = (self.first(from)?, self.last(to)?);
        if opens < closes {
            return Some((opens, closes));
        }
        let opens = self.time_zone.to_timestamp(from).ok()?;
        let usual_length = from.duration_until(to);
        Some((opens, opens.checked_add(usual_length).ok()?))
    }

    /// The first instant at which the clock shows this time or a later one.
    fn first(&self, time: DateTime) -> Option<jiff::Timestamp> {
        let ambiguous = self.time_zone.to_ambiguous_timestamp(time);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => self.change_after(ambiguous.earlier().ok()?),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok()
            }
        }
    }

    /// The last instant at which the clock shows this time, or first shows a later one.
    fn last(&self, time: DateTime) -> Option<jiff::Timestamp> {
        let ambiguous = self.time_zone.to_ambiguous_timestamp(time);
        match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => self.change_after(ambiguous.earlier().ok()?),
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.later().ok()
            }
        }
    }

    /// When the clock is first changed after this instant.
    fn change_after(&self, instant: jiff::Timestamp) -> Option<jiff::Timestamp> {
        let change = self.time_zone.following(instant).next()?;
        Some(change.timestamp())
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

    /// The instants at which `window` opens and closes between two instants, in minutes after `from`.
    fn changes(window: &ScheduleWindow, from: &str, minutes: i64) -> Vec<i64> {
        let start = at(from);
        let open =
            |minute| window.is_open(Timestamp::from_millis(start.as_millis() + 60_000 * minute));
        (1..=minutes)
            .filter(|minute| open(*minute) != open(minute - 1))
            .collect()
    }

    fn in_zone(from: (i8, i8), to: (i8, i8), zone: &str) -> ScheduleWindow {
        ScheduleWindow {
            time_zone: TimeZone::get(zone).expect("bundled"),
            ..window(from, to, [true; 7])
        }
    }

    #[test]
    fn a_window_opens_and_closes_once_in_the_hour_that_comes_twice() {
        // In Berlin 02:00 to 03:00 comes twice on 2026-10-25, at 00:00Z and at 01:00Z; in New York
        // 01:00 to 02:00 on 2026-11-01, at 05:00Z and at 06:00Z; on Lord Howe Island half an hour.
        for (window, midnight, expected) in [
            (
                in_zone((2, 30), (6, 0), "Europe/Berlin"),
                "2026-10-25T00:00:00Z",
                [30, 300],
            ),
            (
                in_zone((1, 0), (2, 30), "Europe/Berlin"),
                "2026-10-24T22:00:00Z",
                [60, 210],
            ),
            (
                in_zone((2, 15), (2, 45), "Europe/Berlin"),
                "2026-10-25T00:00:00Z",
                [15, 105],
            ),
            (
                in_zone((1, 30), (2, 30), "America/New_York"),
                "2026-11-01T05:00:00Z",
                [30, 150],
            ),
            (
                in_zone((22, 0), (1, 30), "America/New_York"),
                "2026-11-01T01:00:00Z",
                [60, 330],
            ),
            (
                in_zone((1, 40), (3, 0), "Australia/Lord_Howe"),
                "2026-04-04T14:00:00Z",
                [40, 150],
            ),
        ] {
            assert_eq!(changes(&window, midnight, 600), expected, "{window:?}");
        }
    }

    #[test]
    fn a_window_opens_and_closes_once_around_the_hour_that_is_skipped() {
        // In Berlin 02:00 to 03:00 is skipped on 2026-03-29, at 01:00Z; in New York on 2026-03-08, at
        // 07:00Z; on Lord Howe Island half an hour; in Cairo the day of 2026-04-24 begins at 01:00.
        for (window, midnight, expected) in [
            (
                in_zone((2, 0), (6, 0), "Europe/Berlin"),
                "2026-03-28T23:00:00Z",
                [120, 300],
            ),
            (
                in_zone((2, 0), (6, 0), "America/New_York"),
                "2026-03-08T04:00:00Z",
                [180, 360],
            ),
            (
                in_zone((2, 0), (4, 0), "Australia/Lord_Howe"),
                "2026-10-03T13:30:00Z",
                [120, 210],
            ),
            (
                in_zone((2, 30), (3, 0), "Europe/Berlin"),
                "2026-03-28T23:00:00Z",
                [150, 180],
            ),
            (
                in_zone((2, 0), (3, 0), "Europe/Berlin"),
                "2026-03-28T23:00:00Z",
                [120, 180],
            ),
            (
                in_zone((0, 0), (1, 0), "Africa/Cairo"),
                "2026-04-23T21:30:00Z",
                [30, 90],
            ),
            (
                in_zone((2, 30), (6, 0), "Europe/Berlin"),
                "2026-03-28T23:00:00Z",
                [120, 300],
            ),
            (
                in_zone((1, 0), (2, 30), "Europe/Berlin"),
                "2026-03-28T23:00:00Z",
                [60, 120],
            ),
            (
                in_zone((2, 15), (2, 45), "Europe/Berlin"),
                "2026-03-28T23:00:00Z",
                [135, 165],
            ),
            (
                in_zone((0, 0), (5, 0), "Africa/Cairo"),
                "2026-04-23T21:30:00Z",
                [30, 270],
            ),
        ] {
            assert_eq!(changes(&window, midnight, 600), expected, "{window:?}");
        }
    }

    #[test]
    fn a_window_is_open_whenever_the_clock_reads_a_time_inside_it() {
        for (zone, from) in [
            ("Europe/Berlin", "2026-10-24T12:00:00Z"),
            ("Europe/Berlin", "2026-03-28T12:00:00Z"),
            ("America/New_York", "2026-10-31T12:00:00Z"),
            ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
        ] {
            for (open_from, open_to) in
                [((1, 30), (2, 30)), ((2, 10), (2, 20)), ((23, 30), (2, 15))]
            {
                let window = in_zone(open_from, open_to, zone);
                for minute in 0..2_880 {
                    let instant = Timestamp::from_millis(at(from).as_millis() + 60_000 * minute);
                    let time = instant.to_jiff().to_zoned(window.time_zone.clone()).time();
                    let reads_inside = if window.from < window.to {
                        window.from <= time && time < window.to
                    } else {
                        window.from <= time || time < window.to
                    };
                    assert!(
                        !reads_inside || window.is_open(instant),
                        "{zone} {open_from:?} {instant}"
                    );
                }
            }
        }
    }
}
