//! Fetches the history of a cluster from CloudWatch, in parts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::DimensionFilter;

use crate::cluster_history::{METRICS, Part};
use crate::daemon::clock::Stopwatch;
use crate::daemon::sources::aws_error::AwsError;
use crate::daemon::sources::cloudwatch::api::{self, Query, Request};
use crate::daemon::sources::error::SourceError;
use crate::policy::Statistic;
use crate::policy::diagnostic::nearest;
use crate::units::Timestamp;

const NAMESPACE: &str = "AWS/ElasticMapReduce";
const DIMENSION: &str = "JobFlowId";

/// Fetches all pages of one span.
///
/// # Errors
/// When CloudWatch does not answer completely; the part must then be fetched again.
pub(super) async fn fetch(
    client: &Client,
    cluster_id: &str,
    (from, to): (Timestamp, Timestamp),
    period: Duration,
) -> Result<Part, SourceError> {
    let query = |metric: &&str| Query {
        namespace: NAMESPACE.to_owned(),
        metric_name: (*metric).to_owned(),
        dimensions: vec![(DIMENSION.to_owned(), cluster_id.to_owned())],
        statistic: Statistic::Average,
        period,
    };
    let request = Request {
        queries: METRICS.iter().map(query).collect(),
        from,
        to,
    };
    let mut part = Part::new();
    let mut incomplete: BTreeMap<usize, SourceError> = BTreeMap::new();
    let mut token = None;
    loop {
        let (page, _) = api::page(client, &request, token.clone()).await;
        let page = page?;
        for points in page.results {
            match points.incomplete {
                Some(error) => incomplete.insert(points.query, error),
                None => incomplete.remove(&points.query),
            };
            let found = points
                .points
                .into_iter()
                .map(|(begin, value)| (begin.as_millis() / 1_000, value));
            part.entry(METRICS[points.query].to_owned())
                .or_default()
                .extend(found);
        }
        match page.next_token {
            Some(next) if Some(&next) == token.as_ref() => {
                return Err(api::malformed("a page repeats its own token".to_owned()));
            }
            Some(next) => token = Some(next),
            None => break,
        }
    }
    match incomplete.into_values().next() {
        Some(error) => Err(error),
        None => {
            part.retain(|_, points| !points.is_empty());
            Ok(part)
        }
    }
}

/// A hint for a cluster without points: whether CloudWatch lists it, and which clusters it lists.
pub(super) async fn hint(client: &Client, cluster_id: &str) -> String {
    let clusters = match clusters_with_metrics(client).await {
        Ok(clusters) => clusters,
        Err(error) => return format!("the clusters with metrics could not be listed: {error}"),
    };
    if clusters.contains(cluster_id) {
        return "the cluster has metrics, but none in that time; choose another --from and --to"
            .to_owned();
    }
    if clusters.is_empty() {
        return "no cluster has had metrics there in the last two weeks; check the region"
            .to_owned();
    }
    let shown: Vec<&str> = clusters.iter().map(String::as_str).take(5).collect();
    let more = if clusters.len() > shown.len() {
        format!(" and {} more", clusters.len() - shown.len())
    } else {
        String::new()
    };
    let meant = nearest(cluster_id, clusters.iter().map(String::as_str))
        .map(|meant| format!("; did you mean {meant}?"))
        .unwrap_or_default();
    format!(
        "clusters with metrics there in the last two weeks: {}{more}{meant}",
        shown.join(", ")
    )
}

/// The clusters with metrics in the last two weeks; CloudWatch does not list older metrics, even if it
/// still has their points. One page is enough for a hint.
async fn clusters_with_metrics(client: &Client) -> Result<BTreeSet<String>, SourceError> {
    const OPERATION: &str = "ListMetrics";
    let stopwatch = Stopwatch::start();
    let dimension = DimensionFilter::builder().name(DIMENSION).build();
    let listed = client
        .list_metrics()
        .namespace(NAMESPACE)
        .metric_name("IsIdle")
        .dimensions(dimension)
        .send()
        .await;
    let listed = listed.map_err(|error| {
        AwsError::classify(&error).into_source_error(
            OPERATION,
            "cloudwatch:ListMetrics",
            stopwatch.elapsed(),
        )
    })?;
    let dimensions = listed
        .metrics()
        .iter()
        .flat_map(|metric| metric.dimensions());
    let ids = dimensions
        .filter(|dimension| dimension.name() == Some(DIMENSION))
        .filter_map(|dimension| dimension.value());
    Ok(ids.map(str::to_owned).collect())
}
