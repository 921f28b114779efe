//! Which group a policy scales, in Headroom's words.

use super::cluster::{Cluster, Group};
use super::document::AutoScaling;
use super::notes::Notes;
use crate::observation::{GroupId, Market, Role};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{GroupDocument, MarketText, NameLike, RoleText};
use crate::policy::selector::Selector;
use crate::policy::yaml::At;

/// The group that a policy scales.
pub struct Selection {
    selector: Selector,
    /// The document does not name a group.
    is_assumed: bool,
    /// The role, for groups that are selected by name or id.
    role: Option<Role>,
}

impl Selection {
    /// The group that the user chose.
    pub fn chosen(selector: &Selector) -> Self {
        Self {
            selector: selector.clone(),
            is_assumed: false,
            role: None,
        }
    }

    /// The simplest selector that means this group and no other group of its cluster: the role
    /// where it can be, because a simulated cluster has other names and ids.
    ///
    /// # Errors
    /// A group that EMR does not scale, or that cannot be told from another one.
    pub fn of(group: &Group, cluster: &Cluster, path: &str) -> Result<Self, Diagnostic> {
        let with = |selector: Selector| Self {
            selector,
            is_assumed: false,
            role: group.role,
        };
        let by_name = group
            .name
            .as_ref()
            .map(|at| Selector::Name(at.value.0.as_str().into()));
        let by_id = group
            .id
            .as_ref()
            .map(|at| Selector::Id(GroupId::new(at.value.0.as_str())));
        let is_unique = |selector: &Selector| {
            cluster
                .live_groups()
                .filter(|other| other.is(selector))
                .count()
                == 1
        };
        let refuse = |message: &str, help: &str| {
            let span = group
                .policy
                .as_ref()
                .map_or(0..0, |policy| policy.at.span.clone());
            Err(Diagnostic::error(span, format!("{path}: {message}")).help(help))
        };
        match group.role {
            None => Ok(by_id.or(by_name).map_or(
                Self {
                    selector: Selector::Role(Role::Task),
                    is_assumed: true,
                    role: Some(Role::Task),
                },
                with,
            )),
            Some(Role::Primary) => refuse(
                "primary nodes are not scaled, by EMR or by Headroom",
                "move the policy to a core or task group",
            ),
            Some(Role::Core) => Ok(with(Selector::Role(Role::Core))),
            Some(role @ Role::Task) => {
                let by_market = group.market.map(|market| Selector::Group { role, market });
                let found = [Some(Selector::Role(role)), by_market, by_name, by_id]
                    .into_iter()
                    .flatten()
                    .find(is_unique);
                found.map_or_else(
                    || {
                        refuse(
                            "the cluster has several task groups that cannot be told apart",
                            "give each task group a `Name` of its own",
                        )
                    },
                    |selector| Ok(with(selector)),
                )
            }
        }
    }

    /// What tells its policy from those of the cluster's other groups: `core`, `task spot`,
    /// `task NAME`; empty when no group is named.
    pub fn label(&self) -> String {
        let role = self.role.map_or(String::new(), |role| format!("{role} "));
        match &self.selector {
            _ if self.is_assumed => String::new(),
            Selector::Role(role) => role.to_string(),
            Selector::Group { role, market } | Selector::Fleet { role, market } => {
                format!("{role} {market}")
            }
            Selector::Name(name) => format!("{role}{name}"),
            Selector::Id(id) => format!("{role}{id}"),
        }
    }

    /// As a policy names the group.
    pub fn document(&self, policy: &At<AutoScaling>) -> At<GroupDocument> {
        let place = policy.with(());
        let role = |role: Role| Some(place.with(RoleText(role.to_string())));
        let market = |market: Market| Some(place.with(MarketText(market.to_string())));
        let text = |text: &str| Some(place.with(NameLike(text.to_owned())));
        let mut document = GroupDocument {
            role: None,
            name: None,
            id: None,
            fleet: None,
            market: None,
        };
        match &self.selector {
            Selector::Role(chosen) => document.role = role(*chosen),
            Selector::Group {
                role: chosen,
                market: bought,
            } => {
                document.role = role(*chosen);
                document.market = market(*bought);
            }
            Selector::Name(name) => document.name = text(name),
            Selector::Id(id) => document.id = text(id.as_str()),
            Selector::Fleet {
                role: chosen,
                market: bought,
            } => {
                document.fleet = role(*chosen);
                document.market = market(*bought);
            }
        }
        place.with(document)
    }

    /// Says which group is assumed, when the document names none.
    pub fn remark(&self, policy: &At<AutoScaling>, notes: &mut Notes) {
        if self.is_assumed {
            notes.remark(
                "Constraints",
                &policy.value.constraints,
                "no instance group is named; the task group is assumed",
                "name another one with `headroom convert --group id=ig-...`",
            );
        }
    }
}
