//! How much an instance of each group offers where groups have instances of different types.
//!
//! The smallest node of the cluster is the measure: it offers one unit of each resource, whatever runs
//! at the moment. A mean over the running nodes would change its meaning with each resize, and would
//! say nothing of a group that has no instances.

use crate::decision::Resource;
use crate::observation::{GroupKind, GroupStatus, Role};
use crate::units::Resources;

/// An amount of each resource, in units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ResourceUnits {
    pub memory: f64,
    pub vcores: f64,
}

impl ResourceUnits {
    /// One unit of each resource.
    pub const ONE: Self = Self {
        memory: 1.0,
        vcores: 1.0,
    };

    /// The amount that `units_of` returns for each resource.
    pub fn by(units_of: impl Fn(Resource) -> f64) -> Self {
        Self {
            memory: units_of(Resource::Memory),
            vcores: units_of(Resource::Vcores),
        }
    }

    /// The amount of one resource.
    pub const fn of(self, resource: Resource) -> f64 {
        match resource {
            Resource::Memory => self.memory,
            Resource::Vcores => self.vcores,
        }
    }
}

/// The sizes of the cluster's nodes relative to each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeSizes {
    /// The smallest node; `None` if every instance counts as one unit.
    smallest: Option<Resources>,
}

impl NodeSizes {
    /// Compares the nodes of all groups but the primary one. If the node of one of them is not known,
    /// or all are alike, every instance counts as one unit.
    pub fn of(groups: &[GroupStatus]) -> Self {
        let workers = || groups.iter().filter(|group| group.role != Role::Primary);
        let are_known = workers().all(|group| node_of(group).is_some());
        let mut nodes = workers().filter_map(node_of);
        let Some(first) = nodes.next().filter(|_| are_known) else {
            return Self::default();
        };
        let (mut smallest, mut differ) = (first, false);
        for node in nodes {
            differ |= node != first;
            smallest = smallest.min(node);
        }
        Self {
            smallest: differ.then_some(smallest),
        }
    }

    /// Whether instances of different groups offer different amounts.
    pub const fn differ(self) -> bool {
        self.smallest.is_some()
    }

    /// What one instance of the group offers.
    pub fn offer(self, group: &GroupStatus) -> ResourceUnits {
        let (Some(unit), Some(node)) = (self.smallest, node_of(group)) else {
            return ResourceUnits::ONE;
        };
        ResourceUnits {
            memory: node.memory.as_f64() / unit.memory.as_f64(),
            vcores: node.vcores.as_f64() / unit.vcores.as_f64(),
        }
    }

    /// What one unit would offer if the cluster had only this group.
    pub fn unit_of(self, group: &GroupStatus) -> Option<Resources> {
        self.smallest.or_else(|| node_of(group))
    }
}

/// What an instance of the group offers, if that is known and can be compared. Units of a fleet are no
/// nodes.
fn node_of(group: &GroupStatus) -> Option<Resources> {
    let is_something = |node: &Resources| node.memory.get() > 0 && node.vcores.get() > 0;
    group
        .node
        .filter(is_something)
        .filter(|_| group.kind == GroupKind::Group)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{core_group, node, task_group};

    #[test]
    fn the_smallest_node_is_one_unit_of_each_resource_whether_or_not_it_runs() {
        let groups = [
            node(task_group(0), 12_288, 4),
            node(core_group(2), 57_344, 16),
        ];
        let sizes = NodeSizes::of(&groups);
        assert!(sizes.differ());
        assert_eq!(sizes.offer(&groups[0]), ResourceUnits::ONE);
        let large = ResourceUnits {
            memory: 57_344.0 / 12_288.0,
            vcores: 4.0,
        };
        assert_eq!(sizes.offer(&groups[1]), large);
    }

    #[test]
    fn every_instance_is_one_unit_unless_all_nodes_are_known_and_two_differ() {
        let (small, large) = (
            node(core_group(2), 12_288, 4),
            node(task_group(0), 49_152, 16),
        );
        let fleet = GroupStatus {
            kind: GroupKind::Fleet,
            ..large.clone()
        };
        let primary = GroupStatus {
            role: Role::Primary,
            ..large.clone()
        };
        for (name, groups, differ) in [
            ("two types", [small.clone(), large.clone()], true),
            ("one type", [small.clone(), small.clone()], false),
            ("one is not known", [small.clone(), task_group(0)], false),
            (
                "a node of nothing",
                [small.clone(), node(task_group(0), 0, 4)],
                false,
            ),
            ("a fleet", [small.clone(), fleet], false),
            ("the primary node", [small, primary], false),
        ] {
            let sizes = NodeSizes::of(&groups);
            assert_eq!(sizes.differ(), differ, "{name}");
            assert_eq!(
                sizes.offer(&groups[1]) != ResourceUnits::ONE,
                differ,
                "{name}"
            );
        }
    }
}
