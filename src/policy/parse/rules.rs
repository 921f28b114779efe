//! Rules: what each waits for, and what it does then.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use super::super::condition::Expr;
use super::super::diagnostic::Diagnostic;
use super::super::document::{RuleDocument, ThenDocument, TrackDocument};
use super::super::grammar::Fault;
use super::super::resolve::{self, Quantity, Scope};
use super::super::scalar::{self, Way};
use super::super::yaml::At;
use super::super::{Change, Rule};
use super::{Part, Reader};
use crate::observation::RuleName;

const DEFAULT_TOLERANCE: f64 = 0.1;

/// Where the parts of a rule stand.
pub fn places(rule: &RuleDocument) -> BTreeMap<Part, Range<usize>> {
    let always = [
        (Part::Name, rule.name.span.clone()),
        (Part::When, rule.when.span.clone()),
        (Part::Then, rule.then.span.clone()),
    ];
    let hold_for = rule
        .hold_for
        .as_ref()
        .map(|at| (Part::For, at.span.clone()));
    let cooldown = rule
        .cooldown
        .as_ref()
        .map(|at| (Part::Cooldown, at.span.clone()));
    always.into_iter().chain(hold_for).chain(cooldown).collect()
}

impl Reader<'_> {
    pub(super) fn rules(
        &mut self,
        documents: &[RuleDocument],
        scope: &mut Scope<'_>,
    ) -> Option<Vec<Rule>> {
        let rules: Vec<Option<Rule>> = documents
            .iter()
            .map(|document| self.rule(document, scope))
            .collect();
        for (position, document) in documents.iter().enumerate() {
            let name = &document.name.value.0;
            if documents[..position]
                .iter()
                .any(|earlier| earlier.name.value.0 == *name)
            {
                let error = Diagnostic::error(
                    document.name.span.clone(),
                    format!("this target already has a rule `{name}`"),
                );
                self.error(error.help("give each rule of a target its own name"));
            }
        }
        rules.into_iter().collect()
    }

    fn rule(&mut self, document: &RuleDocument, scope: &mut Scope<'_>) -> Option<Rule> {
        let name = self.name(&document.name);
        let when_text = document.when.with(document.when.value.0.clone());
        let when = self.expression(&when_text, scope, resolve::condition);
        let hold_for = document
            .hold_for
            .as_ref()
            .map_or(Some(Duration::ZERO), |at| self.take(at, scalar::duration));
        let then = self.change(&document.then, scope);
        let cooldown = document
            .cooldown
            .as_ref()
            .map_or(Some(Duration::ZERO), |at| self.take(at, scalar::duration));
        Some(Rule {
            name: RuleName::new(name?),
            when: when?,
            when_text: when_text.value.trim().into(),
            hold_for: hold_for?,
            then: then?,
            cooldown: cooldown?,
        })
    }

    fn change(&mut self, at: &At<ThenDocument>, scope: &mut Scope<'_>) -> Option<Change> {
        match &at.value {
            ThenDocument {
                grow: Some(grow),
                shrink: None,
                set: None,
                track: None,
            } => self
                .take(grow, |text| scalar::amount(text, Way::Grow))
                .map(Change::Grow),
            ThenDocument {
                grow: None,
                shrink: Some(shrink),
                set: None,
                track: None,
            } => self
                .take(shrink, |text| scalar::amount(text, Way::Shrink))
                .map(Change::Shrink),
            ThenDocument {
                grow: None,
                shrink: None,
                set: Some(set),
                track: None,
            } => self.take(set, scalar::size).map(Change::Set),
            ThenDocument {
                grow: None,
                shrink: None,
                set: None,
                track: Some(track),
            } => self.track(track, scope),
            ThenDocument {
                grow: None,
                shrink: None,
                set: None,
                track: None,
            } => {
                let error = Diagnostic::error(at.span.clone(), "this rule does nothing");
                self.refuse(error.help(
                    "write one of `grow`, `shrink`, `set`, `track`, as in `then: { grow: 5 }`",
                ))
            }
            _ => {
                let error = Diagnostic::error(at.span.clone(), "a rule does one thing");
                self.refuse(error.help("write a rule for each of `grow`, `shrink`, `set`, `track`"))
            }
        }
    }

    fn track(&mut self, document: &TrackDocument, scope: &mut Scope<'_>) -> Option<Change> {
        let text = document.signal.with(document.signal.value.0.clone());
        let signal = self.expression(&text, scope, resolve::quantity);
        let target_text = document.target.with(document.target.value.0.clone());
        let target = self.expression(&target_text, scope, resolve::quantity);
        let tolerance = document
            .tolerance
            .as_ref()
            .map_or(Some(DEFAULT_TOLERANCE), |at| {
                let refuse = || {
                    Diagnostic::error(
                        at.span.clone(),
                        format!("`{}` is not a tolerance", at.value.0),
                    )
                };
                match scalar::finite(&at.value.0) {
                    Some(tolerance) if (0.0..1.0).contains(&tolerance) => Some(tolerance),
                    _ => self.refuse(refuse().help(
                        "write a share from `0` up to, but not including, `1`, such as `0.1`",
                    )),
                }
            });
        let (signal, target) = (signal?, target?);
        let place = document.target.span.clone();
        let Quantity {
            expr: Expr::Constant(value),
            unit,
        } = target
        else {
            return self.refuse(
                Diagnostic::error(place, "the target is not a number")
                    .help("write a number such as `80`, `80%` or `64GiB`"),
            );
        };
        if !resolve::fits(unit, signal.unit) {
            let message = format!(
                "the target is {}, the signal is {}",
                resolve::describe(unit),
                resolve::describe(signal.unit)
            );
            return self.refuse(Diagnostic::error(place, message).help("give both the same unit"));
        }
        if value <= 0.0 {
            return self.refuse(
                Diagnostic::error(place, "the target must be above zero")
                    .help("the size is multiplied by signal / target"),
            );
        }
        Some(Change::Track {
            signal: signal.expr,
            signal_text: text.value.trim().into(),
            target: value,
            tolerance: tolerance?,
        })
    }

    /// Reads a text in the language of conditions and puts its faults where they stand in the file.
    fn expression<'m, T>(
        &mut self,
        text: &At<String>,
        scope: &mut Scope<'m>,
        read: impl FnOnce(&str, &mut Scope<'m>) -> Result<T, Vec<Fault>>,
    ) -> Option<T> {
        match read(&text.value, scope) {
            Ok(value) => Some(value),
            Err(faults) => {
                for Fault {
                    span,
                    message,
                    help,
                } in faults
                {
                    self.error(Diagnostic {
                        help,
                        ..Diagnostic::error(text.part(self.source, &span), message)
                    });
                }
                None
            }
        }
    }
}
