//! `headroom compare`.

use std::io;
use std::path::{Path, PathBuf};

use super::simulate::distinct;
use anyhow::{Context, bail};
use headroom::compare::benchmark::Field;
use headroom::compare::report::Report;
use headroom::compare::{Hindsight, MONOTONY_INDEXES, Survey, text};
use headroom::evaluation::trials::{Candidate, Testbed};
use headroom::import::{self, swim};
use headroom::policy::Policy;
use headroom::policy::parse::parse;
use headroom::sim::check_targets;
use headroom::sim::load::{Loaded, Source};
use headroom::sim::scenario::Scenario;
use headroom::sim::trace_work::{JobLoad, TraceWork};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Where traces are when none is named.
const SIMULATIONS: &str = "simulations";
/// A folder with public recordings that are too large to ship.
const SHARED: &str = "HEADROOM_SHARED";
/// The cluster on which SWIM workloads run.
const SWIM_SCENARIO: &str = include_str!("../compare/swim.yaml");
/// How many seeds show that the performance index is monotone.
const MONOTONY_SEEDS: u64 = 20;

/// Hold `demand:` against every baseline with every setting: the frontier test
#[derive(clap::Args)]
#[command(
    after_help = "On each trace every baseline is tried with some 500 settings. The cheapest of them at a given p95 \
waiting is the hindsight frontier: what someone could have reached who knew the trace beforehand. Then demand: runs, with \
one text for all traces, at each performance index from 1 to 100.

Examples:
  headroom compare --out-dir comparison
  headroom compare simulations/office-day --policy mine.yaml
  headroom compare --swim FB-2009_samples_24_times_1hr_0.tsv --out-dir comparison
  headroom compare --out-dir comparison --quick   # demand: again, the frontier as it was"
)]
pub struct Args {
    /// Traces, or folders with a trace and its scenario.yaml [default: all of simulations/, and the
    /// SWIM files in $HEADROOM_SHARED/data/swim]
    #[arg(value_name = "TRACE_OR_FOLDER")]
    traces: Vec<PathBuf>,
    /// Also a day of a SWIM workload, on the cluster of office-day with up to 60 task nodes; may be
    /// repeated
    #[arg(long, value_name = "FILE")]
    swim: Vec<PathBuf>,
    /// Also hold this policy against the frontier, under its own limits; may be repeated
    #[arg(long = "policy", value_name = "FILE")]
    policies: Vec<PathBuf>,
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
    let policies = args
        .policies
        .iter()
        .map(|path| read_policy(path))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let tracks = tracks(args)?;
    let surveys = tracks
        .iter()
        .map(|track| survey(args, track, &policies, kept.as_ref()))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let report = Report::of(surveys);
    if let Some(folder) = &args.out_dir {
        report.write(folder)?;
    }
    let output = if args.json {
        report.json()
    } else {
        text::terminal(&report.tables(), super::terminal_width())
    };
    super::print(output.as_bytes())
}

/// A trace and the cluster it runs on.
struct Track {
    name: String,
    scenario: Scenario,
    workload: TraceWork,
    synthetic: bool,
}

fn tracks(args: &Args) -> anyhow::Result<Vec<Track>> {
    let by_default = args.traces.is_empty() && args.swim.is_empty();
    let traces = if by_default {
        folders_of(Path::new(SIMULATIONS))?
    } else {
        args.traces.clone()
    };
    let swim = if by_default {
        shared_swim()?
    } else {
        args.swim.clone()
    };
    let mut tracks: Vec<Track> = Vec::new();
    for track in traces
        .iter()
        .map(|path| read_trace(path))
        .chain(swim.iter().map(|path| read_swim(path)))
    {
        let track = track?;
        let name = distinct(&track.name, tracks.iter().map(|other| other.name.as_str()));
        tracks.push(Track { name, ..track });
    }
    Ok(tracks)
}

fn folders_of(parent: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(parent).with_context(|| {
        format!(
            "{} cannot be read; name a trace, or go to the folder of the repository",
            parent.display()
        )
    })?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.is_dir());
    paths.sort();
    if paths.is_empty() {
        bail!("{} holds no folders; name a trace", parent.display());
    }
    Ok(paths)
}

/// The SWIM workloads beside the public recordings, where these are at hand.
fn shared_swim() -> anyhow::Result<Vec<PathBuf>> {
    let Some(shared) = std::env::var_os(SHARED) else {
        return Ok(Vec::new());
    };
    let folder = Path::new(&shared).join("data/swim");
    let entries = std::fs::read_dir(&folder)
        .with_context(|| format!("{SHARED}: {} cannot be read", folder.display()))?;
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "tsv"));
    paths.sort();
    Ok(paths)
}

fn read_trace(path: &Path) -> anyhow::Result<Track> {
    let source = Source::find(path, None)?;
    let Loaded {
        header, workload, ..
    } = match source.read(None) {
        Err(error) if error.needs_container_lifetime() => {
            return Err(anyhow::Error::new(error)
                .context("use `headroom simulate`, which tries several lifetimes"));
        }
        read => read?,
    };
    Ok(Track {
        name: source.name,
        scenario: source.scenario,
        workload,
        synthetic: header.synthetic,
    })
}

/// A day, with the reference task model.
fn read_swim(path: &Path) -> anyhow::Result<Track> {
    let imported = swim::import([import::Source::open(path)], &swim::Options::default())?;
    let load = JobLoad::of(imported.header.start, &imported.jobs)
        .with_context(|| path.display().to_string())?;
    let name = path
        .file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy();
    let name = name.split("_samples").next().unwrap_or(&name).to_owned();
    let scenario = Scenario::parse(SWIM_SCENARIO, Path::new("swim.yaml"))?;
    Ok(Track {
        name,
        scenario,
        workload: TraceWork::Jobs(load),
        synthetic: false,
    })
}

fn read_policy(path: &Path) -> anyhow::Result<(PathBuf, Policy)> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok((path.to_owned(), parse(&text, &path.display().to_string())?))
}

fn survey(
    args: &Args,
    track: &Track,
    policies: &[(PathBuf, Policy)],
    kept: Option<&Report>,
) -> anyhow::Result<Survey> {
    let candidates = policies.iter().map(|(path, policy)| {
        check_targets(policy, &track.scenario).with_context(|| path.display().to_string())?;
        Ok(Candidate::of(policy.clone()))
    });
    let candidates = candidates.collect::<anyhow::Result<Vec<_>>>()?;
    let testbed = Testbed::new(track.name.clone(), &track.workload, &track.scenario)
        .with_context(|| track.name.clone())?;
    let field = Field::new(testbed, track.synthetic, args.seeds);
    let hindsight = kept
        .map(|report| kept_hindsight(report, &field, &track.name))
        .transpose()?;
    let (indexes, monotony_seeds): (Vec<u8>, u64) = (
        (1..=100).collect(),
        if args.quick {
            args.seeds
        } else {
            MONOTONY_SEEDS
        },
    );

    let swept_runs = if hindsight.is_some() {
        0
    } else {
        field.hindsight_runs()
    };
    let other_runs = (indexes.len() + candidates.len()) as u64 * args.seeds
        + MONOTONY_INDEXES.len() as u64 * monotony_seeds;
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} runs")?;
    let progress =
        ProgressBar::with_draw_target(Some(swept_runs + other_runs), ProgressDrawTarget::hidden())
            .with_style(style)
            .with_message(track.name.clone());
    let finished = || super::advance(&progress, 1);
    let survey = Survey {
        hindsight: hindsight
            .map_or_else(|| field.hindsight(finished), Ok)
            .with_context(|| track.name.clone())?,
        demand: field.demand(&indexes, args.seeds, finished)?,
        monotony: field.demand(&MONOTONY_INDEXES, monotony_seeds, finished)?,
        monotony_seeds,
        given: field.given(&candidates, finished)?,
    };
    progress.finish_and_clear();
    Ok(survey)
}

fn kept_hindsight(report: &Report, field: &Field<'_>, trace: &str) -> anyhow::Result<Hindsight> {
    let kept = report
        .traces
        .iter()
        .map(|survey| &survey.hindsight)
        .find(|hindsight| hindsight.trace == trace);
    match kept {
        Some(hindsight) if field.is_of(hindsight) => Ok(hindsight.clone()),
        Some(_) => bail!(
            "the frontier that was kept of {trace} is of another trace, cluster, number of seeds or version of this program; run without --quick"
        ),
        None => bail!("no frontier was kept of {trace}; run without --quick"),
    }
}
