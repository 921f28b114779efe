//! How closely supply follows demand: the elasticity metrics of the SPEC Research Group.
//!
//! Source: N. Herbst et al., "Ready for Rain? A View from SPEC Research on the Future of Cloud
//! Metrics", arXiv:1604.03470 (2016), and the metrics as A. Bauer et al. use them to compare
//! autoscalers. With demand d(t) and supply s(t) in nodes, over a time T:
//!
//! - `theta_u = 100/T * integral of max(d - s, 0) / d`, how much was missing;
//! - `theta_o = 100/T * integral of max(s - d, 0) / d`, how much was too much;
//! - `tau_u` and `tau_o`, the share of the time in which s was below d, and above it;
//! - `instability`, the share of the time in which supply and demand moved in different directions.
//!
//! All in percent; all but the last are exact integrals of step curves.

use std::ops::Range;

use crate::sim::run::StepCurve;
use crate::units::Timestamp;

/// The direction of a curve is its change over a window of this length, one minute, counted from
/// the start: at any single instant a step curve does not move at all.
const WINDOW_MS: i64 = 60_000;

/// The five metrics, in percent; smaller is better.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Elasticity {
    /// Under-provisioning, relative to demand.
    pub theta_u: f64,
    /// Over-provisioning, relative to demand. The published formula divides by zero where nothing
    /// is demanded: there it is divided by one node, so that an idle cluster of `s` nodes counts as
    /// `s - 0` nodes too many of one.
    pub theta_o: f64,
    /// Share of the time that was under-provisioned.
    pub tau_u: f64,
    /// Share of the time that was over-provisioned.
    pub tau_o: f64,
    /// Share of the one-minute windows, by length, in which the signs of the changes of supply and
    /// demand differ.
    pub instability: f64,
}

impl Elasticity {
    /// The metrics of `supply_nodes` against `demand_nodes` during `span`; all zero when that is
    /// empty. Before its first step a curve is zero.
    pub fn of(
        demand_nodes: &StepCurve<u32>,
        supply_nodes: &StepCurve<f64>,
        span: &Range<Timestamp>,
    ) -> Self {
        let total_ms = span.end.since(span.start).as_millis() as f64;
        if total_ms == 0.0 {
            return Self::default();
        }
        let mut sums = Self::default();
        let mut moves = Moves::new(span);
        let mut previous: Option<Piece> = None;
        for piece in Pieces::new(demand_nodes, supply_nodes, span) {
            let (d, s, length_ms) = (f64::from(piece.demand), piece.supply, piece.length_ms);
            let divisor = d.max(1.0);
            sums.theta_u += (d - s).max(0.0) / divisor * length_ms;
            sums.theta_o += (s - d).max(0.0) / divisor * length_ms;
            sums.tau_u += if d > s { length_ms } else { 0.0 };
            sums.tau_o += if s > d { length_ms } else { 0.0 };
            if let Some(before) = previous {
                moves.add(piece.from, d - f64::from(before.demand), s - before.supply);
            }
            previous = Some(piece);
        }
        sums.instability = moves.different_ms();
        let percent = |sum_ms: f64| 100.0 * sum_ms / total_ms;
        Self {
            theta_u: percent(sums.theta_u),
            theta_o: percent(sums.theta_o),
            tau_u: percent(sums.tau_u),
            tau_o: percent(sums.tau_o),
            instability: percent(sums.instability),
        }
    }

    /// The elastic speedup over `baseline`: the geometric mean of the four ratios baseline / this
    /// of theta and tau. Above one, this follows demand more closely. A zero over a zero is a ratio
    /// of one.
    ///
    /// `None` when this is zero where the baseline is not: the ratio is then undefined.
    pub fn eta(&self, baseline: &Self) -> Option<f64> {
        let pairs = [
            (baseline.theta_u, self.theta_u),
            (baseline.theta_o, self.theta_o),
            (baseline.tau_u, self.tau_u),
            (baseline.tau_o, self.tau_o),
        ];
        let ratio = |(without, with): (f64, f64)| match (without == 0.0, with == 0.0) {
            (true, true) => Some(1.0),
            (false, true) => None,
            _ => Some(without / with),
        };
        let product: f64 = pairs.into_iter().map(ratio).product::<Option<f64>>()?;
        Some(product.sqrt().sqrt())
    }
}

/// A time in which neither curve changes.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Piece {
    from: Timestamp,
    length_ms: f64,
    demand: u32,
    supply: f64,
}

/// Walks both curves at once.
struct Pieces<'a> {
    demand: &'a [(Timestamp, u32)],
    supply: &'a [(Timestamp, f64)],
    now: Timestamp,
    end: Timestamp,
    values: (u32, f64),
}

impl<'a> Pieces<'a> {
    fn new(
        demand: &'a StepCurve<u32>,
        supply: &'a StepCurve<f64>,
        span: &Range<Timestamp>,
    ) -> Self {
        Self {
            demand: &demand.0,
            supply: &supply.0,
            now: span.start,
            end: span.end,
            values: (0, 0.0),
        }
    }
}

impl Iterator for Pieces<'_> {
    type Item = Piece;

    fn next(&mut self) -> Option<Piece> {
        if self.now >= self.end {
            return None;
        }
        while let Some((&(_, value), rest)) = self
            .demand
            .split_first()
            .filter(|((at, _), _)| *at <= self.now)
        {
            (self.values.0, self.demand) = (value, rest);
        }
        while let Some((&(_, value), rest)) = self
            .supply
            .split_first()
            .filter(|((at, _), _)| *at <= self.now)
        {
            (self.values.1, self.supply) = (value, rest);
        }
        let next_steps = [
            self.demand.first().map(|step| step.0),
            self.supply.first().map(|step| step.0),
        ];
        let until = next_steps
            .into_iter()
            .flatten()
            .fold(self.end, Timestamp::min);
        let from = std::mem::replace(&mut self.now, until);
        Some(Piece {
            from,
            length_ms: until.since(from).as_millis() as f64,
            demand: self.values.0,
            supply: self.values.1,
        })
    }
}

/// Net changes within one window at a time. Windows without a change count as agreeing: nothing
/// moved.
struct Moves {
    start_ms: i64,
    end_ms: i64,
    window: i64,
    demand: f64,
    supply: f64,
    different_ms: f64,
}

impl Moves {
    fn new(span: &Range<Timestamp>) -> Self {
        let (start_ms, end_ms) = (span.start.as_millis(), span.end.as_millis());
        Self {
            start_ms,
            end_ms,
            window: 0,
            demand: 0.0,
            supply: 0.0,
            different_ms: 0.0,
        }
    }

    /// A window includes its end, not its start: a change shows in the value at the end.
    fn add(&mut self, at: Timestamp, demand_change: f64, supply_change: f64) {
        let window = (at.as_millis().saturating_sub(self.start_ms) - 1).div_euclid(WINDOW_MS);
        if window != self.window {
            self.close_window();
            self.window = window;
        }
        self.demand += demand_change;
        self.supply += supply_change;
    }

    fn close_window(&mut self) {
        if sign(self.demand) != sign(self.supply) {
            let from_ms = self
                .start_ms
                .saturating_add(self.window.saturating_mul(WINDOW_MS));
            self.different_ms += self.end_ms.saturating_sub(from_ms).min(WINDOW_MS) as f64;
        }
        (self.demand, self.supply) = (0.0, 0.0);
    }

    fn different_ms(mut self) -> f64 {
        self.close_window();
        self.different_ms
    }
}

/// Unlike `f64::signum`, zero for zero.
fn sign(change: f64) -> i8 {
    if change > 0.0 {
        1
    } else if change < 0.0 {
        -1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn seconds(s: u64) -> Timestamp {
        Timestamp::EPOCH + Duration::from_secs(s)
    }

    fn curve<T: Copy>(steps: &[(u64, T)]) -> StepCurve<T> {
        StepCurve(
            steps
                .iter()
                .map(|&(at, value)| (seconds(at), value))
                .collect(),
        )
    }

    fn metrics(demand: &[(u64, u32)], supply: &[(u64, f64)], end_s: u64) -> Elasticity {
        Elasticity::of(
            &curve(demand),
            &curve(supply),
            &(seconds(0)..seconds(end_s)),
        )
    }

    fn four([theta_u, theta_o, tau_u, tau_o]: [f64; 4]) -> Elasticity {
        Elasticity {
            theta_u,
            theta_o,
            tau_u,
            tau_o,
            instability: 0.0,
        }
    }

    /// Imdoukh, Ahmad and Alfailakawi, "Machine learning-based auto-scaling for containerized
    /// applications", 2019, DOI 10.1007/s00521-019-04507-z.
    #[test]
    fn eta_equals_the_published_rows() {
        let baseline = four([3.29, 3.06, 57.95, 57.05]);
        for (row, published) in [
            ([0.48, 4.28, 15.85, 89.10], "1.84"),
            ([1.88, 2.62, 42.55, 57.25], "1.29"),
        ] {
            let eta = four(row).eta(&baseline).expect("no zeros");
            assert_eq!(format!("{eta:.2}"), published);
        }
    }

    #[test]
    fn eta_of_zeros() {
        for (with, without, eta) in [
            ([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], Some(1.0)),
            ([0.0, 1.0, 0.0, 1.0], [0.0, 4.0, 0.0, 4.0], Some(2.0)),
            ([0.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0], None),
            ([1.0, 1.0, 1.0, 1.0], [0.0, 1.0, 1.0, 1.0], Some(0.0)),
        ] {
            assert_eq!(
                four(with).eta(&four(without)),
                eta,
                "{with:?} against {without:?}"
            );
        }
    }

    #[test]
    fn a_small_pair_of_curves_by_hand() {
        // 0..20 s: 4 demanded, 2 there. 20..30 s: 4 and 5. 30..100 s: none demanded, 5 there.
        let got = metrics(&[(0, 4), (30, 0)], &[(0, 2.0), (20, 5.0)], 100);
        assert_eq!(got.theta_u, 20.0 * 0.5);
        assert_eq!(got.theta_o, 10.0 * 0.25 + 70.0 * 5.0);
        assert_eq!((got.tau_u, got.tau_o), (20.0, 80.0));
    }

    #[test]
    fn supply_that_equals_demand_is_perfect() {
        assert_eq!(
            metrics(
                &[(0, 4), (130, 7), (200, 0)],
                &[(0, 4.0), (130, 7.0), (200, 0.0)],
                600
            ),
            Elasticity::default()
        );
    }

    #[test]
    fn instability_compares_directions_minute_by_minute() {
        for (demand, supply, percent) in [
            // Neither moves.
            (vec![(0, 1)], vec![(0, 9.0)], 0.0),
            // Both grow within the second of five minutes.
            (vec![(0, 1), (70, 2)], vec![(0, 1.0), (110, 9.0)], 0.0),
            // Supply follows in the next minute: in both windows only one of them moves.
            (vec![(0, 1), (70, 2)], vec![(0, 1.0), (130, 2.0)], 40.0),
            // They move apart within one minute.
            (vec![(0, 2), (70, 1)], vec![(0, 1.0), (80, 2.0)], 20.0),
            // Demand is back before the minute is over.
            (vec![(0, 2), (70, 1), (90, 2)], vec![(0, 1.0)], 0.0),
            // A change at the very end of a minute belongs to it, with one just before.
            (vec![(0, 1), (120, 2)], vec![(0, 1.0), (90, 2.0)], 0.0),
        ] {
            assert_eq!(
                metrics(&demand, &supply, 300).instability,
                percent,
                "{demand:?} {supply:?}"
            );
        }
    }

    #[test]
    fn a_last_window_that_is_cut_short_counts_by_its_length() {
        assert_eq!(
            metrics(&[(0, 1), (70, 2)], &[(0, 1.0)], 75).instability,
            100.0 * 15.0 / 75.0
        );
    }

    #[test]
    fn nothing_outside_the_span_counts() {
        let got = Elasticity::of(
            &curve(&[(0, 9), (50, 1), (150, 9)]),
            &curve(&[(0, 2.0)]),
            &(seconds(50)..seconds(150)),
        );
        assert_eq!(
            (
                got.theta_u,
                got.theta_o,
                got.tau_u,
                got.tau_o,
                got.instability
            ),
            (0.0, 100.0, 0.0, 100.0, 0.0)
        );
        assert_eq!(metrics(&[(0, 1)], &[(0, 2.0)], 0), Elasticity::default());
    }

    proptest! {
        #[test]
        fn shares_of_time_are_shares(
            demand in prop::collection::vec((0_u64..900, 0_u32..9), 0..20),
            supply in prop::collection::vec((0_u64..900, 0_u32..9), 0..20),
            end in 0_u64..1_000,
        ) {
            let (mut demand, mut supply) = (demand, supply);
            demand.sort_by_key(|(at, _)| *at);
            supply.sort_by_key(|(at, _)| *at);
            let supply: Vec<(u64, f64)> = supply.into_iter().map(|(at, nodes)| (at, f64::from(nodes))).collect();
            let got = metrics(&demand, &supply, end);
            for share in [got.theta_u, got.tau_u, got.tau_o, got.instability, got.tau_u + got.tau_o] {
                prop_assert!((0.0..=100.0 + 1e-9).contains(&share), "{got:?}");
            }
            prop_assert!(got.theta_o >= 0.0);
            prop_assert_eq!(got.theta_u > 0.0, got.tau_u > 0.0);
            prop_assert_eq!(got.theta_o > 0.0, got.tau_o > 0.0);
        }
    }
}
