//! Which candidates no other candidate beats, and which of them to take.

/// What a candidate is judged by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// The cost, in US dollars.
    pub cost_usd: f64,
    /// The p95 wait, in seconds.
    pub wait_s: f64,
    /// All of its work was done.
    pub finished: bool,
}

/// Those whose cost and waiting no other is better in without being worse in the other, the
/// cheapest first. Of equals the first one stays; what left work undone takes no part.
pub fn frontier(judged: &[Judged]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..judged.len())
        .filter(|index| judged[*index].finished)
        .collect();
    order.sort_by(|one, other| {
        let (one, other) = (judged[*one], judged[*other]);
        one.cost_usd
            .total_cmp(&other.cost_usd)
            .then(one.wait_s.total_cmp(&other.wait_s))
    });
    let mut least_s = f64::INFINITY;
    order.retain(|index| {
        let is_better = judged[*index].wait_s < least_s;
        least_s = least_s.min(judged[*index].wait_s);
        is_better
    });
    order
}

/// The cheapest that waits no longer than `goal_s`; where none does, the one that waits least.
/// `None` when none finished its work.
pub fn best(judged: &[Judged], goal_s: f64) -> Option<usize> {
    let frontier = frontier(judged);
    frontier
        .iter()
        .copied()
        .find(|index| judged[*index].wait_s <= goal_s)
        .or(frontier.last().copied())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judged(points: &[(f64, f64)]) -> Vec<Judged> {
        points
            .iter()
            .map(|&(cost_usd, wait_s)| Judged {
                cost_usd,
                wait_s,
                finished: true,
            })
            .collect()
    }

    #[test]
    fn the_frontier_runs_from_the_cheapest_to_the_one_that_waits_least() {
        let mut candidates = judged(&[
            (5.0, 10.0),
            (3.0, 30.0),
            (4.0, 30.0),
            (3.0, 40.0),
            (9.0, 0.0),
            (5.0, 10.0),
            (1.0, 1.0),
        ]);
        candidates[6].finished = false;
        assert_eq!(frontier(&candidates), [1, 0, 4]);
        for (goal_s, chosen) in [(60.0, 1), (29.9, 0), (5.0, 4)] {
            assert_eq!(best(&candidates, goal_s), Some(chosen), "{goal_s}");
        }
    }

    #[test]
    fn where_none_keeps_the_goal_the_one_that_waits_least_is_best() {
        assert_eq!(
            best(&judged(&[(1.0, 90.0), (2.0, 80.0), (3.0, 85.0)]), 60.0),
            Some(1)
        );
        assert_eq!(best(&[], 60.0), None);
    }

    proptest! {
        #[test]
        fn no_candidate_beats_the_frontier(points in prop::collection::vec((0.0..10.0, 0.0..10.0), 1..40)) {
            let candidates = judged(&points);
            let frontier = frontier(&candidates);
            for (index, candidate) in candidates.iter().enumerate() {
                let beats = |other: &Judged| {
                    other.cost_usd <= candidate.cost_usd && other.wait_s <= candidate.wait_s && other != candidate
                };
                prop_assert_eq!(frontier.contains(&index), !candidates.iter().any(beats), "{}", index);
            }
        }
    }
}
