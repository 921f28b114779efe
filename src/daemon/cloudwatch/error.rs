//! What the SDK's errors mean to the daemon.

use std::error::Error;
use std::time::Duration;

use aws_sdk_cloudwatch::config::http::HttpResponse;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};

use crate::daemon::source::SourceError;

/// AWS services call the same refusal by several names.
const THROTTLED: [&str; 5] =
    ["Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException"];
const DENIED: [&str; 4] = ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized"];

/// Why a call failed that took so long; `permission` is what its role needs.
pub fn source_error<E>(error: SdkError<E, HttpResponse>, operation: &'static str, permission: &'static str, took: Duration) -> SourceError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let service = || "CloudWatch".to_owned();
    match &error {
        SdkError::TimeoutError(_) => SourceError::TimedOut { what: operation.to_owned(), after: took },
        SdkError::DispatchFailure(failure) if failure.is_timeout() => SourceError::TimedOut { what: operation.to_owned(), after: took },
        SdkError::DispatchFailure(failure) if failure.is_io() => SourceError::Unreachable { url: service(), cause: root_cause(&error) },
        SdkError::ResponseError(_) => SourceError::Malformed { url: service(), problem: root_cause(&error) },
        SdkError::ServiceError(refusal) => match (refusal.err().code(), refusal.err().message()) {
            (Some(code), _) if THROTTLED.contains(&code) => SourceError::Throttled { operation },
            (Some(code), _) if DENIED.contains(&code) => SourceError::AccessDenied { operation, permission },
            (Some(code), Some(message)) => SourceError::Refused { operation, message: format!("{code}: {message}") },
            (Some(code), None) => SourceError::Refused { operation, message: code.to_owned() },
            (None, _) if !refusal.raw().status().is_success() => {
                SourceError::Status { url: service(), status: refusal.raw().status().as_u16() }
            }
            (None, _) => SourceError::Malformed { url: service(), problem: root_cause(&error) },
        },
        _ => SourceError::Refused { operation, message: root_cause(&error) },
    }
}

/// The innermost cause: the SDK's own layers say only that a request failed.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
