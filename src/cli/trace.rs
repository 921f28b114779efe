//! `headroom trace`.

use std::path::PathBuf;

use clap::Subcommand;
use headroom::trace::info::Info;

/// Look into traces
#[derive(clap::Args)]
#[command(after_help = "Example:\n  headroom trace info fb.trace.zst")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what is in a trace, with a small picture of the demand
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
        super::print(format!("{blank_line}{}", Info::read(path)?).as_bytes())?;
    }
    Ok(())
}
