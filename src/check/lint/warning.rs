//! A warning about a policy.

use crate::policy::diagnostic::Diagnostic;
use crate::policy::{Part, PolicySpans};

/// One warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    pub(super) about: About,
    pub(super) message: String,
    /// What to do about it.
    pub(super) help: String,
}

/// What a warning is about: positions in the policy, from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// What is known without YARN: a note, not a warning.
    UsesYarn,
    Demand,
    Limits(usize),
    Step(usize),
    Budget(usize),
    Window {
        target: usize,
        window: usize,
    },
    Rule {
        target: usize,
        rule: usize,
        part: Part,
    },
}

impl Lint {
    /// The warning or note at its place in the file.
    pub fn diagnostic(&self, places: &PolicySpans) -> Diagnostic {
        let span = match self.about {
            About::UsesYarn => {
                return Diagnostic::note(places.uses_yarn(), self.message.clone())
                    .help(self.help.clone());
            }
            About::Demand => places.demand(),
            About::Limits(target) => places.limits(target),
            About::Step(target) => places.step(target),
            About::Budget(target) => places.budget(target),
            About::Window { target, window } => places.window(target, window),
            About::Rule { target, rule, part } => places.rule(target, rule, part),
        };
        Diagnostic::warning(span, self.message.clone()).help(self.help.clone())
    }
}
