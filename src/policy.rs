//! Scaling policies: what to resize, within which limits, and by which rules or demand.
//! [`parse`](parse::parse) reads a policy file and refuses it whole when anything is wrong with it.

mod amazon;
pub mod baselines;
pub(crate) mod condition;
pub mod demand;
pub mod diagnostic;
pub mod document;
mod grammar;
mod group_match;
mod guards;
mod limits;
mod metric;
pub(crate) mod operator;
pub mod parse;
mod resolve;
mod rule;
pub mod scalar;
pub mod schedule;
mod selector;
pub mod signal;
mod spans;
mod target;
mod tree;
mod validated;
pub(crate) mod yaml;

pub use group_match::GroupMatch;
pub use guards::{Budget, Cap, FlipBudget, Guards, HdfsGuard};
pub use limits::Limits;
pub use metric::{MetricSpec, Statistic};
pub use rule::{Amount, Change, Rule, Size};
pub use selector::Selector;
pub use spans::{Part, PolicySpans};
pub use target::Target;
pub use validated::{DEFAULT_POLL, OnGroupError, Policy};
