//! CloudFormation templates: clusters and instance groups among the resources, with the values of
//! intrinsic functions filled in.

mod conditions;
mod parameters;
mod template;

use std::collections::{BTreeMap, BTreeSet};

use super::api::Search;
use super::cluster::Cluster;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::tree::{self, Node};
use crate::policy::yaml::At;
use template::{CLUSTER, Template};

const GROUP: &str = "AWS::EMR::InstanceGroupConfig";
const FLEET: &str = "AWS::EMR::InstanceFleetConfig";

/// What a template has.
pub struct Found {
    pub search: Search,
    /// The names that were looked up, with and without a value.
    pub names: BTreeSet<String>,
    /// Resources that are not created, each with its place.
    pub not_created: Vec<Diagnostic>,
    /// Resources whose content is elsewhere.
    pub hidden: Vec<String>,
}

/// The template in a document: the document itself, or the answer of `get-template`.
///
/// # Errors
/// A template inside an answer that cannot be read.
pub fn template(top: &At<Node>) -> Result<Option<At<Node>>, Diagnostic> {
    if let Some(body) = top.field("TemplateBody") {
        return match &body.value {
            Node::Scalar(text) => tree::read(text)
                .map(|inner| Some(inner.all_at(&body.span)))
                .map_err(|error| {
                    let message = format!("TemplateBody: {}", error.message);
                    Diagnostic::error(body.span.clone(), message)
                }),
            _ => Ok(Some(body.clone())),
        };
    }
    let has_types = top.field("Resources").is_some_and(|resources| {
        let is_typed =
            |value: &At<Node>| value.string("Type").is_some_and(|kind| kind.contains("::"));
        resources.entries().iter().any(|(_, value)| is_typed(value))
    });
    let is_template = has_types || top.field("AWSTemplateFormatVersion").is_some();
    Ok(is_template.then(|| top.clone()))
}

/// Finds the clusters of a template, with `set` as the values of its parameters and of whatever
/// else it refers to.
pub fn search(top: &At<Node>, set: &BTreeMap<String, String>) -> Found {
    let mut template = Template::new(top, set);
    let mut search = Search::default();
    if let Some(declared) = top.field("Parameters") {
        search.errors.extend(parameters::refused(declared, set));
    }
    let mut not_created = Vec::new();
    let mut clusters: BTreeMap<String, usize> = BTreeMap::new();
    let resources = top.field("Resources").map_or(&[][..], At::entries);
    for kind in [CLUSTER, GROUP, FLEET] {
        for (name, resource) in resources {
            if resource.string("Type") != Some(kind) {
                continue;
            }
            let name = name.value.as_str();
            match template.is_created(resource) {
                Ok(true) => {}
                Ok(false) => {
                    not_created.extend(because_of_condition(name, resource));
                    continue;
                }
                Err(unknown) => {
                    let message = format!("Resources.{name}.Condition: {}", unknown.reason);
                    let at = resource.field("Condition").unwrap_or(resource);
                    search
                        .errors
                        .push(Diagnostic::error(at.span.clone(), message).help(unknown.remedy));
                    continue;
                }
            }
            let Some(written) = resource.field("Properties") else {
                continue;
            };
            let owner = written.field("JobFlowId").map(|id| owner(id, &clusters));
            let scope = owner.flatten().unwrap_or_else(|| {
                search.add(Cluster {
                    name: Some(name.to_owned()),
                    ..Cluster::default()
                })
            });
            if kind == CLUSTER {
                clusters.insert(name.to_owned(), scope);
            }
            let properties = template.resolve(written);
            search.walk(
                &format!("Resources.{name}.Properties"),
                &properties,
                Some(scope),
                None,
            );
        }
    }
    Found {
        search,
        names: template.into_names(),
        not_created,
        hidden: hidden(resources).collect(),
    }
}

/// Says that a resource is left out.
fn because_of_condition(name: &str, resource: &At<Node>) -> Option<Diagnostic> {
    let condition = resource.field("Condition")?;
    let message = format!(
        "{name} is not created, because {} is false",
        condition.as_text()?
    );
    Some(
        Diagnostic::warning(condition.span.clone(), message)
            .help("its policies do not count; `--set NAME=VALUE` changes a parameter"),
    )
}

/// The cluster that a group names, or the only one of the template.
fn owner(job_flow_id: &At<Node>, clusters: &BTreeMap<String, usize>) -> Option<usize> {
    let referred = job_flow_id.string("Ref").map(|name| clusters.get(name));
    match (referred, clusters.len()) {
        (Some(Some(scope)), _) => Some(*scope),
        // A parameter or an export: a cluster of another stack.
        (Some(None), _) => None,
        (None, 1) => clusters.values().next().copied(),
        (None, _) => None,
    }
}

/// Resources that the template does not spell out.
fn hidden(resources: &[(At<String>, At<Node>)]) -> impl Iterator<Item = String> + '_ {
    resources.iter().filter_map(|(name, resource)| {
        if name.value.starts_with("Fn::") {
            return Some(format!(
                "{} is expanded by CloudFormation: read the result with `aws cloudformation get-template --template-stage Processed --stack-name NAME`",
                name.value
            ));
        }
        (resource.string("Type") == Some("AWS::CloudFormation::Stack")).then(|| {
            format!("{} is a nested stack with a template of its own", name.value)
        })
    })
}
