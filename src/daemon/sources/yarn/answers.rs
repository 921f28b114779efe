//! The answers of the active ResourceManager to one reading, and the load and nodes they describe.

use std::collections::BTreeSet;

use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::daemon::sources::call::{Call, timed};
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::{HttpGet, TimeLimit, contradictory, malformed};
use crate::daemon::sources::jmx::{self, Beans};
use crate::daemon::sources::yarn::active::{Active, endpoint};
use crate::daemon::sources::yarn::load;
use crate::daemon::sources::yarn::node_snapshot::{YarnNode, snapshot};
use crate::daemon::sources::yarn::pending_limits::{containers_pending, pending_limits};
use crate::daemon::sources::yarn::queue_wire::{self, RequestingApp, RequestingApps};
use crate::daemon::sources::yarn::running::RunningApplication;
use crate::daemon::sources::yarn::wire::{
    App, Apps, ClusterMetrics, Metrics, Node, NodeLabels, NodeState, NodeThatLeft, Nodes,
    PartitionCounts, Queue, QueueMetrics, Scheduler, SchedulerInfo,
};
use crate::observation::YarnLoad;
use crate::observation::pending_limit::PendingLimit;

/// The largest answers that are read: twice 4,000 nodes of 2.2 kB, and twice 10,000 applications of
/// 1.3 kB (Hadoop 3.3).
const NODES_LIMIT_BYTES: usize = 24 << 20;
const APPS_LIMIT_BYTES: usize = 32 << 20;
/// About 1,000 queues of 15 kB.
const SCHEDULER_LIMIT_BYTES: usize = 16 << 20;
/// About 2,000 applications with three kinds of containers each.
const REQUESTS_LIMIT_BYTES: usize = 8 << 20;
const SMALL_LIMIT_BYTES: usize = 1 << 20;

/// The answers to one reading.
#[derive(Debug)]
pub struct Answers {
    metrics: Part<ClusterMetrics>,
    nodes: Part<Vec<Node>>,
    apps: Part<Vec<App>>,
    queue: Part<QueueMetrics>,
    /// `None` if there are no node labels.
    partitions: Option<Partitions>,
    /// `None` while nothing is pending.
    requests: Option<Requests>,
    metrics_url: Url,
    nodes_url: Url,
    /// The hosts of decommissioned nodes; empty if they were not asked for or could not be read.
    pub decommissioned: BTreeSet<String>,
    pub calls: Vec<Call>,
}

/// The answers that are read only if there are node labels.
#[derive(Debug)]
struct Partitions {
    scheduler: Part<SchedulerInfo<Queue>>,
    counts: Part<Vec<PartitionCounts>>,
}

/// The answers that say why work is pending. They are large, and read only while some is.
#[derive(Debug)]
struct Requests {
    apps: Part<Vec<RequestingApp>>,
    /// `None` if there are node labels.
    scheduler: Option<Part<SchedulerInfo<queue_wire::Queue>>>,
}

type Part<T> = Result<T, SourceError>;

impl Answers {
    pub async fn ask(http: &HttpGet, active: &Active, limit: TimeLimit, scales_in: bool) -> Self {
        let reader = Reader {
            http,
            address: &active.address,
            limit,
        };
        let (metrics_url, nodes_url) = (
            endpoint(&active.address, "metrics"),
            nodes_url(&active.address, PRESENT),
        );
        let jmx_url = jmx::query(
            &active.address,
            "Hadoop:service=ResourceManager,name=QueueMetrics,q0=root",
        );
        let (apps_url, labels_url) = (
            apps_url(active),
            endpoint(&active.address, "get-node-labels"),
        );
        let ((metrics, m), (nodes, n), (apps, a), (beans, j), (labels, l)) = tokio::join!(
            reader.get::<Metrics>("metrics", &metrics_url, SMALL_LIMIT_BYTES),
            reader.get::<Nodes>("nodes", &nodes_url, NODES_LIMIT_BYTES),
            reader.get::<Apps>("apps", &apps_url, APPS_LIMIT_BYTES),
            reader.get::<Beans<QueueMetrics>>("jmx", &jmx_url, SMALL_LIMIT_BYTES),
            reader.get::<NodeLabels>("get-node-labels", &labels_url, SMALL_LIMIT_BYTES),
        );
        let mut answers = Self {
            metrics: metrics.map(|metrics| metrics.cluster_metrics),
            nodes: nodes.map(|nodes| nodes.nodes.map(|list| list.node).unwrap_or_default()),
            apps: apps.map(|apps| apps.apps.map(|list| list.app).unwrap_or_default()),
            queue: beans.and_then(|beans| beans.one(&jmx_url)),
            partitions: None,
            requests: None,
            metrics_url,
            nodes_url,
            decommissioned: BTreeSet::new(),
            calls: vec![m, n, a, j, l],
        };
        if scales_in {
            let (hosts, call) = reader.decommissioned().await;
            answers.decommissioned = hosts;
            answers.calls.push(call);
        }
        if answers.labels_may_exist(&labels) {
            let (partitions, calls) = reader.partitions().await;
            answers.partitions = Some(partitions);
            answers.calls.extend(calls);
        }
        if answers.is_work_pending() {
            let (requests, calls) = reader.requests(active, answers.partitions.is_some()).await;
            answers.requests = Some(requests);
            answers.calls.extend(calls);
        }
        answers
    }

    /// The limits that keep pending work from starting; `None` if they are unknown.
    pub fn pending_limits(&self) -> Option<Vec<PendingLimit>> {
        let requests = self.requests.as_ref()?;
        let scheduler = match &requests.scheduler {
            None => None,
            Some(scheduler) => Some(scheduler.as_ref().ok()?),
        };
        let (apps, nodes) = (requests.apps.as_ref().ok()?, self.nodes.as_ref().ok()?);
        Some(pending_limits(apps, nodes, scheduler))
    }

    /// The load over all partitions, and the start of the oldest application if that is known.
    pub fn load(&self) -> Result<YarnLoad, SourceError> {
        let load = self.load_of_partitions()?;
        let oldest_app_started_at = self
            .apps
            .as_ref()
            .ok()
            .and_then(|apps| load::oldest_start(apps, load.apps_running));
        Ok(YarnLoad {
            oldest_app_started_at,
            ..load
        })
    }

    fn load_of_partitions(&self) -> Result<YarnLoad, SourceError> {
        let metrics = self.metrics.as_ref().map_err(Clone::clone)?;
        let of_default_partition = || {
            load::of_default_partition(metrics, self.queue.as_ref().ok())
                .map_err(|problem| malformed(&self.metrics_url, problem))
        };
        let Some(partitions) = &self.partitions else {
            return of_default_partition();
        };
        let scheduler = partitions.scheduler.as_ref().map_err(Clone::clone)?;
        // Only the CapacityScheduler has partitions. The others treat all nodes as one.
        if scheduler.kind != "capacityScheduler" {
            return of_default_partition();
        }
        let counts = partitions.counts.as_ref().map_err(Clone::clone)?;
        let nodes = self.nodes.as_ref().ok().map(Vec::as_slice);
        load::over_partitions(
            metrics,
            scheduler,
            counts,
            nodes,
            self.requested_containers(),
        )
        .map_err(|problem| malformed(&self.metrics_url, problem))
    }

    /// The nodes with their containers. Fails without the applications, because it is then unknown
    /// where the application masters run.
    pub fn snapshot(&self) -> Result<Vec<YarnNode>, SourceError> {
        let nodes = self.nodes.as_ref().map_err(Clone::clone)?;
        let apps = self.apps.as_ref().map_err(Clone::clone)?;
        let running = self
            .metrics
            .as_ref()
            .map_or(0, |metrics| metrics.apps_running);
        snapshot(nodes, apps, running).map_err(|problem| contradictory(&self.nodes_url, problem))
    }

    /// The running applications; `None` if they could not be read.
    pub fn running(&self) -> Option<Vec<RunningApplication>> {
        let apps = self.apps.as_ref().ok()?;
        Some(RunningApplication::all(apps))
    }

    /// The containers that all applications ask for; `None` if that is unknown: the requests were not
    /// read, the version does not report them, or an application is hidden from this user.
    fn requested_containers(&self) -> Option<u64> {
        let requests = self.requests.as_ref()?.apps.as_ref().ok()?;
        let metrics = self.metrics.as_ref().ok()?;
        let apps = metrics.apps_running.saturating_add(metrics.apps_pending);
        let are_all_seen = requests.len() as u64 >= apps;
        let containers = containers_pending(requests);
        (are_all_seen && containers > 0).then_some(containers)
    }

    fn is_work_pending(&self) -> bool {
        let in_metrics = self.metrics.as_ref().is_ok_and(|metrics| {
            metrics.containers_pending > 0 || metrics.pending_mib.is_some_and(|mib| mib > 0)
        });
        let in_queue = self
            .queue
            .as_ref()
            .is_ok_and(|queue| queue.pending_mib.is_some_and(|mib| mib > 0));
        let in_partitions = self.partitions.as_ref().is_some_and(|partitions| {
            let scheduler = partitions.scheduler.as_ref();
            scheduler.is_ok_and(SchedulerInfo::has_pending)
        });
        in_metrics || in_queue || in_partitions
    }

    /// Whether there may be node labels. The nodes alone do not show that: work can wait for a label
    /// that no node has. If the list of labels cannot be read, there may be some, unless the service
    /// does not support labels (404).
    fn labels_may_exist(&self, labels: &Part<NodeLabels>) -> bool {
        let on_nodes = self.nodes.as_ref().is_ok_and(|nodes| {
            nodes
                .iter()
                .flat_map(|node| &node.node_labels)
                .any(|label| !label.is_empty())
        });
        let listed = match labels {
            Ok(labels) => labels.exist(),
            Err(SourceError::Status { status, .. }) => *status != 404,
            Err(_) => true,
        };
        on_nodes || listed
    }
}

/// A ResourceManager, and the time that is left to read from it.
struct Reader<'a> {
    http: &'a HttpGet,
    address: &'a Url,
    limit: TimeLimit,
}

impl Reader<'_> {
    async fn get<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        url: &Url,
        limit_bytes: usize,
    ) -> (Part<T>, Call) {
        timed(operation, self.http.json(url, limit_bytes, self.limit)).await
    }

    /// Reads why work is pending.
    async fn requests(&self, active: &Active, has_labels: bool) -> (Requests, Vec<Call>) {
        let apps_url = requests_url(active);
        let scheduler_url = endpoint(self.address, "scheduler");
        let scheduler = async {
            if has_labels {
                return None;
            }
            let answer = self
                .get::<Scheduler<queue_wire::Queue>>(
                    "scheduler",
                    &scheduler_url,
                    SCHEDULER_LIMIT_BYTES,
                )
                .await;
            Some(answer)
        };
        let ((apps, call), scheduler) = tokio::join!(
            self.get::<RequestingApps>("apps", &apps_url, REQUESTS_LIMIT_BYTES),
            scheduler,
        );
        let mut calls = vec![call];
        let scheduler = scheduler.map(|(scheduler, call)| {
            calls.push(call);
            scheduler.map(|answer| answer.scheduler.scheduler_info)
        });
        let apps = apps.map(|answer| answer.apps.map(|list| list.app).unwrap_or_default());
        (Requests { apps, scheduler }, calls)
    }

    /// Reads the hosts of decommissioned nodes. Without an answer none is known to be.
    async fn decommissioned(&self) -> (BTreeSet<String>, Call) {
        let url = nodes_url(self.address, "DECOMMISSIONED");
        let (nodes, call) = self
            .get::<Nodes<NodeThatLeft>>("nodes", &url, NODES_LIMIT_BYTES)
            .await;
        let nodes = nodes.ok().and_then(|answer| answer.nodes);
        let hosts = nodes
            .into_iter()
            .flat_map(|list| list.node)
            .filter(|node| node.state == NodeState::Decommissioned)
            .map(|node| node.node_host_name);
        (hosts.collect(), call)
    }

    async fn partitions(&self) -> (Partitions, [Call; 2]) {
        let scheduler_url = endpoint(self.address, "scheduler");
        let jmx_url = jmx::query(
            self.address,
            "Hadoop:service=ResourceManager,name=PartitionQueueMetrics,partition=*,q0=root",
        );
        let ((scheduler, s), (counts, c)) = tokio::join!(
            self.get::<Scheduler<Queue>>("scheduler", &scheduler_url, SCHEDULER_LIMIT_BYTES),
            self.get::<Beans<PartitionCounts>>("jmx", &jmx_url, SMALL_LIMIT_BYTES),
        );
        let scheduler = scheduler.map(|answer| answer.scheduler.scheduler_info);
        (
            Partitions {
                scheduler,
                counts: counts.map(|answer| answer.beans),
            },
            [s, c],
        )
    }
}

/// The nodes that are connected. A cluster that scales keeps an ever longer list of nodes that have
/// left.
const PRESENT: &str = "RUNNING,DECOMMISSIONING,UNHEALTHY";

/// The address of the nodes in these states.
fn nodes_url(active: &Url, states: &str) -> Url {
    let mut url = endpoint(active, "nodes");
    url.set_query(Some(&format!("states={states}")));
    url
}

/// The address of the applications that are not finished, with their resource requests.
fn requests_url(active: &Active) -> Url {
    let mut url = endpoint(&active.address, "apps");
    let left_out = if active.is_hadoop_3() {
        "&deSelects=timeouts,resourceInfo"
    } else {
        ""
    };
    url.set_query(Some(&format!("states=RUNNING,ACCEPTED{left_out}")));
    url
}

/// The address of the applications that are not finished, without their resource requests, which are
/// the bulk of the answer. Hadoop 2 refuses `deSelects` that it does not know.
fn apps_url(active: &Active) -> Url {
    let left_out = if active.is_hadoop_3() {
        "resourceRequests,timeouts,resourceInfo"
    } else {
        "resourceRequests"
    };
    let mut url = endpoint(&active.address, "apps");
    url.set_query(Some(&format!(
        "states=RUNNING,ACCEPTED&deSelects={left_out}"
    )));
    url
}
