//! `headroom record`.

use std::path::{Path, PathBuf};

use super::output::{check_output, note};
use super::progress_bar::advance;
use anyhow::Context;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use clap::Subcommand;
use headroom::daemon::clock::Clock;
use headroom::daemon::discovery;
use headroom::file::write_whole;
use headroom::record::{self, Asked, Recorded, When};
use headroom::units::display_duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Make a trace from the recorded history of a cluster
#[derive(clap::Args)]
#[command(after_help = "Example:
  headroom record cloudwatch --cluster-id j-2AXXXXXXGAPLF --from 14d --out history.trace")]
pub struct Args {
    #[command(subcommand)]
    source: Source,
}

#[derive(Subcommand)]
enum Source {
    Cloudwatch(CloudWatch),
}

/// Record a cluster from its CloudWatch metrics; Headroom need not have run on it
#[derive(clap::Args)]
#[command(
    override_usage = "headroom record cloudwatch --cluster-id ID --from TIME --out FILE",
    after_help = "EMR publishes the load of every cluster to CloudWatch: every minute with managed \
scaling, otherwise every five minutes. CloudWatch keeps one-minute means for 15 days, five-minute means \
for 63 days and hourly means for 455 days; the age of --from decides which are used.

CloudWatch has no pending memory and no vcores; docs/traces.md describes the estimates. The \
command needs the permission cloudwatch:GetMetricData, and cloudwatch:ListMetrics if \
nothing is found. It costs less than 0.01 USD.

If a recording is interrupted, run the same command again to continue it.

Examples:
  headroom record cloudwatch --cluster-id j-2AXXXXXXGAPLF --from 14d \
      --out history.trace.zst --scenario-out cluster.yaml
  headroom simulate history.trace.zst --scenario cluster.yaml --policy mine.yaml"
)]
struct CloudWatch {
    /// The cluster; it may have terminated
    #[arg(long, value_name = "ID")]
    cluster_id: String,
    /// Start: a day (2026-11-01, in UTC), a time (2026-11-01T08:00:00Z), or an age (14d)
    #[arg(long, value_name = "TIME")]
    from: When,
    /// End, in the same forms as --from
    #[arg(long, value_name = "TIME", default_value = "now")]
    to: When,
    /// The trace to write; replaced if it exists, and compressed if the name ends in .zst
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also write a scenario of the cluster for `simulate --scenario`. EMR keeps the description of a
    /// terminated cluster for two months
    #[arg(long, value_name = "FILE")]
    scenario_out: Option<PathBuf>,
    /// The cluster's region [default: from the environment or the profile]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// A profile of the shared AWS configuration [default: AWS_PROFILE]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let Source::Cloudwatch(args) = &args.source;
    check_output(&args.out)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")?;
    args.scenario_out.as_deref().map_or(Ok(()), check_output)?;
    runtime.block_on(async {
        let config = configuration(args).await?;
        let recorded = record(args, &config).await?;
        report(&recorded, args);
        match &args.scenario_out {
            Some(path) => write_scenario(path, args, &config, &recorded).await,
            None => Ok(()),
        }
    })
}

async fn write_scenario(
    path: &Path,
    args: &CloudWatch,
    config: &SdkConfig,
    recorded: &Recorded,
) -> anyhow::Result<()> {
    let scenario = record::scenario(config, &args.cluster_id, &recorded.sizes).await;
    let text = scenario.with_context(|| {
        format!(
            "{} is written, but {} is not, because EMR did not describe the cluster",
            args.out.display(),
            path.display()
        )
    })?;
    write_whole(path, text.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    note(format_args!(
        "{}: the cluster as EMR describes it; review its limits before you simulate",
        path.display()
    ));
    Ok(())
}

async fn record(args: &CloudWatch, config: &SdkConfig) -> anyhow::Result<Recorded> {
    let asked = Asked {
        cluster_id: args.cluster_id.clone(),
        from: args.from,
        to: args.to,
    };
    let style = ProgressStyle::with_template("fetching {wide_bar} {pos} of {len} parts")?;
    let progress =
        ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()).with_style(style);
    let advance = |done: usize, total: usize| {
        if progress.length().is_none() && done > 0 {
            note(format_args!(
                "note: continuing an interrupted recording; {done} of {total} parts are done"
            ));
        }
        progress.set_length(total as u64);
        advance(&progress, (done as u64).saturating_sub(progress.position()));
    };
    let recorded =
        record::cloudwatch(config, &asked, Clock::real().now(), &args.out, advance).await;
    progress.finish_and_clear();
    Ok(recorded?)
}

/// The AWS configuration: environment, shared configuration, instance role, in the SDK's order.
///
/// # Errors
/// When the file in AWS_CA_BUNDLE is unusable.
async fn configuration(args: &CloudWatch) -> anyhow::Result<SdkConfig> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(client) = discovery::aws_client(None)? {
        loader = loader.http_client(client);
    }
    if let Some(region) = &args.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &args.profile {
        loader = loader.profile_name(profile);
    }
    Ok(loader.load().await)
}

fn report(recorded: &Recorded, args: &CloudWatch) {
    let Recorded {
        observations,
        with_yarn,
        plan,
        step,
        ..
    } = recorded;
    let out = args.out.display();
    note(format_args!(
        "{out}: {observations} observations from {} to {}, one every {}",
        plan.from,
        plan.to,
        display_duration(*step)
    ));
    if with_yarn < observations {
        note(format_args!(
            "  {} of them have no YARN metrics, because CloudWatch has none for that time",
            observations - with_yarn
        ));
    }
    if *step >= std::time::Duration::from_secs(3_600) {
        note(
            "  CloudWatch keeps only hourly means for so long: shorter peaks and waits are averaged out",
        );
    }
    note("  pending memory is an estimate; vcores and released containers are unknown");
}
