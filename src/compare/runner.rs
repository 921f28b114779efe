//! Runs many policies with many seeds, and keeps a few figures of each run.

use std::ops::Range;

use rayon::prelude::*;

use super::settings::candidates;
use super::{DemandPoint, Hindsight, Point};
use crate::evaluation::trials::{Candidate, CompareError, Testbed};
use crate::observation::GroupKind;
use crate::policy::baselines::{BASELINES, FOLLOW_DEMAND, Sizing, demand_text};
use crate::policy::parse::parse;
use crate::policy::{Limits, Selector};
use crate::sim::Recording;
use crate::sim::scenario::Scenario;
use crate::units::Instances;

/// The first seed; those that follow it are its successors.
const FIRST_SEED: u64 = 1;

/// One trace on its cluster, and how often each policy runs on it.
pub struct Runner<'a> {
    testbed: Testbed<'a>,
    synthetic: bool,
    seeds: u64,
}

impl<'a> Runner<'a> {
    /// Prepares runs with the seeds 1 to `seeds`.
    pub fn new(testbed: Testbed<'a>, synthetic: bool, seeds: u64) -> Self {
        Self {
            testbed,
            synthetic,
            seeds,
        }
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
        Ok(Hindsight {
            defaults,
            swept,
            ..self.frame()
        })
    }

    /// Whether `kept` was made of this trace on this cluster with the same settings, as far as
    /// bounds, limits, seeds and names can tell.
    pub fn is_of(&self, kept: &Hindsight) -> bool {
        let frame = Hindsight {
            defaults: Vec::new(),
            swept: Vec::new(),
            ..kept.clone()
        };
        let are = |points: &[Point], candidates: &[Candidate]| {
            points
                .iter()
                .map(|point| &point.policy)
                .eq(candidates.iter().map(|candidate| &candidate.name))
        };
        frame == self.frame()
            && are(&kept.defaults, &self.defaults())
            && are(&kept.swept, &self.settings())
    }

    /// Runs `demand:` at each index.
    ///
    /// # Errors
    /// Work that fits no node.
    pub fn demand(
        &self,
        indexes: &[u8],
        seeds: u64,
        finished: impl Fn() + Sync,
    ) -> Result<Vec<DemandPoint>, CompareError> {
        let (group, limits) = self.scaled();
        let kind = self.testbed.scenario.groups[self.testbed.scaled().0].kind;
        let candidates: Vec<Candidate> = indexes
            .iter()
            .map(|index| demand_policy(*index, &group, kind, limits))
            .collect();
        let points = self.points(&candidates, seeds, &finished)?;
        Ok(indexes
            .iter()
            .zip(points)
            .map(|(index, point)| DemandPoint {
                performance_index: *index,
                point,
            })
            .collect())
    }

    /// Runs policies with their own settings and limits.
    ///
    /// # Errors
    /// A policy that does not fit the cluster.
    pub fn policies(
        &self,
        candidates: &[Candidate],
        finished: impl Fn() + Sync,
    ) -> Result<Vec<Point>, CompareError> {
        self.points(candidates, self.seeds, &finished)
    }

    /// All but the runs.
    fn frame(&self) -> Hindsight {
        let ((_, limits), bounds) = (self.testbed.scaled(), self.testbed.bounds());
        Hindsight {
            trace: self.testbed.trace.clone(),
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

    /// The baselines that scale by rules, with their default settings.
    fn defaults(&self) -> Vec<Candidate> {
        let scaling = BASELINES.iter().filter(|baseline| {
            baseline.sizing == Sizing::ScenarioLimits && **baseline != FOLLOW_DEMAND
        });
        scaling
            .map(|baseline| self.testbed.baseline(baseline))
            .collect()
    }

    fn settings(&self) -> Vec<Candidate> {
        let (group, limits) = self.scaled();
        candidates(&group, limits)
    }

    /// What policies scale, and how far.
    fn scaled(&self) -> (Selector, Limits) {
        let (scaled, limits) = self.testbed.scaled();
        (
            Selector::Id(self.testbed.scenario.groups[scaled].id.clone()),
            limits,
        )
    }

    /// In the order of the candidates, whatever the number of threads.
    fn points(
        &self,
        candidates: &[Candidate],
        seeds: u64,
        finished: &(impl Fn() + Sync),
    ) -> Result<Vec<Point>, CompareError> {
        let seeds: Range<u64> = FIRST_SEED..FIRST_SEED + seeds;
        let all: Vec<(&Candidate, u64)> = candidates
            .iter()
            .flat_map(|candidate| seeds.clone().map(move |seed| (candidate, seed)))
            .collect();
        let run = |(candidate, seed): &(&Candidate, u64)| {
            let outcome = self.outcome(candidate, *seed);
            finished();
            outcome
        };
        let outcomes = all
            .par_iter()
            .map(run)
            .collect::<Result<Vec<Outcome>, CompareError>>()?;
        let of_each = outcomes.chunks((seeds.end - seeds.start).max(1) as usize);
        Ok(candidates
            .iter()
            .zip(of_each)
            .map(|(candidate, outcomes)| Outcome::mean(&candidate.name, outcomes))
            .collect())
    }

    fn outcome(&self, candidate: &Candidate, seed: u64) -> Result<Outcome, CompareError> {
        let trial = self.testbed.trial(
            candidate,
            seed,
            Recording {
                series: true,
                observations: false,
            },
        )?;
        let requested = trial
            .run
            .series
            .iter()
            .map(|point| point.requested)
            .max()
            .unwrap_or_default();
        Ok(Outcome {
            cost_usd: trial.card.cost_usd,
            wait_p95_s: trial.card.wait_p95_s,
            peak_nodes: requested - unscaled(self.testbed.scenario, self.testbed.scaled().0),
            unfinished_tasks: trial
                .card
                .tasks_total
                .saturating_sub(trial.card.tasks_finished),
        })
    }
}

/// `demand:` at one performance index, for the scaled group within its limits.
fn demand_policy(
    performance_index: u8,
    group: &Selector,
    kind: GroupKind,
    limits: Limits,
) -> Candidate {
    let name = format!("demand-{performance_index}");
    let text = demand_text(&name, performance_index, limits, group, kind);
    match parse(&text, "demand") {
        Ok(policy) => Candidate::of(policy),
        Err(errors) => unreachable!("a test parses every index: {errors}"),
    }
}

/// Instances of the groups that policies leave alone.
fn unscaled(scenario: &Scenario, scaled: usize) -> Instances {
    scenario
        .groups
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != scaled)
        .map(|(_, group)| group.count)
        .sum()
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
        let over = |figure: fn(&Self) -> f64| {
            outcomes.iter().map(figure).sum::<f64>() / outcomes.len() as f64
        };
        Point {
            policy: policy.to_owned(),
            cost_usd: over(|outcome| outcome.cost_usd),
            wait_p95_s: over(|outcome| outcome.wait_p95_s),
            peak_nodes: outcomes
                .iter()
                .map(|outcome| outcome.peak_nodes.get())
                .max()
                .unwrap_or_default(),
            unfinished_tasks: outcomes
                .iter()
                .map(|outcome| outcome.unfinished_tasks)
                .sum(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::trials::Plan;
    use crate::observation::Role;
    use crate::sim::input::Source;
    use std::path::Path;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn demand_has_the_limits_of_the_scenario_at_every_index() {
        let limits = Limits::new(Instances(2), Instances(30)).expect("in order");
        for index in 1..=100 {
            let Plan::Policy(policy) =
                demand_policy(index, &Selector::Role(Role::Core), GroupKind::Group, limits).plan
            else {
                unreachable!("a policy")
            };
            let demand = policy.demand().expect("a demand");
            assert_eq!(
                (
                    demand.min,
                    demand.max,
                    demand.max_core,
                    demand.max_on_demand
                ),
                (2, 30, 30, 30)
            );
            assert_eq!(
                (
                    demand.performance_index.get(),
                    &policy.targets()[0].selector
                ),
                (index, &Selector::Role(Role::Core))
            );
        }
    }

    /// The smallest scenario: fourteen minutes.
    #[test]
    fn a_benchmark_has_every_setting_and_knows_its_own_frontier_again() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("simulations/recorded-yarn");
        let source = Source::find(&folder, None).expect("a scenario");
        let workload = source.read(None).expect("a trace").workload;
        let testbed = || {
            Testbed::new("recorded-yarn".into(), &workload, &source.scenario).expect("a testbed")
        };
        let runner = Runner::new(testbed(), false, 1);
        let runs = AtomicU64::new(0);
        let hindsight = runner
            .hindsight(|| _ = runs.fetch_add(1, Ordering::Relaxed))
            .expect("runs");
        assert_eq!(
            hindsight
                .defaults
                .iter()
                .map(|point| point.policy.as_str())
                .collect::<Vec<_>>(),
            [
                "available-memory",
                "console-default",
                "hpa",
                "dataproc",
                "set-point"
            ]
        );
        assert_eq!(
            (runs.into_inner(), hindsight.swept.len() as u64 + 5),
            (runner.hindsight_runs(), runner.hindsight_runs())
        );
        for size in 0..=6 {
            let fixed = hindsight
                .swept
                .iter()
                .find(|point| point.policy == format!("fixed {size}"))
                .expect("each size");
            assert_eq!(fixed.peak_nodes, size);
        }
        assert!(runner.is_of(&hindsight));
        assert!(
            !Runner::new(testbed(), false, 2).is_of(&hindsight),
            "other seeds"
        );
        let swept = hindsight.swept[1..].to_vec();
        assert!(
            !runner.is_of(&Hindsight { swept, ..hindsight }),
            "other settings"
        );
    }
}
