//! The ResourceManager's REST API: who is active, how loaded the cluster is, what runs on which
//! node.

mod active;
mod answers;
mod idle;
mod load;
mod node_snapshot;
mod wire;

use std::time::Duration;

use reqwest::Url;

use crate::daemon::clock::Clock;
use crate::daemon::sources::http_get::{HttpGet, TimeLimit};
use crate::daemon::sources::source::{Call, SourceError};
use crate::daemon::sources::yarn::active::RollCall;
use crate::daemon::sources::yarn::answers::Answers;
use crate::daemon::sources::yarn::idle::IdleHosts;
use crate::observation::{Sampled, YarnLoad};
use crate::units::Timestamp;

/// All ResourceManagers of one cluster. Follows the active one.
#[derive(Debug)]
pub struct Yarn {
    http: HttpGet,
    addresses: Vec<Url>,
    local: Option<Url>,
    timeout: Duration,
    last_active: Option<Url>,
    idle: IdleHosts,
}

/// What one reading brought. Parts fail one by one.
#[derive(Clone, Debug, PartialEq)]
pub struct YarnReading {
    /// The address of the active ResourceManager.
    pub active: Option<Url>,
    /// The active one is on this machine. False when none is active, and when the local address is
    /// not known.
    pub active_is_local: bool,
    pub load: Result<Sampled<YarnLoad>, SourceError>,
    /// Fails as well when it cannot be told where the application masters run.
    pub nodes: Result<Sampled<Vec<YarnNode>>, SourceError>,
    pub calls: Vec<Call>,
}

/// One NodeManager that is there: running, decommissioning or unhealthy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YarnNode {
    /// As YARN calls it: the instance's private DNS name, as a rule.
    pub host: String,
    pub containers: u32,
    pub has_application_master: bool,
    /// Decommissioning.
    pub draining: bool,
    /// Since when it was seen without containers; `None` while it has some.
    pub idle_since: Option<Timestamp>,
}

impl Yarn {
    /// `addresses` are those of all ResourceManagers, such as `http://ip-10-0-0-1:8088`; `local` is
    /// the one on this machine, if any. A reading takes at most `timeout`, whatever happens. What a
    /// reading said of idle nodes counts on if the next one comes within `allowance`.
    pub fn new(
        http: HttpGet,
        addresses: Vec<Url>,
        local: Option<Url>,
        timeout: Duration,
        allowance: Duration,
    ) -> Self {
        let mut all: Vec<Url> = Vec::new();
        // The local one comes first: where one ResourceManager has two addresses, that is the one
        // to be called by.
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

    /// Reads everything, one request after the other where one depends on the other, else
    /// concurrently. Never fails as a whole, never waits longer than the timeout it was made with.
    pub async fn read(&mut self, clock: &Clock) -> YarnReading {
        let limit = TimeLimit::start(self.timeout);
        let unlisted = self
            .last_active
            .iter()
            .filter(|last| !self.addresses.contains(last));
        let mut roll_call = RollCall::start(
            &self.http,
            self.addresses.iter().chain(unlisted).cloned(),
            limit,
        );
        let found = roll_call.active(self.last_active.as_ref()).await;
        let active = match found {
            Ok(active) => active,
            Err(error) => return self.failed(error, roll_call.calls),
        };
        // Before the requests: the answer can only be younger.
        let measured_at = clock.now();
        let mut answers = Answers::ask(&self.http, &active, limit).await;
        let unrivalled = roll_call.is_still_unrivalled();
        let active_is_local = self
            .local
            .as_ref()
            .is_some_and(|local| roll_call.claims(local));
        answers.calls.extend(roll_call.calls);
        if let Err(error) = unrivalled {
            return self.failed(error, answers.calls);
        }
        let load = answers.load().map(|value| Sampled { value, measured_at });
        let nodes = answers.snapshot().map(|mut value| {
            self.idle.note(&mut value, measured_at);
            Sampled { value, measured_at }
        });
        let address = active.address;
        self.last_active = Some(address.clone());
        YarnReading {
            active_is_local,
            active: Some(address),
            load,
            nodes,
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
            calls,
        }
    }
}

#[cfg(test)]
mod tests;
