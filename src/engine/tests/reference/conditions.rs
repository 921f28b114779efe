//! What conditions are: true, false or unknown, and by which samples.

use super::super::*;
use super::history::View;
use crate::policy::condition::{Leaf, WindowFunction};

/// A number with the times of the samples that it is computed from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) number: f64,
    newest: Timestamp,
    oldest: Timestamp,
}

impl Value {
    /// When the value of a leaf was measured.
    pub(super) fn time(self) -> Timestamp {
        self.newest
    }
}

/// A condition, with the times of the newest and the oldest sample that make it so.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Truth {
    Known {
        is_true: bool,
        newest: Timestamp,
        oldest: Timestamp,
    },
    Unknown,
}

impl Truth {
    pub(super) fn is(self, expected: bool) -> bool {
        matches!(self, Self::Known { is_true, .. } if is_true == expected)
    }
}

/// What is known at one observation, or at an earlier one that still counts.
pub(super) struct Known<'a> {
    pub(super) leaf: &'a dyn Fn(Leaf) -> Option<Value>,
    pub(super) state: Option<(ClusterState, Timestamp)>,
    pub(super) at: Timestamp,
}

impl Known<'_> {
    /// policy-language.md, "Missing data": a missing signal makes its comparison unknown; `a or b` is true if
    /// `a` is, and `a and b` is false if `a` is.
    pub(super) fn truth(&self, condition: &Condition) -> Truth {
        match condition {
            // It is as true as the daemon is there to see it: a gap between descriptions interrupts it, too.
            Condition::Constant(is_true) => match self.state {
                Some(_) => Truth::Known {
                    is_true: *is_true,
                    newest: self.at,
                    oldest: self.at,
                },
                None => Truth::Unknown,
            },
            Condition::ClusterState { state, negated } => match self.state {
                Some((now, at)) => Truth::Known {
                    is_true: (now == *state) != *negated,
                    newest: at,
                    oldest: at,
                },
                None => Truth::Unknown,
            },
            Condition::Compare {
                left,
                operator,
                right,
            } => match (self.number(left), self.number(right)) {
                (Some(left), Some(right))
                    if left.number.is_finite() && right.number.is_finite() =>
                {
                    Truth::Known {
                        is_true: operator.holds(left.number, right.number),
                        newest: left.newest.max(right.newest),
                        oldest: left.oldest.min(right.oldest),
                    }
                }
                _ => Truth::Unknown,
            },
            Condition::Not(inner) => match self.truth(inner) {
                Truth::Known {
                    is_true,
                    newest,
                    oldest,
                } => Truth::Known {
                    is_true: !is_true,
                    newest,
                    oldest,
                },
                Truth::Unknown => Truth::Unknown,
            },
            Condition::All(parts) => self.joined(parts, false),
            Condition::Any(parts) => self.joined(parts, true),
        }
    }

    /// `and` (decided by any false part) and `or` (decided by any true part). What needs all of its parts is
    /// so since the newest of their samples and up to the oldest; what needs one of them, by whichever part
    /// was so first and is so for longest (policy-language.md, "The `for` timer").
    fn joined(&self, parts: &[Condition], decisive: bool) -> Truth {
        let truths: Vec<Truth> = parts.iter().map(|part| self.truth(part)).collect();
        let times = |truths: &[Truth]| -> Vec<(Timestamp, Timestamp)> {
            truths
                .iter()
                .filter_map(|truth| match truth {
                    Truth::Known { newest, oldest, .. } => Some((*newest, *oldest)),
                    Truth::Unknown => None,
                })
                .collect()
        };
        let deciding: Vec<Truth> = truths
            .iter()
            .copied()
            .filter(|truth| truth.is(decisive))
            .collect();
        if deciding.is_empty() {
            if truths.contains(&Truth::Unknown) {
                return Truth::Unknown;
            }
            let times = times(&truths);
            let newest = times
                .iter()
                .map(|(newest, _)| *newest)
                .max()
                .expect("it has parts");
            let oldest = times
                .iter()
                .map(|(_, oldest)| *oldest)
                .min()
                .expect("it has parts");
            return Truth::Known {
                is_true: !decisive,
                newest,
                oldest,
            };
        }
        let times = times(&deciding);
        let newest = times
            .iter()
            .map(|(newest, _)| *newest)
            .min()
            .expect("one decides");
        let oldest = times
            .iter()
            .map(|(_, oldest)| *oldest)
            .max()
            .expect("one decides");
        Truth::Known {
            is_true: decisive,
            newest,
            oldest,
        }
    }

    fn number(&self, expr: &Expr) -> Option<Value> {
        match expr {
            Expr::Constant(number) => Some(Value {
                number: *number,
                newest: Timestamp::from_millis(i64::MIN),
                oldest: Timestamp::from_millis(i64::MAX),
            }),
            Expr::Signal(index) => (self.leaf)(Leaf::Signal(*index)),
            Expr::Window(index) => (self.leaf)(Leaf::Window(*index)),
            Expr::Negate(inner) => self.number(inner).map(|value| Value {
                number: -value.number,
                ..value
            }),
            Expr::Arithmetic {
                operator,
                left,
                right,
            } => {
                let parts = [self.number(left)?, self.number(right)?];
                Some(of_all(
                    &parts,
                    operator.apply(parts[0].number, parts[1].number),
                ))
            }
            Expr::Greatest(parts) => self.folded(parts, f64::max),
            Expr::Least(parts) => self.folded(parts, f64::min),
        }
    }

    fn folded(&self, parts: &[Expr], fold: fn(f64, f64) -> f64) -> Option<Value> {
        let parts: Vec<Value> = parts
            .iter()
            .map(|part| self.number(part))
            .collect::<Option<_>>()?;
        let number = parts.iter().map(|part| part.number).reduce(fold)?;
        Some(of_all(&parts, number))
    }
}

fn of_all(parts: &[Value], number: f64) -> Value {
    let newest = parts
        .iter()
        .map(|part| part.newest)
        .max()
        .expect("it has parts");
    let oldest = parts
        .iter()
        .map(|part| part.oldest)
        .min()
        .expect("it has parts");
    Value {
        number,
        newest,
        oldest,
    }
}

impl View<'_> {
    /// How old a sample may be, and how far apart two may lie: three polls; for a declared metric, two periods
    /// and the delay (policy-language.md, "The `for` timer" and "metrics").
    pub(super) fn allowance(&self, signal: usize) -> Duration {
        let name = self.target.signals[signal].name();
        let declared = self
            .policy
            .metrics()
            .iter()
            .find(|metric| metric.id.as_str() == name);
        declared.map_or(self.three_polls(), |metric| {
            metric.period * 2 + metric.delay
        })
    }

    /// The sample of a signal in an observation, of any age.
    pub(super) fn sample(&self, tick: usize, signal: usize) -> Option<Sampled<f64>> {
        self.ticks[tick].samples[self.index][signal]
    }

    /// Reads all signals of the present observation.
    pub(super) fn read(&self) -> Vec<Option<Sampled<f64>>> {
        let signals = 0..self.target.signals.len();
        signals
            .map(|signal| self.read_sample(self.ticks.len() - 1, signal))
            .collect()
    }

    fn read_sample(&self, tick: usize, signal: usize) -> Option<Sampled<f64>> {
        let group = self.group(tick)?;
        let observation = &self.ticks[tick].observation;
        let cluster = |number: u32| {
            Some(Sampled {
                value: f64::from(number),
                measured_at: observation.cluster.measured_at,
            })
        };
        let other = |number: fn(&GroupStatus) -> u32| {
            let mut groups = observation.cluster.value.groups.iter();
            groups
                .find(|group| group.id.as_str() == super::world::IDS[1])
                .and_then(|group| cluster(number(group)))
        };
        let yarn = observation.yarn.as_ref();
        let of_yarn = |number: fn(&crate::observation::YarnLoad) -> f64| {
            let sample = yarn.map(|yarn| Sampled {
                value: number(&yarn.value),
                measured_at: yarn.measured_at,
            });
            // The share of no memory at all is no number.
            sample.filter(|sample| sample.value.is_finite())
        };
        match self.target.signals[signal].name() {
            "yarn_memory_available_percent" => {
                of_yarn(|yarn| 100.0 * yarn.memory_available.as_f64() / yarn.memory_total.as_f64())
            }
            "yarn_containers_pending" => of_yarn(|yarn| yarn.containers_pending as f64),
            "yarn_apps_pending" => of_yarn(|yarn| yarn.apps_pending as f64),
            "yarn_apps_running" => of_yarn(|yarn| yarn.apps_running as f64),
            "yarn_containers_released_total" => of_yarn(|yarn| {
                yarn.containers_released_total
                    .map_or(0.0, |total| total as f64)
            }),
            "emr_instances_requested" => cluster(group.requested.get()),
            "emr_instances_running" => cluster(group.running.get()),
            "emr_instances_running(second)" => other(|group| group.running.get()),
            metric => observation
                .metrics
                .iter()
                .find(|(id, _)| id.as_str() == metric)
                .map(|(_, sample)| *sample),
        }
    }

    /// The sample in an observation, unless it is stale.
    fn fresh(&self, tick: usize, signal: usize) -> Option<Sampled<f64>> {
        let sample = self.sample(tick, signal)?;
        let age = self.ticks[tick].observation.at.since(sample.measured_at);
        (age <= self.allowance(signal)).then_some(sample)
    }

    /// What a leaf is at an observation; `None` while it is unknown.
    pub(super) fn value(&self, tick: usize, leaf: Leaf) -> Option<Value> {
        let values = &self.ticks[tick].values[self.index];
        values
            .iter()
            .find(|(found, _)| *found == leaf)
            .and_then(|(_, value)| *value)
    }

    /// What every leaf of the target's rules is at the present observation.
    pub(super) fn evaluate(&self) -> Vec<(Leaf, Option<Value>)> {
        let signals = (0..self.target.signals.len()).map(Leaf::Signal);
        let windows = (0..self.target.windows.len()).map(Leaf::Window);
        signals
            .chain(windows)
            .map(|leaf| (leaf, self.evaluate_leaf(self.ticks.len() - 1, leaf)))
            .collect()
    }

    fn evaluate_leaf(&self, tick: usize, leaf: Leaf) -> Option<Value> {
        let newest = self.fresh(tick, self.target.signal_of(leaf))?;
        let number = match leaf {
            Leaf::Signal(_) => newest.value,
            Leaf::Window(window) => self.over_window(tick, window)?,
        };
        Some(Value {
            number,
            newest: newest.measured_at,
            oldest: newest.measured_at,
        })
    }

    /// policy-language.md, "Conditions": over the samples of the last minutes before the newest sample. It is
    /// unknown until samples without a gap span that time (the documentation of [`HoldReason::MissingSignal`]).
    fn over_window(&self, tick: usize, window: usize) -> Option<f64> {
        let spec = self.target.windows[window];
        let mut samples: Vec<Sampled<f64>> = Vec::new();
        for earlier in 0..=tick {
            let sample = self.sample(earlier, spec.signal);
            samples.extend(sample.filter(|sample| {
                samples
                    .last()
                    .is_none_or(|last| last.measured_at < sample.measured_at)
            }));
        }
        let is_gap = |pair: &[Sampled<f64>]| {
            pair[1].measured_at.since(pair[0].measured_at) > self.allowance(spec.signal)
        };
        let gap = samples.windows(2).rposition(is_gap);
        let samples = &samples[gap.map_or(0, |gap| gap + 1)..];
        let start = samples.last()?.measured_at - spec.over;
        let before = samples
            .iter()
            .rposition(|sample| sample.measured_at <= start)?;
        aggregate(spec.function, samples[before], &samples[before + 1..])
    }
}

/// The aggregate of samples, of which `before` is the last one before the window. A rate is the change since
/// that one.
fn aggregate(
    function: WindowFunction,
    before: Sampled<f64>,
    samples: &[Sampled<f64>],
) -> Option<f64> {
    let numbers: Vec<f64> = samples.iter().map(|sample| sample.value).collect();
    let last = samples.last()?;
    match function {
        WindowFunction::Average => Some(numbers.iter().sum::<f64>() / numbers.len() as f64),
        WindowFunction::Minimum => numbers.into_iter().reduce(f64::min),
        WindowFunction::Maximum => numbers.into_iter().reduce(f64::max),
        WindowFunction::Percentile(rank) => {
            let mut sorted = numbers;
            sorted.sort_by(f64::total_cmp);
            let rank = (usize::from(rank) * sorted.len()).div_ceil(100).max(1);
            Some(sorted[rank - 1])
        }
        WindowFunction::Rate => {
            let seconds = last.measured_at.seconds_since(before.measured_at);
            let mut previous = before.value;
            let mut grown = 0.0;
            for number in numbers {
                grown += if number < previous {
                    number
                } else {
                    number - previous
                };
                previous = number;
            }
            Some(grown / seconds)
        }
    }
}
