//! How sure the choice is: made again without one day, or one trace, and then judged on what was
//! left out.
//!
//! Only candidates that were chosen before any result was known take part: those of the later
//! rounds were proposed by results on all days.

use serde::Serialize;

use super::evaluator::{DayFigures, Evaluator};
use super::search::Candidate;
use crate::evaluation::statistics::Summary;

/// What was left out, and how the choice that did not see it did there.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// Which trace.
    pub trace: usize,
    /// Which day of it; all of it when nothing.
    pub day: Option<usize>,
    /// The candidate that was chosen without it.
    pub chosen: usize,
    /// What that candidate did there.
    pub unseen: DayFigures,
    /// What the candidate did there that is chosen when nothing is left out.
    pub seen: DayFigures,
    /// What the written policy did there.
    pub start: DayFigures,
}

/// What all folds say together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Confidence {
    /// Days, or traces, that were left out one after the other.
    pub folds: usize,
    /// How many of these on which at least 95% of the work waited no longer than the goal.
    pub within_goal: usize,
    /// The same for the choice that has seen everything, and for the written policy.
    pub within_goal_seen: usize,
    /// The same for the written policy.
    pub within_goal_start: usize,
    /// How much dearer the choice is where it has not seen than where it has: in percent of the
    /// latter's mean cost.
    pub cost_percent_over_seen: Summary,
    /// How much dearer, or cheaper where negative, than the written policy.
    pub cost_percent_over_start: Summary,
}

/// Leaves out each day of each trace; nothing where there is only one day in all.
pub fn days(evaluator: &Evaluator<'_>, candidates: &[Candidate]) -> Vec<Fold> {
    let pool = Pool::of(evaluator, candidates);
    let all = pool
        .traces
        .iter()
        .enumerate()
        .flat_map(|(trace, days)| (0..*days).map(move |day| (trace, Some(day))));
    if pool.traces.iter().sum::<usize>() < 2 {
        Vec::new()
    } else {
        pool.folds(all)
    }
}

/// Leaves out each trace; nothing where there is only one.
pub fn traces(evaluator: &Evaluator<'_>, candidates: &[Candidate]) -> Vec<Fold> {
    let pool = Pool::of(evaluator, candidates);
    if pool.traces.len() < 2 {
        Vec::new()
    } else {
        pool.folds((0..pool.traces.len()).map(|trace| (trace, None)))
    }
}

impl Confidence {
    /// `None` where nothing could be left out.
    pub fn of(folds: &[Fold]) -> Option<Self> {
        (!folds.is_empty()).then(|| Self {
            folds: folds.len(),
            within_goal: within_goal(folds, |fold| fold.unseen),
            within_goal_seen: within_goal(folds, |fold| fold.seen),
            within_goal_start: within_goal(folds, |fold| fold.start),
            cost_percent_over_seen: cost_percent_over(folds, |fold| fold.seen),
            cost_percent_over_start: cost_percent_over(folds, |fold| fold.start),
        })
    }
}

fn within_goal(folds: &[Fold], choice: fn(&Fold) -> DayFigures) -> usize {
    let figures = folds.iter().map(choice);
    figures.filter(DayFigures::keeps_goal).count()
}

/// How much more the choice that did not see a fold costs there than `other`, in percent of the
/// latter's mean cost.
fn cost_percent_over(folds: &[Fold], other: fn(&Fold) -> DayFigures) -> Summary {
    let others_usd: Vec<f64> = folds.iter().map(|fold| other(fold).cost_usd).collect();
    let mean_usd = others_usd.iter().sum::<f64>() / folds.len() as f64;
    let percent: Vec<f64> = folds
        .iter()
        .zip(&others_usd)
        .map(|(fold, other_usd)| 100.0 * (fold.unseen.cost_usd - other_usd) / mean_usd)
        .collect();
    Summary::of(&percent)
}

/// Candidates that no result has led to, with their totals.
struct Pool<'a> {
    candidates: Vec<Member<'a>>,
    /// How many days each trace has.
    traces: Vec<usize>,
}

struct Member<'a> {
    candidate: &'a Candidate,
    position: usize,
    /// One for each trace, over all days.
    totals: Vec<DayFigures>,
}

impl<'a> Pool<'a> {
    fn of(evaluator: &Evaluator<'_>, candidates: &'a [Candidate]) -> Self {
        let is_member =
            |candidate: &Candidate| candidate.is_designed && candidate.figures.unfinished() == 0;
        let members = candidates
            .iter()
            .enumerate()
            .filter(|(_, candidate)| is_member(candidate))
            .map(|(position, candidate)| Member {
                candidate,
                position,
                totals: candidate
                    .figures
                    .traces
                    .iter()
                    .map(super::evaluator::TraceFigures::total)
                    .collect(),
            });
        Self {
            candidates: members.collect(),
            traces: evaluator.days_of_traces().collect(),
        }
    }

    fn folds(&self, left_out: impl Iterator<Item = (usize, Option<usize>)>) -> Vec<Fold> {
        let Some(seen) = self.choose(None) else {
            return Vec::new();
        };
        let Some(start) = self
            .candidates
            .iter()
            .find(|member| member.candidate.values.is_empty())
        else {
            return Vec::new();
        };
        let fold = |(trace, day)| {
            let chosen = self.choose(Some((trace, day)))?;
            Some(Fold {
                trace,
                day,
                chosen: chosen.position,
                unseen: chosen.part(trace, day),
                seen: seen.part(trace, day),
                start: start.part(trace, day),
            })
        };
        left_out.filter_map(fold).collect()
    }

    /// The cheapest that keeps the goal on every trace, without what is left out; where none does,
    /// the one with the least late work.
    fn choose(&self, left_out: Option<(usize, Option<usize>)>) -> Option<&Member<'a>> {
        let judged = self
            .candidates
            .iter()
            .map(|member| (member, member.without(left_out)));
        let chosen = judged.min_by(|(_, one), (_, other)| one.order(other));
        chosen.map(|(member, _)| member)
    }
}

impl Member<'_> {
    fn part(&self, trace: usize, day: Option<usize>) -> DayFigures {
        day.map_or(self.totals[trace], |day| {
            self.candidate.figures.traces[trace].days[day]
        })
    }

    fn without(&self, left_out: Option<(usize, Option<usize>)>) -> Standing {
        let mut standing = Standing {
            keeps_goal: true,
            late_share: 0.0,
            cost_usd: 0.0,
        };
        for (trace, total) in self.totals.iter().enumerate() {
            let rest = match left_out {
                Some((out, day)) if out == trace => total.without(self.part(out, day)),
                _ => *total,
            };
            standing.keeps_goal &= rest.keeps_goal();
            standing.late_share = standing.late_share.max(rest.late_share());
            standing.cost_usd += rest.cost_usd;
        }
        standing
    }
}

struct Standing {
    keeps_goal: bool,
    /// On the trace on which it is largest.
    late_share: f64,
    cost_usd: f64,
}

impl Standing {
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let by_cost = || self.cost_usd.total_cmp(&other.cost_usd);
        match (self.keeps_goal, other.keeps_goal) {
            (true, true) => by_cost(),
            (false, false) => self
                .late_share
                .total_cmp(&other.late_share)
                .then_with(by_cost),
            (own, _) => {
                if own {
                    std::cmp::Ordering::Less
                } else {
                    std::cmp::Ordering::Greater
                }
            }
        }
    }
}
