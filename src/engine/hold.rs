//! When a condition has been true for long enough.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::memory::SignalTrack;
use super::window::Window;
use crate::observation::{ClusterState, Sampled};
use crate::policy::condition::{Condition, Expr, Operator};
use crate::units::Timestamp;

/// What a condition can be read from at one tick.
pub struct Scope<'a> {
    pub signals: &'a [SignalTrack],
    pub windows: &'a [Window],
    /// The signal of each window.
    pub window_signals: &'a [usize],
    pub cluster_state: ClusterState,
    /// Reads the last sample of a signal that this tick did not bring, as long as the next one
    /// could follow it without a gap.
    pub bridging: bool,
}

impl Scope<'_> {
    /// Three-valued: `None` when a signal that could decide the outcome is missing or stale.
    pub fn truth(&self, condition: &Condition) -> Option<bool> {
        match condition {
            Condition::Constant(value) => Some(*value),
            Condition::Compare {
                left,
                operator,
                right,
            } => Some(operator.holds(self.number(left)?, self.number(right)?)),
            Condition::ClusterState { state, negated } => {
                Some((self.cluster_state == *state) != *negated)
            }
            Condition::Not(inner) => self.truth(inner).map(|value| !value),
            Condition::All(parts) => self.combine(parts, false),
            Condition::Any(parts) => self.combine(parts, true),
        }
    }

    /// One part with the `decisive` value decides, whatever is unknown of the others.
    fn combine(&self, parts: &[Condition], decisive: bool) -> Option<bool> {
        let mut unknown = false;
        for part in parts {
            match self.truth(part) {
                Some(value) if value == decisive => return Some(decisive),
                Some(_) => {}
                None => unknown = true,
            }
        }
        (!unknown).then_some(!decisive)
    }

    /// A finite number; `None` when a signal is missing or stale, or the arithmetic has no result
    /// (a division by zero).
    pub fn number(&self, expr: &Expr) -> Option<f64> {
        let value = match expr {
            Expr::Constant(value) => *value,
            Expr::Signal(index) => self.sample(*index)?.value,
            Expr::Window(index) => {
                self.sample(self.window_signals[*index])?;
                self.windows[*index].value()?
            }
            Expr::Negate(inner) => -self.number(inner)?,
            Expr::Arithmetic {
                operator,
                left,
                right,
            } => {
                let (left, right) = (self.number(left)?, self.number(right)?);
                match operator {
                    Operator::Add => left + right,
                    Operator::Subtract => left - right,
                    Operator::Multiply => left * right,
                    Operator::Divide => left / right,
                }
            }
            Expr::Greatest(parts) => self.fold(parts, f64::NEG_INFINITY, f64::max)?,
            Expr::Least(parts) => self.fold(parts, f64::INFINITY, f64::min)?,
        };
        value.is_finite().then_some(value)
    }

    fn sample(&self, signal: usize) -> Option<Sampled<f64>> {
        let track = &self.signals[signal];
        if self.bridging {
            track.recent()
        } else {
            track.known()
        }
    }

    fn fold(&self, parts: &[Expr], start: f64, pick: fn(f64, f64) -> f64) -> Option<f64> {
        parts
            .iter()
            .try_fold(start, |best, part| Some(pick(best, self.number(part)?)))
    }
}

/// An unbroken run of samples at which a condition was true. Its clock is the samples', never the
/// number of ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hold {
    since: Option<Since>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Since {
    /// When the newest of the condition's signals was measured as the condition became true.
    start: Timestamp,
    /// The signals' breaks at that time: a different number means that a run of samples was broken.
    breaks: u64,
}

/// How a condition stands after a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    Unknown,
    NotTrue,
    /// Not yet long enough.
    Since {
        start: Timestamp,
        until: Timestamp,
    },
    LongEnough,
}

impl Hold {
    /// Takes the condition's outcome with the time of its newest sample. An unknown outcome leaves
    /// the hold where it was: the next samples either follow without a gap or have raised `breaks`.
    /// Where the samples seen last no longer make the condition true, there is no hold to leave:
    /// [`Self::forget`] it.
    pub fn update(
        &mut self,
        truth: Option<bool>,
        clock: Timestamp,
        breaks: u64,
        hold_for: Duration,
    ) -> Held {
        match truth {
            None => Held::Unknown,
            Some(false) => {
                self.since = None;
                Held::NotTrue
            }
            Some(true) => {
                let start = match self.since {
                    Some(since) if since.breaks == breaks => since.start,
                    _ => clock,
                };
                self.since = Some(Since { start, breaks });
                if clock >= start && clock.since(start) >= hold_for {
                    Held::LongEnough
                } else {
                    Held::Since {
                        start,
                        until: start + hold_for,
                    }
                }
            }
        }
    }

    pub fn forget(&mut self) {
        self.since = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::condition::Comparison;

    /// Signal 0 is 10, signal 1 is missing.
    fn truth(condition: &Condition) -> Option<bool> {
        let mut known = SignalTrack::new("known".into(), Duration::from_secs(90));
        known.update(
            Timestamp::EPOCH,
            Some(Sampled {
                value: 10.0,
                measured_at: Timestamp::EPOCH,
            }),
        );
        let missing = SignalTrack::new("missing".into(), Duration::from_secs(90));
        let signals = [known, missing];
        let scope = Scope {
            signals: &signals,
            windows: &[],
            window_signals: &[],
            cluster_state: ClusterState::Waiting,
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

    #[test]
    fn a_hold_counts_from_its_first_true_sample_to_the_very_second() {
        let second = |s: i64| Timestamp::from_millis(1_000 * s);
        let five_minutes = Duration::from_secs(300);
        let mut hold = Hold::default();
        assert_eq!(
            hold.update(Some(true), second(0), 1, five_minutes),
            Held::Since {
                start: second(0),
                until: second(300)
            }
        );
        assert_eq!(
            hold.update(Some(true), second(299), 1, five_minutes),
            Held::Since {
                start: second(0),
                until: second(300)
            }
        );
        assert_eq!(
            hold.update(None, second(299), 1, five_minutes),
            Held::Unknown
        );
        assert_eq!(
            hold.update(Some(true), second(300), 1, five_minutes),
            Held::LongEnough
        );
        assert_eq!(
            hold.update(Some(true), second(301), 2, five_minutes),
            Held::Since {
                start: second(301),
                until: second(601)
            },
            "a break"
        );
        assert_eq!(
            hold.update(Some(false), second(302), 2, five_minutes),
            Held::NotTrue
        );
        assert_eq!(
            hold.update(Some(true), second(303), 2, Duration::ZERO),
            Held::LongEnough
        );
    }
}
