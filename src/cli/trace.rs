//! `headroom trace`.

use std::path::PathBuf;

use super::output::print;
use clap::Subcommand;
use headroom::trace::info::Info;

/// Inspect traces
#[derive(clap::Args)]
#[command(after_help = "Example:\n  headroom trace info fb.trace.zst")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Summarize a trace, with a chart of its demand
    #[command(after_help = "Example:\n  headroom trace info fb.trace.zst")]
    Info {
        /// Traces, plain or zstd
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let Command::Info { files } = &args.command;
    for (position, path) in files.iter().enumerate() {
        let blank_line = if position > 0 { "\n" } else { "" };
        print(&format!("{blank_line}{}", Info::read(path)?))?;
    }
    Ok(())
}
