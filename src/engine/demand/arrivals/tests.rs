//! Applications that come back.

use super::*;
use crate::decision::Precedent;
use crate::policy::demand::PerformanceIndex;

const MINUTE: i64 = 60_000;
const DAY: i64 = 1_440 * MINUTE;
const DELAY: Duration = Duration::from_secs(400);

fn at(ms: i64) -> Timestamp {
    // A Monday.
    Timestamp::from_millis(1_772_409_600_000 + ms)
}

/// The preference at an index where as much is made ready as is needed.
fn preference() -> Preference {
    let index = PerformanceIndex::new(61).expect("a valid index");
    let preference = Preference::of(index, DELAY);
    Preference {
        capacity_factor: 1.0,
        ..preference
    }
}

/// What is expected at `now`, in minutes from the beginning, if applications named `etl` ran at these
/// times, each for half an hour, with 12 units for ten minutes and then 3. A reading each minute.
fn expected_after(starts: &[i64], now: i64) -> Expected {
    let mut arrivals = Arrivals::default();
    let mut expected = Expected::default();
    for minute in 0..=now {
        let running = starts.iter().filter_map(|start| {
            let age = minute - start;
            (0..30).contains(&age).then(|| {
                let id: Arc<str> = format!("application_1_{start}").into();
                (id, if age < 10 { 12.0 } else { 3.0 })
            })
        });
        let running: Vec<(Arc<str>, f64)> = running.collect();
        let seen: Vec<Seen> = running
            .iter()
            .map(|(id, units)| Seen {
                id,
                name: "etl 2026-03-02",
                held: *units,
                needed: *units,
                is_known: true,
            })
            .collect();
        let now = at(minute * MINUTE);
        arrivals.observe(&seen, None, now);
        let allocated = running.iter().map(|(_, units)| units).sum();
        expected = arrivals.expect(None, now, DELAY, preference(), allocated);
    }
    expected
}

/// Units that are made ready at `now`, beyond what runs.
fn ready(starts: &[i64], now: i64) -> f64 {
    let expected = expected_after(starts, now);
    expected.starts.iter().map(|one| one.units).sum()
}

const fn daily<const N: usize>(days: [i64; N]) -> [i64; N] {
    let mut starts = days;
    let mut number = 0;
    while number < N {
        starts[number] = days[number] * 1_440 + 60;
        number += 1;
    }
    starts
}

#[test]
fn room_is_ready_one_provisioning_time_ahead_of_what_came_on_earlier_days() {
    let starts = daily([0, 1, 2]);
    let due = 3 * 1_440 + 60;
    assert_eq!(ready(&starts, due - 8), 0.0);
    assert_eq!(ready(&starts, due - 6), 12.0);
    assert_eq!(ready(&starts, due), 12.0);
    let expected = expected_after(&starts, due).starts;
    assert_eq!(expected[0].name, "etl #-#-#");
    assert_eq!(expected[0].at, at(due * MINUTE));
    let habit = (
        expected[0].times,
        expected[0].periods,
        expected[0].precedent,
    );
    assert_eq!(habit, (3, 3, Precedent::Days));
}

#[test]
fn what_is_late_is_waited_for_ten_minutes() {
    let starts = daily([0, 1, 2]);
    let due = 3 * 1_440 + 60;
    assert_eq!(ready(&starts, due + 10), 12.0);
    assert_eq!(ready(&starts, due + 11), 0.0);
}

#[test]
fn what_has_come_is_given_what_it_needed_before_and_nothing_beyond() {
    let starts = daily([0, 1, 2, 3]);
    let due = 3 * 1_440 + 60;
    // It has all that it needs, and needs less soon.
    assert_eq!(ready(&starts, due + 1), 0.0);
    assert_eq!(ready(&starts, due + 12), 0.0);
    // Over, or here before its time: nothing is kept for it.
    assert_eq!(ready(&starts, due + 31), 0.0);
    let mut early = daily([0, 1, 2, 3]);
    early[3] -= 15;
    assert_eq!(ready(&early, due + 1), 0.0);
}

#[test]
fn what_runs_and_needs_less_by_now_keeps_nothing_that_it_does_not_hold() {
    let mut arrivals = Arrivals::default();
    for minute in 0..3 * 1_440 + 90 {
        let now = at(minute * MINUTE);
        let (day, age) = (minute / 1_440, minute % 1_440 - 60);
        // On the last day, what is left after five minutes is soon done.
        let units = if day == 3 && age > 5 { 2.0 } else { 12.0 };
        let id: Arc<str> = format!("application_1_{day}").into();
        let etl = Seen {
            id: &id,
            name: "etl",
            held: units,
            needed: units,
            is_known: true,
        };
        let seen: Vec<Seen> = (0..30).contains(&age).then_some(etl).into_iter().collect();
        arrivals.observe(&seen, None, now);
        let allocated = if seen.is_empty() { 0.0 } else { units };
        let expected = arrivals.expect(None, now, DELAY, preference(), allocated);
        if day == 3 && age > 5 {
            assert_eq!(expected.units, 0, "after {age} minutes");
        }
    }
}

#[test]
fn a_wide_stage_later_is_made_ready_for_as_it_came_before() {
    let mut arrivals = Arrivals::default();
    let mut ready_at = Vec::new();
    for minute in 0..4 * 1_440 {
        let now = at(minute * MINUTE);
        let age = minute % 1_440 - 60;
        let id: Arc<str> = format!("application_1_{}", minute / 1_440).into();
        // One unit for 20 minutes, then ten.
        let units = if age < 20 { 1.0 } else { 10.0 };
        let etl = Seen {
            id: &id,
            name: "etl",
            held: units,
            needed: units,
            is_known: true,
        };
        let seen: Vec<Seen> = (0..40).contains(&age).then_some(etl).into_iter().collect();
        arrivals.observe(&seen, None, now);
        let allocated = if seen.is_empty() { 0.0 } else { units };
        let expected = arrivals.expect(None, now, DELAY, preference(), allocated);
        if minute > 3 * 1_440 && expected.units > 5 {
            ready_at.push(age);
        }
    }
    assert_eq!(ready_at, [14, 15, 16, 17, 18, 19]);
}

#[test]
fn weekly_applications_are_expected_on_their_day_only() {
    let starts = daily([0, 7]);
    assert_eq!(ready(&starts, 8 * 1_440 + 60), 0.0);
    assert_eq!(ready(&starts, 14 * 1_440 + 55), 12.0);
    assert!(expected_after(&starts, 14 * 1_440 + 55).starts[0].precedent == Precedent::Weeks);
}

#[test]
fn workdays_are_told_from_weekends_after_two_weeks() {
    let starts = daily([0, 1, 2, 3, 4, 7, 8, 9, 10, 11, 14, 15, 16, 17, 18]);
    let saturday = 19 * 1_440 + 55;
    let monday = 21 * 1_440 + 55;
    assert_eq!(
        (ready(&starts, saturday), ready(&starts, monday)),
        (0.0, 12.0)
    );
}

#[test]
fn twice_is_no_habit_and_neither_is_what_comes_at_any_time() {
    assert_eq!(ready(&daily([0, 1]), 2 * 1_440 + 55), 0.0);
    assert_eq!(ready(&daily([0, 2, 3]), 4 * 1_440 + 55), 12.0);
    assert_eq!(
        ready(&daily([0, 1, 2]), 4 * 1_440 + 55),
        0.0,
        "not yesterday"
    );
    assert_eq!(
        ready(&daily([0, 3, 5]), 6 * 1_440 + 55),
        0.0,
        "three of six"
    );
    // Every 37 minutes on three days: something has started at this time on each of them.
    let often: Vec<i64> = (0..3 * 1_440 / 37).map(|number| number * 37).collect();
    let at_any_time = (0..40).any(|minute| ready(&often, 3 * 1_440 + minute) > 0.0);
    assert!(!at_any_time);
}

#[test]
fn what_runs_when_reading_begins_has_started_at_no_known_time() {
    let mut arrivals = Arrivals::default();
    let id: Arc<str> = "application_1_1".into();
    for day in 0..3 {
        arrivals.forget();
        let seen = [Seen {
            id: &id,
            name: "etl",
            held: 1.0,
            needed: 1.0,
            is_known: true,
        }];
        arrivals.observe(&seen, None, at(day * DAY));
        arrivals.observe(&seen, None, at(day * DAY + MINUTE));
    }
    let expected = arrivals.expect(None, at(3 * DAY), DELAY, preference(), 0.0);
    assert_eq!(expected.units, 0);
}

#[test]
fn no_more_names_are_remembered_than_the_newest_hundred() {
    let mut arrivals = Arrivals::default();
    for minute in 0..300 {
        let id: Arc<str> = format!("application_1_{minute}").into();
        let first = char::from_u32(0x4e00 + minute).unwrap_or('?');
        let name = format!("{first}{}", "x".repeat(200));
        let seen = [Seen {
            id: &id,
            name: &name,
            held: 1.0,
            needed: 1.0,
            is_known: true,
        }];
        arrivals.observe(&seen, None, at(i64::from(minute) * MINUTE));
    }
    assert_eq!((arrivals.habits.len(), arrivals.running.len()), (NAMES, 1));
    assert!(
        arrivals
            .habits
            .keys()
            .all(|name| name.chars().count() <= names::NAME)
    );
    let later = at(36 * DAY);
    arrivals.observe(&[], None, later);
    assert!(arrivals.habits.is_empty());
}

#[test]
fn of_several_starts_at_the_same_time_nothing_is_expected() {
    let mut starts = Vec::new();
    for day in 0..4 {
        starts.extend([day * 1_440 + 60, day * 1_440 + 65]);
    }
    assert_eq!(ready(&starts, 4 * 1_440 + 55), 0.0);
}

#[test]
fn names_that_follow_one_another_do_not_add_up() {
    let mut arrivals = Arrivals::default();
    let mut most = 0;
    for minute in 0..6 * 1_440 {
        let now = at(minute * MINUTE);
        // Twelve applications, five minutes each, with four units.
        let number = minute % 1_440 / 5;
        let id: Arc<str> = format!("application_{}_{number}", minute / 1_440).into();
        let name = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];
        let name = name.get(usize::try_from(number).unwrap_or(99));
        let seen: Vec<Seen> = name
            .into_iter()
            .map(|name| Seen {
                id: &id,
                name,
                held: 4.0,
                needed: 4.0,
                is_known: true,
            })
            .collect();
        arrivals.observe(&seen, None, now);
        let allocated = 4.0 * seen.len() as f64;
        most = most.max(
            arrivals
                .expect(None, now, DELAY, preference(), allocated)
                .units,
        );
    }
    assert!((4..=8).contains(&most), "{most}");
}

#[test]
fn after_many_starts_with_room_ready_it_is_known_what_it_got_without() {
    let mut habit = Habit::default();
    let half = Units {
        held: 5.0,
        needed: 10.0,
    };
    habit.record(at(0), Duration::ZERO, half, false);
    for day in 1..150 {
        habit.record(at(day * DAY), Duration::ZERO, half, true);
    }
    let due = habit.since(at(150 * DAY)).expect("a habit");
    assert_eq!(due.share(0.9), 0.5);
}
