//! The command line. Each command is a module with its arguments and a function `run`.

mod advise;
mod baselines;
mod check;
mod compare;
mod completions;
mod convert;
mod explain;
mod generate;
mod import;
mod inputs;
#[cfg(feature = "daemon")]
mod live;
mod man;
mod names;
#[cfg(not(feature = "daemon"))]
mod not_built;
mod output;
#[cfg(feature = "daemon")]
mod pause;
mod policies;
mod progress_bar;
#[cfg(feature = "daemon")]
mod record;
#[cfg(feature = "daemon")]
mod rehearse;
#[cfg(feature = "daemon")]
mod run;
mod schema;
mod simulate;
#[cfg(feature = "daemon")]
mod status;
mod trace;
mod tune;
mod verify;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

#[cfg(feature = "daemon")]
use live::Command as Live;
#[cfg(not(feature = "daemon"))]
use not_built::Command as Live;
use output::complain;

/// Scaling policies for Amazon EMR: try them on recorded or synthetic work, see what each would cost,
/// and run the best
#[derive(Parser)]
#[command(
    version,
    max_term_width = 100,
    arg_required_else_help = true,
    after_help = "First steps:
  headroom generate office-day --out day.trace.zst   make a day of work
  headroom simulate day.trace.zst                    compare policies on it
  headroom baselines show hpa > mine.yaml            start with one of them
  headroom check mine.yaml                           check it after each edit
  headroom simulate day.trace.zst --policy mine.yaml --policy fixed-max

`headroom COMMAND --help` has the options of a command, with examples.

Exit codes:
  0  success
  1  failure: input was refused, a file could not be read or written, a policy
     test failed, or the daemon did not start or does not answer
  2  wrong usage of the command line"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Simulate(simulate::Args),
    Compare(compare::Args),
    Tune(tune::Args),
    Advise(advise::Args),
    Check(check::Args),
    Convert(convert::Args),
    Explain(explain::Args),
    Schema(schema::Args),
    Import(import::Args),
    Generate(generate::Args),
    Trace(trace::Args),
    Baselines(baselines::Args),
    #[command(flatten)]
    Live(Live),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs the command line. Exit codes: 0 for success, 1 for a failure, and 2, from clap, for wrong
/// usage.
pub fn main() -> ExitCode {
    run(&Arguments::parse().command).unwrap_or_else(|error| {
        complain(&error);
        ExitCode::FAILURE
    })
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Simulate(args) => simulate::run(args),
        Command::Compare(args) => compare::run(args),
        Command::Tune(args) => tune::run(args),
        Command::Advise(args) => advise::run(args),
        Command::Check(args) => return check::run(args),
        Command::Convert(args) => convert::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Import(args) => import::run(args),
        Command::Generate(args) => generate::run(args),
        Command::Trace(args) => trace::run(args),
        Command::Baselines(args) => baselines::run(args),
        Command::Live(command) => return command.run(),
        Command::Completions(args) => completions::run(args, Arguments::command()),
        Command::Man(args) => man::run(args, Arguments::command()),
    }
    .map(|()| ExitCode::SUCCESS)
}
