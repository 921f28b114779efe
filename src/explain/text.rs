//! Timelines and moments as text for a terminal of 80 columns. All times are UTC.

use std::fmt;
use std::time::Duration;

use super::moment::{Moment, RuleMoment, TargetMoment, WindowMoment};
use super::timeline::{Entry, Timeline, What};
use super::words;
use crate::decision::Action;
use crate::observation::GroupId;
use crate::observation::node_use::NodeUse;
use crate::observation::work::Work;
use crate::units::{Timestamp, display_duration};

const WIDTH: usize = 80;
/// The column where the text of an entry begins, after `08:00:00 - 09:09:30`.
const ENTRY_INDENT: usize = 21;
/// The column where the text of a labelled line begins.
const LABEL_INDENT: usize = 13;

impl fmt::Display for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cluster = self
            .cluster
            .as_ref()
            .map(|cluster| format!("cluster {cluster}: "))
            .unwrap_or_default();
        let (first, last) = (date_and_time(self.first), date_and_time(self.last));
        paragraph(
            f,
            0,
            "",
            &format!("{cluster}{} ticks, {first} to {last} UTC", self.ticks),
        )?;
        if let Some(policy) = self.policy.as_ref().filter(|_| self.is_shadow) {
            paragraph(
                f,
                0,
                "",
                &format!(
                    "What policy {policy} would have decided at the sizes that the cluster really had"
                ),
            )?;
        }
        let mut targets: Vec<usize> = self
            .entries
            .iter()
            .filter_map(|entry| entry.target)
            .collect();
        targets.sort_unstable();
        targets.dedup();
        let mut day = String::new();
        for entry in &self.entries {
            let today = date(entry.from);
            if today != day {
                writeln!(f, "\n{today}")?;
                day = today;
            }
            self::entry(f, entry, targets.len() > 1, self.is_shadow)?;
        }
        Ok(())
    }
}

fn entry(
    f: &mut fmt::Formatter<'_>,
    entry: &Entry,
    with_group: bool,
    is_shadow: bool,
) -> fmt::Result {
    let (from, to) = (time(entry.from), time(entry.to));
    let span = if entry.from == entry.to {
        from
    } else {
        format!("{from} - {to}")
    };
    let subject = match (&entry.group, entry.target) {
        (_, None) => String::new(),
        (Some(group), Some(_)) if with_group => format!("{group}: "),
        (None, Some(target)) if with_group => format!("target {}: ", target + 1),
        _ => String::new(),
    };
    paragraph(
        f,
        ENTRY_INDENT,
        &span,
        &format!("{subject}{}", headline(entry, is_shadow)),
    )?;
    for detail in details(entry) {
        paragraph(f, ENTRY_INDENT + 2, "", &detail)?;
    }
    Ok(())
}

fn headline(entry: &Entry, is_shadow: bool) -> String {
    let day_later = |text: String| {
        if date(entry.from) == date(entry.to) {
            text
        } else {
            format!("{text} (until {})", date(entry.to))
        }
    };
    match &entry.what {
        What::Started {
            headroom,
            policy_file,
            dry_run,
            again,
            policy_changed,
        } => {
            let what = if *again { "restarted" } else { "started" };
            let policy = if *policy_changed {
                "new policy"
            } else {
                "policy"
            };
            format!(
                "{what}: headroom {headroom}, {policy} {policy_file}{}",
                if *dry_run { ", dry run" } else { "" }
            )
        }
        What::Silence => day_later(format!(
            "no observations for {}",
            words::seconds(entry.to.since(entry.from))
        )),
        What::Held { at, reason } if entry.group.is_some() => {
            day_later(format!("held at {at}: {reason}"))
        }
        What::Held { reason, .. } => day_later(format!("held: {reason}")),
        What::Resized {
            resize,
            hypothetical,
            ..
        } => {
            let times = if entry.ticks > 1 {
                format!(" ({} times)", entry.ticks)
            } else {
                String::new()
            };
            day_later(format!(
                "{}{resize}{times}",
                if *hypothetical { "would " } else { "" }
            ))
        }
        What::RunsAgain { again } => again.line(entry.from),
        What::Changed { from, to } if is_shadow => {
            format!("the cluster's size changed from {from} to {to}")
        }
        What::Changed { from, to } => {
            format!("the size changed from {from} to {to}, not by this daemon")
        }
    }
}

fn details(entry: &Entry) -> Vec<String> {
    let What::Resized {
        readings_text,
        outcome,
        complete_at,
        hypothetical,
        ..
    } = &entry.what
    else {
        return Vec::new();
    };
    let mut details = readings_text.clone();
    if !hypothetical {
        let complete = complete_at.map(|at| {
            format!(
                "; complete after {} at {}",
                words::seconds(at.since(entry.from)),
                time(at)
            )
        });
        details.push(format!(
            "{}{}",
            words::outcome(*outcome),
            complete.unwrap_or_default()
        ));
    }
    details
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = self
            .policy
            .as_ref()
            .map(|policy| format!(", policy {policy}"))
            .unwrap_or_default();
        let hypothetical = if self.hypothetical {
            ", not carried out"
        } else {
            ""
        };
        paragraph(
            f,
            0,
            "",
            &format!("{} UTC{policy}{hypothetical}", date_and_time(self.at)),
        )?;
        for target in &self.targets {
            writeln!(f)?;
            self.target(f, target)?;
        }
        writeln!(f)?;
        labelled(f, "cluster", &self.cluster_state.to_string())?;
        if !self.control.leader {
            labelled(
                f,
                "",
                "this daemon is a standby; another instance is the leader",
            )?;
        }
        for (index, group) in self.groups.iter().enumerate() {
            let name = group
                .name
                .as_ref()
                .map(|name| format!(" ({name})"))
                .unwrap_or_default();
            let text = format!(
                "{}{name}, {} {}: {} of {} running, {}",
                group.id, group.market, group.role, group.running, group.requested, group.state
            );
            labelled(f, if index == 0 { "groups" } else { "" }, &text)?;
        }
        for (index, line) in self.nodes.iter().flat_map(NodeUse::lines).enumerate() {
            labelled(f, if index == 0 { "nodes" } else { "" }, &line)?;
        }
        for (index, line) in self.work.iter().flat_map(Work::lines).enumerate() {
            labelled(f, if index == 0 { "work" } else { "" }, &line)?;
        }
        for (index, limit) in self.pending_limits.iter().enumerate() {
            let label = if index == 0 { "held back" } else { "" };
            labelled(f, label, &limit.to_string())?;
        }
        for (index, source) in self.sources.iter().enumerate() {
            let age = source.age_s.map_or("not observed".to_owned(), age);
            labelled(
                f,
                if index == 0 { "data" } else { "" },
                &format!("{}: {age}", source.source),
            )?;
        }
        Ok(())
    }
}

impl Moment {
    fn target(&self, f: &mut fmt::Formatter<'_>, target: &TargetMoment) -> fmt::Result {
        let decision = &target.decision;
        let group = decision.group.as_ref().map_or("no group", GroupId::as_str);
        let would = if self.hypothetical { "would " } else { "" };
        let verdict = match &decision.action {
            Action::Hold(reason) if decision.group.is_some() => {
                format!("held at {}: {reason}", decision.requested)
            }
            Action::Hold(reason) => format!("held: {reason}"),
            Action::Resize(resize) => format!("{would}{resize}"),
        };
        paragraph(f, 0, "", &format!("{group}: {verdict}"))?;
        if let Action::Resize(resize) = &decision.action {
            if !self.hypothetical {
                labelled(f, "outcome", &words::outcome(target.outcome))?;
            }
            for (label, instances) in [
                ("protected", &resize.protect),
                ("preferred", &resize.prefer),
            ] {
                if !instances.is_empty() {
                    let ids: Vec<&str> = instances.iter().map(|id| id.as_str()).collect();
                    labelled(f, label, &ids.join(" "))?;
                }
            }
        }
        if let Some(trouble) = &target.trouble {
            labelled(f, "trouble", trouble)?;
        }
        if let Some(to_act) = &target.to_act {
            labelled(f, "until", to_act)?;
        }
        if decision.group.is_some() {
            let limits = target
                .limits
                .map(|[min, max]| format!(", limits {min} to {max}"))
                .unwrap_or_default();
            let window = target.window.as_ref().map(open_window).unwrap_or_default();
            labelled(
                f,
                "size",
                &format!(
                    "{} requested, {} running{limits}{window}",
                    decision.requested, decision.running
                ),
            )?;
        }
        for (index, line) in decision
            .demand
            .iter()
            .flat_map(|demand| demand.lines())
            .enumerate()
        {
            labelled(f, if index == 0 { "demand" } else { "" }, &line)?;
        }
        if let Some(wait) = &decision.output_wait {
            labelled(f, "output", &wait.line())?;
        }
        if let Some(again) = &decision.runs_again {
            labelled(f, "again", &again.line(decision.at))?;
        }
        target.rules.iter().try_for_each(|rule| self::rule(f, rule))
    }
}

/// The schedule window that is open, and when it closes.
fn open_window(window: &WindowMoment) -> String {
    let closes = window
        .closes
        .map(|closes| format!(" until {}", date_and_time(closes)))
        .unwrap_or_default();
    format!(", schedule window {}{closes}", window.name)
}

fn rule(f: &mut fmt::Formatter<'_>, rule: &RuleMoment) -> fmt::Result {
    let duration = |seconds: Option<f64>| {
        seconds
            .filter(|seconds| *seconds > 0.0)
            .map(|seconds| display_duration(Duration::from_secs_f64(seconds)))
    };
    let then = rule
        .then
        .as_ref()
        .map(|then| format!(": {then}"))
        .unwrap_or_default();
    let cooldown = duration(rule.cooldown_s)
        .map(|cooldown| format!(", cooldown {cooldown}"))
        .unwrap_or_default();
    writeln!(f)?;
    paragraph(f, 0, "", &format!("rule {}{then}{cooldown}", rule.rule))?;
    if let Some(when) = &rule.when {
        let for_time = duration(rule.for_s)
            .map(|for_time| format!(", for {for_time}"))
            .unwrap_or_default();
        labelled(f, "when", &format!("{when}{for_time}"))?;
    }
    for (index, reading) in rule.readings.iter().enumerate() {
        let age = reading
            .age_s
            .map(|seconds| format!(" ({})", age(seconds)))
            .unwrap_or_default();
        let equals = if reading.value.is_some() { " =" } else { ":" };
        let text = format!("{}{equals} {}{age}", reading.signal, reading.text);
        labelled(f, if index == 0 { "read" } else { "" }, &text)?;
    }
    labelled(f, "state", &rule.state_text)
}

fn age(seconds: f64) -> String {
    if seconds < 0.0 {
        return format!(
            "{} ahead of the clock",
            words::seconds(Duration::from_secs_f64(-seconds))
        );
    }
    format!("{} old", words::seconds(Duration::from_secs_f64(seconds)))
}

fn labelled(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    paragraph(f, LABEL_INDENT, &format!("  {label}"), text)
}

/// Writes a label, then the text from column `indent` on, wrapped between words.
fn paragraph(f: &mut fmt::Formatter<'_>, indent: usize, label: &str, text: &str) -> fmt::Result {
    let mut line = format!("{label:<indent$}");
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            writeln!(f, "{}", line.trim_end())?;
            line = " ".repeat(indent);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    writeln!(f, "{}", line.trim_end())
}

fn date(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d").to_string()
}

fn time(at: Timestamp) -> String {
    at.to_jiff().strftime("%H:%M:%S").to_string()
}

fn date_and_time(at: Timestamp) -> String {
    at.to_jiff().strftime("%Y-%m-%d %H:%M:%S").to_string()
}
