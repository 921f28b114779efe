//! How much memory containers gave back from one sample to the next.
//!
//! YARN counts released containers, but its JMX figures are up to [`COUNT_AGE_S`] old (the period of Hadoop's metrics system), while those of
//! load are of this moment. So what is gone was released, told or not, and what is told of it later is not counted twice; unless the counts of
//! the next seconds say that less was released than is gone: then requests were withdrawn.

use super::{ObservedError, Sample, step_ms};

/// How old a count of released containers may be: Hadoop's default period.
const COUNT_AGE_S: f64 = 10.0;

/// In mebibytes, for each sample but the first. `assumed_s` is how long containers live where nobody counted them.
pub(super) fn released_mib(stretch: &[Sample], assumed_s: Option<f64>, usual_container_mib: f64) -> Result<Vec<f64>, ObservedError> {
    let told: Vec<Option<u64>> = stretch.windows(2).map(|pair| told(&pair[0], &pair[1])).collect();
    let mut ahead = 0;
    let mut released = Vec::with_capacity(told.len());
    for (index, pair) in stretch.windows(2).enumerate() {
        let [earlier, later] = pair else { continue };
        let fall = Fall::between(earlier, later);
        let mebibytes = match told[index] {
            Some(count) => {
                let seen = (ahead + fall.containers).saturating_sub(count).min(told_soon(&stretch[index + 1..], &told[index + 1..]));
                let containers = (count + seen).saturating_sub(ahead);
                ahead = seen;
                fall.memory_of(containers, (size(earlier, usual_container_mib) + size(later, usual_container_mib)) / 2.0)
            }
            None => {
                ahead = 0;
                let served = (earlier.allocated_mib + later.allocated_mib) / 2.0 * step_ms(earlier, later) as f64 / 1e3;
                assumed_s.map(|lifetime_s| served / lifetime_s).ok_or(ObservedError::NoTurnover { from: earlier.at })?
            }
        };
        // What is no longer allocated was released, whatever count and size say.
        released.push(mebibytes.max(earlier.allocated_mib - later.allocated_mib));
    }
    Ok(released)
}

/// What YARN told of between two samples. A count that went back began again at zero.
fn told(earlier: &Sample, later: &Sample) -> Option<u64> {
    let (before, after) = (earlier.released_total?, later.released_total?);
    Some(if after >= before { after - before } else { after })
}

/// What YARN tells of after the first sample while it may still be of the time before; without bound where the recording ends.
fn told_soon(samples: &[Sample], told: &[Option<u64>]) -> u64 {
    let is_late = |sample: &Sample| sample.at.seconds_since(samples[0].at) >= COUNT_AGE_S;
    let Some(last) = samples.iter().position(is_late) else { return u64::MAX };
    told[..last].iter().try_fold(0, |sum: u64, count| sum.checked_add((*count)?)).unwrap_or(u64::MAX)
}

/// Mean size of the containers that run.
fn size(sample: &Sample, usual_container_mib: f64) -> f64 {
    if sample.containers > 0 { sample.allocated_mib / f64::from(sample.containers) } else { usual_container_mib }
}

/// What is gone from one sample to the next: of what was allocated, or of that and what waited, whichever is more.
struct Fall {
    containers: u64,
    memory_mib: f64,
}

impl Fall {
    fn between(earlier: &Sample, later: &Sample) -> Self {
        let containers = |sample: &Sample| u64::from(sample.containers);
        let demand = |sample: &Sample| containers(sample) + u64::from(sample.containers_pending);
        let demand_mib = |sample: &Sample| sample.allocated_mib + sample.pending_mib;
        Self {
            containers: containers(earlier).saturating_sub(containers(later)).max(demand(earlier).saturating_sub(demand(later))),
            memory_mib: (earlier.allocated_mib - later.allocated_mib).max(demand_mib(earlier) - demand_mib(later)).max(0.0),
        }
    }

    /// Of so many released containers: those that are gone took what is gone, and others the mean size.
    fn memory_of(&self, containers: u64, mean_mib: f64) -> f64 {
        let gone = self.containers.min(containers);
        let share = if self.containers > 0 { gone as f64 / self.containers as f64 } else { 0.0 };
        self.memory_mib * share + (containers - gone) as f64 * mean_mib
    }
}
