//! Refuses a value of a scenario file.

use std::fmt::Display;
use std::ops::Range;

use crate::policy::diagnostic::Diagnostic;

/// The error of a field at a place of the file.
pub(super) fn refuse<T>(
    place: &Range<usize>,
    field: &str,
    problem: impl Display,
) -> Result<T, Diagnostic> {
    Err(Diagnostic::error(
        place.clone(),
        format!("`{field}`: {problem}"),
    ))
}
