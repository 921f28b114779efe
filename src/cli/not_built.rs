//! The commands that need the feature `daemon`, in a build without it: each says how to get it.

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::bail;
use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub enum Command {
    /// Make a trace from CloudWatch (needs `--features daemon`)
    Record(Words),
    /// Rehearse on a simulated cluster (needs `--features daemon`)
    Rehearse(Words),
    /// Run the daemon (needs `--features daemon`)
    Run(Words),
    /// Show the state of the daemon (needs `--features daemon`)
    Status(Words),
    /// Pause scaling for a while (needs `--features daemon`)
    Pause(Words),
    /// End a pause (needs `--features daemon`)
    Resume(Words),
}

/// Any words: they are not read.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub struct Words {
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<OsString>,
}

impl Command {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        let (name, words) = match self {
            Self::Record(words) => ("record", words),
            Self::Rehearse(words) => ("rehearse", words),
            Self::Run(words) => ("run", words),
            Self::Status(words) => ("status", words),
            Self::Pause(words) => ("pause", words),
            Self::Resume(words) => ("resume", words),
        };
        let line = words.words.iter().fold(name.to_owned(), |line, word| {
            format!("{line} {}", word.display())
        });
        bail!(
            "`headroom {name}` is not in this build, which has the simulator only\n\
             help: build with the daemon: cargo run --release --features daemon -- {line}\n\
             help: or install it: cargo install --locked --path . --profile dist --features daemon"
        )
    }
}
