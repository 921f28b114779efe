//! How a call to EMR fails, sorted by what follows from it for whoever made the call.

use std::error::Error;
use std::io;

use aws_sdk_emr::error::{ProvideErrorMetadata, SdkError};

/// Why a call brought no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// EMR refused the call because there were too many.
    Throttled,
    AccessDenied {
        message: String,
    },
    /// EMR refused the call for another reason, in its own words.
    Refused {
        message: String,
    },
    /// EMR failed (5xx). It may have done what it was asked to.
    ServerError {
        status: u16,
    },
    /// No answer in time. EMR may have done what it was asked to.
    TimedOut,
    /// It is certain that EMR has not seen the call.
    NotSent {
        cause: String,
    },
    /// The connection broke. EMR may have seen the call.
    NoAnswer {
        cause: String,
    },
    /// An answer that is none.
    Malformed {
        problem: String,
    },
}

/// Codes under which AWS services refuse calls that come too often.
const THROTTLING: &[&str] = &[
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
];

/// Codes under which AWS services refuse calls for want of a permission.
const DENIAL: &[&str] = &["AccessDeniedException", "AccessDenied", "UnauthorizedOperation", "NotAuthorized"];

impl Failure {
    pub fn of<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::NotSent { cause: causes(error) },
            SdkError::TimeoutError(_) => Self::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::TimedOut,
            SdkError::DispatchFailure(_) if was_refused_a_connection(error) => Self::NotSent { cause: causes(error) },
            SdkError::DispatchFailure(_) => Self::NoAnswer { cause: causes(error) },
            SdkError::ServiceError(answer) => Self::of_answer(answer.raw().status().as_u16(), answer.err()),
            error => Self::Malformed { problem: causes(error) },
        }
    }

    /// The value of a metric label: one of a closed set, and the same as [`crate::daemon::source::SourceError::label`] for the same failure.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::AccessDenied { .. } => "access_denied",
            Self::Refused { .. } => "refused",
            Self::ServerError { .. } => "status",
            Self::TimedOut => "timed_out",
            Self::NotSent { .. } | Self::NoAnswer { .. } => "unreachable",
            Self::Malformed { .. } => "malformed",
        }
    }

    fn of_answer<E: ProvideErrorMetadata + Error + 'static>(status: u16, error: &E) -> Self {
        let code = error.code().unwrap_or_default();
        let message = || match (code, error.message()) {
            ("", None) => format!("answered {status}"),
            (code, None) => code.to_owned(),
            ("", Some(message)) => message.to_owned(),
            (code, Some(message)) => format!("{code}: {message}"),
        };
        if THROTTLING.contains(&code) || status == 429 {
            Self::Throttled
        } else if DENIAL.contains(&code) {
            Self::AccessDenied { message: message() }
        } else if status >= 500 {
            Self::ServerError { status }
        } else if status >= 400 {
            Self::Refused { message: message() }
        } else {
            Self::Malformed { problem: causes(error) }
        }
    }
}

/// A connection that was refused was never made, so that nothing can have been sent over it. Of no other error of a connection is this certain.
fn was_refused_a_connection(error: &(dyn Error + 'static)) -> bool {
    let refused = |cause: &(dyn Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    with_causes(error).any(refused)
}

/// What the error says, and what its causes say, from the outside in.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = with_causes(error).map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

fn with_causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
