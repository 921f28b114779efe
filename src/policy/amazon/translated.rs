//! The result of a translation, before it is a policy.

use crate::policy::diagnostic::Diagnostic;
use crate::policy::document::PolicyDocument;

/// The content of a policy file, and what only people read.
pub struct Translated {
    /// The policy's content; its places are those of Amazon's document.
    pub document: PolicyDocument,
    /// Where in Amazon's document the policy is; empty when it is the document, or several policies
    /// of it together.
    pub path: String,
    /// One for each rule of each target.
    pub descriptions: Vec<Vec<Option<String>>>,
    /// Fields without a counterpart in a policy, or with another one than their name says.
    pub remarks: Vec<Diagnostic>,
}
