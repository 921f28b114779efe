//! How a call to AWS fails, classified by what the caller can conclude from it.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_sdk_emr::error::{ProvideErrorMetadata, SdkError};

use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::untrusted::is_about_certificate;
use crate::safe_text::remark;

/// Why a call to AWS gave no usable answer. Unlike [`SourceError`], it distinguishes calls that AWS
/// may have carried out from calls that it certainly has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwsError {
    /// AWS refused the call because there were too many.
    Throttled,
    /// AWS refused the call because a permission is missing.
    AccessDenied {
        /// AWS's own words.
        message: String,
    },
    /// AWS refused the call for another reason, in its own words.
    Refused { message: String },
    /// AWS failed (5xx). It may have carried out the call.
    ServerError { status: u16 },
    /// No answer in time. AWS may have carried out the call.
    TimedOut,
    /// AWS has certainly not received the call.
    NotSent { cause: String },
    /// The connection broke. AWS may have carried out the call.
    NoAnswer { cause: String },
    /// An answer that cannot be parsed.
    Malformed { problem: String },
}

/// Error codes of AWS services for too many calls.
const THROTTLING: &[&str] = &[
    "ThrottlingException",
    "Throttling",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
];

/// Error codes of AWS services for a missing permission.
const DENIAL: &[&str] = &[
    "AccessDeniedException",
    "AccessDenied",
    "UnauthorizedOperation",
    "NotAuthorized",
];

impl AwsError {
    /// Classifies an error of the SDK.
    pub fn classify<E: ProvideErrorMetadata + Error + 'static>(error: &SdkError<E>) -> Self {
        match error {
            SdkError::ConstructionFailure(_) => Self::NotSent {
                cause: causes(error),
            },
            SdkError::TimeoutError(_) => Self::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Self::TimedOut,
            SdkError::DispatchFailure(_)
                if is_connection_refused(error) || is_about_certificate(&causes(error)) =>
            {
                Self::NotSent {
                    cause: causes(error),
                }
            }
            SdkError::DispatchFailure(_) => Self::NoAnswer {
                cause: causes(error),
            },
            SdkError::ServiceError(answer) => {
                Self::classify_answer(answer.raw().status().as_u16(), answer.err())
            }
            error => Self::Malformed {
                problem: causes(error),
            },
        }
    }

    /// The name of this kind of error, the same as [`SourceError::label`] of the corresponding
    /// error.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::NotSent { cause } if is_about_certificate(cause) => "untrusted",
            Self::AccessDenied { .. } => "access_denied",
            Self::Refused { .. } => "refused",
            Self::ServerError { .. } => "status",
            Self::TimedOut => "timed_out",
            Self::NotSent { .. } | Self::NoAnswer { .. } => "unreachable",
            Self::Malformed { .. } => "malformed",
        }
    }

    /// Converts the error of a read. `permission` is the one that the operation needs; `waited` is
    /// the time without an answer.
    pub fn into_source_error(
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
            Self::NotSent { cause } | Self::NoAnswer { cause } if is_about_certificate(&cause) => {
                SourceError::Untrusted {
                    url: operation.to_owned(),
                    cause,
                    setting: "aws.ca_file",
                }
            }
            Self::NotSent { cause } | Self::NoAnswer { cause } if cause.contains("credential") => {
                let message = format!(
                    "no AWS credentials were found ({cause}); attach an IAM role to this machine, or set AWS_PROFILE"
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

    fn classify_answer<E: ProvideErrorMetadata + Error + 'static>(status: u16, error: &E) -> Self {
        let code = error.code().unwrap_or_default();
        let message = || match (code, error.message()) {
            ("", None) => format!("answered {status}"),
            (code, None) => code.to_owned(),
            ("", Some(message)) => message.to_owned(),
            (code, Some(message)) => format!("{code}: {message}"),
        };
        // AWS can repeat the request, in which the session token is.
        let message = || remark(&message());
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

/// Whether the connection was refused, and so nothing was sent over it. Other connection errors
/// leave that open.
fn is_connection_refused(error: &(dyn Error + 'static)) -> bool {
    let refused = |cause: &(dyn Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    with_causes(error).any(refused)
}

/// Joins the messages of the error and its causes, outermost first.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = with_causes(error).map(ToString::to_string).collect();
    texts.dedup();
    remark(&texts.join(": "))
}

fn with_causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}
