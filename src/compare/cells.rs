//! `demand:` beside the hindsight frontier and beside the default baselines.

use super::envelope::Frontier;
use super::{Benchmark, DemandPoint, Hindsight, Point};

/// The p95 waits at which costs are compared, in seconds.
pub const WAITS_S: [f64; 4] = [60.0, 120.0, 300.0, 600.0];
/// Shown beside [`WAITS_S`]: where a scenario's maximum is small, even the maximum waits longer than
/// those.
pub const LONGER_WAITS_S: [f64; 2] = [1_800.0, 3_600.0];

/// One waiting time on one trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell<'a> {
    /// The longest p95 wait, in seconds.
    pub wait_s: f64,
    /// The cheapest baseline setting that waits no longer.
    pub frontier: Option<&'a Point>,
    /// The cheapest `demand:` that waits no longer.
    pub demand: Option<&'a DemandPoint>,
}

impl Cell<'_> {
    /// How much more `demand:` costs than the frontier, in percent; negative where it costs less.
    pub fn difference_percent(&self) -> Option<f64> {
        Some(percent_over(
            self.demand?.point.cost_usd,
            self.frontier?.cost_usd,
        ))
    }

    /// Whether the frontier has such a short wait and `demand:` does not.
    pub fn is_not_reached(&self) -> bool {
        self.frontier.is_some() && self.demand.is_none()
    }
}

/// `demand:` beside a baseline with its default settings.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AgainstDefault<'a> {
    /// The baseline.
    pub default: &'a Point,
    /// The cheapest `demand:` that waits no longer.
    pub no_slower: Option<&'a DemandPoint>,
    /// The `demand:` with the shortest p95 wait that costs no more.
    pub no_dearer: Option<&'a DemandPoint>,
}

impl AgainstDefault<'_> {
    /// What `demand:` saves at no more waiting, in percent.
    pub fn saving_percent(&self) -> Option<f64> {
        self.no_slower
            .map(|found| -percent_over(found.point.cost_usd, self.default.cost_usd))
    }

    /// The share of the waiting that `demand:` has at no more cost.
    pub fn waiting_ratio(&self) -> Option<f64> {
        self.no_dearer
            .and_then(|found| ratio(found.point.wait_p95_s, self.default.wait_p95_s))
    }
}

impl Benchmark {
    /// One cell for each waiting time.
    pub fn cells(&self, waits_s: &[f64]) -> Vec<Cell<'_>> {
        let frontier = self.hindsight.frontier();
        waits_s
            .iter()
            .map(|wait_s| Cell {
                wait_s: *wait_s,
                frontier: frontier.at(*wait_s),
                demand: self.cheapest_demand(*wait_s),
            })
            .collect()
    }

    /// One for each baseline with its default settings.
    pub fn against_defaults(&self) -> Vec<AgainstDefault<'_>> {
        let against = |default| AgainstDefault {
            default,
            no_slower: self.cheapest_demand(default.wait_p95_s),
            no_dearer: self.fastest_demand(default.cost_usd),
        };
        self.hindsight.defaults.iter().map(against).collect()
    }

    /// The cheapest `demand:` whose p95 wait is at most `wait_s`.
    fn cheapest_demand(&self, wait_s: f64) -> Option<&DemandPoint> {
        let waits_no_longer = self
            .finished_demand()
            .filter(|found| found.point.wait_p95_s <= wait_s);
        waits_no_longer.min_by(|a, b| a.point.cost_usd.total_cmp(&b.point.cost_usd))
    }

    /// The `demand:` with the shortest p95 wait that costs at most `cost_usd`.
    pub fn fastest_demand(&self, cost_usd: f64) -> Option<&DemandPoint> {
        let costs_no_more = self
            .finished_demand()
            .filter(|found| found.point.cost_usd <= cost_usd);
        costs_no_more.min_by(|a, b| a.point.wait_p95_s.total_cmp(&b.point.wait_p95_s))
    }

    /// The cost of the cell's `demand:`, as a multiple of the clairvoyant's.
    pub fn of_clairvoyant(&self, cell: &Cell<'_>) -> Option<f64> {
        ratio(cell.demand?.point.cost_usd, self.hindsight.clairvoyant_usd)
    }

    fn finished_demand(&self) -> impl Iterator<Item = &DemandPoint> {
        self.demand.iter().filter(|found| found.point.is_finished())
    }
}

impl Hindsight {
    /// The frontier of all settings, the defaults included.
    pub fn frontier(&self) -> Frontier<'_> {
        Frontier::of(self.swept.iter().chain(&self.defaults))
    }
}

/// How much more `value` is than `other`, in percent.
pub fn percent_over(value: f64, other: f64) -> f64 {
    (value / other - 1.0) * 100.0
}

/// `value` as a multiple of `of`; `None` when that is zero.
pub fn ratio(value: f64, of: f64) -> Option<f64> {
    (of > 0.0).then(|| value / of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::testing::{benchmark, demand, point};

    #[test]
    fn a_cell_compares_the_cheapest_that_wait_no_longer() {
        let benchmark = benchmark(
            "t",
            vec![
                demand(1, 60.0, 900.0),
                demand(50, 90.0, 110.0),
                demand(75, 95.0, 60.0),
            ],
        );
        let found: Vec<(Option<f64>, Option<u8>, Option<f64>)> = benchmark
            .cells(&WAITS_S)
            .iter()
            .map(|cell| {
                let difference = cell
                    .difference_percent()
                    .map(|percent| (percent * 10.0).round() / 10.0);
                (
                    cell.frontier.map(|point| point.cost_usd),
                    cell.demand.map(|found| found.performance_index),
                    difference,
                )
            })
            .collect();
        let expected = [
            (Some(100.0), Some(75), Some(-5.0)),
            (Some(100.0), Some(50), Some(-10.0)),
            (Some(80.0), Some(50), Some(12.5)),
            (Some(80.0), Some(50), Some(12.5)),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_policy_that_left_work_undone_is_in_no_cell() {
        let unfinished = DemandPoint {
            point: Point {
                unfinished_tasks: 1,
                ..point("demand-50", 1.0, 1.0)
            },
            performance_index: 50,
        };
        assert_eq!(
            benchmark("t", vec![unfinished]).cells(&WAITS_S)[3].demand,
            None
        );
    }

    #[test]
    fn a_default_is_compared_with_the_cheapest_no_slower_and_the_fastest_no_dearer() {
        let benchmark = benchmark(
            "t",
            vec![
                demand(1, 90.0, 201.0),
                demand(50, 120.0, 200.0),
                demand(75, 150.0, 20.0),
                demand(100, 151.0, 10.0),
            ],
        );
        let against = &benchmark.against_defaults()[0];
        assert_eq!(
            against.no_slower.map(|found| found.performance_index),
            Some(50)
        );
        assert_eq!(
            against.no_dearer.map(|found| found.performance_index),
            Some(75)
        );
        assert_eq!(
            (
                against.saving_percent().map(f64::round),
                against.waiting_ratio()
            ),
            (Some(20.0), Some(0.1))
        );
    }
}
