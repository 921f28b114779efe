//! Spark event logs (`spark.eventLog.enabled`): JSON lines, plain or zstd, one log per application.
//!
//! An application becomes one job. On YARN, containers are executors, but the demand comes from
//! tasks. So each task becomes a slice of an executor: the executor's memory, including overhead,
//! divided by its task slots. docs/traces.md lists what the import keeps and what it loses.

mod events;
mod inputs;
mod sizes;
mod stages;

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{ImportError, Imported, Names, Source, Tally, elapsed, imported, malformed};
use crate::trace::Job;
use crate::trace::journal::json_problem;
use crate::units::Timestamp;
use events::{
    ApplicationStart, EnvironmentUpdate, JobEnd, JobStart, Name, ResourceProfileAdded,
    StageSubmitted, TaskEnd,
};
pub use inputs::applications;
use sizes::Sizes;
use stages::Stages;

/// Imports event logs; each source is the log of one application.
///
/// # Errors
/// When a log cannot be read or is invalid, or no task of any application finished.
pub fn import(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
) -> Result<Imported, ImportError> {
    let mut names = Names::default();
    let mut left_out = Tally::default();
    let mut jobs = Vec::new();
    for source in sources {
        let source = source?;
        names.note(&source);
        match Application::read(source, &mut left_out)? {
            Some(job) => jobs.push(job),
            None => left_out.add(1, "applications without a finished task"),
        }
    }
    let first_ms = jobs
        .iter()
        .map(|(submit_ms, _)| *submit_ms)
        .min()
        .unwrap_or_default();
    let on_one_clock = |(submit_ms, mut job): (i64, Job)| {
        job.submit = elapsed(first_ms, submit_ms)?;
        Some(job)
    };
    let Some(jobs) = jobs.into_iter().map(on_one_clock).collect() else {
        return Err(ImportError::NoJobs {
            problem: "the applications are more than a hundred years apart; import them separately"
                .to_owned(),
        });
    };
    imported(
        format!("Spark {names}"),
        Timestamp::from_millis(first_ms),
        jobs,
        left_out,
    )
}

/// One application, as far as its log has been read.
#[derive(Default)]
struct Application {
    start: Option<ApplicationStart>,
    sizes: Sizes,
    stages: Stages,
}

impl Application {
    /// Reads a log. Returns the job and the instant of its submission in milliseconds since the
    /// epoch, or `None` when no task finished.
    fn read(source: Source, left_out: &mut Tally) -> Result<Option<(i64, Job)>, ImportError> {
        let mut lines = source.lines();
        let name = lines.name.clone();
        let mut application = Self::default();
        while let Some(line) = lines.next_line()? {
            match application.event(line.bytes, left_out) {
                Ok(()) => {}
                Err(_)
                    if !line.terminated
                        && serde_json::from_slice::<IgnoredAny>(line.bytes).is_err() =>
                {
                    left_out.add(1, "last lines that were cut off");
                }
                Err(problem) => return Err(malformed(&name, line.number, problem)),
            }
        }
        let Self {
            start,
            sizes,
            stages,
        } = application;
        let Some(start) = start else {
            let problem =
                "no SparkListenerApplicationStart; expected a whole Spark event log, plain or zstd"
                    .to_owned();
            return Err(ImportError::Unusable {
                path: name,
                problem,
            });
        };
        let unusable = |problem| ImportError::Unusable {
            path: name,
            problem,
        };
        let stages = stages.finish(&sizes).map_err(unusable)?;
        if stages.is_empty() {
            return Ok(None);
        }
        let job = Job {
            id: start.id().into(),
            name: Some(start.name.as_str().into()),
            submit: Duration::ZERO,
            application_master: sizes.application_master(),
            stages,
        };
        Ok(Some((start.submit_ms, job)))
    }

    fn event(&mut self, line: &[u8], left_out: &mut Tally) -> Result<(), String> {
        match &*parse::<Name<'_>>(line)?.event {
            "SparkListenerApplicationStart" => self.start = Some(parse::<ApplicationStart>(line)?),
            "SparkListenerEnvironmentUpdate" => self
                .sizes
                .set_properties(parse::<EnvironmentUpdate>(line)?.properties),
            "SparkListenerResourceProfileAdded" => {
                self.sizes.add_profile(parse::<ResourceProfileAdded>(line)?)
            }
            "SparkListenerJobStart" => self.stages.job_start(parse::<JobStart>(line)?),
            "SparkListenerJobEnd" => self.stages.job_end(&parse::<JobEnd>(line)?),
            "SparkListenerStageSubmitted" => {
                self.stages.submitted(parse::<StageSubmitted>(line)?.stage)
            }
            "SparkListenerTaskEnd" => self.stages.task_end(&parse::<TaskEnd>(line)?, left_out)?,
            _ => {}
        }
        Ok(())
    }
}

fn parse<'de, T: Deserialize<'de>>(line: &'de [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| {
        format!(
            "{}; expected an event of a Spark event log, plain or zstd",
            json_problem(&error)
        )
    })
}

#[cfg(test)]
mod tests;
