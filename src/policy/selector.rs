//! How a target names its group or fleet.

use std::fmt;
use std::sync::Arc;

use crate::observation::{GroupId, GroupKind, GroupStatus, Market, Role};

/// How a target names its group or fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The only instance group with this role.
    Role(Role),
    /// The only instance group with this role and market.
    Group {
        /// Role of the group.
        role: Role,
        /// How its instances are bought.
        market: Market,
    },
    /// The only group or fleet with this name.
    Name(Arc<str>),
    /// The group or fleet with this id.
    Id(GroupId),
    /// One of the two capacities of the fleet with this role.
    Fleet {
        /// Role of the fleet.
        role: Role,
        /// On-demand or Spot capacity.
        market: Market,
    },
}

impl Selector {
    /// Whether it names an instance group or a fleet; `None` for a name or an id, which can belong
    /// to either.
    pub fn kind(&self) -> Option<GroupKind> {
        match self {
            Self::Role(_) | Self::Group { .. } => Some(GroupKind::Group),
            Self::Fleet { .. } => Some(GroupKind::Fleet),
            Self::Name(_) | Self::Id(_) => None,
        }
    }

    /// The role that it gives, if any.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Role(role) | Self::Group { role, .. } | Self::Fleet { role, .. } => Some(*role),
            Self::Name(_) | Self::Id(_) => None,
        }
    }

    /// The groups that it names. [`Policy::match_groups`](crate::policy::Policy::match_groups)
    /// decides what that means for a target.
    pub fn select<'g>(
        &self,
        groups: &'g [GroupStatus],
    ) -> impl Iterator<Item = &'g GroupStatus> + use<'g, '_> {
        groups.iter().filter(|group| self.names(group))
    }

    /// The group that it names, if there is exactly one.
    pub fn select_only<'g>(&self, groups: &'g [GroupStatus]) -> Option<&'g GroupStatus> {
        let mut named = self.select(groups);
        let group = named.next();
        group.filter(|_| named.next().is_none())
    }

    /// Whether it names `group`, and no other one of `groups`.
    pub(super) fn names_only(&self, group: &GroupStatus, groups: &[GroupStatus]) -> bool {
        self.names(group) && self.select(groups).nth(1).is_none()
    }

    fn names(&self, group: &GroupStatus) -> bool {
        match self {
            Self::Role(role) => group.kind == GroupKind::Group && group.role == *role,
            Self::Group { role, market } => {
                group.kind == GroupKind::Group && group.role == *role && group.market == *market
            }
            Self::Name(name) => group.name.as_ref() == Some(name),
            Self::Id(id) => group.id == *id,
            Self::Fleet { role, market } => {
                group.kind == GroupKind::Fleet && group.role == *role && group.market == *market
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role: {role}"),
            Self::Group { role, market } => write!(f, "role: {role}, market: {market}"),
            Self::Name(name) => write!(f, "name: {name}"),
            Self::Id(id) => write!(f, "id: {id}"),
            Self::Fleet { role, market } => write!(f, "fleet: {role}, market: {market}"),
        }
    }
}
