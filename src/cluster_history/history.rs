//! The points of a cluster's metrics, aligned to the interval at which EMR published them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::units::Timestamp;

/// The metrics that EMR publishes every five minutes, or every minute with managed scaling, and that
/// an observation can hold (Amazon EMR Management Guide, "Monitoring Amazon EMR metrics
/// with CloudWatch" and "Understanding managed scaling metrics").
pub const METRICS: [&str; 30] = [
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
pub type Part = BTreeMap<String, Vec<(i64, f64)>>;

/// All points by metric and beginning of the period.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History(BTreeMap<String, BTreeMap<Timestamp, f64>>);

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
