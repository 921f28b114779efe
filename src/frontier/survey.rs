//! Running policies: many of them, many seeds, and of each run only a few figures are kept.

use std::ops::Range;

use rayon::prelude::*;

use super::sweep::candidates;
use super::{DemandPoint, Hindsight, Point};
use crate::policy::Selector;
use crate::policy::baselines::{BASELINES, Sizing};
use crate::policy::diagnostic::PolicyErrors;
use crate::policy::parse::parse;
use crate::sim::Recording;
use crate::sim::compare::{CompareError, Contestant, Course};
use crate::sim::scenario::Scenario;
use crate::units::Instances;

/// The first seed; those that follow it are its successors.
const FIRST_SEED: u64 = 1;

/// One trace on its cluster, and how often each policy runs on it.
pub struct Field<'a> {
    course: Course<'a>,
    synthetic: bool,
    seeds: u64,
}

impl<'a> Field<'a> {
    pub fn new(course: Course<'a>, synthetic: bool, seeds: u64) -> Self {
        Self { course, synthetic, seeds }
    }

    /// How many runs [`hindsight`](Self::hindsight) makes.
    pub fn hindsight_runs(&self) -> u64 {
        (self.defaults().len() + self.settings().len()) as u64 * self.seeds
    }

    /// Tries every baseline with every setting; `finished` is called after each run.
    ///
    /// # Errors
    /// Work that fits no node.
    pub fn hindsight(&self, finished: impl Fn() + Sync) -> Result<Hindsight, CompareError> {
        let defaults = self.points(&self.defaults(), self.seeds, &finished)?;
        let swept = self.points(&self.settings(), self.seeds, &finished)?;
        Ok(Hindsight { defaults, swept, ..self.frame() })
    }

    /// Whether `kept` was made of this trace on this cluster, as far as bounds, limits and seeds can tell.
    pub fn is_of(&self, kept: &Hindsight) -> bool {
        let own = self.frame();
        let frame = Hindsight { defaults: Vec::new(), swept: Vec::new(), ..kept.clone() };
        frame == own
    }

    /// Runs `demand:` at each index.
    ///
    /// # Errors
    /// Limits for which no such policy can be.
    pub fn demand(&self, indexes: &[u8], seeds: u64, finished: impl Fn() + Sync) -> Result<Vec<DemandPoint>, SurveyError> {
        let contestants = indexes.iter().map(|index| self.demand_policy(*index)).collect::<Result<Vec<_>, _>>()?;
        let points = self.points(&contestants, seeds, &finished)?;
        Ok(indexes.iter().zip(points).map(|(index, point)| DemandPoint { performance_index: *index, point }).collect())
    }

    /// Runs policies as they are.
    ///
    /// # Errors
    /// A policy that does not fit the cluster.
    pub fn given(&self, contestants: &[Contestant], finished: impl Fn() + Sync) -> Result<Vec<Point>, CompareError> {
        self.points(contestants, self.seeds, &finished)
    }

    /// All but the runs.
    fn frame(&self) -> Hindsight {
        let ((_, limits), bounds) = (self.course.scaled(), self.course.bounds());
        Hindsight {
            trace: self.course.trace.clone(),
            synthetic: self.synthetic,
            seeds: self.seeds,
            min_nodes: limits.min().get(),
            max_nodes: limits.max().get(),
            no_wait_usd: bounds.no_wait_usd,
            clairvoyant_usd: bounds.clairvoyant_usd,
            defaults: Vec::new(),
            swept: Vec::new(),
        }
    }

    /// The baselines that scale, as they are.
    fn defaults(&self) -> Vec<Contestant> {
        let scaling = BASELINES.iter().filter(|baseline| baseline.sizing == Sizing::ScenarioLimits);
        scaling.map(|baseline| self.course.baseline(baseline)).collect()
    }

    fn settings(&self) -> Vec<Contestant> {
        let (scaled, limits) = self.course.scaled();
        candidates(&Selector::Id(self.course.scenario.groups[scaled].id.clone()), limits)
    }

    /// The one text for every trace: only the limits and the group are the scenario's.
    fn demand_policy(&self, index: u8) -> Result<Contestant, PolicyErrors> {
        let (scaled, limits) = self.course.scaled();
        let (min, max, group) = (limits.min(), limits.max(), &self.course.scenario.groups[scaled].id);
        let text = format!(
            "name: demand-{index}
demand: {{ min: {min}, max: {max}, performance_index: {index} }}
targets:
  - group: {{ id: {group} }}
"
        );
        parse(&text, "demand").map(Contestant::of)
    }

    /// In the order of the contestants, whatever the number of threads.
    fn points(&self, contestants: &[Contestant], seeds: u64, finished: &(impl Fn() + Sync)) -> Result<Vec<Point>, CompareError> {
        let seeds: Range<u64> = FIRST_SEED..FIRST_SEED + seeds;
        let all: Vec<(&Contestant, u64)> =
            contestants.iter().flat_map(|contestant| seeds.clone().map(move |seed| (contestant, seed))).collect();
        let run = |(contestant, seed): &(&Contestant, u64)| {
            let outcome = self.outcome(contestant, *seed);
            finished();
            outcome
        };
        let outcomes = all.par_iter().map(run).collect::<Result<Vec<Outcome>, CompareError>>()?;
        let of_each = outcomes.chunks((seeds.end - seeds.start).max(1) as usize);
        Ok(contestants.iter().zip(of_each).map(|(contestant, outcomes)| Outcome::mean(&contestant.name, outcomes)).collect())
    }

    fn outcome(&self, contestant: &Contestant, seed: u64) -> Result<Outcome, CompareError> {
        let trial = self.course.trial(contestant, seed, Recording { series: true, observations: false })?;
        let requested = trial.run.series.iter().map(|point| point.requested).max().unwrap_or_default();
        Ok(Outcome {
            cost_usd: trial.card.cost_usd,
            wait_p95_s: trial.card.wait_p95_s,
            peak_nodes: requested - unscaled(self.course.scenario, self.course.scaled().0),
            unfinished_tasks: trial.card.tasks_total.saturating_sub(trial.card.tasks_finished),
        })
    }
}

/// Why a trace cannot be surveyed.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    #[error(transparent)]
    Compare(#[from] CompareError),
    #[error("`demand:` cannot have the limits of this scenario")]
    Demand(#[from] PolicyErrors),
}

/// Instances of the groups that policies leave alone.
fn unscaled(scenario: &Scenario, scaled: usize) -> Instances {
    scenario.groups.iter().enumerate().filter(|(index, _)| *index != scaled).map(|(_, group)| group.count).sum()
}

/// What is kept of one run.
struct Outcome {
    cost_usd: f64,
    wait_p95_s: f64,
    peak_nodes: Instances,
    unfinished_tasks: u64,
}

impl Outcome {
    fn mean(policy: &str, outcomes: &[Self]) -> Point {
        let over = |figure: fn(&Self) -> f64| outcomes.iter().map(figure).sum::<f64>() / outcomes.len() as f64;
        Point {
            policy: policy.to_owned(),
            cost_usd: over(|outcome| outcome.cost_usd),
            wait_p95_s: over(|outcome| outcome.wait_p95_s),
            peak_nodes: outcomes.iter().map(|outcome| outcome.peak_nodes.get()).max().unwrap_or_default(),
            unfinished_tasks: outcomes.iter().map(|outcome| outcome.unfinished_tasks).sum(),
        }
    }
}
