//! A simulated cluster to look at and to resize at any time: what YARN and EMR in front of it would
//! say.

use std::sync::Arc;

use super::cluster::{NodeState, Wishes};
use super::event_loop::Simulation;
use super::fluid::FluidWorkload;
use super::jobs::ContainerWorkload;
use super::observe::{hdfs_load, yarn_load};
use super::run::Run;
use super::scenario::{GroupSpec, Scenario};
use super::trace_work::TraceWork;
use super::workload::Workload;
use super::{SimError, check_work};
use crate::observation::{ClusterState, GroupId, GroupStatus, HdfsLoad, InstanceId, YarnLoad};
use crate::units::{Instances, Percent, Resources, Timestamp};

/// Stands still until it is told what time it is. Goes on when its work is done, idle.
pub struct SteppedCluster<'a> {
    simulation: Simulation<'a, dyn Workload + 'a>,
}

/// One instance, from its launch on.
#[derive(Clone, Debug, PartialEq)]
pub struct Instance {
    pub id: InstanceId,
    /// Those launched earlier have lower numbers; from zero, all groups together.
    pub number: u32,
    pub group: GroupId,
    pub state: InstanceState,
    pub launched_at: Timestamp,
    pub terminated_at: Option<Timestamp>,
    pub capacity: Resources,
    pub used: Resources,
    pub containers: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InstanceState {
    Launching,
    Running,
    /// Takes no more containers, and ends when it is empty.
    Leaving,
    Terminated,
}

/// A job that has been submitted and is not finished.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Those submitted earlier have lower numbers.
    pub number: u32,
    pub name: Arc<str>,
    pub submitted_at: Timestamp,
    pub master: Master,
    /// Running ones, that of the application master included.
    pub containers: u64,
    pub allocated: Resources,
    /// The share of its tasks that is done.
    pub progress: Percent,
}

/// Where the master of an application is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Master {
    /// The trace does not know of one.
    None,
    /// It has no container yet, or no longer.
    Waiting,
    On(InstanceId),
}

/// A resize of a group that the cluster does not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the simulated cluster has no group `{0}`")]
pub struct UnknownGroup(pub GroupId);

impl<'a> SteppedCluster<'a> {
    /// The cluster at the start of its work.
    ///
    /// # Errors
    /// When there is no work, or some of it fits none of the nodes.
    pub fn new(
        workload: &'a TraceWork,
        scenario: &'a Scenario,
        seed: u64,
    ) -> Result<Self, SimError> {
        check_work(workload, scenario)?;
        let world: Box<dyn Workload + 'a> = match workload {
            TraceWork::Jobs(load) => Box::new(ContainerWorkload::new(load, scenario)),
            TraceWork::Observations(load) => Box::new(FluidWorkload::new(load, scenario)),
        };
        let mut simulation = Simulation::new(world, workload.start(), scenario, seed);
        // What comes at the very start is there when one looks first.
        simulation.step(0);
        Ok(Self { simulation })
    }

    /// Lets everything happen until `to`; nothing when that is past.
    pub fn advance_to(&mut self, to: Timestamp) {
        let to_ms = to
            .as_millis()
            .saturating_sub(self.simulation.start.as_millis());
        while self.simulation.now_ms < to_ms {
            self.simulation.step(to_ms);
        }
    }

    pub fn now(&self) -> Timestamp {
        self.simulation.now()
    }

    /// When the work, and with it the cluster, began.
    pub fn start(&self) -> Timestamp {
        self.simulation.start
    }

    /// All work has come, and is done.
    pub fn is_finished(&self) -> bool {
        self.simulation.world.is_finished()
    }

    pub fn state(&self) -> ClusterState {
        if self.simulation.idle_since.is_some() {
            ClusterState::Waiting
        } else {
            ClusterState::Running
        }
    }

    pub fn yarn(&self) -> YarnLoad {
        let Simulation { world, cluster, .. } = &self.simulation;
        yarn_load(&world.load(cluster), cluster)
    }

    pub fn hdfs(&self) -> HdfsLoad {
        hdfs_load(&self.simulation.cluster)
    }

    /// Every group as it was specified and as it is.
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
        let Simulation { world, cluster, .. } = &self.simulation;
        cluster.nodes.iter().zip(0..).map(|(node, number)| {
            let (containers, used) = world.on_node(number, cluster);
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

    /// Applications that have been submitted so far, finished or not.
    pub fn submitted(&self) -> u64 {
        self.simulation.world.submitted()
    }

    /// What has been submitted and is not finished, in order of submission.
    pub fn applications(&self) -> Vec<Application> {
        self.simulation.world.applications(&self.simulation.cluster)
    }

    /// What `ModifyInstanceGroups` does: `to` is absolute. A group that shrinks keeps the instances
    /// in `protect` and lets those in `prefer` go first, as far as it can.
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
            Wishes { protect, prefer },
            self.simulation.now_ms,
        );
        self.simulation.tell();
        Ok(())
    }

    /// Ends here, and leaves what happened so far.
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
