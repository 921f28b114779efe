//! Amazon's own documents as policies: what `PutAutoScalingPolicy` and `PutManagedScalingPolicy`
//! take, with or without the ids around it, and what EMR answers when it is asked for them.

mod alarm;
mod auto_scaling;
mod cloudwatch;
mod document;
mod managed;
mod metrics;
mod notes;
mod seconds;
mod translated;
mod write;

use serde::de::{DeserializeOwned, IgnoredAny};

use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::Entries;
use crate::policy::selector::Selector;
use crate::policy::yaml::{self, At};
use document::{AutoScaling, AutoScalingEnvelope, ManagedEnvelope, ManagedScaling};
use notes::Notes;
pub(super) use translated::Translated;
pub(super) use write::yaml;

/// Translates one of Amazon's documents; `None` when it is not one. A scaling policy that names no
/// group is for `group`, or else for the task group.
///
/// # Errors
/// Everything that is wrong with it, each with the path of its field. Where the shape is wrong (a
/// field that does not exist), only the first.
pub(super) fn translate(
    source: &str,
    group: Option<&Selector>,
) -> Result<Option<Translated>, Vec<Diagnostic>> {
    Kind::of(source)
        .map(|kind| kind.translate(source, group))
        .transpose()
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
