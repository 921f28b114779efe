//! What happens, told tick by tick in a few words, from what the daemon saw and did.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::daemon::telemetry::report::{ResizeAnswer, Source, TickReport};
use crate::daemon::telemetry::status::answer_to;
use crate::decision::{Action, Cause, Decision, HoldReason, Outcome, Resize};
use crate::observation::{Direction, GroupId, GroupStatus, Observation};
use crate::policy::Policy;
use crate::units::{Instances, Timestamp, display_duration};

/// Work that finds room sooner is not worth a line.
const WORTH_TELLING: Duration = Duration::from_secs(120);
/// A source that fails at one tick is asked again at the next: nothing that one would notice.
const FAILURES_WORTH_TELLING: u32 = 2;

/// Remembers what it has told.
#[derive(Debug)]
pub struct Narrator {
    policy: Policy,
    running: BTreeMap<GroupId, Instances>,
    waiting_since: Option<Timestamp>,
    has_told_waiting: bool,
    /// The last hold that was told of each target.
    holds: BTreeMap<usize, &'static str>,
    /// At how many ticks in a row each source has failed.
    failures: BTreeMap<Source, u32>,
    /// In which the last line was told.
    day: Option<jiff::civil::Date>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub at: Timestamp,
    pub text: String,
    /// Why.
    pub detail: Option<String>,
}

/// How the cluster stands, small enough for one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    pub at: Timestamp,
    /// Memory that containers hold, in percent of all nodes'.
    pub used_percent: u64,
    pub text: String,
}

impl Narrator {
    pub fn new(policy: &Policy) -> Self {
        Self {
            policy: policy.clone(),
            running: BTreeMap::new(),
            waiting_since: None,
            has_told_waiting: false,
            holds: BTreeMap::new(),
            failures: BTreeMap::new(),
            day: None,
        }
    }

    /// What is new since the last tick.
    pub fn lines(&mut self, report: &TickReport) -> Vec<Line> {
        let at = report.observation.at;
        let mut told: Vec<(String, Option<String>)> = Vec::new();
        told.extend(self.sources(report));
        told.extend(
            report
                .observation
                .cluster
                .value
                .groups
                .iter()
                .filter_map(|group| self.nodes(group)),
        );
        told.extend(self.waiting(&report.observation));
        for decision in &report.decisions {
            told.extend(self.decision(decision, report));
        }
        let new_day = self.new_day(at, !told.is_empty()).map(|day| (day, None));
        new_day
            .into_iter()
            .chain(told)
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
            .map(|_| format!("a new day, {today}"))
    }

    fn sources(&mut self, report: &TickReport) -> Vec<(String, Option<String>)> {
        let mut told = Vec::new();
        for source in &report.sources {
            let name = source.source.label();
            let failures = self.failures.entry(source.source).or_default();
            let Some(error) = &source.error else {
                if std::mem::take(failures) >= FAILURES_WORTH_TELLING {
                    told.push((format!("{name} can be read again"), None));
                }
                continue;
            };
            *failures += 1;
            if *failures == FAILURES_WORTH_TELLING {
                told.push((format!("{name} cannot be read"), Some(error.to_string())));
            }
        }
        told
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
            format!("{now} run")
        } else {
            format!("{now} of {requested} run")
        };
        Some((format!("{}: {change}, {stand}", name_of(group)), None))
    }

    fn waiting(&mut self, observation: &Observation) -> Option<(String, Option<String>)> {
        let yarn = &observation.yarn.as_ref()?.value;
        let at = observation.at;
        if yarn.containers_pending == 0 {
            let since = self.waiting_since.take()?;
            let lasted = whole_seconds(at.since(since));
            let was_told = std::mem::take(&mut self.has_told_waiting);
            return was_told.then(|| {
                (
                    format!("nothing waits any more, after {}", display_duration(lasted)),
                    None,
                )
            });
        }
        let since = *self.waiting_since.get_or_insert(at);
        if self.has_told_waiting || at.since(since) < WORTH_TELLING {
            return None;
        }
        self.has_told_waiting = true;
        let gib = yarn.memory_pending.as_f64() / 1024.0;
        Some((
            format!(
                "{} containers wait for {gib:.0} GiB of memory",
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
                let verb = if resize.direction() == Direction::Out {
                    "grow"
                } else {
                    "shrink"
                };
                Some((
                    format!("{name}: {verb} {} -> {}{outcome}", resize.from, resize.to),
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
            .map(|limiter| format!("; wanted {}, {limiter}", resize.wanted))
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
        let hold = if rule.hold_for.is_zero() {
            String::new()
        } else {
            format!(" for {}", display_duration(rule.hold_for))
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
    /// `None` while YARN is not known.
    pub fn of(report: &TickReport) -> Option<Self> {
        let observation = &report.observation;
        let yarn = &observation.yarn.as_ref()?.value;
        let used_percent = (100 * yarn.memory_allocated.get())
            .checked_div(yarn.memory_total.get())
            .unwrap_or(0)
            .min(100);
        let mut parts = vec![format!(
            "{used_percent:>3} % of {:>2} nodes",
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
            parts.push(format!("{} waiting", yarn.containers_pending));
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

/// Most holds say that all is well, or that something already told takes its time.
const fn is_news(reason: &HoldReason) -> bool {
    !matches!(
        reason,
        HoldReason::NoRuleReady
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
            format!(" was refused: {rejection} {}", message.unwrap_or_default())
        }
        Some((Outcome::Unknown, _)) | None => ", and EMR has not answered".to_owned(),
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

/// At most two decimals, none where there is nothing behind the point.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}

#[cfg(test)]
mod tests;
