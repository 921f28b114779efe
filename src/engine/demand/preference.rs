//! Translates a performance index into numbers between the least cost and the least waiting.

use std::time::Duration;

use crate::policy::demand::PerformanceIndex;

/// How much waiting is worth, given a provisioning delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Preference {
    /// No units are added for work that starts within this time as running containers finish.
    pub patience: Duration,
    /// The most units to ask for per running unit: a flood is served in steps, each of which shows
    /// what is left for the next.
    pub growth: f64,
    /// How many units to provide per unit needed. Below 1, some of the work waits its turn.
    pub capacity_factor: f64,
    /// Launching a unit again costs as much as keeping an idle one for this time.
    pub price: Duration,
    /// The same where the work of applications is known.
    pub known_price: Duration,
    /// The capacity factor where the work of applications is known.
    pub known_capacity_factor: f64,
    /// Where the work is known: what a second of waiting of a task is worth, in unit-seconds.
    pub waiting_price: f64,
    /// Where the work is known: the part of the units that would be asked for otherwise which is asked
    /// for in any case.
    pub floor: f64,
}

/// The path from the least cost to the least waiting. The same for every cluster; `docs/demand.md`
/// describes how it was found. Patience falls, growth, capacity factor and price rise, so that no step asks
/// for less room.
const PATH: [Point; 18] = [
    Point {
        index: 1.0,
        patience: 1.0,
        growth: 1.5,
        capacity_factor: 0.45,
        known_capacity_factor: 0.2,
        price: 0.3,
        known_price: 0.25,
        waiting_price: 0.0001,
        floor: 0.0,
    },
    Point {
        index: 6.0,
        patience: 0.6,
        growth: 1.5,
        capacity_factor: 0.5,
        known_capacity_factor: 0.2,
        price: 0.3,
        known_price: 0.25,
        waiting_price: 0.001,
        floor: 0.0,
    },
    Point {
        index: 12.0,
        patience: 0.3,
        growth: 1.5,
        capacity_factor: 0.5,
        known_capacity_factor: 0.2,
        price: 0.4,
        known_price: 0.25,
        waiting_price: 0.01,
        floor: 0.0,
    },
    Point {
        index: 25.0,
        patience: 0.1,
        growth: 1.6,
        capacity_factor: 0.52,
        known_capacity_factor: 0.5,
        price: 0.45,
        known_price: 0.25,
        waiting_price: 0.03,
        floor: 0.0,
    },
    Point {
        index: 32.0,
        patience: 0.06,
        growth: 4.0,
        capacity_factor: 0.55,
        known_capacity_factor: 0.5,
        price: 0.5,
        known_price: 0.3,
        waiting_price: 0.1,
        floor: 0.0,
    },
    Point {
        index: 38.0,
        patience: 0.05,
        growth: 1_000.0,
        capacity_factor: 0.6,
        known_capacity_factor: 0.5,
        price: 0.55,
        known_price: 0.35,
        waiting_price: 0.3,
        floor: 0.0,
    },
    Point {
        index: 43.0,
        patience: 0.05,
        growth: 1_000.0,
        capacity_factor: 0.72,
        known_capacity_factor: 0.6,
        price: 0.6,
        known_price: 0.6,
        waiting_price: 0.6,
        floor: 0.0,
    },
    Point {
        index: 48.0,
        patience: 0.05,
        growth: 1_000.0,
        capacity_factor: 0.9,
        known_capacity_factor: 0.9,
        price: 0.8,
        known_price: 0.9,
        waiting_price: 2.0,
        floor: 0.0,
    },
    Point {
        index: 55.0,
        patience: 0.05,
        growth: 1_000.0,
        capacity_factor: 1.0,
        known_capacity_factor: 1.0,
        price: 1.5,
        known_price: 1.2,
        waiting_price: 20.0,
        floor: 0.0,
    },
    Point {
        index: 61.0,
        patience: 0.027,
        growth: 1_000.0,
        capacity_factor: 1.023,
        known_capacity_factor: 1.023,
        price: 2.06,
        known_price: 2.06,
        waiting_price: 40.0,
        floor: 1.0,
    },
    Point {
        index: 68.0,
        patience: 0.0,
        growth: 1_000.0,
        capacity_factor: 1.05,
        known_capacity_factor: 1.05,
        price: 3.0,
        known_price: 3.0,
        waiting_price: 40.0,
        floor: 1.0,
    },
    Point {
        index: 75.0,
        patience: 0.0,
        growth: 1_000.0,
        capacity_factor: 1.15,
        known_capacity_factor: 1.15,
        price: 5.5,
        known_price: 5.5,
        waiting_price: 40.0,
        floor: 1.0,
    },
    Point {
        index: 80.0,
        patience: 0.0,
        growth: 1_000.0,
        capacity_factor: 1.2,
        known_capacity_factor: 1.2,
        price: 8.0,
        known_price: 8.0,
        waiting_price: 40.0,
        floor: 1.0,
    },
    Point {
        index: 85.0,
        patience: 0.0,
        growth: 1_000.0,
        capacity_factor: 1.5,
        known_capacity_factor: 1.5,
        price: 9.5,
        known_price: 9.5,
        waiting_price: 40.0,
        floor: 1.0,
    },
    Point {
        index: 88.0,
        patience: 0.0,
        growth: 1_000.0,
        capacity_factor: 1.55,
        known_capacity_factor: 1.55,
        price: 12.0,
        known_price: 12.0,
        waiting_price: 40.0,
        floor: 1.0,
    },
    Point {
        index: 92.0,
        patience: 0.0,
        growth: 1_000.0,
        capacity_factor: 1.9,
        known_capacity_factor: 1.9,
        price: 14.0,
        known_price: 14.0,
        waiting_price: 40.0,
        floor: 1.0,
    },
    Point {
        index: 97.0,
        patience: 0.0,
        growth: 1_000.0,
        capacity_factor: 2.5,
        known_capacity_factor: 2.5,
        price: 60.0,
        known_price: 60.0,
        waiting_price: 40.0,
        floor: 1.0,
    },
    Point {
        index: 100.0,
        patience: 0.0,
        growth: 1_000.0,
        capacity_factor: 4.0,
        known_capacity_factor: 4.0,
        price: 3_000.0,
        known_price: 3_000.0,
        waiting_price: 40.0,
        floor: 1.0,
    },
];

/// One point of the path. Times are in provisioning delays.
struct Point {
    index: f64,
    patience: f64,
    growth: f64,
    capacity_factor: f64,
    known_capacity_factor: f64,
    price: f64,
    known_price: f64,
    waiting_price: f64,
    floor: f64,
}

impl Preference {
    /// The preference of an index. Between two points of the path, patience and capacity factor are
    /// interpolated linearly, growth and price exponentially.
    pub fn of(index: PerformanceIndex, provisioning: Duration) -> Self {
        let index = f64::from(index.get());
        let after = PATH
            .iter()
            .position(|point| point.index > index)
            .unwrap_or(PATH.len() - 1)
            .max(1);
        let (from, to) = (&PATH[after - 1], &PATH[after]);
        let share = (index - from.index) / (to.index - from.index);
        let between = |from: f64, to: f64| from + (to - from) * share;
        Self {
            patience: provisioning.mul_f64(between(from.patience, to.patience)),
            growth: between(from.growth.ln(), to.growth.ln()).exp(),
            capacity_factor: between(from.capacity_factor, to.capacity_factor),
            price: provisioning.mul_f64(between(from.price.ln(), to.price.ln()).exp()),
            known_capacity_factor: between(from.known_capacity_factor, to.known_capacity_factor),
            known_price: provisioning
                .mul_f64(between(from.known_price.ln(), to.known_price.ln()).exp()),
            waiting_price: between(from.waiting_price.ln(), to.waiting_price.ln()).exp(),
            floor: between(from.floor, to.floor),
        }
    }

    /// The preference where the work of applications is known, or the same where it is not.
    pub fn if_known(self, is_known: bool) -> Self {
        if !is_known {
            return self;
        }
        Self {
            capacity_factor: self.known_capacity_factor,
            price: self.known_price,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_higher_index_never_asks_for_less_room() {
        let provisioning = Duration::from_secs(400);
        let all: Vec<Preference> = (1..=100)
            .map(|index| {
                Preference::of(
                    PerformanceIndex::new(index).expect("in range"),
                    provisioning,
                )
            })
            .collect();
        assert!(all.is_sorted_by(|one, next| one.patience >= next.patience
            && one.capacity_factor <= next.capacity_factor
            && one.growth <= next.growth
            && one.price <= next.price
            && one.known_price <= next.known_price
            && one.known_capacity_factor <= next.known_capacity_factor
            && one.waiting_price <= next.waiting_price
            && one.floor <= next.floor));
        assert_eq!(
            (all[0].capacity_factor, all[99].capacity_factor),
            (0.45, 4.0)
        );
    }
}
