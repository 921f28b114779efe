//! The ResourceManager's REST API: who is active, how loaded the cluster is, what runs on which node.

mod active;
mod census;
mod load;
mod wire;

use std::time::Duration;

use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::daemon::clock::Clock;
use crate::daemon::http_get::{HttpGet, TimeLimit, timed};
use crate::daemon::jmx::{self, Beans};
use crate::daemon::source::{Call, SourceError};
use crate::daemon::yarn::active::{RollCall, endpoint};
use crate::daemon::yarn::wire::{App, Apps, ClusterMetrics, Metrics, Node, Nodes, Turnover};
use crate::observation::{Sampled, YarnLoad};

/// The largest answers that are read. A node takes about 1 kB and an application 2 kB, so that 4,000 and 10,000 of them fit twice.
const NODES_LIMIT_BYTES: usize = 16 << 20;
const APPS_LIMIT_BYTES: usize = 40 << 20;
const SMALL_LIMIT_BYTES: usize = 1 << 20;

/// All ResourceManagers of one cluster. Follows the active one.
#[derive(Debug)]
pub struct Yarn {
    http: HttpGet,
    addresses: Vec<Url>,
    local: Option<Url>,
    timeout: Duration,
    last_active: Option<Url>,
}

/// What one reading brought. Parts fail one by one.
#[derive(Clone, Debug, PartialEq)]
pub struct YarnReading {
    /// The address of the active ResourceManager.
    pub active: Option<Url>,
    /// The active one is on this machine. False when none is active, and when the local address is not known.
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
}

impl Yarn {
    /// `addresses` are those of all ResourceManagers, such as `http://ip-10-0-0-1:8088`; `local` is the one on this machine, if any. A reading takes
    /// at most `timeout`, whatever happens.
    pub fn new(http: HttpGet, addresses: Vec<Url>, local: Option<Url>, timeout: Duration) -> Self {
        let mut all: Vec<Url> = Vec::new();
        // The local one comes first: where one ResourceManager has two addresses, that is the one to be called by.
        for address in local.iter().chain(&addresses) {
            if !all.contains(address) {
                all.push(address.clone());
            }
        }
        Self { http, addresses: all, local, timeout, last_active: None }
    }

    /// Reads everything, one request after the other where one depends on the other, else concurrently. Never fails as a whole, never waits
    /// longer than the timeout it was made with.
    pub async fn read(&mut self, clock: &Clock) -> YarnReading {
        let limit = TimeLimit::start(self.timeout);
        let unlisted = self.last_active.iter().filter(|last| !self.addresses.contains(last));
        let mut roll_call = RollCall::start(&self.http, self.addresses.iter().chain(unlisted).cloned(), limit);
        let found = roll_call.active(self.last_active.as_ref(), &self.addresses).await;
        let active = match found {
            Ok(active) => active,
            Err(error) => return self.failed(error, roll_call.calls),
        };
        // Before the requests: the answer can only be younger.
        let measured_at = clock.now();
        let mut answers = Answers::ask(&self.http, &active, limit).await;
        let only_one = roll_call.is_still_the_only_one();
        answers.calls.splice(0..0, roll_call.calls);
        if let Err(error) = only_one {
            return self.failed(error, answers.calls);
        }
        let sampled = |load| Sampled { value: load, measured_at };
        let load = answers.load().map(sampled);
        let nodes = answers.census().map(|value| Sampled { value, measured_at });
        self.last_active = Some(active.clone());
        YarnReading { active_is_local: self.local.as_ref() == Some(&active), active: Some(active), load, nodes, calls: answers.calls }
    }

    fn failed(&mut self, error: SourceError, calls: Vec<Call>) -> YarnReading {
        self.last_active = None;
        YarnReading { active: None, active_is_local: false, load: Err(error.clone()), nodes: Err(error), calls }
    }
}

/// What the active ResourceManager answered.
struct Answers {
    metrics: Result<ClusterMetrics, SourceError>,
    nodes: Result<Vec<Node>, SourceError>,
    apps: Result<Vec<App>, SourceError>,
    turnover: Result<Turnover, SourceError>,
    nodes_url: Url,
    calls: Vec<Call>,
}

impl Answers {
    async fn ask(http: &HttpGet, active: &Url, limit: TimeLimit) -> Self {
        let metrics_url = endpoint(active, "metrics");
        let mut nodes_url = endpoint(active, "nodes");
        nodes_url.set_query(Some("states=RUNNING,DECOMMISSIONING,UNHEALTHY"));
        let mut apps_url = endpoint(active, "apps");
        // What applications request can be many times as long as all the rest.
        apps_url.set_query(Some("states=RUNNING,ACCEPTED&deSelects=resourceRequests"));
        let jmx_url = jmx::query(active, "Hadoop:service=ResourceManager,name=QueueMetrics,q0=root");
        let ((metrics, m), (nodes, n), (apps, a), (beans, j)) = tokio::join!(
            timed("metrics", http.json::<Metrics>(&metrics_url, SMALL_LIMIT_BYTES, limit)),
            timed("nodes", http.json::<Nodes>(&nodes_url, NODES_LIMIT_BYTES, limit)),
            timed("apps", http.json::<Apps>(&apps_url, APPS_LIMIT_BYTES, limit)),
            timed("jmx", http.json::<Beans<Turnover>>(&jmx_url, SMALL_LIMIT_BYTES, limit)),
        );
        Self {
            metrics: metrics.map(|metrics| metrics.cluster_metrics),
            nodes: nodes.map(|nodes| nodes.nodes.map(|list| list.node).unwrap_or_default()),
            apps: apps.map(|apps| apps.apps.map(|list| list.app).unwrap_or_default()),
            turnover: beans.and_then(|beans| beans.one(&jmx_url)),
            nodes_url,
            calls: vec![m, n, a, j],
        }
    }

    fn load(&self) -> Result<YarnLoad, SourceError> {
        let metrics = self.metrics.as_ref().map_err(Clone::clone)?;
        let released = self.turnover.as_ref().ok().map(|turnover| turnover.aggregate_containers_released);
        Ok(load::unpartitioned(metrics, released))
    }

    fn census(&self) -> Result<Vec<YarnNode>, SourceError> {
        let nodes = self.nodes.as_ref().map_err(Clone::clone)?;
        let apps = self.apps.as_ref().map_err(Clone::clone)?;
        census::census(nodes, apps).map_err(|problem| crate::daemon::http_get::malformed(&self.nodes_url, problem))
    }
}
