//! How YARN uses the instances that EMR runs, and which it does not.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{GroupId, InstanceId, NodeHealth, NodeLoad, Observation, Role};

/// How many instances a line names.
const NAMED: usize = 10;

/// How YARN uses the instances that EMR runs, without the primary node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeUse {
    /// Instances on which YARN starts containers.
    pub usable: u32,
    /// Instances that take no new containers and finish those that run, or have finished them.
    pub draining: u32,
    /// Instances whose NodeManager reports that it is unhealthy.
    pub unhealthy: u32,
    /// Instances that YARN does not list, without those that it decommissioned for a scale-in.
    pub not_listed: u32,
    /// The unhealthy instances, and those that are not listed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unavailable: Vec<UnavailableNode>,
}

/// An instance that EMR runs and YARN does not use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnavailableNode {
    /// The EC2 instance.
    pub instance: InstanceId,
    /// Its group.
    pub group: GroupId,
    /// Why YARN does not use it.
    pub health: NodeHealth,
}

impl NodeUse {
    /// Counts the nodes of an observation; `None` if they are not known.
    pub fn of(observation: &Observation) -> Option<Self> {
        let snapshot = &observation.nodes.as_ref()?.value;
        let groups = &observation.cluster.value.groups;
        let mut found = Self::default();
        for group in groups.iter().filter(|group| group.role != Role::Primary) {
            let nodes: Vec<&NodeLoad> = snapshot
                .0
                .iter()
                .filter(|node| node.group == group.id)
                .collect();
            let count = |is: fn(&NodeLoad) -> bool| {
                u32::try_from(nodes.iter().filter(|node| is(node)).count()).unwrap_or(u32::MAX)
            };
            let draining = count(|node| node.draining);
            let not_listed = count(is_not_listed);
            found.usable += count(|node| !node.draining && node.health == NodeHealth::Usable);
            found.draining += draining;
            found.unhealthy += count(is_unhealthy);
            found.not_listed += not_listed;
            let unavailable = nodes
                .into_iter()
                .filter(|node| is_unhealthy(node) || is_not_listed(node));
            found
                .unavailable
                .extend(unavailable.map(|node| UnavailableNode {
                    instance: node.instance.clone(),
                    group: node.group.clone(),
                    health: node.health,
                }));
        }
        Some(found)
    }

    /// The counts by state, as metrics and the status name them.
    pub fn by_state(&self) -> [(&'static str, u32); 4] {
        [
            ("usable", self.usable),
            ("draining", self.draining),
            ("unhealthy", self.unhealthy),
            ("not_listed", self.not_listed),
        ]
    }

    /// The counts, and a line for each state in which YARN does not use instances, with their names.
    pub fn lines(&self) -> Vec<String> {
        let named = [
            ("unhealthy", NodeHealth::Unhealthy),
            ("not listed by YARN", NodeHealth::NotListed),
        ];
        let named = named.into_iter().filter_map(|(words, health)| {
            let unavailable = || {
                self.unavailable
                    .iter()
                    .filter(move |node| node.health == health)
            };
            let names: Vec<String> = unavailable()
                .take(NAMED)
                .map(|node| format!("{} ({})", node.instance, node.group))
                .collect();
            let more = match unavailable().count() {
                count if count > NAMED => format!(" and {} more", count - NAMED),
                _ => String::new(),
            };
            (!names.is_empty()).then(|| format!("{words}: {}{more}", names.join(", ")))
        });
        std::iter::once(self.to_string()).chain(named).collect()
    }
}

fn is_not_listed(node: &NodeLoad) -> bool {
    !node.draining && node.health == NodeHealth::NotListed
}

fn is_unhealthy(node: &NodeLoad) -> bool {
    !node.draining && node.health == NodeHealth::Unhealthy
}

/// `EMR runs 14 besides the primary, and YARN uses 11 (1 draining, 1 unhealthy, 1 not listed)`.
impl fmt::Display for NodeUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running: u32 = self.by_state().iter().map(|(_, count)| count).sum();
        let usable = self.usable;
        write!(
            f,
            "EMR runs {running} besides the primary, and YARN uses {usable}"
        )?;
        let others = [
            (self.draining, "draining"),
            (self.unhealthy, "unhealthy"),
            (self.not_listed, "not listed"),
        ];
        let others: Vec<String> = others
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, state)| format!("{count} {state}"))
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", others.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{Scene, core_group, task_group};
    use crate::observation::{NodeSnapshot, Sampled};
    use crate::units::Instances;

    fn node(instance: &str, group: &str, draining: bool, health: NodeHealth) -> NodeLoad {
        NodeLoad {
            instance: InstanceId::new(instance),
            group: GroupId::new(group),
            containers: 0,
            has_application_master: false,
            draining,
            idle_since: None,
            health,
        }
    }

    fn observed(requested: u32, nodes: Vec<NodeLoad>) -> Observation {
        let mut task = task_group(4);
        task.requested = Instances(requested);
        let mut primary = core_group(1);
        (primary.id, primary.role) = (GroupId::new("ig-primary"), Role::Primary);
        let scene = Scene::new(vec![primary, core_group(1), task]);
        let mut observation = scene.observation();
        observation.nodes = Some(Sampled {
            value: NodeSnapshot(nodes),
            measured_at: scene.at,
        });
        observation
    }

    #[test]
    fn instances_are_counted_by_how_yarn_uses_them_and_the_unused_ones_are_named() {
        let nodes = vec![
            node("i-0", "ig-core", false, NodeHealth::Usable),
            node("i-1", "ig-task", false, NodeHealth::Usable),
            node("i-2", "ig-task", true, NodeHealth::Usable),
            node("i-3", "ig-task", false, NodeHealth::Unhealthy),
            node("i-4", "ig-task", false, NodeHealth::NotListed),
        ];
        let found = NodeUse::of(&observed(4, nodes)).expect("a snapshot");
        assert_eq!(found.by_state().map(|(_, count)| count), [2, 1, 1, 1]);
        assert_eq!(
            found.lines(),
            [
                "EMR runs 5 besides the primary, and YARN uses 2 (1 draining, 1 unhealthy, 1 not listed)",
                "unhealthy: i-3 (ig-task)",
                "not listed by YARN: i-4 (ig-task)",
            ]
        );
    }

    #[test]
    fn an_instance_that_was_decommissioned_for_a_scale_in_is_draining_and_not_missed() {
        let nodes = vec![node("i-4", "ig-task", true, NodeHealth::NotListed)];
        let found = NodeUse::of(&observed(3, nodes)).expect("a snapshot");
        assert_eq!(
            (found.draining, found.not_listed, found.unavailable),
            (1, 0, Vec::new())
        );
    }

    #[test]
    fn a_line_names_ten_instances_at_most() {
        let nodes = (0..12)
            .map(|i| node(&format!("i-{i}"), "ig-task", false, NodeHealth::Unhealthy))
            .collect();
        let lines = NodeUse::of(&observed(12, nodes))
            .expect("a snapshot")
            .lines();
        assert!(lines[1].ends_with("i-9 (ig-task) and 2 more"), "{lines:?}");
    }

    #[test]
    fn without_a_snapshot_nothing_is_claimed() {
        let scene = Scene::new(vec![task_group(4)]);
        assert_eq!(NodeUse::of(&scene.observation()), None);
    }
}
