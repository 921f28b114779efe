//! Reads the CloudWatch metrics that policies declare.

pub mod api;
mod batch;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_cloudwatch::Client;

use crate::daemon::clock::Clock;
use crate::daemon::sources::call::Call;
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::failure_log::{FailureEvent, FailureLog};
use crate::observation::{MetricId, Sampled};
use crate::policy::{MetricSpec, Policy};
use crate::units::{Timestamp, display_duration};
use api::{GET_METRIC_DATA, Query, Request};
use batch::{Batch, Due, batches};

/// The time limit for one reading, in real time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Reads the metrics of all policies. The SDK retries throttled and lost requests with backoff and
/// jitter.
#[derive(Debug)]
pub struct CloudWatch {
    client: Client,
    metrics: BTreeMap<MetricId, Metric>,
    answer_within: Duration,
}

/// The result of one reading.
#[derive(Clone, Debug, PartialEq)]
pub struct CloudWatchReading {
    /// The newest value of each metric if it is within [`MetricSpec::allowance`], with the end of its
    /// period as `measured_at`; otherwise the error. A metric without data points is absent.
    pub values: BTreeMap<MetricId, Result<Sampled<f64>, SourceError>>,
    /// The calls that were made.
    pub calls: Vec<Call>,
}

/// Two policies declare different metrics under one name, but share one observation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the policies `{first}` and `{second}` both declare the metric `{metric}`, but not the same one; rename it in one of them"
)]
pub struct MetricConflict {
    /// The name of both metrics.
    pub metric: MetricId,
    /// The first metric.
    pub first: String,
    /// The other metric.
    pub second: String,
}

/// Merges the metrics of several policies.
///
/// # Errors
/// When two policies declare different metrics under one name.
pub fn metrics_of<'a>(
    policies: impl IntoIterator<Item = &'a Policy>,
) -> Result<Vec<MetricSpec>, MetricConflict> {
    let mut merged: BTreeMap<&MetricId, (&Policy, &MetricSpec)> = BTreeMap::new();
    for policy in policies {
        for spec in policy.metrics() {
            let (first, known) = *merged.entry(&spec.id).or_insert((policy, spec));
            if known != spec {
                let (first, second) = (first.name().to_owned(), policy.name().to_owned());
                return Err(MetricConflict {
                    metric: spec.id.clone(),
                    first,
                    second,
                });
            }
        }
    }
    Ok(merged.into_values().map(|(_, spec)| spec.clone()).collect())
}

#[derive(Debug)]
struct Metric {
    spec: MetricSpec,
    newest: Option<Sampled<f64>>,
    /// The error of the last call; `None` also if the metric has no data points.
    failed: Option<SourceError>,
    failures: FailureLog,
}

/// The newest point of one metric, if there is any.
type Answer = Result<Option<Sampled<f64>>, SourceError>;

impl CloudWatch {
    /// Reads the metrics that [`metrics_of`] returned. Region, credentials, endpoint and retries are
    /// those of `config`.
    pub fn new(config: &SdkConfig, cluster_id: &str, metrics: Vec<MetricSpec>) -> Self {
        let with_cluster = |mut spec: MetricSpec| {
            for (_, value) in &mut spec.dimensions {
                *value = value.replace("${cluster_id}", cluster_id);
            }
            (
                spec.id.clone(),
                Metric {
                    spec,
                    newest: None,
                    failed: None,
                    failures: FailureLog::default(),
                },
            )
        };
        let metrics = metrics.into_iter().map(with_cluster).collect();
        Self {
            client: Client::new(config),
            metrics,
            answer_within: ANSWER_WITHIN,
        }
    }

    /// How old a value of this metric may be; `None` if no policy declares the metric.
    pub fn allowance(&self, metric: &MetricId) -> Option<Duration> {
        Some(self.metrics.get(metric)?.spec.allowance())
    }

    /// Reads the metrics that may have a new period, in as few calls as the API allows.
    pub async fn read(&mut self, clock: &Clock) -> CloudWatchReading {
        self.read_at(clock.now()).await
    }

    async fn read_at(&mut self, now: Timestamp) -> CloudWatchReading {
        let due: Vec<Due> = self
            .metrics
            .values()
            .filter_map(|metric| metric.due(now))
            .collect();
        let batches = batches(due, now);
        let mut answers = BTreeMap::new();
        let mut calls = Vec::new();
        let all = ask_all(
            &self.client,
            &self.metrics,
            &batches,
            &mut answers,
            &mut calls,
        );
        if tokio::time::timeout(self.answer_within, all).await.is_err() {
            let timed_out = SourceError::TimedOut {
                what: GET_METRIC_DATA.to_owned(),
                after: self.answer_within,
            };
            calls.push(Call {
                operation: GET_METRIC_DATA,
                result: timed_out.label(),
                took: self.answer_within,
            });
            for due in batches.iter().flat_map(|batch| &batch.due) {
                answers
                    .entry(due.metric.clone())
                    .or_insert_with(|| Err(timed_out.clone()));
            }
        }
        for (id, answer) in answers {
            if let Some(metric) = self.metrics.get_mut(&id) {
                metric.take(now, answer);
            }
        }
        let values = self
            .metrics
            .iter()
            .filter_map(|(id, metric)| Some((id.clone(), metric.value(now)?)))
            .collect();
        CloudWatchReading { values, calls }
    }
}

impl Metric {
    /// The two newest periods that have ended and passed their delay; `None` if the newest is known.
    fn due(&self, now: Timestamp) -> Option<Due> {
        let MetricSpec {
            id, period, delay, ..
        } = &self.spec;
        let to = (now - *delay).floor(*period);
        // A time in the future dates from before the clock was set back.
        let is_known = self
            .newest
            .is_some_and(|newest| (to..=now).contains(&newest.measured_at));
        (!is_known).then(|| Due {
            metric: id.clone(),
            period: *period,
            from: to - *period * 2,
            to,
        })
    }

    fn take(&mut self, now: Timestamp, answer: Answer) {
        match self.failures.note(now, answer.as_ref().err()) {
            Some(FailureEvent::Failing(error)) => {
                tracing::warn!(metric = %self.spec.id, %error, "the metric cannot be read")
            }
            Some(FailureEvent::Recovered { after }) => {
                tracing::info!(metric = %self.spec.id, "the metric can be read again, after {}", display_duration(after));
            }
            None => {}
        }
        match answer {
            Ok(point) => {
                self.failed = None;
                self.newest = point.or(self.newest);
            }
            Err(error) => self.failed = Some(error),
        }
    }

    fn value(&self, now: Timestamp) -> Option<Result<Sampled<f64>, SourceError>> {
        let fresh = self
            .newest
            .filter(|newest| now.since(newest.measured_at) <= self.spec.allowance());
        fresh.map(Ok).or_else(|| self.failed.clone().map(Err))
    }

    fn query(&self) -> Query {
        let MetricSpec {
            namespace,
            metric_name,
            dimensions,
            statistic,
            period,
            ..
        } = self.spec.clone();
        Query {
            namespace,
            metric_name,
            dimensions,
            statistic,
            period,
        }
    }
}

/// Makes the calls. The answers are written to shared state, so that they are kept if time runs
/// out.
async fn ask_all(
    client: &Client,
    metrics: &BTreeMap<MetricId, Metric>,
    batches: &[Batch],
    answers: &mut BTreeMap<MetricId, Answer>,
    calls: &mut Vec<Call>,
) {
    for batch in batches {
        let queries = batch
            .due
            .iter()
            .filter_map(|due| metrics.get(&due.metric))
            .map(Metric::query)
            .collect();
        let request = Request {
            queries,
            from: batch.from,
            to: batch.to,
        };
        for (due, answer) in batch
            .due
            .iter()
            .zip(ask(client, &request, &batch.due, calls).await)
        {
            answers.insert(due.metric.clone(), answer);
        }
    }
}

/// Reads all pages of one request.
async fn ask(
    client: &Client,
    request: &Request,
    due: &[Due],
    calls: &mut Vec<Call>,
) -> Vec<Answer> {
    let unanswered = || {
        Err(api::malformed(
            "a requested metric has no result".to_owned(),
        ))
    };
    let mut answers: Vec<Answer> = due.iter().map(|_| unanswered()).collect();
    let mut token = None;
    loop {
        let (page, call) = api::page(client, request, token.clone()).await;
        calls.push(call);
        let page = match page {
            Ok(page) if page.next_token.is_some() && page.next_token == token => {
                Err(api::malformed("a page repeats its own token".to_owned()))
            }
            page => page,
        };
        match page {
            Ok(page) => {
                for points in page.results {
                    let (due, answer) = (&due[points.query], &mut answers[points.query]);
                    let newest = points
                        .points
                        .iter()
                        .filter_map(|point| due.sample(*point))
                        .max_by_key(|sample| sample.measured_at);
                    let before = answer.as_ref().ok().copied().flatten();
                    *answer = match newest
                        .into_iter()
                        .chain(before)
                        .max_by_key(|sample| sample.measured_at)
                    {
                        Some(sample) => Ok(Some(sample)),
                        None => points.incomplete.map_or(Ok(None), Err),
                    };
                }
                match page.next_token {
                    Some(next) => token = Some(next),
                    None => return answers,
                }
            }
            Err(error) => {
                // Points from earlier pages are kept.
                answers
                    .iter_mut()
                    .filter(|answer| !matches!(answer, Ok(Some(_))))
                    .for_each(|answer| *answer = Err(error.clone()));
                return answers;
            }
        }
    }
}
