//! The history of a cluster in CloudWatch: fetched in parts, joined, and aligned to the interval at
//! which EMR published it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::DimensionFilter;

use crate::daemon::clock::Stopwatch;
use crate::daemon::sources::aws_error::AwsError;
use crate::daemon::sources::cloudwatch::api::{self, Query, Request};
use crate::daemon::sources::error::SourceError;
use crate::policy::Statistic;
use crate::policy::diagnostic::nearest;
use crate::units::Timestamp;

const NAMESPACE: &str = "AWS/ElasticMapReduce";
const DIMENSION: &str = "JobFlowId";

/// The metrics that EMR publishes every five minutes, or every minute with managed scaling, and that
/// an observation can hold (Amazon EMR Management Guide, "Monitoring Amazon EMR metrics
/// with CloudWatch" and "Understanding managed scaling metrics").
const METRICS: [&str; 30] = [
    "IsIdle",
    "MemoryTotalMB",
    "MemoryAvailableMB",
    "MemoryAllocatedMB",
    "MemoryReservedMB",
    "ContainerAllocated",
    "ContainerPending",
    "ContainerReserved",
    "AppsRunning",
    "AppsPending",
    "MRActiveNodes",
    "MRDecommissionedNodes",
    "MRLostNodes",
    "MRUnhealthyNodes",
    "HDFSUtilization",
    "CapacityRemainingGB",
    "UnderReplicatedBlocks",
    "MissingBlocks",
    "MultiMasterInstanceGroupNodesRequested",
    "MultiMasterInstanceGroupNodesRunning",
    "CoreNodesRequested",
    "CoreNodesRunning",
    "CoreNodesPending",
    "CoreUnitsRequested",
    "CoreUnitsRunning",
    "TaskNodesRequested",
    "TaskNodesRunning",
    "TaskNodesPending",
    "TaskUnitsRequested",
    "TaskUnitsRunning",
];

/// The metric whose interval the other metrics are aligned to.
const REFERENCE: &str = "MemoryTotalMB";
/// How often EMR publishes without managed scaling.
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const ONE_MINUTE: Duration = Duration::from_secs(60);
/// The share of the time that one-minute points must cover for the one-minute interval to be used.
const FINE_SHARE: f64 = 0.95;

/// The points of a span by metric: the beginning of the period in seconds since the epoch, and the
/// mean.
pub(super) type Part = BTreeMap<String, Vec<(i64, f64)>>;

/// All points by metric and beginning of the period.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct History(BTreeMap<String, BTreeMap<Timestamp, f64>>);

impl History {
    /// Joins parts.
    pub fn of(parts: &[Part]) -> Self {
        let mut history = Self::default();
        for (metric, points) in parts.iter().flatten() {
            let points = points.iter().map(|(begin_s, value)| {
                (
                    Timestamp::from_millis(begin_s.saturating_mul(1_000)),
                    *value,
                )
            });
            history.0.entry(metric.clone()).or_default().extend(points);
        }
        history
    }

    pub fn is_empty(&self) -> bool {
        self.0.values().all(BTreeMap::is_empty)
    }

    /// The mean over the period that begins at this time.
    pub fn at(&self, metric: &str, begin: Timestamp) -> Option<f64> {
        self.0.get(metric)?.get(&begin).copied()
    }

    /// The beginnings of all periods with points.
    pub fn beginnings(&self) -> BTreeSet<Timestamp> {
        self.0.values().flat_map(BTreeMap::keys).copied().collect()
    }

    /// Merges one-minute means into five-minute means if EMR published only every five minutes.
    /// Returns the period, too.
    pub fn on_native_grid(&self, period: Duration) -> (Self, Duration) {
        if period != ONE_MINUTE || self.is_fine() {
            return (self.clone(), period);
        }
        let means = |points: &BTreeMap<Timestamp, f64>| {
            let mut sums: BTreeMap<Timestamp, (f64, f64)> = BTreeMap::new();
            for (begin, value) in points {
                let (sum, count) = sums.entry(begin.floor(FIVE_MINUTES)).or_default();
                (*sum, *count) = (*sum + value, *count + 1.0);
            }
            sums.into_iter()
                .map(|(begin, (sum, count))| (begin, sum / count))
                .collect()
        };
        (
            Self(
                self.0
                    .iter()
                    .map(|(metric, points)| (metric.clone(), means(points)))
                    .collect(),
            ),
            FIVE_MINUTES,
        )
    }

    /// Compares covered time, not numbers of points: an hour of one-minute points must not outweigh
    /// a day of five-minute ones.
    fn is_fine(&self) -> bool {
        let Some(points) = self.0.get(REFERENCE) else {
            return true;
        };
        let steps = points
            .keys()
            .zip(points.keys().skip(1))
            .map(|(earlier, later)| later.since(*earlier));
        let (fine, all) =
            steps
                .filter(|step| *step <= FIVE_MINUTES)
                .fold((0.0, 0.0), |(fine, all), step| {
                    let seconds = step.as_secs_f64();
                    (
                        if step <= ONE_MINUTE {
                            fine + seconds
                        } else {
                            fine
                        },
                        all + seconds,
                    )
                });
        fine >= FINE_SHARE * all
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    /// Minutes with their values.
    fn history(points: &[(i64, f64)]) -> History {
        History::of(&[Part::from([(
            REFERENCE.to_owned(),
            points
                .iter()
                .map(|(minute, value)| (minute * 60, *value))
                .collect(),
        )])])
    }

    #[test]
    fn the_grid_is_the_one_on_which_emr_published() {
        let every = |step: usize, minutes: std::ops::Range<i64>| {
            minutes
                .step_by(step)
                .map(|minute| (minute, 1.0))
                .collect::<Vec<_>>()
        };
        for (points, expected) in [
            (every(1, 0..60), ONE_MINUTE),
            (every(5, 3..60), FIVE_MINUTES),
            // Managed scaling was switched on for the last hour of ten.
            (
                [every(5, 0..540), every(1, 540..600)].concat(),
                FIVE_MINUTES,
            ),
            // A gap is no coarse grid.
            ([every(1, 0..30), every(1, 300..330)].concat(), ONE_MINUTE),
            (every(1, 0..1), ONE_MINUTE),
        ] {
            assert_eq!(
                history(&points).on_native_grid(ONE_MINUTE).1,
                expected,
                "{points:?}"
            );
        }
    }

    #[test]
    fn on_the_coarser_grid_are_means() {
        let fine = history(&[(3, 1.0), (8, 2.0), (9, 4.0), (16, 9.0)]);
        let (coarse, period) = fine.on_native_grid(ONE_MINUTE);
        assert_eq!(
            (coarse, period),
            (history(&[(0, 1.0), (5, 3.0), (15, 9.0)]), FIVE_MINUTES)
        );
        assert_eq!(
            fine.on_native_grid(FIVE_MINUTES),
            (fine, FIVE_MINUTES),
            "what is coarse already stays"
        );
    }
}
