//! `headroom generate`.

use std::path::PathBuf;

use super::output::{check_output, note};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use headroom::generate::{self, Scenario};
use headroom::trace::info::JobTotals;

/// Generate a synthetic trace of jobs
///
/// The same scenario, seed and options give the same jobs. docs/workload-model.md explains the model
/// behind them. The trace's header marks it as synthetic.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  headroom generate office-day --out office-day.jsonl.zst
  headroom generate nightly-batch --days 28 --seed 7 --out month.jsonl.zst")]
pub struct Args {
    /// Kind of workload
    #[arg(value_parser = scenarios())]
    scenario: Scenario,
    /// Trace to write, compressed if the name ends in .zst; replaces an existing file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Another seed gives other jobs of the same kind
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Length in days [default: the scenario's own]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    days: Option<f64>,
    /// Factor on the number of jobs; jobs with a fixed time grow in size instead
    #[arg(
        long,
        value_name = "FACTOR",
        allow_negative_numbers = true,
        default_value_t = 1.0
    )]
    rate: f64,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let workload = args.scenario.workload(args.days, args.rate)?;
    check_output(&args.out)?;
    let jobs = generate::generate(&workload, args.seed);
    let summary = format!(
        "{}: {} (synthetic, seed {})",
        args.out.display(),
        JobTotals::of(&jobs),
        args.seed
    );
    generate::write(
        &args.out,
        &generate::header(&workload, &args.command()),
        jobs,
    )?;
    note(summary);
    Ok(())
}

impl Args {
    /// The command that generates the same trace again, without the file's name: the trace must not depend on it.
    fn command(&self) -> String {
        let mut command = format!(
            "headroom generate {} --seed {}",
            self.scenario.name(),
            self.seed
        );
        if let Some(days) = self.days {
            command += &format!(" --days {days}");
        }
        if self.rate != 1.0 {
            command += &format!(" --rate {}", self.rate);
        }
        command
    }
}

fn scenarios() -> impl TypedValueParser<Value = Scenario> {
    let values =
        Scenario::ALL.map(|scenario| PossibleValue::new(scenario.name()).help(scenario.summary()));
    PossibleValuesParser::new(values)
        .try_map(|name| Scenario::from_name(&name).ok_or("not a scenario"))
}
