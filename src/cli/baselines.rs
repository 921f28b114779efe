//! `headroom baselines`.

use anyhow::anyhow;
use headroom::policy::baselines::{BASELINES, find};
use headroom::policy::diagnostic::nearest;

/// List the policies that are built in, to compare with
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
            let names = BASELINES.iter().map(|baseline| baseline.name);
            let baseline = find(name).ok_or_else(|| match nearest(name, names) {
                Some(meant) => anyhow!("there is no baseline `{name}`; did you mean `{meant}`?"),
                None => anyhow!("there is no baseline `{name}`; `headroom baselines` lists them"),
            })?;
            baseline.text.to_owned()
        }
    };
    super::print(text.as_bytes())
}

fn list() -> String {
    let width = BASELINES.iter().map(|baseline| baseline.name.len()).max().unwrap_or(0);
    let lines: String = BASELINES.iter().map(|baseline| format!("{:width$}  {}\n", baseline.name, baseline.summary)).collect();
    format!("{lines}\n`headroom baselines show NAME` prints one as a policy file.\n")
}
