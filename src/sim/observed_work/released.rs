//! The memory that containers released from one sample to the next.
//!
//! YARN counts released containers, but over JMX the count is up to [`COUNT_AGE_S`] old, while the
//! load is current. Containers that are gone from the load count as released at once, and are
//! subtracted from the count when it reports them later. If the counts of the next seconds report
//! fewer than are gone, the rest were requests that were withdrawn.

use super::error::ObservedWorkError;
use super::sample::{Sample, step_ms};

/// How old a count of released containers may be: the period of Hadoop's metrics system, by
/// default.
const COUNT_AGE_S: f64 = 10.0;

/// The released memory in mebibytes, for each sample but the first. `assumed_s` is the lifetime of
/// containers where they are not counted.
///
/// # Errors
/// When containers are not counted and no lifetime is assumed.
pub(super) fn released_mib(
    stretch: &[Sample],
    assumed_s: Option<f64>,
    usual_container_mib: f64,
) -> Result<Vec<f64>, ObservedWorkError> {
    let counts: Vec<Option<u64>> = stretch
        .windows(2)
        .map(|pair| counted(&pair[0], &pair[1]))
        .collect();
    // Containers that are gone and not counted yet.
    let mut uncounted = 0;
    let mut released = Vec::with_capacity(counts.len());
    for (index, pair) in stretch.windows(2).enumerate() {
        let [earlier, later] = pair else { continue };
        let mebibytes = if let Some(count) = counts[index] {
            let seen = (uncounted + gone(earlier, later)).saturating_sub(count);
            let soon = counted_soon(&stretch[index + 1..], &counts[index + 1..]);
            let still_uncounted = seen.min(soon);
            let containers = (count + still_uncounted).saturating_sub(uncounted);
            uncounted = still_uncounted;
            containers as f64
                * (size_mib(earlier, usual_container_mib) + size_mib(later, usual_container_mib))
                / 2.0
        } else {
            uncounted = 0;
            let served = (earlier.allocated_mib + later.allocated_mib) / 2.0
                * step_ms(earlier, later) as f64
                / 1e3;
            assumed_s
                .map(|lifetime_s| served / lifetime_s)
                .ok_or(ObservedWorkError::NoTurnover { from: earlier.at })?
        };
        // Memory that is no longer allocated was released, whatever the count and mean size say.
        released.push(mebibytes.max(earlier.allocated_mib - later.allocated_mib));
    }
    Ok(released)
}

/// The containers that YARN counted between two samples. A count that decreased began again at zero.
fn counted(earlier: &Sample, later: &Sample) -> Option<u64> {
    let (before, after) = (earlier.released_total?, later.released_total?);
    Some(if after >= before {
        after - before
    } else {
        after
    })
}

/// The containers that YARN counts after the first of the samples, while the count may still be of
/// the time before; without limit where the recording ends.
fn counted_soon(samples: &[Sample], counts: &[Option<u64>]) -> u64 {
    let is_late = |sample: &Sample| sample.at.seconds_since(samples[0].at) >= COUNT_AGE_S;
    let Some(late) = samples.iter().position(is_late) else {
        return u64::MAX;
    };
    counts[..late]
        .iter()
        .try_fold(0, |sum: u64, count| sum.checked_add((*count)?))
        .unwrap_or(u64::MAX)
}

/// The number of containers that no longer run, or neither run nor wait.
fn gone(earlier: &Sample, later: &Sample) -> u64 {
    let (before, after) = (u64::from(earlier.containers), u64::from(later.containers));
    let demand_before = before + u64::from(earlier.containers_pending);
    let demand_after = after + u64::from(later.containers_pending);
    before
        .saturating_sub(after)
        .max(demand_before.saturating_sub(demand_after))
}

/// The mean size of the containers that run.
fn size_mib(sample: &Sample, usual_container_mib: f64) -> f64 {
    if sample.containers > 0 {
        sample.allocated_mib / f64::from(sample.containers)
    } else {
        usual_container_mib
    }
}
