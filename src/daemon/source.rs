//! What all sources of observations have in common: how they fail.

use std::time::Duration;

/// Why a source gave no answer that can be used. What it would have told is then unknown, never guessed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SourceError {
    #[error("{url}: cannot be reached ({cause}); is the address right, and the port open to this machine?")]
    Unreachable { url: String, cause: String },
    #[error("{what}: no answer within {} s", after.as_secs_f64())]
    TimedOut { what: String, after: Duration },
    #[error("{url}: the answer is longer than {limit_bytes} bytes and was not read to its end")]
    TooLarge { url: String, limit_bytes: usize },
    #[error("{url}: answered {status}")]
    Status { url: String, status: u16 },
    #[error("{url}: the answer is not what the service is known to send: {problem}")]
    Malformed { url: String, problem: String },
    #[error("there is not exactly one active {service}: {states}")]
    NoActive { service: &'static str, states: String },
    #[error("{operation} is throttled by AWS")]
    Throttled { operation: &'static str },
    #[error("{operation} is not allowed; grant `{permission}` to the role of this machine")]
    AccessDenied { operation: &'static str, permission: &'static str },
    #[error("{operation}: {message}")]
    Refused { operation: &'static str, message: String },
    #[error("YARN's node {host} is not among the instances that EMR lists; they are listed again, at most once a minute")]
    UnknownHost { host: String },
    #[error("{operation} was left out to stay within the budget of API calls")]
    OverBudget { operation: &'static str },
}

impl SourceError {
    /// The value of a metric label: one of a closed set.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::TimedOut { .. } => "timed_out",
            Self::TooLarge { .. } => "too_large",
            Self::Status { .. } => "status",
            Self::Malformed { .. } => "malformed",
            Self::NoActive { .. } => "no_active",
            Self::Throttled { .. } => "throttled",
            Self::AccessDenied { .. } => "access_denied",
            Self::Refused { .. } => "refused",
            Self::UnknownHost { .. } => "unknown_host",
            Self::OverBudget { .. } => "over_budget",
        }
    }
}

/// One call to a service as it went, for metrics and logs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// The operation: `metrics`, `nodes`, `DescribeCluster` ... one of a closed set.
    pub operation: &'static str,
    /// `ok`, or [`SourceError::label`].
    pub result: &'static str,
    pub took: Duration,
}
