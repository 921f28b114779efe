//! `headroom compare`.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::inputs::{MAX_DAYS, cluster_for, find, warn_of_the_end};
use super::names::told_apart;
use super::output::{print, terminal_width};
use super::policies::{DocumentArgs, Given, left_out, read_policies, read_text};
use super::progress_bar::advance;
use anyhow::{Context, bail};
use headroom::compare::report::Report;
use headroom::compare::runner::Runner;
use headroom::compare::{Benchmark, Hindsight, text};
use headroom::evaluation::trials::{Candidate, Testbed};
use headroom::sim::input::{Loaded, Source};
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::TraceWork;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Benchmark `demand:` against the other built-in policies at many settings
#[derive(clap::Args)]
#[command(
    after_help = "On each trace, the other built-in policies run with about 500 settings in all. The cheapest run at \
each p95 queue time forms the hindsight frontier: the best that someone who knew the trace in advance could have chosen. \
Then `demand:` runs at each performance index from 1 to 100.

Examples:
  headroom compare simulations/* --out-dir comparison
  headroom compare simulations/office-day --policy mine.yaml
  headroom compare week.trace.zst --policy describe-cluster.json
  headroom compare week.trace.zst --scenario cluster.yaml
  headroom compare simulations/* --out-dir comparison --quick   # keep the frontier"
)]
pub struct Args {
    /// A trace, a daemon's journal, or a folder with a trace and its scenario.yaml
    #[arg(value_name = "TRACE_OR_FOLDER", required = true)]
    traces: Vec<PathBuf>,
    /// The simulated cluster [default: the folder's scenario.yaml, or a cluster whose size is chosen
    /// for the work]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// A simulation ends after this many days, even if work is left
    #[arg(long, value_name = "N", default_value_t = MAX_DAYS, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    max_days: u32,
    /// Also compare this policy with the frontier, under its own limits; may be repeated
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
    #[command(flatten)]
    documents: DocumentArgs,
    /// Runs of each policy, with the seeds 1 to N; figures are their means
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    seeds: u64,
    /// Write frontier.md, frontier.svg and frontier.json here
    #[arg(long, value_name = "FOLDER")]
    out_dir: Option<PathBuf>,
    /// Take the frontier from the frontier.json of an earlier comparison, and run only demand:
    #[arg(long, requires = "out_dir")]
    quick: bool,
    /// Print JSON, with all points, instead of tables
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let kept = args
        .out_dir
        .as_deref()
        .filter(|_| args.quick)
        .map(Report::read)
        .transpose()?;
    let policies = policies(args)?;
    let tracks = tracks(args)?;
    let traces = tracks
        .iter()
        .map(|track| benchmark(args, track, &policies, kept.as_ref()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let report = Report { traces };
    if let Some(folder) = &args.out_dir {
        report.write(folder)?;
    }
    let output = if args.json {
        report.json()
    } else {
        text::terminal(&report.tables(), terminal_width())
    };
    print(&output)
}

/// A trace and the cluster it runs on.
struct Track {
    name: String,
    scenario: Scenario,
    workload: TraceWork,
    synthetic: bool,
}

fn tracks(args: &Args) -> anyhow::Result<Vec<Track>> {
    let sources = find(&args.traces, args.scenario.as_deref(), args.max_days)?;
    sources.into_iter().map(read_trace).collect()
}

fn read_trace(source: Source) -> anyhow::Result<Track> {
    let Loaded {
        header, workload, ..
    } = match source.read(None) {
        Err(error) if error.needs_container_lifetime() => {
            return Err(anyhow::Error::new(error)
                .context("use `headroom simulate`, which tries several lifetimes"));
        }
        read => read?,
    };
    warn_of_the_end(&source, &workload);
    let (scenario, _) = cluster_for(&source, &[&workload])?;
    Ok(Track {
        name: source.name,
        scenario,
        workload,
        synthetic: header.synthetic,
    })
}

/// The policies of the command line, each with a name that no other one has.
fn policies(args: &Args) -> anyhow::Result<Vec<Given>> {
    let choices = args.documents.choices();
    let (mut policies, mut names) = (Vec::new(), BTreeSet::new());
    for path in &args.policies {
        let (read, more) = read_policies(path, &read_text(path)?, &choices)?;
        policies.extend(read);
        names.extend(more);
    }
    args.documents.check_used(&names)?;
    let called: Vec<(String, Option<PathBuf>)> = policies
        .iter()
        .map(|given| (given.name.clone(), Some(given.file.clone())))
        .collect();
    for (given, name) in policies.iter_mut().zip(told_apart(&called)) {
        given.name = name;
    }
    Ok(policies)
}

fn benchmark(
    args: &Args,
    track: &Track,
    policies: &[Given],
    kept: Option<&Report>,
) -> anyhow::Result<Benchmark> {
    let says_work = track.workload.says_what_is_left();
    let left_out = left_out(policies, &track.scenario, says_work)?;
    let is_left_out = |given: &&Given| left_out.iter().any(|left| left.policy == given.name);
    let fitting = policies.iter().filter(|given| !is_left_out(given));
    let candidates: Vec<Candidate> = fitting
        .map(|given| Candidate {
            name: given.name.clone(),
            ..Candidate::of(given.policy.clone())
        })
        .collect();
    let testbed = Testbed::new(track.name.clone(), &track.workload, &track.scenario)
        .with_context(|| track.name.clone())?;
    let runner = Runner::new(testbed, track.synthetic, args.seeds);
    let hindsight = kept
        .map(|report| kept_hindsight(report, &runner, &track.name))
        .transpose()?;
    let indexes: Vec<u8> = (1..=100).collect();
    let swept_runs = if hindsight.is_some() {
        0
    } else {
        runner.hindsight_runs()
    };
    let other_runs = (indexes.len() + candidates.len()) as u64 * args.seeds;
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} runs")?;
    let progress =
        ProgressBar::with_draw_target(Some(swept_runs + other_runs), ProgressDrawTarget::hidden())
            .with_style(style)
            .with_message(track.name.clone());
    let finished = || advance(&progress, 1);
    let benchmark = Benchmark {
        hindsight: hindsight
            .map_or_else(|| runner.hindsight(finished), Ok)
            .with_context(|| track.name.clone())?,
        demand: runner.demand(&indexes, args.seeds, finished)?,
        policies: runner.policies(&candidates, finished)?,
    };
    progress.finish_and_clear();
    Ok(benchmark)
}

fn kept_hindsight(report: &Report, runner: &Runner<'_>, trace: &str) -> anyhow::Result<Hindsight> {
    let kept = report
        .traces
        .iter()
        .map(|benchmark| &benchmark.hindsight)
        .find(|hindsight| hindsight.trace == trace);
    match kept {
        Some(hindsight) if runner.is_of(hindsight) => Ok(hindsight.clone()),
        Some(_) => bail!(
            "the frontier that was kept of {trace} is of another trace, cluster, number of seeds or version of this program; run without --quick"
        ),
        None => bail!("no frontier was kept of {trace}; run without --quick"),
    }
}
