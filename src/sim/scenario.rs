//! The scenario: which cluster runs the work, how it provisions instances, and what fails.
//! Everything but `cluster` has a default.

mod check_queues;
mod parse;
mod queues;
mod raw;
mod refuse;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::observation::{GroupId, GroupKind, GroupState, GroupStatus, Market, Role};
use crate::policy::Limits;
use crate::policy::diagnostic::PolicyErrors;
use crate::pricing::{PriceTable, PricingError, RateCurve, Rates};
use crate::units::{Instances, Mebibytes, Percent, Resources};
pub use queues::QueueSpec;

/// The description of a simulated cluster. [`Scenario::parse`] and [`Scenario::default`] build it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Identifies the scenario in results and errors.
    pub name: String,
    /// One sentence for people.
    pub description: String,
    /// Never empty; names and ids are unique.
    pub groups: Vec<GroupSpec>,
    /// Time between two observations; `None` leaves it to the policy.
    pub poll: Option<Duration>,
    /// The order in which jobs are served.
    pub scheduler: Scheduler,
    /// The queues of the capacity scheduler; none for a single queue without limits.
    pub queues: Vec<QueueSpec>,
    /// The delays of YARN.
    pub yarn: YarnDelays,
    /// How instances are launched.
    pub provisioning: Provisioning,
    /// How long a leaving node may finish its containers. Those that still run then are killed and
    /// run again elsewhere.
    pub decommission_timeout: Duration,
    /// How spot instances are interrupted.
    pub spot: Spot,
    /// How late and how reliable metrics are.
    pub metrics: Metrics,
    /// What limits the scale-in of core nodes.
    pub hdfs: Hdfs,
    /// The goal for waiting: at least 95% of the work waits at most this long. `None` when no goal is set.
    pub slo_wait: Option<Duration>,
    /// A simulation ends after this long even if work is left, because a cluster that may not grow may
    /// never serve all of it. Not part of the file.
    pub max_duration: Duration,
}

/// An instance group, or one market of an instance fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSpec {
    /// The id that EMR would give the group.
    pub id: GroupId,
    /// The name that policies can select.
    pub name: Arc<str>,
    /// Primary, core or task.
    pub role: Role,
    /// Instance group or fleet.
    pub kind: GroupKind,
    /// The EC2 instance type.
    pub instance_type: String,
    /// On-demand or spot.
    pub market: Market,
    /// Instances that run from the start.
    pub count: Instances,
    /// The limits of a group that policies scale; `None` for a group of constant size.
    pub limits: Option<Limits>,
    /// The resources that YARN can use on one instance; none on a primary node.
    pub node: Resources,
    /// The price of one instance.
    pub rates: Rates,
    /// When EC2 has too few instances for the group.
    pub shortages: Vec<Shortage>,
}

/// A time in which EC2 launches no instance of a group beyond a number. Those that run stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// Since the start of the simulation.
    pub from: Duration,
    /// Since the start of the simulation.
    pub to: Duration,
    /// The most instances that the group can have by launching some.
    pub available: u32,
}

impl GroupSpec {
    /// How many instances the group can have by launching some, so long after the start.
    pub(super) fn available(&self, now_ms: i64) -> u32 {
        let now = Duration::from_millis(u64::try_from(now_ms).unwrap_or(0));
        let open = self
            .shortages
            .iter()
            .filter(|shortage| (shortage.from..shortage.to).contains(&now));
        open.map(|shortage| shortage.available)
            .min()
            .unwrap_or(u32::MAX)
    }

    /// What the group's instance type is known to offer; `None` for fleets and primary nodes.
    fn offered(&self) -> Option<Resources> {
        let is_known = self.kind == GroupKind::Group && self.role != Role::Primary;
        is_known.then_some(self.node)
    }

    /// The group as EMR would report it at the start.
    pub fn status(&self) -> GroupStatus {
        GroupStatus {
            id: self.id.clone(),
            name: Some(self.name.clone()),
            role: self.role,
            kind: self.kind,
            market: self.market,
            state: GroupState::Running,
            requested: self.count,
            running: self.count,
            scaled_by_amazon: false,
            state_reason: None,
            node: self.offered(),
        }
    }
}

/// The order in which jobs are served when work waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// The job that was submitted first.
    #[default]
    Fifo,
    /// The job that was submitted first; but while its container is larger than what is free on all
    /// nodes together, later jobs may start, as in a single queue of YARN's capacity scheduler.
    Capacity,
    /// The job that holds the least memory; among equals, the one that was submitted first.
    Fair,
}

/// The time that YARN itself takes besides the work. None by default, which is close enough for
/// containers that run for minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct YarnDelays {
    /// From the start of an application master's container until it requests others: localization,
    /// start of the JVM, registration.
    pub application_start: Duration,
    /// How much longer a container exists than its task runs: until the task is launched, and until
    /// its end is noticed.
    pub container_overhead: Duration,
    /// A node takes at most one container in this interval, as the capacity scheduler assigns them;
    /// any number if it is zero.
    pub heartbeat: Duration,
}

/// How long an instance takes from launch until YARN can use it: lognormal, or constant if the
/// median and the 95th percentile are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Provisioning {
    /// The median time.
    pub median: Duration,
    /// At least `median`.
    pub p95: Duration,
    /// The share of launches that fail after the delay, as when a bootstrap action fails. Such an
    /// instance is paid for.
    pub failure: Percent,
}

/// Interruptions of spot instances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// The rate per instance-hour; the time until an interruption is exponential.
    pub interruptions_per_hour: f64,
    /// Time from the notice, after which YARN places nothing on the node, to the interruption.
    pub notice: Duration,
}

/// How the daemon sees the metrics of YARN and HDFS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// The least age of the values that a poll returns.
    pub delay: Duration,
    /// The share of polls that fail.
    pub loss: Percent,
}

/// The data that the core nodes store; constant over a simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hdfs {
    /// All replicas together.
    pub used: Mebibytes,
    /// The capacity of one core node.
    pub capacity_per_node: Mebibytes,
    /// `dfs.replication`: the least number of core nodes that can store all replicas.
    pub replication: u32,
}

impl Hdfs {
    /// The least number of core nodes that can store the data.
    pub fn core_nodes_needed(&self) -> u32 {
        let nodes = self
            .used
            .get()
            .div_ceil(self.capacity_per_node.get().max(1));
        u32::try_from(nodes)
            .unwrap_or(u32::MAX)
            .max(self.replication)
    }
}

/// Why a scenario was refused.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum ScenarioError {
    /// The file is not YAML of the right shape, or a value is not valid; `source` shows where.
    #[error("{} is not a valid scenario; correct it as shown", file.display())]
    Refused { file: PathBuf, source: PolicyErrors },
    /// The price file that the scenario names cannot be used.
    #[error("{}: the file of `prices` cannot be used; correct it or its path", file.display())]
    Prices { file: PathBuf, source: PricingError },
}

impl Scenario {
    /// Whether a container of this size fits on some node of this cluster.
    pub fn offers(&self, container: Resources) -> bool {
        self.worker_groups()
            .any(|group| group.node.covers(container))
    }

    /// What an instance of each group costs, which is the same at any time.
    pub fn rate_curves(&self) -> Vec<RateCurve> {
        self.groups
            .iter()
            .map(|group| RateCurve::constant(group.rates))
            .collect()
    }

    /// Core and task groups that have nodes or can get some.
    pub fn worker_groups(&self) -> impl Iterator<Item = &GroupSpec> {
        let can_have_nodes = |group: &&GroupSpec| {
            group.count.get() > 0 || group.limits.is_some_and(|limits| limits.max().get() > 0)
        };
        self.groups
            .iter()
            .filter(|group| group.role != Role::Primary)
            .filter(can_have_nodes)
    }
}

/// The cluster for a trace without a scenario: two core nodes and up to 20 task nodes, all m5.xlarge
/// on demand, with six minutes to provision.
impl Default for Scenario {
    fn default() -> Self {
        let table = PriceTable::shipped();
        let known = table
            .instance_type("m5.xlarge")
            .and_then(|kind| Ok((kind.yarn, table.rates("m5.xlarge", Market::OnDemand)?)));
        let (node, rates) = known.expect("a test reads this row of the shipped table");
        let group = |name: &str, role, count, limits| GroupSpec {
            id: GroupId::new(format!("ig-{name}")),
            name: name.into(),
            role,
            kind: GroupKind::Group,
            instance_type: "m5.xlarge".into(),
            market: Market::OnDemand,
            count: Instances(count),
            limits,
            node,
            rates,
            shortages: Vec::new(),
        };
        Self {
            name: "default".into(),
            description: "two core nodes and up to 20 task nodes, m5.xlarge on demand".into(),
            groups: vec![
                group("core", Role::Core, 2, None),
                group(
                    "task",
                    Role::Task,
                    0,
                    Limits::new(Instances::ZERO, Instances(20)),
                ),
            ],
            poll: None,
            scheduler: Scheduler::default(),
            queues: Vec::new(),
            yarn: YarnDelays::default(),
            provisioning: Provisioning::default(),
            decommission_timeout: Duration::from_secs(3_600),
            spot: Spot::default(),
            metrics: Metrics::default(),
            hdfs: Hdfs::default(),
            slo_wait: None,
            max_duration: Duration::from_secs(400 * 86_400),
        }
    }
}

/// Always six minutes; EMR takes five to ten.
impl Default for Provisioning {
    fn default() -> Self {
        let six_minutes = Duration::from_secs(360);
        Self {
            median: six_minutes,
            p95: six_minutes,
            failure: Percent(0.0),
        }
    }
}

impl Default for Spot {
    fn default() -> Self {
        Self {
            interruptions_per_hour: 0.0,
            notice: Duration::from_secs(120),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            delay: Duration::ZERO,
            loss: Percent(0.0),
        }
    }
}

/// An empty file system of 256 GiB a core node with one replica a block, which is EMR's default on
/// up to three core nodes.
impl Default for Hdfs {
    fn default() -> Self {
        Self {
            used: Mebibytes::ZERO,
            capacity_per_node: Mebibytes(256 * 1024),
            replication: 1,
        }
    }
}

#[cfg(test)]
mod tests;
