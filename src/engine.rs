//! The decision engine: a pure function of what was observed.

use crate::decision::{Decision, Outcome};
use crate::observation::{GroupId, Observation};
use crate::policy::Policy;
use crate::units::Timestamp;

/// Folds observations and outcomes; yields decisions.
pub struct Engine {
    policy: Policy,
    last_at: Timestamp,
}

/// Why the engine wants to see the cluster again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WakeReason {
    Poll,
}

impl Engine {
    pub fn new(policy: Policy) -> Self {
        Self { policy, last_at: Timestamp::EPOCH }
    }

    /// One decision for every target of the policy, in file order.
    pub fn step(&mut self, observation: &Observation) -> Vec<Decision> {
        self.last_at = observation.at;
        Vec::new()
    }

    /// What became of the resize that the last step decided for this group.
    pub fn note(&mut self, _group: &GroupId, _outcome: Outcome) {}

    /// When the cluster should be observed next, and why then.
    pub fn next_wakeup(&self) -> (Timestamp, WakeReason) {
        (self.last_at + self.policy.poll(), WakeReason::Poll)
    }
}
