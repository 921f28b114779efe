//! Several policies on one workload and cluster, over several seeds: every run with its scorecard.

use std::borrow::Cow;
use std::ops::Range;

use rayon::prelude::*;

use super::bounds::{Bounds, Capacity, Offer};
use super::scorecard::{Label, Measure, Scorecard};
use crate::observation::GroupStatus;
use crate::policy::baselines::{BASELINES, Baseline, FIXED_MAX};
use crate::policy::{Limits, Policy, Selector};
use crate::pricing::RateCurve;
use crate::sim::no_wait_demand::{least_demand, no_wait_demand, nodes_needed};
use crate::sim::run::{Run, StepCurve};
use crate::sim::scenario::{GroupSpec, Scenario};
use crate::sim::trace_work::TraceWork;
use crate::sim::transient::{NAME, transient_per_job};
use crate::sim::{Recording, SimError, simulate};

/// What is tried, and its name in the results.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The name in the results.
    pub name: String,
    /// How it gets its capacity.
    pub plan: Plan,
}

/// How a candidate gets its capacity.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// The scenario's cluster, scaled by a policy.
    Policy(Policy),
    /// A separate cluster for each job.
    TransientPerJob,
}

impl Candidate {
    /// A separate cluster for each job.
    pub fn transient_per_job() -> Self {
        Self {
            name: NAME.into(),
            plan: Plan::TransientPerJob,
        }
    }

    /// Under the policy's own name.
    pub fn of(policy: Policy) -> Self {
        Self {
            name: policy.name().to_owned(),
            plan: Plan::Policy(policy),
        }
    }
}

/// What every policy is tried on.
pub struct Testbed<'a> {
    /// What the results call the trace.
    pub trace: String,
    /// The work of the trace.
    pub workload: &'a TraceWork,
    /// The simulated cluster.
    pub scenario: &'a Scenario,
    rates: Vec<RateCurve>,
    bounds: Bounds,
    demand_nodes: StepCurve<u32>,
    /// The group that baselines scale, and how far.
    scaled: (usize, Limits),
}

/// One policy with one seed.
#[derive(Debug)]
pub struct Trial {
    /// The figures of the run.
    pub card: Scorecard,
    /// What happened in the run.
    pub run: Run,
}

/// Why policies cannot be compared.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum CompareError {
    #[error(transparent)]
    Simulation(#[from] SimError),
    #[error(
        "`{NAME}` gives each job a cluster of its own, and a trace of observations knows no jobs; leave it out"
    )]
    NoJobs,
    #[error(
        "no group of scenario `{scenario}` has `limits`, so there is nothing to scale; give one its min and max"
    )]
    NothingToScale { scenario: String },
}

impl<'a> Testbed<'a> {
    /// Computes the bounds.
    ///
    /// # Errors
    /// When no group may be scaled.
    pub fn new(
        trace: String,
        workload: &'a TraceWork,
        scenario: &'a Scenario,
    ) -> Result<Self, CompareError> {
        let (scaled, limits) = scaled_group(scenario)?;
        let offer = |index: usize| Offer {
            node: scenario.groups[index].node,
            usd_h: scenario.groups[index].rates.total_usd_h(),
        };
        let others = (0..scenario.groups.len()).filter(|index| *index != scaled);
        let capacity = Capacity {
            scaled: offer(scaled),
            scaled_min: limits.min(),
            fixed: others
                .map(|index| (scenario.groups[index].count, offer(index)))
                .collect(),
            provisioning: scenario.provisioning.median,
        };
        let demand = no_wait_demand(workload);
        let end = demand.0.last().map_or(workload.start(), |(at, _)| *at);
        let horizon = workload.start()..end;
        let mut bounds = Bounds::of(&demand, &capacity, &horizon);
        if workload.says_what_is_left() {
            bounds = bounds.with_least_demand(&least_demand(workload), &capacity, &horizon);
        }
        let demand_nodes = nodes_needed(&demand, capacity.scaled.node);
        Ok(Self {
            trace,
            workload,
            scenario,
            rates: scenario.rate_curves(),
            bounds,
            demand_nodes,
            scaled: (scaled, limits),
        })
    }

    /// What the work costs at best.
    pub fn bounds(&self) -> Bounds {
        self.bounds
    }

    /// The group that baselines scale, as its place in the scenario, and how far.
    pub fn scaled(&self) -> (usize, Limits) {
        self.scaled
    }

    /// A baseline on this cluster: it scales the first group that has limits, within these.
    pub fn baseline(&self, baseline: &Baseline) -> Candidate {
        let (scaled, limits) = self.scaled;
        let group = &self.scenario.groups[scaled];
        let selector = Selector::Id(group.id.clone());
        Candidate::of(baseline.policy_for(limits, &selector, group.kind))
    }

    /// All built-in alternatives: the baselines and, where jobs are known, a transient cluster for
    /// each job.
    pub fn all_baselines(&self) -> Vec<Candidate> {
        let knows_jobs = matches!(self.workload, TraceWork::Jobs(_));
        BASELINES
            .iter()
            .map(|baseline| self.baseline(baseline))
            .chain(knows_jobs.then(Candidate::transient_per_job))
            .collect()
    }

    /// Tries every policy with every seed, on all cores; `finished` is called after each run. The
    /// result is in the order of the candidates, then of the seeds, whatever the number of
    /// threads.
    ///
    /// # Errors
    /// The first policy that does not fit the cluster, or work that fits none of its nodes.
    pub fn compare(
        &self,
        candidates: &[Candidate],
        seeds: Range<u64>,
        recording: Recording,
        finished: impl Fn() + Sync,
    ) -> Result<Vec<Trial>, CompareError> {
        let reference = self.baseline(&FIXED_MAX);
        let is_reference = |candidate: &Candidate| candidate.plan == reference.plan;
        let extra = (!candidates.iter().any(is_reference)).then_some(&reference);
        let seeds: Vec<u64> = seeds.collect();
        let all: Vec<(&Candidate, u64)> = candidates
            .iter()
            .chain(extra)
            .flat_map(|candidate| seeds.iter().map(move |seed| (candidate, *seed)))
            .collect();
        let run = |(candidate, seed): &(&Candidate, u64)| {
            let trial = self.trial(candidate, *seed, recording);
            finished();
            trial
        };
        let mut trials = all
            .par_iter()
            .map(run)
            .collect::<Result<Vec<Trial>, CompareError>>()?;
        let references: Vec<Scorecard> = all
            .iter()
            .zip(&trials)
            .filter(|((candidate, _), _)| is_reference(candidate))
            .map(|(_, trial)| trial.card.clone())
            .collect();
        trials.truncate(candidates.len() * seeds.len());
        for (trial, (_, seed)) in trials.iter_mut().zip(&all) {
            if let Some(reference) = references.iter().find(|card| card.seed == *seed) {
                trial.card = trial.card.clone().with_eta_over(reference);
            }
        }
        Ok(trials)
    }

    /// How many runs [`compare`](Self::compare) makes for so many candidates, the hidden reference
    /// included.
    pub fn runs(&self, candidates: &[Candidate], seeds: u64) -> u64 {
        let reference = self.baseline(&FIXED_MAX);
        let has_reference = candidates
            .iter()
            .any(|candidate| candidate.plan == reference.plan);
        (candidates.len() as u64 + u64::from(!has_reference)) * seeds
    }

    /// One run, without `eta_vs_fixed_max`.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub fn trial(
        &self,
        candidate: &Candidate,
        seed: u64,
        recording: Recording,
    ) -> Result<Trial, CompareError> {
        let run = match (&candidate.plan, self.workload) {
            (Plan::Policy(policy), workload) => simulate(
                workload,
                &started_within_limits(self.scenario, policy),
                policy,
                seed,
                recording,
            )?,
            (Plan::TransientPerJob, TraceWork::Jobs(load)) => {
                let (scaled, limits) = self.scaled;
                transient_per_job(load, self.scenario, scaled, limits.max(), seed)?
            }
            (Plan::TransientPerJob, TraceWork::Observations(_)) => {
                return Err(CompareError::NoJobs);
            }
        };
        let label = Label {
            trace: self.trace.clone(),
            policy: candidate.name.clone(),
            seed,
        };
        Ok(Trial {
            card: self.score(label, &run),
            run,
        })
    }

    /// The figures of a run on this testbed.
    pub fn score(&self, label: Label, run: &Run) -> Scorecard {
        let measure = Measure {
            rates: &self.rates,
            bounds: self.bounds,
            demand_nodes: &self.demand_nodes,
            slo_wait: self.scenario.slo_wait,
        };
        Scorecard::of(label, run, &measure)
    }
}

/// The first group with limits: the one that baselines scale and bounds are computed for.
///
/// # Errors
/// When no group has any.
pub fn scaled_group(scenario: &Scenario) -> Result<(usize, Limits), CompareError> {
    let scaled = scenario
        .groups
        .iter()
        .enumerate()
        .find_map(|(index, group)| Some((index, group.limits?)));
    scaled.ok_or_else(|| CompareError::NothingToScale {
        scenario: scenario.name.clone(),
    })
}

/// A cluster is launched at a size that its policy allows.
pub fn started_within_limits<'s>(scenario: &'s Scenario, policy: &Policy) -> Cow<'s, Scenario> {
    let mut started = Cow::Borrowed(scenario);
    let groups: Vec<GroupStatus> = scenario.groups.iter().map(GroupSpec::status).collect();
    for (target, found) in policy.targets().iter().zip(policy.match_groups(&groups)) {
        let Some(group) = found.group() else { continue };
        let (min, max) = (target.limits.min(), target.limits.max());
        for (index, spec) in scenario.groups.iter().enumerate() {
            let count = spec.count.clamp(min, max);
            if spec.id == group.id && count != spec.count {
                started.to_mut().groups[index].count = count;
            }
        }
    }
    started
}
