//! Evaluates the conditions and expressions of rules, with unknown as a third value.

use std::sync::Arc;

use super::samples::{Freshness, SignalSamples};
use super::window::WindowSamples;
use crate::observation::{ClusterState, Sampled};
use crate::policy::Target;
use crate::policy::condition::{Condition, Expr, WindowSpec};
use crate::policy::signal::{Signal, SignalSource};
use crate::units::Timestamp;

/// The values that the conditions of one target can read at one tick.
pub struct Scope<'a> {
    pub target: &'a Target,
    /// The signals by name, in the order of the target.
    pub signals: &'a [(Arc<str>, SignalSamples)],
    pub freshness: &'a [Freshness],
    pub windows: &'a [WindowSamples],
    pub cluster_state: Sampled<ClusterState>,
    /// Reads the last sample of a signal that this tick did not bring, while the next one can still
    /// follow it without a gap.
    pub bridging: bool,
}

/// The time for which samples show the value of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// When the newest sample was measured that the value needs. If the value is new, it has been so at
    /// least since then.
    pub from: Timestamp,
    /// When the oldest sample was measured that the value needs. It was so at least until then.
    pub until: Timestamp,
}

impl Shown {
    const fn at(measured_at: Timestamp) -> Self {
        Self {
            from: measured_at,
            until: measured_at,
        }
    }

    /// The value needs what `self` and what `other` show.
    fn both(self, other: Self) -> Self {
        Self {
            from: self.from.max(other.from),
            until: self.until.min(other.until),
        }
    }

    /// The value needs what one of them shows.
    fn either(self, other: Self) -> Self {
        Self {
            from: self.from.min(other.from),
            until: self.until.max(other.until),
        }
    }
}

impl Scope<'_> {
    /// The same scope with [`bridging`](Self::bridging).
    pub fn bridged(&self) -> Self {
        Self {
            bridging: true,
            ..*self
        }
    }

    /// Whether the condition is true; `None` when a signal that could decide it is missing or
    /// stale.
    pub fn truth(&self, condition: &Condition) -> Option<bool> {
        condition.truth(&mut |part| match part {
            Condition::Constant(value) => Some(*value),
            Condition::Compare {
                left,
                operator,
                right,
            } => Some(operator.holds(self.number(left)?, self.number(right)?)),
            Condition::ClusterState { state, negated } => {
                Some((self.cluster_state.value == *state) != *negated)
            }
            composed => self.truth(composed),
        })
    }

    /// The time for which the samples show that the condition has this value, in the newest set of
    /// samples that decides it. `None` if the value does not follow from samples.
    pub fn shown(&self, condition: &Condition, value: bool) -> Option<Shown> {
        let parts_that_decide = |parts: &[Condition]| {
            let deciding = parts.iter().filter(|part| self.truth(part) == Some(value));
            deciding
                .filter_map(|part| self.shown(part, value))
                .reduce(Shown::either)
        };
        let all_parts = |parts: &[Condition]| {
            parts
                .iter()
                .filter_map(|part| self.shown(part, value))
                .reduce(Shown::both)
        };
        match condition {
            Condition::Compare { .. } => {
                let mut shown: Option<Shown> = None;
                condition.leaves(&mut |leaf| {
                    if let Some(sample) = self.sample(self.target.signal_of(leaf)) {
                        let of_leaf = Shown::at(sample.measured_at);
                        shown = Some(shown.map_or(of_leaf, |others| others.both(of_leaf)));
                    }
                });
                shown
            }
            Condition::Constant(_) => None,
            Condition::ClusterState { .. } => Some(Shown::at(self.cluster_state.measured_at)),
            Condition::Not(inner) => self.shown(inner, !value),
            Condition::All(parts) if value => all_parts(parts),
            Condition::Any(parts) if !value => all_parts(parts),
            Condition::All(parts) | Condition::Any(parts) => parts_that_decide(parts),
        }
    }

    /// The value of an expression, always finite; `None` when a signal is missing or stale, or when
    /// the arithmetic has no result, such as a division by zero.
    pub fn number(&self, expr: &Expr) -> Option<f64> {
        let value = match expr {
            Expr::Constant(value) => *value,
            Expr::Signal(index) => self.sample(*index)?.value,
            Expr::Window(index) => {
                let spec = &self.target.windows[*index];
                self.sample(spec.signal)?;
                self.windows[*index].value(spec, is_counter(self.target, spec))?
            }
            Expr::Negate(inner) => -self.number(inner)?,
            Expr::Arithmetic {
                operator,
                left,
                right,
            } => operator.apply(self.number(left)?, self.number(right)?),
            Expr::Greatest(parts) => self.fold(parts, f64::NEG_INFINITY, f64::max)?,
            Expr::Least(parts) => self.fold(parts, f64::INFINITY, f64::min)?,
        };
        value.is_finite().then_some(value)
    }

    fn sample(&self, signal: usize) -> Option<Sampled<f64>> {
        if self.bridging {
            self.signals[signal].1.recent()
        } else {
            self.freshness[signal].sample()
        }
    }

    fn fold(&self, parts: &[Expr], start: f64, pick: fn(f64, f64) -> f64) -> Option<f64> {
        parts
            .iter()
            .try_fold(start, |best, part| Some(pick(best, self.number(part)?)))
    }
}

/// Whether a window is over a counter, which starts again at zero when its source restarts.
pub fn is_counter(target: &Target, window: &WindowSpec) -> bool {
    target.signals[window.signal] == SignalSource::BuiltIn(Signal::YarnContainersReleasedTotal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::policy;
    use crate::policy::operator::{Comparison, Operator};

    /// Evaluates a condition where signal 0 is 10 and signal 1 is missing.
    fn truth(condition: &Condition) -> Option<bool> {
        let ten = Sampled {
            value: 10.0,
            measured_at: Timestamp::EPOCH,
        };
        let policy = policy(Vec::new());
        let scope = Scope {
            target: &policy.targets()[0],
            signals: &[],
            freshness: &[Freshness::Fresh(ten), Freshness::Missing],
            windows: &[],
            cluster_state: Sampled {
                value: ClusterState::Waiting,
                measured_at: Timestamp::from_millis(0),
            },
            bridging: false,
        };
        scope.truth(condition)
    }

    fn above(signal: usize, threshold: f64) -> Condition {
        Condition::Compare {
            left: Expr::Signal(signal),
            operator: Comparison::Greater,
            right: Expr::Constant(threshold),
        }
    }

    #[test]
    fn what_is_missing_makes_a_condition_unknown_unless_the_rest_decides_it() {
        let (yes, no, unknown) = (above(0, 5.0), above(0, 50.0), above(1, 5.0));
        for (condition, expected) in [
            (yes.clone(), Some(true)),
            (unknown.clone(), None),
            (Condition::Not(Box::new(unknown.clone())), None),
            (Condition::All(vec![yes.clone(), unknown.clone()]), None),
            (
                Condition::All(vec![unknown.clone(), no.clone()]),
                Some(false),
            ),
            (Condition::Any(vec![unknown.clone(), yes]), Some(true)),
            (Condition::Any(vec![no, unknown]), None),
            (
                Condition::ClusterState {
                    state: ClusterState::Waiting,
                    negated: true,
                },
                Some(false),
            ),
        ] {
            assert_eq!(truth(&condition), expected, "{condition:?}");
        }
    }

    #[test]
    fn a_division_by_zero_is_unknown_and_not_infinite() {
        let ratio = Expr::Arithmetic {
            operator: Operator::Divide,
            left: Box::new(Expr::Signal(0)),
            right: Box::new(Expr::Constant(0.0)),
        };
        assert_eq!(
            truth(&Condition::Compare {
                left: ratio,
                operator: Comparison::Greater,
                right: Expr::Constant(1.0)
            }),
            None
        );
    }
}
