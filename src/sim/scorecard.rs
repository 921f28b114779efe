//! The figures by which policies are compared.

use serde::{Deserialize, Serialize};

/// One row: one policy on one trace with one seed. Field names are the JSON and CSV names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scorecard {
    pub trace: String,
    pub policy: String,
    pub seed: u64,
    pub cost_usd: f64,
    pub ec2_usd: f64,
    pub emr_usd: f64,
    pub ebs_usd: f64,
    /// The part of the cost that paid for memory or cores that nothing used.
    pub idle_usd: f64,
    pub node_hours: f64,
    /// All work packed perfectly: no policy costs less.
    pub work_bound_usd: f64,
    /// Capacity follows demand instantly and nothing waits.
    pub no_wait_bound_usd: f64,
    /// Never lets work wait, knows the future, pays for provisioning.
    pub clairvoyant_usd: f64,
    pub wait_mean_s: f64,
    pub wait_p50_s: f64,
    pub wait_p95_s: f64,
    pub wait_p99_s: f64,
    pub wait_max_s: f64,
    /// `None` for observation traces, which know no jobs.
    pub bounded_slowdown_mean: Option<f64>,
    /// Memory that waited, integrated over time.
    pub backlog_gib_h: f64,
    /// Share of the work that waited longer than the scenario's objective.
    pub slo_miss_percent: f64,
    pub resizes: u64,
    pub flips: u64,
    pub tasks_total: u64,
    pub tasks_finished: u64,
    pub tasks_rerun: u64,
    /// Container-hours that were run and lost.
    pub lost_work_h: f64,
    pub jobs_finished: u64,
    pub makespan_s: f64,
    pub theta_u: f64,
    pub theta_o: f64,
    pub tau_u: f64,
    pub tau_o: f64,
    pub instability: f64,
    /// `None` where the comparison divides by zero.
    pub eta_vs_fixed_max: Option<f64>,
}
