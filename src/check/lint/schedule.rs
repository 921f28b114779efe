//! Schedule windows that are open at the same time, of which only the first applies; days that not
//! every month has; windows that will never open again.

use std::time::Duration;

use crate::policy::Target;
use crate::policy::schedule::{Days, Opening, ScheduleWindow, Span};
use crate::units::Timestamp;

/// Monday 2026-01-05 and Monday 2026-07-06, 00:00 UTC. Windows of different time zones may overlap
/// only in winter or only in summer, so that a week of each is compared.
const MONDAYS: [Timestamp; 2] = [
    Timestamp::from_millis(1_767_571_200_000),
    Timestamp::from_millis(1_783_296_000_000),
];
const WEEK: Duration = Duration::from_secs(7 * 86_400);
/// In 28 years each day of the month falls on each day of the week, 29 February too.
const CYCLE_OF_YEARS: Duration = Duration::from_secs((28 * 365 + 7) * 86_400);
/// Every month has so many days.
const DAYS_OF_EACH_MONTH: i8 = 28;
/// More openings on dates are not compared.
const MOST_OPENINGS: usize = 10_000;

/// What is wrong with a window of the target.
pub struct Finding {
    /// Position of the window in the target.
    pub window: usize,
    pub message: String,
    pub help: String,
}

/// How special the days of a window are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Recurrence {
    /// The same in each week.
    Weekly,
    /// On some days of the month.
    Monthly,
    /// On dates, or once.
    Dated,
}

/// Every pair of windows that overlap and differ in what they do. A window that comes before one
/// whose days are less special is an exception from it, as it is meant to be.
pub fn overlaps(target: &Target) -> Vec<Finding> {
    let windows = &target.schedule;
    let mut found = Vec::new();
    for (position, later) in windows.iter().enumerate() {
        for earlier in &windows[..position] {
            if (&earlier.limits, &earlier.freeze) == (&later.limits, &later.freeze)
                || recurrence(earlier) > recurrence(later)
            {
                continue;
            }
            if let Some(when) = overlap(earlier, later) {
                let (earlier, later) = (&earlier.name, &later.name);
                found.push(Finding {
                    window: position,
                    message: format!(
                        "`{earlier}` and `{later}` are both open {when}; then only `{earlier}` applies"
                    ),
                    help: "the first open window applies: change the times so that they do not overlap, or put the one that should apply first".to_owned(),
                });
            }
        }
    }
    found
}

/// Windows on days of the month that some months do not have. A day after one that is also listed
/// is meant as the end of a range, which may be cut.
pub fn missing_days_of_month(target: &Target) -> Vec<Finding> {
    let windows = target.schedule.iter().enumerate();
    let found = windows.filter_map(|(window, spec)| {
        let Opening::Daily {
            days:
                Days::Recurring {
                    of_month: Some(of_month),
                    ..
                },
            ..
        } = &spec.opening
        else {
            return None;
        };
        let is_alone =
            |day: &&i8| **day > DAYS_OF_EACH_MONTH && !of_month.numbers.contains(&(**day - 1));
        let day = of_month
            .numbers
            .iter()
            .find(is_alone)
            .filter(|_| !of_month.last)?;
        Some(Finding {
            window,
            message: format!(
                "not every month has a day {day}: `{}` does not open in the others",
                spec.name
            ),
            help: "write `last` for the last day of each month".to_owned(),
        })
    });
    found.collect()
}

/// Windows that have closed for the last time at `now`.
pub fn over(target: &Target, now: Timestamp) -> Vec<Finding> {
    let windows = target.schedule.iter().enumerate();
    let found = windows.filter_map(|(window, spec)| {
        let closed = spec.closes_for_ever().filter(|closes| *closes <= now)?;
        Some(Finding {
            window,
            message: format!(
                "`{}` closed for the last time at {} and never opens again",
                spec.name,
                local(spec, closed, "%Y-%m-%d %H:%M")
            ),
            help: "remove the window, or give it new dates".to_owned(),
        })
    });
    found.collect()
}

/// The first time at which both windows are open, in the time zone of `earlier`.
fn overlap(earlier: &ScheduleWindow, later: &ScheduleWindow) -> Option<String> {
    if let Some(dated) = openings_on_dates(earlier).or_else(|| openings_on_dates(later)) {
        let mut openings = dated.into_iter();
        let both = openings.find_map(|span| common(earlier, later, span.opens, span.closes))?;
        return Some(by_date(earlier, both));
    }
    if recurrence(earlier).max(recurrence(later)) == Recurrence::Monthly {
        let from = MONDAYS[0];
        let both = common(earlier, later, from, from + CYCLE_OF_YEARS)?;
        return Some(by_date(earlier, both));
    }
    MONDAYS.into_iter().find_map(|monday| {
        let both = common(earlier, later, monday, monday + WEEK)?;
        Some(by_day_of_week(earlier, both, monday))
    })
}

/// Every opening of a window that opens on dates only.
fn openings_on_dates(window: &ScheduleWindow) -> Option<Vec<Span>> {
    let dates = window.opening.date_ranges()?.into_iter();
    let openings = dates.flat_map(|dates| window.spans(dates));
    Some(openings.take(MOST_OPENINGS).collect())
}

fn recurrence(window: &ScheduleWindow) -> Recurrence {
    match &window.opening {
        Opening::Daily {
            days: Days::Recurring { of_month, .. },
            ..
        } => match of_month {
            Some(_) => Recurrence::Monthly,
            None => Recurrence::Weekly,
        },
        Opening::Daily {
            days: Days::Dates(_),
            ..
        }
        | Opening::Once(_) => Recurrence::Dated,
    }
}

/// From when to when both windows are open for the first time between two instants.
fn common(
    a: &ScheduleWindow,
    b: &ScheduleWindow,
    from: Timestamp,
    to: Timestamp,
) -> Option<(Timestamp, Timestamp)> {
    let (a, b) = (stretches(a, from, to), stretches(b, from, to));
    let mut others = b.iter().peekable();
    for (opens, closes) in &a {
        while others
            .next_if(|(_, other_closes)| other_closes <= opens)
            .is_some()
        {}
        if let Some((other_opens, other_closes)) = others.peek()
            && other_opens < closes
        {
            return Some((*opens.max(other_opens), *closes.min(other_closes)));
        }
    }
    None
}

/// From when to when the window is open, without a pause, between two instants. What recurs is
/// compared as it usually is: when the clock changes, windows that meet may overlap for an hour.
fn stretches(
    window: &ScheduleWindow,
    from: Timestamp,
    to: Timestamp,
) -> Vec<(Timestamp, Timestamp)> {
    let recurs = recurrence(window) != Recurrence::Dated;
    let mut joined: Vec<(Timestamp, Timestamp)> = Vec::new();
    for span in window.spans_during(from, to) {
        if recurs && !span.has_usual_length {
            continue;
        }
        match joined.last_mut() {
            Some((_, closes)) if span.opens <= *closes => *closes = span.closes.max(*closes),
            _ => joined.push((span.opens, span.closes)),
        }
    }
    joined
}

fn by_day_of_week(
    window: &ScheduleWindow,
    (from, to): (Timestamp, Timestamp),
    monday: Timestamp,
) -> String {
    if from <= monday && monday + WEEK <= to {
        return "all the time".to_owned();
    }
    let is_one_day = local(window, from, "%A") == local(window, to, "%A");
    let end = if is_one_day { "%H:%M" } else { "%A %H:%M" };
    stretch(window, (from, to), "%A %H:%M", end)
}

fn by_date(window: &ScheduleWindow, (from, to): (Timestamp, Timestamp)) -> String {
    let is_one_day = local(window, from, "%F") == local(window, to, "%F");
    let end = if is_one_day { "%H:%M" } else { "%F %H:%M" };
    stretch(window, (from, to), "%F %H:%M", end)
}

fn stretch(
    window: &ScheduleWindow,
    (from, to): (Timestamp, Timestamp),
    begin: &str,
    end: &str,
) -> String {
    let zone = window.time_zone.iana_name().unwrap_or("UTC");
    format!(
        "from {} to {} ({zone})",
        local(window, from, begin),
        local(window, to, end)
    )
}

/// A time as a clock in the window's time zone shows it.
fn local(window: &ScheduleWindow, at: Timestamp, format: &str) -> String {
    let zoned = at.to_jiff().to_zoned(window.time_zone.clone());
    zoned.strftime(format).to_string()
}

#[cfg(test)]
mod tests;
