//! The commands that need the feature `daemon`.

use std::process::ExitCode;

use clap::Subcommand;

use super::{pause, record, rehearse, run, status};

#[derive(Subcommand)]
pub enum Command {
    Record(record::Args),
    Rehearse(rehearse::Args),
    Run(run::Args),
    Status(status::Args),
    Pause(pause::Args),
    Resume(pause::ResumeArgs),
}

impl Command {
    pub fn run(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Record(args) => record::run(args),
            Self::Rehearse(args) => rehearse::run(args),
            Self::Run(args) => run::run(args),
            Self::Status(args) => return status::run(args),
            Self::Pause(args) => pause::run(args),
            Self::Resume(args) => pause::resume(args),
        }
        .map(|()| ExitCode::SUCCESS)
    }
}
