//! The work that a simulated cluster serves, as the event loop sees it.

use std::sync::Arc;

use super::cluster::{Change, Cluster, NodeIndex};
use super::run::Run;
use super::scenario::QueueSpec;
use crate::observation::InstanceId;
use crate::observation::pending_limit::PendingLimit;
use crate::observation::steps::Steps;
use crate::observation::work::Work;
use crate::units::{Mebibytes, Percent, Resources, Timestamp};

/// Work on a simulated cluster: container by container, or as a fluid. Times are milliseconds since
/// the start.
pub(super) trait Workload {
    /// Advances time to `until_ms`, or to an earlier instant at which something may need room, and
    /// returns that instant. Calls never go back in time.
    fn advance(&mut self, until_ms: i64, cluster: &mut Cluster) -> i64;

    /// Responds to a node that joined, began to leave or was lost.
    fn on(&mut self, change: Change, now_ms: i64, cluster: &mut Cluster);

    /// Starts the work that finds room, after everything else at this instant.
    fn settle(&mut self, now_ms: i64, cluster: &mut Cluster);

    /// Memory that is requested and not yet allocated.
    fn backlog(&self) -> Mebibytes;

    /// Whether all work has arrived and is done.
    fn is_finished(&self) -> bool;

    /// Whether nothing runs or waits at this moment.
    fn is_idle(&self) -> bool;

    /// The load that YARN would report now.
    fn load(&self, cluster: &Cluster) -> Load;

    /// The number of containers on a node, and the resources that they hold.
    fn on_node(&self, node: NodeIndex, cluster: &Cluster) -> (u64, Resources);

    /// What the queues of the scenario and their users have; none where the scenario has no queues.
    fn queues(&self) -> Vec<QueueUsage>;

    /// The number of applications submitted so far, finished or not.
    fn submitted(&self) -> u64;

    /// Applications that are submitted and not finished, in order of arrival.
    fn applications(&self, cluster: &Cluster) -> Vec<Application>;

    /// What the running applications say of their work; `None` where no application says anything. They
    /// say on which nodes they store data if they are asked for it.
    fn known_work(&self, now_ms: i64, asks_for_output: bool, cluster: &Cluster) -> Option<Work>;

    /// The steps of EMR that wait or run; `None` where the work has no steps.
    fn steps(&self) -> Option<Steps>;

    /// Limits of queues that keep pending work from starting; `None` where the scenario has no queues.
    fn pending_limits(&self) -> Option<Vec<PendingLimit>>;

    /// Adds the facts of this simulation, which has ended, to `run`.
    fn finish(&mut self, cluster: &mut Cluster, run: &mut Run);
}

/// What YARN, the applications and EMR report at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reported {
    pub load: Load,
    pub work: Option<Work>,
    pub steps: Option<Steps>,
    pub pending_limits: Option<Vec<PendingLimit>>,
}

/// The load of a workload, as YARN would report it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Load {
    /// Held by containers, on all nodes.
    pub allocated: Resources,
    /// The part of `allocated` on nodes that leave.
    pub leaving: Resources,
    /// Requested by containers that are ready to run and not placed.
    pub pending: Resources,
    pub containers_allocated: u64,
    pub containers_pending: u64,
    pub containers_released: u64,
    pub apps_running: u64,
    pub apps_pending: u64,
    /// When the oldest unfinished application was submitted; `None` where the workload has no
    /// applications.
    pub oldest_app_started_at: Option<Timestamp>,
    /// Whether the workload knows which container runs on which node.
    pub knows_nodes: bool,
}

/// A job that has been submitted and is not finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// A sequence number in order of submission.
    pub number: u32,
    /// The job's id in the trace.
    pub name: Arc<str>,
    /// The queue to which the job was submitted.
    pub queue: Arc<str>,
    /// Who submitted it, if the trace says.
    pub user: Option<Arc<str>>,
    /// When the job was submitted.
    pub submitted_at: Timestamp,
    /// Where its application master runs.
    pub master: Master,
    /// Running containers, including that of the application master.
    pub containers: u64,
    /// What these containers hold.
    pub allocated: Resources,
    /// The containers that wait, by size.
    pub requests: Vec<(u64, Resources)>,
    /// The share of its tasks that are done.
    pub progress: Percent,
}

/// What the containers of a queue and of its users hold.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueUsage {
    /// The queue's settings.
    pub spec: QueueSpec,
    /// What all its containers hold.
    pub used: Resources,
    /// What each of its users holds; `None` stands for those whom the trace does not name.
    pub users: Vec<(Option<Arc<str>>, Resources)>,
}

/// Where the application master of an application runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Master {
    /// The trace has no application master for this job.
    None,
    /// The master waits for a container.
    Waiting,
    /// The master has a container on this instance.
    On(InstanceId),
}
