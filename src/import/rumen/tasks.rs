//! The tasks of a Rumen job. They are added up while they are parsed, because a job may have a
//! million of them, each with a page of counters.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::import::gather::{Tally, elapsed, push_run};
use crate::trace::TaskRun;

pub(super) const FAILED_ATTEMPTS: &str = "failed, killed or repeated task attempts";

/// The successful attempts of the tasks of a phase.
#[derive(Default)]
pub(super) struct LoggedTasks {
    runs: Vec<TaskRun>,
    failed_attempts: u64,
    without_success: u64,
    without_times: u64,
    /// What is wrong with the first task that is invalid.
    problem: Option<String>,
}

impl LoggedTasks {
    /// The tasks that have a successful attempt.
    pub fn succeeded(self, left_out: &mut Tally) -> Result<Vec<TaskRun>, String> {
        left_out.add(self.without_times, "tasks without start or finish time");
        left_out.add(self.failed_attempts, FAILED_ATTEMPTS);
        left_out.add(self.without_success, "tasks of which no attempt succeeded");
        match self.problem {
            Some(problem) => Err(problem),
            None => Ok(self.runs),
        }
    }

    fn add(&mut self, task: LoggedTask) {
        let Attempts { count, succeeded } = task.attempts.unwrap_or_default();
        let Some((start_ms, finish_ms)) = succeeded else {
            self.failed_attempts += count;
            self.without_success += 1;
            return;
        };
        self.failed_attempts += count - 1;
        if start_ms < 0 || finish_ms < 0 {
            self.without_times += 1;
            return;
        }
        match elapsed(start_ms, finish_ms) {
            Some(duration) => push_run(&mut self.runs, TaskRun { count: 1, duration }),
            None => {
                let id = task.id.unwrap_or_default();
                self.problem.get_or_insert_with(|| {
                    format!("task {id} starts at {start_ms} ms and finishes at {finish_ms} ms; expected a finish after the start")
                });
            }
        }
    }
}

impl<'de> Deserialize<'de> for LoggedTasks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fold_sequence(deserializer, Self::default(), |tasks, task| {
            tasks.add(task);
            Ok(())
        })
    }
}

#[derive(Deserialize)]
struct LoggedTask {
    #[serde(rename = "taskID")]
    id: Option<String>,
    attempts: Option<Attempts>,
}

#[derive(Default)]
struct Attempts {
    count: u64,
    /// Start and finish, in milliseconds, of the last one that succeeded.
    succeeded: Option<(i64, i64)>,
}

impl<'de> Deserialize<'de> for Attempts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        fold_sequence(
            deserializer,
            Self::default(),
            |attempts, attempt: LoggedAttempt| {
                attempts.count += 1;
                if matches!(attempt.result.as_deref(), Some("SUCCESS" | "SUCCEEDED")) {
                    attempts.succeeded = Some((attempt.start_ms, attempt.finish_ms));
                }
                Ok(())
            },
        )
    }
}

#[derive(Deserialize)]
struct LoggedAttempt {
    result: Option<String>,
    #[serde(rename = "startTime", default = "unknown")]
    start_ms: i64,
    #[serde(rename = "finishTime", default = "unknown")]
    finish_ms: i64,
}

/// Rumen's value for an unknown time.
fn unknown() -> i64 {
    -1
}

/// Parses a sequence, item by item, into one value.
pub(super) fn fold_sequence<'de, D, T, I>(
    deserializer: D,
    start: T,
    add: impl FnMut(&mut T, I) -> Result<(), String>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    I: Deserialize<'de>,
{
    deserializer.deserialize_seq(Fold {
        start,
        add,
        item: PhantomData,
    })
}

struct Fold<T, I, F> {
    start: T,
    add: F,
    item: PhantomData<I>,
}

impl<'de, T, I, F> Visitor<'de> for Fold<T, I, F>
where
    I: Deserialize<'de>,
    F: FnMut(&mut T, I) -> Result<(), String>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        let Self {
            mut start, mut add, ..
        } = self;
        while let Some(item) = items.next_element()? {
            add(&mut start, item).map_err(A::Error::custom)?;
        }
        Ok(start)
    }
}
