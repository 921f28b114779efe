//! `headroom advise`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use headroom::advise::actual::ActualBuilder;
use headroom::advise::alternatives::alternatives;
use headroom::advise::report::Report;
use headroom::advise::{self, Question};
use headroom::evaluation::trials::scaled_group;
use headroom::file::write_whole;
use headroom::sim::load::{Loaded, Source};
use headroom::trace::journal::TraceReader;
use headroom::trace::{Kind, Record};
use headroom::tune::evaluator::{Evaluator, TraceFigures, days_of};
use headroom::tune::search::{CANDIDATES_MAX, Effort};

/// Say which policy would have done best on recorded work, and what it saves
///
/// Tries every baseline, fixed sizes, `demand:` and rules whose values are searched, and takes the
/// cheapest with which 95 % of the work waits no longer than it may. A recording of a cluster says
/// what really ran; without one the savings are against always running the maximum.
#[derive(clap::Args)]
#[command(
    after_help = "Several traces are advised on together: one policy for all of them.
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
    /// 95 % of the work of each trace should wait no longer [default: the scenario's slo.wait, else
    /// as long as with what ran]
    #[arg(long, value_name = "TIME", value_parser = super::tune::duration)]
    wait_p95: Option<Duration>,
    /// The simulated cluster [default: the folder's scenario.yaml, or two core and up to 20 task
    /// nodes]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// How many sets of values are tried for each policy that is searched
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=CANDIDATES_MAX as i64))]
    candidates: u32,
    /// Of the luck in simulations, and of the search
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
    args.out.as_deref().map_or(Ok(()), super::check_output)?;
    let read = super::tune::read(&args.traces, args.scenario.as_deref())?;
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
    let goal = goal(args, &read)?;
    let traces = read
        .iter()
        .map(|(source, loaded)| (source.name.clone(), &loaded.workload, &source.scenario));
    let evaluator = Evaluator::new(traces, goal);
    alternatives
        .iter()
        .try_for_each(|alternative| evaluator.check(&alternative.policy))?;
    let effort = Effort {
        candidates: args.candidates as usize,
        seed: args.seed,
    };
    let progress = super::tune::progress(advise::runs(&alternatives, effort, args.seeds.into()))?;
    let question = Question {
        evaluator: &evaluator,
        alternatives: &alternatives,
        actual: actual(&read, goal),
        effort,
        seeds: args.seeds.into(),
    };
    let advice = advise::advise(question, || super::advance(&progress, 1))?;
    progress.finish_and_clear();
    if let (Some(path), Some(best)) = (&args.out, advice.ranked.first()) {
        write_whole(path, best.text.as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let names: Vec<String> = evaluator.traces().map(str::to_owned).collect();
    let out = args.out.as_ref().map(|path| path.display().to_string());
    let report = Report {
        advice: &advice,
        traces: &names,
        goal,
        span_days: evaluator.span_days(),
        out: out.as_deref(),
    };
    let output = if args.json {
        report.json()?
    } else {
        report.text(super::terminal_width())
    };
    super::print(output.as_bytes())
}

/// What was asked for; else what the scenarios that were given ask for; else as long as the work
/// waited on what ran.
fn goal(args: &Args, read: &[(Source, Loaded)]) -> anyhow::Result<Duration> {
    if let Some(goal) = args.wait_p95 {
        return Ok(goal);
    }
    let least = || {
        read.iter()
            .map(|(source, _)| source.scenario.slo_wait)
            .min()
            .unwrap_or_default()
    };
    if read
        .iter()
        .any(|(source, _)| source.scenario_file.is_some())
    {
        return Ok(least());
    }
    let waited = |traces: Vec<TraceFigures>| {
        traces
            .iter()
            .map(|trace| trace.wait_p95_s)
            .fold(0.0, f64::max)
    };
    // Whole seconds, upwards: what ran keeps its own goal.
    Ok(actual(read, Duration::ZERO).map_or_else(
        || {
            super::note(format_args!(
                "note: how long the work waited is not known, so that a default is the goal; --wait-p95 says another one"
            ));
            least()
        },
        |traces| Duration::from_secs(waited(traces).ceil() as u64),
    ))
}

/// What ran, where every trace is a recording that tells it.
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
            super::note(format_args!("note: {}: {unknown}", source.trace.display()));
            None
        }
    }
}
