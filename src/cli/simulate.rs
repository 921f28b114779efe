//! `headroom simulate`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;
use headroom::policy::baselines::{self, BASELINES, Baseline};
use headroom::policy::parse::parse;
use headroom::sim::Recording;
use headroom::sim::compare::{Contestant, Course, Trial};
use headroom::sim::load::{LoadError, Loaded, Source, read_scenario};
use headroom::sim::report::series::{self, Series};
use headroom::sim::report::table::{self, Look};
use headroom::sim::report::{Comparison, TraceNote, export};
use headroom::sim::scorecard::Scorecard;
use headroom::sim::workload::Workload;
use headroom::units::display_duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A band for recordings that do not tell how long containers live: map tasks, usual tasks, executors.
const ASSUMED_LIFETIMES: [Duration; 3] = [Duration::from_secs(20), Duration::from_secs(120), Duration::from_secs(900)];

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
    /// The simulated cluster [default: the folder's scenario.yaml; two core and up to 20 task nodes for a bare trace]
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

pub fn run(args: &Args) -> anyhow::Result<()> {
    let scenario = args.scenario.as_deref().map(read_scenario).transpose()?;
    let policies = args.policies.iter().map(|given| read_policy(given)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut comparisons = Vec::new();
    let mut trials = Vec::new();
    for path in &args.traces {
        let source = Source::find(path, scenario.as_ref())?;
        for (name, loaded) in read_trace(&source)? {
            let made = compare(args, &name, &source, &loaded, &policies)?;
            let cards = made.iter().map(|trial| trial.card.clone()).collect();
            let note = TraceNote { name, kind: loaded.header.kind, synthetic: loaded.header.synthetic, slo_wait: source.scenario.slo_wait };
            comparisons.push(Comparison::new(note, cards));
            trials.extend(made);
        }
    }
    if let Some(path) = &args.series {
        series::write(path, &trials.iter().map(series_of).collect::<Vec<_>>())?;
    }
    print(args.format, &comparisons, trials)
}

/// What `--policy` names.
enum Named {
    Baseline(&'static Baseline),
    File(Contestant),
}

/// A name that is a baseline's means the baseline; a file of that name is meant by `./NAME`.
fn read_policy(given: &str) -> anyhow::Result<Named> {
    if let Some(baseline) = baselines::find(given) {
        return Ok(Named::Baseline(baseline));
    }
    let text = std::fs::read_to_string(given).with_context(|| {
        let names: Vec<&str> = BASELINES.iter().map(|baseline| baseline.name).collect();
        format!("`{given}` is neither a policy file that can be read nor a baseline ({})", names.join(", "))
    })?;
    let policy = parse(&text, given)?;
    Ok(Named::File(Contestant { name: policy.name().to_owned(), policy }))
}

/// The trace under its name; or, where nothing tells how long containers live, under several assumptions, each with a name of its own.
fn read_trace(source: &Source) -> anyhow::Result<Vec<(String, Loaded)>> {
    let read = |assumed: Option<Duration>| {
        let loaded = source.read(assumed)?;
        warn_of_gaps(source, &loaded);
        let name =
            assumed.map_or_else(|| source.name.clone(), |assumed| format!("{} (containers of {})", source.name, display_duration(assumed)));
        Ok((name, loaded))
    };
    match read(None) {
        Err(error) if LoadError::needs_container_lifetime(&error) => {
            let band: Vec<String> = ASSUMED_LIFETIMES.iter().map(|lifetime| display_duration(*lifetime).to_string()).collect();
            eprintln!(
                "note: {} does not count released containers, so how long they live is unknown; tried with {}",
                source.trace.display(),
                band.join(", ")
            );
            Ok(ASSUMED_LIFETIMES.iter().map(|lifetime| read(Some(*lifetime))).collect::<Result<_, LoadError>>()?)
        }
        other => Ok(vec![other?]),
    }
}

fn warn_of_gaps(source: &Source, loaded: &Loaded) {
    if let Some(torn) = loaded.torn_tail {
        eprintln!("note: {}: line {} is torn off and left out", source.trace.display(), torn.line);
    }
    if let Workload::Observations(load) = &loaded.workload
        && let [(from, to), rest @ ..] = load.gaps()
    {
        let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
        eprintln!("note: {}: no observations from {from} to {to}{more}; no work arrives there", source.trace.display());
    }
}

fn compare(args: &Args, name: &str, source: &Source, loaded: &Loaded, policies: &[Named]) -> anyhow::Result<Vec<Trial>> {
    let course = Course::new(name.to_owned(), &loaded.workload, &source.scenario)?;
    let mut contestants = Vec::new();
    if policies.is_empty() {
        contestants = BASELINES.iter().map(|baseline| course.baseline(baseline)).collect::<Result<_, _>>()?;
    }
    for policy in policies {
        let mut contestant = match policy {
            Named::Baseline(baseline) => course.baseline(baseline)?,
            Named::File(contestant) => contestant.clone(),
        };
        contestant.name = distinct(&contestant.name, &contestants);
        contestants.push(contestant);
    }
    let seeds = args.seed..args.seed.saturating_add(u64::from(args.seeds));
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} runs")?;
    let runs = course.runs(&contestants, u64::from(args.seeds));
    let progress = ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::hidden()).with_style(style).with_message(name.to_owned());
    let recording = Recording { series: args.series.is_some(), observations: false };
    let trials = course.compare(&contestants, seeds, recording, || super::advance(&progress, 1));
    progress.finish_and_clear();
    Ok(trials?)
}

/// Two policies of one name are told apart by a number.
fn distinct(name: &str, taken: &[Contestant]) -> String {
    let is_free = |candidate: &String| taken.iter().all(|contestant| contestant.name != *candidate);
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    std::iter::once(name.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
}

fn series_of(trial: &Trial) -> Series<'_> {
    Series { trace: &trial.card.trace, policy: &trial.card.policy, seed: trial.card.seed, points: &trial.run.series }
}

fn print(format: Format, comparisons: &[Comparison], trials: Vec<Trial>) -> anyhow::Result<()> {
    let cards: Vec<Scorecard> = trials.into_iter().map(|trial| trial.card).collect();
    let output = match format {
        Format::Table => {
            let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let width = terminal_size::terminal_size().map_or(80, |(terminal_size::Width(columns), _)| columns.clamp(60, 120));
            table::render(comparisons, Look { width, colour }).into_bytes()
        }
        Format::Json => export::json(&cards)?.into_bytes(),
        Format::Csv => export::csv(&cards)?,
    };
    Ok(std::io::stdout().write_all(&output)?)
}
