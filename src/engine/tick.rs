//! One tick of the engine: an observation, and what is the same for all targets.

use std::time::Duration;

use super::node_size::NodeSizes;
use super::presence::Unavailable;
use super::samples::SignalSamples;
use crate::observation::work::Work;
use crate::observation::{NodeSnapshot, Observation, YarnLoad};
use crate::policy::signal::FailedInstances;
use crate::units::Timestamp;

/// What is the same for all targets at one tick.
pub struct Tick<'a> {
    pub observation: &'a Observation,
    /// The samples of EMR's description of the cluster.
    pub cluster: &'a SignalSamples,
    /// Whether the policy reads YARN. If not, what the observation has of it does not count.
    pub uses_yarn: bool,
    /// Whether a scale-in needs the snapshot of the nodes.
    pub needs_nodes: bool,
    /// Whether this is the first observation of the engine, or of a daemon that was restarted.
    pub is_first: bool,
    /// Instances that EMR runs and YARN does not use.
    pub unavailable: Unavailable,
    /// What an instance of each group offers, relative to the others.
    pub sizes: NodeSizes,
    /// What failed scale-outs did not bring, as of the tick before. Empty if no rule reads it.
    pub failed: &'a FailedInstances,
    /// How long the policy waits between two observations.
    pub poll: Duration,
    /// How old a polled value may be: three polls.
    pub max_age: Duration,
    /// Whether decisions include the states of rules and the values that they read.
    pub with_reports: bool,
}

impl<'a> Tick<'a> {
    /// The time of the observation.
    pub fn at(&self) -> Timestamp {
        self.observation.at
    }

    /// What runs on each node, if the policy reads YARN and it was observed recently.
    pub fn snapshot(&self) -> Option<&NodeSnapshot> {
        let sample = self.observation.nodes.as_ref().filter(|_| self.uses_yarn)?;
        (self.at().distance(sample.measured_at) <= self.max_age).then_some(&sample.value)
    }

    /// What the running applications say of their work, if the policy reads YARN and they said it
    /// recently.
    pub fn work(&self) -> Option<&'a Work> {
        let sample = self.observation.work.as_ref().filter(|_| self.uses_yarn)?;
        (self.at().distance(sample.measured_at) <= self.max_age).then_some(&sample.value)
    }

    /// The load that YARN reports, if the policy reads it and it was observed recently.
    pub fn yarn(&self) -> Option<&YarnLoad> {
        let sample = self.observation.yarn.as_ref().filter(|_| self.uses_yarn)?;
        (self.at().distance(sample.measured_at) <= self.max_age).then_some(&sample.value)
    }
}
