//! `headroom convert`.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use super::output::{note, print};
use super::policies::{DocumentArgs, read_text};
use anyhow::{Context, bail};
use headroom::file::write_whole;
use headroom::observation::{GroupId, Market, Role};
use headroom::policy::Selector;
use headroom::policy::parse::{Choices, Imported, import};

/// Convert Amazon's scaling policies to Headroom policies
#[derive(clap::Args)]
#[command(
    after_help = "FILE is what the EMR API takes or answers: an AutoScalingPolicy (automatic scaling with \
rules) or a ManagedScalingPolicy. Or it is a document that contains these:
  - what `aws emr describe-cluster` or `aws emr list-instance-groups` prints
  - a list of instance groups (--instance-groups), input of RunJobFlow
  - a CloudFormation template, JSON or YAML
  - a plan or state of Terraform: terraform show -json
Every command that reads a policy also reads these documents directly. Fields without a counterpart are \
reported, and become comments in the file.

Examples:
  headroom convert scaling.json
  headroom convert scaling.json --group role=core --out scaling.yaml
  headroom convert describe-cluster.json --out-dir policies
  headroom convert template.yaml --set MaxCore=20 > core.yaml"
)]
pub struct Args {
    /// Amazon's document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The policy of this group, of several; a single policy is for this group, whichever the
    /// document names: role=core, role=task, name=NAME or id=ID [default: the groups that the document
    /// names, or else role=task]
    #[arg(long, value_name = "GROUP", value_parser = group)]
    group: Option<Selector>,
    #[command(flatten)]
    documents: DocumentArgs,
    /// Write the policy to this file instead of standard output; an existing file is replaced
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write each policy to a file in this folder, named as the policy; existing files are replaced
    #[arg(long, value_name = "FOLDER", conflicts_with = "out")]
    out_dir: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let name = args.file.display().to_string();
    let source = read_text(&args.file)?;
    let choices = Choices {
        group: args.group.clone(),
        ..args.documents.choices()
    };
    let Some(document) = import(&source, &name, &choices)? else {
        bail!(
            "{name} is not one of Amazon's documents with scaling policies, which `headroom convert --help` lists; \
             run `headroom check {name}` to see whether it is a Headroom policy"
        );
    };
    args.documents.check_used(&document.names)?;
    match &args.out_dir {
        Some(folder) => write_all(&document.policies, folder),
        None => {
            let only = document.only(&source, &name)?;
            // On a terminal, the comments of the file are right there.
            if args.out.is_some() || !io::stdout().is_terminal() {
                notes(&only).for_each(note);
            }
            match &args.out {
                Some(path) => write(path, &only),
                None => print(only.yaml()),
            }
        }
    }
}

/// Writes each policy to a file of its name, and prints which.
fn write_all(policies: &[Imported], folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(folder)
        .with_context(|| format!("{} cannot be created", folder.display()))?;
    let mut written = String::new();
    // The policy of all groups has the remarks of each.
    let mut remarks = BTreeSet::new();
    for imported in policies {
        remarks.extend(notes(imported));
        let file = imported.policy.name().replace(' ', "-");
        let path = folder.join(format!("{}.yaml", file.trim_start_matches('.')));
        write(&path, imported)?;
        written += &format!("{}\n", path.display());
    }
    remarks.iter().for_each(note);
    print(&written)
}

fn write(path: &Path, imported: &Imported) -> anyhow::Result<()> {
    write_whole(path, imported.yaml().as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// What has no counterpart, a line for each.
fn notes(imported: &Imported) -> impl Iterator<Item = String> {
    imported
        .remarks
        .iter()
        .map(|remark| format!("note: {remark}"))
}

fn group(text: &str) -> Result<Selector, String> {
    match text.split_once('=') {
        Some(("role", "core")) => Ok(Selector::Role(Role::Core)),
        Some(("role", "task")) => Ok(Selector::Role(Role::Task)),
        Some(("role", "task,market=spot")) => Ok(Selector::Group {
            role: Role::Task,
            market: Market::Spot,
        }),
        Some(("role", "task,market=on-demand")) => Ok(Selector::Group {
            role: Role::Task,
            market: Market::OnDemand,
        }),
        Some(("name", name)) if !name.trim().is_empty() => Ok(Selector::Name(name.into())),
        Some(("id", id)) if !id.trim().is_empty() => Ok(Selector::Id(GroupId::new(id))),
        _ => {
            Err("write role=core, role=task, role=task,market=spot, name=NAME or id=ID".to_owned())
        }
    }
}
