//! Which group of a cluster each target selects.

use crate::observation::GroupStatus;
use crate::policy::target::Target;

/// What a target selects on a cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupMatch<'g> {
    /// The only group that the selector matches.
    One(&'g GroupStatus),
    /// The selector matches no group, and the policy requires one.
    NoneButRequired,
    /// The selector matches no group, and the cluster need not have one: the policy follows demand
    /// on whatever groups there are.
    NoneAndOptional,
    /// The selector matches several groups.
    Several(Vec<&'g GroupStatus>),
    /// The selector matches a group that already belongs to an earlier target.
    Taken {
        /// The group.
        group: &'g GroupStatus,
        /// Position of the earlier target in the policy.
        by: usize,
    },
}

impl<'g> GroupMatch<'g> {
    /// The group, when the target selects exactly one of its own.
    pub fn group(&self) -> Option<&'g GroupStatus> {
        match self {
            Self::One(group) => Some(group),
            Self::NoneButRequired
            | Self::NoneAndOptional
            | Self::Several(_)
            | Self::Taken { .. } => None,
        }
    }
}

/// Finds the group of each target. A group belongs to the first target that selects it.
pub(super) fn match_groups<'g>(
    targets: &[Target],
    groups: &'g [GroupStatus],
) -> impl Iterator<Item = GroupMatch<'g>> {
    (0..targets.len()).map(move |target| match_group(&targets[target], groups, &targets[..target]))
}

fn match_group<'g>(
    target: &Target,
    groups: &'g [GroupStatus],
    earlier: &[Target],
) -> GroupMatch<'g> {
    let mut named = target.selector.select(groups);
    let Some(group) = named.next() else {
        return if target.may_be_absent {
            GroupMatch::NoneAndOptional
        } else {
            GroupMatch::NoneButRequired
        };
    };
    if let Some(second) = named.next() {
        return GroupMatch::Several([group, second].into_iter().chain(named).collect());
    }
    let owner = earlier
        .iter()
        .position(|other| other.selector.names_only(group, groups));
    match owner {
        Some(by) => GroupMatch::Taken { group, by },
        None => GroupMatch::One(group),
    }
}
