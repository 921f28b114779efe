//! GetMetricData, page by page, in this program's types.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};

use crate::daemon::clock::Stopwatch;
use crate::daemon::sources::aws_error::AwsError;
use crate::daemon::sources::call::Call;
use crate::daemon::sources::error::SourceError;
use crate::policy::Statistic;
use crate::units::Timestamp;

/// The most queries of one call (API reference of GetMetricData).
pub const QUERIES_MAX: usize = 500;
/// The most points of one page (API reference of GetMetricData).
pub const POINTS_MAX: i64 = 100_800;

pub const GET_METRIC_DATA: &str = "GetMetricData";
const GET_METRIC_DATA_PERMISSION: &str = "cloudwatch:GetMetricData";

/// A statistic of a metric, per period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub namespace: String,
    pub metric_name: String,
    pub dimensions: Vec<(String, String)>,
    pub statistic: Statistic,
    pub period: Duration,
}

/// One call: at most [`QUERIES_MAX`] queries over one span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub queries: Vec<Query>,
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// One page of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub results: Vec<Points>,
    /// The token of the next page.
    pub next_token: Option<String>,
}

/// The points of one query on one page.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// The position of the query in the request.
    pub query: usize,
    /// The beginnings of periods with their finite values, newest first.
    pub points: Vec<(Timestamp, f64)>,
    /// Why points may be missing.
    pub incomplete: Option<SourceError>,
}

/// Reads one page; `token` is from the page before.
///
/// # Errors
/// When the call fails as a whole. Errors of single queries are in [`Points::incomplete`].
pub async fn page(
    client: &Client,
    request: &Request,
    token: Option<String>,
) -> (Result<Page, SourceError>, Call) {
    let stopwatch = Stopwatch::start();
    let queries = request
        .queries
        .iter()
        .enumerate()
        .map(|(position, query)| data_query(position, query))
        .collect();
    let sent = client
        .get_metric_data()
        .set_metric_data_queries(Some(queries))
        .start_time(DateTime::from_millis(request.from.as_millis()))
        .end_time(DateTime::from_millis(request.to.as_millis()))
        .scan_by(ScanBy::TimestampDescending)
        .set_next_token(token)
        .send()
        .await;
    let took = stopwatch.elapsed();
    let answer = match sent {
        Ok(output) => read_page(output, request.queries.len()),
        Err(error) => Err(AwsError::classify(&error).into_source_error(
            GET_METRIC_DATA,
            GET_METRIC_DATA_PERMISSION,
            took,
        )),
    };
    let result = answer.as_ref().err().map_or("ok", SourceError::label);
    (
        answer,
        Call {
            operation: GET_METRIC_DATA,
            result,
            took,
        },
    )
}

fn data_query(position: usize, query: &Query) -> MetricDataQuery {
    let dimension =
        |(name, value): &(String, String)| Dimension::builder().name(name).value(value).build();
    let metric = aws_sdk_cloudwatch::types::Metric::builder()
        .namespace(&query.namespace)
        .metric_name(&query.metric_name)
        .set_dimensions(Some(query.dimensions.iter().map(dimension).collect()))
        .build();
    let stat = MetricStat::builder()
        .metric(metric)
        .stat(statistic_name(query.statistic))
        .period(i32::try_from(query.period.as_secs()).unwrap_or(i32::MAX))
        .build();
    MetricDataQuery::builder()
        .id(query_id(position))
        .metric_stat(stat)
        .build()
}

const fn statistic_name(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Average => "Average",
        Statistic::Sum => "Sum",
        Statistic::Minimum => "Minimum",
        Statistic::Maximum => "Maximum",
        Statistic::SampleCount => "SampleCount",
    }
}

/// Query ids must begin with a lower-case letter, unlike the names of metrics in policies.
fn query_id(position: usize) -> String {
    format!("m{position}")
}

fn read_page(output: GetMetricDataOutput, queries: usize) -> Result<Page, SourceError> {
    let results = output.metric_data_results.unwrap_or_default();
    Ok(Page {
        results: results
            .into_iter()
            .map(|result| read_points(result, queries))
            .collect::<Result<_, _>>()?,
        next_token: output.next_token.filter(|token| !token.is_empty()),
    })
}

fn read_points(result: MetricDataResult, queries: usize) -> Result<Points, SourceError> {
    let id = result.id().unwrap_or_default();
    let position = id
        .strip_prefix('m')
        .and_then(|digits| digits.parse().ok())
        .filter(|position| *position < queries);
    let query = position.ok_or_else(|| {
        malformed(format!(
            "a result has the id `{id}`, which was not requested"
        ))
    })?;
    if result.timestamps().len() != result.values().len() {
        return Err(malformed(format!(
            "a result has {} timestamps but {} values",
            result.timestamps().len(),
            result.values().len()
        )));
    }
    let instants = result
        .timestamps()
        .iter()
        .map(|instant| instant.to_millis().ok().map(Timestamp::from_millis));
    let points = instants
        .zip(result.values())
        .filter(|(_, value)| value.is_finite());
    let points = points
        .filter_map(|(instant, value)| Some((instant?, *value)))
        .collect();
    Ok(Points {
        query,
        points,
        incomplete: incomplete(&result),
    })
}

fn incomplete(result: &MetricDataResult) -> Option<SourceError> {
    let said = result
        .messages()
        .iter()
        .filter_map(|message| message.value())
        .collect::<Vec<_>>()
        .join("; ");
    let refused = |what: &str| {
        let message = if said.is_empty() {
            what.to_owned()
        } else {
            format!("{what} ({said})")
        };
        Some(SourceError::Refused {
            operation: GET_METRIC_DATA,
            message,
        })
    };
    match result.status_code()? {
        StatusCode::Complete => None,
        StatusCode::PartialData => refused("CloudWatch returned only a part of the points"),
        StatusCode::InternalError => refused("CloudWatch had an internal error"),
        StatusCode::Forbidden => Some(SourceError::AccessDenied {
            operation: GET_METRIC_DATA,
            permission: GET_METRIC_DATA_PERMISSION,
        }),
        other => refused(&format!(
            "CloudWatch answered with the status {}",
            other.as_str()
        )),
    }
}

/// The error for an unusable answer.
pub fn malformed(problem: String) -> SourceError {
    SourceError::Malformed {
        url: GET_METRIC_DATA.to_owned(),
        problem,
    }
}
