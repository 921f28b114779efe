//! `headroom record`.

use std::path::{Path, PathBuf};

use anyhow::Context;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use clap::Subcommand;
use headroom::daemon::clock::Clock;
use headroom::file::write_whole;
use headroom::record::{self, Asked, Recorded, When};
use headroom::units::display_duration;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Make a trace from what others recorded of a cluster
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

/// From CloudWatch's history, for a cluster beside which Headroom never ran
#[derive(clap::Args)]
#[command(
    override_usage = "headroom record cloudwatch --cluster-id ID --from TIME --out FILE",
    after_help = "EMR publishes the load of every cluster to CloudWatch: each minute under managed \
scaling, else every five. CloudWatch keeps means of a minute for 15 days, of five minutes \
for 63, of an hour for 455; what --from reaches back to decides.

It does not know the memory that applications wait for, nor vcores: docs/traces.md says \
what stands in for them. Needs cloudwatch:GetMetricData, and cloudwatch:ListMetrics where \
nothing is found; costs less than 0.01 USD.

An interrupted recording continues where it was when the same command is given again.

Examples:
  headroom record cloudwatch --cluster-id j-2AXXXXXXGAPLF --from 14d \
      --out history.trace.zst --scenario-out cluster.yaml
  headroom simulate history.trace.zst --scenario cluster.yaml --policy mine.yaml"
)]
struct CloudWatch {
    /// The cluster, which may have ended
    #[arg(long, value_name = "ID")]
    cluster_id: String,
    /// A day (2026-11-01, in UTC), an instant (2026-11-01T08:00:00Z), or how long ago (14d)
    #[arg(long, value_name = "TIME")]
    from: When,
    /// Likewise
    #[arg(long, value_name = "TIME", default_value = "now")]
    to: When,
    /// Where the trace goes; zstd when the name ends in .zst; replaced if it exists
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also write the cluster as EMR remembers it, up to two months after its end, for `simulate
    /// --scenario`
    #[arg(long, value_name = "FILE")]
    scenario_out: Option<PathBuf>,
    /// The cluster's region [default: that of the environment or the profile]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// A profile of the shared AWS configuration [default: AWS_PROFILE]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let Source::Cloudwatch(args) = &args.source;
    super::check_output(&args.out)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the asynchronous runtime cannot start")?;
    args.scenario_out
        .as_deref()
        .map_or(Ok(()), super::check_output)?;
    runtime.block_on(async {
        let config = configuration(args).await;
        let recorded = record(args, &config).await?;
        tell(&recorded, args);
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
            "{} is written, but EMR tells nothing for {}",
            args.out.display(),
            path.display()
        )
    })?;
    write_whole(path, text.as_bytes())
        .with_context(|| format!("{} cannot be written", path.display()))?;
    super::note(format_args!(
        "{}: the cluster as EMR remembers it; look over its limits",
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
            super::note(format_args!(
                "note: continues a recording that was interrupted; {done} of {total} parts are there"
            ));
        }
        progress.set_length(total as u64);
        super::advance(&progress, (done as u64).saturating_sub(progress.position()));
    };
    let recorded =
        record::cloudwatch(config, &asked, Clock::real().now(), &args.out, advance).await;
    progress.finish_and_clear();
    Ok(recorded?)
}

/// The environment, the shared configuration and the instance's role, in the SDK's usual order.
async fn configuration(args: &CloudWatch) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(region) = &args.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &args.profile {
        loader = loader.profile_name(profile);
    }
    loader.load().await
}

fn tell(recorded: &Recorded, args: &CloudWatch) {
    let Recorded {
        observations,
        with_yarn,
        plan,
        step,
        ..
    } = recorded;
    let out = args.out.display();
    super::note(format_args!(
        "{out}: {observations} observations from {} to {}, one each {}",
        plan.from,
        plan.to,
        display_duration(*step)
    ));
    if with_yarn < observations {
        super::note(format_args!(
            "  {} of them without YARN, which had no points then",
            observations - with_yarn
        ));
    }
    if *step >= std::time::Duration::from_secs(3_600) {
        super::note(
            "  CloudWatch keeps only hourly means that long: shorter peaks and waits are averaged away",
        );
    }
    super::note("  pending memory is an estimate; vcores and released containers are not known");
}
