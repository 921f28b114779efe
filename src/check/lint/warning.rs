//! A warning about a policy.

use crate::policy::diagnostic::Diagnostic;
use crate::policy::{Part, PolicySpans};

/// One warning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lint {
    pub about: About,
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// What a warning is about: positions in the policy, from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    Demand,
    Group(usize),
    Limits(usize),
    Rule {
        target: usize,
        rule: usize,
        part: Part,
    },
}

impl Lint {
    /// The warning at its place in the file.
    pub fn diagnostic(&self, places: &PolicySpans) -> Diagnostic {
        let span = match self.about {
            About::Demand => places.demand(),
            About::Group(target) => places.group(target),
            About::Limits(target) => places.limits(target),
            About::Rule { target, rule, part } => places.rule(target, rule, part),
        };
        Diagnostic::warning(span, self.message.clone()).help(self.help.clone())
    }
}
