//! One module a command; each has its arguments and a `run`.

mod baselines;
mod check;
mod generate;
mod import;
mod schema;
mod simulate;
mod trace;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget};

/// The managed-scaling decision engine for Amazon EMR.
#[derive(Parser)]
#[command(version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Simulate(simulate::Args),
    Check(check::Args),
    Schema(schema::Args),
    Import(import::Args),
    Generate(generate::Args),
    Trace(trace::Args),
    Baselines(baselines::Args),
}

/// Exit codes: 0 well, 1 the input was refused, 2 usage (by clap).
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Simulate(args) => simulate::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Baselines(args) => baselines::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Moves a hidden progress bar on; it is shown on stderr once the work has taken a second. indicatif draws on terminals only.
fn advance(progress: &ProgressBar, by: u64) {
    progress.inc(by);
    if progress.is_hidden() && progress.elapsed() > Duration::from_secs(1) {
        progress.set_draw_target(ProgressDrawTarget::stderr());
    }
}
