//! From the file to the [`Policy`]: the only way to build one. A policy with an error is refused
//! whole, with every error found.

mod demand;
mod guards;
mod metrics;
mod reader;
mod rules;
mod targets;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::policy::diagnostic::{Diagnostic, PolicyErrors};
use crate::policy::document::PolicyDocument;
use crate::policy::emr_json;
use crate::policy::metric::MetricSpec;
use crate::policy::selector::Selector;
use crate::policy::spans::PolicySpans;
use crate::policy::validated::{DEFAULT_POLL, Header, Policy};
use crate::policy::yaml;
use metrics::known_metrics;
use reader::Reader;

const LONGEST_POLL: Duration = Duration::from_secs(3_600);
const SHORTEST_POLL: Duration = Duration::from_secs(1);

/// Reads a policy, YAML or JSON, or one of Amazon's own documents. `file_name` is only
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
    if let Some(imported) = import(source, file_name, None)? {
        return Ok((imported.policy, imported.spans));
    }
    let document = yaml::read(source)
        .map_err(|diagnostic| PolicyErrors::new(file_name, source, vec![diagnostic]))?;
    build(&document, source, file_name)
}

/// One of Amazon's documents, read as a policy.
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

/// Reads one of Amazon's documents; `None` when it is not one. A scaling policy that names no group
/// is for `group`, or else for the task group.
///
/// # Errors
/// Everything that is wrong with it, each with the path of its field. Where the shape is wrong (a
/// field that does not exist), only the first.
pub fn import(
    source: &str,
    file_name: &str,
    group: Option<&Selector>,
) -> Result<Option<Imported>, PolicyErrors> {
    let translated = emr_json::translate(source, group)
        .map_err(|errors| PolicyErrors::new(file_name, source, errors))?;
    let Some(translated) = translated else {
        return Ok(None);
    };
    let (policy, spans) = build(&translated.document, source, file_name)?;
    let yaml = emr_json::yaml(&translated, file_name);
    Ok(Some(Imported {
        policy,
        spans,
        remarks: translated.remarks,
        yaml,
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
