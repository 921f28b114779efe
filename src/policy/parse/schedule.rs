//! Schedule windows.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::reader::Reader;
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::document::{
    DatesText, DayText, DaysOfMonthText, LocalTimeText, ScheduleDocument, TimeText,
};
use crate::policy::schedule::{
    DateRange, Days, DaysOfMonth, Freeze, OneTime, Opening, ScheduleWindow,
};
use crate::policy::yaml::At;

const DAYS: [(&str, usize); 7] = [
    ("mon", 0),
    ("tue", 1),
    ("wed", 2),
    ("thu", 3),
    ("fri", 4),
    ("sat", 5),
    ("sun", 6),
];
const FREEZES: [(&str, Freeze); 3] = [
    ("out", Freeze::Out),
    ("in", Freeze::In),
    ("both", Freeze::Both),
];
const DAYS_OF_MONTH: RangeInclusive<i8> = 1..=31;
/// Between the first and the last of several days.
const TO: &str = "..";
/// The last day of a month.
const LAST: &str = "last";

impl Reader<'_> {
    pub(super) fn schedule(
        &mut self,
        documents: &[ScheduleDocument],
    ) -> Option<Vec<ScheduleWindow>> {
        let windows: Vec<Option<ScheduleWindow>> = documents
            .iter()
            .map(|document| self.window(document))
            .collect();
        for (position, document) in documents.iter().enumerate() {
            if documents[..position]
                .iter()
                .any(|earlier| earlier.name.value == document.name.value)
            {
                let message = format!(
                    "this target already has a window `{}`",
                    document.name.value.0
                );
                self.error(
                    Diagnostic::error(document.name.span.clone(), message)
                        .help("give each window its own name"),
                );
            }
        }
        windows.into_iter().collect()
    }

    fn window(&mut self, document: &ScheduleDocument) -> Option<ScheduleWindow> {
        let name = self.name(&document.name);
        let opening = self.opening(document);
        let time_zone = document
            .time_zone
            .as_ref()
            .map_or(Some(TimeZone::UTC), |at| self.time_zone(at));
        let limits = document.limits.as_ref().map(|at| self.limits(at));
        let freeze = document.freeze.as_ref().map(|at| self.one_of(at, &FREEZES));
        if limits.is_none() && freeze.is_none() {
            let error =
                Diagnostic::error(document.name.span.clone(), "this window changes nothing");
            self.error(error.help("add `limits: { min: .., max: .. }` or `freeze: in`"));
        }
        Some(ScheduleWindow {
            name: name?.into(),
            opening: opening?,
            time_zone: time_zone?,
            limits: limits.flatten(),
            freeze: freeze.flatten(),
        })
    }

    fn opening(&mut self, document: &ScheduleDocument) -> Option<Opening> {
        match (&document.start, &document.end) {
            (None, None) => self.daily(document),
            (Some(start), Some(end)) => self.once(document, start, end),
            (Some(only), None) => self.refuse(
                Diagnostic::error(only.span.clone(), "`start` needs an `end`")
                    .help("add when the window closes, as in `end: 2026-11-09T06:00`"),
            ),
            (None, Some(only)) => self.refuse(
                Diagnostic::error(only.span.clone(), "`end` needs a `start`")
                    .help("add when the window opens, as in `start: 2026-11-07T20:00`"),
            ),
        }
    }

    /// A window that opens once.
    fn once(
        &mut self,
        document: &ScheduleDocument,
        start: &At<LocalTimeText>,
        end: &At<LocalTimeText>,
    ) -> Option<Opening> {
        let recurring = [
            ("days", document.days.as_ref().map(|at| &at.span)),
            (
                "days_of_month",
                document.days_of_month.as_ref().map(|at| &at.span),
            ),
            ("dates", document.dates.as_ref().map(|at| &at.span)),
            ("from", document.from.as_ref().map(|at| &at.span)),
            ("to", document.to.as_ref().map(|at| &at.span)),
        ];
        for (field, place) in recurring {
            if let Some(place) = place {
                let message = format!("`{field}` does not go with `start` and `end`");
                self.error(
                    Diagnostic::error(place.clone(), message).help(
                        "leave it out: the window opens once, at `start`, and closes at `end`",
                    ),
                );
            }
        }
        let (starts, ends) = (self.take(start, local_time), self.take(end, local_time));
        let once = OneTime::new(starts?, ends?);
        if once.is_none() {
            let message = format!(
                "`end: {}` is not later than `start: {}`",
                end.value.0, start.value.0
            );
            self.error(
                Diagnostic::error(end.span.clone(), message).help("write the later time as `end`"),
            );
        }
        once.map(Opening::Once)
    }

    /// A window that opens on some days.
    fn daily(&mut self, document: &ScheduleDocument) -> Option<Opening> {
        let (days, times) = (self.days(document), self.times(document));
        let has_days =
            document.days.is_some() || document.days_of_month.is_some() || document.dates.is_some();
        if !has_days && document.from.is_none() && document.to.is_none() {
            let error = Diagnostic::error(
                document.name.span.clone(),
                "this window does not say when it is open",
            );
            return self.refuse(error.help(
                "add `from` and `to`, `days`, `days_of_month`, `dates`, or `start` and `end`",
            ));
        }
        let (from, to) = times?;
        Some(Opening::Daily {
            days: days?,
            from,
            to,
        })
    }

    /// The local times at which a window opens and closes: the whole day without them.
    fn times(&mut self, document: &ScheduleDocument) -> Option<(Time, Time)> {
        let mut missing = |only: &At<TimeText>, other: &str| {
            let message = format!("`{other}` is missing beside this");
            self.refuse(Diagnostic::error(only.span.clone(), message).help(format!(
                "add `{other}: \"00:00\"`, or leave both times out for the whole day"
            )))
        };
        match (&document.from, &document.to) {
            (None, None) => Some((Time::midnight(), Time::midnight())),
            (Some(from), None) => missing(from, "to"),
            (None, Some(to)) => missing(to, "from"),
            (Some(from), Some(to)) => {
                let (from, to) = (self.take(from, time_of_day), self.take(to, time_of_day));
                from.zip(to)
            }
        }
    }

    fn days(&mut self, document: &ScheduleDocument) -> Option<Days> {
        let of_week = document
            .days
            .as_ref()
            .map_or(Some([true; 7]), |days| self.days_of_week(days));
        let of_month = document
            .days_of_month
            .as_ref()
            .map(|days| self.days_of_month(days));
        let Some(dates) = &document.dates else {
            return Some(Days::Recurring {
                of_week: of_week?,
                of_month: of_month.map_or(Some(None), |days| days.map(Some))?,
            });
        };
        for (field, is_given) in [
            ("days", document.days.is_some()),
            ("days_of_month", document.days_of_month.is_some()),
        ] {
            if is_given {
                let message = format!("`dates` does not go with `{field}`");
                self.error(
                    Diagnostic::error(dates.span.clone(), message)
                        .help(format!("leave `{field}` out, or write two windows")),
                );
            }
        }
        self.dates(dates).map(Days::Dates)
    }

    fn days_of_week(&mut self, at: &At<Vec<At<DayText>>>) -> Option<[bool; 7]> {
        self.some_days(at, "days", "leave `days` out for every day")?;
        let mut days = [false; 7];
        let read: Vec<Option<usize>> = at.value.iter().map(|day| self.one_of(day, &DAYS)).collect();
        for day in read {
            days[day?] = true;
        }
        Some(days)
    }

    fn days_of_month(&mut self, at: &At<Vec<At<DaysOfMonthText>>>) -> Option<DaysOfMonth> {
        self.some_days(at, "days_of_month", "write days such as `[1, 15, last]`")?;
        let read: Vec<_> = at
            .value
            .iter()
            .map(|days| self.take(days, days_of_month))
            .collect();
        let (mut numbers, mut last) = (BTreeSet::new(), false);
        for days in read {
            match days? {
                Some(days) => numbers.extend(days),
                None => last = true,
            }
        }
        Some(DaysOfMonth { numbers, last })
    }

    fn dates(&mut self, at: &At<Vec<At<DatesText>>>) -> Option<Vec<DateRange>> {
        self.some_days(
            at,
            "dates",
            "write dates such as `[2026-12-24..2026-12-26]`",
        )?;
        let read: Vec<_> = at
            .value
            .iter()
            .map(|dates| self.take(dates, date_range))
            .collect();
        read.into_iter().collect()
    }

    /// Fails when a list of days is empty.
    fn some_days<T>(&mut self, at: &At<Vec<T>>, field: &str, help: &str) -> Option<()> {
        if at.value.is_empty() {
            let message = format!("`{field}` is empty, so this window never opens");
            return self.refuse(Diagnostic::error(at.span.clone(), message).help(help));
        }
        Some(())
    }

    fn time_zone<S: AsRef<str>>(&mut self, at: &At<S>) -> Option<TimeZone> {
        let name = at.value.as_ref().trim();
        if let Ok(time_zone) = TimeZone::get(name) {
            return Some(time_zone);
        }
        let names: Vec<String> = jiff::tz::db()
            .available()
            .map(|name| name.to_string())
            .collect();
        let help = match nearest(name, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write an IANA name such as `Europe/Berlin` or `UTC`".to_owned(),
        };
        self.refuse(
            Diagnostic::error(at.span.clone(), format!("there is no time zone `{name}`"))
                .help(help),
        )
    }
}

fn error<T>(text: &str, message: String, help: impl Into<String>) -> Result<T, Diagnostic> {
    Err(Diagnostic::error(0..text.len(), message).help(help))
}

fn time_of_day(text: &str) -> Result<Time, Diagnostic> {
    let time = text
        .split_once(':')
        .and_then(|(hour, minute)| Time::new(digits(hour, 2)?, digits(minute, 2)?, 0, 0).ok());
    let help = if text.starts_with("24") {
        "write `00:00` for midnight"
    } else {
        "write hours and minutes, as in `08:00` or `17:30`"
    };
    time.map_or_else(
        || error(text, format!("`{text}` is not a time of day"), help),
        Ok,
    )
}

/// `2026-11-07T20:00`; a space may stand for the `T`.
fn local_time(text: &str) -> Result<DateTime, Diagnostic> {
    let help = "write date and time like `2026-11-07T20:00`";
    let Some((date, time)) = text.trim().split_once(['T', ' ']) else {
        return error(text, format!("`{text}` is not a date with a time"), help);
    };
    if time.contains(['Z', 'z', '+', '-']) {
        return error(
            text,
            format!("`{text}` is not local time"),
            "leave out `Z` or the offset, and set `time_zone`",
        );
    }
    let whole = |part: Diagnostic| part.at(0..text.len());
    let (date, time) = (date_of(date).map_err(whole)?, time_of_day(time.trim()));
    Ok(date.to_datetime(time.map_err(whole)?))
}

/// `2026-12-24`.
fn date_of(text: &str) -> Result<Date, Diagnostic> {
    let parts: Vec<&str> = text.trim().split('-').collect();
    let numbers = match parts[..] {
        [year, month, day] => digits(year, 4).zip(digits(month, 2).zip(digits(day, 2))),
        _ => None,
    };
    let Some((year, (month, day))) = numbers else {
        return error(
            text,
            format!("`{text}` is not a date"),
            "write it with its year, like `2026-12-24`",
        );
    };
    Date::new(year, month, day).or_else(|_| {
        error(
            text,
            format!("there is no date {}", text.trim()),
            "check the month and the day",
        )
    })
}

/// `2026-12-24`, or `2026-12-24..2026-12-26`.
fn date_range(text: &str) -> Result<DateRange, Diagnostic> {
    let whole = |part: Diagnostic| part.at(0..text.len());
    let Some((first, last)) = text.split_once(TO) else {
        return date_of(text).map(DateRange::single);
    };
    let (from, to) = (
        date_of(first).map_err(whole)?,
        date_of(last).map_err(whole)?,
    );
    DateRange::new(from, to).map_or_else(|| backwards(text, first, last), Ok)
}

/// `15`, `1..7` or `25..last`; `None` for `last` by itself, whose number differs by month.
fn days_of_month(text: &str) -> Result<Option<RangeInclusive<i8>>, Diagnostic> {
    let number = |part: &str| {
        part.trim()
            .parse::<i8>()
            .ok()
            .filter(|n| DAYS_OF_MONTH.contains(n))
    };
    let end = |part: &str| match part.trim() {
        // A month without the 31st has none of the days up to it either.
        LAST => Some(*DAYS_OF_MONTH.end()),
        part => number(part),
    };
    let days = match text.split_once(TO) {
        None if text.trim() == LAST => return Ok(None),
        None => number(text).map(|day| day..=day),
        Some((first, last)) => match number(first).zip(end(last)) {
            Some((from, to)) if from > to => return backwards(text, first, last),
            days => days.map(|(from, to)| from..=to),
        },
    };
    days.map(Some).map_or_else(
        || {
            error(
                text,
                format!("`{text}` is not a day of a month"),
                "write a number from 1 to 31, several like `1..7`, or `last`",
            )
        },
        Ok,
    )
}

fn backwards<T>(text: &str, first: &str, last: &str) -> Result<T, Diagnostic> {
    error(
        text,
        format!("`{text}` runs backwards"),
        format!("write `{}{TO}{}`", last.trim(), first.trim()),
    )
}

/// A number of exactly so many digits.
fn digits<N: std::str::FromStr>(text: &str, count: usize) -> Option<N> {
    let is_number = text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}
