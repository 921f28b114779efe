//! Readers of single values: times, counts, amounts, percentages. Each says what would be right.

use std::time::Duration;

use crate::policy::diagnostic::Diagnostic;
use crate::policy::guards::Cap;
use crate::policy::rule::{Amount, Size};
use crate::units::{Instances, Percent};

/// No cluster that EMR offers comes near; larger counts are slips.
pub const MOST_INSTANCES: u32 = 100_000;
/// Growing more than elevenfold at once is a slip.
pub const MOST_GROWTH_PERCENT: f64 = 1000.0;
/// Longer times are slips.
pub const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// An error in a value, with the whole value as its span.
fn refuse<T>(
    text: &str,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Result<T, Diagnostic> {
    Err(Diagnostic::error(0..text.len(), message).help(help))
}

/// A time such as `90s`, `5m`, `1h 30m`; zero is allowed.
///
/// # Errors
/// A number without a unit, an unknown unit, a negative time, one longer than a year.
pub fn duration(text: &str) -> Result<Duration, Diagnostic> {
    let bad = || {
        Diagnostic::error(0..text.len(), format!("`{text}` is not a time"))
            .help("write it like `90s`, `5m` or `1h 30m`")
    };
    let trimmed = text.trim();
    if trimmed.starts_with('-') {
        return refuse(
            text,
            format!("`{text}` is a negative time"),
            "write a time like `90s`, `5m` or `1h 30m`",
        );
    }
    if let Some(seconds) = finite(trimmed) {
        let minutes = if seconds % 60.0 == 0.0 && seconds > 0.0 {
            format!("`{}m`", seconds / 60.0)
        } else {
            "`5m`".to_owned()
        };
        return refuse(
            text,
            format!("`{text}` has no unit"),
            format!("write `{trimmed}s` for seconds, or minutes like {minutes}"),
        );
    }
    let mut rest = trimmed;
    let mut total_s = 0.0;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_| bad())?;
        let after = rest[digits..].trim_start();
        let letters = after
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(after.len());
        total_s += number * seconds_in(&after[..letters]).ok_or_else(bad)?;
        rest = after[letters..].trim_start();
    }
    if trimmed.is_empty() {
        return Err(bad());
    }
    if total_s.is_nan() || total_s > LONGEST.as_secs_f64() {
        return refuse(
            text,
            format!("`{text}` is longer than a year"),
            "write a time like `90s`, `5m` or `1h 30m`",
        );
    }
    Ok(Duration::from_millis((total_s * 1e3).round() as u64))
}

/// Seconds in one unit of time, by the unit's short name.
pub fn seconds_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    })
}

/// A number of instances; zero is allowed.
///
/// # Errors
/// Anything but a whole number from 0 to 100,000.
pub fn count(text: &str) -> Result<u32, Diagnostic> {
    match text.trim().parse::<i128>() {
        Ok(number) if number < 0 => refuse(
            text,
            format!("`{text}` is negative"),
            "write a whole number, 0 or more",
        ),
        Ok(number) if number > i128::from(MOST_INSTANCES) => refuse(
            text,
            format!("`{text}` is too many"),
            format!("the most is {MOST_INSTANCES}"),
        ),
        Ok(number) => Ok(u32::try_from(number).unwrap_or(MOST_INSTANCES)),
        Err(_) => refuse(
            text,
            format!("`{text}` is not a whole number"),
            "write a number like `5`",
        ),
    }
}

/// A count of at least one; `what` says of what, as in "a budget".
///
/// # Errors
/// As [`count`], and zero.
pub fn positive(text: &str, what: &str) -> Result<u32, Diagnostic> {
    match count(text)? {
        0 => refuse(
            text,
            format!("{what} of zero would never let anything happen"),
            "write 1 or more, or leave the field out",
        ),
        number => Ok(number),
    }
}

/// Which way an amount goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// At most [`MOST_GROWTH_PERCENT`].
    Grow,
    /// At most 100%.
    Shrink,
}

/// `5` or `20%`.
///
/// # Errors
/// Zero, negative and absurd amounts; a shrink by more than 100 %.
pub fn amount(text: &str, way: Way) -> Result<Amount, Diagnostic> {
    let help = "write a number of instances like `5`, or a share of the present size like `20%`";
    let Some(number) = text.trim().strip_suffix('%') else {
        return match text.trim().parse::<f64>() {
            Ok(number) if number.fract() != 0.0 => refuse(
                text,
                format!("`{text}` is not a whole number of instances"),
                help,
            ),
            Err(_) => refuse(text, format!("`{text}` is not an amount"), help),
            Ok(_) => Ok(Amount::Instances(Instances(nonzero(
                text,
                count(text)?,
                help,
            )?))),
        };
    };
    let percent = finite(number).ok_or_else(|| {
        Diagnostic::error(0..text.len(), format!("`{text}` is not an amount")).help(help)
    })?;
    if percent <= 0.0 {
        return refuse(text, format!("`{text}` is not above zero"), help);
    }
    match way {
        Way::Shrink if percent > 100.0 => refuse(
            text,
            format!("`{text}` is more than the whole group"),
            "shrink by at most `100%`",
        ),
        Way::Grow if percent > MOST_GROWTH_PERCENT => refuse(
            text,
            format!("`{text}` is too much at once"),
            format!("grow by at most `{MOST_GROWTH_PERCENT}%`"),
        ),
        _ => Ok(Amount::Percent(Percent(percent))),
    }
}

/// `5` or `20%`; `what` says of what, as in "a step".
///
/// # Errors
/// As [`positive`] and [`amount`].
pub fn cap(text: &str, way: Way, what: &str) -> Result<Cap, Diagnostic> {
    if !text.trim().ends_with('%') {
        return positive(text, what).map(|instances| Cap::Instances(Instances(instances)));
    }
    amount(text, way).map(|amount| match amount {
        Amount::Instances(instances) => Cap::Instances(instances),
        Amount::Percent(percent) => Cap::Percent(percent),
    })
}

fn nonzero(text: &str, number: u32, help: &str) -> Result<u32, Diagnostic> {
    if number == 0 {
        refuse(text, format!("`{text}` changes nothing"), help)
    } else {
        Ok(number)
    }
}

/// `10`, `min` or `max`.
///
/// # Errors
/// Anything else.
pub fn size(text: &str) -> Result<Size, Diagnostic> {
    match text.trim() {
        "min" => Ok(Size::Minimum),
        "max" => Ok(Size::Maximum),
        other => match count(other) {
            Ok(number) => Ok(Size::Exactly(Instances(number))),
            Err(_) => refuse(
                text,
                format!("`{text}` is not a size"),
                "write a number of instances like `10`, or `min`, or `max`",
            ),
        },
    }
}

/// `80%` or `80`, above zero and at most 100.
///
/// # Errors
/// Anything else.
pub fn percent(text: &str) -> Result<Percent, Diagnostic> {
    let number = text.trim();
    match finite(number.strip_suffix('%').unwrap_or(number)) {
        Some(percent) if percent > 0.0 && percent <= 100.0 => Ok(Percent(percent)),
        _ => refuse(
            text,
            format!("`{text}` is not a share in percent"),
            "write one above `0%`, up to `100%`",
        ),
    }
}

/// A finite number, as people write it: `0.1`, not `.inf` or `NaN`.
pub fn finite(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '.');
    text.parse::<f64>()
        .ok()
        .filter(|number| plain && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_units() {
        for (text, ms) in [
            ("90s", 90_000),
            ("5m", 300_000),
            ("1h 30m", 5_400_000),
            ("1.5h", 5_400_000),
            ("250ms", 250),
            ("2d", 172_800_000),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_would_be_right() {
        for (text, message) in [
            ("300", "`300` has no unit"),
            ("-5m", "`-5m` is a negative time"),
            ("5 minutes", "`5 minutes` is not a time"),
            ("", "`` is not a time"),
            ("m", "`m` is not a time"),
            ("1.2.3s", "`1.2.3s` is not a time"),
            ("400d", "`400d` is longer than a year"),
            ("inf", "`inf` is not a time"),
        ] {
            assert_eq!(duration(text).expect_err(text).message, message);
        }
        assert_eq!(
            duration("300").expect_err("no unit").help.as_deref(),
            Some("write `300s` for seconds, or minutes like `5m`")
        );
    }

    #[test]
    fn amounts_are_instances_or_percent_and_never_nothing() {
        assert_eq!(amount("5", Way::Grow), Ok(Amount::Instances(Instances(5))));
        assert_eq!(
            amount("12.5%", Way::Shrink),
            Ok(Amount::Percent(Percent(12.5)))
        );
        for (text, way) in [
            ("0", Way::Grow),
            ("0%", Way::Grow),
            ("-1", Way::Shrink),
            ("2.5", Way::Grow),
            ("101%", Way::Shrink),
            ("NaN%", Way::Grow),
        ] {
            assert!(amount(text, way).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_are_whole_and_bounded() {
        assert_eq!(count("100000"), Ok(100_000));
        for text in [
            "100001",
            "-1",
            "2.5",
            "ten",
            "",
            "99999999999999999999999999999999999999999",
        ] {
            assert!(count(text).is_err(), "{text}");
        }
    }
}
