//! Reads single values of a policy file and collects the errors.

use std::time::Duration;

use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::document::{NameLike, NameText};
use crate::policy::scalar;
use crate::policy::yaml::At;

/// The longest name of a policy, rule, window or metric, in characters.
pub(super) const LONGEST_NAME: usize = 64;

/// Reads values and keeps the errors. A method that returns `None` has left at least one.
pub(super) struct Reader<'s> {
    pub source: &'s str,
    /// Whether the policy may read YARN.
    pub uses_yarn: bool,
    pub errors: Vec<Diagnostic>,
}

impl Reader<'_> {
    /// A name that metrics and messages can carry.
    pub(super) fn name(&mut self, at: &At<NameText>) -> Option<String> {
        let text = at.value.0.as_str();
        let fine = |c: char| c.is_alphanumeric() || "-_. ".contains(c);
        if !text.trim().is_empty()
            && text.trim() == text
            && text.chars().count() <= LONGEST_NAME
            && text.chars().all(fine)
        {
            return Some(text.to_owned());
        }
        let error = Diagnostic::error(
            at.span.clone(),
            format!("`{}` cannot be a name", text.escape_debug()),
        );
        self.refuse(error.help(format!(
            "use up to {LONGEST_NAME} letters, digits, `-`, `_`, `.` and spaces"
        )))
    }

    pub(super) fn filled(&mut self, at: &At<NameLike>) -> Option<String> {
        match at.value.0.trim() {
            "" => self.refuse(Diagnostic::error(at.span.clone(), "this must not be empty")),
            text => Some(text.to_owned()),
        }
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy, S: AsRef<str>>(
        &mut self,
        at: &At<S>,
        values: &[(&str, T)],
    ) -> Option<T> {
        let text = at.value.as_ref().trim();
        if let Some((_, value)) = values.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let help = match nearest(text, values.iter().map(|(name, _)| *name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!(
                "write {}",
                values
                    .iter()
                    .map(|(name, _)| format!("`{name}`"))
                    .collect::<Vec<_>>()
                    .join(" or ")
            ),
        };
        self.refuse(
            Diagnostic::error(at.span.clone(), format!("`{text}` is not valid here")).help(help),
        )
    }

    pub(super) fn within<S: AsRef<str>>(
        &mut self,
        at: &At<S>,
        least: Duration,
        most: Duration,
        message: &str,
    ) -> Option<Duration> {
        let duration = self.take(at, scalar::duration)?;
        if least <= duration && duration <= most {
            return Some(duration);
        }
        self.refuse(Diagnostic::error(at.span.clone(), message).help("write a time such as `30s`"))
    }

    /// A time that is not zero.
    pub(super) fn some_time<S: AsRef<str>>(&mut self, at: &At<S>) -> Option<Duration> {
        self.within(
            at,
            Duration::from_millis(1),
            scalar::LONGEST,
            "this time must be longer than zero",
        )
    }

    pub(super) fn take<T, S: AsRef<str>>(
        &mut self,
        at: &At<S>,
        read: impl FnOnce(&str) -> Result<T, Diagnostic>,
    ) -> Option<T> {
        at.read(read).map_or_else(|error| self.refuse(error), Some)
    }

    pub(super) fn refuse<T>(&mut self, error: Diagnostic) -> Option<T> {
        self.error(error);
        None
    }

    pub(super) fn error(&mut self, error: Diagnostic) {
        self.errors.push(error);
    }
}
