//! Carrying out a resize, in the one place that can change a cluster.

use crate::daemon::source::Call;
use crate::decision::{Outcome, Resize};
use crate::observation::GroupStatus;

/// What carries out decisions. In a dry run there is nothing that could.
#[derive(Debug)]
pub enum Actuator {
    Live(Resizer),
    DryRun,
}

/// Calls ModifyInstanceGroups and ModifyInstanceFleet. The only holder of a client that may change a cluster.
#[derive(Debug)]
pub struct Resizer {}

/// What became of a resize, and in EMR's own words why it was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub outcome: Outcome,
    pub message: Option<String>,
    pub call: Option<Call>,
}

impl Actuator {
    /// Sends one absolute size; never twice.
    pub async fn resize(&mut self, _group: &GroupStatus, _resize: &Resize) -> Answer {
        unimplemented!("being built")
    }
}
