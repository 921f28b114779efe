//! `headroom simulate`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::inputs::{MAX_DAYS, cluster_for, duration, find};
use super::names::{distinct, told_apart};
use super::output::{self, check_output, note, terminal_width};
use super::policies::{DocumentArgs, Given, left_out, read_policies};
use super::progress_bar::advance;
use anyhow::{Context, bail};
use clap::ValueEnum;
use headroom::evaluation::report::series::{self, Series};
use headroom::evaluation::report::table::{self, Look};
use headroom::evaluation::report::{Comparison, LeftOut, TraceNote, export};
use headroom::evaluation::scorecard::Scorecard;
use headroom::evaluation::trials::{Candidate, Testbed, Trial};
use headroom::file::read_text;
use headroom::policy::baselines::{self, BASELINES, Baseline};
use headroom::policy::diagnostic::nearest;
use headroom::policy::parse::Choices;
use headroom::sim::Recording;
use headroom::sim::input::{InputError, Loaded, Source};
use headroom::sim::trace_work::TraceWork;
use headroom::sim::transient;
use headroom::units::display_duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A band for recordings that do not show how long containers live: map tasks, usual tasks,
/// executors.
const ASSUMED_LIFETIMES: [Duration; 3] = [
    Duration::from_secs(20),
    Duration::from_secs(120),
    Duration::from_secs(900),
];

/// The last seed that leaves room for the most runs.
const SEED_MAX: u64 = u64::MAX - SEEDS_MAX as u64;
const SEEDS_MAX: u32 = 10_000;

/// Compare policies on a trace: what each costs and how long work waits
#[derive(clap::Args)]
#[command(
    after_help = "Every policy runs on the same work and the same simulated cluster. Work that finds no room \
waits and is done later: nothing is lost.

Three bounds are listed below the policies:
  work         the cost of all work packed perfectly: no policy costs less
  no wait      the least cost if nothing waits and nodes launch instantly
  clairvoyant  the least cost if nothing waits, the future is known, and nodes
               take time to launch
A policy that lets work wait can cost less than the last two.
docs/scorecard.md explains every figure.

Examples:
  headroom simulate simulations/office-day
  headroom simulate simulations/* --seeds 20
  headroom simulate my.trace.zst --policy my-policy.yaml --policy fixed-max
  headroom simulate my.trace.zst --policy describe-cluster.json
  headroom simulate my.trace.zst --scenario cluster.yaml --series testbed.csv
  headroom simulate simulations/spot-storm --seeds 20 --format json
  headroom simulate --verify /var/lib/headroom/journal"
)]
pub struct Args {
    /// A trace, a daemon's journal, or a folder with a trace and its scenario.yaml
    #[arg(value_name = "TRACE_OR_FOLDER", required = true)]
    traces: Vec<PathBuf>,
    /// A policy file (Headroom's YAML, or a document of Amazon's that has policies), under its own
    /// limits, or the name of a baseline, under those of the scenario; may be repeated [default: all
    /// baselines]
    #[arg(long = "policy", value_name = "FILE_OR_BASELINE")]
    policies: Vec<String>,
    #[command(flatten)]
    documents: DocumentArgs,
    /// The simulated cluster [default: the folder's scenario.yaml, or a cluster whose size is chosen
    /// for the work]
    #[arg(long, value_name = "FILE")]
    scenario: Option<PathBuf>,
    /// A simulation ends after this many days, even if work is left
    #[arg(long, value_name = "N", default_value_t = MAX_DAYS, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    max_days: u32,
    /// The goal: 95% of the work waits at most this long [default: slo.wait of the scenario, else no goal]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    wait_p95: Option<Duration>,
    /// The seed of the first run, for provisioning times, failures and interruptions
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=SEED_MAX))]
    seed: u64,
    /// Runs of each policy, with consecutive seeds; several give confidence intervals
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=i64::from(SEEDS_MAX)))]
    seeds: u32,
    /// A table for people, JSON with every run and the means, CSV with a line for each run
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Also write what happened over time, as CSV
    #[arg(long, value_name = "FILE")]
    series: Option<PathBuf>,
    /// Do not simulate: repeat all decisions of a daemon's journal, and compare them with those
    /// recorded
    #[arg(long, conflicts_with_all = ["policies", "set", "scenario", "max_days", "wait_p95", "seed", "seeds", "format", "series"])]
    verify: bool,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
    Csv,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    if args.verify {
        return super::verify::run(&args.traces);
    }
    args.series.as_deref().map_or(Ok(()), check_output)?;
    let policies = policies(args)?;
    let mut comparisons: Vec<Comparison> = Vec::new();
    let mut trials = Vec::new();
    for mut source in find(&args.traces, args.scenario.as_deref(), args.max_days)? {
        source.scenario.slo_wait = args.wait_p95.or(source.scenario.slo_wait);
        let readings = read_trace(&source)?;
        if let Some((_, loaded)) = readings.first() {
            warn_of_what_is_missing(&source, loaded);
        }
        for (name, loaded) in readings {
            let taken = comparisons.iter().map(|other| other.trace.name.as_str());
            let name = distinct(&name, taken);
            let (comparison, made) = compare(args, name, &source, &loaded, &policies)?;
            comparisons.push(comparison);
            trials.extend(made);
        }
    }
    if let Some(path) = &args.series {
        series::write(path, &trials.iter().map(series_of).collect::<Vec<_>>())?;
    }
    print_results(args.format, &comparisons, trials)
}

/// What `--policy` names.
enum Named {
    Baseline(&'static Baseline),
    TransientPerJob,
    File(Given),
}

impl Named {
    /// What it is called, and the file that has it.
    fn called(&self) -> (String, Option<PathBuf>) {
        match self {
            Self::Baseline(baseline) => (baseline.name.to_owned(), None),
            Self::TransientPerJob => (transient::NAME.to_owned(), None),
            Self::File(given) => (given.name.clone(), Some(given.file.clone())),
        }
    }
}

/// The policies of the command line, each with a name that no other one has.
fn policies(args: &Args) -> anyhow::Result<Vec<(String, Named)>> {
    let choices = args.documents.choices();
    let (mut policies, mut names) = (Vec::new(), BTreeSet::new());
    for given in &args.policies {
        let (read, more) = read_policy(given, &choices)?;
        policies.extend(read);
        names.extend(more);
    }
    args.documents.check_used(&names)?;
    let called: Vec<(String, Option<PathBuf>)> = policies.iter().map(Named::called).collect();
    let mut named: Vec<(String, Named)> = told_apart(&called).into_iter().zip(policies).collect();
    for (name, policy) in &mut named {
        if let Named::File(given) = policy {
            given.name.clone_from(name);
        }
    }
    Ok(named)
}

/// A name that is a baseline's means the baseline; a file of that name is meant by `./NAME`.
fn read_policy(given: &str, choices: &Choices) -> anyhow::Result<(Vec<Named>, BTreeSet<String>)> {
    if let Some(baseline) = baselines::find(given) {
        return Ok((vec![Named::Baseline(baseline)], BTreeSet::new()));
    }
    if given == transient::NAME {
        return Ok((vec![Named::TransientPerJob], BTreeSet::new()));
    }
    let read = read_text(Path::new(given));
    if let Err(error) = &read
        && error.kind() == io::ErrorKind::NotFound
    {
        bail!("{}", neither_file_nor_baseline(given));
    }
    let text = read.with_context(|| format!("{given} cannot be read"))?;
    let (policies, names) = read_policies(Path::new(given), &text, choices)?;
    Ok((policies.into_iter().map(Named::File).collect(), names))
}

fn neither_file_nor_baseline(given: &str) -> String {
    let remedy = match nearest(
        given,
        BASELINES
            .iter()
            .map(|baseline| baseline.name)
            .chain([transient::NAME]),
    ) {
        Some(meant) => format!("did you mean the baseline `{meant}`?"),
        None => "`headroom baselines` lists the baselines".to_owned(),
    };
    format!("--policy {given}: there is neither a file nor a baseline of this name; {remedy}")
}

/// The trace under its name; or, where the trace does not show how long containers live, under several
/// assumptions, each with a name of its own.
fn read_trace(source: &Source) -> anyhow::Result<Vec<(String, Loaded)>> {
    let read = |assumed: Option<Duration>| {
        let loaded = source.read(assumed)?;
        let name = assumed.map_or_else(
            || source.name.clone(),
            |assumed| {
                format!(
                    "{} (containers of {})",
                    source.name,
                    display_duration(assumed)
                )
            },
        );
        Ok((name, loaded))
    };
    match read(None) {
        Err(error) if InputError::needs_container_lifetime(&error) => {
            let band: Vec<String> = ASSUMED_LIFETIMES
                .iter()
                .map(|lifetime| display_duration(*lifetime).to_string())
                .collect();
            note(format_args!(
                "note: {} does not count released containers, so how long they live is unknown; tried with {}",
                source.trace.display(),
                band.join(", ")
            ));
            Ok(ASSUMED_LIFETIMES
                .iter()
                .map(|lifetime| read(Some(*lifetime)))
                .collect::<Result<_, InputError>>()?)
        }
        other => Ok(vec![other?]),
    }
}

fn warn_of_what_is_missing(source: &Source, loaded: &Loaded) {
    if let Some(torn) = &loaded.torn_tail {
        note(format_args!(
            "note: {}:{}: the line is torn off and left out",
            torn.path.display(),
            torn.line
        ));
    }
    if let TraceWork::Observations(load) = &loaded.workload
        && let [(from, to), rest @ ..] = load.gaps()
    {
        let more = if rest.is_empty() {
            String::new()
        } else {
            format!(" and {} more", rest.len())
        };
        note(format_args!(
            "note: {}: no observations from {from} to {to}{more}; no work arrives there",
            source.trace.display()
        ));
    }
    if let TraceWork::Observations(load) = &loaded.workload
        && !load.knows_vcores()
    {
        let trace = source.trace.display();
        note(format_args!(
            "note: {trace} does not count vcores throughout; where it does not, containers take memory only"
        ));
    }
}

fn compare(
    args: &Args,
    name: String,
    source: &Source,
    loaded: &Loaded,
    policies: &[(String, Named)],
) -> anyhow::Result<(Comparison, Vec<Trial>)> {
    let scenario_file = source
        .scenario_file
        .as_deref()
        .unwrap_or(Path::new("the chosen cluster"))
        .display();
    let (scenario, chosen_cluster) = cluster_for(source, &[&loaded.workload])?;
    let testbed = Testbed::new(name.clone(), &loaded.workload, &scenario)
        .with_context(|| scenario_file.to_string())?;
    let of_files = policies.iter().filter_map(|(_, policy)| match policy {
        Named::File(given) => Some(given),
        Named::Baseline(_) | Named::TransientPerJob => None,
    });
    let left_out = left_out(of_files, &scenario, loaded.workload.says_what_is_left())?;
    let candidates = candidates(&testbed, policies, &left_out);
    // Within u64: the parser of the arguments leaves room for the most seeds.
    let seeds = args.seed..args.seed + u64::from(args.seeds);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos} of {len} runs")?;
    let runs = testbed.runs(&candidates, u64::from(args.seeds));
    let progress = ProgressBar::with_draw_target(Some(runs), ProgressDrawTarget::hidden())
        .with_style(style)
        .with_message(name.clone());
    let recording = Recording {
        series: args.series.is_some(),
        observations: false,
    };
    let trials = testbed.compare(&candidates, seeds, recording, || advance(&progress, 1));
    progress.finish_and_clear();
    // The policies fit the cluster: what is wrong now is the work.
    let trials = trials.with_context(|| source.trace.display().to_string())?;
    let note = TraceNote {
        name,
        kind: loaded.header.kind,
        synthetic: loaded.header.synthetic,
        goal: scenario.slo_wait,
        shortage: testbed.shortage(&candidates, &trials, args.seed)?,
        cut_off: testbed.cut_off(&trials),
        chosen_cluster,
        left_out,
    };
    let cards = trials.iter().map(|trial| trial.card.clone()).collect();
    Ok((Comparison::new(note, cards), trials))
}

fn candidates(
    testbed: &Testbed<'_>,
    policies: &[(String, Named)],
    left_out: &[LeftOut],
) -> Vec<Candidate> {
    if policies.is_empty() {
        return testbed.all_baselines();
    }
    let fitting = policies
        .iter()
        .filter(|(name, _)| left_out.iter().all(|left| left.policy != *name));
    let candidate = |(name, policy): &(String, Named)| Candidate {
        name: name.clone(),
        ..match policy {
            Named::Baseline(baseline) => testbed.baseline(baseline),
            Named::TransientPerJob => Candidate::transient_per_job(),
            Named::File(given) => Candidate::of(given.policy.clone()),
        }
    };
    fitting.map(candidate).collect()
}

fn series_of(trial: &Trial) -> Series<'_> {
    Series {
        trace: &trial.card.trace,
        policy: &trial.card.policy,
        seed: trial.card.seed,
        points: &trial.run.series,
    }
}

fn print_results(
    format: Format,
    comparisons: &[Comparison],
    trials: Vec<Trial>,
) -> anyhow::Result<()> {
    let cards: Vec<Scorecard> = trials.into_iter().map(|trial| trial.card).collect();
    match format {
        Format::Table => {
            let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let look = Look {
                width: terminal_width(),
                colour,
            };
            output::print_bytes(table::render(comparisons, look).as_bytes())
        }
        Format::Json => output::print(&export::json(comparisons, &cards)?),
        Format::Csv => output::print_bytes(&export::csv(&cards)?),
    }
}
