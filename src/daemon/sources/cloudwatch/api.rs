//! GetMetricData, page by page, in this program's own types.

use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{
    Dimension, MetricDataQuery, MetricDataResult, MetricStat, ScanBy, StatusCode,
};

use crate::daemon::clock::Stopwatch;
use crate::daemon::sources::failure::Failure;
use crate::daemon::sources::source::{Call, SourceError};
use crate::policy::Statistic;
use crate::units::Timestamp;

/// The most queries of one call (API reference of GetMetricData).
pub const QUERIES_MAX: usize = 500;
/// The most points of one page (API reference of GetMetricData).
pub const POINTS_MAX: i64 = 100_800;

pub const GET_METRIC_DATA: &str = "GetMetricData";
const GET_METRIC_DATA_PERMISSION: &str = "cloudwatch:GetMetricData";

/// One metric in one statistic, a value for each period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    pub namespace: String,
    pub metric_name: String,
    pub dimensions: Vec<(String, String)>,
    pub statistic: Statistic,
    pub period: Duration,
}

/// What one call asks for: at most [`QUERIES_MAX`] queries, over one span of time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub queries: Vec<Query>,
    pub from: Timestamp,
    /// Exclusive.
    pub to: Timestamp,
}

/// Part of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    pub results: Vec<Points>,
    /// Asks for the rest.
    pub next_token: Option<String>,
}

/// Points of one query, as far as they are on this page.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// Position of the query in the request.
    pub query: usize,
    /// Beginnings of periods with their finite values, newest first.
    pub points: Vec<(Timestamp, f64)>,
    /// Why there may be more points than these.
    pub incomplete: Option<SourceError>,
}

/// Fetches one page; `token` is the one that the page before it gave.
///
/// # Errors
/// What the call failed with as a whole. Single queries fail in [`Points::incomplete`].
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
        Err(error) => {
            Err(Failure::of(&error).of_reading(GET_METRIC_DATA, GET_METRIC_DATA_PERMISSION, took))
        }
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

/// Ids begin with a lower-case letter, which the names that policies give need not.
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
            "a result with the id `{id}`, which was not asked for"
        ))
    })?;
    if result.timestamps().len() != result.values().len() {
        return Err(malformed(format!(
            "{} timestamps with {} values",
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

pub fn malformed(problem: String) -> SourceError {
    SourceError::Malformed {
        url: GET_METRIC_DATA.to_owned(),
        problem,
    }
}
