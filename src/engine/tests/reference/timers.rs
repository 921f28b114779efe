//! `for` timers, from the beginning of the history.

use super::super::*;
use super::conditions::{Known, Truth, Value};
use super::history::View;
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
        for tick in 0..self.ticks.len() {
            truth = self.known_at(tick, &series).truth_of(self, tick, rule);
            // policy-language.md, "The `for` timer": a gap of a signal that made the condition true resets it.
            if !(self.last_known(tick, tick, &series))
                .truth_of(self, tick, rule)
                .is(true)
            {
                since = None;
            }
            match truth {
                Truth::Known {
                    is_true: true,
                    newest,
                    ..
                } => since = since.or(Some(newest)),
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

    fn known_at(&self, tick: usize, series: &[(Leaf, Vec<Option<Value>>)]) -> Samples {
        Samples(
            series
                .iter()
                .map(|(leaf, values)| (*leaf, values[tick]))
                .collect(),
            self.state(tick),
        )
    }

    /// The last known values before `end`, without those that were too old then, or are too far from the sample at
    /// `tick`, or from its time if it has no sample.
    fn last_known(
        &self,
        tick: usize,
        end: usize,
        series: &[(Leaf, Vec<Option<Value>>)],
    ) -> Samples {
        let at = self.ticks[tick].observation.at;
        let then = end
            .checked_sub(1)
            .map_or(at, |last| self.ticks[last].observation.at);
        let values = series.iter().map(|(leaf, values)| {
            let last = values[..end].iter().rev().find_map(|value| *value);
            let signal = self.target.signal_of(*leaf);
            let next = values[tick].map_or(at, |value| value.time());
            (
                *leaf,
                last.filter(|last| {
                    let age = next.since(last.time()).max(then.since(last.time()));
                    age <= self.allowance(signal)
                }),
            )
        });
        let state = end.checked_sub(1).and_then(|last| self.state(last));
        let described_at = self.ticks[tick].observation.cluster.measured_at;
        let state = state.filter(|(_, last)| described_at.since(*last) <= self.three_polls());
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
