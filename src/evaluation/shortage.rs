//! Whether a cluster is too small for its work, and which size would do.

use std::time::Duration;

use serde::Serialize;

use super::default_cluster::nodes_for;
use super::trials::{Candidate, CompareError, Plan, Testbed, Trial};
use crate::policy::baselines::FIXED_MAX;
use crate::policy::{Limits, Selector};
use crate::sim::Recording;
use crate::sim::no_wait_demand::no_wait_demand;
use crate::units::{Instances, Timestamp};

/// Work may end so much later than with unlimited capacity, as a share of the time it then takes ...
const LATE_SHARE: f64 = 0.1;
/// ... or this much later, whichever is longer.
const LATE_AT_LEAST: Duration = Duration::from_secs(3_600);
/// A size that is still too small is tried again this much larger.
const GROWTH: f64 = 1.5;
/// How many sizes are tried.
const SIZES: u32 = 8;

/// The largest cluster that the policies allow finishes its work late.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Shortage {
    /// The most nodes of the scaled group.
    pub max_nodes: u32,
    /// How much later than with unlimited capacity the work ends when that many always run.
    pub late_s: f64,
    /// A number of nodes that serves the work in time; `None` when none of those tried does.
    pub enough_nodes: Option<u32>,
}

impl Testbed<'_> {
    /// Whether no policy could serve the work in time: neither one of `trials`, which are those of
    /// `candidates`, nor running the maximum all the time. Clusters of single jobs do not count.
    ///
    /// # Errors
    /// As [`compare`](Self::compare).
    pub fn shortage(
        &self,
        candidates: &[Candidate],
        trials: &[Trial],
        seed: u64,
    ) -> Result<Option<Shortage>, CompareError> {
        let demand = no_wait_demand(self.workload);
        let start = self.workload.start();
        let ideal = demand.0.last().map_or(start, |(at, _)| *at);
        let allowed = ideal.since(start).mul_f64(LATE_SHARE).max(LATE_AT_LEAST);
        let in_time = |trial: &Trial| is_in_time(trial, ideal + allowed);
        let runs = (trials.len() / candidates.len().max(1)).max(1);
        for (candidate, runs) in candidates.iter().zip(trials.chunks(runs)) {
            if matches!(candidate.plan, Plan::Policy(_)) && runs.iter().any(in_time) {
                return Ok(None);
            }
        }
        let (scaled, limits) = self.scaled();
        let max_nodes = limits.max().get();
        let largest = self.fixed(max_nodes, seed)?;
        // A simulation that stopped before the last work arrived says nothing about the size.
        if in_time(&largest) || largest.run.end < ideal {
            return Ok(None);
        }
        let estimate = nodes_for(&demand, self.scenario.groups[scaled].node);
        let mut nodes = estimate.max(larger(max_nodes));
        let mut enough_nodes = None;
        for _ in 0..SIZES {
            if in_time(&self.fixed(nodes, seed)?) {
                enough_nodes = Some(nodes);
                break;
            }
            nodes = larger(nodes);
        }
        Ok(Some(Shortage {
            max_nodes,
            late_s: largest.run.end.seconds_since(ideal),
            enough_nodes,
        }))
    }

    /// Runs with so many nodes of the scaled group all the time.
    fn fixed(&self, nodes: u32, seed: u64) -> Result<Trial, CompareError> {
        let group = &self.scenario.groups[self.scaled().0];
        let policy = FIXED_MAX.policy_for(
            Limits::exactly(Instances(nodes)),
            &Selector::Id(group.id.clone()),
            group.kind,
        );
        self.trial(&Candidate::of(policy), seed, Recording::default())
    }
}

fn is_in_time(trial: &Trial, latest: Timestamp) -> bool {
    trial.run.tasks_finished == trial.run.tasks_total && trial.run.end <= latest
}

fn larger(nodes: u32) -> u32 {
    (f64::from(nodes.max(1)) * GROWTH).ceil() as u32
}

#[cfg(test)]
mod tests;
