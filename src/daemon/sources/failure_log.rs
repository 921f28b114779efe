//! Decides which failures of a repeated request are worth a line in the log.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::daemon::sources::error::SourceError;
use crate::units::Timestamp;

/// An error that persists is logged again after this time.
const REPEAT_AFTER: Duration = Duration::from_secs(600);

/// The recent failures of a request that is repeated at each poll. Keeps the log from filling up
/// with the same error.
#[derive(Clone, Debug, Default)]
pub struct FailureLog {
    /// When the request began to fail; `None` while it succeeds.
    since: Option<Timestamp>,
    /// When each kind of error was last logged.
    logged: BTreeMap<&'static str, Timestamp>,
}

/// A change that is worth a line in the log.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FailureEvent<'a> {
    /// The request fails with an error that was not logged lately.
    Failing(&'a SourceError),
    /// The request succeeds again, `after` a number of whole seconds.
    Recovered {
        /// Since the first failure.
        after: Duration,
    },
}

impl FailureLog {
    /// Records the result of one attempt. Returns an event when attempts begin to fail, fail for
    /// another reason, still fail after ten minutes, or succeed again. An error that is usual for a
    /// moment begins to fail with the second attempt.
    pub fn note<'a>(
        &mut self,
        at: Timestamp,
        error: Option<&'a SourceError>,
    ) -> Option<FailureEvent<'a>> {
        let Some(error) = error else {
            let was_logged = !std::mem::take(&mut self.logged).is_empty();
            let since = self.since.take().filter(|_| was_logged);
            return since.map(|since| FailureEvent::Recovered {
                after: Duration::from_secs(at.since(since).as_secs()),
            });
        };
        let is_first = self.since.replace(self.since.unwrap_or(at)).is_none();
        if is_first && error.is_momentary() {
            return None;
        }
        // A time in the future dates from before the clock was set back.
        let is_due = self
            .logged
            .get(error.label())
            .is_none_or(|logged| at < *logged || at.since(*logged) >= REPEAT_AFTER);
        is_due.then(|| {
            self.logged.insert(error.label(), at);
            FailureEvent::Failing(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_logged_when_they_begin_change_continue_and_end() {
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
            (30, throttled(), "failing"),
            (60, throttled(), ""),
            (90, unknown("a"), "failing"),
            (120, throttled(), ""),
            (150, unknown("b"), ""),
            (629, throttled(), ""),
            (630, throttled(), "failing"),
            (660, throttled(), ""),
            (690, unknown("b"), "failing"),
            (720, None, "recovered after 690 s"),
            (750, None, ""),
            (780, throttled(), "failing"),
            // The clock was set back.
            (10, throttled(), "failing"),
            (20, None, "recovered after 0 s"),
            // What is usual for a moment.
            (50, unknown("c"), ""),
            (80, None, ""),
            (110, unknown("c"), ""),
            (140, unknown("c"), "failing"),
            (170, None, "recovered after 60 s"),
        ];
        let mut log = FailureLog::default();
        for (at_s, error, expected) in steps {
            let event = match log.note(Timestamp::from_millis(at_s * 1_000), error.as_ref()) {
                None => String::new(),
                Some(FailureEvent::Failing(shown)) => {
                    assert_eq!(Some(shown), error.as_ref());
                    "failing".to_owned()
                }
                Some(FailureEvent::Recovered { after }) => {
                    format!("recovered after {} s", after.as_secs())
                }
            };
            assert_eq!(event, expected, "at {at_s} s: {error:?}");
        }
    }
}
