//! Rules: what each waits for, and what it does then.

use std::time::Duration;

use super::reader::Reader;
use crate::observation::RuleName;
use crate::policy::condition::Expr;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::{RuleDocument, ThenDocument, TrackDocument};
use crate::policy::resolve::{self, Quantity, Scope};
use crate::policy::rule::{Change, Rule};
use crate::policy::scalar::{self, Way};
use crate::policy::yaml::At;

const DEFAULT_TOLERANCE: f64 = 0.1;

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
        let for_duration = document
            .for_duration
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
            for_duration: for_duration?,
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

    /// Reads a text in the language of conditions and reports its errors where they are in the file.
    fn expression<'m, T>(
        &mut self,
        text: &At<String>,
        scope: &mut Scope<'m>,
        read: impl FnOnce(&str, &mut Scope<'m>) -> Result<T, Vec<Diagnostic>>,
    ) -> Option<T> {
        match read(&text.value, scope) {
            Ok(value) => Some(value),
            Err(errors) => {
                for error in errors {
                    let place = text.part(self.source, &error.span);
                    self.error(error.at(place));
                }
                None
            }
        }
    }
}
