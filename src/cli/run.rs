//! `headroom run`.

use std::io::IsTerminal;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::output::print;
use anyhow::Context;
use headroom::daemon::clock::Clock;
use headroom::daemon::settings::{Flags, LogFormat, LogSettings, SETTINGS, Settings};
use headroom::daemon::telemetry::report::TickReport;
use headroom::daemon::telemetry::server::Server;
use headroom::daemon::{discovery, start};
use headroom::safe_text::LogWriter;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// The settings file that is read without `--config`, if it exists.
pub const DEFAULT_CONFIG: &str = "/etc/headroom/headroom.toml";

const ABOUT: &str = "The daemon starts only if its self-test passes: the policy is valid, EMR and \
CloudWatch can be read, each target matches one group, and no Amazon scaling policy is attached to \
it (a dry run starts anyway, and holds). YARN and HDFS may still be down. The daemon writes each \
decision and its reason to a journal before it acts; `headroom explain` shows them.

AWS credentials and region are found by the AWS SDK (environment, profile, instance role). \
AWS_ENDPOINT_URL is supported.

The daemon stops on SIGTERM or Ctrl-C, after the current tick.";

const EXAMPLES: &str = "Examples:
  headroom run --policy policies/available-memory.yaml --dry-run --once --state-dir state
  headroom run --config /etc/headroom/headroom.toml --dry-run
  headroom run --config /etc/headroom/headroom.toml";

/// Run the daemon: observe a cluster, decide, and resize it
#[derive(clap::Args)]
#[command(
    after_help = format!("{ABOUT}\n\nSettings: see `headroom run --help`.\n\n{EXAMPLES}"),
    after_long_help = format!("{ABOUT}\n\n{}\n{EXAMPLES}", settings_help())
)]
pub struct Args {
    /// The settings file (TOML) [default: /etc/headroom/headroom.toml, if it exists]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Decide and write the journal, but change nothing; needs only read permissions
    #[arg(long)]
    dry_run: bool,
    /// Observe and decide once (one tick), act unless --dry-run, print the decisions, and exit
    #[arg(long)]
    once: bool,
    /// The policy file; overrides `policy` in the settings
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The folder of the journal; overrides `state_dir` in the settings
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// The cluster id [default: the cluster that this primary node belongs to]
    #[arg(long, value_name = "ID")]
    cluster_id: Option<String>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let flags = Flags {
        policy: args.policy.clone(),
        state_dir: args.state_dir.clone(),
        cluster_id: args.cluster_id.clone(),
        dry_run: args.dry_run,
    };
    let settings = Settings::load(config_file(args.config.as_deref()), flags)?;
    start_log(settings.log);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")?;
    runtime.block_on(live(args.once, &settings))
}

/// The named file, or the default one if it exists.
pub fn config_file(named: Option<&Path>) -> Option<&Path> {
    named.or_else(|| Some(Path::new(DEFAULT_CONFIG)).filter(|default| default.is_file()))
}

async fn live(once: bool, settings: &Settings) -> anyhow::Result<()> {
    let aws = &settings.aws;
    let sdk = discovery::sdk_config(aws.region.as_deref(), aws.ca_file.as_deref()).await?;
    let mut daemon = start::start(settings, &sdk, Clock::real()).await?;
    if once {
        let report = daemon.once().await?;
        return print(&decisions(&report));
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let server = match settings.listen {
        Some(address) => {
            let listener = TcpListener::bind(address)
                .with_context(|| format!("cannot listen on {address}; change the setting `listen`, or stop what uses the port"))?;
            tracing::info!(%address, "serving the status page, /metrics, /healthz, /readyz and /api/v1/status");
            let server = Server::start(listener, daemon.monitor());
            Some(server.context("the HTTP server cannot start")?)
        }
        None => None,
    };
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping after the current tick");
        let _ = stop.send(true);
    });
    daemon.run(until(stopped), |_| {}).await?;
    if let Some(server) = server {
        server.stop().await.context("the HTTP server failed")?;
    }
    tracing::info!("stopped; the journal is complete");
    Ok(())
}

async fn until(mut stopped: tokio::sync::watch::Receiver<bool>) {
    // An error means that the sender is dropped, which ends the wait as well.
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn decisions(report: &TickReport) -> String {
    let lines = report
        .decisions
        .iter()
        .map(|decision| format!("{decision}\n"));
    lines.collect()
}

/// Every setting with its environment variable, its default and its meaning.
fn settings_help() -> String {
    let mut text = "Settings, in a TOML file such as deploy/headroom.toml: `yarn.timeout` is \
`timeout` in [yarn]. The environment variable overrides the file. A list is comma-separated there, \
and strings are not quoted.\n"
        .to_owned();
    for setting in SETTINGS {
        let default = setting
            .default
            .map(|default| format!(" [default: {default}]"));
        text += &format!(
            "\n  {} ({})\n      {}{}\n",
            setting.key,
            setting.environment_variable(),
            setting.help,
            default.unwrap_or_default()
        );
    }
    text
}

/// Sends the log to standard error; standard output is for results.
///
/// The libraries log at most warnings: in detail, those for AWS and HTTP log whole requests, with
/// session tokens and signatures. The SDK warns of each place where it finds no region or credentials,
/// with pages of detail. The error that follows says what to do, so that the warnings are shown only at
/// the level `debug`.
pub fn start_log(settings: LogSettings) {
    let library_level = settings.level.min(tracing::Level::WARN);
    let sdk_level = if settings.level > tracing::Level::INFO {
        library_level
    } else {
        tracing::Level::ERROR
    };
    let filter = Targets::new()
        .with_default(library_level)
        .with_target("headroom", settings.level)
        .with_target("aws_config", sdk_level);
    let is_coloured = matches!(settings.format, LogFormat::Text)
        && std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt()
        .with_max_level(settings.level)
        .with_writer(move || LogWriter::new(std::io::stderr(), is_coloured))
        .with_target(false);
    match settings.format {
        LogFormat::Text => log.with_ansi(is_coloured).finish().with(filter).init(),
        LogFormat::Json => log.json().finish().with(filter).init(),
    }
}
