use jiff::civil::{Date, DateTime, Time};

use super::*;

fn window(from: (i8, i8), to: (i8, i8), days: [bool; 7]) -> ScheduleWindow {
    ScheduleWindow {
        name: "w".into(),
        opening: Opening::Daily {
            days: Days::Recurring {
                of_week: days,
                of_month: None,
            },
            from: Time::constant(from.0, from.1, 0, 0),
            to: Time::constant(to.0, to.1, 0, 0),
        },
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
        ("2026-03-30T06:00:00Z", true),  // Monday, summer time: 08:00
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
    let open = |minute| window.is_open(Timestamp::from_millis(start.as_millis() + 60_000 * minute));
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

/// Whether the clock in the window's time zone reads a time inside the window.
fn reads_inside(window: &ScheduleWindow, instant: Timestamp) -> bool {
    let now = instant
        .to_jiff()
        .to_zoned(window.time_zone.clone())
        .datetime();
    match &window.opening {
        Opening::Once(once) => once.contains(now),
        Opening::Daily { days, from, to } => {
            let opens_on = |day: Date| days.contain(day) && *from <= now.time();
            if from < to {
                opens_on(now.date()) && now.time() < *to
            } else {
                let yesterday = now.date().yesterday().expect("not the first day");
                opens_on(now.date()) || (days.contain(yesterday) && now.time() < *to)
            }
        }
    }
}

const CLOCK_CHANGES: [(&str, &str); 6] = [
    ("Europe/Berlin", "2026-10-24T12:00:00Z"),
    ("Europe/Berlin", "2026-03-28T12:00:00Z"),
    ("America/New_York", "2026-10-31T12:00:00Z"),
    ("Australia/Lord_Howe", "2026-10-03T00:00:00Z"),
    ("Africa/Cairo", "2026-04-23T12:00:00Z"),
    // The clock skips the whole of 2011-12-30.
    ("Pacific/Apia", "2011-12-29T22:00:00Z"),
];
const MINUTES: i64 = 2_880;

#[test]
fn a_window_is_open_whenever_the_clock_reads_a_time_inside_it() {
    for (zone, from) in CLOCK_CHANGES {
        for (open_from, open_to) in [((1, 30), (2, 30)), ((2, 10), (2, 20)), ((23, 30), (2, 15))] {
            let window = in_zone(open_from, open_to, zone);
            for minute in 0..MINUTES {
                let instant = Timestamp::from_millis(at(from).as_millis() + 60_000 * minute);
                assert!(
                    !reads_inside(&window, instant) || window.is_open(instant),
                    "{zone} {open_from:?} {instant}"
                );
            }
        }
    }
}

fn date(text: &str) -> Date {
    text.parse().expect("a date")
}

/// A window that opens on these dates at `from`.
fn on_dates(dates: &[(&str, &str)], from: (i8, i8), to: (i8, i8), zone: &str) -> ScheduleWindow {
    let ranges = dates
        .iter()
        .map(|(first, last)| DateRange::new(date(first), date(last)).expect("first <= last"));
    ScheduleWindow {
        opening: Opening::Daily {
            days: Days::Dates(ranges.collect()),
            from: Time::constant(from.0, from.1, 0, 0),
            to: Time::constant(to.0, to.1, 0, 0),
        },
        ..in_zone(from, to, zone)
    }
}

fn on_days_of_month(numbers: &[i8], last: bool, of_week: [bool; 7]) -> ScheduleWindow {
    let of_month = DaysOfMonth {
        numbers: numbers.iter().copied().collect(),
        last,
    };
    ScheduleWindow {
        opening: Opening::Daily {
            days: Days::Recurring {
                of_week,
                of_month: Some(of_month),
            },
            from: Time::midnight(),
            to: Time::midnight(),
        },
        ..in_zone((0, 0), (0, 0), "UTC")
    }
}

fn once(start: &str, end: &str, zone: &str) -> ScheduleWindow {
    let time = |text: &str| -> DateTime { text.parse().expect("a local time") };
    ScheduleWindow {
        opening: Opening::Once(OneTime::new(time(start), time(end)).expect("start < end")),
        ..in_zone((0, 0), (0, 0), zone)
    }
}

#[test]
fn dates_without_a_pause_open_and_close_once() {
    // Berlin is an hour ahead of UTC in winter.
    let holidays = on_dates(
        &[("2026-12-24", "2026-12-26")],
        (0, 0),
        (0, 0),
        "Europe/Berlin",
    );
    let hours = |hours: i64| 60 * hours;
    assert_eq!(
        changes(&holidays, "2026-12-20T23:00:00Z", hours(24 * 14)),
        [hours(24 * 3), hours(24 * 6)]
    );
    let nights = on_dates(&[("2026-12-24", "2026-12-25")], (22, 0), (6, 0), "UTC");
    assert_eq!(
        changes(&nights, "2026-12-24T00:00:00Z", hours(24 * 4)),
        [hours(22), hours(30), hours(46), hours(54)],
        "the night after the last date ends on the next day"
    );
}

#[test]
fn the_last_day_of_the_month_is_found_in_each_month() {
    let last = on_days_of_month(&[], true, [true; 7]);
    for (day, open) in [
        ("2026-02-27T12:00:00Z", false),
        ("2026-02-28T12:00:00Z", true),
        ("2028-02-28T12:00:00Z", false),
        ("2028-02-29T12:00:00Z", true),
        ("2026-04-30T12:00:00Z", true),
        ("2026-05-30T12:00:00Z", false),
        ("2026-05-31T12:00:00Z", true),
        ("2026-12-31T23:59:00Z", true),
        ("2027-01-01T00:00:00Z", false),
    ] {
        assert_eq!(last.is_open(at(day)), open, "{day}");
    }
}

#[test]
fn a_day_that_a_month_does_not_have_is_left_out() {
    let thirtieth = on_days_of_month(&[30], false, [true; 7]);
    assert!(thirtieth.is_open(at("2026-01-30T12:00:00Z")));
    for day in [
        "2026-02-28T12:00:00Z",
        "2026-03-01T12:00:00Z",
        "2026-03-02T12:00:00Z",
    ] {
        assert!(!thirtieth.is_open(at(day)), "{day}");
    }
}

#[test]
fn days_of_the_week_and_of_the_month_together_are_the_days_that_are_both() {
    let monday = [true, false, false, false, false, false, false];
    let first_monday = on_days_of_month(&[1, 2, 3, 4, 5, 6, 7], false, monday);
    for (day, open) in [
        ("2026-11-02T12:00:00Z", true),
        ("2026-11-09T12:00:00Z", false),
        ("2026-11-03T12:00:00Z", false),
        ("2026-12-07T12:00:00Z", true),
    ] {
        assert_eq!(first_monday.is_open(at(day)), open, "{day}");
    }
}

#[test]
fn a_window_that_opens_once_stays_open_over_several_days() {
    let migration = once("2026-11-07T20:00", "2026-11-09T06:00", "Europe/Berlin");
    let day = 24 * 60;
    assert_eq!(
        changes(&migration, "2026-11-06T19:00:00Z", 10 * day),
        [day, 2 * day + 10 * 60]
    );
    assert_eq!(
        migration.closes_after(at("2026-11-08T12:00:00Z")),
        Some(at("2026-11-09T05:00:00Z"))
    );
    assert_eq!(
        migration.closes_for_ever(),
        Some(at("2026-11-09T05:00:00Z"))
    );
    assert_eq!(
        migration.closes_after(at("2026-11-09T05:00:00Z")),
        None,
        "it is closed"
    );
}

#[test]
fn dated_windows_open_and_close_once_around_every_change_of_the_clock() {
    for (zone, from) in CLOCK_CHANGES {
        let time_zone = TimeZone::get(zone).expect("bundled");
        let begin = at(from);
        let local = |minutes: i64| {
            let instant = Timestamp::from_millis(begin.as_millis() + 60_000 * minutes);
            instant.to_jiff().to_zoned(time_zone.clone()).datetime()
        };
        let (first, last) = (local(0).date(), local(MINUTES).date());
        // The clocks change in the night.
        for half_hour in 0..12 {
            let time = Time::constant(22, 0, 0, 0);
            let time = time.wrapping_add(jiff::Span::new().minutes(30 * half_hour));
            for length in [10, 70, 600] {
                let end = time.wrapping_add(jiff::Span::new().minutes(length));
                let dates = DateRange::new(first, last).expect("in order");
                for day in dates.days() {
                    let start = day.to_datetime(time);
                    let to_day = if time < end {
                        day
                    } else {
                        day.tomorrow().expect("a next day")
                    };
                    let openings = [
                        Opening::Daily {
                            days: Days::Dates(vec![DateRange::single(day)]),
                            from: time,
                            to: end,
                        },
                        Opening::Once(
                            OneTime::new(start, to_day.to_datetime(end)).expect("in order"),
                        ),
                    ];
                    for opening in openings {
                        let window = ScheduleWindow {
                            opening,
                            ..in_zone((0, 0), (0, 0), zone)
                        };
                        opens_once(&window, begin - DAY, 5 * 24 * 60);
                    }
                }
            }
        }
    }
}

const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Fails unless the window opens and closes once within these minutes, and is open whenever the clock
/// reads a time inside it.
fn opens_once(window: &ScheduleWindow, begin: Timestamp, minutes: i64) {
    let mut edges = 0;
    let mut was_open = false;
    for minute in (0..minutes).step_by(10) {
        let instant = Timestamp::from_millis(begin.as_millis() + 60_000 * minute);
        let is_open = window.is_open(instant);
        assert!(
            is_open || !reads_inside(window, instant),
            "closed at {instant}: {window:?}"
        );
        edges += i32::from(is_open != was_open);
        was_open = is_open;
    }
    assert_eq!(edges, 2, "{window:?}");
}
