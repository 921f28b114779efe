//! What all sources of observations have in common: how they fail, and how often that is told.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::units::Timestamp;

/// The same is told again after so long.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(600);

/// Why a source gave no answer that can be used. What it would have told is then unknown, never
/// guessed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SourceError {
    #[error(
        "{url}: cannot be reached ({cause}); is the address right, and the port open to this machine?"
    )]
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
    NoActive {
        service: &'static str,
        states: String,
    },
    #[error("{operation} is throttled by AWS")]
    Throttled { operation: &'static str },
    #[error("{operation} is not allowed; grant `{permission}` to the role of this machine")]
    AccessDenied {
        operation: &'static str,
        permission: &'static str,
    },
    #[error("{operation}: {message}")]
    Refused {
        operation: &'static str,
        message: String,
    },
    #[error(
        "YARN's node {host} is not among the instances that EMR lists; they are listed again, at most once a minute"
    )]
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

/// Something that is tried again and again, as far as it fails. Keeps the log from filling with
/// what it has said already.
#[derive(Clone, Debug, Default)]
pub struct Trouble {
    /// When it began.
    since: Option<Timestamp>,
    /// When each kind of error was last told of.
    told: BTreeMap<&'static str, Timestamp>,
}

/// What is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum News<'a> {
    Fails(&'a SourceError),
    /// In whole seconds.
    Recovered {
        after: Duration,
    },
}

impl Trouble {
    /// Takes down how one attempt went. It is news that attempts begin to fail, or fail for another
    /// reason, that they still do after ten minutes, and that they do no longer.
    pub fn news<'a>(&mut self, at: Timestamp, error: Option<&'a SourceError>) -> Option<News<'a>> {
        let Some(error) = error else {
            self.told.clear();
            return self.since.take().map(|since| News::Recovered {
                after: Duration::from_secs(at.since(since).as_secs()),
            });
        };
        self.since.get_or_insert(at);
        let told_at = self.told.get(error.label());
        // A time in the future is from before the clock was set back.
        let is_news =
            told_at.is_none_or(|told_at| at < *told_at || at.since(*told_at) >= TOLD_AGAIN_AFTER);
        is_news.then(|| {
            self.told.insert(error.label(), at);
            News::Fails(error)
        })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_when_it_begins_changes_goes_on_and_ends() {
        let throttled = || {
            Some(SourceError::Throttled {
                operation: "DescribeCluster",
            })
        };
        let unknown = |host: &str| {
            Some(SourceError::UnknownHost {
                host: host.to_owned(),
            })
        };
        let steps = [
            (0, None, ""),
            (30, throttled(), "fails"),
            (60, throttled(), ""),
            (90, unknown("a"), "fails"),
            (120, throttled(), ""),
            (150, unknown("b"), ""),
            (629, throttled(), ""),
            (630, throttled(), "fails"),
            (660, throttled(), ""),
            (690, unknown("b"), "fails"),
            (720, None, "recovered after 690 s"),
            (750, None, ""),
            (780, throttled(), "fails"),
            // The clock was set back.
            (10, throttled(), "fails"),
            (20, None, "recovered after 0 s"),
        ];
        let mut trouble = Trouble::default();
        for (at_s, error, expected) in steps {
            let news = match trouble.news(Timestamp::from_millis(at_s * 1_000), error.as_ref()) {
                None => String::new(),
                Some(News::Fails(told)) => {
                    assert_eq!(Some(told), error.as_ref());
                    "fails".to_owned()
                }
                Some(News::Recovered { after }) => format!("recovered after {} s", after.as_secs()),
            };
            assert_eq!(news, expected, "at {at_s} s: {error:?}");
        }
    }
}
