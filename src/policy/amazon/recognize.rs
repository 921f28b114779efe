//! Which of Amazon's documents a file is, and what it contains.

use std::collections::{BTreeMap, BTreeSet};

use super::api::{self, Search};
use super::cloudformation;
use super::cluster::{Cluster, Found, Group};
use super::terraform;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::tree::{self, Entry, Node, plain};
use crate::policy::yaml::At;

/// What a document of Amazon's contains.
pub struct Contents {
    pub kind: Kind,
    pub clusters: Vec<Cluster>,
    pub errors: Vec<Diagnostic>,
    /// The document is a single policy, with or without the ids around it.
    pub is_policy: bool,
    /// The names of a template that were looked up.
    pub names: BTreeSet<String>,
    /// Resources of a template that are not created, each with its place.
    pub not_created: Vec<Diagnostic>,
    /// Resources of a template whose content is elsewhere.
    pub hidden: Vec<String>,
}

/// The documents that people have.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An answer without content, such as that of a cluster without managed scaling.
    Empty,
    Policy,
    DescribeCluster,
    InstanceGroups,
    InstanceFleets,
    ClusterList,
    RunJobFlow,
    Template,
    Terraform,
    /// Something larger that contains one of the others.
    Other,
}

/// Parts of names that at least one of is in each of the documents. A file without them is read
/// only once, by the reader of Headroom's own policies.
const MARKS: [&str; 19] = [
    "utoScalingPolicy",
    "autoscaling_policy",
    "anagedScalingPolicy",
    "Constraints",
    "Rules",
    "ComputeLimits",
    "compute_limits",
    "nstanceGroup",
    "nstanceFleet",
    "nstance_group",
    "Cluster",
    "AWS::",
    "AWSTemplateFormatVersion",
    "TemplateBody",
    "format_version",
    "terraform_version",
    "aws_emr_",
    "scaling-policy",
    "run_job_flow",
];

/// Reads a document; `None` when it is not one of Amazon's.
///
/// # Errors
/// Text that cannot be read, or that is another form of one of the documents.
pub fn contents(
    source: &str,
    set: &BTreeMap<String, String>,
) -> Result<Option<Contents>, Diagnostic> {
    if let Some(error) = other_form(source) {
        return Err(error);
    }
    if let "{}" | "[]" = source.trim() {
        return Ok(Some(Contents {
            kind: Kind::Empty,
            ..of(Search::default())
        }));
    }
    if !MARKS.iter().any(|mark| source.contains(mark)) {
        return Ok(None);
    }
    let top = match tree::read(source) {
        Ok(top) => top,
        Err(error) if is_meant(source) => return Err(error),
        Err(_) => return quoted_in(source).map_or(Ok(None), Err),
    };
    if matches!(top.value, Node::Scalar(_)) {
        return quoted_in(source).map_or(Ok(None), Err);
    }
    let is_ours = |(key, _): &Entry| ["name", "targets", "demand"].contains(&key.value.as_str());
    let amazons = |name: &str| {
        top.entries()
            .iter()
            .any(|(key, _)| plain(&key.value) == plain(name))
    };
    if top.entries().iter().any(is_ours)
        && ![api::AUTO_SCALING, api::MANAGED_SCALING, "Instances"]
            .into_iter()
            .any(amazons)
    {
        return Ok(None);
    }
    if terraform::is_configuration(&top) {
        return Err(show_terraform(source));
    }
    if terraform::is_terraform(&top) {
        return Ok(Some(Contents {
            kind: Kind::Terraform,
            ..of(terraform::search(&top))
        }));
    }
    if let Some(template) = cloudformation::template(&top)? {
        let found = cloudformation::search(&template, set);
        return Ok(Some(Contents {
            kind: Kind::Template,
            names: found.names,
            not_created: found.not_created,
            hidden: found.hidden,
            ..of(found.search)
        }));
    }
    Ok(api_document(&top))
}

fn of(search: Search) -> Contents {
    Contents {
        kind: Kind::Other,
        clusters: search.clusters,
        errors: search.errors,
        is_policy: false,
        names: BTreeSet::new(),
        not_created: Vec::new(),
        hidden: Vec::new(),
    }
}

/// What EMR's API takes or answers, by itself or inside something else.
fn api_document(top: &At<Node>) -> Option<Contents> {
    let has = |name: &str| top.field(name).is_some();
    if let Some(cluster) = bare(top) {
        let mut search = Search::default();
        search.add(cluster);
        return Some(Contents {
            kind: Kind::Policy,
            is_policy: true,
            ..of(search)
        });
    }
    let mut search = Search::default();
    search.walk("", top, None, None);
    let kind = match top.field("Cluster") {
        Some(cluster) if !cluster.entries().is_empty() => Kind::DescribeCluster,
        _ if has("Clusters") => Kind::ClusterList,
        _ if has("Instances") => Kind::RunJobFlow,
        _ if has(api::AUTO_SCALING) || has(api::MANAGED_SCALING) => Kind::Policy,
        _ if has("InstanceGroups") || is_list_of(top, "InstanceGroupType") => Kind::InstanceGroups,
        _ if has("InstanceFleets") || is_list_of(top, "InstanceFleetType") => Kind::InstanceFleets,
        _ => Kind::Other,
    };
    let is_policy = kind == Kind::Policy && !has("InstanceGroups");
    let is_known = kind != Kind::Other || !search.clusters.is_empty() || !search.errors.is_empty();
    is_known.then(|| Contents {
        kind,
        is_policy,
        ..of(search)
    })
}

fn is_list_of(top: &At<Node>, name: &str) -> bool {
    top.items().iter().any(|item| item.field(name).is_some())
}

/// A document that is a policy and nothing around it.
fn bare(top: &At<Node>) -> Option<Cluster> {
    let has = |name: &str| top.entries().iter().any(|(key, _)| key.value == name);
    let found = Found {
        path: String::new(),
        at: top.clone(),
    };
    if has("ComputeLimits") {
        return Some(Cluster {
            managed: Some(found),
            ..Cluster::default()
        });
    }
    (has("Constraints") || has("Rules")).then(|| Cluster {
        groups: vec![Group {
            policy: Some(found),
            ..Group::default()
        }],
        ..Cluster::default()
    })
}

/// Whether a text that cannot be read was meant as one of the documents.
fn is_meant(source: &str) -> bool {
    source
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with(['{', '['])
        || ["AWSTemplateFormatVersion", "AWS::EMR::"]
            .iter()
            .any(|mark| source.contains(mark))
        || source.lines().any(|line| {
            let field = line.split(':').next().unwrap_or_default();
            let field = field.trim_matches(|c: char| !c.is_alphanumeric());
            [
                api::AUTO_SCALING,
                api::MANAGED_SCALING,
                "Cluster",
                "InstanceGroups",
            ]
            .contains(&field)
        })
}

/// What a text that is no document says of a policy: a script, or a plan for people to read.
fn quoted_in(source: &str) -> Option<Diagnostic> {
    const OURS: [&str; 3] = ["name:", "targets:", "demand:"];
    const NAMES: [&str; 6] = [
        api::AUTO_SCALING,
        api::MANAGED_SCALING,
        "auto-scaling-policy",
        "managed-scaling-policy",
        "run_job_flow",
        "AWS::EMR",
    ];
    if source
        .lines()
        .any(|line| OURS.iter().any(|field| line.starts_with(field)))
    {
        return None;
    }
    if source.contains("aws_emr_") {
        return Some(show_terraform(source));
    }
    let (start, name) = NAMES
        .iter()
        .find_map(|name| Some((source.find(name)?, name)))?;
    let message = "this text mentions scaling policies of EMR, and is neither JSON nor YAML";
    Some(Diagnostic::error(start..start + name.len(), message).help(
        "save the policy itself as JSON, or give what `aws emr describe-cluster --cluster-id ID` prints",
    ))
}

/// The same content in a form that Headroom does not read, with the command that gives the form
/// that it reads.
fn other_form(source: &str) -> Option<Diagnostic> {
    const HCL: [&str; 8] = [
        "resource \"",
        "module \"",
        "variable \"",
        "provider \"",
        "data \"",
        "output \"",
        "locals {",
        "terraform {",
    ];
    const TABLES: [&str; 4] = [
        "DescribeCluster",
        "ListInstanceGroups",
        "GetManagedScalingPolicy",
        "ListInstanceFleets",
    ];
    const TEXTS: [&str; 5] = [
        "CLUSTER\t",
        "INSTANCEGROUPS\t",
        "AUTOSCALINGPOLICY\t",
        "COMPUTELIMITS\t",
        "MANAGEDSCALINGPOLICY\t",
    ];
    let mut lines = source.trim_start_matches('\u{feff}').lines().map(str::trim);
    let is_comment = |line: &&str| {
        line.is_empty() || line.starts_with('#') || line.starts_with("//") || line.starts_with("/*")
    };
    let first = lines.find(|line| !is_comment(line))?;
    if HCL.iter().any(|start| first.starts_with(start)) {
        return Some(show_terraform(source));
    }
    let is_table = first.len() > 3
        && first.chars().all(|c| c == '-')
        && lines
            .next()
            .is_some_and(|line| TABLES.iter().any(|name| line.contains(name)));
    if is_table || TEXTS.iter().any(|start| first.starts_with(start)) {
        let message = "this is what the AWS CLI prints as a table or as text";
        return Some(
            Diagnostic::error(0..0, message)
                .help("run the command with `--output json`, and give what it prints"),
        );
    }
    None
}

fn show_terraform(source: &str) -> Diagnostic {
    let start = source.find("aws_emr_").unwrap_or_default();
    let end = start + if start > 0 { "aws_emr_".len() } else { 0 };
    Diagnostic::error(
        start..end,
        "this is Terraform's configuration or a plan for people, and Headroom reads neither",
    )
    .help(
        "give the plan or the state as JSON, in which all values are computed: `terraform plan -out plan.bin`, then `terraform show -json plan.bin > plan.json`",
    )
}
