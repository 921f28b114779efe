//! What is varied: a value of the policy, and the values that it may have.

use std::time::Duration;

use super::locations::{PathError, PolicyText, Slot};
use crate::policy::scalar;
use crate::units::display_duration;

/// Where the ends of a range differ by more than this factor, equal factors are as likely as equal
/// steps are elsewhere.
const GEOMETRIC_BEYOND: f64 = 10.0;

/// A value of the policy that is varied.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// As on the command line.
    pub path: String,
    /// The values that are tried.
    pub range: Range,
    slots: Vec<Slot>,
    /// What the policy says now; nothing where it leaves the value out.
    pub written: Option<String>,
}

/// The values that are tried.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// From one end to the other.
    Between {
        from: Quantity,
        to: Quantity,
        spacing: Spacing,
    },
    OneOf(Vec<String>),
}

/// How values between two ends are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    Linear,
    Geometric,
}

/// A number with its unit.
#[derive(Clone, Debug, PartialEq)]
pub enum Quantity {
    Time(Duration),
    /// A whole number with its unit, which is empty where there is none.
    Whole(i64, String),
    Real(f64, String),
}

/// Why `PATH=RANGE` is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VaryError {
    #[error("`{0}` is not PATH=RANGE; write it like `rules.memory-short.for=1m..15m`")]
    NoRange(String),
    #[error(
        "{path}: `{end}` is neither a time, as in `1m..15m`, nor a number, as in `5..30` or `10%..40%`"
    )]
    NoQuantity { path: String, end: String },
    #[error("{path}: `{from}` and `{to}` have different units; give both the same")]
    Units {
        path: String,
        from: String,
        to: String,
    },
    #[error("{path}: `{from}` is above `{to}`; write the smaller value first")]
    Reversed {
        path: String,
        from: String,
        to: String,
    },
    #[error("{path}: one of the values is empty")]
    Empty { path: String },
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("`{0}` is varied twice; give each value one range")]
    Twice(String),
}

impl Parameter {
    /// Reads `PATH=RANGE` for a policy. A range is `a..b`, or a list `a|b|c`.
    ///
    /// # Errors
    /// When the path leads to no value of the policy, or the range is none.
    pub fn parse(text: &str, policy: &PolicyText) -> Result<Self, VaryError> {
        let (path, range) = text
            .split_once('=')
            .ok_or_else(|| VaryError::NoRange(text.to_owned()))?;
        let path = path.trim();
        Self::new(path, Range::parse(path, range)?, policy)
    }

    /// # Errors
    /// When the path leads to no value of the policy.
    pub fn new(path: &str, range: Range, policy: &PolicyText) -> Result<Self, VaryError> {
        let slots = policy.slots(path)?;
        let written = slots
            .iter()
            .find_map(|slot| policy.written(slot))
            .map(str::to_owned);
        // The index is a scale already: its steps are alike.
        let range = if path.ends_with("performance_index") {
            range.in_equal_steps()
        } else {
            range
        };
        Ok(Self {
            path: path.to_owned(),
            range,
            slots,
            written,
        })
    }

    /// The places that get a value, each with how it is written there.
    pub fn place<'k>(&'k self, value: &'k Value) -> impl Iterator<Item = (&'k Slot, String)> {
        self.slots.iter().map(move |slot| {
            (
                slot,
                if slot.in_condition {
                    value.in_condition()
                } else {
                    value.to_string()
                },
            )
        })
    }

    /// Both would write into one place.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.slots
            .iter()
            .any(|slot| other.slots.iter().any(|taken| slot.overlaps(taken)))
    }

    /// The end of the path that identifies it, as in `memory-short.for`.
    pub fn short_name(&self) -> &str {
        self.path.strip_prefix("rules.").unwrap_or(&self.path)
    }
}

impl Range {
    fn parse(path: &str, text: &str) -> Result<Self, VaryError> {
        if let Some((from, to)) = text.split_once("..") {
            return Self::parse_ends(path, from.trim(), to.trim());
        }
        let values: Vec<String> = text
            .split('|')
            .map(|value| value.trim().to_owned())
            .collect();
        if values.iter().any(String::is_empty) {
            let path = path.to_owned();
            return Err(VaryError::Empty { path });
        }
        Ok(Self::OneOf(values))
    }

    fn parse_ends(path: &str, from_text: &str, to_text: &str) -> Result<Self, VaryError> {
        let from = Quantity::parse_end(path, from_text)?;
        let to = Quantity::parse_end(path, to_text)?;
        let is_reversed = from.number() > to.number();
        let (path, from_text, to_text) =
            (path.to_owned(), from_text.to_owned(), to_text.to_owned());
        match Self::between(from, to) {
            None => Err(VaryError::Units {
                path,
                from: from_text,
                to: to_text,
            }),
            Some(_) if is_reversed => Err(VaryError::Reversed {
                path,
                from: from_text,
                to: to_text,
            }),
            Some(range) => Ok(range),
        }
    }

    /// Whole numbers where both ends are whole; `None` where the units differ.
    pub fn between(from: Quantity, to: Quantity) -> Option<Self> {
        let (from, to) = match (from, to) {
            (Quantity::Whole(number, unit), to @ Quantity::Real(..)) => {
                (Quantity::Real(number as f64, unit), to)
            }
            (from @ Quantity::Real(..), Quantity::Whole(number, unit)) => {
                (from, Quantity::Real(number as f64, unit))
            }
            both => both,
        };
        let fits = match (&from, &to) {
            (Quantity::Time(_), Quantity::Time(_)) => true,
            (Quantity::Whole(_, one), Quantity::Whole(_, other))
            | (Quantity::Real(_, one), Quantity::Real(_, other)) => one == other,
            _ => false,
        };
        let is_wide = from.number() > 0.0 && to.number() > GEOMETRIC_BEYOND * from.number();
        let spacing = if is_wide {
            Spacing::Geometric
        } else {
            Spacing::Linear
        };
        fits.then_some(Self::Between { from, to, spacing })
    }

    fn in_equal_steps(self) -> Self {
        match self {
            Self::Between { from, to, .. } => Self::Between {
                from,
                to,
                spacing: Spacing::Linear,
            },
            list @ Self::OneOf(_) => list,
        }
    }

    /// The value at a place between 0 and 1, the latter excluded.
    pub fn at(&self, place: f64) -> Value {
        match self {
            Self::OneOf(values) => {
                let index = ((place * values.len() as f64) as usize).min(values.len() - 1);
                Value::Text(values[index].clone())
            }
            Self::Between {
                from: Quantity::Whole(from, unit),
                to: Quantity::Whole(to, _),
                spacing: Spacing::Linear,
            } => {
                // Each whole number is as likely as any other.
                let steps = (place * (to.saturating_sub(*from) as f64 + 1.0)) as i64;
                Value::Quantity(Quantity::Whole(
                    from.saturating_add(steps).min(*to),
                    unit.clone(),
                ))
            }
            Self::Between { from, to, spacing } => {
                let (low, high) = (from.number(), to.number());
                let number = match spacing {
                    Spacing::Linear => low + place * (high - low),
                    Spacing::Geometric => low * (high / low).powf(place),
                };
                Value::Quantity(from.with(number.clamp(low, high)))
            }
        }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OneOf(values) => f.write_str(&values.join("|")),
            Self::Between { from, to, .. } => write!(f, "{from}..{to}"),
        }
    }
}

impl Quantity {
    /// `5m`, `15`, `15%`, `0.7` or `64GiB`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Ok(duration) = scalar::duration(text) {
            return Some(Self::Time(duration));
        }
        let digits = text
            .find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-')
            .unwrap_or(text.len());
        let (number, unit) = (&text[..digits], text[digits..].trim());
        let is_unit = unit == "%" || unit.chars().all(|c| c.is_ascii_alphabetic());
        let value = scalar::finite(number).filter(|_| is_unit)?;
        Some(match number.parse::<i32>() {
            Ok(whole) => Self::Whole(whole.into(), unit.to_owned()),
            Err(_) => Self::Real(value, unit.to_owned()),
        })
    }

    fn parse_end(path: &str, text: &str) -> Result<Self, VaryError> {
        Self::parse(text).ok_or_else(|| VaryError::NoQuantity {
            path: path.to_owned(),
            end: text.to_owned(),
        })
    }

    /// A time in seconds.
    pub fn number(&self) -> f64 {
        match self {
            Self::Time(duration) => duration.as_secs_f64(),
            Self::Whole(number, _) => *number as f64,
            Self::Real(number, _) => *number,
        }
    }

    /// Another number of the same kind, with no more digits than matter.
    pub fn with(&self, number: f64) -> Self {
        match self {
            Self::Time(_) => Self::Time(Duration::from_secs_f64(rounded_s(number.max(0.0)))),
            Self::Whole(_, unit) => Self::Whole(number.round() as i64, unit.clone()),
            Self::Real(_, unit) => Self::Real(three_digits(number), unit.clone()),
        }
    }
}

impl std::fmt::Display for Quantity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(duration) => write!(f, "{}", display_duration(*duration)),
            Self::Whole(number, unit) => write!(f, "{number}{unit}"),
            Self::Real(number, unit) => write!(f, "{number}{unit}"),
        }
    }
}

/// A value to be tried.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Quantity(Quantity),
    Text(String),
}

impl Value {
    /// Conditions read a time as one number with one unit.
    fn in_condition(&self) -> String {
        match self {
            Self::Quantity(Quantity::Time(duration)) => format!("{}s", duration.as_secs_f64()),
            other => other.to_string(),
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Quantity(quantity) => quantity.fmt(f),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// To 1 s below a minute, then to steps of at most a twelfth.
fn rounded_s(seconds: f64) -> f64 {
    let step_s = match seconds {
        ..60.0 => 1.0,
        ..600.0 => 5.0,
        ..3_600.0 => 30.0,
        _ => 300.0,
    };
    (seconds / step_s).round() * step_s
}

fn three_digits(number: f64) -> f64 {
    if number == 0.0 {
        return 0.0;
    }
    let scale = 10_f64.powi(2 - number.abs().log10().floor() as i32);
    (number * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> Range {
        Range::parse("a.path", text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn ranges_are_read_and_spread_over_their_values() {
        for (text, at) in [
            ("1m..5m", ["1m", "2m", "3m", "4m"]),
            ("1m..16h", ["1m", "5m 35s", "31m", "2h 50m"]),
            ("2..5", ["2", "3", "4", "5"]),
            ("10%..50%", ["10%", "20%", "30%", "40%"]),
            ("0.5..4", ["0.5", "1.38", "2.25", "3.13"]),
            ("1..1000", ["1", "6", "32", "178"]),
            ("64GiB..128GiB", ["64GiB", "80GiB", "96GiB", "112GiB"]),
            ("min|5|max|7", ["min", "5", "max", "7"]),
            ("7..7", ["7"; 4]),
        ] {
            assert_eq!(
                [0.0, 0.25, 0.5, 0.75].map(|place| range(text).at(place).to_string()),
                at,
                "{text}"
            );
        }
    }

    #[test]
    fn no_value_lies_outside_its_range() {
        for text in ["59s..61s", "1..3", "0.999..1", "3599s..3601s", "0s..1s"] {
            let Range::Between { from, to, .. } = range(text) else {
                panic!("{text}")
            };
            for step in 0..1_000 {
                let Value::Quantity(value) = range(text).at(f64::from(step) / 1e3) else {
                    panic!("{text}")
                };
                assert!(
                    (from.number()..=to.number()).contains(&value.number()),
                    "{value} of {text}"
                );
            }
        }
    }

    #[test]
    fn a_range_that_is_none_is_refused_with_what_would_be_right() {
        for (text, message) in [
            (
                "1m..",
                "a.path: `` is neither a time, as in `1m..15m`, nor a number, as in `5..30` or `10%..40%`",
            ),
            (
                "1m..5",
                "a.path: `1m` and `5` have different units; give both the same",
            ),
            (
                "1%..5",
                "a.path: `1%` and `5` have different units; give both the same",
            ),
            (
                "9..5",
                "a.path: `9` is above `5`; write the smaller value first",
            ),
            ("a||b", "a.path: one of the values is empty"),
            (
                "-inf..3",
                "a.path: `-inf` is neither a time, as in `1m..15m`, nor a number, as in `5..30` or `10%..40%`",
            ),
        ] {
            assert_eq!(
                Range::parse("a.path", text).expect_err(text).to_string(),
                message
            );
        }
    }

    #[test]
    fn times_inside_conditions_have_one_unit() {
        let value = Value::Quantity(Quantity::Time(Duration::from_secs(95)));
        assert_eq!(
            (value.to_string(), value.in_condition()),
            ("1m 35s".to_owned(), "95s".to_owned())
        );
    }
}
