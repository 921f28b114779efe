//! Requests that go on after their time limit, to tell a slow driver from one that hangs.

use std::panic;
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::TimeLimit;

/// A driver that answers so long after the time limit is slow; later, it hangs.
pub const LATE_MOST: Duration = Duration::from_secs(10);

/// The bytes of an answer.
type Body = Result<Vec<u8>, SourceError>;

/// A request whose answer is late. That it goes on keeps the proxy no busier: its thread waits for the
/// driver whether or not anyone waits for the thread.
#[derive(Debug)]
pub struct LateRequest(JoinHandle<Body>);

impl LateRequest {
    /// Waits for the answer to a request within the time limit.
    ///
    /// # Errors
    /// When it is late: the request, which goes on.
    pub async fn unless_in_time(
        request: impl Future<Output = Body> + Send + 'static,
        limit: TimeLimit,
    ) -> Result<Body, Self> {
        let mut request = Self(tokio::spawn(request));
        match tokio::time::timeout(limit.left(), &mut request.0).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) => match error.try_into_panic() {
                Ok(panic) => panic::resume_unwind(panic),
                // The program ends, and this with it.
                Err(_) => std::future::pending().await,
            },
            Err(_) => Err(request),
        }
    }

    /// Whether it is over: answered, failed, or given up.
    pub fn is_over(&self) -> bool {
        self.0.is_finished()
    }

    /// Whether it was answered. Waits until it is over.
    pub async fn was_answered(mut self) -> bool {
        matches!((&mut self.0).await, Ok(Ok(_)))
    }
}

impl Drop for LateRequest {
    fn drop(&mut self) {
        self.0.abort();
    }
}
