//! Groups metrics into calls.

use std::time::Duration;

use super::api::{POINTS_MAX, QUERIES_MAX};
use crate::observation::{MetricId, Sampled};
use crate::units::Timestamp;

/// Points of this period and longer ones are kept for days. Shorter ones are kept for
/// [`HIGH_RESOLUTION_KEPT`], and a call that begins earlier gets none.
const STANDARD_PERIOD: Duration = Duration::from_secs(60);
const HIGH_RESOLUTION_KEPT: Duration = Duration::from_secs(3 * 3_600);

/// A metric that may have a new period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    pub metric: MetricId,
    pub period: Duration,
    /// The end of a period, as is `to`.
    pub from: Timestamp,
    pub to: Timestamp,
}

impl Due {
    /// Converts a point, if its period has ended and passed its delay. It counts as measured at the
    /// end of the period.
    pub fn sample(&self, (begin, value): (Timestamp, f64)) -> Option<Sampled<f64>> {
        let measured_at = begin + self.period;
        (measured_at <= self.to).then_some(Sampled { value, measured_at })
    }
}

/// One call, for all its metrics over one span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub due: Vec<Due>,
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Groups metrics into as few calls as possible. Each call begins at the beginning of a period of
/// each of its metrics, because CloudWatch counts periods from there. It requests at most the points
/// of one page, and reaches back only as far as its shortest period is kept.
pub(super) fn batches(mut due: Vec<Due>, now: Timestamp) -> Vec<Batch> {
    due.sort_by_key(|due| due.period);
    let mut batches: Vec<Batch> = Vec::new();
    for due in due {
        match batches
            .iter_mut()
            .find_map(|batch| Some((batch.span_with(&due, now)?, batch)))
        {
            Some(((from, to), batch)) => {
                (batch.from, batch.to) = (from, to);
                batch.due.push(due);
            }
            None => batches.push(Batch {
                from: due.from,
                to: due.to,
                due: vec![due],
            }),
        }
    }
    batches
}

impl Batch {
    /// The span of the call with this metric, whose period is at least the longest so far; `None` if
    /// it does not fit.
    fn span_with(&self, due: &Due, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let (shortest, longest) = (self.due.first()?.period, self.due.last()?.period);
        let (from, to) = (
            self.from.min(due.from).floor(due.period),
            self.to.max(due.to),
        );
        let points =
            to.since(from).as_millis() / shortest.as_millis().max(1) * (self.due.len() as u128 + 1);
        let fits = self.due.len() < QUERIES_MAX
            && i64::try_from(points).is_ok_and(|points| points <= POINTS_MAX);
        let divides = due
            .period
            .as_millis()
            .is_multiple_of(longest.as_millis().max(1));
        let is_kept = shortest >= STANDARD_PERIOD || now.since(from) <= HIGH_RESOLUTION_KEPT;
        (fits && divides && is_kept).then_some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_793_534_400_000);

    fn due(period_s: u64, delay_s: u64) -> Due {
        let period = Duration::from_secs(period_s);
        let to = (NOW - Duration::from_secs(delay_s)).floor(period);
        Due {
            metric: MetricId::new(format!("every-{period_s}")),
            period,
            from: to - period * 2,
            to,
        }
    }

    /// The periods of each call, in seconds.
    fn calls(periods_s: &[u64]) -> Vec<Vec<u64>> {
        let made = batches(
            periods_s
                .iter()
                .map(|period_s| due(*period_s, 60))
                .collect(),
            NOW,
        );
        made.iter()
            .map(|batch| batch.due.iter().map(|due| due.period.as_secs()).collect())
            .collect()
    }

    #[test]
    fn metrics_share_a_call_unless_their_periods_do_not_fit_together() {
        for (periods_s, expected) in [
            (&[300, 60, 300, 3_600][..], vec![vec![60, 300, 300, 3_600]]),
            (&[60, 86_400], vec![vec![60, 86_400]]),
            (&[120, 180, 360], vec![vec![120, 360], vec![180]]),
            (
                &[1, 60, 3_600, 7_200],
                vec![vec![1, 60, 3_600], vec![7_200]],
            ),
            (&[20, 30, 60], vec![vec![20, 60], vec![30]]),
        ] {
            assert_eq!(calls(periods_s), expected, "{periods_s:?}");
        }
    }

    proptest! {
        #[test]
        fn every_metric_is_asked_for_once_over_its_whole_span_from_the_beginning_of_a_period(
            dues in prop::collection::vec((prop::sample::select(vec![1, 5, 10, 20, 30, 60, 120, 300, 420, 3_600, 86_400]), 0_u64..900), 0..40)
        ) {
            let dues: Vec<Due> = dues.into_iter().map(|(period_s, delay_s)| due(period_s, delay_s)).collect();
            let made = batches(dues.clone(), NOW);
            prop_assert_eq!(made.iter().map(|batch| batch.due.len()).sum::<usize>(), dues.len());
            for batch in &made {
                let points: u128 = batch.due.iter().map(|due| batch.to.since(batch.from).as_millis() / due.period.as_millis()).sum();
                prop_assert!(points <= POINTS_MAX as u128);
                for due in &batch.due {
                    prop_assert!(dues.contains(due));
                    prop_assert!(batch.from <= due.from && due.to <= batch.to);
                    prop_assert_eq!(batch.from.floor(due.period), batch.from);
                    prop_assert!(due.period >= STANDARD_PERIOD || NOW.since(batch.from) <= HIGH_RESOLUTION_KEPT);
                }
            }
        }
    }
}
