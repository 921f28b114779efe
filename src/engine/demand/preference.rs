//! What a performance index means: three numbers between the least cost and the least waiting.

use std::time::Duration;

use crate::policy::demand::PerformanceIndex;

/// How much waiting is worth, for one provisioning delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preference {
    /// What finishing containers make room for within this time is not grown for.
    pub patience: Duration,
    /// Units to have for each unit needed. Below 1, some of the work takes turns.
    pub headroom: f64,
    /// Getting a unit again costs as much as keeping an idle one for this time.
    pub price: Duration,
}

/// The path from the least cost to the least waiting: index, patience in provisioning delays, headroom, price in provisioning delays. The same
/// for every cluster; `docs/demand.md` tells how it was found. Patience falls, headroom and price rise, so that no step asks for less room.
const PATH: [(f64, f64, f64, f64); 5] =
    [(1.0, 1.0, 0.5, 0.15), (25.0, 0.6, 0.6, 0.25), (50.0, 0.3, 0.85, 1.0), (75.0, 0.15, 1.1, 4.0), (100.0, 0.0, 1.4, 750.0)];

impl Preference {
    /// Between two points of the path, patience and headroom are linear and the price is exponential.
    pub fn of(index: PerformanceIndex, provisioning: Duration) -> Self {
        let index = f64::from(index.get());
        let after = PATH.iter().position(|point| point.0 > index).unwrap_or(PATH.len() - 1).max(1);
        let (from, to) = (PATH[after - 1], PATH[after]);
        let share = (index - from.0) / (to.0 - from.0);
        let between = |from: f64, to: f64| from + (to - from) * share;
        let price = between(from.3.ln(), to.3.ln()).exp();
        Self { patience: provisioning.mul_f64(between(from.1, to.1)), headroom: between(from.2, to.2), price: provisioning.mul_f64(price) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_index_never_asks_for_less_room() {
        let provisioning = Duration::from_secs(400);
        let all: Vec<Preference> =
            (1..=100).map(|index| Preference::of(PerformanceIndex::new(index).expect("in range"), provisioning)).collect();
        assert!(all.is_sorted_by(|one, next| one.patience >= next.patience && one.headroom <= next.headroom && one.price <= next.price));
        assert_eq!((all[0].headroom, all[99].headroom), (PATH[0].2, PATH[4].2));
    }
}
