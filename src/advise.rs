//! Which of all policies would do best on recorded work, what it would save against what ran, and
//! how sure that is.
//!
//! It tries all [`alternatives`], and rules whose values are searched. The interval comes from days that the choice did not see: without each day in turn the
//! choice is made again among everything whose values no result has led to.

pub mod actual;
pub mod alternatives;
pub mod report;

use std::cmp::Ordering;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::evaluation::statistics::Summary;
use crate::policy::Policy;
use crate::policy::parse::parse;
use crate::sim::SimError;
use crate::tune::evaluator::{DayFigures, Evaluator, Figures, TraceFigures, summary};
use crate::tune::frontier::{Judged, best, frontier};
use crate::tune::search::{Candidate, Effort, search};
use crate::tune::search_space::SearchSpace;
use crate::tune::unseen::{self, Fold};
use alternatives::Alternative;

/// Resamples of the days; more would not change the first digits of an interval.
const RESAMPLES: usize = 2_000;
/// Both tails together are 5%.
const TAIL: f64 = 0.025;

/// What to advise on.
pub struct Question<'a> {
    /// The traces, their clusters and the goal.
    pub evaluator: &'a Evaluator<'a>,
    /// Never empty; the first one is what others are compared with when nothing is known of what
    /// ran.
    pub alternatives: &'a [Alternative],
    /// At least 95% of the work waits at most this long; without a goal parameters are not searched, and only
    /// a policy that is better than all others is recommended.
    pub goal: Option<Duration>,
    /// What ran, for each trace; `None` when a trace does not show it.
    pub actual: Option<Vec<TraceFigures>>,
    /// For each policy whose values are searched.
    pub effort: Effort,
    /// How often each alternative runs, with consecutive seeds.
    pub seeds: u64,
}

/// The alternatives in order, and how sure the choice is.
#[derive(Clone, Debug)]
pub struct Advice {
    /// The goal that was set.
    pub goal: Option<Duration>,
    /// All policies that were tried. With a goal: those that keep it first, by cost, then the others
    /// by waiting. Without: those that no other policy beats first, each part by cost.
    pub ranked: Vec<Ranked>,
    /// What the best is compared with.
    pub reference: Reference,
    /// What the choice saves, on days that it did not see; `None` when there is only one day.
    pub unseen: Option<Unseen>,
}

/// An alternative and how it did.
#[derive(Clone, Debug)]
pub struct Ranked {
    /// The alternative's name.
    pub name: String,
    /// The policy file, ready to deploy.
    pub text: String,
    /// The cost, in US dollars.
    pub cost_usd: Summary,
    /// The p95 wait, in seconds.
    pub wait_p95_s: Summary,
    /// All work was done.
    pub is_finished: bool,
    /// The p95 wait is within the goal on each trace, and all work was done.
    pub keeps_goal: bool,
    /// No other policy costs less without a longer p95 wait, or waits less without more cost.
    pub is_unbeaten: bool,
}

/// What the best is compared with.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The recorded cluster itself, rather than a policy that is simulated.
    pub is_actual: bool,
    /// The policy's name, or `what ran`.
    pub name: String,
    /// The cost, in US dollars.
    pub cost_usd: f64,
    /// The p95 wait, in seconds.
    pub wait_p95_s: f64,
    /// The same day by day, trace after trace.
    days: Vec<DayFigures>,
}

/// What all days that were left out say together.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Unseen {
    /// How many days were left out.
    pub days: usize,
    /// On how many of these days the choice kept the goal.
    pub within_goal: usize,
    /// Against the reference; negative where it would cost more.
    pub saved_usd_a_day: f64,
    /// The 95% interval: percentiles over days drawn again and again.
    pub saved_usd_a_day_low: f64,
    /// The upper end of the same interval.
    pub saved_usd_a_day_high: f64,
}

/// How many simulations of each trace [`advise`] makes, at most.
pub fn runs(alternatives: &[Alternative], has_goal: bool, effort: Effort, seeds: u64) -> u64 {
    let searched = alternatives
        .iter()
        .filter(|alternative| alternative.is_searched && has_goal)
        .count() as u64;
    let searches = searched * (1 + effort.candidates as u64);
    searches + (alternatives.len() as u64 + searched) * seeds
}

/// Tries everything. `advance` is called after each simulation, on any thread.
///
/// # Errors
/// When a policy does not fit a cluster of the evaluator, or its work fits none of the nodes.
pub fn advise(question: Question<'_>, advance: impl Fn() + Sync) -> Result<Advice, SimError> {
    let Question {
        evaluator,
        alternatives,
        goal,
        actual,
        effort,
        seeds,
    } = question;
    let goal_s = evaluator.goal().as_secs_f64();
    let mut entries: Vec<Entry> = alternatives
        .iter()
        .map(|given| Entry {
            alternative: given.clone(),
            policy: given.policy.clone(),
        })
        .collect();
    let mut designed: Vec<Candidate> = Vec::new();
    for alternative in alternatives
        .iter()
        .filter(|alternative| alternative.is_searched && goal.is_some())
    {
        let Ok(space) = SearchSpace::new(&alternative.text, &alternative.name, &[]) else {
            continue;
        };
        let candidates = search(evaluator, &space, &alternative.policy, effort, &advance)?;
        let judged: Vec<Judged> = candidates.iter().map(Candidate::judged).collect();
        entries.extend(
            best(&judged, goal_s).and_then(|index| tuned(alternative, &space, &candidates[index])),
        );
        designed.extend(
            candidates
                .into_iter()
                .filter(|candidate| candidate.is_designed),
        );
    }
    let tried = entries
        .par_iter()
        .map(|entry| evaluator.run_with_seeds(&entry.policy, effort.seed, 0..seeds, &advance))
        .collect::<Result<Vec<Vec<Figures>>, SimError>>()?;
    let reference = reference(actual, &alternatives[0].name, &tried[0]);
    // The first one must be one that all others are compared with, whatever it is.
    let given = tried
        .iter()
        .take(alternatives.len())
        .map(|figures| Candidate::given(figures[0].clone()));
    let pool: Vec<Candidate> = given.chain(designed).collect();
    let unseen = goal.and_then(|_| {
        let folds = unseen::days(evaluator, &pool);
        Unseen::of(&folds, &reference, evaluator, effort.seed)
    });
    Ok(Advice {
        goal,
        ranked: ranked(entries, &tried, goal),
        reference,
        unseen,
    })
}

struct Entry {
    alternative: Alternative,
    policy: Policy,
}

/// The policy with the values that were found.
fn tuned(alternative: &Alternative, space: &SearchSpace, candidate: &Candidate) -> Option<Entry> {
    if candidate.values.is_empty() {
        return None;
    }
    let name = format!("{}, tuned", alternative.name);
    let text = space.found(&candidate.values);
    let policy = parse(&text, &name).ok()?;
    Some(Entry {
        policy: policy.clone(),
        alternative: Alternative {
            name,
            text,
            policy,
            is_searched: false,
        },
    })
}

fn reference(actual: Option<Vec<TraceFigures>>, name: &str, otherwise: &[Figures]) -> Reference {
    let is_actual = actual.is_some();
    let figures = actual.map_or_else(|| otherwise[0].clone(), |traces| Figures { traces });
    Reference {
        is_actual,
        name: if is_actual {
            "what ran".to_owned()
        } else {
            name.to_owned()
        },
        cost_usd: figures.cost_usd(),
        wait_p95_s: figures.wait_p95_s(),
        days: figures
            .traces
            .iter()
            .flat_map(|trace| trace.days.clone())
            .collect(),
    }
}

fn ranked(entries: Vec<Entry>, tried: &[Vec<Figures>], goal: Option<Duration>) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = entries
        .into_iter()
        .zip(tried)
        .map(|(entry, figures)| Ranked::new(entry.alternative, figures, goal))
        .collect();
    let judged: Vec<Judged> = ranked.iter().map(Ranked::judged).collect();
    for index in frontier(&judged) {
        ranked[index].is_unbeaten = true;
    }
    match goal {
        Some(_) => ranked.sort_by(by_goal),
        None => ranked.sort_by(|one, other| {
            other
                .is_unbeaten
                .cmp(&one.is_unbeaten)
                .then(by_cost(one, other))
        }),
    }
    ranked
}

/// Those that keep the goal by cost, then the others by waiting.
fn by_goal(one: &Ranked, other: &Ranked) -> Ordering {
    let by_figures = if one.keeps_goal {
        by_cost(one, other)
    } else {
        by_wait(one, other).then(by_cost(one, other))
    };
    other.keeps_goal.cmp(&one.keeps_goal).then(by_figures)
}

fn by_cost(one: &Ranked, other: &Ranked) -> Ordering {
    let by_cost = one.cost_usd.mean.total_cmp(&other.cost_usd.mean);
    by_cost.then(by_wait(one, other))
}

fn by_wait(one: &Ranked, other: &Ranked) -> Ordering {
    one.wait_p95_s.mean.total_cmp(&other.wait_p95_s.mean)
}

impl Ranked {
    fn new(alternative: Alternative, figures: &[Figures], goal: Option<Duration>) -> Self {
        let wait_p95_s = summary(figures, Figures::wait_p95_s);
        let is_finished = figures.iter().all(|figures| figures.unfinished() == 0);
        let is_within = goal.is_some_and(|goal| wait_p95_s.mean <= goal.as_secs_f64());
        Self {
            name: alternative.name,
            text: alternative.text,
            cost_usd: summary(figures, Figures::cost_usd),
            wait_p95_s,
            is_finished,
            keeps_goal: is_finished && is_within,
            is_unbeaten: false,
        }
    }

    fn judged(&self) -> Judged {
        Judged {
            cost_usd: self.cost_usd.mean,
            wait_s: self.wait_p95_s.mean,
            finished: self.is_finished,
        }
    }
}

impl Advice {
    /// The policy to run: with a goal the first in rank; without, the only one that no other beats.
    /// `None` when none is better than all others.
    pub fn recommended(&self) -> Option<&Ranked> {
        let first = self.ranked.first()?;
        let is_second_unbeaten = self.ranked.get(1).is_some_and(|second| second.is_unbeaten);
        let is_best = self.goal.is_some() || (first.is_unbeaten && !is_second_unbeaten);
        is_best.then_some(first)
    }
}

impl Unseen {
    fn of(
        folds: &[Fold],
        reference: &Reference,
        evaluator: &Evaluator<'_>,
        seed: u64,
    ) -> Option<Self> {
        let days: Vec<usize> = evaluator.days_of_traces().collect();
        let mut saved = Vec::with_capacity(folds.len());
        for fold in folds {
            let Some(day) = fold.day else { continue };
            let first_day: usize = days[..fold.trace].iter().sum();
            if let Some(figures) = reference.days.get(first_day + day) {
                saved.push(figures.cost_usd - fold.unseen.cost_usd);
            }
        }
        if saved.len() < 2 {
            return None;
        }
        let (low, high) = bootstrap(&saved, seed);
        Some(Self {
            days: saved.len(),
            within_goal: folds.iter().filter(|fold| fold.unseen.keeps_goal()).count(),
            saved_usd_a_day: mean(saved.iter().copied(), saved.len()),
            saved_usd_a_day_low: low,
            saved_usd_a_day_high: high,
        })
    }
}

/// The 95% percentile interval of the mean (B. Efron, 1979).
fn bootstrap(values: &[f64], seed: u64) -> (f64, f64) {
    let mut luck = ChaCha8Rng::seed_from_u64(seed);
    let count = values.len();
    let mut means = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        let drawn = (0..count).map(|_| values[(luck.next_u64() % count as u64) as usize]);
        means.push(mean(drawn, count));
    }
    means.sort_by(f64::total_cmp);
    (percentile(&means, TAIL), percentile(&means, 1.0 - TAIL))
}

/// The value below which this share of `sorted` is.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    sorted[((share * sorted.len() as f64) as usize).min(sorted.len() - 1)]
}

fn mean(values: impl Iterator<Item = f64>, count: usize) -> f64 {
    values.sum::<f64>() / count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_mean_and_narrows_with_more_days() {
        let few = [1.0, 2.0, 3.0, 4.0];
        let many: Vec<f64> = few.iter().copied().cycle().take(64).collect();
        let ((low, high), (lower, higher)) = (bootstrap(&few, 1), bootstrap(&many, 1));
        assert!(
            low < 2.5 && 2.5 < high && lower < 2.5 && 2.5 < higher,
            "{low} {high} {lower} {higher}"
        );
        assert!(
            higher - lower < (high - low) / 2.0,
            "{low} {high} {lower} {higher}"
        );
        assert_eq!(bootstrap(&few, 1), (low, high));
        assert_eq!(bootstrap(&[5.0; 3], 1), (5.0, 5.0));
    }
}
