//! The lower envelope of cost over waiting.

use super::Point;

/// The points that no other one beats, from the least waiting to the least cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Frontier<'a>(Vec<&'a Point>);

impl<'a> Frontier<'a> {
    /// The frontier of the policies that finished their work.
    pub fn of(points: impl IntoIterator<Item = &'a Point>) -> Self {
        let mut finished: Vec<&Point> = points
            .into_iter()
            .filter(|point| point.is_finished())
            .collect();
        finished.sort_by(|a, b| {
            a.wait_p95_s
                .total_cmp(&b.wait_p95_s)
                .then(a.cost_usd.total_cmp(&b.cost_usd))
        });
        let mut envelope: Vec<&Point> = Vec::new();
        for point in finished {
            if envelope
                .last()
                .is_none_or(|last| point.cost_usd < last.cost_usd)
            {
                envelope.push(point);
            }
        }
        Self(envelope)
    }

    /// The cheapest policy whose p95 wait is at most `wait_s`; `None` when no policy does.
    pub fn at(&self, wait_s: f64) -> Option<&'a Point> {
        self.0
            .iter()
            .copied()
            .take_while(|point| point.wait_p95_s <= wait_s)
            .last()
    }

    /// Waiting rises and cost falls strictly.
    pub fn points(&self) -> &[&'a Point] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn point(cost_usd: f64, wait_p95_s: f64) -> Point {
        Point {
            policy: format!("{cost_usd}/{wait_p95_s}"),
            cost_usd,
            wait_p95_s,
            peak_nodes: 1,
            unfinished_tasks: 0,
        }
    }

    #[test]
    fn the_envelope_by_hand() {
        let beaten_in_both = point(95.0, 250.0);
        let points = [
            point(100.0, 60.0),
            point(90.0, 200.0),
            beaten_in_both,
            point(100.0, 70.0),
            point(50.0, 1_000.0),
            point(120.0, 60.0),
        ];
        let frontier = Frontier::of(&points);
        let names: Vec<&str> = frontier
            .points()
            .iter()
            .map(|point| point.policy.as_str())
            .collect();
        assert_eq!(names, ["100/60", "90/200", "50/1000"]);
        for (wait_s, expected) in [
            (59.9, None),
            (60.0, Some(100.0)),
            (199.0, Some(100.0)),
            (600.0, Some(90.0)),
            (1e9, Some(50.0)),
        ] {
            assert_eq!(
                frontier.at(wait_s).map(|point| point.cost_usd),
                expected,
                "{wait_s}"
            );
        }
    }

    #[test]
    fn a_policy_that_left_work_undone_is_not_on_the_frontier() {
        let points = [
            Point {
                unfinished_tasks: 1,
                ..point(1.0, 1.0)
            },
            point(2.0, 2.0),
        ];
        assert_eq!(Frontier::of(&points).points().len(), 1);
    }

    proptest! {
        #[test]
        fn nothing_lies_below_the_envelope(figures in prop::collection::vec((1.0..100.0, 0.0..1_000.0), 1..40), wait_s in 0.0..1_000.0) {
            let points: Vec<Point> = figures.iter().map(|(cost, wait)| point(*cost, *wait)).collect();
            let cheapest = points.iter().filter(|point| point.wait_p95_s <= wait_s).map(|point| point.cost_usd).min_by(f64::total_cmp);
            prop_assert_eq!(Frontier::of(&points).at(wait_s).map(|point| point.cost_usd), cheapest);
        }
    }
}
