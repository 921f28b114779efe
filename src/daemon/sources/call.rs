//! Calls to services, as metrics count them.

use std::time::Duration;

use crate::daemon::clock::Stopwatch;
use crate::daemon::sources::error::SourceError;

/// One finished call to a service.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Call {
    /// The operation, such as `metrics`, `nodes` or `DescribeCluster`.
    pub operation: &'static str,
    /// `ok`, or the error's [`SourceError::label`].
    pub result: &'static str,
    /// The time until the answer or the error; zero for a call that was not made.
    pub took: Duration,
}

/// Awaits an answer and measures the call.
pub async fn timed<T>(
    operation: &'static str,
    answer: impl Future<Output = Result<T, SourceError>>,
) -> (Result<T, SourceError>, Call) {
    let watch = Stopwatch::start();
    let answer = answer.await;
    let call = Call {
        operation,
        result: answer.as_ref().map_or_else(SourceError::label, |_| "ok"),
        took: watch.elapsed(),
    };
    (answer, call)
}
