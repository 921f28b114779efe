//! A simulated cluster that its caller advances, observes and resizes at any time.

use super::checks::{SimError, check_work};
use super::cluster::{NodeState, ScaleInOrder};
use super::container::ContainerWorkload;
use super::event_loop::Simulation;
use super::fluid::FluidWorkload;
use super::observer::{hdfs_load, yarn_load};
use super::run::Run;
use super::scenario::{GroupSpec, Scenario};
use super::trace_work::TraceWork;
use super::workload::Workload;
pub use super::workload::{Application, Master, QueueUsage};
use crate::observation::steps::Steps;
use crate::observation::work::Work;
use crate::observation::{ClusterState, GroupId, GroupStatus, HdfsLoad, InstanceId, YarnLoad};
use crate::units::{Instances, Resources, Timestamp};

/// A simulated cluster whose time passes only in [`advance_to`](Self::advance_to). It stays, idle,
/// when its work is done.
pub struct SteppedCluster<'a> {
    simulation: Simulation<'a, dyn Workload + 'a>,
}

/// An instance, from its launch on.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    /// The EC2 instance id.
    pub id: InstanceId,
    /// A sequence number over all groups, in order of launch, from zero.
    pub number: u32,
    /// The group that it belongs to.
    pub group: GroupId,
    /// The stage of its life.
    pub state: InstanceState,
    /// When it was launched.
    pub launched_at: Timestamp,
    /// When it terminated; `None` until then.
    pub terminated_at: Option<Timestamp>,
    /// The resources that YARN can use on it.
    pub capacity: Resources,
    /// The resources that its containers hold.
    pub used: Resources,
    /// The number of its containers.
    pub containers: u64,
}

/// The stages of an instance's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    /// The instance is being provisioned.
    Launching,
    /// The instance runs containers.
    Running,
    /// The instance takes no more containers, and terminates when it is empty.
    Leaving,
    /// The instance is gone.
    Terminated,
}

/// The cluster does not have the group that is to be resized.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulated cluster has no group `{0}`; resize one of the scenario's groups")]
pub struct UnknownGroup(pub GroupId);

impl<'a> SteppedCluster<'a> {
    /// The cluster at the start of its work.
    ///
    /// # Errors
    /// When there is no work, or some of it fits none of the nodes.
    pub fn new(work: &'a TraceWork, scenario: &'a Scenario, seed: u64) -> Result<Self, SimError> {
        check_work(work, scenario)?;
        let workload: Box<dyn Workload + 'a> = match work {
            TraceWork::Jobs(work) => Box::new(ContainerWorkload::new(work, scenario)),
            TraceWork::Observations(work) => Box::new(FluidWorkload::new(work, scenario)),
        };
        let mut simulation = Simulation::new(workload, work.start(), scenario, seed);
        // Work that arrives at the start is visible from the start.
        simulation.step(0);
        Ok(Self { simulation })
    }

    /// Advances to `to`; does nothing if that is in the past.
    pub fn advance_to(&mut self, to: Timestamp) {
        let to_ms = to
            .as_millis()
            .saturating_sub(self.simulation.start.as_millis());
        while self.simulation.now_ms < to_ms {
            self.simulation.step(to_ms);
        }
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        self.simulation.now()
    }

    /// When the cluster and its work began.
    pub fn start(&self) -> Timestamp {
        self.simulation.start
    }

    /// Whether all work has arrived and is done.
    pub fn is_finished(&self) -> bool {
        self.simulation.workload.is_finished()
    }

    /// The state of the cluster as EMR would report it.
    pub fn state(&self) -> ClusterState {
        if self.simulation.idle_since.is_some() {
            ClusterState::Waiting
        } else {
            ClusterState::Running
        }
    }

    /// The load as YARN would report it.
    pub fn yarn(&self) -> YarnLoad {
        let Simulation {
            workload, cluster, ..
        } = &self.simulation;
        yarn_load(&workload.load(cluster), cluster)
    }

    /// What the running applications say of their work, with the nodes on which they store data; `None`
    /// if they say nothing.
    pub fn work(&self) -> Option<Work> {
        let Simulation {
            workload,
            cluster,
            now_ms,
            ..
        } = &self.simulation;
        workload.known_work(*now_ms, true, cluster)
    }

    /// EMR's steps that wait or run; `None` where the work has none.
    pub fn steps(&self) -> Option<Steps> {
        self.simulation.workload.steps()
    }

    /// What the queues of the scenario and their users have; none where it has no queues.
    pub fn queues(&self) -> Vec<QueueUsage> {
        self.simulation.workload.queues()
    }

    /// The state of HDFS as its NameNode would report it.
    pub fn hdfs(&self) -> HdfsLoad {
        hdfs_load(&self.simulation.cluster)
    }

    /// Every group as the scenario describes it, and as EMR would report it.
    pub fn groups(&self) -> impl Iterator<Item = (&'a GroupSpec, GroupStatus)> {
        let cluster = &self.simulation.cluster;
        cluster
            .scenario
            .groups
            .iter()
            .zip(&cluster.groups)
            .map(|(spec, group)| {
                let (requested, running, state) =
                    (Instances(group.requested), group.running(), group.state());
                (
                    spec,
                    GroupStatus {
                        requested,
                        running,
                        state,
                        ..spec.status()
                    },
                )
            })
    }

    /// Every instance that was ever launched, in order of launch.
    pub fn instances(&self) -> impl Iterator<Item = Instance> {
        let Simulation {
            workload, cluster, ..
        } = &self.simulation;
        cluster.nodes.iter().zip(0..).map(|(node, number)| {
            let (containers, used) = workload.on_node(number, cluster);
            Instance {
                id: node.id.clone(),
                number,
                group: cluster.scenario.groups[node.group].id.clone(),
                state: match node.state {
                    NodeState::Launching => InstanceState::Launching,
                    NodeState::Active => InstanceState::Running,
                    NodeState::Draining | NodeState::Interrupted => InstanceState::Leaving,
                    NodeState::Terminated => InstanceState::Terminated,
                },
                launched_at: self.simulation.at(node.launched_ms),
                terminated_at: node.terminated_ms.map(|ms| self.simulation.at(ms)),
                capacity: node.capacity,
                used,
                containers,
            }
        })
    }

    /// The number of applications submitted so far, finished or not.
    pub fn submitted(&self) -> u64 {
        self.simulation.workload.submitted()
    }

    /// Applications that are submitted and not finished, in order of submission.
    pub fn applications(&self) -> Vec<Application> {
        self.simulation
            .workload
            .applications(&self.simulation.cluster)
    }

    /// Resizes a group to `to` instances, as `ModifyInstanceGroups` does. A scale-in keeps the
    /// instances in `protect` and terminates those in `prefer` first, as far as it can.
    ///
    /// # Errors
    /// When the cluster has no such group.
    pub fn resize(
        &mut self,
        group: &GroupId,
        to: Instances,
        protect: &[InstanceId],
        prefer: &[InstanceId],
    ) -> Result<(), UnknownGroup> {
        let cluster = &mut self.simulation.cluster;
        let position = cluster
            .scenario
            .groups
            .iter()
            .position(|spec| spec.id == *group);
        let position = position.ok_or_else(|| UnknownGroup(group.clone()))?;
        cluster.resize(
            position,
            to,
            ScaleInOrder { protect, prefer },
            self.simulation.now_ms,
        );
        self.simulation.settle();
        Ok(())
    }

    /// Ends the simulation, and returns what happened so far.
    pub fn finish(self) -> Run {
        let start = self.simulation.start;
        let mut run = Run {
            start,
            end: start,
            ..Run::default()
        };
        self.simulation.finish(&mut run);
        run
    }
}

#[cfg(test)]
mod tests;
