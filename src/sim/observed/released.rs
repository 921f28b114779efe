//! How much memory containers gave back from one sample to the next.
//!
//! YARN counts released containers, but its JMX figures are up to [`COUNT_AGE_S`] old, while those
//! of load are of this moment. So what is gone was released, told or not, and what is told of it
//! later is not counted twice; unless the counts of the next seconds say that less was released
//! than is gone: then requests were withdrawn.

use super::{ObservedError, Sample, step_ms};

/// How old a count of released containers may be: the period of Hadoop's metrics system, by
/// default.
const COUNT_AGE_S: f64 = 10.0;

/// In mebibytes, for each sample but the first. `assumed_s` is how long containers live where
/// nobody counted them.
pub(super) fn released_mib(
    stretch: &[Sample],
    assumed_s: Option<f64>,
    usual_container_mib: f64,
) -> Result<Vec<f64>, ObservedError> {
    let told: Vec<Option<u64>> = stretch
        .windows(2)
        .map(|pair| told(&pair[0], &pair[1]))
        .collect();
    // Containers that were seen to be gone and have not been told of.
    let mut untold = 0;
    let mut released = Vec::with_capacity(told.len());
    for (index, pair) in stretch.windows(2).enumerate() {
        let [earlier, later] = pair else { continue };
        let mebibytes = if let Some(count) = told[index] {
            let seen = (untold + gone(earlier, later)).saturating_sub(count);
            let still_untold = seen.min(told_soon(&stretch[index + 1..], &told[index + 1..]));
            let containers = (count + still_untold).saturating_sub(untold);
            untold = still_untold;
            containers as f64
                * (size_mib(earlier, usual_container_mib) + size_mib(later, usual_container_mib))
                / 2.0
        } else {
            untold = 0;
            let served = (earlier.allocated_mib + later.allocated_mib) / 2.0
                * step_ms(earlier, later) as f64
                / 1e3;
            assumed_s
                .map(|lifetime_s| served / lifetime_s)
                .ok_or(ObservedError::NoTurnover { from: earlier.at })?
        };
        // What is no longer allocated was released, whatever the count and the mean size say.
        released.push(mebibytes.max(earlier.allocated_mib - later.allocated_mib));
    }
    Ok(released)
}

/// What YARN told of between two samples. A count that went back began again at zero.
fn told(earlier: &Sample, later: &Sample) -> Option<u64> {
    let (before, after) = (earlier.released_total?, later.released_total?);
    Some(if after >= before {
        after - before
    } else {
        after
    })
}

/// What YARN tells of after the first of the samples, while it may still be of the time before;
/// without bound where the recording ends.
fn told_soon(samples: &[Sample], told: &[Option<u64>]) -> u64 {
    let is_late = |sample: &Sample| sample.at.seconds_since(samples[0].at) >= COUNT_AGE_S;
    let Some(late) = samples.iter().position(is_late) else {
        return u64::MAX;
    };
    told[..late]
        .iter()
        .try_fold(0, |sum: u64, count| sum.checked_add((*count)?))
        .unwrap_or(u64::MAX)
}

/// Containers that no longer run, or neither run nor wait.
fn gone(earlier: &Sample, later: &Sample) -> u64 {
    let running = |sample: &Sample| u64::from(sample.containers);
    let demand = |sample: &Sample| running(sample) + u64::from(sample.containers_pending);
    running(earlier)
        .saturating_sub(running(later))
        .max(demand(earlier).saturating_sub(demand(later)))
}

/// Mean size of the containers that run.
fn size_mib(sample: &Sample, usual_container_mib: f64) -> f64 {
    if sample.containers > 0 {
        sample.allocated_mib / f64::from(sample.containers)
    } else {
        usual_container_mib
    }
}
