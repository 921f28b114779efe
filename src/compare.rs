//! The frontier test: what each baseline could have reached with hindsight, and what `demand:`
//! reaches without.
//!
//! On each trace every baseline is tried with all its settings ([`sweep`]). The cheapest of them
//! all at a given p95 waiting is the *hindsight frontier* ([`envelope`]): no one who had to choose
//! a setting beforehand would have done better with these policies. `demand:` then runs with one
//! text for every trace, over its performance index, and is held against that frontier ([`aims`]).

pub mod aims;
pub mod benchmark;
pub mod envelope;
pub mod picture;
pub mod report;
pub mod sweep;
#[cfg(test)]
mod testing;
pub mod text;

use serde::{Deserialize, Serialize};

/// One policy on one trace: means over the seeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// With its settings.
    pub policy: String,
    pub cost_usd: f64,
    pub wait_p95_s: f64,
    /// The largest size that was ever asked for, of the scaled group, in any of the runs.
    pub peak_nodes: u32,
    /// Over all seeds; such a policy is never better than another.
    pub unfinished_tasks: u64,
}

/// `demand:` at one performance index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemandPoint {
    pub performance_index: u8,
    #[serde(flatten)]
    pub point: Point,
}

/// What the baselines reach on one trace. It does not depend on `demand:`, so it can be kept and
/// used again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hindsight {
    pub trace: String,
    pub synthetic: bool,
    pub seeds: u64,
    pub min_nodes: u32,
    pub max_nodes: u32,
    /// Capacity follows demand instantly and nothing waits.
    pub no_wait_usd: f64,
    /// Nothing waits, the future is known, provisioning is paid for.
    pub clairvoyant_usd: f64,
    /// The baselines as people run them.
    pub defaults: Vec<Point>,
    /// The baselines with all their settings.
    pub swept: Vec<Point>,
}

/// All that is known of one trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    pub hindsight: Hindsight,
    /// By performance index.
    pub demand: Vec<DemandPoint>,
    /// The same at [`MONOTONY_INDEXES`], with more seeds.
    pub monotony: Vec<DemandPoint>,
    pub monotony_seeds: u64,
    /// Policies that were named on the command line.
    #[serde(default)]
    pub given: Vec<Point>,
}

/// What a policy gets that does not say.
pub const DEFAULT_INDEX: u8 = 50;
/// Where cost may never fall, and waiting never rise, from one to the next.
pub const MONOTONY_INDEXES: [u8; 5] = [1, 25, 50, 75, 100];

impl Point {
    pub fn is_finished(&self) -> bool {
        self.unfinished_tasks == 0
    }
}
