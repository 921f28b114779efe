//! What the loop tells the world, and what the world may ask: the one thing that both the loop and the HTTP server hold.

use crate::daemon::clock::Clock;
use crate::daemon::report::TickReport;
use crate::policy::Policy;

/// Who this daemon is; fixed at its start.
#[derive(Clone, Debug)]
pub struct Identity {
    pub cluster_id: String,
    /// Where the policy was read from, as it was named.
    pub policy_file: String,
    pub dry_run: bool,
}

/// Metrics and status of one daemon.
#[derive(Debug)]
pub struct Monitor {}

impl Monitor {
    pub fn new(_identity: Identity, _policy: &Policy, _clock: Clock) -> Self {
        unimplemented!("being built")
    }

    /// A tick begins: the loop is alive.
    pub fn tick_begins(&self) {
        unimplemented!("being built")
    }

    /// A tick came to its end.
    pub fn tick_ended(&self, _report: &TickReport) {
        unimplemented!("being built")
    }

    /// A tick was broken off, such as by a journal that could not be written: nothing was done.
    pub fn tick_failed(&self, _problem: &str) {
        unimplemented!("being built")
    }
}
