//! What is said of the fields of a document, each named by its path.

use std::fmt::Display;
use std::ops::RangeInclusive;

use super::shape::Text;
use crate::policy::diagnostic::{Diagnostic, nearest};
use crate::policy::scalar;
use crate::policy::yaml::At;

/// Errors and remarks so far. A method that returns `None` has left an error.
pub struct Notes {
    /// What stands before the path of every field.
    root: String,
    pub errors: Vec<Diagnostic>,
    pub remarks: Vec<Diagnostic>,
}

impl Notes {
    /// `path` leads to the policy; it is empty when the document is the policy.
    pub fn new(path: &str) -> Self {
        let root = if path.is_empty() {
            String::new()
        } else {
            format!("{path}.")
        };
        Self {
            root,
            errors: Vec::new(),
            remarks: Vec::new(),
        }
    }

    /// Refuses the value of a field.
    pub fn refuse<T>(
        &mut self,
        path: impl Display,
        at: &Text,
        message: impl Display,
        help: impl Into<String>,
    ) -> Option<T> {
        let error = Diagnostic::error(at.span.clone(), format!("{}{path}: {message}", self.root));
        self.errors.push(error.help(help));
        None
    }

    /// Says what the value of a field became.
    pub fn remark<P>(
        &mut self,
        path: impl Display,
        at: &At<P>,
        message: impl Display,
        help: impl Into<String>,
    ) {
        let remark =
            Diagnostic::warning(at.span.clone(), format!("{}{path}: {message}", self.root));
        self.remarks.push(remark.help(help));
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(
        &mut self,
        path: impl Display,
        at: &Text,
        values: &[(&str, T)],
    ) -> Option<T> {
        let written = at.value.0.as_str();
        if let Some((_, value)) = values.iter().find(|(name, _)| *name == written) {
            return Some(*value);
        }
        let names = || values.iter().map(|(name, _)| *name);
        let help = match nearest(written, names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write one of {}", names().collect::<Vec<_>>().join(", ")),
        };
        self.refuse(path, at, format!("`{written}` is not a valid value"), help)
    }

    /// A whole number within `range`.
    pub fn whole(
        &mut self,
        path: impl Display,
        at: &Text,
        range: RangeInclusive<i64>,
    ) -> Option<i64> {
        // Programs write whole numbers as `10.0`, too.
        let text = at.value.0.trim();
        let text = text.strip_suffix(".0").unwrap_or(text);
        match text.parse::<i64>() {
            Ok(number) if range.contains(&number) => Some(number),
            _ => {
                let (least, most) = range.into_inner();
                let help = format!("write a whole number from {least} to {most}");
                self.refuse(
                    path,
                    at,
                    format_args!("`{}` is not valid here", at.value.0),
                    help,
                )
            }
        }
    }

    /// A text that is not empty.
    pub fn filled(&mut self, path: impl Display, at: &Text) -> Option<String> {
        match at.value.0.trim() {
            "" => self.refuse(
                path,
                at,
                "this must not be empty",
                "write its name, or leave the field out where it may be missing",
            ),
            text => Some(text.to_owned()),
        }
    }

    /// A finite number that is not negative.
    pub fn number(&mut self, path: impl Display, at: &Text) -> Option<f64> {
        match scalar::finite(&at.value.0) {
            Some(number) if number >= 0.0 => Some(number),
            _ => self.refuse(
                path,
                at,
                format!("`{}` is not valid here", at.value.0),
                "write a number, 0 or more",
            ),
        }
    }
}
