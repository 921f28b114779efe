//! Clusters, groups and their policies in what EMR's API takes and answers, at any depth: the
//! output of `describe-cluster` and `list-instance-groups`, lists of instance groups, input of
//! `RunJobFlow`, and these inside something larger.

use super::cluster::{Cluster, Found, Group};
use super::shape::Text;
use super::shape::joined;
use crate::observation::{Market, Role};
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::NameLike;
use crate::policy::tree::{self, Node, plain};
use crate::policy::yaml::At;

pub const AUTO_SCALING: &str = "AutoScalingPolicy";
pub const MANAGED_SCALING: &str = "ManagedScalingPolicy";

/// The fields of a cluster that hold its groups, each as [`plain`] writes it, with the role of the
/// groups if the name gives it.
const GROUP_FIELDS: [(&str, Option<Role>); 5] = [
    ("instancegroups", None),
    ("masterinstancegroup", Some(Role::Primary)),
    ("coreinstancegroup", Some(Role::Core)),
    ("taskinstancegroups", Some(Role::Task)),
    ("taskinstancegroup", Some(Role::Task)),
];

/// The fields of a fleet, and of a cluster that has one.
const FLEET_FIELDS: [&str; 4] = [
    "InstanceFleetType",
    "MasterInstanceFleet",
    "CoreInstanceFleet",
    "TaskInstanceFleets",
];

/// What was found so far.
#[derive(Default)]
pub struct Search {
    pub clusters: Vec<Cluster>,
    pub errors: Vec<Diagnostic>,
}

impl Search {
    /// Adds a cluster, and returns its position.
    pub fn add(&mut self, cluster: Cluster) -> usize {
        self.clusters.push(cluster);
        self.clusters.len() - 1
    }

    /// Looks for clusters, groups and policies in a part of a document. Groups belong to the
    /// cluster at the position `scope`, or else to the mapping that they are found in.
    pub fn walk(&mut self, path: &str, at: &At<Node>, scope: Option<usize>, role: Option<Role>) {
        match &at.value {
            Node::List(items) => {
                let scope = scope.or_else(|| {
                    let is_of_groups = items.iter().any(is_group);
                    is_of_groups.then(|| self.add(Cluster::default()))
                });
                for (position, item) in items.iter().enumerate() {
                    self.walk(&format!("{path}[{position}]"), item, scope, role);
                }
            }
            Node::Map(entries) => {
                let scope = scope.or_else(|| is_cluster(at).then(|| self.add(cluster(at, path))));
                if let Some(scope) = scope {
                    self.note(path, at, scope, role);
                }
                for (key, value) in entries {
                    let name = plain(&key.value);
                    if name == plain(AUTO_SCALING) || name == plain(MANAGED_SCALING) {
                        continue;
                    }
                    self.errors.extend(misnamed(path, key, value));
                    let role = role_of_field(&name);
                    self.walk(&joined(path, &key.value), value, scope, role);
                }
            }
            Node::Null | Node::Scalar(_) | Node::Unknown(_) => {}
        }
    }

    /// What a mapping says itself: that it is a group, and its policy.
    fn note(&mut self, path: &str, at: &At<Node>, scope: usize, role: Option<Role>) {
        if let Some(managed) = self.policy(path, at, MANAGED_SCALING) {
            let cluster = &mut self.clusters[scope];
            cluster.managed.get_or_insert(managed);
        }
        let fleets = FLEET_FIELDS
            .iter()
            .filter(|name| at.field(name).is_some_and(|value| !value.is_empty()));
        self.clusters[scope].fleets += fleets.count();
        if is_group(at) || role.is_some() {
            let policy = self.policy(path, at, AUTO_SCALING);
            self.clusters[scope].groups.push(group(at, role, policy));
        }
    }

    /// The policy in a field. Terraform writes it as text.
    fn policy(&mut self, path: &str, at: &At<Node>, name: &str) -> Option<Found> {
        let name = plain(name);
        let (key, value) = at
            .entries()
            .iter()
            .find(|(key, value)| plain(&key.value) == name && !value.is_empty())?;
        let path = joined(path, &key.value);
        let Node::Scalar(text) = &value.value else {
            return Some(Found {
                path,
                at: value.clone(),
            });
        };
        match tree::read(text) {
            Ok(inner) if inner.is_empty() => None,
            Ok(inner) => Some(Found {
                path,
                at: inner.all_at(&value.span),
            }),
            Err(error) => {
                let message = format!("{path}: the text is not JSON: {}", error.message);
                let error = Diagnostic::error(value.span.clone(), message);
                self.errors
                    .push(error.help("write the policy as JSON, such as jsonencode() makes it"));
                None
            }
        }
    }
}

/// A policy in a field of another name, probably mistyped.
fn misnamed(path: &str, key: &At<String>, value: &At<Node>) -> Option<Diagnostic> {
    let has = |name: &str| value.field(name).is_some();
    let meant = if has("Constraints") && has("Rules") {
        AUTO_SCALING
    } else if has("ComputeLimits") {
        MANAGED_SCALING
    } else {
        return None;
    };
    let path = joined(path, &key.value);
    let message = format!("{path}: this is a scaling policy in a field that EMR does not have");
    let error = Diagnostic::error(key.span.clone(), message);
    Some(error.help(format!("rename the field to `{meant}`")))
}

fn role_of_field(plain_name: &str) -> Option<Role> {
    GROUP_FIELDS
        .iter()
        .find(|(name, _)| *name == plain_name)
        .and_then(|(_, role)| *role)
}

/// Whether a mapping is a cluster, or what stands for one: it has groups, or a policy for them.
fn is_cluster(at: &At<Node>) -> bool {
    let has_groups = |at: &At<Node>| {
        at.entries().iter().any(|(key, value)| {
            let name = plain(&key.value);
            GROUP_FIELDS.iter().any(|(field, _)| *field == name)
                && matches!(value.value, Node::List(_) | Node::Map(_))
        })
    };
    has_groups(at)
        || at.field("Instances").is_some_and(has_groups)
        || at.field(AUTO_SCALING).is_some()
        || at.field(MANAGED_SCALING).is_some()
        || [
            "InstanceFleets",
            "InstanceCollectionType",
            "InstanceGroupType",
        ]
        .iter()
        .any(|name| at.field(name).is_some())
}

fn is_group(at: &At<Node>) -> bool {
    [AUTO_SCALING, "InstanceGroupType", "InstanceRole"]
        .iter()
        .any(|name| at.field(name).is_some())
}

fn cluster(at: &At<Node>, path: &str) -> Cluster {
    // In a mapping of clusters by their ids, the id is the name of the field.
    let key = path.rsplit('.').next().filter(|key| key.starts_with("j-"));
    let id = ["ClusterId", "JobFlowId"]
        .iter()
        .find_map(|name| text(at, name))
        .or_else(|| key.map(|key| at.with(NameLike(key.to_owned()))));
    if is_group(at) {
        return Cluster {
            id,
            ..Cluster::default()
        };
    }
    Cluster {
        name: at.string("Name").map(str::to_owned),
        id: id.or_else(|| text(at, "Id")),
        ..Cluster::default()
    }
}

fn group(at: &At<Node>, role: Option<Role>, policy: Option<Found>) -> Group {
    let written = at.string("InstanceGroupType").or(at.string("InstanceRole"));
    let role = role.or_else(
        || match written.unwrap_or_default().to_ascii_uppercase().as_str() {
            "MASTER" | "PRIMARY" => Some(Role::Primary),
            "CORE" => Some(Role::Core),
            "TASK" => Some(Role::Task),
            _ => None,
        },
    );
    let market = match at.field("Market").map(|at| &at.value) {
        Some(Node::Scalar(market)) if market.eq_ignore_ascii_case("SPOT") => Some(Market::Spot),
        Some(Node::Unknown(_)) => None,
        _ if at.field("BidPrice").is_some_and(|bid| !bid.is_empty()) => Some(Market::Spot),
        _ => role.map(|_| Market::OnDemand),
    };
    let state = at
        .field("Status")
        .and_then(|status| status.string("State"))
        .unwrap_or_default();
    Group {
        id: text(at, "InstanceGroupId").or_else(|| text(at, "Id")),
        name: text(at, "Name"),
        role,
        market,
        has_ended: ["TERMINATED", "TERMINATING", "ENDED", "SHUTTING_DOWN"].contains(&state),
        policy,
    }
}

fn text(at: &At<Node>, name: &str) -> Option<Text> {
    let at = at.field(name)?;
    Some(at.with(NameLike(at.as_text()?.to_owned())))
}
