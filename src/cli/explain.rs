//! `headroom explain`.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::output::{note, print};
use super::policies::read_text;
use super::progress_bar::{advance, counting_records};
use clap::ValueEnum;
use headroom::explain::{self, TargetFilter, When};
use headroom::policy::Policy;
use headroom::policy::parse::parse;
use headroom::trace::journal::TraceReader;
use serde::Serialize;

/// Explain why a daemon scaled, or did not
#[derive(clap::Args)]
#[command(
    after_help = "Without --at, this shows what happened from the beginning of the journal to its end. With --at, \
it shows everything that was known and decided at that time. All times are UTC.

Examples:
  headroom explain /var/lib/headroom/journal
  headroom explain /var/lib/headroom/journal --at 14:05 --target 1
  headroom explain june.trace.zst --policy mine.yaml"
)]
pub struct Args {
    /// The journal of a daemon: its folder, or one of its files
    #[arg(value_name = "JOURNAL")]
    journal: PathBuf,
    /// Explain the last tick at or before this time: 14:05, '2026-11-20 14:05' or
    /// 2026-11-20T14:05:00Z
    #[arg(long, value_name = "TIME")]
    at: Option<When>,
    /// Explain only this target: its number in the policy, from 1, or its group's id or name
    #[arg(long, value_name = "GROUP_OR_NUMBER")]
    target: Option<String>,
    /// Show what this policy would have decided on the same observations; works on any recording
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// The output format
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the explanation is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

pub fn run(args: &Args) -> anyhow::Result<()> {
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let filter = args
        .target
        .as_deref()
        .map_or(TargetFilter::All, TargetFilter::parse);
    let mut reader = TraceReader::open(&args.journal)?;
    let progress = counting_records(&args.journal)?;
    let on_record = || advance(&progress, 1);
    let text = match args.at {
        None => in_format(
            args.format,
            &explain::timeline(&mut reader, policy, &filter, on_record)?,
        )?,
        Some(when) => in_format(
            args.format,
            &explain::moment(&mut reader, policy, &filter, when, on_record)?,
        )?,
    };
    progress.finish_and_clear();
    print(&text)?;
    if let Some(torn) = reader.torn_tail() {
        note(format_args!(
            "note: {}:{}: skipped this line because it is incomplete",
            torn.path.display(),
            torn.line
        ));
    }
    Ok(())
}

fn read_policy(file: &Path) -> anyhow::Result<Policy> {
    Ok(parse(&read_text(file)?, &file.display().to_string())?)
}

fn in_format(format: Format, explanation: &(impl Display + Serialize)) -> anyhow::Result<String> {
    Ok(match format {
        Format::Text => explanation.to_string(),
        Format::Json => serde_json::to_string_pretty(explanation)? + "\n",
    })
}
