//! Tests that people write for their policies, in the manner of promtool: what is seen over time,
//! and what must be decided when.

mod document;
mod expectation;
mod reader;
mod scripted_cluster;
mod series;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use crate::decision::Outcome;
use crate::engine::Engine;
use crate::observation::GroupStatus;
use crate::policy::Policy;
use crate::policy::diagnostic::{Diagnostic, PolicyErrors};
use crate::policy::scalar;
use crate::policy::yaml;
use crate::units::Timestamp;
use document::{Document, TestDocument};
use expectation::Expectation;
use reader::Reader;
use scripted_cluster::{ScriptedCluster, Subject};
use series::Sample;

/// When a test begins that does not say: a Monday, at midnight UTC.
const DEFAULT_START: Timestamp = Timestamp::from_millis(1_767_571_200_000);

/// A test file that was read.
pub struct PolicyTests {
    file_name: String,
    source: String,
    document: Document,
}

/// How one test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestOutcome {
    /// The test's name in the file.
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
    /// How many instances there are for each group, by tick.
    available: Vec<Vec<u32>>,
    series: BTreeMap<Subject, Vec<Sample>>,
    /// In order of time.
    expectations: Vec<Expectation>,
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
        let groups = reader.nodes(&document.node, groups)?;
        let available = reader.available(&document.available, &groups)?;
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
                "add `expect: [{ at: 5m, hold: no_rule_firing }]`",
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
            available,
            series,
            expectations,
        })
    }

    fn run(&self, policy: &Policy) -> Result<Vec<Diagnostic>, Diagnostic> {
        let mut engine = Engine::new(policy.clone());
        let mut cluster = ScriptedCluster::new(
            self.provisioning,
            &self.available,
            &self.series,
            self.groups.clone(),
        );
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

#[cfg(test)]
mod tests;
