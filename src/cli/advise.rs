//! `headroom advise`.

use std::path::PathBuf;
use std::time::Duration;

use super::inputs::{MAX_DAYS, duration, read, scenario_goal};
use super::output::{check_output, note, print, terminal_width};
use super::progress_bar::advance;
use anyhow::{Context, bail};
use headroom::advise::actual::ActualBuilder;
use headroom::advise::alternatives::alternatives;
use headroom::advise::report::Report;
use headroom::advise::{self, Question};
use headroom::evaluation::trials::scaled_group;
use headroom::file::write_whole;
use headroom::sim::input::{Loaded, Source};
use headroom::trace::journal::TraceReader;
use headroom::trace::{Kind, Record};
use headroom::tune::evaluator::{Evaluator, TraceFigures, days_of};
use headroom::tune::search::{CANDIDATES_MAX, Effort};

/// Recommend a policy for recorded work, and estimate what it saves
///
/// Tries every baseline, fixed sizes, `demand:` and rules whose parameters are searched, and
/// recommends the cheapest whose p95 wait is within the goal. Savings are measured
/// against what ran when the trace is a recording, else against always running the maximum.
#[derive(clap::Args)]
#[command(
    after_help = "With several traces, `advise` recommends one policy for all of them.
docs/tuning.md explains what the figures mean.

Examples:
  headroom advise /var/lib/headroom/journal --scenario cluster.yaml
  headroom advise month.trace.zst --wait-p95 2m --out policy.yaml
  headroom advise simulations/nightly-batch --json"
)]
pub struct Args {
    /// A trace, a daemon's journal, or a folder with a trace and its scenario.yaml
    #[arg(value_name = "TRACE_OR_FOLDER", required = true)]
    traces: Vec<PathBuf>,
    /// The goal: 95% of the work of each trace waits at most this long [default: the scenario's
    /// slo.wait, else the p95 wait of what ran; if that is unknown, no goal]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait_p95: Option<Duration>,
    /// The simulated cluster [default: the folder's scenario.yaml, or a cluster whose size is chosen
    /// for the work]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// A simulation ends after this many days, even if work is left
    #[arg(long, value_name = "N", default_value_t = MAX_DAYS, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    max_days: u32,
    /// How many candidates (sets of parameters) to try for each policy that is searched
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=CANDIDATES_MAX as i64))]
    candidates: u32,
    /// Seeds the randomness of the simulations and of the search
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How often each policy is run, with consecutive seeds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    seeds: u32,
    /// Write the best policy, ready to deploy
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print JSON, with every policy that was tried
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    args.out.as_deref().map_or(Ok(()), check_output)?;
    let read = read(&args.traces, args.scenario.as_deref(), args.max_days)?;
    let (first, _) = read.first().context("no trace")?;
    let (scaled, limits) = scaled_group(&first.scenario)?;
    for (source, _) in &read {
        let (_, others) = scaled_group(&source.scenario)?;
        if others != limits {
            let (one, other) = (first.trace.display(), source.trace.display());
            bail!(
                "{one} and {other} are of clusters with other limits; advise on one after the other, or give both one cluster with --scenario"
            );
        }
    }
    let alternatives = alternatives(&first.scenario, scaled, limits);
    let goal = goal(args, &read);
    if let (Some(path), None) = (&args.out, goal) {
        bail!(
            "{} cannot be written: without a goal no policy is chosen; add --wait-p95 TIME",
            path.display()
        );
    }
    let traces = read
        .iter()
        .map(|(source, loaded)| (source.name.clone(), &loaded.workload, &source.scenario));
    // Without a goal no wait is too long.
    let evaluator = Evaluator::new(traces, goal.unwrap_or(Duration::MAX));
    alternatives
        .iter()
        .try_for_each(|alternative| evaluator.check(&alternative.policy))?;
    let effort = Effort {
        candidates: args.candidates as usize,
        seed: args.seed,
    };
    let runs = advise::runs(&alternatives, goal.is_some(), effort, args.seeds.into());
    let progress = super::tune::progress(runs)?;
    let question = Question {
        evaluator: &evaluator,
        alternatives: &alternatives,
        goal,
        actual: actual(&read, evaluator.goal()),
        effort,
        seeds: args.seeds.into(),
    };
    let advice = advise::advise(question, || advance(&progress, 1))?;
    progress.finish_and_clear();
    if let (Some(path), Some(best)) = (&args.out, advice.recommended()) {
        write_whole(path, best.text.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let names: Vec<String> = evaluator.traces().map(str::to_owned).collect();
    let out = args.out.as_ref().map(|path| path.display().to_string());
    let report = Report {
        advice: &advice,
        traces: &names,
        span_days: evaluator.span_days(),
        out: out.as_deref(),
    };
    let output = if args.json {
        report.json()?
    } else {
        report.text(terminal_width())
    };
    print(&output)
}

/// The goal of the command line, else of the scenarios, else as long as the work waited with what
/// ran; `None` when that is not known either.
fn goal(args: &Args, read: &[(Source, Loaded)]) -> Option<Duration> {
    let set = args.wait_p95.or_else(|| scenario_goal(read));
    if set.is_some() {
        return set;
    }
    let waited = actual(read, Duration::ZERO)?
        .iter()
        .map(|trace| trace.wait_p95_s)
        .fold(0.0, f64::max);
    // Whole seconds, rounded up: what ran meets its own goal.
    Some(Duration::from_secs(waited.ceil() as u64))
}

/// What ran, when every trace is a recording that shows it.
fn actual(read: &[(Source, Loaded)], goal: Duration) -> Option<Vec<TraceFigures>> {
    read.iter()
        .map(|(source, loaded)| actual_of(source, loaded, goal))
        .collect()
}

fn actual_of(source: &Source, loaded: &Loaded, goal: Duration) -> Option<TraceFigures> {
    if loaded.header.kind == Kind::Jobs {
        return None;
    }
    let mut builder = ActualBuilder::new(
        &source.scenario,
        loaded.workload.start(),
        days_of(loaded.workload.span()),
    );
    // It has been read before: what was wrong with it was said then.
    for record in TraceReader::open(&source.trace).ok()?.map_while(Result::ok) {
        if let Record::Observation(observation) = record {
            builder.push(&observation);
        }
    }
    match builder.finish(&loaded.workload, goal) {
        Ok(figures) => Some(figures),
        Err(unknown) => {
            note(format_args!("note: {}: {unknown}", source.trace.display()));
            None
        }
    }
}
