//! What must be decided, and whether it was.

use std::ops::Range;

use crate::decision::{Action, Cause, Decision};
use crate::policy::diagnostic::Diagnostic;
use crate::units::Instances;

/// What must be decided for one target at one tick.
pub struct Expectation {
    pub tick: usize,
    pub target: usize,
    pub what: Expected,
    pub place: Range<usize>,
}

/// A decision as a test describes it.
pub enum Expected {
    Hold(String),
    Resize {
        from: Option<Instances>,
        to: Instances,
        because: Option<String>,
    },
}

impl Expectation {
    /// The failure, if the decisions of the tick are not as expected.
    pub fn judge(&self, decisions: &[Decision]) -> Option<Diagnostic> {
        let decision = decisions
            .iter()
            .find(|decision| decision.target == self.target);
        let met = match (&self.what, decision.map(|decision| &decision.action)) {
            (Expected::Hold(label), Some(Action::Hold(reason))) => reason.is_kind(label),
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
