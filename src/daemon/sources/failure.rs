//! How a call to EMR or CloudWatch fails, sorted by what follows from it for whoever made the call.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_sdk_emr::error::{ProvideErrorMetadata, SdkError};

use crate::daemon::sources::source::SourceError;

/// Why a call brought no answer that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// AWS refused the call because there were too many.
    Throttled,
    AccessDenied {
        message: String,
    },
    /// AWS refused the call for another reason, in its own words.
    Refused {
        message: String,
    },
    /// AWS failed (5xx). It may have done what it was asked to.
    ServerError {
        status: u16,
    },
    /// No answer in time. AWS may have done what it was asked to.
    TimedOut,
    /// It is certain that AWS has not seen the call.
    NotSent {
        cause: String,
    },
    /// The connection broke. AWS may have seen the call.
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
const DENIAL: &[&str] = &[
    "AccessDeniedException",
    "AccessDenied",
    "UnauthorizedOperation",
    "NotAuthorized",
];

impl Failure {
    pub fn of<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::NotSent {
                cause: causes(error),
            },
            SdkError::TimeoutError(_) => Self::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::TimedOut,
            SdkError::DispatchFailure(_) if was_refused_a_connection(error) => Self::NotSent {
                cause: causes(error),
            },
            SdkError::DispatchFailure(_) => Self::NoAnswer {
                cause: causes(error),
            },
            SdkError::ServiceError(answer) => {
                Self::of_answer(answer.raw().status().as_u16(), answer.err())
            }
            error => Self::Malformed {
                problem: causes(error),
            },
        }
    }

    /// The value of a metric label: one of a closed set, and the same as
    /// [`crate::daemon::sources::source::SourceError::label`] for the same failure.
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

    /// What it means to someone who only reads: `permission` is what the operation needs, `waited`
    /// how long there was no answer.
    pub fn of_reading(
        self,
        operation: &'static str,
        permission: &'static str,
        waited: Duration,
    ) -> SourceError {
        match self {
            Self::Throttled => SourceError::Throttled { operation },
            Self::AccessDenied { .. } => SourceError::AccessDenied {
                operation,
                permission,
            },
            Self::Refused { message } => SourceError::Refused { operation, message },
            Self::ServerError { status } => SourceError::Status {
                url: operation.to_owned(),
                status,
            },
            Self::TimedOut => SourceError::TimedOut {
                what: operation.to_owned(),
                after: waited,
            },
            Self::NotSent { cause } | Self::NoAnswer { cause } if cause.contains("credential") => {
                let message = format!(
                    "there are no AWS credentials ({cause}); give this machine a role, or name a profile with AWS_PROFILE"
                );
                SourceError::Refused { operation, message }
            }
            Self::NotSent { cause } | Self::NoAnswer { cause } => SourceError::Unreachable {
                url: operation.to_owned(),
                cause,
            },
            Self::Malformed { problem } => SourceError::Malformed {
                url: operation.to_owned(),
                problem,
            },
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
            Self::Malformed {
                problem: causes(error),
            }
        }
    }
}

/// A connection that was refused was never made, so that nothing can have been sent over it. Of no
/// other error of a connection is this certain.
fn was_refused_a_connection(error: &(dyn Error + 'static)) -> bool {
    let refused = |cause: &(dyn Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    with_causes(error).any(refused)
}

/// What the error says, and what its causes say, from the outside in.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = with_causes(error).map(ToString::to_string).collect();
    texts.dedup();
    texts.join(": ")
}

fn with_causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
