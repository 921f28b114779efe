//! The status as text for a terminal.

use std::fmt::Write;

use super::words::{self, whole_seconds};
use super::{Freshness, SourceStatus, Status, TargetStatus, TickStatus};
use crate::observation::node_use::NodeUse;
use crate::observation::work::Work;
use crate::units::display_duration;

/// How many stretches of decisions are shown.
const RECENT: usize = 5;

/// Formats the status: problems and decisions first, then the data behind them.
pub fn text(status: &Status) -> String {
    let mut text = String::new();
    let _ = write_status(&mut text, status);
    text
}

fn write_status(out: &mut String, status: &Status) -> std::fmt::Result {
    let mode = if status.dry_run { "dry run" } else { "live" };
    writeln!(
        out,
        "{}, policy {} ({}), {mode}",
        status.cluster_id, status.policy.name, status.policy.file
    )?;
    for problem in status.unhealthy.iter().chain(&status.unready) {
        writeln!(out, "PROBLEM: {problem}")?;
    }
    let Some(tick) = &status.tick else {
        return Ok(());
    };
    if !tick.leader {
        writeln!(out, "standby: another instance is the leader")?;
    }
    if let Some(pause) = tick.pause {
        writeln!(out, "{}", words::paused(&pause, status.now))?;
    }
    tick.targets
        .iter()
        .try_for_each(|target| write_target(out, target))?;
    write_surroundings(out, tick)?;
    if !status.recent.is_empty() {
        writeln!(out, "\nRecent decisions (UTC):")?;
    }
    for stretch in status.recent.iter().take(RECENT) {
        writeln!(
            out,
            "  {}  {}",
            stretch.from.to_jiff().strftime("%F %T"),
            stretch.words
        )?;
    }
    let ago = display_duration(whole_seconds(status.now.since(tick.at)));
    writeln!(out, "\nThe last tick started {ago} ago.")
}

fn write_target(out: &mut String, target: &TargetStatus) -> std::fmt::Result {
    let decision = &target.decision;
    writeln!(out, "\n{}", target.words)?;
    if let Some(trouble) = &target.trouble {
        writeln!(out, "  PROBLEM: {trouble}")?;
    }
    writeln!(out, "  {}", size(target))?;
    let width = target
        .rules
        .iter()
        .map(|rule| rule.rule.as_str().chars().count())
        .max()
        .unwrap_or_default();
    for rule in &target.rules {
        writeln!(out, "  {:width$}  {}", rule.rule, rule.words)?;
        writeln!(out, "  {:width$}  {}: {}", "", rule.then, rule.when)?;
    }
    for (index, line) in decision
        .demand
        .iter()
        .flat_map(|demand| demand.lines())
        .enumerate()
    {
        writeln!(
            out,
            "  {:6}  {line}",
            if index == 0 { "demand" } else { "" }
        )?;
    }
    match &target.last_resize {
        Some(resize) if resize.decision.at < decision.at => {
            writeln!(
                out,
                "  last resize {}: {}",
                resize.decision.at.to_jiff().strftime("%F %T"),
                resize.words
            )
        }
        _ => Ok(()),
    }
}

fn write_surroundings(out: &mut String, tick: &TickStatus) -> std::fmt::Result {
    for (index, line) in tick.nodes.iter().flat_map(NodeUse::lines).enumerate() {
        let indent = if index == 0 { "\nNodes: " } else { "  " };
        writeln!(out, "{indent}{line}")?;
    }
    for (index, line) in tick.work.iter().flat_map(Work::lines).enumerate() {
        let indent = if index == 0 { "\nWork: " } else { "  " };
        writeln!(out, "{indent}{line}")?;
    }
    for (index, limit) in tick.pending_limits.iter().enumerate() {
        let indent = if index == 0 { "\nHeld back: " } else { "  " };
        writeln!(out, "{indent}{limit}")?;
    }
    if !tick.reads_yarn() {
        writeln!(out, "\n{}", words::WITHOUT_YARN)?;
    }
    writeln!(out, "\nSources:")?;
    tick.sources.iter().try_for_each(|source| {
        writeln!(
            out,
            "  {:10}  {}",
            source.source.label(),
            source_words(source)
        )
    })?;
    match tick.cost.usd_per_hour {
        Some(usd) => writeln!(
            out,
            "\nCost: {usd:.2} USD per hour, {} since the daemon started",
            tick.cost.total_usd
        )?,
        None => writeln!(out, "\nCost: not known: {}", tick.cost.unpriced.join("; "))?,
    }
    for shadow in &tick.shadows {
        for (decision, words) in shadow.decisions.iter().zip(&shadow.words) {
            let group = decision
                .group
                .as_ref()
                .map_or("no group", |group| group.as_str());
            writeln!(out, "Shadow {}: {group} {words}", shadow.policy)?;
        }
    }
    Ok(())
}

fn source_words(source: &SourceStatus) -> String {
    let age = match source.age_s {
        Some(age_s) => format!("{} old", words::seconds(age_s)),
        None => "no data yet".to_owned(),
    };
    let state = match source.freshness() {
        Freshness::Fresh => "fresh",
        Freshness::Stale => "STALE",
        Freshness::StaleButNotNeeded => "stale, but this policy does not need it",
    };
    format!("{age}, {state}{}", last_error(source))
}

/// The size of a target's group: `role: task (ig-1): 4 of 9 running, limits 0 to 20`. A selector
/// that repeats the group's id is left out.
pub fn size(target: &TargetStatus) -> String {
    let (decision, selector) = (&target.decision, &target.selector);
    let group = match &decision.group {
        Some(id) if *selector == format!("id: {id}") => id.to_string(),
        Some(id) => format!("{selector} ({id})"),
        None => format!("{selector} (no group)"),
    };
    let (running, requested) = (decision.running, decision.requested);
    let (min, max) = (target.min, target.max);
    format!("{group}: {running} of {requested} running, limits {min} to {max}")
}

/// The error of a source at the last tick, in parentheses; empty when it answered.
pub fn last_error(source: &SourceStatus) -> String {
    match &source.error {
        Some(error) => format!(" (last error: {error})"),
        None => String::new(),
    }
}
