//! What a daemon on the simulated cluster would see. A single observation is kept and updated in
//! place.

use std::collections::{BTreeMap, VecDeque};

use super::cluster::{Cluster, Node, NodeIndex};
use super::random::{Purpose, RandomStreams};
use super::scenario::{GroupSpec, Scenario};
use super::workload::{Load, Reported};
use crate::observation::pending_limit::PendingLimit;
use crate::observation::work::Work;
use crate::observation::{
    ClusterState, ClusterStatus, Control, HdfsLoad, NodeHealth, NodeLoad, NodeSnapshot,
    NodesByState, Observation, Role, Sampled, YarnLoad,
};
use crate::units::{Instances, Mebibytes, Timestamp};

/// What the daemon could have measured at one instant.
#[derive(Clone, Debug, Default)]
struct Measured {
    at: Timestamp,
    yarn: YarnLoad,
    hdfs: HdfsLoad,
    work: Option<Work>,
    pending_limits: Option<Vec<PendingLimit>>,
    snapshot: Vec<NodeLoad>,
    /// The nodes of `snapshot`, and the version of the cluster's nodes to which they belong.
    nodes: Vec<NodeIndex>,
    version: Option<u64>,
}

/// Polls the simulated cluster as a daemon would, with the delay and the losses of the scenario.
#[derive(Debug)]
pub(super) struct Observer<'a> {
    scenario: &'a Scenario,
    random: RandomStreams,
    observation: Observation,
    /// Oldest first; the first is the newest that is old enough to be visible, if any is.
    measured: VecDeque<Measured>,
    /// A measurement that is no longer needed, whose memory is used for the next.
    recycled: Measured,
    polls: u64,
}

impl<'a> Observer<'a> {
    /// An observer that has not polled yet.
    pub fn new(scenario: &'a Scenario, seed: u64, start: Timestamp) -> Self {
        let status = ClusterStatus {
            state: ClusterState::Waiting,
            groups: scenario.groups.iter().map(GroupSpec::status).collect(),
            steps_pending: 0,
            steps_running: 0,
            idle_since: Some(start),
        };
        let observation = Observation {
            at: start,
            yarn: None,
            hdfs: None,
            nodes: None,
            pending_limits: None,
            work: None,
            steps: None,
            metrics: BTreeMap::new(),
            cluster: Sampled {
                value: status,
                measured_at: start,
            },
            control: Control::default(),
        };
        Self {
            scenario,
            random: RandomStreams::new(seed),
            observation,
            measured: VecDeque::new(),
            recycled: Measured::default(),
            polls: 0,
        }
    }

    /// Polls the cluster, on which nothing has run or waited since `idle_since`.
    pub fn observe(
        &mut self,
        at: Timestamp,
        mut reported: Reported,
        cluster: &Cluster,
        idle_since: Option<Timestamp>,
    ) -> &Observation {
        let knows_nodes = reported.load.knows_nodes;
        self.observation.at = at;
        self.observation.steps = reported.steps.take().map(|value| Sampled {
            value,
            measured_at: at,
        });
        self.describe(at, cluster, idle_since);
        self.measure(at, reported, cluster);
        let loss = self.scenario.metrics.loss.get() / 100.0;
        let is_lost = loss > 0.0 && self.random.draw(Purpose::MetricLoss, 0, self.polls) < loss;
        self.polls += 1;
        if !is_lost {
            self.show(at, knows_nodes);
        }
        &self.observation
    }

    /// Updates what EMR reports; it always answers.
    fn describe(&mut self, at: Timestamp, cluster: &Cluster, idle_since: Option<Timestamp>) {
        self.observation.cluster.measured_at = at;
        let status = &mut self.observation.cluster.value;
        status.idle_since = idle_since;
        status.state = if idle_since.is_some() {
            ClusterState::Waiting
        } else {
            ClusterState::Running
        };
        for (status, group) in status.groups.iter_mut().zip(&cluster.groups) {
            status.requested = Instances(group.requested);
            status.running = group.running();
            status.state = group.state();
        }
    }

    fn measure(&mut self, at: Timestamp, reported: Reported, cluster: &Cluster) {
        let shown = self.observation.nodes.take();
        if let (Some(sample), Some(measured)) = (shown, self.measured.front_mut()) {
            measured.snapshot = sample.value.0;
        }
        (self.observation.yarn, self.observation.hdfs) = (None, None);
        self.observation.work = None;
        self.observation.pending_limits = None;
        match self.measured.back_mut() {
            // Without a delay a measurement is shown at once and never needed again.
            Some(last) if self.scenario.metrics.delay.is_zero() => {
                last.measure(at, reported, cluster)
            }
            _ => {
                let mut measured = std::mem::take(&mut self.recycled);
                measured.measure(at, reported, cluster);
                self.measured.push_back(measured);
            }
        }
        while self
            .measured
            .get(1)
            .is_some_and(|next| next.at <= at - self.scenario.metrics.delay)
            && let Some(oldest) = self.measured.pop_front()
        {
            self.recycled = oldest;
        }
    }

    fn show(&mut self, at: Timestamp, knows_nodes: bool) {
        let newest_visible_at = at - self.scenario.metrics.delay;
        let Some(measured) = self
            .measured
            .front_mut()
            .filter(|measured| measured.at <= newest_visible_at)
        else {
            return;
        };
        let measured_at = measured.at;
        self.observation.yarn = Some(Sampled {
            value: measured.yarn,
            measured_at,
        });
        self.observation.hdfs = Some(Sampled {
            value: measured.hdfs,
            measured_at,
        });
        // A copy only if the measurement may be shown again.
        let (work, limits) = if self.scenario.metrics.delay.is_zero() {
            (measured.work.take(), measured.pending_limits.take())
        } else {
            (measured.work.clone(), measured.pending_limits.clone())
        };
        self.observation.work = work.map(|value| Sampled { value, measured_at });
        self.observation.pending_limits = limits.map(|value| Sampled { value, measured_at });
        if knows_nodes {
            // Moved, not copied: the next poll moves it back.
            let snapshot = std::mem::take(&mut measured.snapshot);
            self.observation.nodes = Some(Sampled {
                value: NodeSnapshot(snapshot),
                measured_at,
            });
        }
    }
}

impl Measured {
    fn measure(&mut self, at: Timestamp, reported: Reported, cluster: &Cluster) {
        let Reported {
            load,
            work,
            pending_limits,
            steps: _,
        } = reported;
        self.at = at;
        self.work = work;
        self.pending_limits = pending_limits;
        self.yarn = yarn_load(&load, cluster);
        self.hdfs = hdfs_load(cluster);
        if load.knows_nodes {
            self.count_nodes(cluster);
        }
    }

    fn count_nodes(&mut self, cluster: &Cluster) {
        let is_worker = |node: &Node| {
            node.is_there() && cluster.scenario.groups[node.group].role != Role::Primary
        };
        if self.version != Some(cluster.node_list_version) {
            self.version = Some(cluster.node_list_version);
            self.nodes.clear();
            self.nodes.extend(
                cluster
                    .present
                    .iter()
                    .filter(|index| is_worker(&cluster.nodes[**index as usize])),
            );
            self.snapshot.clear();
            self.snapshot.extend(
                self.nodes
                    .iter()
                    .map(|index| node_load(&cluster.nodes[*index as usize], cluster)),
            );
        }
        for (load, index) in self.snapshot.iter_mut().zip(&self.nodes) {
            let node = &cluster.nodes[*index as usize];
            load.containers = node.containers;
            load.has_application_master = node.application_masters > 0;
            load.draining = node.is_leaving();
            load.idle_since = idle_since(node, cluster);
        }
    }
}

fn node_load(node: &Node, cluster: &Cluster) -> NodeLoad {
    NodeLoad {
        instance: node.id.clone(),
        group: cluster.scenario.groups[node.group].id.clone(),
        containers: node.containers,
        has_application_master: node.application_masters > 0,
        draining: node.is_leaving(),
        idle_since: idle_since(node, cluster),
        health: NodeHealth::Usable,
    }
}

fn idle_since(node: &Node, cluster: &Cluster) -> Option<Timestamp> {
    (node.containers == 0).then(|| cluster.at(node.idle_since_ms))
}

/// The load of a cluster as YARN reports it: the capacity of a leaving node is what is used of it.
pub(super) fn yarn_load(load: &Load, cluster: &Cluster) -> YarnLoad {
    let total = cluster.offered.plus(load.leaving);
    let available = total.minus(load.allocated);
    YarnLoad {
        memory_total: total.memory,
        memory_available: available.memory,
        memory_allocated: load.allocated.memory,
        memory_pending: load.pending.memory,
        vcores_total: Some(total.vcores),
        vcores_available: Some(available.vcores),
        vcores_allocated: Some(load.allocated.vcores),
        vcores_pending: Some(load.pending.vcores),
        containers_allocated: load.containers_allocated,
        containers_pending: load.containers_pending,
        containers_released_total: Some(load.containers_released),
        apps_running: load.apps_running,
        apps_pending: load.apps_pending,
        oldest_app_started_at: load.oldest_app_started_at,
        nodes: NodesByState {
            active: cluster.active.len() as u32,
            decommissioning: cluster.leaving_workers(),
            decommissioned: cluster.decommissioned,
            lost: cluster.lost,
            unhealthy: 0,
        },
        ..YarnLoad::default()
    }
}

/// The state of HDFS as its NameNode reports it.
pub(super) fn hdfs_load(cluster: &Cluster) -> HdfsLoad {
    let hdfs = &cluster.scenario.hdfs;
    let core = cluster
        .groups
        .iter()
        .zip(&cluster.scenario.groups)
        .filter(|(_, spec)| spec.role == Role::Core);
    let nodes: Instances = core.map(|(group, _)| group.running()).sum();
    HdfsLoad {
        capacity_total: Mebibytes(
            hdfs.capacity_per_node
                .get()
                .saturating_mul(u64::from(nodes.get())),
        ),
        capacity_used: hdfs.used,
        blocks_under_replicated: 0,
        blocks_missing: 0,
    }
}
