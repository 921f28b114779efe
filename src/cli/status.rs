//! `headroom status`.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, bail};
use headroom::daemon::telemetry::server::DEFAULT_LISTEN;
use headroom::daemon::telemetry::status::Status;
use headroom::daemon::telemetry::status::text::text;

/// A daemon answers from memory: what takes longer does not work.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Tell how the daemon on this machine stands
#[derive(clap::Args)]
#[command(
    after_help = "Exit codes: 0 the loop is alive, 1 it is not, or nothing answers.

Examples:
  headroom status
  headroom status --health          for health checks: only what is wrong
  headroom status --format json | jq .tick.targets"
)]
pub struct Args {
    /// Where the daemon listens
    #[arg(long, default_value_t = format!("http://{DEFAULT_LISTEN}"))]
    url: String,
    /// Say only what keeps the loop from being alive
    #[arg(long, conflicts_with = "format")]
    health: bool,
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
        .context("no runtime for the request")?;
    let body = runtime.block_on(fetch(&args.url))?;
    let status: Status = serde_json::from_str(&body).with_context(|| {
        format!(
            "{} answers, but not as Headroom {} does",
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
    super::print(shown.as_bytes())?;
    Ok(if status.unhealthy.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn fetch(url: &str) -> anyhow::Result<String> {
    // A proxy of the environment does not lead to this machine's own daemon.
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .build()
        .context("no HTTP client")?;
    let answer = client
        .get(format!("{}/api/v1/status", url.trim_end_matches('/')))
        .send()
        .await;
    let answer = answer.with_context(|| {
        format!("no daemon answers at {url}; is `headroom run` running, and listening there?")
    })?;
    if !answer.status().is_success() {
        bail!(
            "{url} answered {}; is that a Headroom daemon?",
            answer.status()
        );
    }
    answer
        .text()
        .await
        .with_context(|| format!("{url} broke off its answer"))
}
