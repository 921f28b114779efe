//! `headroom status`.

use std::process::ExitCode;
use std::time::Duration;

use super::output::print;
use anyhow::{Context, bail};
use headroom::daemon::telemetry::server::DEFAULT_LISTEN;
use headroom::daemon::telemetry::status::Status;
use headroom::daemon::telemetry::status::text::text;

/// A daemon answers from memory, so a slower one is broken.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Show the state of the daemon on this machine
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 if the daemon is healthy, 1 if it is not or does not answer.

Examples:
  headroom status
  headroom status --health          for health checks
  headroom status --format json | jq .tick.targets"
)]
pub struct Args {
    /// The address on which the daemon listens
    #[arg(long, default_value_t = format!("http://{DEFAULT_LISTEN}"))]
    url: String,
    /// Print only `ok`, or why the daemon is unhealthy
    #[arg(long, conflicts_with = "format")]
    health: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")?;
    let body = runtime.block_on(fetch(&args.url))?;
    let status: Status = serde_json::from_str(&body).with_context(|| {
        format!(
            "{} did not answer as Headroom {} does; is another program or version listening there?",
            args.url,
            env!("CARGO_PKG_VERSION")
        )
    })?;
    let shown = match args.format {
        _ if args.health && status.unhealthy.is_empty() => "ok\n".to_owned(),
        _ if args.health => format!("{}\n", status.unhealthy.join("\n")),
        Format::Text => text(&status),
        Format::Json => format!("{body}\n"),
    };
    print(&shown)?;
    Ok(if status.unhealthy.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn fetch(url: &str) -> anyhow::Result<String> {
    // A proxy from the environment cannot reach a daemon on localhost.
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .build()
        .context("the HTTP client cannot start")?;
    let answer = client
        .get(format!("{}/api/v1/status", url.trim_end_matches('/')))
        .send()
        .await;
    let answer = answer.with_context(|| {
        format!("no daemon answers at {url}; check that `headroom run` is running, or name its address with --url")
    })?;
    if !answer.status().is_success() {
        bail!(
            "{url} answered {}; check that a Headroom daemon listens there",
            answer.status()
        );
    }
    answer
        .text()
        .await
        .with_context(|| format!("the answer of {url} is incomplete"))
}
