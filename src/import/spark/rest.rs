//! Saved replies of the Spark history server's REST service (`/api/v1/applications/...`): a folder for
//! each application with its `stages`, `environment` and `allexecutors`, and its entry of
//! `applications`.
//!
//! The replies have no single tasks, so each task of a stage takes the mean time. They do not say for
//! which stages a stage waits, so it follows those that had completed when it was submitted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::events::{
    EnvironmentUpdate, Executor, ExecutorAdded, JobEnd, JobStart, Request, ResourceProfileAdded,
    StageInfo,
};
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
    imported_once(gathered, Ids::OfACluster, |names| {
        format!("Spark history server {names}; tasks have the mean time of their stage")
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Environment {
    spark_properties: Vec<(String, String)>,
    #[serde(default)]
    hadoop_properties: Vec<(String, String)>,
    #[serde(default)]
    system_properties: Vec<(String, String)>,
    /// Since Spark 3.1.
    #[serde(default)]
    resource_profiles: Vec<Profile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    id: i64,
    #[serde(default)]
    executor_resources: BTreeMap<String, Amount>,
    #[serde(default)]
    task_resources: BTreeMap<String, Amount>,
}

#[derive(Deserialize)]
struct Amount {
    amount: f64,
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
            let requests = |amounts: BTreeMap<String, Amount>| {
                let request = |(name, Amount { amount })| (name, Request { amount });
                amounts.into_iter().map(request).collect()
            };
            for profile in environment.resource_profiles {
                self.sizes.add_profile(ResourceProfileAdded {
                    id: profile.id,
                    executor: requests(profile.executor_resources),
                    task: requests(profile.task_resources),
                });
            }
            let mut update = EnvironmentUpdate {
                properties: environment.spark_properties.into_iter().collect(),
                system: environment.system_properties.into_iter().collect(),
                ..EnvironmentUpdate::default()
            };
            for (key, value) in environment.hadoop_properties {
                update.hadoop.insert(key, value);
            }
            self.sizes.set_environment(update);
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
                "{}: the application had not ended when the replies were saved, so later work is missing",
                path.display()
            ));
        }
        let mut left_out = Tally::default();
        let stages = stages(&self.stages, &mut left_out)
            .finish(&self.sizes)
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
            },
            left_out,
            incomplete,
        })
    }
}

/// The stages with their mean tasks. Each is a Spark job of its own, which follows those that had
/// ended.
fn stages(replies: &[StageData], left_out: &mut Tally) -> Stages {
    let mut stages = Stages::default();
    let mut task_ids: BTreeMap<i64, i64> = BTreeMap::new();
    for stage in replies {
        let failed = stage.num_failed_tasks + stage.num_killed_tasks;
        left_out.add(
            failed.unsigned_abs(),
            "task attempts that failed or were killed",
        );
        let count = stage.num_complete_tasks;
        if count <= 0 || stage.status == "SKIPPED" {
            continue;
        }
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
            }],
        });
        if let Some(end_ms) = instant(&stage.completion_time) {
            stages.job_end(&JobEnd {
                id: stage.stage_id,
                end_ms,
            });
        }
        let total_ms = stage.executor_run_time
            + stage.executor_deserialize_time
            + stage.result_serialization_time;
        let mean_ms = total_ms.max(0).unsigned_abs() / count.unsigned_abs();
        let next = task_ids.entry(stage.stage_id).or_default();
        stages.finished(stage.stage_id, *next, count, Duration::from_millis(mean_ms));
        *next += count;
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Spark 3.5.9 answered about an application that it still ran.
    const FOLDER: &str = "tests/fixtures/traces/spark-rest";

    #[test]
    fn saved_replies_become_a_job_with_the_counted_tasks() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
        let inputs = saved_replies(std::slice::from_ref(&folder)).expect("found");
        let [input] = &inputs[..] else {
            panic!("one application")
        };
        let mut pieces = input
            .pieces
            .clone()
            .into_iter()
            .map(|path| Source::open(&path));
        let source = pieces
            .next()
            .expect("stages")
            .map(|first| first.followed_by(pieces));
        let imported = import_replies([source]).expect("imports");
        let [job] = &imported.jobs[..] else {
            panic!("one job")
        };
        assert_eq!(
            (&*job.id, job.name.as_deref()),
            ("app-20261129034544-0000", Some("words"))
        );
        let text = std::fs::read_to_string(folder.join("stages.json")).expect("read");
        let counted: u32 = text
            .split("\"numCompleteTasks\" : ")
            .skip(1)
            .map(|rest| {
                rest.split(',')
                    .next()
                    .unwrap_or_default()
                    .parse::<u32>()
                    .expect("a count")
            })
            .sum();
        let runs = job.stages.iter().flat_map(|stage| &stage.tasks);
        assert_eq!(runs.map(|run| run.count).sum::<u32>(), counted);
        assert_eq!(counted, 45, "three queries of 8, 6 and 1 tasks");
        let waits: Vec<&[u32]> = job.stages.iter().map(|stage| &stage.after[..]).collect();
        assert_eq!(waits[..4], [&[][..], &[0], &[1], &[2]]);
        assert_eq!(
            job.stages[0].memory.get(),
            (1024 + 384) / 2,
            "2 cores an executor"
        );
        let [only] = &imported.incomplete[..] else {
            panic!("{:?}", imported.incomplete)
        };
        assert!(only.contains("had not ended"), "{only}");
    }

    #[test]
    fn a_folder_without_stages_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("jobs.json"), "[]").expect("written");
        let error = saved_replies(&[folder.path().to_owned()]).expect_err("refused");
        assert!(error.to_string().contains("no file stages.json"), "{error}");
    }
}
