//! `headroom simulate`.

use std::path::PathBuf;

use clap::ValueEnum;

/// Try policies on a trace: what each would have cost, and how long work would have waited
///
/// Every policy runs on the same work, on a simulated cluster, with the engine that the daemon runs. Without --policy, all
/// baselines run (`headroom baselines` lists them). Work that finds no room waits and is done later: nothing is lost.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  headroom simulate simulations/office-day
  headroom simulate simulations/* --seeds 20
  headroom simulate my.trace.zst --policy my-policy.yaml --policy fixed-max
  headroom simulate my.trace.zst --scenario cluster.yaml --series course.csv
  headroom simulate simulations/spot-storm --seeds 20 --format json")]
pub struct Args {
    /// A trace, or a folder with a trace and its scenario.yaml
    #[arg(value_name = "TRACE_OR_FOLDER", required = true)]
    traces: Vec<PathBuf>,
    /// A policy file, or the name of a baseline; may be repeated [default: all baselines]
    #[arg(long = "policy", value_name = "FILE_OR_BASELINE")]
    policies: Vec<String>,
    /// The simulated cluster [default: scenario.yaml in the trace's folder]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// Seed of the first run: provisioning times, failures, interruptions
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How many runs of each policy, with consecutive seeds; several give confidence intervals
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    seeds: u32,
    /// What to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Also write what happened over time, as CSV
    #[arg(long, value_name = "FILE")]
    series: Option<PathBuf>,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people: a table, the bounds and a verdict
    Table,
    /// For programs: every run, and each policy's means
    Json,
    /// For spreadsheets: one line a run
    Csv,
}

pub fn run(_args: &Args) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
