//! From the file to the [`Policy`]: the only way to build one. A policy with an error is refused
//! whole, with every error found.

mod demand;
mod guards;
mod metrics;
mod reader;
mod rules;
mod schedule;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::policy::amazon;
use crate::policy::diagnostic::{Diagnostic, PolicyErrors};
use crate::policy::document::PolicyDocument;
use crate::policy::metric::MetricSpec;
use crate::policy::selector::Selector;
use crate::policy::spans::PolicySpans;
use crate::policy::validated::{DEFAULT_POLL, Header, Policy};
use crate::policy::yaml;
use metrics::known_metrics;
use reader::Reader;

const LONGEST_POLL: Duration = Duration::from_secs(3_600);
const SHORTEST_POLL: Duration = Duration::from_secs(1);

/// Reads a policy, YAML or JSON, or one of Amazon's own documents that has one. `file_name` is only
/// named in errors.
///
/// # Errors
/// Everything that is wrong with it. Where the shape of the file is wrong (a field that does not
/// exist, a list where a mapping should be), only the first such error, because nothing after it
/// can be understood.
pub fn parse(source: &str, file_name: &str) -> Result<Policy, PolicyErrors> {
    parse_with_spans(source, file_name).map(|(policy, _)| policy)
}

/// As [`parse`], and where each part of the policy is in the file.
///
/// # Errors
/// As [`parse`].
pub fn parse_with_spans(
    source: &str,
    file_name: &str,
) -> Result<(Policy, PolicySpans), PolicyErrors> {
    if let Some(document) = import(source, file_name, &Choices::default())? {
        let only = document.only(source, file_name)?;
        return Ok((only.policy, only.spans));
    }
    let document = yaml::read(source)
        .map_err(|diagnostic| PolicyErrors::new(file_name, source, vec![diagnostic]))?;
    build(&document, source, file_name)
}

/// What the user says about one of Amazon's documents.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The group whose policy is meant; or, where the document has the policy of one group only,
    /// the group that it is for.
    pub group: Option<Selector>,
    /// Values of the parameters of a template, and of other names that it refers to.
    pub set: BTreeMap<String, String>,
}

/// One of Amazon's documents, with the policies in it.
#[derive(Clone, Debug)]
pub struct Document {
    /// At least one. A cluster that has policies for several groups has one for each of them, and
    /// one for all of them together.
    pub policies: Vec<Imported>,
    /// The names of a template that [`Choices::set`] can give values.
    pub names: BTreeSet<String>,
}

/// A policy in one of Amazon's documents.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The policy that does the same.
    pub policy: Policy,
    /// Where the parts of the policy are in Amazon's document.
    pub spans: PolicySpans,
    /// Fields without a counterpart in a policy, or with another one than their name says.
    pub remarks: Vec<Diagnostic>,
    yaml: String,
}

impl Imported {
    /// The policy as a file in Headroom's own language; [`parse`] reads the same policy from it.
    pub fn yaml(&self) -> &str {
        &self.yaml
    }
}

impl Document {
    /// The policy of a document that has one. `source` and `file_name` are shown in the error.
    ///
    /// # Errors
    /// The document has several.
    pub fn only(mut self, source: &str, file_name: &str) -> Result<Imported, PolicyErrors> {
        if self.policies.len() == 1
            && let Some(only) = self.policies.pop()
        {
            return Ok(only);
        }
        let names: Vec<String> = self
            .policies
            .iter()
            .map(|imported| format!("`{}`", imported.policy.name()))
            .collect();
        let message = format!(
            "this document has {} policies, and one is needed here: {}",
            names.len(),
            names.join(", ")
        );
        let help = format!(
            "write each to a file with `headroom convert {file_name} --out-dir FOLDER`, or one with `--group role=core --out FILE`"
        );
        let error = Diagnostic::error(0..0, message).help(help);
        Err(PolicyErrors::new(file_name, source, vec![error]))
    }
}

/// Reads one of Amazon's documents; `None` when it is not one. A policy that names no group is for
/// the task group.
///
/// # Errors
/// Everything that is wrong with it, each with the path of its field.
pub fn import(
    source: &str,
    file_name: &str,
    choices: &Choices,
) -> Result<Option<Document>, PolicyErrors> {
    let translated = amazon::translate(source, choices.group.as_ref(), &choices.set)
        .map_err(|errors| PolicyErrors::new(file_name, source, errors))?;
    let Some(translation) = translated else {
        return Ok(None);
    };
    let mut policies = Vec::with_capacity(translation.policies.len());
    for translated in translation.policies {
        let (policy, spans) = build(&translated.document, source, file_name)?;
        let yaml = amazon::yaml(&translated, file_name);
        policies.push(Imported {
            policy,
            spans,
            remarks: translated.remarks,
            yaml,
        });
    }
    Ok(Some(Document {
        policies,
        names: translation.names,
    }))
}

/// From the shape of a policy to the policy; `source` is what the spans are spans of.
fn build(
    document: &PolicyDocument,
    source: &str,
    file_name: &str,
) -> Result<(Policy, PolicySpans), PolicyErrors> {
    let mut reader = Reader {
        source,
        uses_yarn: document.uses_yarn.as_ref().is_none_or(|at| at.value),
        errors: Vec::new(),
    };
    match reader.policy(document) {
        Some(policy) if reader.errors.is_empty() => Ok((policy, PolicySpans::of(document))),
        _ => Err(PolicyErrors::new(file_name, source, reader.errors)),
    }
}

impl Reader<'_> {
    fn policy(&mut self, document: &PolicyDocument) -> Option<Policy> {
        let name = self.name(&document.name);
        let poll = match &document.poll {
            None => Some(DEFAULT_POLL),
            Some(at) => self.within(
                at,
                SHORTEST_POLL,
                LONGEST_POLL,
                "`poll` must be between one second and one hour",
            ),
        };
        let mut seen = BTreeSet::new();
        let specs: Vec<Option<MetricSpec>> = document
            .metrics
            .0
            .iter()
            .map(|(name, metric)| self.metric(name, metric, &mut seen))
            .collect();
        let metrics = known_metrics(&specs, document);
        let specs = specs.into_iter().collect::<Option<_>>();
        let header = name
            .zip(poll)
            .zip(specs)
            .map(|((name, poll), metrics)| Header {
                name: name.into(),
                description: document.description.clone(),
                poll,
                uses_yarn: self.uses_yarn,
                metrics,
            });
        match &document.demand {
            Some(demand) => self.following(header, document, demand),
            None => {
                let targets = self.ruled_targets(document, &metrics);
                Some(Policy::with_rules(header?, targets?))
            }
        }
    }
}
