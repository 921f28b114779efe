//! The benchmark of policies: what each baseline could have reached with hindsight, and what
//! `demand:` reaches without.
//!
//! On each trace every baseline is tried with all its [`settings`]. The cheapest of all these runs
//! at a given p95 wait is the *hindsight frontier* ([`envelope`]): choosing a
//! setting beforehand cannot do better with these policies. `demand:` then runs over its
//! performance index and is compared with that frontier ([`cells`]).

pub mod cells;
pub mod envelope;
pub mod picture;
pub mod report;
pub mod runner;
pub mod settings;
#[cfg(test)]
mod testing;
pub mod text;

use serde::{Deserialize, Serialize};

/// One policy on one trace: means over the seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The policy's name, with its settings.
    pub policy: String,
    /// The mean cost, in US dollars.
    pub cost_usd: f64,
    /// The mean p95 wait, in seconds.
    pub wait_p95_s: f64,
    /// The largest size of the scaled group that was requested in any run.
    pub peak_nodes: u32,
    /// Tasks left undone, over all seeds; such a policy is never better than another.
    pub unfinished_tasks: u64,
}

/// `demand:` at one performance index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemandPoint {
    /// From 1, least cost, to 100, least waiting.
    pub performance_index: u8,
    /// What it reached.
    #[serde(flatten)]
    pub point: Point,
}

/// What the baselines reach on one trace. It does not depend on `demand:`, so it can be kept and
/// used again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hindsight {
    /// The trace's name.
    pub trace: String,
    /// Made by a generator rather than recorded.
    pub synthetic: bool,
    /// Runs of each policy.
    pub seeds: u64,
    /// The least size of the scaled group.
    pub min_nodes: u32,
    /// The largest size of the scaled group.
    pub max_nodes: u32,
    /// Capacity follows demand instantly and nothing waits.
    pub no_wait_usd: f64,
    /// Nothing waits, the future is known, provisioning is paid for.
    pub clairvoyant_usd: f64,
    /// The baselines with their default settings.
    pub defaults: Vec<Point>,
    /// The baselines with all their settings.
    pub swept: Vec<Point>,
}

/// The benchmark on one trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Benchmark {
    /// What the baselines reach.
    pub hindsight: Hindsight,
    /// What `demand:` reaches, by performance index.
    pub demand: Vec<DemandPoint>,
    /// Policies that were named on the command line.
    #[serde(default, alias = "given")]
    pub policies: Vec<Point>,
}

/// The performance index of a policy that does not set one.
pub const DEFAULT_INDEX: u8 = 50;

impl Point {
    /// Whether all work was done.
    pub fn is_finished(&self) -> bool {
        self.unfinished_tasks == 0
    }
}
