//! Policy files: Headroom's own, and Amazon's documents, which may have several policies each.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::output::note;
use anyhow::{Context, bail};
use headroom::evaluation::report::LeftOut;
use headroom::file;
use headroom::policy::Policy;
use headroom::policy::diagnostic::nearest;
use headroom::policy::parse::{Choices, import, parse};
use headroom::sim::scenario::Scenario;
use headroom::sim::{check_signals, check_targets};

/// What the user says about Amazon's documents.
#[derive(clap::Args)]
pub struct DocumentArgs {
    /// The value of a parameter of a CloudFormation template, or of another name that it refers to;
    /// may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = name_and_value)]
    set: Vec<(String, String)>,
}

impl DocumentArgs {
    /// As the library takes it.
    pub fn choices(&self) -> Choices {
        Choices {
            group: None,
            set: self.set.iter().cloned().collect::<BTreeMap<_, _>>(),
        }
    }

    /// Fails when a value is given for a name that none of the documents has. `names` are those of
    /// all documents.
    pub fn check_used(&self, names: &BTreeSet<String>) -> anyhow::Result<()> {
        let Some((unused, _)) = self.set.iter().find(|(name, _)| !names.contains(name)) else {
            return Ok(());
        };
        let listed = || names.iter().map(String::as_str);
        let remedy = match nearest(unused, listed()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => {
                "--set is for the parameters of CloudFormation templates, and there is none"
                    .to_owned()
            }
            None => format!("the names are {}", listed().collect::<Vec<_>>().join(", ")),
        };
        bail!("--set {unused}: no template refers to this name; {remedy}")
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("write NAME=VALUE, such as MaxCore=20".to_owned()),
    }
}

/// The text of a policy file.
pub fn read_text(path: &Path) -> anyhow::Result<String> {
    file::read_text(path).with_context(|| format!("{} cannot be read", path.display()))
}

/// A policy that a command was given.
pub struct Given {
    /// As the outputs call it.
    pub name: String,
    /// The file that has it.
    pub file: PathBuf,
    pub policy: Policy,
}

/// The policies that do not fit the cluster, but stand in a document with others that do: one for
/// each group of a cluster, say, of which the scenario has only some.
///
/// `says_work` tells whether applications say what work they have left.
///
/// # Errors
/// When nothing is left of a file.
pub fn left_out<'a>(
    policies: impl IntoIterator<Item = &'a Given>,
    scenario: &Scenario,
    says_work: bool,
) -> anyhow::Result<Vec<LeftOut>> {
    let mut left_out = Vec::new();
    let mut files: BTreeMap<&Path, Vec<_>> = BTreeMap::new();
    for given in policies {
        let checked = check_targets(&given.policy, scenario)
            .and_then(|()| check_signals(&given.policy, says_work));
        let of_file = files.entry(&given.file).or_default();
        of_file.push((&given.name, checked));
    }
    for (file, checked) in files {
        let fits = checked.iter().any(|(_, checked)| checked.is_ok());
        for (name, checked) in checked {
            match checked {
                Ok(()) => {}
                Err(error) if fits => left_out.push(LeftOut {
                    policy: name.clone(),
                    reason: error.to_string(),
                }),
                Err(error) => return Err(error).with_context(|| file.display().to_string()),
            }
        }
    }
    for LeftOut { policy, reason } in &left_out {
        note(format_args!("note: left out `{policy}`: {reason}"));
    }
    Ok(left_out)
}

/// The policies of a file, and the names that `--set` can give values.
pub fn read_policies(
    path: &Path,
    text: &str,
    choices: &Choices,
) -> anyhow::Result<(Vec<Given>, BTreeSet<String>)> {
    let file = path.display().to_string();
    let given = |policy: Policy| Given {
        name: policy.name().to_owned(),
        file: path.to_owned(),
        policy,
    };
    Ok(match import(text, &file, choices)? {
        Some(document) => {
            let policies = document.policies.into_iter();
            let policies = policies.map(|imported| given(imported.policy)).collect();
            (policies, document.names)
        }
        None => (vec![given(parse(text, &file)?)], BTreeSet::new()),
    })
}
