//! `headroom run`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use headroom::daemon::clock::Clock;
use headroom::daemon::settings::{Flags, LogFormat, LogSettings, Settings};
use headroom::daemon::telemetry::report::TickReport;
use headroom::daemon::telemetry::server;
use headroom::daemon::{discovery, start};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Where packages put the settings; read when no `--config` is given and it is there.
pub const DEFAULT_CONFIG: &str = "/etc/headroom/headroom.toml";

/// Run the daemon beside a cluster: observe, decide, write down, act
#[derive(clap::Args)]
#[command(
    after_help = "The daemon starts only if its self-test passes: the policy is right, EMR, YARN and CloudWatch can be read, each target \
means one group, and no policy of Amazon's own is attached to it. What it decides, and why, goes to a journal in \
its state folder before anything is done; `headroom explain` reads it.

Settings are TOML: deploy/headroom.toml lists them all. Each can be set in the environment, too:
  HEADROOM__YARN__TIMEOUT=5s   for `timeout` in [yarn]
Credentials and region come from where the AWS SDK looks for them (environment, profile, instance role);
AWS_ENDPOINT_URL and its kin are honoured.

Examples:
  headroom run --policy policies/available-memory.yaml --dry-run --once --state-dir state
  headroom run --config /etc/headroom/headroom.toml --dry-run
  headroom run --config /etc/headroom/headroom.toml

It ends on SIGTERM or Ctrl-C, after the tick that it is in."
)]
pub struct Args {
    /// Settings, TOML [default: /etc/headroom/headroom.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Decide and write down, but change nothing; needs read permissions only
    #[arg(long)]
    dry_run: bool,
    /// One tick, its decisions on standard output, and the end
    #[arg(long)]
    once: bool,
    /// The policy, in place of the settings' one
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Where journal and lock lie, in place of the settings' folder
    #[arg(long, value_name = "FOLDER")]
    state_dir: Option<PathBuf>,
    /// The cluster [default: the one whose primary node this is]
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
        .context("the runtime cannot start")?;
    runtime.block_on(live(args.once, &settings))
}

/// The file that was named, or the default one if it is there.
pub fn config_file(named: Option<&Path>) -> Option<&Path> {
    named.or_else(|| Some(Path::new(DEFAULT_CONFIG)).filter(|default| default.is_file()))
}

async fn live(once: bool, settings: &Settings) -> anyhow::Result<()> {
    let sdk = discovery::sdk_config(settings.aws.region.as_deref()).await?;
    let mut daemon = start::start(settings, &sdk, Clock::real()).await?;
    if once {
        let report = daemon.once().await?;
        return super::print(&in_words(&report));
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let server = match settings.listen {
        Some(address) => {
            let listener = TcpListener::bind(address)
                .await
                .with_context(|| format!("`listen`: {address} cannot be served"))?;
            tracing::info!(%address, "status page, /metrics, /healthz, /readyz, /api/v1/status");
            Some(tokio::spawn(server::run(
                listener,
                daemon.monitor(),
                until(stopped.clone()),
            )))
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
        tracing::info!("asked to stop");
        let _ = stop.send(true);
    });
    daemon.run(until(stopped), |_| {}).await?;
    if let Some(server) = server {
        server.await.context("the HTTP server broke off")??;
    }
    tracing::info!("stopped; the journal is complete");
    Ok(())
}

async fn until(mut stopped: tokio::sync::watch::Receiver<bool>) {
    // An error means that the sender is gone, which ends the wait as well.
    let _ = stopped.wait_for(|stop| *stop).await;
}

fn in_words(report: &TickReport) -> Vec<u8> {
    let mut text = Vec::new();
    for decision in &report.decisions {
        let _ = writeln!(text, "{decision}");
    }
    text
}

/// Logs go to standard error, so that standard output has results only.
pub fn start_log(settings: LogSettings) {
    let log = tracing_subscriber::fmt()
        .with_max_level(settings.level)
        .with_writer(std::io::stderr)
        .with_target(false);
    match settings.format {
        LogFormat::Text => log
            .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
            .init(),
        LogFormat::Json => log.json().init(),
    }
}
