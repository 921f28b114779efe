//! Compares the simulator with a recorded cluster: recorded work runs on the recorded capacity, and
//! the simulated load is compared with the load that the ResourceManager reported.
//!
//! Nodes join and leave as in the recording's snapshots; nothing is provisioned and no policy
//! decides. A node that drained in the recording takes no new containers in the simulation and
//! terminates when it is empty. A node that disappeared from the recording drains as well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::checks::SimError;
use super::scenario::{Hdfs, Provisioning, Scenario, Spot};
use super::stepped_cluster::{Instance, InstanceState, SteppedCluster, UnknownGroup};
use super::trace_work::TraceWork;
use crate::observation::work::WorkTotals;
use crate::observation::{GroupId, InstanceId, NodeSnapshot, Observation, Sampled, YarnLoad};
use crate::units::{Instances, Mebibytes, Percent, Timestamp, VirtualCores};

/// Unused: nothing is random here.
const SEED: u64 = 0;

/// The load that YARN reported and the simulated load, at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// When YARN was observed.
    pub at: Timestamp,
    /// The load that YARN reported.
    pub recorded: YarnLoad,
    /// The load of the simulation.
    pub simulated: YarnLoad,
    /// What the real applications said of their work, and the simulated ones, if both said anything.
    pub work: Option<[WorkTotals; 2]>,
}

/// Why a recording cannot be compared.
#[derive(Debug, PartialEq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum FidelityError {
    /// The simulation cannot start.
    #[error(transparent)]
    Simulation(#[from] SimError),
    /// The recording has nodes of a group that the scenario lacks.
    #[error(
        "the recording has nodes of the group `{group}`, but scenario `{scenario}` has no group with this `id`; add it to the scenario"
    )]
    NoGroup { group: GroupId, scenario: String },
    /// The recording has fewer than two samples of YARN's metrics.
    #[error(
        "the recording has {0} observations of YARN and needs at least two; record for longer, and check that the ResourceManager answers"
    )]
    TooFew(usize),
}

/// Runs the work of a recorded cluster on the nodes that the cluster had, and returns the load at
/// each observation. The scenario sets the sizes of the nodes, the scheduler, the delays of YARN and
/// the decommission timeout.
///
/// # Errors
/// When the work does not fit the scenario's nodes, the scenario lacks a recorded group, or YARN
/// was observed fewer than two times.
pub fn simulate_recording(
    observations: &[Observation],
    work: &TraceWork,
    scenario: &Scenario,
) -> Result<Vec<Moment>, FidelityError> {
    let at_first = observations
        .iter()
        .find_map(|observation| observation.nodes.as_ref());
    let undisturbed = without_disturbances(
        scenario,
        at_first.map_or(&NodeSnapshot::default(), |snapshot| &snapshot.value),
    );
    let mut cluster = FollowingCluster {
        cluster: SteppedCluster::new(work, &undisturbed, SEED)?,
        twins: BTreeMap::new(),
        seen_at: None,
    };
    let mut moments = Vec::with_capacity(observations.len());
    for observation in observations {
        if let Some(snapshot) = &observation.nodes {
            let unknown = |UnknownGroup(group)| FidelityError::NoGroup {
                group,
                scenario: scenario.name.clone(),
            };
            cluster.follow(snapshot).map_err(unknown)?;
        }
        if let Some(Sampled {
            value: recorded,
            measured_at: at,
        }) = observation.yarn
            && moments.last().is_none_or(|last: &Moment| last.at < at)
        {
            cluster.cluster.advance_to(at);
            moments.push(Moment {
                at,
                recorded,
                simulated: cluster.cluster.yarn(),
                work: observation.work.as_ref().and_then(|work| {
                    let simulated = cluster.cluster.work()?;
                    Some([work.value.totals, simulated.totals])
                }),
            });
        }
    }
    if moments.len() < 2 {
        Err(FidelityError::TooFew(moments.len()))
    } else {
        Ok(moments)
    }
}

/// The deviation of simulated curves from recorded curves.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// Memory in mebibytes.
    pub memory: Curves,
    /// Virtual cores; zero where the recording does not count them.
    pub vcores: Curves,
    /// Containers, for which there is no total.
    pub containers_allocated: Curve,
    /// Containers that wait.
    pub containers_pending: Curve,
}

/// The curves of one resource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curves {
    /// The capacity.
    pub total: Curve,
    /// Held by containers.
    pub allocated: Curve,
    /// Requested by containers that wait.
    pub pending: Curve,
}

/// The means over time of a quantity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Curve {
    /// The mean of the recorded curve.
    pub recorded: f64,
    /// The mean of the simulated curve.
    pub simulated: f64,
    /// The mean of the absolute difference.
    pub absolute_error: f64,
}

impl Deviation {
    /// Compares the curves; each moment counts for the time until the next one. With fewer than two
    /// moments, which [`simulate_recording`] never returns, all means are NaN.
    pub fn between(moments: &[Moment]) -> Self {
        let mebibytes =
            |memory: fn(&YarnLoad) -> Mebibytes| Curve::of(moments, |load| memory(load).as_f64());
        let vcores = |vcores: fn(&YarnLoad) -> Option<_>| {
            Curve::of(moments, |load| {
                vcores(load).map_or(0.0, VirtualCores::as_f64)
            })
        };
        Self {
            memory: Curves {
                total: mebibytes(|load| load.memory_total),
                allocated: mebibytes(|load| load.memory_allocated),
                pending: mebibytes(|load| load.memory_pending),
            },
            vcores: Curves {
                total: vcores(|load| load.vcores_total),
                allocated: vcores(|load| load.vcores_allocated),
                pending: vcores(|load| load.vcores_pending),
            },
            containers_allocated: Curve::of(moments, |load| load.containers_allocated as f64),
            containers_pending: Curve::of(moments, |load| load.containers_pending as f64),
        }
    }
}

impl Curves {
    /// The mean absolute errors of allocated and pending, relative to the mean recorded capacity.
    pub fn errors(&self) -> [Percent; 2] {
        [self.allocated, self.pending]
            .map(|curve| Percent(100.0 * curve.absolute_error / self.total.recorded))
    }
}

impl Curve {
    fn of(moments: &[Moment], value: impl Fn(&YarnLoad) -> f64) -> Self {
        let (mut sums, mut seconds) = (Self::default(), 0.0);
        for pair in moments.windows(2) {
            let [
                Moment {
                    at,
                    recorded,
                    simulated,
                    ..
                },
                next,
            ] = pair
            else {
                continue;
            };
            let (length_s, recorded, simulated) = (
                next.at.seconds_since(*at),
                value(recorded),
                value(simulated),
            );
            seconds += length_s;
            sums.recorded += length_s * recorded;
            sums.simulated += length_s * simulated;
            sums.absolute_error += length_s * (recorded - simulated).abs();
        }
        let Self {
            recorded,
            simulated,
            absolute_error,
        } = sums;
        Self {
            recorded: recorded / seconds,
            simulated: simulated / seconds,
            absolute_error: absolute_error / seconds,
        }
    }
}

/// The scenario with as many nodes as the recording had at first, without provisioning delays,
/// failures and interruptions.
fn without_disturbances(scenario: &Scenario, at_first: &NodeSnapshot) -> Scenario {
    let mut undisturbed = scenario.clone();
    for group in &mut undisturbed.groups {
        group.count = Instances(
            at_first
                .0
                .iter()
                .filter(|node| node.group == group.id && !node.draining)
                .count() as u32,
        );
    }
    undisturbed.provisioning = Provisioning {
        median: Duration::ZERO,
        p95: Duration::ZERO,
        failure: Percent(0.0),
    };
    undisturbed.spot = Spot {
        interruptions_per_hour: 0.0,
        ..undisturbed.spot
    };
    undisturbed.hdfs = Hdfs {
        used: Mebibytes::ZERO,
        replication: 0,
        ..undisturbed.hdfs
    };
    undisturbed
}

/// A simulated cluster with the nodes of a recorded one.
struct FollowingCluster<'a> {
    cluster: SteppedCluster<'a>,
    /// The simulated instance of each recorded instance that takes work, by group.
    twins: BTreeMap<GroupId, BTreeMap<InstanceId, InstanceId>>,
    /// When the recorded nodes were observed last.
    seen_at: Option<Timestamp>,
}

impl FollowingCluster<'_> {
    /// Changes the nodes as they changed between the last snapshot and this one, half-way between the
    /// two, because the true instant is unknown.
    fn follow(&mut self, snapshot: &Sampled<NodeSnapshot>) -> Result<(), UnknownGroup> {
        let before = self
            .seen_at
            .replace(snapshot.measured_at)
            .unwrap_or(snapshot.measured_at);
        self.cluster
            .advance_to(before + snapshot.measured_at.since(before) / 2);
        let mut recorded: BTreeMap<GroupId, BTreeSet<&InstanceId>> = self
            .cluster
            .groups()
            .map(|(spec, _)| (spec.id.clone(), BTreeSet::new()))
            .collect();
        for node in snapshot.value.0.iter().filter(|node| !node.draining) {
            recorded
                .get_mut(&node.group)
                .ok_or_else(|| UnknownGroup(node.group.clone()))?
                .insert(&node.instance);
        }
        recorded
            .iter()
            .try_for_each(|(group, instances)| self.resize(group, instances))
    }

    /// Drains the twins of instances that leave, and pairs new instances with new twins.
    fn resize(
        &mut self,
        group: &GroupId,
        recorded: &BTreeSet<&InstanceId>,
    ) -> Result<(), UnknownGroup> {
        let mut twins = self.twins.remove(group).unwrap_or_default();
        twins.retain(|recorded_id, _| recorded.contains(recorded_id));
        let kept: Vec<InstanceId> = twins.values().cloned().collect();
        self.cluster
            .resize(group, Instances(recorded.len() as u32), &kept, &[])?;
        let is_here = |instance: &Instance| {
            matches!(
                instance.state,
                InstanceState::Launching | InstanceState::Running
            )
        };
        let unpaired = self.cluster.instances().filter(|instance| {
            instance.group == *group && is_here(instance) && !kept.contains(&instance.id)
        });
        let unpaired: Vec<InstanceId> = unpaired.map(|instance| instance.id).collect();
        let new: Vec<InstanceId> = recorded
            .iter()
            .filter(|id| !twins.contains_key(**id))
            .map(|id| (*id).clone())
            .collect();
        twins.extend(new.into_iter().zip(unpaired));
        self.twins.insert(group.clone(), twins);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
