//! How long work waited, weighted.

use std::time::Duration;

use crate::sim::run::Wait;

/// All zero when nothing arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct WaitProfile {
    /// The mean, weighted.
    pub mean_s: f64,
    /// Half of the weight waits at most this long.
    pub p50_s: f64,
    /// 95% of the weight waits at most this long.
    pub p95_s: f64,
    /// 99% of the weight waits at most this long.
    pub p99_s: f64,
    /// The longest wait.
    pub max_s: f64,
    /// Share of the weight that waited longer than the goal; `None` without a goal.
    pub slo_miss_percent: Option<f64>,
}

impl WaitProfile {
    /// Summarises waits; `slo_wait` is the goal, if one is set.
    pub fn of(waits: &[Wait], slo_wait: Option<Duration>) -> Self {
        let total = sum(waits, |wait| wait.weight);
        if total <= 0.0 {
            return Self {
                slo_miss_percent: slo_wait.map(|_| 0.0),
                ..Self::default()
            };
        }
        // Most work does not wait at all under most policies: only the rest needs sorting.
        let mut waited: Vec<Wait> = waits
            .iter()
            .filter(|wait| wait.weight > 0.0 && wait.seconds > 0.0)
            .copied()
            .collect();
        waited.sort_unstable_by(|a, b| a.seconds.total_cmp(&b.seconds));
        let unhindered = total - sum(&waited, |wait| wait.weight);
        let [p50_s, p95_s, p99_s] = quantiles(&waited, unhindered, total, [50.0, 95.0, 99.0]);
        let late_percent = |goal: Duration| {
            let goal_s = goal.as_secs_f64();
            let late = &waited[waited.partition_point(|wait| wait.seconds <= goal_s)..];
            100.0 * sum(late, |wait| wait.weight) / total
        };
        Self {
            mean_s: sum(&waited, |wait| wait.seconds * wait.weight) / total,
            p50_s,
            p95_s,
            p99_s,
            max_s: waited.last().map_or(0.0, |wait| wait.seconds),
            slo_miss_percent: slo_wait.map(late_percent),
        }
    }
}

/// Nearest rank: the shortest wait such that at least so many percent of the weight waited no
/// longer. `percents` ascend.
fn quantiles<const N: usize>(
    waited: &[Wait],
    unhindered: f64,
    total: f64,
    percents: [f64; N],
) -> [f64; N] {
    let mut so_far = unhindered;
    let mut seconds = 0.0;
    let mut longer = waited.iter();
    percents.map(|percent| {
        while so_far * 100.0 < percent * total {
            let Some(wait) = longer.next() else { break };
            so_far += wait.weight;
            seconds = wait.seconds;
        }
        seconds
    })
}

/// Starts at a positive zero: the standard library's sum of nothing is -0.0, which would be printed
/// so.
fn sum(waits: &[Wait], of: impl Fn(&Wait) -> f64) -> f64 {
    waits.iter().map(of).fold(0.0, std::ops::Add::add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn profile(waits: impl IntoIterator<Item = (f64, f64)>) -> WaitProfile {
        let waits: Vec<Wait> = waits
            .into_iter()
            .map(|(seconds, weight)| Wait {
                seconds,
                weight,
                since_s: 0.0,
            })
            .collect();
        WaitProfile::of(&waits, Some(Duration::from_secs(60)))
    }

    #[test]
    fn quantiles_are_the_nearest_rank() {
        for (count, p50_s, p95_s, p99_s) in [
            (1, 1.0, 1.0, 1.0),
            (2, 1.0, 2.0, 2.0),
            (20, 10.0, 19.0, 20.0),
            (100, 50.0, 95.0, 99.0),
        ] {
            let got = profile((1..=count).rev().map(|s| (f64::from(s), 1.0)));
            assert_eq!(
                (got.p50_s, got.p95_s, got.p99_s, got.max_s),
                (p50_s, p95_s, p99_s, f64::from(count)),
                "{count} waits"
            );
        }
    }

    #[test]
    fn a_weight_counts_as_so_many_waits() {
        let weighted = profile([(5.0, 90.0), (70.0, 5.0), (100.0, 5.0)]);
        let single = profile((0..100).map(|i| {
            (
                if i < 90 {
                    5.0
                } else if i < 95 {
                    70.0
                } else {
                    100.0
                },
                1.0,
            )
        }));
        assert_eq!(weighted, single);
        assert_eq!(
            (weighted.p50_s, weighted.p95_s, weighted.p99_s),
            (5.0, 70.0, 100.0)
        );
        assert_eq!(
            (weighted.mean_s, weighted.slo_miss_percent),
            (13.0, Some(10.0))
        );
    }

    #[test]
    fn work_that_did_not_wait_counts_in_every_figure() {
        let got = profile([(0.0, 98.0), (50.0, 2.0), (900.0, 0.0)]);
        assert_eq!(
            (got.p50_s, got.p95_s, got.p99_s, got.max_s, got.mean_s),
            (0.0, 0.0, 50.0, 50.0, 1.0)
        );
    }

    #[test]
    fn a_wait_as_long_as_the_objective_is_no_miss() {
        assert_eq!(profile([(60.0, 1.0)]).slo_miss_percent, Some(0.0));
        assert_eq!(
            profile([(60.001, 1.0), (0.0, 3.0)]).slo_miss_percent,
            Some(25.0)
        );
    }

    #[test]
    fn nothing_arrived_nothing_waited() {
        let nothing = WaitProfile {
            slo_miss_percent: Some(0.0),
            ..WaitProfile::default()
        };
        assert_eq!(profile([]), nothing);
        assert_eq!(profile([(10.0, 0.0)]), nothing);
    }

    #[test]
    fn without_a_goal_no_work_is_late() {
        let wait = Wait {
            seconds: 600.0,
            weight: 1.0,
            since_s: 0.0,
        };
        assert_eq!(WaitProfile::of(&[wait], None).slo_miss_percent, None);
        assert_eq!(WaitProfile::of(&[], None), WaitProfile::default());
    }

    proptest! {
        #[test]
        fn quantiles_never_decrease(waits in prop::collection::vec((0.0..1e6, 0.0..1e3), 0..50)) {
            let got = profile(waits.clone());
            prop_assert!(0.0 <= got.p50_s && got.p50_s <= got.p95_s && got.p95_s <= got.p99_s && got.p99_s <= got.max_s, "{got:?}");
            prop_assert!(got.mean_s <= got.max_s * (1.0 + 1e-12));
            prop_assert!((0.0..=100.0 + 1e-9).contains(&got.slo_miss_percent.expect("a goal")));
        }
    }
}
