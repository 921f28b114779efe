//! What is said of a policy, for tests.

use super::lint;
use crate::policy::parse::parse_with_spans;

/// Each warning about a policy, after the text that it points at.
pub fn warnings(source: &str) -> Vec<String> {
    let (policy, spans) = parse_with_spans(source, "p").unwrap_or_else(|errors| panic!("{errors}"));
    let found = lint(&policy);
    let lines = found.iter().map(|lint| {
        let span = lint.diagnostic(&spans).span;
        format!("{}: {}", &source[span], lint.message)
    });
    lines.collect()
}
