use crate::check::lint::lint_dates;
use crate::check::lint::testing::warnings;
use crate::policy::parse::parse_with_spans;

/// What is said of the windows of a target.
fn of_schedule(windows: &str) -> Vec<String> {
    let source = format!(
        "name: p\ntargets:\n  - group: {{ role: task }}\n    limits: {{ min: 0, max: 20 }}\n    schedule:\n{windows}"
    );
    warnings(&source)
}

const OFFICE: &str = "      - { name: office, days: [mon, tue], from: \"08:00\", to: \"18:00\", time_zone: Europe/Berlin, limits: { min: 5, max: 20 } }\n";

#[test]
fn windows_that_are_open_together_are_found_with_the_one_that_applies() {
    let late = "      - { name: late, from: \"17:30\", to: \"23:00\", time_zone: Europe/Berlin, freeze: out }\n";
    assert_eq!(
        of_schedule(&(OFFICE.to_owned() + late)),
        [
            "late: `office` and `late` are both open from Monday 17:30 to 18:00 (Europe/Berlin); then only `office` applies"
        ]
    );
    let night = "      - { name: night, from: \"22:00\", to: \"07:00\", freeze: in }\n      - { name: sunday, days: [sun], from: \"20:00\", to: \"20:00\", freeze: out }\n";
    assert_eq!(
        of_schedule(night),
        [
            "sunday: `night` and `sunday` are both open from Sunday 22:00 to Monday 07:00 (UTC); then only `night` applies"
        ]
    );
    let always = "      - { name: a, from: \"00:00\", to: \"00:00\", freeze: in }\n      - { name: b, from: \"00:00\", to: \"00:00\", freeze: out }\n";
    assert_eq!(
        of_schedule(always),
        ["b: `a` and `b` are both open all the time; then only `a` applies"]
    );
}

#[test]
fn windows_that_meet_or_do_the_same_are_not_warned_of() {
    let meets = "      - { name: late, from: \"18:00\", to: \"08:00\", time_zone: Europe/Berlin, freeze: out }\n";
    assert_eq!(of_schedule(&(OFFICE.to_owned() + meets)), [""; 0]);
    let same = OFFICE.replace("office", "other");
    assert_eq!(of_schedule(&(OFFICE.to_owned() + &same)), [""; 0]);
}

#[test]
fn windows_in_two_time_zones_that_meet_in_winter_only_are_found_in_summer() {
    // 18:00 in Berlin is 17:00 UTC in winter and 16:00 UTC in summer.
    let utc = "      - { name: utc, from: \"15:00\", to: \"16:30\", freeze: out }\n";
    let berlin = OFFICE
        .replace("08:00", "18:00")
        .replace("to: \"18:00\"", "to: \"20:00\"");
    assert_eq!(
        of_schedule(&(utc.to_owned() + &berlin)),
        [
            "office: `utc` and `office` are both open from Monday 16:00 to 16:30 (UTC); then only `utc` applies"
        ]
    );
}

#[test]
fn a_dated_window_behind_one_that_hides_it_is_found_with_its_date() {
    let holidays = "      - { name: holidays, dates: [2026-12-26..2026-12-28], time_zone: Europe/Berlin, freeze: both }\n";
    assert_eq!(
        of_schedule(&(OFFICE.to_owned() + holidays)),
        [
            "holidays: `office` and `holidays` are both open from 2026-12-28 08:00 to 18:00 (Europe/Berlin); then only `office` applies"
        ]
    );
    assert_eq!(
        of_schedule(&(holidays.to_owned() + OFFICE)),
        [""; 0],
        "an exception comes first"
    );
    let event =
        "      - { name: event, start: 2026-12-01T12:00, end: 2026-12-27T06:00, freeze: out }\n";
    assert_eq!(
        of_schedule(&(holidays.to_owned() + event)),
        [
            "event: `holidays` and `event` are both open from 2026-12-26 00:00 to 2026-12-27 00:00 (Europe/Berlin); then only `holidays` applies"
        ]
    );
    let elsewhere = holidays
        .replace("26..2026-12-28", "01")
        .replace("holidays", "first");
    assert_eq!(of_schedule(&(holidays.to_owned() + &elsewhere)), [""; 0]);
}

#[test]
fn windows_on_days_of_the_month_are_compared_over_the_years() {
    let window = |name: &str, days: &str, freeze: &str| {
        format!(
            "      - {{ name: {name}, {days}, from: \"02:00\", to: \"04:00\", time_zone: Europe/Berlin, freeze: {freeze} }}\n"
        )
    };
    let leap = window("leap", "days: [mon], days_of_month: [28..29]", "in");
    let last = window("last", "days_of_month: [last]", "out");
    let found = of_schedule(&(last + &leap));
    assert_eq!(
        found,
        [
            "leap: `last` and `leap` are both open from 2033-02-28 02:00 to 04:00 (Europe/Berlin); then only `last` applies"
        ]
    );
}

#[test]
fn windows_of_the_month_that_meet_at_a_time_that_occurs_twice_are_not_warned_of() {
    let first = "      - { name: first, days_of_month: [last], from: \"00:00\", to: \"02:30\", time_zone: Europe/Berlin, freeze: in }\n";
    let second = "      - { name: second, days_of_month: [last], from: \"02:30\", to: \"06:00\", time_zone: Europe/Berlin, freeze: out }\n";
    assert_eq!(of_schedule(&(first.to_owned() + second)), [""; 0]);
}

#[test]
fn a_day_that_some_months_do_not_have_is_found() {
    let window = |days: &str| {
        of_schedule(&format!(
            "      - {{ name: w, days_of_month: [{days}], freeze: in }}\n"
        ))
    };
    for (days, day) in [("31", 31), ("1, 30", 30), ("29, 31", 29), ("30..last", 30)] {
        let message =
            format!("w: not every month has a day {day}: `w` does not open in the others");
        assert_eq!(window(days), [message], "{days}");
    }
    for days in ["28", "last", "31, last", "25..31", "25..last"] {
        assert_eq!(window(days), [""; 0], "{days}");
    }
}

#[test]
fn windows_that_are_over_are_found_on_the_day_after() {
    let source = r#"
name: p
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    schedule:
      - { name: holidays, dates: [2026-12-31, 2026-12-24..2026-12-26], from: "22:00", to: "06:00", freeze: in }
      - { name: event, start: 2026-11-07T20:00, end: 2026-11-09T06:00, time_zone: Europe/Berlin, freeze: in }
      - { name: weekend, days: [sat, sun], freeze: in }
"#;
    let (policy, _) = parse_with_spans(source, "p").unwrap_or_else(|errors| panic!("{errors}"));
    let messages = |now: &str| -> Vec<String> {
        let now = serde_json::from_str(&format!("\"{now}\"")).expect("a timestamp");
        let lints = lint_dates(&policy, now).into_iter();
        lints.map(|lint| lint.message).collect()
    };
    assert_eq!(messages("2026-11-09T04:59:00Z"), [""; 0]);
    assert_eq!(
        messages("2026-11-09T05:00:00Z"),
        ["`event` closed for the last time at 2026-11-09 06:00 and never opens again"]
    );
    assert_eq!(messages("2027-01-01T05:59:00Z").len(), 1);
    assert_eq!(messages("2027-01-01T06:00:00Z").len(), 2);
}
