//! What a person, or another program, reads after a simulation.

pub mod export;
pub mod series;
pub mod table;
pub mod verdict;
pub mod wording;

use std::cmp::Ordering;
use std::time::Duration;

use crate::evaluation::scorecard::Scorecard;
use crate::evaluation::statistics::Summary;
use crate::trace::Kind;

/// The baseline that others are compared with wherever it takes part.
pub const FIXED_MAX: &str = "fixed-max";

/// What a reader must know of a trace to judge the figures.
#[derive(Clone, Debug, PartialEq)]
pub struct TraceNote {
    pub name: String,
    /// Decides what "waiting" means.
    pub kind: Kind,
    pub synthetic: bool,
    /// The goal: at least 95 % of the work waits no longer than this.
    pub slo_wait: Duration,
}

/// The policies that were tried on one trace, the cheapest first.
#[derive(Clone, Debug)]
pub struct Comparison {
    pub trace: TraceNote,
    rows: Vec<Row>,
}

/// One policy, over all its seeds.
#[derive(Clone, Debug)]
pub struct Row {
    pub policy: String,
    pub cost_usd: Summary,
    pub idle_usd: Summary,
    pub wait_mean_s: Summary,
    pub wait_p95_s: Summary,
    pub wait_max_s: Summary,
    pub slo_miss_percent: Summary,
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

    /// The row that wins, and whether it meets the goal; `None` when no policy finished its work.
    ///
    /// Of the policies that keep p95 waiting within the goal the cheapest wins. Where none does,
    /// the one with the least p95 waiting wins. Ties go to less waiting, then to less cost. A
    /// policy that left work undone cannot win.
    pub fn winner(&self) -> Option<(&Row, bool)> {
        let finished = || self.rows.iter().filter(|row| row.unfinished() == 0);
        // Rows are sorted by cost and then by waiting: the first one is the cheapest.
        if let Some(cheapest) = finished().find(|row| self.meets_goal(row)) {
            return Some((cheapest, true));
        }
        finished()
            .min_by(|a, b| order(&a.by_waiting(), &b.by_waiting()))
            .map(|row| (row, false))
    }

    pub fn meets_goal(&self, row: &Row) -> bool {
        row.wait_p95_s.mean <= self.trace.slo_wait.as_secs_f64()
    }

    /// Another policy is at least as good in cost, mean and p95 waiting, and better in one of them
    /// (Pareto dominance).
    pub fn is_dominated(&self, row: &Row) -> bool {
        let figures = row.by_cost();
        let beats = |other: &Row| {
            let others = other.by_cost();
            other.unfinished() == 0
                && others != figures
                && others.iter().zip(figures).all(|(other, own)| *other <= own)
        };
        self.rows.iter().any(beats)
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
            slo_miss_percent: over(|card| card.slo_miss_percent),
            resizes: over(|card| card.resizes as f64),
            cards,
        }
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
