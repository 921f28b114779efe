//! `headroom tune`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::inputs::{MAX_DAYS, duration, read, scenario_goal};
use super::output::{check_output, note, print, terminal_width};
use super::policies::{DocumentArgs, read_text};
use super::progress_bar::advance;
use anyhow::{Context, bail};
use headroom::check::lint::lint;
use headroom::file::write_whole;
use headroom::policy::Policy;
use headroom::policy::parse::{import, parse, parse_with_spans};
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::TraceWork;
use headroom::sim::{check_signals, check_targets};
use headroom::tune::evaluator::Evaluator;
use headroom::tune::report::Report;
use headroom::tune::search::{CANDIDATES_MAX, Effort};
use headroom::tune::search_space::SearchSpace;
use headroom::tune::{self, Tuned, plot};
use headroom::units::display_duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Search the parameters of a policy for less cost or less waiting
///
/// Tries many candidates (sets of parameters) on the same work: first spread evenly over what may
/// vary, then around the best. Prints those that no other beats, and how well the choice does on days that it did not
/// see.
#[derive(clap::Args)]
#[command(
    after_help = "PATH leads to a parameter of the policy, RANGE is `a..b` or a list `a|b|c`:
  rules.memory-short.for=1m..15m          a time of a rule
  rules.memory-short.threshold=5..30      the number its condition compares with
  rules.memory-short.then.grow=1..10      how much it changes
  targets[1].stabilization=0s|10m|30m     of the second target only
  demand.performance_index=1..100
docs/tuning.md explains the search and what its figures mean.

Examples:
  headroom tune week.trace.zst --policy mine.yaml
  headroom tune week.trace.zst --policy mine.yaml --wait-p95 60s --out best.yaml
  headroom tune simulations/* --policy mine.yaml --vary rules.memory-short.for=30s..10m"
)]
pub struct Args {
    /// A trace, a daemon's journal, or a folder with a trace and its scenario.yaml
    #[arg(value_name = "TRACE_OR_FOLDER", required = true)]
    traces: Vec<PathBuf>,
    /// The policy whose parameters are searched
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    #[command(flatten)]
    documents: DocumentArgs,
    /// What to vary, and how far; may be repeated [default: every time, threshold and amount,
    /// within a factor of 3 or 4]
    #[arg(long, value_name = "PATH=RANGE")]
    vary: Vec<String>,
    /// The goal: 95% of the work of each trace waits at most this long [default: the least slo.wait of
    /// the scenarios, else the p95 wait of the policy as written]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait_p95: Option<Duration>,
    /// How many candidates (sets of parameters) to try
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=CANDIDATES_MAX as i64))]
    candidates: u32,
    /// The simulated cluster [default: the folder's scenario.yaml, or a cluster whose size is chosen
    /// for the work]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// A simulation ends after this many days, even if work is left
    #[arg(long, value_name = "N", default_value_t = MAX_DAYS, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    max_days: u32,
    /// Seeds the randomness of the simulations and of the search
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How often the few best are run, with consecutive seeds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    seeds: u32,
    /// Write the policy with the best parameters, its comments kept
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write a picture of all that was tried
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print JSON, with everything that was tried
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    for output in args.out.iter().chain(&args.svg) {
        check_output(output)?;
    }
    let file = args.policy.display().to_string();
    let text = policy_text(args, &file)?;
    let space = SearchSpace::new(&text, &file, &args.vary)?;
    let start = parse(&text, &file)?;
    let read = read(&args.traces, args.scenario.as_deref(), args.max_days)?;
    let traces: Vec<_> = read
        .iter()
        .map(|(source, loaded)| (source.name.clone(), &loaded.workload, &source.scenario))
        .collect();
    for (_, workload, scenario) in &traces {
        check_targets(&start, scenario)
            .and_then(|()| check_signals(&start, workload.says_what_is_left()))
            .with_context(|| file.clone())?;
    }
    let goal = match args.wait_p95.or_else(|| scenario_goal(&read)) {
        Some(goal) => goal,
        None => written_goal(traces.clone(), &start, args.seed)?,
    };
    let evaluator = Evaluator::new(traces, goal);
    let effort = Effort {
        candidates: args.candidates as usize,
        seed: args.seed,
    };
    let progress = progress(tune::runs(effort, args.seeds.into()))?;
    let tuned = tune::tune(
        &evaluator,
        &space,
        &start,
        effort,
        args.seeds.into(),
        || advance(&progress, 1),
    )?;
    progress.finish_and_clear();
    let report = Report {
        evaluator: &evaluator,
        space: &space,
        tuned: &tuned,
        effort,
        file: &file,
    };
    write_outputs(args, &evaluator, &space, &tuned)?;
    let output = if args.json {
        report.json()?
    } else {
        report.text(terminal_width())
    };
    print(&output)
}

/// The policy in Headroom's language: a document of Amazon's is searched as the policy that it
/// becomes.
fn policy_text(args: &Args, file: &str) -> anyhow::Result<String> {
    let text = read_text(&args.policy)?;
    let Some(document) = import(&text, file, &args.documents.choices())? else {
        args.documents.check_used(&BTreeSet::new())?;
        return Ok(text);
    };
    args.documents.check_used(&document.names)?;
    Ok(document.only(&text, file)?.yaml().to_owned())
}

/// As long as the work waits with the written policy: what the search finds then costs
/// less without longer waits. In whole seconds, rounded up.
fn written_goal(
    traces: Vec<(String, &TraceWork, &Scenario)>,
    policy: &Policy,
    seed: u64,
) -> anyhow::Result<Duration> {
    let figures = Evaluator::new(traces, Duration::ZERO).run(policy, seed)?;
    let goal = Duration::from_secs(figures.wait_p95_s().ceil() as u64);
    note(format_args!(
        "note: no goal is set (--wait-p95 TIME), so the work should wait no longer than with the\n      written policy: {}",
        display_duration(goal)
    ));
    Ok(goal)
}

/// A bar over so many simulations.
pub fn progress(runs: u64) -> anyhow::Result<ProgressBar> {
    let style = ProgressStyle::with_template("{wide_bar} {pos} of {len} runs")?;
    Ok(ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::hidden()).with_style(style))
}

fn write_outputs(
    args: &Args,
    evaluator: &Evaluator<'_>,
    space: &SearchSpace,
    tuned: &Tuned,
) -> anyhow::Result<()> {
    if let Some(path) = &args.svg {
        write_whole(path, plot::svg(evaluator, tuned).as_bytes())
            .with_context(|| format!("{} cannot be written", path.display()))?;
    }
    let Some(path) = &args.out else { return Ok(()) };
    let Some(chosen) = tuned.chosen() else {
        bail!(
            "no policy finished all the work, so {} was not written",
            path.display()
        )
    };
    let values = &tuned.candidates[chosen.candidate].values;
    let text = if values.is_empty() {
        space.start().to_owned()
    } else {
        space.found(values)
    };
    write_whole(path, text.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    let name = path.display().to_string();
    let (policy, places) = parse_with_spans(&text, &name)?;
    for warning in lint(&policy) {
        note(format_args!(
            "{}\n",
            warning.diagnostic(&places).render(&text, &name, false)
        ));
    }
    Ok(())
}
