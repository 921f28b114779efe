//! Terraform's plans and states as JSON: what `terraform show -json` prints, and state files.

use super::api::Search;
use super::cluster::{Cluster, Found};
use super::shape::Text;
use crate::observation::Role;
use crate::policy::document::NameLike;
use crate::policy::tree::{Entry, Node, Unknown};
use crate::policy::yaml::At;

const CLUSTER: &str = "aws_emr_cluster";
const GROUP: &str = "aws_emr_instance_group";
const MANAGED: &str = "aws_emr_managed_scaling_policy";

/// A resource of EMR.
struct Resource {
    /// As `module.emr.aws_emr_cluster.main`, or with an index as `aws_emr_cluster.main[0]`.
    address: String,
    kind: &'static str,
    path: String,
    values: At<Node>,
}

/// Whether a document is one of Terraform's.
pub fn is_terraform(top: &At<Node>) -> bool {
    let is_state_file = top.field("lineage").is_some() && top.field("resources").is_some();
    let is_shown = top.field("format_version").is_some()
        && [
            "values",
            "planned_values",
            "prior_state",
            "terraform_version",
        ]
        .iter()
        .any(|name| top.field(name).is_some());
    is_state_file || is_shown || is_empty_state(top)
}

/// `terraform show -json` without a state prints its format and nothing else.
fn is_empty_state(top: &At<Node>) -> bool {
    matches!(top.entries(), [(key, _)] if key.value == "format_version")
}

/// Whether a document is Terraform's configuration as JSON (`*.tf.json`).
pub fn is_configuration(top: &At<Node>) -> bool {
    top.field("resource").is_some_and(|resources| {
        let of_emr = |(key, _): &Entry| key.value.starts_with("aws_emr_");
        resources.entries().iter().any(of_emr)
            || resources
                .items()
                .iter()
                .any(|item| item.entries().iter().any(of_emr))
    })
}

/// The clusters of a plan or a state, with the groups and policies that belong to them.
pub fn search(top: &At<Node>) -> Search {
    let resources = resources(top);
    let mut search = Search::default();
    let mut clusters: Vec<(String, Option<String>, usize)> = Vec::new();
    for resource in resources.iter().filter(|resource| resource.kind == CLUSTER) {
        let id = resource.values.string("id");
        let scope = search.add(Cluster {
            name: Some(resource.address.clone()),
            id: id.map(|id| resource.values.with(NameLike(id.to_owned()))),
            ..Cluster::default()
        });
        clusters.push((resource.address.clone(), id.map(str::to_owned), scope));
        search.walk(&resource.path, &resource.values, Some(scope), None);
    }
    for resource in resources.iter().filter(|resource| resource.kind != CLUSTER) {
        let scope = cluster_of(top, resource, &clusters).unwrap_or_else(|| {
            search.add(Cluster {
                name: Some(resource.address.clone()),
                id: cluster_id(resource),
                ..Cluster::default()
            })
        });
        if resource.kind == GROUP {
            search.walk(
                &resource.path,
                &resource.values,
                Some(scope),
                Some(Role::Task),
            );
        } else {
            search.clusters[scope]
                .managed
                .get_or_insert(managed(resource));
        }
    }
    search
}

fn cluster_id(resource: &Resource) -> Option<Text> {
    let id = resource.values.string("cluster_id")?;
    Some(resource.values.with(NameLike(id.to_owned())))
}

/// The policy without the ids beside it.
fn managed(resource: &Resource) -> Found {
    const FIELDS: [&str; 3] = [
        "compute_limits",
        "scaling_strategy",
        "utilization_performance_index",
    ];
    let is_set = |value: &At<Node>| !value.is_empty() && value.as_text() != Some("0");
    let entries = resource.values.entries().iter();
    let kept = entries
        .filter(|(key, value)| FIELDS.contains(&key.value.as_str()) && is_set(value))
        .cloned();
    Found {
        path: resource.path.clone(),
        at: resource.values.with(Node::Map(kept.collect())),
    }
}

/// The cluster that a resource belongs to: by its id, by what the configuration refers to, or the
/// only one of its module.
fn cluster_of(
    top: &At<Node>,
    resource: &Resource,
    clusters: &[(String, Option<String>, usize)],
) -> Option<usize> {
    if let Some(id) = resource.values.string("cluster_id") {
        let same_id =
            |(_, known, _): &&(String, Option<String>, usize)| known.as_deref() == Some(id);
        return clusters.iter().find(same_id).map(|(.., scope)| *scope);
    }
    let module = module_of(&resource.address);
    let in_module: Vec<_> = clusters
        .iter()
        .filter(|(address, ..)| module_of(address) == module)
        .collect();
    if let Some(referred) = reference(top, resource) {
        let index = resource
            .address
            .rfind('[')
            .filter(|_| resource.address.ends_with(']'));
        let index = index.map_or("", |at| &resource.address[at..]);
        let local = |address: &str| address[module.len()..].trim_start_matches('.').to_owned();
        let by_reference = |suffix: &str| {
            let wanted = format!("{referred}{suffix}");
            in_module
                .iter()
                .find(|(address, ..)| local(address) == wanted)
        };
        if let Some((.., scope)) = by_reference(index)
            .or_else(|| by_reference(""))
            .or_else(|| by_reference("[0]"))
        {
            return Some(*scope);
        }
    }
    match in_module[..] {
        [(.., scope)] => Some(*scope),
        _ => None,
    }
}

/// `module.a.module.b` of `module.a.module.b.aws_emr_cluster.main`.
fn module_of(address: &str) -> &str {
    let end = [
        "aws_emr_cluster.",
        "aws_emr_instance_group.",
        "aws_emr_managed_scaling_policy.",
    ]
    .iter()
    .filter_map(|kind| address.rfind(kind))
    .min();
    address[..end.unwrap_or(0)].trim_end_matches('.')
}

/// The cluster that `cluster_id` refers to in the configuration, such as `aws_emr_cluster.main`.
fn reference(top: &At<Node>, resource: &Resource) -> Option<String> {
    let module = module_of(&resource.address);
    let mut configuration = top.field("configuration")?.field("root_module")?;
    for name in module_names(module) {
        configuration = configuration
            .field("module_calls")?
            .entries()
            .iter()
            .find(|(key, _)| key.value == name)
            .and_then(|(_, call)| call.field("module"))?;
    }
    let local = resource.address[module.len()..].trim_start_matches('.');
    let local = local.split('[').next().unwrap_or(local);
    let found = configuration
        .field("resources")?
        .items()
        .iter()
        .find(|item| item.string("address") == Some(local))?;
    let references = found
        .field("expressions")?
        .field("cluster_id")?
        .field("references")?;
    references.items().iter().find_map(|item| {
        let text = item.as_text()?.strip_prefix("aws_emr_cluster.")?;
        let name = text.split('.').next().unwrap_or(text);
        Some(format!("{CLUSTER}.{name}"))
    })
}

/// `a` and `b` of `module.a["x.y"].module.b`.
fn module_names(module: &str) -> impl Iterator<Item = String> {
    let mut plain = String::new();
    let mut depth = 0_usize;
    for c in module.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    let names: Vec<String> = plain
        .split('.')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    names.into_iter()
}

fn resources(top: &At<Node>) -> Vec<Resource> {
    let mut found = Vec::new();
    let shown = ["planned_values", "values"]
        .into_iter()
        .find_map(|name| Some((name, top.field(name)?.field("root_module")?)));
    match shown {
        Some((name, root)) => module(&format!("{name}.root_module"), root, &mut found),
        None => state_file(top, &mut found),
    }
    mark_unknown(top, &mut found);
    found
}

fn kind_of(at: &At<Node>) -> Option<&'static str> {
    // Data sources only look clusters up.
    if at.string("mode") == Some("data") {
        return None;
    }
    let kind = at.string("type")?;
    [CLUSTER, GROUP, MANAGED]
        .into_iter()
        .find(|known| *known == kind)
}

/// The resources of a module and of the modules inside it.
fn module(path: &str, at: &At<Node>, found: &mut Vec<Resource>) {
    let list = |name: &str| at.field(name).map_or(&[][..], At::items).iter().enumerate();
    for (position, item) in list("resources") {
        let (Some(kind), Some(values)) = (kind_of(item), item.field("values")) else {
            continue;
        };
        found.push(Resource {
            address: item.string("address").unwrap_or(kind).to_owned(),
            kind,
            path: format!("{path}.resources[{position}].values"),
            values: values.clone(),
        });
    }
    for (position, child) in list("child_modules") {
        module(&format!("{path}.child_modules[{position}]"), child, found);
    }
}

/// The resources of a state file (`terraform.tfstate`).
fn state_file(top: &At<Node>, found: &mut Vec<Resource>) {
    let resources = top.field("resources").map_or(&[][..], At::items);
    for (position, item) in resources.iter().enumerate() {
        let Some(kind) = kind_of(item) else { continue };
        let module = item
            .string("module")
            .map_or(String::new(), |name| format!("{name}."));
        let name = item.string("name").unwrap_or_default();
        let instances = item.field("instances").map_or(&[][..], At::items);
        for (number, instance) in instances.iter().enumerate() {
            let Some(values) = instance.field("attributes") else {
                continue;
            };
            let index = match instance.string("index_key") {
                Some(key) if key.parse::<u64>().is_ok() => format!("[{key}]"),
                Some(key) => format!("[\"{key}\"]"),
                None => String::new(),
            };
            found.push(Resource {
                address: format!("{module}{kind}.{name}{index}"),
                kind,
                path: format!("resources[{position}].instances[{number}].attributes"),
                values: values.clone(),
            });
        }
    }
}

/// In a plan, what is known only after `terraform apply` is left out of the values; it is listed
/// beside them.
fn mark_unknown(top: &At<Node>, found: &mut [Resource]) {
    let changes = top.field("resource_changes").map_or(&[][..], At::items);
    for resource in found {
        let change = changes
            .iter()
            .find(|change| change.string("address") == Some(resource.address.as_str()))
            .and_then(|change| change.field("change")?.field("after_unknown"));
        if let Some(unknown) = change {
            overlay(&mut resource.values, unknown, &resource.address);
        }
    }
}

/// Puts an unknown value where `unknown` is `true`, among the fields that belong to scaling.
fn overlay(values: &mut At<Node>, unknown: &At<Node>, address: &str) {
    if unknown.as_text() == Some("true") {
        values.value = Node::Unknown(Unknown {
            reason: format!("the plan does not know this value of {address} before it is applied"),
            remedy: "apply the plan, and give the state: `terraform show -json > state.json`"
                .to_owned(),
            placeholder: String::new(),
        });
        return;
    }
    match &mut values.value {
        Node::List(items) => {
            for (item, unknown) in items.iter_mut().zip(unknown.items()) {
                overlay(item, unknown, address);
            }
        }
        Node::Map(entries) => {
            for (key, unknown) in unknown.entries() {
                if key.value == "id" || key.value == "cluster_id" || unknown.is_empty() {
                    continue;
                }
                match entries
                    .iter_mut()
                    .find(|(known, _)| known.value == key.value)
                {
                    Some((_, value)) => overlay(value, unknown, address),
                    None if unknown.as_text() == Some("true") => {
                        let mut value = key.with(Node::Null);
                        overlay(&mut value, unknown, address);
                        entries.push((key.clone(), value));
                    }
                    None => {}
                }
            }
        }
        _ => {}
    }
}
