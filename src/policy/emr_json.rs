//! Amazon's own documents as policies: what `PutAutoScalingPolicy` and `PutManagedScalingPolicy`
//! take, with or without the ids around it, and what EMR answers when it is asked for them.

mod alarm;
mod auto_scaling;
mod document;
mod managed;
mod notes;
mod write;

use serde::de::{DeserializeOwned, IgnoredAny};

use super::diagnostic::{Diagnostic, PolicyErrors};
use super::document::{Entries, PolicyDocument};
use super::parse::{self, Places};
use super::yaml::{self, At};
use super::{Policy, Selector};
use document::{AutoScaling, AutoScalingEnvelope, ManagedEnvelope, ManagedScaling};
use notes::Notes;

/// A document of Amazon's, and what became of it.
#[derive(Clone, Debug)]
pub struct Imported {
    pub policy: Policy,
    /// Where the parts of the policy stand in Amazon's document.
    pub places: Places,
    /// What has no counterpart in a policy, or another one than its name says.
    pub remarks: Vec<Diagnostic>,
    yaml: String,
}

impl Imported {
    /// The policy as a file in Headroom's own language: [`parse`](parse::parse) reads the same
    /// policy from it.
    pub fn yaml(&self) -> &str {
        &self.yaml
    }
}

/// Reads a document of Amazon's; `None` when it is none. A scaling policy that names no group is
/// about `group`, or about the task group.
///
/// # Errors
/// Everything that is wrong with it, each with the path of its field. Where the shape is wrong (a
/// field that does not exist), only the first.
pub fn import(
    source: &str,
    file_name: &str,
    group: Option<&Selector>,
) -> Result<Option<Imported>, PolicyErrors> {
    let Some(kind) = Kind::of(source) else {
        return Ok(None);
    };
    let refused = |diagnostics| PolicyErrors::new(file_name, source, diagnostics);
    let translated = kind.translate(source, group).map_err(refused)?;
    let (policy, places) = parse::build(&translated.document, source, file_name)?;
    let yaml = write::yaml(&translated, file_name);
    Ok(Some(Imported {
        policy,
        places,
        remarks: translated.remarks,
        yaml,
    }))
}

/// A policy file's content, with what only people read.
struct Translated {
    document: PolicyDocument,
    /// One for each rule.
    descriptions: Vec<Option<String>>,
    remarks: Vec<Diagnostic>,
}

/// Which of the documents it is.
#[derive(Clone, Copy)]
enum Kind {
    AutoScaling { enveloped: bool },
    Managed { enveloped: bool },
}

impl Kind {
    /// Told by the fields at the top: policies of our own have none of them.
    fn of(source: &str) -> Option<Self> {
        const MARKS: [(&str, Kind); 5] = [
            ("AutoScalingPolicy", Kind::AutoScaling { enveloped: true }),
            ("ManagedScalingPolicy", Kind::Managed { enveloped: true }),
            ("Constraints", Kind::AutoScaling { enveloped: false }),
            ("Rules", Kind::AutoScaling { enveloped: false }),
            ("ComputeLimits", Kind::Managed { enveloped: false }),
        ];
        if !MARKS.iter().any(|(field, _)| source.contains(field)) {
            return None;
        }
        let fields = yaml::read::<Entries<IgnoredAny>>(source);
        // Where an object cannot be read, whoever reads all of it says so.
        let is_torn = |name: &str| source.trim_start().starts_with('{') && source.contains(name);
        let has = |name: &str| {
            fields.as_ref().map_or_else(
                |_| is_torn(name),
                |fields| fields.0.iter().any(|(field, _)| field.value.0 == name),
            )
        };
        MARKS
            .iter()
            .find(|(field, _)| has(field))
            .map(|(_, kind)| *kind)
    }

    fn translate(
        self,
        source: &str,
        group: Option<&Selector>,
    ) -> Result<Translated, Vec<Diagnostic>> {
        match self {
            Self::AutoScaling { .. } if matches!(group, Some(Selector::Fleet { .. })) => {
                let error = Diagnostic::error(
                    0..0,
                    "automatic scaling is for instance groups, not for fleets",
                );
                Err(vec![error.help(
                    "name an instance group by its role, its name or its id",
                )])
            }
            Self::AutoScaling { enveloped: true } => {
                let AutoScalingEnvelope {
                    cluster_id,
                    instance_group_id,
                    auto_scaling_policy,
                    ..
                } = read(source)?;
                let ids = auto_scaling::Ids {
                    cluster: cluster_id,
                    group: instance_group_id,
                };
                auto_scaling::translate(
                    &auto_scaling_policy,
                    &ids,
                    group,
                    Notes::new("AutoScalingPolicy."),
                )
            }
            Self::AutoScaling { enveloped: false } => {
                let policy: At<AutoScaling> = read(source)?;
                auto_scaling::translate(
                    &policy,
                    &auto_scaling::Ids::default(),
                    group,
                    Notes::new(""),
                )
            }
            Self::Managed { .. } if group.is_some() => {
                let error = Diagnostic::error(
                    0..0,
                    "a managed scaling policy is about the whole cluster, not about a group",
                );
                Err(vec![error.help("leave the group out")])
            }
            Self::Managed { enveloped: true } => {
                let ManagedEnvelope {
                    cluster_id,
                    managed_scaling_policy,
                } = read(source)?;
                managed::translate(
                    &managed_scaling_policy,
                    cluster_id.as_ref(),
                    Notes::new("ManagedScalingPolicy."),
                )
            }
            Self::Managed { enveloped: false } => {
                let policy: At<ManagedScaling> = read(source)?;
                managed::translate(&policy, None, Notes::new(""))
            }
        }
    }
}

fn read<T: DeserializeOwned>(source: &str) -> Result<T, Vec<Diagnostic>> {
    yaml::read_with_path(source).map_err(|error| vec![error])
}

#[cfg(test)]
mod tests;
