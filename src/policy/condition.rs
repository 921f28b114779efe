//! The expression tree of a condition: already unit-checked, with every signal resolved to an
//! index.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use crate::observation::ClusterState;
use crate::policy::grammar;
use crate::policy::operator::{Comparison, Operator};

/// Where a condition that is one comparison, such as `yarn_memory_available_percent < 15`, has its
/// threshold: the bytes of the number on its right, with its unit. `None` for any other condition,
/// and for a text that is none.
pub fn threshold(text: &str) -> Option<Range<usize>> {
    use grammar::{Binary, Kind, Unary};
    let Kind::Binary(Binary::Compare(_), _, right) = grammar::parse(text).ok()?.kind else {
        return None;
    };
    match right.kind {
        Kind::Number { .. } => Some(right.span),
        Kind::Unary(Unary::Minus, number) if matches!(number.kind, Kind::Number { .. }) => {
            Some(number.span)
        }
        _ => None,
    }
}

/// Something that is true, false or, when a signal it depends on is missing, unknown.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    Constant(bool),
    Compare {
        left: Expr,
        operator: Comparison,
        right: Expr,
    },
    /// `emr_cluster_state == WAITING` (or `!=` when `negated`).
    ClusterState {
        state: ClusterState,
        negated: bool,
    },
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

/// A number, in the base units of [`Unit`](super::signal::Unit).
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    Constant(f64),
    /// Index into [`Target::signals`](super::Target::signals).
    Signal(usize),
    /// Index into [`Target::windows`](super::Target::windows).
    Window(usize),
    Negate(Box<Expr>),
    Arithmetic {
        operator: Operator,
        left: Box<Expr>,
        right: Box<Expr>,
    },
    /// `greatest(a, b, ...)`: never empty.
    Greatest(Vec<Expr>),
    /// `least(a, b, ...)`: never empty.
    Least(Vec<Expr>),
}

/// What an expression reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaf {
    /// Index into [`Target::signals`](super::Target::signals).
    Signal(usize),
    /// Index into [`Target::windows`](super::Target::windows).
    Window(usize),
}

impl Expr {
    /// Calls `each` for everything that the expression reads, from left to right.
    pub fn leaves(&self, each: &mut dyn FnMut(Leaf)) {
        match self {
            Self::Constant(_) => {}
            Self::Signal(index) => each(Leaf::Signal(*index)),
            Self::Window(index) => each(Leaf::Window(*index)),
            Self::Negate(inner) => inner.leaves(each),
            Self::Arithmetic { left, right, .. } => {
                left.leaves(each);
                right.leaves(each);
            }
            Self::Greatest(parts) | Self::Least(parts) => {
                parts.iter().for_each(|part| part.leaves(each))
            }
        }
    }
}

impl Condition {
    /// Calls `each` for everything that the condition reads, from left to right.
    pub fn leaves(&self, each: &mut dyn FnMut(Leaf)) {
        match self {
            Self::Constant(_) | Self::ClusterState { .. } => {}
            Self::Compare { left, right, .. } => {
                left.leaves(each);
                right.leaves(each);
            }
            Self::Not(inner) => inner.leaves(each),
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.leaves(each)),
        }
    }

    /// The value of the condition, with that of each part that is not composed of others from `part`, in the order
    /// of the text. Unknown parts combine as in SQL: `a or b` is true when `a` is, whatever `b` is.
    pub fn truth(&self, part: &mut dyn FnMut(&Self) -> Option<bool>) -> Option<bool> {
        match self {
            Self::Constant(_) | Self::Compare { .. } | Self::ClusterState { .. } => part(self),
            Self::Not(inner) => inner.truth(part).map(|value| !value),
            Self::All(parts) => combined(parts, false, part),
            Self::Any(parts) => combined(parts, true, part),
        }
    }

    /// A comparison of something with a constant, turned so that the constant is on the right.
    /// `None` for any other condition.
    pub fn threshold(&self) -> Option<(&Expr, Comparison, f64)> {
        let Self::Compare {
            left,
            operator,
            right,
        } = self
        else {
            return None;
        };
        match (left, right) {
            (left, Expr::Constant(value)) => Some((left, *operator, *value)),
            (Expr::Constant(value), right) => Some((right, operator.turned(), *value)),
            _ => None,
        }
    }

    /// Something else than a sample of a signal can decide the condition.
    pub fn reads_cluster(&self) -> bool {
        match self {
            Self::Constant(_) | Self::ClusterState { .. } => true,
            Self::Compare { .. } => false,
            Self::Not(inner) => inner.reads_cluster(),
            Self::All(parts) | Self::Any(parts) => parts.iter().any(Self::reads_cluster),
        }
    }
}

/// Combines parts of which one with the `decisive` value decides the outcome, even if others are unknown.
fn combined(
    parts: &[Condition],
    decisive: bool,
    part: &mut dyn FnMut(&Condition) -> Option<bool>,
) -> Option<bool> {
    let mut outcome = Some(!decisive);
    for each in parts {
        match each.truth(part) {
            Some(value) if value == decisive => outcome = Some(decisive),
            None if outcome == Some(!decisive) => outcome = None,
            _ => {}
        }
    }
    outcome
}

/// An aggregate of one signal over a time span, such as `avg(yarn_memory_available_percent, 5m)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WindowSpec {
    pub function: WindowFunction,
    /// Index into [`Target::signals`](super::Target::signals).
    pub signal: usize,
    /// Samples measured later than `now - over` count. Unknown until samples without a gap span it.
    pub over: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowFunction {
    Average,
    Minimum,
    Maximum,
    /// `p50` to `p99`: the nearest-rank percentile.
    Percentile(u8),
    /// Change per second between the oldest and the newest sample; a counter that was reset counts
    /// from zero.
    Rate,
}

/// As conditions write it.
impl fmt::Display for WindowFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Average => f.write_str("avg"),
            Self::Minimum => f.write_str("min"),
            Self::Maximum => f.write_str("max"),
            Self::Percentile(rank) => write!(f, "p{rank}"),
            Self::Rate => f.write_str("rate"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_comparison_has_a_threshold() {
        for (text, found) in [
            ("yarn_memory_available_percent < 15", Some("15")),
            (
                "avg(yarn_memory_available_percent, 5m) >= 7.5%",
                Some("7.5%"),
            ),
            ("emr_idle_seconds > (30m)", Some("(30m)")),
            ("true", None),
            ("yarn_apps_pending > 0 and yarn_apps_running > 0", None),
            ("15 > yarn_memory_available_percent", None),
            (
                "yarn_memory_pending_mib > 2 * yarn_memory_available_mib",
                None,
            ),
            ("yarn_memory_available_percent <", None),
        ] {
            assert_eq!(threshold(text).map(|span| &text[span]), found, "{text}");
        }
    }
}
