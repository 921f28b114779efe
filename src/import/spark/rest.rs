//! Saved replies of the Spark history server's REST service (`/api/v1/applications/...`): a folder for
//! each application with its `stages`, `environment` and `allexecutors`, and its entry of
//! `applications`.
//!
//! The replies have no single tasks, so each task of a stage takes the mean time. They do not say for
//! which stages a stage waits, so it follows those that had completed when it was submitted.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::environment::Environment;
use super::events::{Executor, ExecutorAdded, JobEnd, JobStart, StageInfo};
use super::logged::{Logged, imported_once};
use super::sizes::Sizes;
use super::stages::Stages;
use crate::import::error::{ImportError, malformed, unusable};
use crate::import::gather::{Ids, Imported, Tally, gather};
use crate::import::inputs::{Input, file_name, files};
use crate::import::source::Source;
use crate::trace::Job;
use crate::trace::journal::json_problem;

/// The most text of one reply.
const REPLY_MIB: u64 = 256;

/// The replies of each application: those in the folder of its `stages`, and the lists of applications
/// in the folders above.
///
/// # Errors
/// When a path does not exist, a folder cannot be read, or there is no file `stages`.
pub fn saved_replies(paths: &[PathBuf]) -> Result<Vec<Input>, ImportError> {
    let files = files(paths)?;
    let stem = |path: &PathBuf| {
        let name = file_name(path);
        name.split('.').next().unwrap_or_default().to_owned()
    };
    let folder = |path: &PathBuf| path.parent().unwrap_or(Path::new("")).to_owned();
    let mut inputs = Vec::new();
    for stages in files.iter().filter(|path| stem(path) == "stages") {
        let mut pieces = vec![stages.clone()];
        let of_application = folder(stages);
        let beside = files.iter().filter(|path| {
            folder(path) == of_application
                && matches!(
                    stem(path).as_str(),
                    "environment" | "allexecutors" | "executors" | "application"
                )
        });
        pieces.extend(beside.cloned());
        let lists = files.iter().filter(|path| {
            stem(path) == "applications" && of_application.starts_with(folder(path))
        });
        pieces.extend(lists.cloned());
        inputs.push(Input { pieces, gap: None });
    }
    if inputs.is_empty() {
        let path = paths.first().map_or(Path::new(""), PathBuf::as_path);
        let problem = "no file stages.json; save the replies as docs/traces.md describes";
        return Err(unusable(path, problem));
    }
    Ok(inputs)
}

/// Imports the replies; each source is those of one application, `stages` first.
///
/// # Errors
/// When no application can be used, or none has a finished task.
pub fn import_replies(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
) -> Result<Imported, ImportError> {
    let gathered = gather(sources, |source, _| Replies::read(source))?;
    // The names of the files are the same for every application.
    imported_once(gathered, Ids::OfACluster, |_| {
        "replies of a Spark history server; tasks have the mean time of their stage".to_owned()
    })
}

#[derive(Deserialize)]
struct Application {
    id: String,
    name: Option<String>,
    #[serde(default)]
    attempts: Vec<Attempt>,
}

#[derive(Deserialize)]
struct Attempt {
    #[serde(rename = "attemptId")]
    id: Option<String>,
    #[serde(rename = "startTimeEpoch")]
    start_ms: i64,
    #[serde(default)]
    completed: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StageData {
    status: String,
    stage_id: i64,
    #[serde(default)]
    attempt_id: i64,
    /// In a later attempt, only those that are run again.
    #[serde(default = "any_number")]
    num_tasks: i64,
    #[serde(default)]
    num_complete_tasks: i64,
    #[serde(default)]
    num_failed_tasks: i64,
    #[serde(default)]
    num_killed_tasks: i64,
    submission_time: Option<String>,
    completion_time: Option<String>,
    #[serde(default)]
    executor_run_time: i64,
    #[serde(default)]
    executor_deserialize_time: i64,
    #[serde(default)]
    result_serialization_time: i64,
    #[serde(default)]
    resource_profile_id: i64,
}

fn any_number() -> i64 {
    i64::MAX
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecutorSummary {
    id: String,
    total_cores: u32,
    #[serde(default)]
    resource_profile_id: i64,
}

/// The replies of one application.
#[derive(Default)]
struct Replies {
    stages: Vec<StageData>,
    applications: Vec<Application>,
    sizes: Sizes,
    has_environment: bool,
}

impl Replies {
    fn read(source: Source) -> Result<Logged, ImportError> {
        let path = source.name.clone();
        let mut replies = Self::default();
        for piece in source.into_pieces() {
            let (name, input, meter) = piece?.metered(REPLY_MIB);
            let wrong = |error: serde_json::Error| {
                let problem = format!(
                    "{}; expected a reply of Spark's REST service",
                    json_problem(&error)
                );
                malformed(&name, meter.line(), problem)
            };
            let reply: Value =
                serde_json::from_reader(std::io::BufReader::new(input)).map_err(wrong)?;
            replies.add(reply).map_err(wrong)?;
        }
        replies.finish(&path)
    }

    /// Adds a reply, whose fields show what it is.
    fn add(&mut self, reply: Value) -> Result<(), serde_json::Error> {
        let has = |value: &Value, field: &str| value.get(field).is_some();
        let is_list_of = |field: &str| reply.get(0).is_some_and(|first| has(first, field));
        if is_list_of("numCompleteTasks") {
            self.stages.extend(serde_json::from_value::<Vec<_>>(reply)?);
        } else if is_list_of("totalCores") {
            let executors: Vec<ExecutorSummary> = serde_json::from_value(reply)?;
            let is_local = executors.iter().all(|executor| executor.id == "driver");
            for executor in executors {
                // The driver is listed with the executors; it runs tasks in local mode only.
                if executor.id != "driver" || is_local {
                    self.sizes.add_executor(&ExecutorAdded {
                        executor: Executor {
                            cores: executor.total_cores,
                            profile: executor.resource_profile_id,
                            request_ms: None,
                            registration_ms: None,
                        },
                    });
                }
            }
        } else if is_list_of("attempts") {
            self.applications
                .extend(serde_json::from_value::<Vec<_>>(reply)?);
        } else if has(&reply, "attempts") {
            self.applications.push(serde_json::from_value(reply)?);
        } else if has(&reply, "sparkProperties") {
            self.has_environment = true;
            let environment: Environment = serde_json::from_value(reply)?;
            environment.add_to(&mut self.sizes);
        }
        Ok(())
    }

    fn finish(self, path: &Path) -> Result<Logged, ImportError> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let above: BTreeSet<String> = folder.ancestors().take(2).map(file_name).collect();
        let application = match &self.applications[..] {
            [only] => Some(only),
            several => several
                .iter()
                .find(|application| above.contains(&application.id)),
        };
        let Some(application) = application else {
            let problem = "no application.json beside it; save the reply of applications/ID, too";
            return Err(unusable(path, problem));
        };
        let number = |attempt: &Attempt| attempt.id.as_deref().and_then(|id| id.parse().ok());
        let attempts = &application.attempts;
        let named = attempts.iter().find(|attempt| {
            attempt
                .id
                .as_ref()
                .is_some_and(|id| *id == file_name(folder))
        });
        let Some(attempt) = named.or_else(|| attempts.iter().max_by_key(|attempt| number(attempt)))
        else {
            return Err(unusable(
                path,
                "its application has no attempts; save it again",
            ));
        };
        let mut incomplete = Vec::new();
        if !self.has_environment {
            incomplete.push(format!(
                "{}: environment.json is missing, so the tasks have the size of Spark's defaults",
                path.display()
            ));
        }
        if !attempt.completed {
            incomplete.push(format!(
                "{}: the application had not ended when the server was asked, or its driver was killed, so work is missing",
                path.display()
            ));
        }
        if let Some(problem) = dropped_stages(&self.stages) {
            incomplete.push(format!("{}: {problem}", path.display()));
        }
        let mut left_out = Tally::default();
        let stages = stages(self.stages, &mut left_out)
            .finish(&self.sizes, None)
            .map_err(|problem| unusable(path, problem))?;
        Ok(Logged {
            attempt: number(attempt).unwrap_or(0),
            has_cluster_id: true,
            has_ended: attempt.completed,
            submit_ms: attempt.start_ms,
            job: Job {
                id: application.id.as_str().into(),
                name: application.name.as_deref().map(Into::into),
                submit: Duration::ZERO,
                application_master: self.sizes.application_master(),
                stages,
                queue: self.sizes.queue(),
                user: None,
                is_step: false,
                map_reduce: None,
                spark: None,
            },
            left_out,
            incomplete,
        })
    }
}

/// What is missing if the server has dropped stages of a large application. Spark numbers the stages
/// of an application from 0, and the server lists skipped ones, too.
fn dropped_stages(replies: &[StageData]) -> Option<String> {
    let ids: BTreeSet<i64> = replies.iter().map(|stage| stage.stage_id).collect();
    let all = ids.last()?.checked_add(1)?;
    let dropped = all.saturating_sub(i64::try_from(ids.len()).ok()?);
    (dropped > 0).then(|| {
        format!(
            "{dropped} of its {all} stages are not listed, because the server keeps a limited number (spark.ui.retainedStages, 1,000 by default); import its event log with `headroom import spark` instead"
        )
    })
}

/// The stages with their mean tasks. Each is a Spark job of its own, which follows those that had
/// ended.
fn stages(mut replies: Vec<StageData>, left_out: &mut Tally) -> Stages {
    let mut stages = Stages::default();
    replies.sort_by_key(|stage| (stage.stage_id, stage.attempt_id));
    for attempts in replies.chunk_by(|a, b| a.stage_id == b.stage_id) {
        let partitions = attempts.iter().map(|attempt| attempt.num_tasks).max();
        let mut finished = 0;
        for attempt in attempts {
            left_out.add(
                attempt.without_success(),
                "task attempts that failed or were killed, whose time is in the mean of their stage",
            );
            let complete = attempt.num_complete_tasks;
            if complete <= 0 || attempt.status == "SKIPPED" {
                continue;
            }
            if finished == 0 {
                add_as_job(attempt, &mut stages);
            }
            // A later attempt runs the tasks again whose output was lost.
            let missing = partitions.unwrap_or_default().saturating_sub(finished);
            let first = complete.min(missing.max(0));
            left_out.add(
                complete.abs_diff(first),
                "task attempts that repeated finished work",
            );
            stages.finished(attempt.stage_id, first, attempt.mean());
            finished = finished.saturating_add(first);
        }
    }
    stages
}

fn add_as_job(stage: &StageData, stages: &mut Stages) {
    let instant = |text: &Option<String>| {
        let text = text.as_deref()?.strip_suffix("GMT")?;
        let instant: jiff::Timestamp = format!("{text}Z").parse().ok()?;
        Some(instant.as_millisecond())
    };
    stages.job_start(JobStart {
        id: stage.stage_id,
        submit_ms: instant(&stage.submission_time).unwrap_or_default(),
        stages: vec![StageInfo {
            id: stage.stage_id,
            parents: Vec::new(),
            profile: stage.resource_profile_id,
            submit_ms: None,
            datasets: None,
        }],
    });
    if let Some(end_ms) = instant(&stage.completion_time) {
        stages.job_end(&JobEnd {
            id: stage.stage_id,
            end_ms,
        });
    }
}

impl StageData {
    /// How many of its task attempts failed or were killed.
    fn without_success(&self) -> u64 {
        let counts = [self.num_failed_tasks, self.num_killed_tasks];
        let counts = counts.map(|count| count.max(0).unsigned_abs());
        counts[0].saturating_add(counts[1])
    }

    /// The mean time of the tasks that finished. Spark adds up the times of all attempts.
    fn mean(&self) -> Duration {
        let total_ms = self
            .executor_run_time
            .saturating_add(self.executor_deserialize_time)
            .saturating_add(self.result_serialization_time);
        let count = self.num_complete_tasks.max(1).unsigned_abs();
        Duration::from_millis(total_ms.max(0).unsigned_abs() / count)
    }
}

#[cfg(test)]
mod tests;
