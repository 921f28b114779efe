//! What a person, or another program, reads after a simulation.

pub mod export;
pub mod series;
pub mod svg;
pub mod table;
pub mod verdict;
pub mod wording;

use std::cmp::Ordering;
use std::time::Duration;

use serde::Serialize;

use crate::evaluation::cut_off::CutOff;
use crate::evaluation::default_cluster::ChosenCluster;
use crate::evaluation::scorecard::Scorecard;
use crate::evaluation::shortage::Shortage;
use crate::evaluation::statistics::Summary;
use crate::trace::Kind;

/// The baseline that others are compared with wherever it takes part.
pub const FIXED_MAX: &str = "fixed-max";

/// What a reader must know of a trace to judge the figures.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceNote {
    /// The trace's name.
    pub name: String,
    /// Decides what "waiting" means.
    pub kind: Kind,
    /// Made by a generator rather than recorded.
    pub synthetic: bool,
    /// The goal, if one is set: at least 95% of the work waits at most this long.
    pub goal: Option<Duration>,
    /// Set when the largest cluster cannot serve the work in time.
    pub shortage: Option<Shortage>,
    /// Set when a simulation ended before its work was done.
    pub cut_off: Option<CutOff>,
    /// Set when the cluster was chosen for the work.
    pub chosen_cluster: Option<ChosenCluster>,
    /// Policies of a document of which the others were tried.
    pub left_out: Vec<LeftOut>,
}

/// A policy that was not tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// The policy's name, as the other policies are named.
    pub policy: String,
    /// Why it does not fit the cluster, and what to do about it.
    pub reason: String,
}

/// The policies that were tried on one trace, the cheapest first.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The trace that all rows are of.
    pub trace: TraceNote,
    rows: Vec<Row>,
}

/// One policy, over all its seeds.
#[derive(Clone, Debug)]
pub struct Row {
    /// The policy's name.
    pub policy: String,
    /// The cost, in US dollars.
    pub cost_usd: Summary,
    /// The part of the cost that nothing used.
    pub idle_usd: Summary,
    /// The mean wait, in seconds.
    pub wait_mean_s: Summary,
    /// The p95 wait, in seconds.
    pub wait_p95_s: Summary,
    /// The longest wait, in seconds.
    pub wait_max_s: Summary,
    /// `None` when no goal is set.
    pub slo_miss_percent: Option<Summary>,
    /// Accepted resizes.
    pub resizes: Summary,
    /// One for each seed, in the order of the seeds.
    pub cards: Vec<Scorecard>,
}

impl Comparison {
    /// Groups scorecards by policy; they must all be of this trace.
    pub fn new(trace: TraceNote, cards: Vec<Scorecard>) -> Self {
        let mut groups: Vec<Vec<Scorecard>> = Vec::new();
        for card in cards {
            match groups
                .iter_mut()
                .find(|group| group[0].policy == card.policy)
            {
                Some(group) => group.push(card),
                None => groups.push(vec![card]),
            }
        }
        let mut rows: Vec<Row> = groups.into_iter().map(Row::new).collect();
        rows.sort_by(|a, b| order(&a.by_cost(), &b.by_cost()));
        Self { trace, rows }
    }

    /// By cost, then by waiting.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The row that wins, and whether it meets the goal. `None` when no goal is set, no policy
    /// finished its work, or the cluster is too small for every policy.
    ///
    /// The cheapest policy that keeps its p95 wait within the goal wins. When none does, the policy
    /// with the shortest p95 wait wins. Ties go to less waiting, then to less cost. A policy that
    /// left work undone cannot win.
    pub fn winner(&self) -> Option<(&Row, bool)> {
        if self.trace.goal.is_none() || self.trace.shortage.is_some() {
            return None;
        }
        // Rows are sorted by cost and then by waiting: the first one is the cheapest.
        if let Some(cheapest) = self.finished().find(|row| self.meets_goal(row)) {
            return Some((cheapest, true));
        }
        self.finished()
            .min_by(|a, b| order(&a.by_waiting(), &b.by_waiting()))
            .map(|row| (row, false))
    }

    /// The row to recommend: the winner, or without a goal the row that no other row beats in cost,
    /// mean or p95 wait.
    pub fn recommended(&self) -> Option<&Row> {
        if self.trace.shortage.is_some() {
            return None;
        }
        if self.trace.goal.is_some() {
            return self.winner().map(|(row, _)| row);
        }
        let (mut unbeaten, several) = (self.unbeaten(), self.finished().nth(1).is_some());
        match (unbeaten.next(), unbeaten.next()) {
            (Some(only), None) if several => Some(only),
            _ => None,
        }
    }

    /// The policies that finished all their work, the cheapest first.
    pub fn finished(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.unfinished() == 0)
    }

    /// The finished policies that no other policy dominates, the cheapest first.
    pub fn unbeaten(&self) -> impl Iterator<Item = &Row> {
        self.finished().filter(|row| !self.is_dominated(row))
    }

    /// Whether the p95 wait is within the goal; false when no goal is set.
    pub fn meets_goal(&self, row: &Row) -> bool {
        self.trace
            .goal
            .is_some_and(|goal| row.wait_p95_s.mean <= goal.as_secs_f64())
    }

    /// Whether another policy dominates this one.
    pub fn is_dominated(&self, row: &Row) -> bool {
        self.rows.iter().any(|other| other.dominates(row))
    }
}

impl Row {
    /// `cards` is never empty.
    fn new(mut cards: Vec<Scorecard>) -> Self {
        cards.sort_by_key(|card| card.seed);
        let over = |figure: fn(&Scorecard) -> f64| {
            Summary::of(&cards.iter().map(figure).collect::<Vec<_>>())
        };
        Self {
            policy: cards[0].policy.clone(),
            cost_usd: over(|card| card.cost_usd),
            idle_usd: over(|card| card.idle_usd),
            wait_mean_s: over(|card| card.wait_mean_s),
            wait_p95_s: over(|card| card.wait_p95_s),
            wait_max_s: over(|card| card.wait_max_s),
            slo_miss_percent: cards
                .iter()
                .map(|card| card.slo_miss_percent)
                .collect::<Option<Vec<f64>>>()
                .map(|percents| Summary::of(&percents)),
            resizes: over(|card| card.resizes as f64),
            cards,
        }
    }

    /// Whether this policy finished its work and is at least as good as `other` in cost, mean and
    /// p95 wait, and better in one of them (Pareto dominance).
    pub fn dominates(&self, other: &Self) -> bool {
        let (own, others) = (self.by_cost(), other.by_cost());
        self.unfinished() == 0
            && own != others
            && own.iter().zip(others).all(|(own, other)| *own <= other)
    }

    /// Tasks that were left undone, over all seeds.
    pub fn unfinished(&self) -> u64 {
        self.cards
            .iter()
            .map(|card| card.tasks_total.saturating_sub(card.tasks_finished))
            .sum()
    }

    fn by_cost(&self) -> [f64; 3] {
        [
            self.cost_usd.mean,
            self.wait_p95_s.mean,
            self.wait_mean_s.mean,
        ]
    }

    fn by_waiting(&self) -> [f64; 3] {
        [
            self.wait_p95_s.mean,
            self.wait_mean_s.mean,
            self.cost_usd.mean,
        ]
    }
}

/// By the first figure, then the second, then the third.
fn order(a: &[f64; 3], b: &[f64; 3]) -> Ordering {
    let pairs = a.iter().zip(b);
    pairs
        .map(|(a, b)| a.total_cmp(b))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests;
