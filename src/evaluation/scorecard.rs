//! The figures by which policies are compared.

mod waits;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::evaluation::bounds::Bounds;
use crate::evaluation::elasticity::Elasticity;
use crate::pricing::{self, Cost, RateCurve};
use crate::sim::run::{InstanceLife, JobLife, Run, StepCurve};
use crate::units::Timestamp;
pub use waits::WaitProfile;

/// Below this, the run time of a job does not count in its slowdown: the bound of Feitelson's
/// bounded slowdown, as commonly set.
const SLOWDOWN_BOUND: Duration = Duration::from_secs(10);

/// Which run a scorecard is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The trace's name.
    pub trace: String,
    /// The policy's name.
    pub policy: String,
    /// The seed of the run.
    pub seed: u64,
}

/// What every run of a scenario is measured with.
#[derive(Clone, Copy, Debug)]
pub struct Measure<'a> {
    /// One for each group of the scenario, in its order.
    pub rates: &'a [RateCurve],
    /// The costs that no policy can fall below.
    pub bounds: Bounds,
    /// Nodes needed if nothing waited: what supply is compared with.
    pub demand_nodes: &'a StepCurve<u32>,
    /// The goal for waiting, if one is set.
    pub slo_wait: Option<Duration>,
}

/// One row: one policy on one trace with one seed. Field names are the JSON and CSV names;
/// `docs/scorecard.md` explains each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scorecard {
    /// The trace's name.
    pub trace: String,
    /// The policy's name.
    pub policy: String,
    /// The seed of the run.
    pub seed: u64,
    /// All instances, in US dollars.
    pub cost_usd: f64,
    /// The part of the cost that is for EC2.
    pub ec2_usd: f64,
    /// The part of the cost that is for EMR.
    pub emr_usd: f64,
    /// The part of the cost that is for EBS volumes.
    pub ebs_usd: f64,
    /// The part of the cost that paid for memory or cores that nothing used.
    pub idle_usd: f64,
    /// Time that instances existed, over all instances.
    pub node_hours: f64,
    /// All work packed perfectly: no policy costs less.
    pub work_bound_usd: f64,
    /// Capacity follows demand instantly and nothing waits.
    pub no_wait_bound_usd: f64,
    /// Never lets work wait, knows the future, pays for provisioning.
    pub clairvoyant_usd: f64,
    /// The mean wait, weighted by work.
    pub wait_mean_s: f64,
    /// Half of the work waits at most this long.
    pub wait_p50_s: f64,
    /// 95% of the work waits at most this long.
    pub wait_p95_s: f64,
    /// 99% of the work waits at most this long.
    pub wait_p99_s: f64,
    /// The longest wait.
    pub wait_max_s: f64,
    /// `None` for observation traces, which know no jobs.
    pub bounded_slowdown_mean: Option<f64>,
    /// Memory that waited, integrated over time.
    pub backlog_gib_h: f64,
    /// Share of the work that waited longer than the goal; `None` when no goal is set.
    pub slo_miss_percent: Option<f64>,
    /// Accepted resizes.
    pub resizes: u64,
    /// Resizes in the direction opposite to the one before.
    pub flips: u64,
    /// Tasks of the trace.
    pub tasks_total: u64,
    /// Tasks that were done.
    pub tasks_finished: u64,
    /// Containers that were lost and started again.
    pub tasks_rerun: u64,
    /// Container-hours that were run and lost.
    pub lost_work_h: f64,
    /// Jobs that were done.
    pub jobs_finished: u64,
    /// From the first submission to the last completion.
    pub makespan_s: f64,
    /// Elasticity: how far supply is below demand, in percent of demand.
    pub theta_u: f64,
    /// Elasticity: how far supply is above demand, in percent of demand.
    pub theta_o: f64,
    /// Elasticity: share of the time with too few nodes, in percent.
    pub tau_u: f64,
    /// Elasticity: share of the time with too many nodes, in percent.
    pub tau_o: f64,
    /// Elasticity: share of the time in which supply and demand move in opposite directions, in percent.
    pub instability: f64,
    /// `None` where the comparison divides by zero.
    pub eta_vs_fixed_max: Option<f64>,
}

impl Scorecard {
    /// Computes every figure but `eta_vs_fixed_max`, for which see [`Scorecard::with_eta_over`].
    ///
    /// # Panics
    /// When an instance belongs to a group that `measure.rates` does not have.
    pub fn of(label: Label, run: &Run, measure: &Measure<'_>) -> Self {
        let Label {
            trace,
            policy,
            seed,
        } = label;
        let money = Money::of(run, measure.rates);
        let waits = WaitProfile::of(&run.waits, measure.slo_wait);
        let elasticity = Elasticity::of(
            measure.demand_nodes,
            &run.supply_nodes,
            &(run.start..run.end),
        );
        Self {
            trace,
            policy,
            seed,
            cost_usd: money.cost.total().get(),
            ec2_usd: money.cost.ec2.get(),
            emr_usd: money.cost.emr.get(),
            ebs_usd: money.cost.ebs.get(),
            idle_usd: money.idle_usd,
            node_hours: money.node_hours,
            work_bound_usd: measure.bounds.work_usd,
            no_wait_bound_usd: measure.bounds.no_wait_usd,
            clairvoyant_usd: measure.bounds.clairvoyant_usd,
            wait_mean_s: waits.mean_s,
            wait_p50_s: waits.p50_s,
            wait_p95_s: waits.p95_s,
            wait_p99_s: waits.p99_s,
            wait_max_s: waits.max_s,
            bounded_slowdown_mean: bounded_slowdown_mean(&run.jobs),
            backlog_gib_h: run.backlog_mib_h / 1_024.0,
            slo_miss_percent: waits.slo_miss_percent,
            resizes: run.resizes,
            flips: run.flips,
            tasks_total: run.tasks_total,
            tasks_finished: run.tasks_finished,
            tasks_rerun: run.tasks_rerun,
            lost_work_h: run.lost_work.as_secs_f64() / 3_600.0,
            jobs_finished: run.jobs.len() as u64,
            makespan_s: makespan_s(run),
            theta_u: elasticity.theta_u,
            theta_o: elasticity.theta_o,
            tau_u: elasticity.tau_u,
            tau_o: elasticity.tau_o,
            instability: elasticity.instability,
            eta_vs_fixed_max: None,
        }
    }

    /// Fills `eta_vs_fixed_max`, given the scorecard of the policy that is fixed at its maximum, on
    /// the same trace and seed.
    #[must_use]
    pub fn with_eta_over(mut self, fixed_max: &Self) -> Self {
        self.eta_vs_fixed_max = self.elasticity().eta(&fixed_max.elasticity());
        self
    }

    fn elasticity(&self) -> Elasticity {
        let &Self {
            theta_u,
            theta_o,
            tau_u,
            tau_o,
            instability,
            ..
        } = self;
        Elasticity {
            theta_u,
            theta_o,
            tau_u,
            tau_o,
            instability,
        }
    }
}

/// What all instances together cost.
#[derive(Default)]
struct Money {
    cost: Cost,
    idle_usd: f64,
    node_hours: f64,
}

impl Money {
    fn of(run: &Run, rates: &[RateCurve]) -> Self {
        let mut money = Self::default();
        for life in &run.instances {
            let end = life.terminated_at.unwrap_or(run.end);
            let paid = pricing::cost(&rates[life.group], life.launched_at, end);
            money.cost += paid;
            money.idle_usd += paid.total().get() * idle_share(life, end);
            money.node_hours += end.since(life.launched_at).as_secs_f64() / 3_600.0;
        }
        money
    }
}

/// Share of the billed time that nothing used: the start-up of a node and the rest of its first
/// minute are idle, too.
fn idle_share(life: &InstanceLife, end: Timestamp) -> f64 {
    1.0 - (life.busy_s / pricing::billed(life.launched_at, end).as_secs_f64()).clamp(0.0, 1.0)
}

/// `max(1, turnaround / max(unhindered, 10 s))`, over all finished jobs; `None` when there are
/// none.
fn bounded_slowdown_mean(jobs: &[JobLife]) -> Option<f64> {
    let slowdown = |job: &JobLife| {
        let turnaround = job.finished_at.since(job.submitted_at);
        (turnaround.as_secs_f64() / job.unhindered.max(SLOWDOWN_BOUND).as_secs_f64()).max(1.0)
    };
    (!jobs.is_empty()).then(|| jobs.iter().map(slowdown).sum::<f64>() / jobs.len() as f64)
}

/// From the first submission to the last completion; for observations, which know no jobs, the
/// length of the run.
fn makespan_s(run: &Run) -> f64 {
    let submitted = run
        .jobs
        .iter()
        .map(|job| job.submitted_at)
        .min()
        .unwrap_or(run.start);
    let finished = run
        .jobs
        .iter()
        .map(|job| job.finished_at)
        .max()
        .unwrap_or(run.end);
    finished.since(submitted).as_secs_f64()
}

#[cfg(test)]
mod tests;
