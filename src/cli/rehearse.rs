//! `headroom rehearse`.

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::output::print;
use anyhow::{Context, bail};
use headroom::daemon::telemetry::report::TickReport;
use headroom::evaluation::scorecard::Label;
use headroom::evaluation::trials::{Candidate, Testbed, scaled_group};
use headroom::file::write_whole;
use headroom::policy::Selector;
use headroom::policy::baselines::{self, Baseline};
use headroom::policy::scalar;
use headroom::rehearsal::narrator::{Line, Narrator, Picture, time_of_day};
use headroom::rehearsal::{Ending, Plan, Rehearsal, Rehearsed, summary};
use headroom::safe_text::LogWriter;
use headroom::sim::Recording;
use headroom::sim::input::Source;
use headroom::units::display_duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// The policy without --policy and without a policy in the folder.
const DEFAULT_BASELINE: &str = "available-memory";
/// The policy file in a simulation's folder.
const POLICY_NAME: &str = "policy.yaml";
/// The highest speed at which a tick still ends before the next one is due.
const FASTEST: i64 = 1_000;

/// Run the daemon on a simulated cluster, without AWS
#[derive(clap::Args)]
#[command(
    after_help = "The daemon is the real one: it reads YARN and EMR over HTTP, decides, writes its journal and calls \
ModifyInstanceGroups. The cluster is simulated: it serves these APIs on a loopback port, and nothing leaves \
this machine. Time runs faster, and the clock shows the time of the trace. YARN's metrics are always current: a \
rehearsal ignores the delays and losses of metrics that a scenario may set.

Examples:
  headroom rehearse simulations/office-day
  headroom rehearse simulations/short-containers --speed 240 --for 2h
  headroom rehearse simulations/office-day --policy hpa
  headroom rehearse my.trace.zst --policy my-policy.yaml --keep rehearsal"
)]
pub struct Args {
    /// A trace, or a folder with a trace and its scenario.yaml
    #[arg(value_name = "TRACE_OR_FOLDER")]
    simulation: PathBuf,
    /// How many times faster than real time the simulation runs
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=FASTEST))]
    speed: u32,
    /// A policy file or the name of a baseline [default: policy.yaml in the folder, if there is one,
    /// else available-memory]
    #[arg(long, value_name = "FILE_OR_BASELINE")]
    policy: Option<String>,
    /// The seed of provisioning times, failures and interruptions
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// End after this simulated time, such as 2h [default: when all work is done]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    at_most: Option<Duration>,
    /// The address of the daemon's status page and metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9742")]
    listen: SocketAddr,
    /// An empty folder for the policy, the journal and the log [default: a new temporary folder]
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let source = Source::find(&args.simulation, None)?;
    let workload = Arc::new(source.read(None)?.workload);
    let folder = Folder::new(args.keep.as_deref())?;
    start_log(&folder.path.join("log"))?;
    let plan = Plan {
        name: source.name.clone(),
        workload,
        policy: policy(args, &source, &folder.path)?,
        scenario: source.scenario,
        seed: args.seed,
        speed: args.speed,
        at_most: args.at_most,
        listen: args.listen,
        state_dir: folder.path.clone(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")?;
    runtime.block_on(rehearse(plan, folder))
}

async fn rehearse(plan: Plan, folder: Folder) -> anyhow::Result<()> {
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let rehearsal = Rehearsal::start(plan.clone()).await?;
    let folder = folder.keep();
    say(&introduction(&plan, &rehearsal))?;
    let journal = rehearsal.journal().clone();
    let mut stage = Stage::new(&rehearsal)?;
    let asked_to_stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let policy = rehearsal.policy().clone();
    let rehearsed = rehearsal
        .run(asked_to_stop, |report| stage.show(report))
        .await?;
    stage.live.finish_and_clear();
    say(&conclusion(&plan, Candidate::of(policy), &rehearsed)?)?;
    say(&next_steps(&journal, &folder))
}

/// The terminal: lines as things happen, and the current state below them.
struct Stage {
    narrator: Narrator,
    live: ProgressBar,
    /// Dim the reasons of decisions.
    colour: bool,
}

impl Stage {
    fn new(rehearsal: &Rehearsal) -> anyhow::Result<Self> {
        let style = ProgressStyle::with_template("{prefix}  {bar:16} {wide_msg}")?
            .progress_chars("█▉▊▋▌▍▎▏ ");
        let live = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::stderr())
            .with_style(style);
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Ok(Self {
            narrator: Narrator::new(rehearsal.policy()),
            live,
            colour,
        })
    }

    fn show(&mut self, report: &TickReport) {
        for line in self.narrator.lines(report) {
            let text = written(&line, self.colour);
            // The rehearsal continues even if standard output is closed.
            self.live.suspend(|| say(&text).unwrap_or_default());
        }
        if let Some(Picture {
            at,
            used_percent,
            text,
        }) = Picture::of(report)
        {
            self.live.set_prefix(time_of_day(at).to_string());
            self.live.set_message(text);
            self.live.set_position(used_percent);
        }
    }
}

fn written(line: &Line, colour: bool) -> String {
    let mut text = format!("{}  {}\n", time_of_day(line.at), line.text);
    let (dim, plain) = if colour {
        ("\x1b[2m", "\x1b[0m")
    } else {
        ("", "")
    };
    for part in line.detail.iter().flat_map(|detail| wrapped(detail, 70)) {
        text += &format!("          {dim}{part}{plain}\n");
    }
    text
}

/// Wraps text at `width` characters; longer words are not broken.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines
            .last_mut()
            .filter(|line| line.chars().count() + 1 + word.chars().count() <= width)
        {
            Some(line) => *line += &format!(" {word}"),
            None => lines.push(word.to_owned()),
        }
    }
    lines
}

fn introduction(plan: &Plan, rehearsal: &Rehearsal) -> String {
    let span = plan.at_most.map_or(plan.workload.span(), |at_most| {
        at_most.min(plan.workload.span())
    });
    let real = whole_seconds(span / plan.speed);
    let (status, services) = (rehearsal.status_url(), rehearsal.services_url());
    format!(
        "Rehearsing {} with the policy {}.\n{} of work at {} times real time, which takes about {}. Press Ctrl-C to stop.\n\n  \
         status page  {status}/\n  metrics      {status}/metrics\n  \
         YARN         {services}ws/v1/cluster/metrics\n  EMR          {services}\n\n",
        plan.name,
        rehearsal.policy().name(),
        display_duration(Duration::from_secs(span.as_secs() / 60 * 60)),
        plan.speed,
        display_duration(real),
    )
}

fn conclusion(plan: &Plan, candidate: Candidate, rehearsed: &Rehearsed) -> anyhow::Result<String> {
    let run = &rehearsed.run;
    let lasted = whole_seconds(run.end.since(run.start));
    let why = match rehearsed.ending {
        Ending::WorkDone => "All work is done",
        Ending::TimeUp => "Time is up",
        Ending::Stopped => "Stopped",
    };
    // A trace of observations has no jobs.
    let jobs = if run.jobs.is_empty() {
        String::new()
    } else {
        format!("{} jobs and ", run.jobs.len())
    };
    let (done, total) = (run.tasks_finished, run.tasks_total);
    let mut text = format!(
        "\n{why} after {}: {jobs}{done} of {total} tasks finished.\n\n",
        display_duration(lasted)
    );
    let testbed = Testbed::new(plan.name.clone(), &plan.workload, &plan.scenario)?;
    let label = Label {
        trace: plan.name.clone(),
        policy: candidate.name.clone(),
        seed: plan.seed,
    };
    let card = testbed.score(label, run);
    if rehearsed.ending == Ending::WorkDone {
        let simulated = testbed.compare(
            &[candidate],
            plan.seed..plan.seed.saturating_add(1),
            Recording::default(),
            || {},
        )?;
        let simulated = simulated
            .first()
            .map(|trial| ("headroom simulate", &trial.card));
        let rows: Vec<_> = std::iter::once(("rehearsed", &card))
            .chain(simulated)
            .collect();
        text += &summary::table(&rows);
    } else {
        text += &summary::table(&[("so far", &card)]);
    }
    Ok(text)
}

fn next_steps(journal: &Path, folder: &Path) -> String {
    let (journal, folder) = (journal.display(), folder.display());
    format!(
        "\nThe policy, the journal and the log are in {folder}. Next:\n  headroom explain {journal}\n  headroom simulate --verify {journal}\n"
    )
}

/// The folder of a rehearsal's files. A temporary one is deleted unless it is kept.
struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Folder {
    /// Prepares a folder. It must be empty, because a rehearsal cannot continue the journal of
    /// another one.
    fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        let Some(keep) = keep else {
            let temporary = tempfile::Builder::new()
                .prefix("headroom-rehearsal-")
                .tempdir();
            let temporary =
                temporary.context("cannot create a temporary folder; name one with --keep")?;
            return Ok(Self {
                path: temporary.path().to_owned(),
                temporary: Some(temporary),
            });
        };
        let cannot = || format!("{} cannot be used", keep.display());
        fs::create_dir_all(keep).with_context(cannot)?;
        if fs::read_dir(keep).with_context(cannot)?.next().is_some() {
            bail!(
                "{} is not empty; name an empty or a new folder",
                keep.display()
            );
        }
        Ok(Self {
            path: keep.to_owned(),
            temporary: None,
        })
    }

    fn keep(self) -> PathBuf {
        self.temporary.map_or(self.path, TempDir::keep)
    }
}

/// The policy file for the daemon. A baseline is written to `folder`, with the scenario's limits.
fn policy(args: &Args, source: &Source, folder: &Path) -> anyhow::Result<PathBuf> {
    let in_folder = args.simulation.join(POLICY_NAME);
    let baseline = match args.policy.as_deref() {
        Some(given) => match baselines::find(given) {
            Some(baseline) => baseline,
            None if Path::new(given).exists() => return Ok(PathBuf::from(given)),
            None => {
                bail!(
                    "--policy {given}: there is neither a file nor a baseline of this name; `headroom baselines` lists the baselines"
                )
            }
        },
        None if in_folder.is_file() => return Ok(in_folder),
        None => baselines::find(DEFAULT_BASELINE).context("the default baseline is missing")?,
    };
    write_baseline(baseline, source, &folder.join(POLICY_NAME))
}

fn write_baseline(baseline: &Baseline, source: &Source, path: &Path) -> anyhow::Result<PathBuf> {
    let (group, limits) = scaled_group(&source.scenario)?;
    let group = &source.scenario.groups[group];
    let text = baseline.text_for(limits, &Selector::Id(group.id.clone()), group.kind);
    write_whole(path, text.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path.to_owned())
}

/// Sends the daemon's log to a file; the terminal shows the rehearsal.
fn start_log(path: &Path) -> anyhow::Result<()> {
    let file =
        File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
    let file = Arc::new(file);
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(move || LogWriter::new(Arc::clone(&file), false))
        .with_ansi(false)
        .with_target(false)
        .init();
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    print(text)
}

fn duration(text: &str) -> Result<Duration, String> {
    scalar::duration(text).map_err(|refusal| refusal.to_string())
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}
