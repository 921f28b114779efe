//! Tests that people write for their policies, in the manner of promtool: what is seen over time,
//! and what must be decided when.

mod scripted_cluster;
mod series;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use serde::Deserialize;

use crate::decision::{Action, Cause, Decision, Outcome};
use crate::engine::Engine;
use crate::observation::{GroupId, GroupKind, GroupState, GroupStatus, Market, MetricId, Role};
use crate::policy::diagnostic::{Diagnostic, PolicyErrors, nearest};
use crate::policy::document::{CountText, DurationText, Entries, NameLike};
use crate::policy::scalar;
use crate::policy::signal::Signal;
use crate::policy::yaml::{self, At};
use crate::policy::{Policy, Selector, Target};
use crate::units::{Instances, Timestamp};
use scripted_cluster::{ScriptedCluster, Subject};
use series::Sample;

/// Longer tests are slips.
const MOST_TICKS: u128 = 100_000;
/// When a test begins that does not say: a Monday, at midnight UTC.
const DEFAULT_START: Timestamp = Timestamp::from_millis(1_767_571_200_000);
const CLUSTER_STATE: &str = "emr_cluster_state";

/// The test file as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    /// The policy file, relative to this one.
    policy: At<NameLike>,
    tests: Vec<TestDocument>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TestDocument {
    name: At<NameLike>,
    /// Time between two samples. Default: the policy's `poll`.
    every: Option<At<DurationText>>,
    /// When the first sample is taken. Default: Monday, 2026-01-05T00:00:00Z.
    start: Option<At<NameLike>>,
    /// Size of each group at the start. Default: the target's `min`.
    #[serde(default)]
    cluster: Entries<At<CountText>>,
    /// How long a resize takes. Default: 0s.
    provisioning: Option<At<DurationText>>,
    /// A series of samples for each signal.
    #[serde(default)]
    series: Entries<At<NameLike>>,
    expect: Vec<At<ExpectDocument>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectDocument {
    /// Time since the first sample.
    at: At<DurationText>,
    /// May be left out where the policy has one target.
    group: Option<At<NameLike>>,
    resize: Option<ResizeDocument>,
    /// Why nothing is done, such as `no_rule_ready`.
    hold: Option<At<NameLike>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ResizeDocument {
    from: Option<At<CountText>>,
    to: At<CountText>,
    /// A rule, or `below_minimum`, or `above_maximum`.
    because: Option<At<NameLike>>,
}

/// A test file that was read.
pub struct PolicyTests {
    file_name: String,
    source: String,
    document: Document,
}

/// How one test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    pub name: String,
    /// What was expected and did not happen; empty when the test passed.
    pub failures: Vec<Diagnostic>,
}

impl PolicyTests {
    /// Reads a test file.
    ///
    /// # Errors
    /// What is wrong with its shape.
    pub fn read(source: &str, file_name: &str) -> Result<Self, PolicyErrors> {
        match yaml::read(source) {
            Ok(document) => Ok(Self {
                file_name: file_name.to_owned(),
                source: source.to_owned(),
                document,
            }),
            Err(diagnostic) => Err(PolicyErrors::new(file_name, source, vec![diagnostic])),
        }
    }

    /// The policy file that the tests are about, as they name it: relative to their own file.
    pub fn policy_file(&self) -> &str {
        &self.document.policy.value.0
    }

    /// Runs every test against the real engine.
    ///
    /// # Errors
    /// Tests that make no sense for this policy; then none is run.
    pub fn run(&self, policy: &Policy) -> Result<Vec<TestOutcome>, PolicyErrors> {
        let mut errors = Vec::new();
        let tests: Vec<Option<Test>> = self
            .document
            .tests
            .iter()
            .map(|document| Test::new(document, policy, &mut errors))
            .collect();
        if self.document.tests.is_empty() {
            errors.push(Diagnostic::error(
                self.document.policy.span.clone(),
                "this file has no tests",
            ));
        }
        let mut outcomes = Vec::new();
        for test in tests.into_iter().flatten() {
            match test.run(policy) {
                Ok(failures) => outcomes.push(TestOutcome {
                    name: test.name,
                    failures,
                }),
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(outcomes)
        } else {
            Err(PolicyErrors::new(&self.file_name, &self.source, errors))
        }
    }

    /// A failure as a person reads it.
    pub fn render(&self, failure: &Diagnostic, styled: bool) -> String {
        failure.render(&self.source, &self.file_name, styled)
    }
}

/// A test that makes sense for its policy.
struct Test {
    name: String,
    place: Range<usize>,
    every: Duration,
    start: Timestamp,
    provisioning: Duration,
    groups: Vec<GroupStatus>,
    series: BTreeMap<Subject, Vec<Sample>>,
    /// In order of time.
    expectations: Vec<Expectation>,
}

/// What must be decided for one target at one tick.
struct Expectation {
    tick: usize,
    target: usize,
    what: Expected,
    place: Range<usize>,
}

enum Expected {
    Hold(String),
    Resize {
        from: Option<Instances>,
        to: Instances,
        because: Option<String>,
    },
}

impl Test {
    fn new(document: &TestDocument, policy: &Policy, errors: &mut Vec<Diagnostic>) -> Option<Self> {
        let mut reader = Reader { policy, errors };
        let every = document
            .every
            .as_ref()
            .map_or(Some(policy.poll()), |at| reader.take(at, scalar::duration));
        let every = every.filter(|every| !every.is_zero()).or_else(|| {
            let place = document.every.as_ref().map_or(0..0, |at| at.span.clone());
            reader.refuse(
                place,
                "the time between two samples must be longer than zero",
                "write a time such as `30s`",
            )
        });
        let start = document
            .start
            .as_ref()
            .map_or(Some(DEFAULT_START), |at| reader.instant(at));
        let provisioning = document
            .provisioning
            .as_ref()
            .map_or(Some(Duration::ZERO), |at| reader.take(at, scalar::duration));
        let groups = reader.groups(&document.cluster);
        let series = reader.series(&document.series);
        let (every, start, provisioning, groups, series) =
            (every?, start?, provisioning?, groups?, series?);
        let expectations: Vec<_> = document
            .expect
            .iter()
            .map(|at| reader.expectation(at, every))
            .collect();
        let mut expectations = expectations.into_iter().collect::<Option<Vec<_>>>()?;
        expectations.sort_by_key(|expectation| expectation.tick);
        if expectations.is_empty() {
            return reader.refuse(
                document.name.span.clone(),
                "this test expects nothing",
                "add `expect: [{ at: 5m, hold: no_rule_ready }]`",
            );
        }
        let (name, place) = (document.name.value.0.clone(), document.name.span.clone());
        Some(Self {
            name,
            place,
            every,
            start,
            provisioning,
            groups,
            series,
            expectations,
        })
    }

    fn run(&self, policy: &Policy) -> Result<Vec<Diagnostic>, Diagnostic> {
        let mut engine = Engine::new(policy.clone());
        let mut cluster =
            ScriptedCluster::new(self.provisioning, &self.series, self.groups.clone());
        let mut failures = Vec::new();
        let last = self
            .expectations
            .last()
            .map_or(0, |expectation| expectation.tick);
        let mut at = self.start;
        for tick in 0..=last {
            let observation = cluster.observe(tick, at).map_err(|message| {
                let since = crate::units::display_duration(at.since(self.start)).to_string();
                Diagnostic::error(self.place.clone(), format!("at {since}, {message}"))
            })?;
            let decisions = engine.step(&observation);
            for group in cluster.apply(&decisions, at) {
                engine.note(&group, Outcome::Accepted);
            }
            let due = self
                .expectations
                .iter()
                .filter(|expectation| expectation.tick == tick);
            failures.extend(due.filter_map(|expectation| expectation.judge(&decisions)));
            at = at + self.every;
        }
        Ok(failures)
    }
}

impl Expectation {
    fn judge(&self, decisions: &[Decision]) -> Option<Diagnostic> {
        let decision = decisions
            .iter()
            .find(|decision| decision.target == self.target);
        let met = match (&self.what, decision.map(|decision| &decision.action)) {
            (Expected::Hold(label), Some(Action::Hold(reason))) => label == reason.label(),
            (Expected::Resize { from, to, because }, Some(Action::Resize(resize))) => {
                from.is_none_or(|from| from == resize.from)
                    && *to == resize.to
                    && because
                        .as_ref()
                        .is_none_or(|because| *because == cause_name(&resize.because))
            }
            _ => false,
        };
        if met {
            return None;
        }
        let failure = Diagnostic::error(
            self.place.clone(),
            format!("expected {}, got {}", self.what.describe(), got(decision)),
        );
        Some(match decision {
            Some(decision) => failure.help(explain(decision)),
            None => failure,
        })
    }
}

impl Expected {
    fn describe(&self) -> String {
        match self {
            Self::Hold(label) => format!("hold: {label}"),
            Self::Resize { from, to, because } => {
                let from = from.map_or(String::new(), |from| format!("from {from} "));
                let because = because
                    .as_ref()
                    .map_or(String::new(), |because| format!(" because of {because}"));
                format!("resize {from}to {to}{because}")
            }
        }
    }
}

fn got(decision: Option<&Decision>) -> String {
    match decision.map(|decision| &decision.action) {
        None => "no decision".to_owned(),
        Some(Action::Hold(reason)) => format!("hold: {}", reason.label()),
        Some(Action::Resize(resize)) => format!(
            "resize from {} to {} because of {}",
            resize.from,
            resize.to,
            cause_name(&resize.because)
        ),
    }
}

/// The decision in its own words, and what its rules saw.
fn explain(decision: &Decision) -> String {
    let readings: Vec<String> = decision
        .readings
        .iter()
        .map(|reading| format!("{} = {}", reading.signal, reading.value))
        .collect();
    if readings.is_empty() {
        decision.to_string()
    } else {
        format!("{decision}\nread {}", readings.join(", "))
    }
}

fn cause_name(cause: &Cause) -> String {
    match cause {
        Cause::Rule(rule) => rule.to_string(),
        Cause::Demand => "demand".to_owned(),
        Cause::BelowMinimum => "below_minimum".to_owned(),
        Cause::AboveMaximum => "above_maximum".to_owned(),
    }
}

/// How tests name a target's group: its role, its role and market as `task/spot` (a fleet too), its
/// name or its id.
fn label(target: &Target) -> String {
    match &target.selector {
        Selector::Role(role) => role.to_string(),
        Selector::Name(name) => name.to_string(),
        Selector::Id(id) => id.to_string(),
        Selector::Group { role, market } | Selector::Fleet { role, market } => {
            format!("{role}/{market}")
        }
    }
}

/// The group that a target means. One that is named only by name or id is taken for a task group.
fn group_of(target: &Target) -> GroupStatus {
    let label = label(target);
    let (role, kind, market) = match &target.selector {
        Selector::Role(role) => (*role, GroupKind::Group, Market::OnDemand),
        Selector::Group { role, market } => (*role, GroupKind::Group, *market),
        Selector::Name(_) | Selector::Id(_) => (Role::Task, GroupKind::Group, Market::OnDemand),
        Selector::Fleet { role, market } => (*role, GroupKind::Fleet, *market),
    };
    let name = matches!(target.selector, Selector::Name(_)).then(|| label.as_str().into());
    let size = target.limits.min();
    GroupStatus {
        id: GroupId::new(label),
        name,
        role,
        kind,
        market,
        state: GroupState::Running,
        requested: size,
        running: size,
        scaled_by_amazon: false,
    }
}

/// Reads the parts of a test against its policy, and keeps the errors.
struct Reader<'e> {
    policy: &'e Policy,
    errors: &'e mut Vec<Diagnostic>,
}

impl Reader<'_> {
    fn groups(&mut self, sizes: &Entries<At<CountText>>) -> Option<Vec<GroupStatus>> {
        let mut groups: Vec<GroupStatus> = self.policy.targets().iter().map(group_of).collect();
        for (name, size) in &sizes.0 {
            let count = Instances(self.take(size, scalar::count)?);
            let position = self.group(&name.value.0, name.span.clone())?;
            groups[position] = scripted_cluster::settled(groups[position].clone(), count);
        }
        Some(groups)
    }

    /// Position of the target with this label.
    fn group(&mut self, name: &str, place: Range<usize>) -> Option<usize> {
        let labels: Vec<String> = self.policy.targets().iter().map(label).collect();
        labels.iter().position(|label| label == name).or_else(|| {
            let help = format!(
                "the policy's targets are {}",
                labels
                    .iter()
                    .map(|label| format!("`{label}`"))
                    .collect::<Vec<_>>()
                    .join(", ")
            );
            self.refuse(place, format!("the policy has no target `{name}`"), help)
        })
    }

    fn series(
        &mut self,
        entries: &Entries<At<NameLike>>,
    ) -> Option<BTreeMap<Subject, Vec<Sample>>> {
        let read: Vec<_> = entries
            .0
            .iter()
            .map(|(name, text)| self.one_series(name, text))
            .collect();
        let mut series = BTreeMap::new();
        for ((name, _), entry) in entries.0.iter().zip(read) {
            let (subject, samples) = entry?;
            if series.insert(subject, samples).is_some() {
                return self.fail(
                    name.span.clone(),
                    format!("`{}` has two series", name.value.0),
                );
            }
        }
        Some(series)
    }

    fn one_series(
        &mut self,
        name: &At<NameLike>,
        text: &At<NameLike>,
    ) -> Option<(Subject, Vec<Sample>)> {
        let subject = self.subject(&name.value.0, name.span.clone());
        let samples = match series::parse(&text.value.0) {
            Ok(samples) => Some(samples),
            Err(message) => self.fail(text.span.clone(), message),
        };
        let (subject, samples) = (subject?, samples?);
        self.check_samples(&subject, &samples, text.span.clone())?;
        Some((subject, samples))
    }

    fn subject(&mut self, name: &str, place: Range<usize>) -> Option<Subject> {
        if name == CLUSTER_STATE {
            return Some(Subject::ClusterState);
        }
        if let Some(metric) = self
            .policy
            .metrics()
            .iter()
            .find(|metric| metric.id.as_str() == name)
        {
            return Some(Subject::Metric(MetricId::clone(&metric.id)));
        }
        match Signal::from_name(name) {
            Some(Signal::EmrInstancesRequested | Signal::EmrInstancesRunning) => self.refuse(
                place,
                format!("`{name}` follows from the decisions"),
                "give the size at the start under `cluster:`",
            ),
            Some(signal) => Some(Subject::Signal(signal.name())),
            None => {
                let known = Signal::ALL
                    .iter()
                    .map(|signal| signal.name())
                    .chain(self.policy.metrics().iter().map(|m| m.id.as_str()));
                let help = nearest(name, known)
                    .map_or("see the list of signals".to_owned(), |meant| {
                        format!("did you mean `{meant}`?")
                    });
                self.refuse(place, format!("there is no signal `{name}`"), help)
            }
        }
    }

    fn check_samples(
        &mut self,
        subject: &Subject,
        samples: &[Sample],
        place: Range<usize>,
    ) -> Option<()> {
        let is_state = *subject == Subject::ClusterState;
        let is_emr =
            matches!(subject, Subject::Signal(name) if name.starts_with("emr_")) || is_state;
        for sample in samples {
            let message = match sample {
                Sample::State(_) if !is_state => "a cluster state is not a number",
                Sample::Value(_) if is_state => "write states here, such as `RUNNINGx5 WAITING`",
                Sample::Value(value)
                    if value.is_nan() && !matches!(subject, Subject::Metric(_)) =>
                {
                    "only a declared metric can be `nan`"
                }
                Sample::Value(value) if *value < 0.0 && !matches!(subject, Subject::Metric(_)) => {
                    "this signal is never negative"
                }
                Sample::Missing | Sample::Stale if is_emr => {
                    "signals of EMR cannot be missing in a test"
                }
                _ => continue,
            };
            return self.fail(place, message);
        }
        Some(())
    }

    fn expectation(
        &mut self,
        document: &At<ExpectDocument>,
        every: Duration,
    ) -> Option<Expectation> {
        let At {
            value:
                ExpectDocument {
                    at,
                    group,
                    resize,
                    hold,
                },
            span,
        } = document;
        let since_start = self.take(at, scalar::duration)?;
        if !since_start
            .as_millis()
            .is_multiple_of(every.as_millis().max(1))
        {
            let every = crate::units::display_duration(every).to_string();
            return self.refuse(
                at.span.clone(),
                "no sample is taken at this time",
                format!("write a multiple of {every}"),
            );
        }
        let tick = since_start.as_millis() / every.as_millis().max(1);
        if tick > MOST_TICKS {
            return self.fail(
                at.span.clone(),
                format!("this is more than {MOST_TICKS} samples from the start"),
            );
        }
        let target = match group {
            Some(group) => self.group(&group.value.0, group.span.clone())?,
            None if self.policy.targets().len() == 1 => 0,
            None => {
                return self.refuse(
                    span.clone(),
                    "the policy has several targets",
                    "add `group:`",
                );
            }
        };
        let what = match (resize, hold) {
            (None, Some(hold)) => Expected::Hold(hold.value.0.clone()),
            (Some(ResizeDocument { from, to, because }), None) => Expected::Resize {
                from: from
                    .as_ref()
                    .map(|from| self.take(from, scalar::count))
                    .map_or(Some(None), |from| from.map(Some))?
                    .map(Instances),
                to: Instances(self.take(to, scalar::count)?),
                because: because.as_ref().map(|because| because.value.0.clone()),
            },
            _ => {
                return self.refuse(
                    span.clone(),
                    "expect one thing",
                    "write `resize: { to: 9 }` or `hold: no_rule_ready`",
                );
            }
        };
        let place = hold
            .as_ref()
            .map_or_else(|| at.span.clone(), |hold| hold.span.clone());
        Some(Expectation {
            tick: usize::try_from(tick).unwrap_or(usize::MAX),
            target,
            what,
            place,
        })
    }

    fn instant(&mut self, at: &At<NameLike>) -> Option<Timestamp> {
        let instant: Result<jiff::Timestamp, _> = at.value.0.parse();
        match instant {
            Ok(instant) => Some(Timestamp::from_millis(instant.as_millisecond())),
            Err(_) => self.refuse(
                at.span.clone(),
                "this is not a date and time",
                "write it like `2026-03-02T08:00:00Z`",
            ),
        }
    }

    fn take<T, S: AsRef<str>>(
        &mut self,
        at: &At<S>,
        read: impl FnOnce(&str) -> Result<T, Diagnostic>,
    ) -> Option<T> {
        match read(at.value.as_ref()) {
            Ok(value) => Some(value),
            Err(error) => {
                self.errors.push(error.at(at.span.clone()));
                None
            }
        }
    }

    fn refuse<T>(
        &mut self,
        place: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Option<T> {
        self.errors
            .push(Diagnostic::error(place, message).help(help));
        None
    }

    fn fail<T>(&mut self, place: Range<usize>, message: impl Into<String>) -> Option<T> {
        self.errors.push(Diagnostic::error(place, message));
        None
    }
}

#[cfg(test)]
mod tests;
