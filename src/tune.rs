//! Searching the values of a policy: what each set of values would cost on traces, how long work
//! would wait, and how sure that is.
//!
//! A [`SearchSpace`] says what is varied, an [`Evaluator`] on which traces and clusters. [`tune`] searches
//! with one seed, tries the few best again with several, and judges the choice on days that it did
//! not see.

pub mod evaluator;
pub mod frontier;
mod locations;
mod parameter;
pub mod plot;
pub mod report;
pub mod search;
pub mod search_space;
pub mod unseen;

use rayon::prelude::*;

use crate::evaluation::statistics::Summary;
use crate::policy::Policy;
use crate::sim::SimError;
use evaluator::{Evaluator, Figures, summary};
use frontier::{Judged, best, frontier};
use search::{Candidate, Effort, search};
use search_space::SearchSpace;
use unseen::Confidence;

/// So many of the best are tried with several seeds.
const FINALISTS: usize = 12;

/// What a search found.
#[derive(Clone, Debug)]
pub struct Tuned {
    /// Everything that was tried, with the first seed; the first one is the written policy.
    pub candidates: Vec<Candidate>,
    /// The candidates that no other beats, the cheapest first.
    pub frontier: Vec<usize>,
    /// Those that were tried with several seeds, the written policy and the best of the
    /// frontier, in the order of the candidates.
    pub finalists: Vec<Finalist>,
    /// The one among the finalists to take; `None` when none finished its work.
    pub best: Option<usize>,
    /// How the choice does on days that it did not see; `None` when there is only one.
    pub on_days: Option<Confidence>,
    /// The same on traces.
    pub on_traces: Option<Confidence>,
}

/// A candidate under several seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Finalist {
    /// Its place among the candidates.
    pub candidate: usize,
    /// The cost, in US dollars.
    pub cost_usd: Summary,
    /// The p95 wait, in seconds.
    pub wait_p95_s: Summary,
    /// One for each seed.
    pub figures: Vec<Figures>,
}

impl Finalist {
    fn of(candidate: usize, figures: Vec<Figures>) -> Self {
        Self {
            candidate,
            cost_usd: summary(&figures, Figures::cost_usd),
            wait_p95_s: summary(&figures, Figures::wait_p95_s),
            figures,
        }
    }

    fn judged(&self) -> Judged {
        let finished = self.figures.iter().all(|figures| figures.unfinished() == 0);
        Judged {
            cost_usd: self.cost_usd.mean,
            wait_s: self.wait_p95_s.mean,
            finished,
        }
    }
}

impl Tuned {
    /// The finalist to take.
    pub fn chosen(&self) -> Option<&Finalist> {
        self.best.and_then(|best| self.finalists.get(best))
    }

    /// The written policy.
    pub fn start(&self) -> Option<&Finalist> {
        self.finalists
            .iter()
            .find(|finalist| finalist.candidate == 0)
    }
}

/// How many simulations of each trace [`tune`] makes, at most.
pub fn runs(effort: Effort, seeds: u64) -> u64 {
    1 + effort.candidates as u64 + (FINALISTS as u64 + 1) * seeds.saturating_sub(1)
}

/// Searches, tries the best again with `seeds` seeds, and judges the choice on what it did not see.
/// `start` is the policy of `space` as it is written; `advance` is called after each simulation, on
/// any thread.
///
/// # Errors
/// When the policies do not fit a cluster of the evaluator, or its work fits none of the nodes.
pub fn tune(
    evaluator: &Evaluator<'_>,
    space: &SearchSpace,
    start: &Policy,
    effort: Effort,
    seeds: u64,
    advance: impl Fn() + Sync,
) -> Result<Tuned, SimError> {
    let candidates = search(evaluator, space, start, effort, &advance)?;
    let judged: Vec<Judged> = candidates.iter().map(Candidate::judged).collect();
    let frontier = frontier(&judged);
    let trial = |position: usize| {
        let candidate = &candidates[position];
        let mut figures = vec![candidate.figures.clone()];
        // The values made a policy before.
        if let Some(policy) = policy_of(candidate, space, start) {
            let further = evaluator.run_with_seeds(&policy, effort.seed, 1..seeds, &advance)?;
            figures.extend(further);
        }
        Ok(Finalist::of(position, figures))
    };
    let chosen = finalists(&judged, &frontier, evaluator.goal().as_secs_f64());
    let finalists = chosen
        .into_par_iter()
        .map(trial)
        .collect::<Result<Vec<Finalist>, SimError>>()?;
    let best = best(
        &finalists
            .iter()
            .map(Finalist::judged)
            .collect::<Vec<Judged>>(),
        evaluator.goal().as_secs_f64(),
    );
    let on_days = Confidence::of(&unseen::days(evaluator, &candidates));
    let on_traces = Confidence::of(&unseen::traces(evaluator, &candidates));
    Ok(Tuned {
        candidates,
        frontier,
        finalists,
        best,
        on_days,
        on_traces,
    })
}

fn policy_of(candidate: &Candidate, space: &SearchSpace, start: &Policy) -> Option<Policy> {
    if candidate.values.is_empty() {
        Some(start.clone())
    } else {
        space.policy(&candidate.values).ok()
    }
}

/// The written policy, and those of the frontier around the best: what keeps the goal with
/// one seed may miss it with another.
fn finalists(judged: &[Judged], frontier: &[usize], goal_s: f64) -> Vec<usize> {
    let middle = best(judged, goal_s)
        .and_then(|best| frontier.iter().position(|index| *index == best))
        .unwrap_or(0);
    let from = middle.saturating_sub(FINALISTS / 4);
    let mut chosen: Vec<usize> = frontier
        .iter()
        .skip(from)
        .take(FINALISTS)
        .copied()
        .chain([0])
        .collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}
