//! The questions to one application.

use std::sync::Arc;

use reqwest::Url;
use serde::de::DeserializeOwned;

use crate::daemon::sources::call::{Call, timed};
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::{Budget, HttpGet, TimeLimit, malformed, shown};
use crate::daemon::sources::work::late::{LATE_MOST, LateRequest};
use crate::daemon::sources::work::spark::SparkAnswers;
use crate::daemon::sources::work::wire::{
    MapReduceJobs, SparkExecutor, SparkJob, SparkMetrics, SparkStage, StageStatus,
};
use crate::import::spark::{ExecutorSettings, executor_settings};
use crate::observation::work::{ApplicationKind, KnownWork, WorkUnknown};
use crate::units::Timestamp;

/// The largest answers. Spark's metrics have 11 kB whatever the number of tasks, a stage 2.2 kB,
/// the settings 105 kB, and an executor 2.2 kB.
const METRICS_BYTES: usize = 128 << 10;
const STAGES_BYTES: usize = 512 << 10;
const JOBS_BYTES: usize = 256 << 10;
const SETTINGS_BYTES: usize = 512 << 10;
const EXECUTORS_BYTES: usize = 1 << 20;

/// What is asked of an application.
#[derive(Debug)]
pub struct Question {
    pub id: Arc<str>,
    pub kind: ApplicationKind,
    /// The address of its web interface, which ends with a slash.
    pub base: Url,
    /// Containers that YARN runs of it.
    pub containers: u64,
    /// What its executors are, if that was read before.
    pub settings: Option<ExecutorSettings>,
    pub at: Timestamp,
}

/// The answer of an application.
#[derive(Debug)]
pub struct Asked {
    pub work: Result<KnownWork, WorkUnknown>,
    pub settings: Option<ExecutorSettings>,
    pub calls: Vec<Call>,
    /// The request whose answer is late.
    pub late: Option<LateRequest>,
}

/// One application, and the time and bytes that are left to ask it.
struct Reader<'a> {
    http: &'a HttpGet,
    base: &'a Url,
    limit: TimeLimit,
    budget: &'a Budget,
    calls: Vec<Call>,
    late: Option<LateRequest>,
}

impl Question {
    /// Asks one thing after the other, so that each application has one request at a time.
    pub async fn ask(self, http: &HttpGet, limit: TimeLimit, budget: &Budget) -> Asked {
        let mut reader = Reader {
            http,
            base: &self.base,
            limit,
            budget,
            calls: Vec::new(),
            late: None,
        };
        let had = limit.left();
        let mut settings = self.settings;
        let answer = match self.kind {
            ApplicationKind::MapReduce => reader.map_reduce().await,
            ApplicationKind::Spark | ApplicationKind::Other => {
                let answers = reader.spark(&self.id, settings).await;
                answers.map(|answers| {
                    settings = answers.settings;
                    answers.work(self.at, self.containers)
                })
            }
        };
        Asked {
            work: answer.map_err(|error| match reason(&error) {
                // Others had spent most of the time before it was asked.
                WorkUnknown::TimedOut if had < limit.total / 2 => WorkUnknown::NotAsked,
                reason => reason,
            }),
            settings,
            calls: reader.calls,
            late: reader.late,
        }
    }
}

/// The answer of a Spark application about its executors.
#[derive(Debug)]
pub struct AskedExecutors {
    pub executors: Result<Vec<SparkExecutor>, WorkUnknown>,
    pub calls: Vec<Call>,
    /// The request whose answer is late.
    pub late: Option<LateRequest>,
}

/// Asks the Spark application `id` for its executors, those that are gone included.
pub async fn ask_executors(
    id: &str,
    base: &Url,
    http: &HttpGet,
    limit: TimeLimit,
    budget: &Budget,
) -> AskedExecutors {
    let mut reader = Reader {
        http,
        base,
        limit,
        budget,
        calls: Vec::new(),
        late: None,
    };
    let path = format!("api/v1/applications/{id}/allexecutors");
    let executors = reader.json("spark_executors", &path, EXECUTORS_BYTES).await;
    AskedExecutors {
        executors: executors.map_err(|error| reason(&error)),
        calls: reader.calls,
        late: reader.late,
    }
}

impl Reader<'_> {
    async fn spark(
        &mut self,
        id: &str,
        known: Option<ExecutorSettings>,
    ) -> Result<SparkAnswers, SourceError> {
        let api = format!("api/v1/applications/{id}");
        let open = format!("{api}/stages?status=active&status=pending");
        let stages: Vec<SparkStage> = self.json("spark_stages", &open, STAGES_BYTES).await?;
        let has_waiting = stages
            .iter()
            .any(|stage| stage.status == StageStatus::Pending);
        let jobs: Vec<SparkJob> = if has_waiting {
            let running = format!("{api}/jobs?status=running");
            self.json("spark_jobs", &running, JOBS_BYTES).await?
        } else {
            Vec::new()
        };
        // The servlet of the metrics can be switched off by itself.
        let metrics: Option<SparkMetrics> = match self
            .json("spark_metrics", "metrics/json", METRICS_BYTES)
            .await
        {
            Ok(metrics) => Some(metrics),
            Err(error) if reason(&error) == WorkUnknown::NoInterface => None,
            Err(error) => return Err(error),
        };
        let settings = match known {
            Some(settings) => Some(settings),
            None => self.settings(&api).await?,
        };
        Ok(SparkAnswers {
            metrics,
            stages,
            jobs,
            settings,
        })
    }

    async fn settings(&mut self, api: &str) -> Result<Option<ExecutorSettings>, SourceError> {
        let path = format!("{api}/environment");
        let (url, body) = self.get("spark_environment", &path, SETTINGS_BYTES).await?;
        match executor_settings(&body) {
            Ok(settings) => Ok(Some(settings)),
            Err(error) => Err(malformed(&url, error.to_string())),
        }
    }

    async fn map_reduce(&mut self) -> Result<KnownWork, SourceError> {
        let path = "ws/v1/mapreduce/jobs";
        let answer: MapReduceJobs = self.json("mapreduce_jobs", path, JOBS_BYTES).await?;
        let jobs = answer.jobs.map(|list| list.job).unwrap_or_default();
        // An application master has one job, and none while it starts.
        Ok(jobs.first().map(|job| job.work()).unwrap_or_default())
    }

    async fn json<T: DeserializeOwned>(
        &mut self,
        operation: &'static str,
        path: &str,
        limit_bytes: usize,
    ) -> Result<T, SourceError> {
        let (url, body) = self.get(operation, path, limit_bytes).await?;
        serde_json::from_slice(&body).map_err(|error| malformed(&url, error.to_string()))
    }

    async fn get(
        &mut self,
        operation: &'static str,
        path: &str,
        limit_bytes: usize,
    ) -> Result<(Url, Vec<u8>), SourceError> {
        let url = self
            .base
            .join(path)
            .map_err(|error| malformed(self.base, error.to_string()))?;
        let (http, budget, asked) = (self.http.clone(), self.budget.clone(), url.clone());
        let within = TimeLimit::start(self.limit.left() + LATE_MOST);
        let request = async move { http.bytes(&asked, limit_bytes, &budget, within).await };
        let body = async {
            let in_time = LateRequest::unless_in_time(request, self.limit).await;
            in_time.unwrap_or_else(|late| {
                self.late = Some(late);
                Err(SourceError::TimedOut {
                    what: shown(&url),
                    after: self.limit.total,
                })
            })
        };
        let (body, call) = timed(operation, body).await;
        self.calls.push(call);
        body.map(|body| (url, body)).map_err(|error| match error {
            // It was cut off by what all together may answer.
            SourceError::TooLarge { .. } if self.budget.is_spent() => {
                SourceError::OverBudget { operation }
            }
            error => error,
        })
    }
}

/// What an error says about the application.
fn reason(error: &SourceError) -> WorkUnknown {
    match error {
        SourceError::TimedOut { .. } => WorkUnknown::TimedOut,
        SourceError::OverBudget { .. } => WorkUnknown::NotAsked,
        SourceError::Status {
            status: 401 | 403, ..
        }
        | SourceError::KerberosRequired { .. }
        | SourceError::SignIn { .. } => WorkUnknown::Refused,
        SourceError::Status { .. } | SourceError::Unreachable { .. } => WorkUnknown::NoInterface,
        _ => WorkUnknown::Malformed,
    }
}
