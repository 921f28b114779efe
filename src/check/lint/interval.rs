//! What values an expression can take at all, and so which conditions can never, or must always, be
//! true.

use crate::policy::Target;
use crate::policy::condition::{Condition, Expr, WindowFunction};
use crate::policy::operator::{Comparison, Operator};
use crate::policy::signal::{SignalSource, Unit};

/// All numbers from `low` to `high`, both included. Empty when `low > high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    pub const ALL: Self = Self {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };

    const fn point(value: f64) -> Self {
        Self {
            low: value,
            high: value,
        }
    }

    pub fn is_empty(self) -> bool {
        self.low > self.high
    }

    pub fn and(self, other: Self) -> Self {
        Self {
            low: self.low.max(other.low),
            high: self.high.min(other.high),
        }
    }

    /// The numbers for which `number operator threshold`; `None` for `!=`, which is no interval.
    pub fn satisfying(operator: Comparison, threshold: f64) -> Option<Self> {
        Some(match operator {
            Comparison::Less => Self {
                low: f64::NEG_INFINITY,
                high: threshold.next_down(),
            },
            Comparison::LessOrEqual => Self {
                low: f64::NEG_INFINITY,
                high: threshold,
            },
            Comparison::Greater => Self {
                low: threshold.next_up(),
                high: f64::INFINITY,
            },
            Comparison::GreaterOrEqual => Self {
                low: threshold,
                high: f64::INFINITY,
            },
            Comparison::Equal => Self::point(threshold),
            Comparison::NotEqual => return None,
        })
    }

    /// The smallest interval around these numbers; everything when one of them is undefined.
    fn around(numbers: &[f64]) -> Self {
        if numbers.iter().any(|number| number.is_nan()) {
            return Self::ALL;
        }
        let low = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let high = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { low, high }
    }
}

/// What values an expression can take.
pub fn range(expr: &Expr, target: &Target) -> Interval {
    match expr {
        Expr::Constant(value) => Interval::point(*value),
        Expr::Signal(index) => target
            .signals
            .get(*index)
            .map_or(Interval::ALL, signal_range),
        Expr::Window(index) => match target.windows.get(*index) {
            Some(window) if window.function != WindowFunction::Rate => {
                range(&Expr::Signal(window.signal), target)
            }
            _ => Interval::ALL,
        },
        Expr::Negate(inner) => {
            let Interval { low, high } = range(inner, target);
            Interval {
                low: -high,
                high: -low,
            }
        }
        Expr::Arithmetic {
            operator,
            left,
            right,
        } => combine(*operator, range(left, target), range(right, target)),
        Expr::Greatest(values) => values.iter().map(|value| range(value, target)).fold(
            Interval {
                low: f64::NEG_INFINITY,
                high: f64::NEG_INFINITY,
            },
            |so_far, value| Interval {
                low: so_far.low.max(value.low),
                high: so_far.high.max(value.high),
            },
        ),
        Expr::Least(values) => values.iter().map(|value| range(value, target)).fold(
            Interval {
                low: f64::INFINITY,
                high: f64::INFINITY,
            },
            |so_far, value| Interval {
                low: so_far.low.min(value.low),
                high: so_far.high.min(value.high),
            },
        ),
    }
}

/// Whether a condition is always true, never true, or `None`: that depends.
pub fn truth(condition: &Condition, target: &Target) -> Option<bool> {
    match condition {
        Condition::Constant(value) => Some(*value),
        Condition::ClusterState { .. } => None,
        Condition::Compare {
            left,
            operator,
            right,
        } => compare(*operator, range(left, target), range(right, target)),
        Condition::Not(inner) => truth(inner, target).map(|value| !value),
        Condition::All(parts) => {
            let truths: Vec<_> = parts.iter().map(|part| truth(part, target)).collect();
            if truths.contains(&Some(false)) || contradict(parts) {
                return Some(false);
            }
            truths
                .iter()
                .all(|truth| *truth == Some(true))
                .then_some(true)
        }
        Condition::Any(parts) => {
            let truths: Vec<_> = parts.iter().map(|part| truth(part, target)).collect();
            if truths.contains(&Some(true)) {
                return Some(true);
            }
            truths
                .iter()
                .all(|truth| *truth == Some(false))
                .then_some(false)
        }
    }
}

/// Two of these comparisons leave the same expression no value.
fn contradict(parts: &[Condition]) -> bool {
    let bounds: Vec<(&Expr, Interval)> = parts
        .iter()
        .filter_map(Condition::threshold)
        .filter_map(|(expr, operator, value)| Some((expr, Interval::satisfying(operator, value)?)))
        .collect();
    bounds.iter().any(|(expr, _)| {
        let together = bounds
            .iter()
            .filter(|(other, _)| other == expr)
            .fold(Interval::ALL, |so_far, (_, bound)| so_far.and(*bound));
        together.is_empty()
    })
}

fn signal_range(source: &SignalSource) -> Interval {
    match source {
        SignalSource::BuiltIn(signal) if signal.unit() == Unit::PERCENT => Interval {
            low: 0.0,
            high: 100.0,
        },
        SignalSource::BuiltIn(_) | SignalSource::OfTarget { .. } => Interval {
            low: 0.0,
            high: f64::INFINITY,
        },
        SignalSource::Metric { .. } => Interval::ALL,
    }
}

fn combine(operator: Operator, a: Interval, b: Interval) -> Interval {
    let corners = |f: fn(f64, f64) -> f64| {
        Interval::around(&[
            f(a.low, b.low),
            f(a.low, b.high),
            f(a.high, b.low),
            f(a.high, b.high),
        ])
    };
    match operator {
        Operator::Add => Interval::around(&[a.low + b.low, a.high + b.high]),
        Operator::Subtract => Interval::around(&[a.low - b.high, a.high - b.low]),
        Operator::Multiply => corners(|a, b| a * b),
        Operator::Divide if b.low <= 0.0 && b.high >= 0.0 => Interval::ALL,
        Operator::Divide => corners(|a, b| a / b),
    }
}

fn compare(operator: Comparison, a: Interval, b: Interval) -> Option<bool> {
    let either = |always: bool, never: bool| {
        if always {
            Some(true)
        } else {
            never.then_some(false)
        }
    };
    match operator {
        Comparison::Less => either(a.high < b.low, a.low >= b.high),
        Comparison::LessOrEqual => either(a.high <= b.low, a.low > b.high),
        Comparison::Greater => either(a.low > b.high, a.high <= b.low),
        Comparison::GreaterOrEqual => either(a.low >= b.high, a.high < b.low),
        Comparison::Equal => either(a == b && a.low == a.high, a.and(b).is_empty()),
        Comparison::NotEqual => compare(Comparison::Equal, a, b).map(|value| !value),
    }
}
