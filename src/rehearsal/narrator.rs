//! Describes in short lines what the daemon observes and does, tick by tick.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::daemon::telemetry::report::{ResizeAnswer, Source, TickReport};
use crate::daemon::telemetry::status::answer_to;
use crate::decision::{Action, Cause, Decision, HoldReason, Outcome, Resize};
use crate::observation::{GroupId, GroupStatus, Observation};
use crate::policy::Policy;
use crate::units::{Instances, Timestamp, display_duration};

/// Containers that are pending for less time are not worth a line.
const PENDING_WORTH_A_LINE: Duration = Duration::from_secs(120);
/// A source that fails at fewer ticks in a row is not worth a line.
const FAILURES_WORTH_A_LINE: u32 = 2;

/// Writes the lines, and remembers them to avoid repetition.
#[derive(Debug)]
pub struct Narrator {
    policy: Policy,
    running: BTreeMap<GroupId, Instances>,
    waiting_since: Option<Timestamp>,
    has_reported_waiting: bool,
    /// The last reported hold of each target.
    holds: BTreeMap<usize, &'static str>,
    /// The number of ticks in a row at which each source has failed.
    failures: BTreeMap<Source, u32>,
    /// The day of the last line.
    day: Option<jiff::civil::Date>,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub text: String,
    /// Why it happened.
    pub detail: Option<String>,
}

/// The state of the cluster in one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// When it was observed.
    pub at: Timestamp,
    /// The memory of the running containers, in percent of all memory.
    pub used_percent: u64,
    /// The line.
    pub text: String,
}

impl Narrator {
    /// A narrator for a daemon with this policy.
    pub fn new(policy: &Policy) -> Self {
        Self {
            policy: policy.clone(),
            running: BTreeMap::new(),
            waiting_since: None,
            has_reported_waiting: false,
            holds: BTreeMap::new(),
            failures: BTreeMap::new(),
            day: None,
        }
    }

    /// The lines for this tick.
    pub fn lines(&mut self, report: &TickReport) -> Vec<Line> {
        let at = report.observation.at;
        let mut lines: Vec<(String, Option<String>)> = Vec::new();
        lines.extend(self.sources(report));
        lines.extend(
            report
                .observation
                .cluster
                .value
                .groups
                .iter()
                .filter_map(|group| self.nodes(group)),
        );
        lines.extend(self.waiting(&report.observation));
        for decision in &report.decisions {
            lines.extend(self.decision(decision, report));
        }
        let new_day = self.new_day(at, !lines.is_empty()).map(|day| (day, None));
        new_day
            .into_iter()
            .chain(lines)
            .map(|(text, detail)| Line { at, text, detail })
            .collect()
    }

    /// The date, before the first line of every day but the first.
    fn new_day(&mut self, at: Timestamp, has_lines: bool) -> Option<String> {
        let today = at.to_jiff().to_zoned(jiff::tz::TimeZone::UTC).date();
        if !has_lines && self.day.is_some() {
            return None;
        }
        let before = self.day.replace(today);
        before
            .filter(|day| *day != today)
            .map(|_| format!("--- {today}"))
    }

    fn sources(&mut self, report: &TickReport) -> Vec<(String, Option<String>)> {
        let mut lines = Vec::new();
        for source in &report.sources {
            let name = source.source.label();
            let failures = self.failures.entry(source.source).or_default();
            let Some(error) = &source.error else {
                if std::mem::take(failures) >= FAILURES_WORTH_A_LINE {
                    lines.push((format!("{name} can be read again"), None));
                }
                continue;
            };
            *failures += 1;
            if *failures == FAILURES_WORTH_A_LINE {
                lines.push((format!("{name} cannot be read"), Some(error.to_string())));
            }
        }
        lines
    }

    fn nodes(&mut self, group: &GroupStatus) -> Option<(String, Option<String>)> {
        let before = self.running.insert(group.id.clone(), group.running)?;
        let (now, requested) = (group.running, group.requested);
        let change = match now.cmp(&before) {
            std::cmp::Ordering::Greater => format!("{} joined", nodes(now - before)),
            std::cmp::Ordering::Less => format!("{} left", nodes(before - now)),
            std::cmp::Ordering::Equal => return None,
        };
        let stand = if now == requested {
            format!("{now} running")
        } else {
            format!("{now} of {requested} running")
        };
        Some((format!("{}: {change}, {stand}", name_of(group)), None))
    }

    fn waiting(&mut self, observation: &Observation) -> Option<(String, Option<String>)> {
        let yarn = &observation.yarn.as_ref()?.value;
        let at = observation.at;
        if yarn.containers_pending == 0 {
            let since = self.waiting_since.take()?;
            let lasted = whole_seconds(at.since(since));
            let was_reported = std::mem::take(&mut self.has_reported_waiting);
            return was_reported.then(|| {
                (
                    format!(
                        "no container is pending any more, after {}",
                        display_duration(lasted)
                    ),
                    None,
                )
            });
        }
        let since = *self.waiting_since.get_or_insert(at);
        if self.has_reported_waiting || at.since(since) < PENDING_WORTH_A_LINE {
            return None;
        }
        self.has_reported_waiting = true;
        let gib = yarn.memory_pending.as_f64() / 1024.0;
        Some((
            format!(
                "{} containers are pending, {gib:.0} GiB in all",
                yarn.containers_pending
            ),
            None,
        ))
    }

    fn decision(
        &mut self,
        decision: &Decision,
        report: &TickReport,
    ) -> Option<(String, Option<String>)> {
        let group = report
            .observation
            .cluster
            .value
            .groups
            .iter()
            .find(|group| decision.group.as_ref() == Some(&group.id));
        let name = group.map_or("target", name_of);
        match &decision.action {
            Action::Resize(resize) => {
                self.holds.remove(&decision.target);
                let outcome = outcome(answer_to(decision, &report.answers));
                let verb = resize.direction().verb();
                Some((
                    format!(
                        "{name}: {verb} from {} to {}{outcome}",
                        resize.from, resize.to
                    ),
                    Some(self.reason(decision, resize)),
                ))
            }
            Action::Hold(reason)
                if is_news(reason)
                    && self.holds.insert(decision.target, reason.label())
                        != Some(reason.label()) =>
            {
                Some((
                    format!("{name}: stays at {}", decision.requested),
                    Some(reason.to_string()),
                ))
            }
            Action::Hold(_) => None,
        }
    }

    /// `memory-short: yarn_memory_available_percent < 15 for 5m (it is 2.1)`
    fn reason(&self, decision: &Decision, resize: &Resize) -> String {
        let limited = resize
            .limited_by
            .map(|limiter| format!("; desired {}, limited by {limiter}", resize.desired))
            .unwrap_or_default();
        let rule = match &resize.because {
            Cause::Rule(name) => self
                .policy
                .targets()
                .get(decision.target)
                .and_then(|target| target.rules.iter().find(|rule| rule.name == *name)),
            Cause::Demand => {
                return decision
                    .demand
                    .as_ref()
                    .map_or_else(|| resize.because.to_string(), ToString::to_string)
                    + &limited;
            }
            Cause::BelowMinimum | Cause::AboveMaximum => None,
        };
        let Some(rule) = rule else {
            return format!("{}{limited}", resize.because);
        };
        let hold = if rule.for_duration.is_zero() {
            String::new()
        } else {
            format!(" for {}", display_duration(rule.for_duration))
        };
        let read: Vec<_> = decision
            .readings
            .iter()
            .filter(|reading| rule.when_text.contains(&*reading.signal))
            .collect();
        let values = match &read[..] {
            [] => String::new(),
            [one] => format!(" (it is {})", short(one.value)),
            several => {
                let values: Vec<String> = several
                    .iter()
                    .map(|reading| format!("{} is {}", reading.signal, short(reading.value)))
                    .collect();
                format!(" ({})", values.join(", "))
            }
        };
        format!("{}: {}{hold}{values}{limited}", rule.name, rule.when_text)
    }
}

impl Picture {
    /// Describes the state; `None` while YARN's load is unknown.
    pub fn of(report: &TickReport) -> Option<Self> {
        let observation = &report.observation;
        let yarn = &observation.yarn.as_ref()?.value;
        let used_percent = (100 * yarn.memory_allocated.get())
            .checked_div(yarn.memory_total.get())
            .unwrap_or(0)
            .min(100);
        let mut parts = vec![format!(
            "{used_percent:>3}% of {:>2} nodes",
            yarn.nodes.active + yarn.nodes.decommissioning
        )];
        let groups = observation
            .cluster
            .value
            .groups
            .iter()
            .filter(|group| group.requested != group.running);
        parts.extend(groups.map(|group| {
            format!(
                "{} {} -> {}",
                name_of(group),
                group.running,
                group.requested
            )
        }));
        if yarn.containers_pending > 0 {
            parts.push(format!("{} pending", yarn.containers_pending));
        }
        parts.extend(
            report
                .cost
                .usd_per_hour
                .map(|usd| format!("{usd:.2} USD/h")),
        );
        Some(Self {
            at: observation.at,
            used_percent,
            text: parts.join("  "),
        })
    }
}

/// The time of day, UTC.
pub fn time_of_day(at: Timestamp) -> impl std::fmt::Display {
    at.to_jiff().strftime("%H:%M:%S")
}

/// Whether a hold is worth a line. Most only mean that all is well, or that an earlier resize takes
/// time.
const fn is_news(reason: &HoldReason) -> bool {
    !matches!(
        reason,
        HoldReason::NoRuleFiring
            | HoldReason::DemandMet
            | HoldReason::MissingSignal { .. }
            | HoldReason::CoolingDown { .. }
            | HoldReason::ResizeInFlight { .. }
            | HoldReason::ReversalGuard { .. }
    )
}

fn outcome(answer: Option<&ResizeAnswer>) -> String {
    match answer.map(|answer| (answer.outcome, answer.message.as_deref())) {
        Some((Outcome::Accepted, _)) => String::new(),
        Some((Outcome::NotSent, _)) => " (not sent)".to_owned(),
        Some((Outcome::Rejected(rejection), message)) => {
            format!(", refused: {rejection} {}", message.unwrap_or_default())
        }
        Some((Outcome::Unknown, _)) | None => ", no answer from EMR yet".to_owned(),
    }
}

fn nodes(count: Instances) -> String {
    if count.get() == 1 {
        "1 node".to_owned()
    } else {
        format!("{count} nodes")
    }
}

fn name_of(group: &GroupStatus) -> &str {
    group.name.as_deref().unwrap_or(group.id.as_str())
}

/// Formats a value with at most two decimals, without trailing zeros.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

#[cfg(test)]
mod tests;
