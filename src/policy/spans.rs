//! Where the parts of a policy are in its file, for diagnostics that are found after parsing.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::policy::document::{PolicyDocument, RuleDocument};
use crate::policy::yaml::At;

/// Where the parts of a policy are in its file, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicySpans {
    targets: Vec<TargetSpans>,
    demand: Range<usize>,
    uses_yarn: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct TargetSpans {
    limits: Range<usize>,
    step: Range<usize>,
    budget: Range<usize>,
    rules: Vec<BTreeMap<Part, Range<usize>>>,
    windows: Vec<Range<usize>>,
}

/// A part of a rule that a diagnostic can point at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The name.
    Name,
    /// The condition.
    When,
    /// The `for` time.
    For,
    /// The change that the rule asks for.
    Then,
    /// The cooldown.
    Cooldown,
}

impl PolicySpans {
    /// The span of `demand`.
    pub fn demand(&self) -> Range<usize> {
        self.demand.clone()
    }

    /// The span of `uses_yarn`, or of the policy's name when it was left out.
    pub fn uses_yarn(&self) -> Range<usize> {
        self.uses_yarn.clone()
    }

    /// The span of a target's `limits`, or of its `group` when it has none of its own; of `demand`,
    /// when the target follows from it.
    pub fn limits(&self, target: usize) -> Range<usize> {
        self.targets
            .get(target)
            .map_or(self.demand(), |spans| spans.limits.clone())
    }

    /// The span of a target's `step`.
    pub fn step(&self, target: usize) -> Range<usize> {
        let spans = self.targets.get(target);
        spans.map_or(0..0, |spans| spans.step.clone())
    }

    /// The span of a target's `budget`.
    pub fn budget(&self, target: usize) -> Range<usize> {
        let spans = self.targets.get(target);
        spans.map_or(0..0, |spans| spans.budget.clone())
    }

    /// The span of the name of a schedule window.
    pub fn window(&self, target: usize, window: usize) -> Range<usize> {
        let spans = self.targets.get(target);
        spans
            .and_then(|spans| spans.windows.get(window))
            .map_or(0..0, Clone::clone)
    }

    /// The span of a part of a rule, or of the rule's name when the part was left out.
    pub fn rule(&self, target: usize, rule: usize, part: Part) -> Range<usize> {
        let rule = self
            .targets
            .get(target)
            .and_then(|spans| spans.rules.get(rule));
        rule.and_then(|parts| parts.get(&part).or_else(|| parts.get(&Part::Name)))
            .map_or(0..0, Clone::clone)
    }

    pub(super) fn of(document: &PolicyDocument) -> Self {
        let demand = document
            .demand
            .as_ref()
            .map(|at| at.span.clone())
            .unwrap_or_default();
        let targets = document
            .targets
            .iter()
            .flat_map(|targets| &targets.value)
            .map(|target| TargetSpans {
                limits: target
                    .value
                    .limits
                    .as_ref()
                    .map_or(target.value.group.span.clone(), |limits| {
                        limits.span.clone()
                    }),
                step: span_of(target.value.step.as_ref()),
                budget: span_of(target.value.budget.as_ref()),
                rules: target.value.rules.iter().map(rule_spans).collect(),
                windows: target
                    .value
                    .schedule
                    .iter()
                    .map(|window| window.name.span.clone())
                    .collect(),
            });
        let uses_yarn = document.uses_yarn.as_ref().map(|at| at.span.clone());
        Self {
            targets: targets.collect(),
            demand,
            uses_yarn: uses_yarn.unwrap_or(document.name.span.clone()),
        }
    }
}

fn span_of<T>(at: Option<&At<T>>) -> Range<usize> {
    at.map_or(0..0, |at| at.span.clone())
}

/// The spans of the parts of a rule.
fn rule_spans(rule: &RuleDocument) -> BTreeMap<Part, Range<usize>> {
    let always = [
        (Part::Name, rule.name.span.clone()),
        (Part::When, rule.when.span.clone()),
        (Part::Then, rule.then.span.clone()),
    ];
    let for_duration = rule
        .for_duration
        .as_ref()
        .map(|at| (Part::For, at.span.clone()));
    let cooldown = rule
        .cooldown
        .as_ref()
        .map(|at| (Part::Cooldown, at.span.clone()));
    always
        .into_iter()
        .chain(for_duration)
        .chain(cooldown)
        .collect()
}
