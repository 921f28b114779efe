//! `for` timers, from the beginning of the history.

use super::super::*;
use super::conditions::{Known, Truth, Value};
use super::history::View;
use super::known;
use crate::policy::Rule;
use crate::policy::condition::Leaf;

/// What a rule's condition has been.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Timer {
    /// The condition now.
    pub(super) truth: Truth,
    /// Since when it has been true at every sample.
    pub(super) since: Option<Timestamp>,
}

impl Timer {
    /// Whether it has been true for the whole time, up to the oldest sample that it needs
    /// (policy-language.md, "The `for` timer").
    pub(super) fn has_lasted(&self, time: Duration) -> bool {
        match (self.truth, self.since) {
            (
                Truth::Known {
                    is_true: true,
                    oldest,
                    ..
                },
                Some(since),
            ) => oldest.since(since) >= time,
            _ => false,
        }
    }
}

impl View<'_> {
    /// Follows a rule's condition through the whole history.
    pub(super) fn timer(&self, rule: &Rule) -> Timer {
        let leaves = self.target.leaves(rule);
        let series: Vec<(Leaf, Vec<Option<Value>>)> = leaves
            .iter()
            .map(|leaf| {
                (
                    *leaf,
                    (0..self.ticks.len())
                        .map(|tick| self.value(tick, *leaf))
                        .collect(),
                )
            })
            .collect();
        let mut since: Option<Timestamp> = None;
        let mut truth = Truth::Unknown;
        let mut has_gap = false;
        for tick in 0..self.ticks.len() {
            has_gap |= self.has_gap_before(tick, rule);
            truth = self.known_at(tick, &series).truth_of(self, tick, rule);
            match truth {
                Truth::Known {
                    is_true: true,
                    newest,
                    ..
                } => {
                    let is_reset = if known::A_GAP_OF_ANY_SIGNAL_RESETS {
                        has_gap
                    } else {
                        tick > 0
                            && !self
                                .last_known(tick, tick, &series)
                                .truth_of(self, tick, rule)
                                .is(true)
                    };
                    since = since.filter(|_| !is_reset).or(Some(newest));
                    has_gap = false;
                }
                Truth::Known { is_true: false, .. } => since = None,
                // ADR 1: while unknown, the timer goes on only while the last known samples, none of them
                // older than the allowance, make the condition true.
                Truth::Unknown
                    if self
                        .last_known(tick, tick + 1, &series)
                        .truth_of(self, tick, rule)
                        .is(true) => {}
                Truth::Unknown => since = None,
            }
        }
        Timer { truth, since }
    }

    /// Whether a sample of this observation is the first one of its signal, or too far from the one before it
    /// (policy-language.md, "The `for` timer").
    fn has_gap_before(&self, tick: usize, rule: &Rule) -> bool {
        let of_signals = self.target.leaves(rule).into_iter().any(|leaf| {
            let signal = self.target.signal_of(leaf);
            let before = (0..tick)
                .rev()
                .find_map(|earlier| self.sample(earlier, signal));
            self.sample(tick, signal).is_some_and(|sample| {
                before.is_none_or(|before| {
                    sample.measured_at.since(before.measured_at) > self.allowance(signal)
                })
            })
        });
        let described_at = |tick: usize| self.ticks[tick].observation.cluster.measured_at;
        let of_cluster =
            tick == 0 || described_at(tick).since(described_at(tick - 1)) > self.three_polls();
        of_signals || (rule.when.reads_cluster() && of_cluster)
    }

    fn known_at(&self, tick: usize, series: &[(Leaf, Vec<Option<Value>>)]) -> Samples {
        Samples(
            series
                .iter()
                .map(|(leaf, values)| (*leaf, values[tick]))
                .collect(),
            self.state(tick),
        )
    }

    /// The last known values before `end`, without those that are too far from the sample at `tick`, or from
    /// its time if it has no sample.
    fn last_known(
        &self,
        tick: usize,
        end: usize,
        series: &[(Leaf, Vec<Option<Value>>)],
    ) -> Samples {
        let at = self.ticks[tick].observation.at;
        let values = series.iter().map(|(leaf, values)| {
            let last = values[..end].iter().rev().find_map(|value| *value);
            let signal = self.target.signal_of(*leaf);
            let next = values[tick].map_or(at, |value| value.time());
            (
                *leaf,
                last.filter(|last| next.since(last.time()) <= self.allowance(signal)),
            )
        });
        let state = end.checked_sub(1).and_then(|tick| self.state(tick));
        Samples(values.collect(), state)
    }

    fn state(&self, tick: usize) -> Option<(ClusterState, Timestamp)> {
        let cluster = &self.ticks[tick].observation.cluster;
        Some((cluster.value.state, cluster.measured_at))
    }
}

/// Values of everything that a rule reads.
struct Samples(
    Vec<(Leaf, Option<Value>)>,
    Option<(ClusterState, Timestamp)>,
);

impl Samples {
    fn truth_of(&self, view: &View<'_>, tick: usize, rule: &Rule) -> Truth {
        let leaf = |wanted: Leaf| {
            self.0
                .iter()
                .find(|(leaf, _)| *leaf == wanted)
                .and_then(|(_, value)| *value)
        };
        let known = Known {
            leaf: &leaf,
            state: self.1,
            at: view.ticks[tick].observation.cluster.measured_at,
        };
        known.truth(&rule.when)
    }
}
