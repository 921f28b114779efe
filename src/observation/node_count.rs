//! How many of the instances that EMR runs YARN does not use.

use std::time::Duration;

use super::{
    GroupId, GroupKind, GroupStatus, NodeHealth, NodeLoad, NodeSnapshot, Observation, Role,
    Sampled, YarnLoad,
};
use crate::units::Timestamp;

/// What one observation shows of the core and task instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeCount {
    /// Instances that EMR runs.
    pub running: u32,
    /// Those that YARN lists and starts nothing on.
    pub unhealthy: u32,
    /// Those that YARN does not list.
    pub not_listed: u32,
}

impl NodeCount {
    /// Counts by the list of nodes, or by YARN's numbers of nodes if there is no list; `None` if
    /// neither is known. What was measured longer than `max_age` ago is not known.
    pub fn of(observation: &Observation, max_age: Duration) -> Option<Sampled<Self>> {
        let groups = &observation.cluster.value.groups;
        let is_fresh = |measured_at: Timestamp| observation.at.distance(measured_at) <= max_age;
        let yarn = observation.yarn.as_ref();
        let yarn = yarn.filter(|yarn| is_fresh(yarn.measured_at));
        let nodes = observation.nodes.as_ref();
        if let Some(nodes) = nodes.filter(|nodes| is_fresh(nodes.measured_at)) {
            let yarn = yarn.map(|yarn| &yarn.value);
            return Some(Sampled {
                value: Self::listed(&nodes.value, groups).beside(&nodes.value, yarn),
                measured_at: nodes.measured_at,
            });
        }
        let yarn = yarn?;
        Some(Sampled {
            value: Self::counted(&yarn.value, groups)?,
            measured_at: yarn.measured_at,
        })
    }

    /// The count for a tick at which YARN's numbers are known, too. If those have fewer nodes than the
    /// list, the load is not that of all nodes: what they lack counts as not listed.
    fn beside(mut self, snapshot: &NodeSnapshot, yarn: Option<&YarnLoad>) -> Self {
        if let Some(counted) = yarn.and_then(YarnLoad::nodes_with_memory) {
            let works = |node: &&NodeLoad| node.health == NodeHealth::Usable && !node.draining;
            let listed = snapshot.0.iter().filter(works).count() as u32;
            let more = listed.saturating_sub(counted.active);
            self.not_listed = self.not_listed.saturating_add(more);
        }
        self
    }

    /// Counts by the list of nodes. An instance of a group that runs and is not in the list at all, because
    /// the list of instances is older, is not listed either. Of the instances that are not listed, those that were decommissioned
    /// do not count, as far as a scale-in is about to terminate instances. That it is does not say which
    /// they are: the others may be there and busy, and only be missing from the list.
    fn listed(snapshot: &NodeSnapshot, groups: &[GroupStatus]) -> Self {
        let mut count = Self {
            running: 0,
            unhealthy: 0,
            not_listed: 0,
        };
        for group in workers(groups) {
            let (mut nodes, mut draining, mut decommissioned, mut not_listed) = (0, 0, 0, 0);
            for node in snapshot.of_group(&group.id) {
                nodes += 1;
                match node.health {
                    NodeHealth::NotListed if node.draining => decommissioned += 1,
                    NodeHealth::NotListed => not_listed += 1,
                    NodeHealth::Unhealthy if !node.draining => count.unhealthy += 1,
                    NodeHealth::Usable | NodeHealth::Unhealthy => {
                        draining += u32::from(node.draining)
                    }
                }
            }
            // The units of a fleet are not nodes: of its nodes, the same share leaves as of its units.
            let (running, leaving) = match group.kind {
                GroupKind::Group => (group.running.get(), group.leaving()),
                GroupKind::Fleet => (nodes, share_of(nodes, group.leaving(), group.running.get())),
            };
            let have_left = decommissioned.min(leaving.saturating_sub(draining));
            count.running = count.running.saturating_add(running);
            // EMR's number of running instances counts, even if its list has more or fewer.
            let present = nodes - decommissioned - not_listed;
            let absent = running.saturating_sub(present).saturating_sub(have_left);
            count.not_listed = count.not_listed.saturating_add(absent);
        }
        count
    }

    /// Counts by YARN's numbers of nodes; `None` if those are not known, or if groups do not count
    /// nodes. The numbers of lost and of decommissioned nodes include those of instances that were
    /// terminated long ago: they say nothing of the instances that run, but for those of a scale-in that is
    /// in flight.
    fn counted(yarn: &YarnLoad, groups: &[GroupStatus]) -> Option<Self> {
        let nodes = yarn.nodes_with_memory()?;
        if workers(groups).any(|group| group.kind == GroupKind::Fleet) {
            return None;
        }
        let running = workers(groups)
            .map(|group| group.running.get())
            .fold(0, u32::saturating_add);
        let leaving = workers(groups)
            .map(GroupStatus::leaving)
            .fold(0, u32::saturating_add);
        let have_left = leaving.saturating_sub(nodes.decommissioning);
        let accounted_for = nodes
            .active
            .saturating_add(nodes.decommissioning)
            .saturating_add(nodes.decommissioned.min(have_left));
        let unavailable = running.saturating_sub(accounted_for);
        let unhealthy = unavailable.min(nodes.unhealthy);
        Some(Self {
            running,
            unhealthy,
            not_listed: unavailable - unhealthy,
        })
    }
}

impl NodeSnapshot {
    /// The nodes of one group.
    pub fn of_group<'a>(&'a self, group: &'a GroupId) -> impl Iterator<Item = &'a NodeLoad> {
        self.0.iter().filter(move |node| node.group == *group)
    }
}

/// `of * part / whole`, rounded up.
pub fn share_of(of: u32, part: u32, whole: u32) -> u32 {
    let share = (u64::from(of) * u64::from(part)).div_ceil(u64::from(whole.max(1)));
    u32::try_from(share).unwrap_or(of)
}

fn workers(groups: &[GroupStatus]) -> impl Iterator<Item = &GroupStatus> {
    groups.iter().filter(|group| group.role != Role::Primary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{Scene, core_group, task_group};
    use crate::observation::{InstanceId, NodesByState};
    use crate::units::Mebibytes;

    /// Two core and four task instances run, and YARN counts these nodes.
    fn observed(nodes: NodesByState) -> Observation {
        let mut observation = Scene::new(vec![core_group(2), task_group(4)]).observation();
        let yarn = observation.yarn.as_mut().expect("YARN answers");
        yarn.value.memory_total = Mebibytes(1_024);
        yarn.value.nodes = nodes;
        observation
    }

    fn not_listed(observation: &Observation) -> Option<u32> {
        NodeCount::of(observation, Duration::ZERO).map(|count| count.value.not_listed)
    }

    #[test]
    fn what_yarn_has_in_no_state_is_not_listed() {
        let nodes = NodesByState {
            active: 3,
            unhealthy: 1,
            ..NodesByState::default()
        };
        assert_eq!(not_listed(&observed(nodes)), Some(2));
    }

    #[test]
    fn numbers_that_were_not_recorded_are_unknown_and_not_zero() {
        let mut observation = observed(NodesByState::default());
        assert_eq!(not_listed(&observation), None);
        // A ResourceManager that just started has no memory either.
        if let Some(yarn) = &mut observation.yarn {
            yarn.value.memory_total = Mebibytes::ZERO;
        }
        assert_eq!(not_listed(&observation), Some(6));
        observation.yarn = None;
        assert_eq!(not_listed(&observation), None);
    }

    #[test]
    fn more_instances_than_can_be_counted_are_as_many_as_can_be() {
        let groups = vec![core_group(u32::MAX), task_group(u32::MAX)];
        let mut observation = Scene::new(groups).observation();
        observation.nodes = Some(Sampled {
            value: NodeSnapshot::default(),
            measured_at: observation.at,
        });
        assert_eq!(not_listed(&observation), Some(u32::MAX));
    }

    #[test]
    fn instances_that_the_list_or_yarns_numbers_lack_are_not_listed() {
        let mut observation = observed(NodesByState {
            active: 5,
            ..NodesByState::default()
        });
        let node = |group: &str, instance: u32| NodeLoad {
            instance: InstanceId::new(format!("i-{group}-{instance}")),
            group: GroupId::new(group),
            containers: 0,
            has_application_master: false,
            draining: false,
            idle_since: None,
            health: NodeHealth::Usable,
        };
        let mut nodes: Vec<_> = (0..2).map(|i| node("ig-core", i)).collect();
        nodes.extend((0..3).map(|i| node("ig-task", i)));
        let at = observation.at;
        let mut with = |nodes: &[NodeLoad], active, memory| {
            observation.nodes = Some(Sampled {
                value: NodeSnapshot(nodes.to_vec()),
                measured_at: at,
            });
            let yarn = observation.yarn.as_mut().expect("YARN answers");
            yarn.value.nodes.active = active;
            yarn.value.memory_total = Mebibytes(memory);
            not_listed(&observation)
        };
        assert_eq!(with(&nodes, 5, 1_024), Some(1), "four task instances run");
        nodes.push(node("ig-task", 3));
        assert_eq!(with(&nodes, 6, 1_024), Some(0));
        assert_eq!(with(&nodes, 1, 1_024), Some(5), "the load is that of one");
        assert_eq!(with(&nodes, 6, 0), Some(6), "and here of none");
    }

    #[test]
    fn the_units_of_a_fleet_are_counted_by_the_list_of_nodes_only() {
        let mut observation = observed(NodesByState {
            active: 1,
            ..NodesByState::default()
        });
        for group in &mut observation.cluster.value.groups {
            group.kind = GroupKind::Fleet;
        }
        assert_eq!(not_listed(&observation), None);
        let node = |instance: &str, health| NodeLoad {
            instance: InstanceId::new(instance),
            group: GroupId::new("ig-task"),
            containers: 0,
            has_application_master: false,
            draining: false,
            idle_since: None,
            health,
        };
        observation.nodes = Some(Sampled {
            value: NodeSnapshot(vec![
                node("i-1", NodeHealth::Usable),
                node("i-2", NodeHealth::NotListed),
            ]),
            measured_at: observation.at,
        });
        assert_eq!(not_listed(&observation), Some(1));
    }
}
