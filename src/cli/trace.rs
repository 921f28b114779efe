//! `headroom trace`.

use std::io::Write;
use std::path::PathBuf;

use clap::Subcommand;
use headroom::trace::info::Info;

/// Look into traces.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Say what is in a trace, with a small picture of the demand over time
    #[command(after_help = "Example:\n  headroom trace info fb.trace.zst")]
    Info {
        /// Traces, plain or zstd
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let Command::Info { files } = &args.command;
    let mut output = std::io::stdout().lock();
    for (position, path) in files.iter().enumerate() {
        if position > 0 {
            writeln!(output)?;
        }
        write!(output, "{}", Info::read(path)?)?;
    }
    Ok(())
}
