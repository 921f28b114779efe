//! One module a command; each has its arguments and a `run`.

mod advise;
mod baselines;
mod check;
mod compare;
mod convert;
mod explain;
mod generate;
mod import;
#[cfg(feature = "daemon")]
mod pause;
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

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};
use headroom::file::WholeFile;
use headroom::policy::diagnostic::PolicyErrors;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Scaling policies for Amazon EMR: try them on recorded or synthetic work, and see what each would
/// have cost.
#[derive(Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "To begin with:
  headroom generate office-day --out day.trace.zst   make a day of work
  headroom simulate day.trace.zst                    compare the baselines on it
  headroom baselines show hpa > mine.yaml            take one of them, change it
  headroom check mine.yaml                           is it still right?
  headroom simulate day.trace.zst --policy mine.yaml --policy fixed-max

Exit codes: 0 well, 1 the input was refused, 2 wrong usage."
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
    #[cfg(feature = "daemon")]
    Record(record::Args),
    Generate(generate::Args),
    Trace(trace::Args),
    Baselines(baselines::Args),
    #[cfg(feature = "daemon")]
    Rehearse(rehearse::Args),
    #[cfg(feature = "daemon")]
    Run(run::Args),
    #[cfg(feature = "daemon")]
    Status(status::Args),
    #[cfg(feature = "daemon")]
    Pause(pause::Args),
    #[cfg(feature = "daemon")]
    Resume(pause::ResumeArgs),
}

/// Exit codes: 0 well, 1 the input was refused, 2 usage (by clap).
pub fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Simulate(args) => simulate::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Tune(args) => tune::run(&args),
        Command::Advise(args) => advise::run(&args),
        #[cfg(feature = "daemon")]
        Command::Status(args) => return code(status::run(&args)),
        Command::Check(args) => return code(check::run(&args)),
        Command::Convert(args) => convert::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Import(args) => import::run(&args),
        #[cfg(feature = "daemon")]
        Command::Record(args) => record::run(&args),
        Command::Generate(args) => generate::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Baselines(args) => baselines::run(&args),
        #[cfg(feature = "daemon")]
        Command::Rehearse(args) => rehearse::run(&args),
        #[cfg(feature = "daemon")]
        Command::Run(args) => run::run(&args),
        #[cfg(feature = "daemon")]
        Command::Pause(args) => pause::run(&args),
        #[cfg(feature = "daemon")]
        Command::Resume(args) => pause::resume(&args),
    };
    code(result.map(|()| ExitCode::SUCCESS))
}

fn code(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| {
        complain(&error);
        ExitCode::FAILURE
    })
}

/// One story on stderr, from the place to the cause. What is wrong with a file that a person wrote
/// is shown in that file.
fn complain(error: &anyhow::Error) {
    match error
        .chain()
        .find_map(|cause| cause.downcast_ref::<PolicyErrors>())
    {
        Some(errors) => note(errors.render(io::stderr().is_terminal())),
        None => note(format_args!("error: {error:#}")),
    }
}

/// A line on stderr. That nobody can read it is no reason to fail.
fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes a result to stdout. A reader that has seen enough, such as `head`, closes the pipe: that
/// is not an error.
fn print(text: &[u8]) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(error).context("standard output cannot be written")
        }
        _ => Ok(()),
    }
}

/// How wide tables may be.
fn terminal_width() -> u16 {
    terminal_size::terminal_size().map_or(80, |(terminal_size::Width(columns), _)| {
        columns.clamp(60, 120)
    })
}

/// Refuses an output that could not be written, before minutes are spent on what would go there.
fn check_output(path: &Path) -> anyhow::Result<()> {
    WholeFile::create(path)
        .map(drop)
        .with_context(|| format!("{} cannot be written", path.display()))
}

/// A progress bar for a file whose records are not known in number.
fn counting_records(path: &Path) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg} {spinner} {human_pos} records")?;
    let progress =
        ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(style);
    Ok(progress.with_message(path.display().to_string()))
}

/// Moves a hidden progress bar on; it is shown on stderr once the work has taken a second.
/// indicatif draws on terminals only.
fn advance(progress: &ProgressBar, by: u64) {
    progress.inc(by);
    if progress.is_hidden() && progress.elapsed() > Duration::from_secs(1) {
        progress.set_draw_target(ProgressDrawTarget::stderr());
    }
}
