//! Spark event logs (`spark.eventLog.enabled`): JSON lines, one log per application.
//!
//! An application becomes one job. The demand comes from tasks, so each task becomes a slice of an
//! executor: the executor's memory, including overhead, divided by its task slots. On YARN and
//! Kubernetes, the job also has its executors and the pauses of its driver, so that the simulator can
//! run it as Spark does. docs/traces.md lists what the import keeps and what it loses.

mod environment;
mod events;
mod finished;
mod inputs;
mod logged;
mod memory;
mod rest;
mod sizes;
mod stages;

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::error::{ImportError, malformed, unusable};
use super::gather::{Ids, Imported, Tally, elapsed, gather};
use super::source::Source;
use crate::trace::Job;
use crate::trace::journal::json_problem;
pub use environment::{ExecutorSettings, executor_settings};
use events::{
    ApplicationEnd, ApplicationStart, EnvironmentUpdate, ExecutorAdded, JobEnd, JobStart, Name,
    ResourceProfileAdded, StageSubmitted, TaskEnd,
};
pub use inputs::applications;
use logged::{Logged, imported_once};
pub use rest::{import_replies, saved_replies};
use sizes::Sizes;
use stages::Stages;

/// Imports event logs; each source is the log of one application.
///
/// # Errors
/// When no log can be used, or no task of any application finished.
pub fn import(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
) -> Result<Imported, ImportError> {
    let gathered = gather(sources, |source, _| Application::read(source))?;
    imported_once(gathered, Ids::OfAFile, |names| format!("Spark {names}"))
}

/// The end of a log that was copied while it was written.
const CUT_OFF: &str = "last lines that were cut off";

/// One application, as far as its log has been read.
#[derive(Default)]
struct Application {
    start: Option<ApplicationStart>,
    has_ended: bool,
    ended_ms: Option<i64>,
    sizes: Sizes,
    stages: Stages,
    left_out: Tally,
}

impl Application {
    fn read(mut source: Source) -> Result<Logged, ImportError> {
        let path = source.name.clone();
        let gap = source.gap.take();
        let mut application = Self::default();
        let mut lines = source.lines();
        loop {
            let line = match lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => break,
                // A compressed log that is still written ends anywhere, too.
                Err(error) if error.is_early_end() && application.start.is_some() => {
                    if application.has_ended || lines.has_another_file() {
                        return Err(error);
                    }
                    application.left_out.add(1, CUT_OFF);
                    break;
                }
                Err(error) => return Err(error),
            };
            let (number, is_cut_off) = (line.number, !line.terminated);
            let Err(problem) = application.event(line.bytes) else {
                continue;
            };
            if is_cut_off && serde_json::from_slice::<IgnoredAny>(line.bytes).is_err() {
                application.left_out.add(1, CUT_OFF);
            } else {
                return Err(malformed(&lines.name, number, problem));
            }
        }
        application.finish(path, gap)
    }

    fn finish(self, path: PathBuf, gap: Option<String>) -> Result<Logged, ImportError> {
        let Some(start) = self.start else {
            let problem = gap.unwrap_or_else(|| {
                "no SparkListenerApplicationStart; expected a whole Spark event log".to_owned()
            });
            return Err(unusable(&path, problem));
        };
        let last_finish_ms = self.stages.last_finish_ms();
        let spark = self.sizes.spark_application(|| {
            let end_ms = self.ended_ms.or(last_finish_ms);
            elapsed(last_finish_ms?, end_ms?)
        });
        let start_ms = spark.is_some().then_some(start.submit_ms);
        let stages = self
            .stages
            .finish(&self.sizes, start_ms)
            .map_err(|problem| unusable(&path, problem))?;
        let mut incomplete = Vec::new();
        if let Some(gap) = gap {
            incomplete.push(format!("{}: {gap}", path.display()));
        }
        if !self.has_ended {
            let problem = "the application had not ended when its log was copied, so later work is missing; copy it again when it has ended";
            incomplete.push(format!("{}: {problem}", path.display()));
        }
        Ok(Logged {
            attempt: start.attempt(),
            has_cluster_id: start.id.is_some(),
            has_ended: self.has_ended,
            submit_ms: start.submit_ms,
            job: Job {
                id: start.id.as_deref().unwrap_or(&start.name).into(),
                name: Some(start.name.as_str().into()),
                submit: Duration::ZERO,
                application_master: self.sizes.application_master(),
                stages,
                queue: self.sizes.queue(),
                user: start.user.as_deref().map(Into::into),
                is_step: false,
                map_reduce: None,
                spark: spark.map(Box::new),
            },
            left_out: self.left_out,
            incomplete,
        })
    }

    fn event(&mut self, line: &[u8]) -> Result<(), String> {
        match &*parse::<Name<'_>>(line)?.event {
            "SparkListenerApplicationStart" => self.start = Some(parse::<ApplicationStart>(line)?),
            "SparkListenerApplicationEnd" => {
                self.has_ended = true;
                self.ended_ms = parse::<ApplicationEnd>(line)?.at_ms;
            }
            "SparkListenerEnvironmentUpdate" => self
                .sizes
                .set_environment(parse::<EnvironmentUpdate>(line)?),
            "SparkListenerResourceProfileAdded" => {
                self.sizes.add_profile(parse::<ResourceProfileAdded>(line)?)
            }
            "SparkListenerExecutorAdded" => self.sizes.add_executor(&parse::<ExecutorAdded>(line)?),
            "SparkListenerJobStart" => self.stages.job_start(parse::<JobStart>(line)?),
            "SparkListenerJobEnd" => self.stages.job_end(&parse::<JobEnd>(line)?),
            "SparkListenerStageSubmitted" => {
                self.stages.submitted(parse::<StageSubmitted>(line)?.stage)
            }
            "SparkListenerTaskEnd" => self
                .stages
                .task_end(&parse::<TaskEnd>(line)?, &mut self.left_out)?,
            _ => {}
        }
        Ok(())
    }
}

fn parse<'de, T: Deserialize<'de>>(line: &'de [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        format!(
            "{}; expected an event of a Spark event log",
            json_problem(&error)
        )
    })
}

#[cfg(test)]
mod tests;
