//! `headroom rehearse`.

use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

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
use headroom::sim::Recording;
use headroom::sim::load::Source;
use headroom::units::display_duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

/// Scales where nothing else is said.
const DEFAULT_BASELINE: &str = "available-memory";
/// The policy of a simulation's folder.
const POLICY_NAME: &str = "policy.yaml";
/// Faster, and a tick would take longer than the time between two.
const FASTEST: i64 = 1_000;

/// Watch the daemon at work on a simulated cluster, without AWS
#[derive(clap::Args)]
#[command(
    after_help = "The daemon is the real one: it reads YARN and EMR over HTTP, decides, writes its journal and calls \
ModifyInstanceGroups. Only the cluster is simulated: it serves these APIs on a loopback port of its own, and nothing leaves \
this machine. Time goes faster; the clock shows the time of the trace. YARN's numbers are those of the moment: delays and \
losses of metrics that the scenario may have are not rehearsed.

Examples:
  headroom rehearse simulations/office-day
  headroom rehearse simulations/short-containers --speed 240 --for 2h
  headroom rehearse simulations/office-day --policy hpa
  headroom rehearse my.trace.zst --policy my-policy.yaml --keep rehearsal"
)]
pub struct Args {
    /// A trace, or a folder with a trace and its scenario.yaml
    #[arg(value_name = "SIMULATION")]
    simulation: PathBuf,
    /// Seconds of the simulation for each second of yours
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=FASTEST))]
    speed: u32,
    /// A policy file, or the name of a baseline [default: the simulation's policy.yaml, or
    /// available-memory]
    #[arg(long, value_name = "FILE_OR_BASELINE")]
    policy: Option<String>,
    /// Luck: provisioning times, failures, interruptions
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// End after this time of the simulation, such as 2h [default: when all work is done]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    at_most: Option<Duration>,
    /// Where the daemon serves its status page and metrics
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9742")]
    listen: SocketAddr,
    /// Where policy, journal and log are left [default: a new folder among the temporary ones]
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
        .context("the runtime cannot start")?;
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

/// Lines as they happen, and a live picture below them.
struct Stage {
    narrator: Narrator,
    live: ProgressBar,
    /// Write reasons less brightly than what they are reasons for.
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
            // A reader that went away does not keep the rehearsal from going on.
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

/// Lines of at most so many characters, longer words aside.
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
        "Rehearsing {} with the policy {}.\n{} of work at {} times its speed, about {}. Ctrl-C ends it.\n\n  \
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
        Ending::TimeUp => "The time is up",
        Ending::Stopped => "Stopped",
    };
    // A recording of load knows no jobs.
    let jobs = if run.jobs.is_empty() {
        String::new()
    } else {
        format!("{} jobs are finished, ", run.jobs.len())
    };
    let (done, total) = (run.tasks_finished, run.tasks_total);
    let mut text = format!(
        "\n{why} after {}: {jobs}{done} of {total} tasks have run.\n\n",
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
        "\nPolicy, journal and log are in {folder}. To go on:\n  headroom explain {journal}\n  headroom simulate --verify {journal}\n"
    )
}

/// Where a rehearsal leaves its files. A temporary one is gone again unless it is kept.
struct Folder {
    path: PathBuf,
    temporary: Option<TempDir>,
}

impl Folder {
    /// A folder that holds no earlier rehearsal: a journal that goes on where another one ended
    /// would make no sense.
    fn new(keep: Option<&Path>) -> anyhow::Result<Self> {
        let Some(keep) = keep else {
            let temporary = tempfile::Builder::new()
                .prefix("headroom-rehearsal-")
                .tempdir();
            let temporary =
                temporary.context("no temporary folder can be made; name one with --keep")?;
            return Ok(Self {
                path: temporary.path().to_owned(),
                temporary: Some(temporary),
            });
        };
        let cannot = || format!("{} cannot be used", keep.display());
        fs::create_dir_all(keep).with_context(cannot)?;
        if fs::read_dir(keep).with_context(cannot)?.next().is_some() {
            bail!(
                "{} is not empty; give each rehearsal a folder of its own",
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

/// The file that the daemon will read: a baseline is written to `folder`, within the scenario's
/// limits.
fn policy(args: &Args, source: &Source, folder: &Path) -> anyhow::Result<PathBuf> {
    let beside = args.simulation.join(POLICY_NAME);
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
        None if beside.is_file() => return Ok(beside),
        None => baselines::find(DEFAULT_BASELINE).context("the default baseline is missing")?,
    };
    write_baseline(baseline, source, &folder.join(POLICY_NAME))
}

fn write_baseline(baseline: &Baseline, source: &Source, path: &Path) -> anyhow::Result<PathBuf> {
    let (group, limits) = scaled_group(&source.scenario)?;
    let text = baseline.text_for(
        limits,
        &Selector::Id(source.scenario.groups[group].id.clone()),
    );
    write_whole(path, text.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(path.to_owned())
}

/// What the daemon logs goes to a file: the terminal belongs to the picture.
fn start_log(path: &Path) -> anyhow::Result<()> {
    let file =
        File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::INFO)
        .with_writer(file)
        .with_ansi(false)
        .with_target(false)
        .init();
    Ok(())
}

fn say(text: &str) -> anyhow::Result<()> {
    super::print(text.as_bytes())
}

fn duration(text: &str) -> Result<Duration, String> {
    scalar::duration(text).map_err(|refusal| refusal.to_string())
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}
