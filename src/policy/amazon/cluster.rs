//! What a document says of clusters: their groups, and the policies that scale them.

use super::shape::Text;
use crate::observation::{Market, Role};
use crate::policy::selector::Selector;
use crate::policy::tree::Node;
use crate::policy::yaml::At;

/// A cluster of a document.
#[derive(Default)]
pub struct Cluster {
    /// Its name, its logical id in a template, or its address in Terraform.
    pub name: Option<String>,
    pub id: Option<Text>,
    pub groups: Vec<Group>,
    pub managed: Option<Found>,
    pub fleets: usize,
}

/// A policy in the document, before it is read.
#[derive(Clone)]
pub struct Found {
    /// The fields that lead to it, such as `Cluster.InstanceGroups[1].AutoScalingPolicy`; empty
    /// when the document is the policy.
    pub path: String,
    pub at: At<Node>,
}

/// An instance group of a document. What the document does not say is `None`.
#[derive(Default)]
pub struct Group {
    pub id: Option<Text>,
    pub name: Option<Text>,
    pub role: Option<Role>,
    pub market: Option<Market>,
    /// EMR has terminated it.
    pub has_ended: bool,
    pub policy: Option<Found>,
}

impl Group {
    /// Whether `selector` means this group, as far as the document says.
    pub fn is(&self, selector: &Selector) -> bool {
        let same = |at: &Option<Text>, text: &str| at.as_ref().is_some_and(|at| at.value.0 == text);
        match selector {
            Selector::Role(role) => self.role == Some(*role),
            Selector::Group { role, market } => {
                self.role == Some(*role) && self.market == Some(*market)
            }
            Selector::Name(name) => same(&self.name, name),
            Selector::Id(id) => same(&self.id, id.as_str()),
            Selector::Fleet { .. } => false,
        }
    }
}

impl Cluster {
    /// The groups that count: those that EMR has terminated count only if it has terminated all.
    pub fn live_groups(&self) -> impl Iterator<Item = &Group> + Clone {
        let all_ended = self.groups.iter().all(|group| group.has_ended);
        self.groups
            .iter()
            .filter(move |group| all_ended || !group.has_ended)
    }

    /// Whether it has a policy that counts.
    pub fn has_policy(&self) -> bool {
        self.managed.is_some() || self.live_groups().any(|group| group.policy.is_some())
    }
}
