//! `headroom generate`.

use std::path::PathBuf;

use super::output::{check_output, note};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use headroom::generate::{self, SyntheticWorkload};
use headroom::trace::info::JobTotals;

/// Generate a synthetic trace of jobs
///
/// The same workload, seed and options give the same jobs. docs/workload-model.md explains the model
/// behind them. The trace's header marks it as synthetic.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  headroom generate office-day --out office-day.trace.zst
  headroom generate nightly-batch --days 28 --seed 7 --out month.trace.zst
  headroom generate office-day --spark --out office-day-spark.trace.zst")]
pub struct Args {
    /// The workload to generate
    #[arg(value_name = "WORKLOAD", value_parser = workloads())]
    workload: SyntheticWorkload,
    /// Trace to write, compressed if the name ends in .zst; replaces an existing file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Seed of the random jobs
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Length in days [default: the workload's length]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    days: Option<f64>,
    /// Multiplies the number of jobs. Jobs that run at fixed times become larger instead
    #[arg(
        long,
        value_name = "FACTOR",
        allow_negative_numbers = true,
        default_value_t = 1.0
    )]
    rate: f64,
    /// Make every job a Spark application with dynamic allocation, whose stages are revealed one by one
    #[arg(long)]
    spark: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let workload = args.workload.workload(args.days, args.rate)?;
    check_output(&args.out)?;
    let mut jobs = generate::generate(&workload, args.seed);
    if args.spark {
        jobs = jobs.into_iter().map(generate::as_spark).collect();
    }
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
            self.workload.name(),
            self.seed
        );
        if let Some(days) = self.days {
            command += &format!(" --days {days}");
        }
        if self.rate != 1.0 {
            command += &format!(" --rate {}", self.rate);
        }
        if self.spark {
            command += " --spark";
        }
        command
    }
}

fn workloads() -> impl TypedValueParser<Value = SyntheticWorkload> {
    let values = SyntheticWorkload::ALL
        .map(|workload| PossibleValue::new(workload.name()).help(workload.summary()));
    PossibleValuesParser::new(values)
        .try_map(|name| SyntheticWorkload::from_name(&name).ok_or("not a workload"))
}
