//! `headroom baselines`.

use std::io::Write;

use anyhow::anyhow;
use comfy_table::{ContentArrangement, Table};
use headroom::policy::baselines::{BASELINES, find};
use headroom::policy::diagnostic::nearest;

/// List the policies that are built in, to compare with.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Print the policy file of a baseline.
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
            let baseline = find(name).ok_or_else(|| match nearest(name, names.clone()) {
                Some(meant) => anyhow!("there is no baseline `{name}`; did you mean `{meant}`?"),
                None => anyhow!("there is no baseline `{name}`; they are {}", names.collect::<Vec<_>>().join(", ")),
            })?;
            baseline.text.to_owned()
        }
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn list() -> String {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    for baseline in BASELINES {
        table.add_row([baseline.name, baseline.summary]);
    }
    format!("{}\n\nheadroom baselines show NAME prints one as a policy file.\n", table.to_string().lines().map(str::trim_end).collect::<Vec<_>>().join("\n"))
}
