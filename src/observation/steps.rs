//! EMR's steps: work that is submitted to the cluster itself, and run by EMR in turn.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::units::Timestamp;

/// The steps of a cluster that wait or run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// How many steps EMR runs at the same time.
    pub concurrency: u32,
    /// The steps in the order in which EMR starts them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
}

/// A step that waits or runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// EMR's id, such as `s-2YHZ0000FAKE1`.
    pub id: Arc<str>,
    /// The name that its user gave it.
    pub name: Arc<str>,
    /// When EMR started it; `None` while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
}

impl Steps {
    /// Steps that wait.
    pub fn pending(&self) -> impl Iterator<Item = &Step> {
        let steps = self.steps.iter();
        steps.filter(|step| step.started_at.is_none())
    }

    /// Steps that run, each with the time at which EMR started it.
    pub fn running(&self) -> impl Iterator<Item = (&Step, Timestamp)> {
        let steps = self.steps.iter();
        steps.filter_map(|step| Some((step, step.started_at?)))
    }
}
