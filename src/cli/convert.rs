//! `headroom convert`.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::PathBuf;

use super::output::{note, print};
use anyhow::{Context, bail};
use headroom::file::write_whole;
use headroom::observation::{GroupId, Market, Role};
use headroom::policy::Selector;
use headroom::policy::parse::import;

/// Convert one of Amazon's scaling policies to a Headroom policy
#[derive(clap::Args)]
#[command(
    after_help = "FILE is what the EMR API takes or answers: an AutoScalingPolicy (automatic scaling with \
rules) or a ManagedScalingPolicy, with or without the ids around it. Every command that reads a policy also \
reads these documents directly. Fields without a counterpart are reported, and become comments in the file.

Examples:
  headroom convert scaling.json
  headroom convert scaling.json --group role=core --out scaling.yaml
  headroom convert managed.json > managed.yaml"
)]
pub struct Args {
    /// Amazon's document
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The instance group that an automatic scaling policy is for: role=core, role=task, name=NAME
    /// or id=ID [default: the one that the document names, or else role=task]
    #[arg(long, value_name = "GROUP", value_parser = group)]
    group: Option<Selector>,
    /// Write the policy to this file instead of standard output; an existing file is replaced
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let name = args.file.display().to_string();
    let source =
        fs::read_to_string(&args.file).with_context(|| format!("{name} cannot be read"))?;
    let Some(imported) = import(&source, &name, args.group.as_ref())? else {
        bail!(
            "{name} is not one of Amazon's scaling policies: it has none of the fields AutoScalingPolicy, ManagedScalingPolicy, \
             Constraints, Rules, ComputeLimits; run `headroom check {name}` to see whether it is a Headroom policy"
        );
    };
    // On a terminal, the comments of the file are right there.
    if args.out.is_some() || !io::stdout().is_terminal() {
        for remark in &imported.remarks {
            let help = remark
                .help
                .as_ref()
                .map_or(String::new(), |help| format!("; {help}"));
            note(format_args!("note: {}{help}", remark.message));
        }
    }
    match &args.out {
        Some(path) => write_whole(path, imported.yaml().as_bytes())
            .with_context(|| format!("{} cannot be written", path.display())),
        None => print(imported.yaml().as_bytes()),
    }
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
