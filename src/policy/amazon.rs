//! Amazon's own documents as policies: what `PutAutoScalingPolicy` and `PutManagedScalingPolicy`
//! take, and the documents that contain these: EMR's answers, input of `RunJobFlow`, templates of
//! CloudFormation, plans and states of Terraform.

mod alarm;
mod api;
mod auto_scaling;
mod cloudformation;
mod cloudwatch;
mod cluster;
mod document;
mod managed;
mod metrics;
mod names;
mod notes;
mod nothing;
mod recognize;
mod seconds;
mod selection;
mod shape;
mod terraform;
mod translated;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use crate::policy::diagnostic::Diagnostic;
use crate::policy::selector::Selector;
use cluster::{Cluster, Found, Group};
use document::{AutoScaling, ManagedScaling};
use recognize::Contents;
use selection::Selection;
use shape::Shapes;
pub(super) use translated::Translated;
pub(super) use write::yaml;

/// What a document becomes.
pub(super) struct Translation {
    pub policies: Vec<Translated>,
    /// The names of a template that were looked up.
    pub names: BTreeSet<String>,
}

/// Translates one of Amazon's documents; `None` when it is not one. `group` chooses among several
/// policies, or says which group a single one is for; without it a policy that names no group is for
/// the task group. `set` has the values of names that a template refers to.
///
/// A cluster with policies for several groups has one policy for each, and one for all of them.
///
/// # Errors
/// Everything that is wrong with it, each with the path of its field.
pub(super) fn translate(
    source: &str,
    group: Option<&Selector>,
    set: &BTreeMap<String, String>,
) -> Result<Option<Translation>, Vec<Diagnostic>> {
    let found = recognize::contents(source, set).map_err(|error| vec![error])?;
    let Some(mut contents) = found else {
        return Ok(None);
    };
    tell_apart(&mut contents);
    let mut errors = std::mem::take(&mut contents.errors);
    if contents
        .clusters
        .iter()
        .all(|cluster| !cluster.has_policy())
    {
        if errors.is_empty() {
            errors.push(nothing::explain(&contents));
        }
        return Err(errors);
    }
    let mut translator = Translator {
        group,
        is_only: count_of_groups(&contents) == 1,
        taken: Vec::new(),
        policies: Vec::new(),
        errors,
    };
    translator.refuse_group(&contents);
    for cluster in &contents.clusters {
        translator.cluster(cluster, contents.is_policy);
    }
    if let Some(first) = translator.policies.first_mut() {
        first.remarks.extend(contents.not_created);
    }
    if translator.errors.is_empty() {
        Ok(Some(Translation {
            policies: translator.policies,
            names: contents.names,
        }))
    } else {
        Err(translator.errors)
    }
}

/// Gives names that differ to clusters that have policies: with the id, where the name is not enough.
fn tell_apart(contents: &mut Contents) {
    let with_policy = || {
        contents
            .clusters
            .iter()
            .filter(|cluster| cluster.has_policy())
    };
    if with_policy().count() < 2 {
        return;
    }
    let names: Vec<Option<String>> = with_policy().map(|cluster| cluster.name.clone()).collect();
    let is_shared = |name: &Option<String>| names.iter().filter(|other| *other == name).count() > 1;
    for cluster in &mut contents.clusters {
        let Some(id) = cluster.id.as_ref().map(|id| id.value.0.clone()) else {
            continue;
        };
        match &mut cluster.name {
            Some(name) if is_shared(&Some(name.clone())) => *name = format!("{name} {id}"),
            Some(_) => {}
            none => *none = Some(id),
        }
    }
}

/// How many groups have a policy.
fn count_of_groups(contents: &Contents) -> usize {
    let of_cluster = |cluster: &Cluster| {
        let groups = cluster.live_groups();
        groups.filter(|group| group.policy.is_some()).count()
    };
    contents.clusters.iter().map(of_cluster).sum()
}

struct Translator<'a> {
    group: Option<&'a Selector>,
    /// The document has a policy for one group only, which may be used for another one.
    is_only: bool,
    /// The names of the policies so far.
    taken: Vec<String>,
    policies: Vec<Translated>,
    errors: Vec<Diagnostic>,
}

impl Translator<'_> {
    /// A group for a document in which no group, or not this one, has a policy.
    fn refuse_group(&mut self, contents: &Contents) {
        let Some(chosen) = self.group else { return };
        let groups = || contents.clusters.iter().flat_map(Cluster::live_groups);
        let error = |message: &str, help: &str| Diagnostic::error(0..0, message).help(help);
        self.errors
            .extend(if groups().all(|group| group.policy.is_none()) {
                Some(error(
                    "a managed scaling policy is about the whole cluster, not about a group",
                    "leave the group out",
                ))
            } else if matches!(chosen, Selector::Fleet { .. }) {
                Some(error(
                    "automatic scaling is for instance groups, not for fleets",
                    "name an instance group by its role, its name or its id",
                ))
            } else if !self.is_only
                && !groups().any(|group| group.policy.is_some() && group.is(chosen))
            {
                let message = format!("no group that is `{chosen}` has a scaling policy here");
                Some(error(
                    &message,
                    "leave the group out to see which groups have one",
                ))
            } else {
                None
            });
    }

    fn cluster(&mut self, cluster: &Cluster, is_policy: bool) {
        let first = self.policies.len();
        let mut shapes = Shapes::default();
        let mut read = Vec::new();
        for group in cluster.live_groups() {
            let chosen = self
                .group
                .is_none_or(|chosen| self.is_only || group.is(chosen));
            if let (Some(found), true) = (&group.policy, chosen) {
                let policy = AutoScaling::read(&mut shapes, &found.path, &found.at);
                match self.selection(group, cluster, found) {
                    Ok(selection) => {
                        read.extend(policy.map(|policy| (group, found, policy, selection)));
                    }
                    Err(error) => self.errors.push(error),
                }
            }
        }
        self.errors.append(&mut shapes.errors);
        let id = cluster.id.as_ref().map(|at| at.value.0.as_str());
        let parts: Vec<auto_scaling::Part<'_>> = read
            .iter()
            .map(|(_, found, policy, selection)| auto_scaling::Part {
                policy,
                path: &found.path,
                cluster: id,
                group: selection,
            })
            .collect();
        for (part, (group, ..)) in parts.chunks(1).zip(&read) {
            let label = part[0].group.label();
            let name = self.name(cluster, is_policy, "emr-automatic-scaling", &label);
            let description = description("automatic scaling", group_of(group), cluster);
            self.keep(auto_scaling::translate(part, &name, description));
        }
        if parts.len() > 1 {
            let name = self.name(cluster, is_policy, "emr-automatic-scaling", "all groups");
            let description = description("automatic scaling", " of all groups".into(), cluster);
            self.keep(auto_scaling::translate(&parts, &name, description));
        }
        if let (Some(found), None) = (&cluster.managed, self.group) {
            self.managed(cluster, is_policy, found);
        }
        self.remark_what_does_not_run(cluster, first);
    }

    /// Says which policies of a cluster EMR does not use; `first` is the first of its policies.
    fn remark_what_does_not_run(&mut self, cluster: &Cluster, first: usize) {
        let Some(translated) = self.policies.get_mut(first) else {
            return;
        };
        let all_ended = cluster.groups.iter().all(|group| group.has_ended);
        for group in cluster
            .groups
            .iter()
            .filter(|group| group.has_ended && !all_ended)
        {
            if let Some(found) = &group.policy {
                let message = format!(
                    "{}: the policy is left out, because EMR has terminated its group",
                    found.path
                );
                translated.remarks.push(
                    Diagnostic::warning(found.at.span.clone(), message)
                        .help("only groups that run are scaled"),
                );
            }
        }
        let has_rules = cluster.live_groups().any(|group| group.policy.is_some());
        if let (Some(managed), true) = (&cluster.managed, has_rules) {
            let message = format!(
                "{}: the cluster also has automatic scaling with rules",
                managed.path
            );
            translated
                .remarks
                .push(Diagnostic::warning(managed.at.span.clone(), message).help(
                "EMR runs managed scaling or automatic scaling, not both; each is a policy here",
            ));
        }
    }

    fn managed(&mut self, cluster: &Cluster, is_policy: bool, found: &Found) {
        let mut shapes = Shapes::default();
        let policy = ManagedScaling::read(&mut shapes, &found.path, &found.at);
        self.errors.append(&mut shapes.errors);
        if let Some(policy) = policy {
            let part = cluster.name.as_ref().map_or("", |_| "managed scaling");
            let name = self.name(cluster, is_policy, "emr-managed-scaling", part);
            let description = description("managed scaling", String::new(), cluster);
            self.keep(managed::translate(&policy, &found.path, &name, description));
        }
    }

    fn selection(
        &self,
        group: &Group,
        cluster: &Cluster,
        found: &Found,
    ) -> Result<Selection, Diagnostic> {
        match self.group {
            Some(chosen) if self.is_only => Ok(Selection::chosen(chosen)),
            _ => Selection::of(group, cluster, &found.path),
        }
    }

    /// A name that tells the policy from the others of the document.
    fn name(&mut self, cluster: &Cluster, is_policy: bool, kind: &str, part: &str) -> String {
        let name = match &cluster.name {
            Some(cluster) => names::of_policy(cluster, part),
            None if is_policy => kind.to_owned(),
            None => names::of_policy(kind, part),
        };
        let name = names::distinct(&name, &self.taken);
        self.taken.push(name.clone());
        name
    }

    fn keep(&mut self, translated: Result<Translated, Vec<Diagnostic>>) {
        match translated {
            Ok(translated) => self.policies.push(translated),
            Err(errors) => self.errors.extend(errors),
        }
    }
}

/// ` of group NAME`, by what the document calls it.
fn group_of(group: &Group) -> String {
    let role = group.role.map(|role| role.to_string());
    let called = group.name.as_ref().or(group.id.as_ref());
    let called = called.map(|at| at.value.0.clone());
    called
        .or(role)
        .map_or(String::new(), |group| format!(" of group {group}"))
}

fn description(kind: &str, of_group: String, cluster: &Cluster) -> String {
    let id = cluster.id.as_ref().map(|at| at.value.0.clone());
    let named: Vec<String> = cluster.name.clone().into_iter().chain(id).collect();
    let of_cluster = if named.is_empty() {
        String::new()
    } else {
        format!(" of cluster {}", named.join(" "))
    };
    format!("Amazon's {kind}{of_group}{of_cluster}")
}

#[cfg(test)]
mod tests;
