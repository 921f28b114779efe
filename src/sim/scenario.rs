//! The scenario file: which cluster, how it provisions, what goes wrong. Everything but `cluster`
//! has a default.

mod raw;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::observation::{GroupId, GroupKind, GroupState, GroupStatus, Market, Role};
use crate::policy::Limits;
use crate::policy::diagnostic::PolicyErrors;
use crate::pricing::{PriceTable, PricingError, Rates};
use crate::units::{Instances, Mebibytes, Percent, Resources};

/// A simulated cluster and its surroundings. [`Scenario::parse`] and [`Scenario::default`] build
/// it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub description: String,
    /// Never empty; names and ids are unique.
    pub groups: Vec<GroupSpec>,
    /// Time between two observations; as the policy says when absent.
    pub poll: Option<Duration>,
    pub scheduler: Scheduler,
    pub yarn: YarnDelays,
    pub provisioning: Provisioning,
    /// How long a leaving node may finish its containers; then they are killed and run again
    /// elsewhere.
    pub decommission_timeout: Duration,
    pub spot: Spot,
    pub metrics: Metrics,
    pub hdfs: Hdfs,
    /// Work that waits longer than this misses the objective.
    pub slo_wait: Duration,
}

/// An instance group, or one market of an instance fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSpec {
    pub id: GroupId,
    pub name: Arc<str>,
    pub role: Role,
    pub kind: GroupKind,
    pub instance_type: String,
    pub market: Market,
    /// Instances at the start; they are there from the first instant.
    pub count: Instances,
    /// Set for a group that is meant to be scaled.
    pub limits: Option<Limits>,
    /// What YARN gets of one instance; nothing on a primary node.
    pub node: Resources,
    /// What one instance costs.
    pub rates: Rates,
}

impl GroupSpec {
    /// The group as EMR would describe it at the start.
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
        }
    }
}

/// Who is served first when work waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheduler {
    /// The job that came first.
    #[default]
    Fifo,
    /// The job that came first; but while a container is larger than what is left of all nodes
    /// together, those behind it may start, as in a single queue of YARN's capacity scheduler.
    Capacity,
    /// The job that holds the least memory; among equals the one that came first.
    Fair,
}

/// What YARN itself takes, beside the work; nothing by default, which is close enough while
/// containers run for minutes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct YarnDelays {
    /// From the start of an application master's container until it asks for others: localisation,
    /// start of the JVM, registration.
    pub application_start: Duration,
    /// How much longer than its task runs a container holds its room: until it is launched, and
    /// until its end is noticed.
    pub container_overhead: Duration,
    /// A node takes at most one container in this time, as the capacity scheduler assigns them; any
    /// number at once when zero.
    pub heartbeat: Duration,
}

/// How long an instance takes from launch until YARN can use it: lognormal, or constant when both
/// are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Provisioning {
    pub median: Duration,
    /// At least `median`.
    pub p95: Duration,
    /// Share of launches that end, after the delay, without a node. They are paid for: the instance
    /// was there, its bootstrap failed.
    pub failure: Percent,
}

/// Interruptions of spot instances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spot {
    /// Per instance-hour; the time until an interruption is exponential.
    pub interruptions_per_hour: f64,
    /// Time between the notice, after which YARN places nothing on the node, and its end.
    pub notice: Duration,
}

/// How the daemon sees YARN and HDFS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Values are at least this old when they are seen.
    pub delay: Duration,
    /// Share of polls that get no answer.
    pub loss: Percent,
}

/// What the core nodes store; constant over a simulation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hdfs {
    /// All copies together.
    pub used: Mebibytes,
    pub capacity_per_node: Mebibytes,
    /// `dfs.replication`: fewer core nodes than this cannot hold the copies.
    pub replication: u32,
}

impl Hdfs {
    /// The core nodes that hold the blocks.
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
pub enum ScenarioError {
    /// Not YAML, not of the scenario's shape, or with a value that cannot be; shown in the file.
    #[error("{} is refused", file.display())]
    Refused { file: PathBuf, source: PolicyErrors },
    #[error("{}: `prices`", file.display())]
    Prices { file: PathBuf, source: PricingError },
}

impl Scenario {
    /// Reads a scenario; `file` names it in errors.
    ///
    /// # Errors
    /// When it is not YAML of the right shape, or a value cannot be (a percentage above 100, an
    /// unknown instance type, two groups of one name).
    pub fn parse(text: &str, file: &Path) -> Result<Self, ScenarioError> {
        raw::parse(text, file)
    }

    /// The largest containers that some node of this cluster can take; more than one when no node
    /// is largest in memory and cores.
    pub fn offers(&self, container: Resources) -> bool {
        self.worker_groups()
            .any(|group| group.node.covers(container))
    }

    /// Groups that can have a node that takes work.
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

/// For a bare trace: two core nodes and up to 20 task nodes, all m5.xlarge on demand, six minutes
/// to provision.
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
            yarn: YarnDelays::default(),
            provisioning: Provisioning::default(),
            decommission_timeout: Duration::from_secs(3_600),
            spot: Spot::default(),
            metrics: Metrics::default(),
            hdfs: Hdfs::default(),
            slo_wait: Duration::from_secs(60),
        }
    }
}

/// Six minutes, always: EMR takes five to ten.
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

/// An empty file system of 256 GiB a core node, one copy a block: EMR's default replication on up
/// to three core nodes.
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
