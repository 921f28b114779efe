//! The status for a terminal.

use std::fmt::Write;
use std::time::Duration;

use super::words::whole_seconds;
use super::{SourceStatus, Status, TargetStatus, TickStatus};
use crate::units::{Timestamp, display_duration};

/// Stretches of decisions that are shown.
const RECENT: usize = 5;

/// The state in words first, then what it rests on.
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
        writeln!(out, "Standby: another instance acts.")?;
    }
    if let Some(pause) = tick.pause {
        writeln!(out, "Paused for {}.", until(pause.until, status.now))?;
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
    writeln!(out, "\nLast tick {} ago.", until(status.now, tick.at))
}

fn write_target(out: &mut String, target: &TargetStatus) -> std::fmt::Result {
    let decision = &target.decision;
    let group = decision
        .group
        .as_ref()
        .map_or("no group", |group| group.as_str());
    writeln!(out, "\n{}", target.words)?;
    writeln!(
        out,
        "  {} ({group}): {} running of {} asked for, limits {} to {}",
        target.selector, decision.running, decision.requested, target.min, target.max
    )?;
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
            "\nCost: {usd:.2} USD an hour, {} since the daemon started",
            tick.cost.total_usd
        )?,
        None => writeln!(out, "\nCost: not known; {}", tick.cost.unpriced.join("; "))?,
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
    let seconds = |s: f64| {
        display_duration(whole_seconds(
            Duration::try_from_secs_f64(s).unwrap_or_default(),
        ))
        .to_string()
    };
    let age = source.age_s.map_or_else(
        || "never seen".to_owned(),
        |age_s| format!("{} old", seconds(age_s)),
    );
    let state = match (source.is_fresh(), source.required) {
        (true, _) => "fresh",
        (false, true) => "STALE",
        (false, false) => "stale, and no rule needs it",
    };
    let error = source
        .error
        .as_deref()
        .map(|error| format!(" (last try: {error})"))
        .unwrap_or_default();
    format!("{age}, {state}{error}")
}

fn until(later: Timestamp, earlier: Timestamp) -> String {
    display_duration(whole_seconds(later.since(earlier))).to_string()
}
