//! `headroom baselines`.

use super::output::print;
use anyhow::{anyhow, bail};
use headroom::policy::baselines::{BASELINES, find};
use headroom::policy::diagnostic::nearest;
use headroom::sim::transient;

/// List the built-in policies that yours is compared with
#[derive(clap::Args)]
#[command(after_help = "Examples:
  headroom baselines
  headroom baselines show hpa > mine.yaml")]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print the policy file of a baseline
    #[command(after_help = "Example:\n  headroom baselines show hpa > mine.yaml")]
    Show {
        /// A name from the list.
        name: String,
    },
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let text = match &args.command {
        None => list(),
        Some(Command::Show { name }) => {
            if name == transient::NAME {
                bail!(
                    "`{name}` is not a policy file: each job gets its own cluster, and nothing is resized"
                );
            }
            let names = BASELINES.iter().map(|baseline| baseline.name);
            let baseline = find(name).ok_or_else(|| match nearest(name, names) {
                Some(meant) => anyhow!("there is no baseline `{name}`; did you mean `{meant}`?"),
                None => anyhow!("there is no baseline `{name}`; `headroom baselines` lists them"),
            })?;
            baseline.text.to_owned()
        }
    };
    print(&text)
}

fn list() -> String {
    let transient = (
        transient::NAME,
        "not a policy file: each job gets its own cluster, terminated with the job",
    );
    let rows = || {
        BASELINES
            .iter()
            .map(|baseline| (baseline.name, baseline.summary))
            .chain([transient])
    };
    let width = rows().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines: String = rows()
        .map(|(name, summary)| format!("{name:width$}  {summary}\n"))
        .collect();
    format!("{lines}\n`headroom baselines show NAME` prints one as a policy file.\n")
}
