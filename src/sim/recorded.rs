//! The simulator held against a real cluster: recorded work on the recorded capacity, beside what
//! the real ResourceManager reported.
//!
//! Nodes come and go as the snapshot of the recording says; nothing is provisioned and no policy
//! decides. A node that drained in the recording takes no new containers in the simulation and is
//! gone when it is empty there. A node that was gone at once drains as well.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::SimError;
use super::scenario::{Hdfs, Provisioning, Scenario, Spot};
use super::stepped::{Instance, InstanceState, SteppedCluster, UnknownGroup};
use super::trace_work::TraceWork;
use crate::observation::{GroupId, InstanceId, NodeSnapshot, Observation, Sampled, YarnLoad};
use crate::units::{Instances, Mebibytes, Percent, Timestamp, VirtualCores};

/// Nothing in a replay is left to luck.
const SEED: u64 = 0;

/// What YARN reported, and what the simulation says, at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    pub at: Timestamp,
    pub recorded: YarnLoad,
    pub simulated: YarnLoad,
}

/// Why a recording cannot be replayed.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum RecordedError {
    #[error(transparent)]
    Simulation(#[from] SimError),
    #[error(
        "the recording has nodes of the group `{group}`, and scenario `{scenario}` has no group of this `id`; give it one"
    )]
    NoGroup { group: GroupId, scenario: String },
    #[error("{0} observations of YARN are in the recording; at least two are needed")]
    TooFew(usize),
}

/// Lets the work of a recorded cluster run on the nodes that the cluster had, and looks at it
/// whenever YARN was looked at. Of the scenario count the sizes of the nodes, the scheduler, what
/// YARN itself takes, and how long a node may drain.
///
/// # Errors
/// When the work does not fit the scenario's nodes, the recorded nodes are of other groups, or YARN
/// was seen less than twice.
pub fn replay(
    observations: &[Observation],
    workload: &TraceWork,
    scenario: &Scenario,
) -> Result<Vec<Moment>, RecordedError> {
    let at_first = observations
        .iter()
        .find_map(|observation| observation.nodes.as_ref());
    let calm = without_surprises(
        scenario,
        at_first.map_or(&NodeSnapshot::default(), |snapshot| &snapshot.value),
    );
    let mut cluster = FollowingCluster {
        cluster: SteppedCluster::new(workload, &calm, SEED)?,
        twins: BTreeMap::new(),
        seen_at: None,
    };
    let mut moments = Vec::with_capacity(observations.len());
    for observation in observations {
        if let Some(snapshot) = &observation.nodes {
            let unknown = |UnknownGroup(group)| RecordedError::NoGroup {
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
            });
        }
    }
    if moments.len() < 2 {
        Err(RecordedError::TooFew(moments.len()))
    } else {
        Ok(moments)
    }
}

/// How far the curves of a simulation are from the recorded ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Deviation {
    /// In mebibytes.
    pub memory: Curves,
    /// In virtual cores; those that nobody counted are none.
    pub vcores: Curves,
    /// In containers, of which there is no total.
    pub containers_allocated: Curve,
    pub containers_pending: Curve,
}

/// The curves of one resource.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Curves {
    pub total: Curve,
    pub allocated: Curve,
    pub pending: Curve,
}

/// Means over time of one quantity.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Curve {
    pub recorded: f64,
    pub simulated: f64,
    /// Of the difference between both, whatever its sign.
    pub absolute_error: f64,
}

impl Deviation {
    /// Each moment counts for the time until the next one. Of less than two, which no replay
    /// yields, nothing is a number.
    pub fn of(moments: &[Moment]) -> Self {
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

/// The same kinds of nodes, as many as there were at first, there the moment they are wanted, and
/// taken by nobody but the recording.
fn without_surprises(scenario: &Scenario, at_first: &NodeSnapshot) -> Scenario {
    let mut calm = scenario.clone();
    for group in &mut calm.groups {
        group.count = Instances(
            at_first
                .0
                .iter()
                .filter(|node| node.group == group.id && !node.draining)
                .count() as u32,
        );
    }
    calm.provisioning = Provisioning {
        median: Duration::ZERO,
        p95: Duration::ZERO,
        failure: Percent(0.0),
    };
    calm.spot = Spot {
        interruptions_per_hour: 0.0,
        ..calm.spot
    };
    calm.hdfs = Hdfs {
        used: Mebibytes::ZERO,
        replication: 0,
        ..calm.hdfs
    };
    calm
}

/// A simulated cluster with the nodes of a recorded one.
struct FollowingCluster<'a> {
    cluster: SteppedCluster<'a>,
    /// The simulated instance of each recorded one that takes work, by group.
    twins: BTreeMap<GroupId, BTreeMap<InstanceId, InstanceId>>,
    /// When the recorded nodes were seen last.
    seen_at: Option<Timestamp>,
}

impl FollowingCluster<'_> {
    /// What changed since the last snapshot did so half-way between the two: nobody knows better.
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

    /// Lets the twins of those go that stay no longer, and finds twins for the new ones.
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
