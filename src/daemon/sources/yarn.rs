//! Reads the load of the cluster and of its nodes from the REST API of the active ResourceManager.

mod active;
mod answers;
mod idle;
mod load;
mod node_snapshot;
mod pending_limits;
mod queue_wire;
mod running;
mod wire;

use std::collections::BTreeSet;
use std::time::Duration;

use reqwest::Url;

use crate::daemon::clock::Clock;
use crate::daemon::sources::call::Call;
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::{HttpGet, TimeLimit};
use crate::daemon::sources::yarn::active::ActiveSearch;
use crate::daemon::sources::yarn::answers::Answers;
use crate::daemon::sources::yarn::idle::IdleHosts;
pub use crate::daemon::sources::yarn::node_snapshot::YarnNode;
pub use crate::daemon::sources::yarn::running::RunningApplication;
use crate::observation::pending_limit::PendingLimit;
use crate::observation::{Sampled, YarnLoad};

/// All ResourceManagers of one cluster, of which the active one is read.
#[derive(Debug)]
pub struct Yarn {
    http: HttpGet,
    addresses: Vec<Url>,
    local: Option<Url>,
    timeout: Duration,
    last_active: Option<Url>,
    idle: IdleHosts,
}

/// The result of one reading. Its parts can fail independently.
#[derive(Clone, Debug, PartialEq)]
pub struct YarnReading {
    /// The address of the active ResourceManager.
    pub active: Option<Url>,
    /// Whether the active ResourceManager is the local one. False if none is active or the local
    /// address is unknown.
    pub active_is_local: bool,
    /// The load over all partitions, or why it could not be read.
    pub load: Result<Sampled<YarnLoad>, SourceError>,
    /// The nodes. An error, too, if it is unknown where the application masters run.
    pub nodes: Result<Sampled<Vec<YarnNode>>, SourceError>,
    /// The hosts whose nodes have been decommissioned, if they were asked for and could be read.
    pub decommissioned: BTreeSet<String>,
    /// The limits that keep pending work from starting; `None` if they are unknown.
    pub pending_limits: Option<Sampled<Vec<PendingLimit>>>,
    /// The running applications; `None` if they could not be read.
    pub running: Option<Vec<RunningApplication>>,
    /// The calls that were made.
    pub calls: Vec<Call>,
}

impl Yarn {
    /// Reads from all ResourceManagers at `addresses`, such as `http://ip-10-0-0-1:8088`; `local` is
    /// the one on this node, if any. A reading takes at most `timeout`. Idle times continue if the
    /// next reading follows within `allowance`.
    pub fn new(
        http: HttpGet,
        addresses: Vec<Url>,
        local: Option<Url>,
        timeout: Duration,
        allowance: Duration,
    ) -> Self {
        let mut all: Vec<Url> = Vec::new();
        // The local address comes first, so that a ResourceManager with two addresses is known by
        // the local one.
        for address in local.iter().chain(&addresses) {
            if !all.contains(address) {
                all.push(address.clone());
            }
        }
        Self {
            http,
            addresses: all,
            local,
            timeout,
            last_active: None,
            idle: IdleHosts::new(allowance),
        }
    }

    /// Reads everything, concurrently as far as possible. Takes at most the timeout. `scales_in` is
    /// whether EMR is terminating instances: only then it matters which nodes were decommissioned.
    pub async fn read(&mut self, clock: &Clock, scales_in: bool) -> YarnReading {
        let limit = TimeLimit::start(self.timeout);
        let unlisted = self
            .last_active
            .iter()
            .filter(|last| !self.addresses.contains(last));
        let mut search = ActiveSearch::start(
            &self.http,
            self.addresses.iter().chain(unlisted).cloned(),
            limit,
        );
        let found = search.active(self.last_active.as_ref()).await;
        let active = match found {
            Ok(active) => active,
            Err(error) => return self.failed(error, search.calls),
        };
        // Before the requests, so that the answers are never older than this.
        let measured_at = clock.now();
        let mut answers = Answers::ask(&self.http, &active, limit, scales_in).await;
        let confirmed = search.confirm_single();
        let active_is_local = self
            .local
            .as_ref()
            .is_some_and(|local| search.is_active(local));
        answers.calls.extend(search.calls);
        if let Err(error) = confirmed {
            return self.failed(error, answers.calls);
        }
        let load = answers.load().map(|value| Sampled { value, measured_at });
        let nodes = answers.snapshot().map(|mut value| {
            self.idle.note(&mut value, measured_at);
            Sampled { value, measured_at }
        });
        let pending_limits = answers
            .pending_limits()
            .map(|value| Sampled { value, measured_at });
        let running = answers.running();
        let address = active.address;
        self.last_active = Some(address.clone());
        YarnReading {
            active_is_local,
            active: Some(address),
            load,
            nodes,
            decommissioned: answers.decommissioned,
            pending_limits,
            running,
            calls: answers.calls,
        }
    }

    fn failed(&mut self, error: SourceError, calls: Vec<Call>) -> YarnReading {
        self.last_active = None;
        YarnReading {
            active: None,
            active_is_local: false,
            load: Err(error.clone()),
            nodes: Err(error),
            decommissioned: BTreeSet::new(),
            pending_limits: None,
            running: None,
            calls,
        }
    }
}

#[cfg(test)]
mod tests;
