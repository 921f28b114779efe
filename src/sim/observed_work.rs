//! The work that a recorded cluster served, reconstructed from its observations so that it can run
//! on other capacity.
//!
//! Three curves count memory since the recording began: `released` by containers that ended,
//! `started` = released + allocated, and `arrived` = started + pending. If the cluster served in
//! order, the memory at level `x` arrived, started and ended when each curve passed `x`, so that the
//! lifetime of its containers is the horizontal distance between `started` and `released`. Over all
//! levels these distances add up to the area between both curves, which is the memory-time that was
//! allocated (Little's law). The reconstructed work is therefore exactly the observed work.

mod curves;
mod error;
mod parcel;
mod released;
mod sample;

use std::time::Duration;

use crate::observation::{Observation, Sampled};
use crate::units::Timestamp;
use curves::Curves;
pub use error::ObservedWorkError;
pub(crate) use parcel::Parcel;
use sample::{Sample, step_ms};

/// Samples that are further apart than this many polls leave a gap, in which nothing is
/// interpolated.
const GAP_POLLS: i64 = 3;

/// Work by when it arrived: one parcel for each interval between two observations.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedWork {
    pub(crate) start: Timestamp,
    /// When the last observation was made, since the start.
    pub(crate) end_ms: i64,
    /// In order of arrival; no two overlap.
    pub(crate) parcels: Vec<Parcel>,
    /// The mean memory of a container.
    pub(crate) container_mib: f64,
    gaps: Vec<(Timestamp, Timestamp)>,
    knows_vcores: bool,
}

impl ObservedWork {
    /// Starts to read observations. `assumed_container_lifetime` is used where they do not count
    /// released containers.
    pub fn builder(assumed_container_lifetime: Option<Duration>) -> ObservedWorkBuilder {
        ObservedWorkBuilder {
            assumed_s: assumed_container_lifetime.map(|lifetime| lifetime.as_secs_f64().max(1e-3)),
            samples: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn from_parcels(start: Timestamp, parcels: Vec<Parcel>) -> Self {
        let end_ms = parcels.iter().map(Parcel::until_ms).max().unwrap_or(0);
        Self {
            start,
            end_ms,
            parcels,
            container_mib: 1_024.0,
            gaps: Vec::new(),
            knows_vcores: true,
        }
    }

    /// Spans without observations, in which no work arrives.
    pub fn gaps(&self) -> &[(Timestamp, Timestamp)] {
        &self.gaps
    }

    /// Whether all observations count virtual cores. Where they do not, containers take memory only.
    pub fn knows_vcores(&self) -> bool {
        self.knows_vcores
    }

    /// The memory-time of all work, in mebibyte-seconds.
    pub fn work_mib_s(&self) -> f64 {
        self.parcels
            .iter()
            .map(|parcel| parcel.memory_mib * f64::from(parcel.lifetime_s))
            .sum()
    }
}

/// Reads observations one by one.
#[derive(Debug)]
pub struct ObservedWorkBuilder {
    assumed_s: Option<f64>,
    samples: Vec<Sample>,
}

impl ObservedWorkBuilder {
    /// Adds an observation, unless it has no YARN metrics or the same sample as the one before.
    pub fn push(&mut self, observation: &Observation) {
        let Some(Sampled {
            value: yarn,
            measured_at: at,
        }) = observation.yarn
        else {
            return;
        };
        if self.samples.last().is_some_and(|last| last.at >= at) {
            return;
        }
        let demand_mib = yarn.memory_allocated.as_f64() + yarn.memory_pending.as_f64();
        let vcores = yarn
            .vcores_allocated
            .zip(yarn.vcores_pending)
            .map(|(allocated, pending)| (allocated + pending).as_f64());
        self.samples.push(Sample {
            at,
            allocated_mib: yarn.memory_allocated.as_f64(),
            pending_mib: yarn.memory_pending.as_f64(),
            vcores_per_mib: vcores.map(|vcores| {
                if demand_mib > 0.0 {
                    (vcores / demand_mib) as f32
                } else {
                    0.0
                }
            }),
            containers: u32::try_from(yarn.containers_allocated).unwrap_or(u32::MAX),
            containers_pending: u32::try_from(yarn.containers_pending).unwrap_or(u32::MAX),
            released_total: yarn.containers_released_total,
        });
    }

    /// Reconstructs the work.
    ///
    /// # Errors
    /// When there are fewer than two samples, or lifetimes cannot be known.
    pub fn finish(self) -> Result<ObservedWork, ObservedWorkError> {
        let samples = self.samples;
        let [first, .., last] = samples[..] else {
            return Err(ObservedWorkError::TooFew(samples.len()));
        };
        let mut steps_ms: Vec<i64> = samples
            .windows(2)
            .map(|pair| step_ms(&pair[0], &pair[1]))
            .collect();
        let middle = steps_ms.len() / 2;
        let longest_ms = GAP_POLLS.saturating_mul(*steps_ms.select_nth_unstable(middle).1);
        let mut load = ObservedWork {
            start: first.at,
            end_ms: step_ms(&first, &last),
            parcels: Vec::new(),
            container_mib: mean_container_mib(&samples),
            gaps: Vec::new(),
            knows_vcores: samples.iter().all(|sample| sample.vcores_per_mib.is_some()),
        };
        for stretch in samples.chunk_by(|earlier, later| step_ms(earlier, later) <= longest_ms) {
            if let Some(before) = samples
                .iter()
                .rev()
                .find(|sample| sample.at < stretch[0].at)
            {
                load.gaps.push((before.at, stretch[0].at));
            }
            let is_last = stretch.last().is_some_and(|end| end.at == last.at);
            Curves::new(stretch, self.assumed_s, load.container_mib)?.parcels(
                stretch,
                load.start,
                is_last,
                &mut load.parcels,
            );
        }
        Ok(load)
    }
}

/// The mean memory of a container over all samples; 1 GiB if there was no container.
fn mean_container_mib(samples: &[Sample]) -> f64 {
    let counted = samples.iter().filter(|sample| sample.containers > 0);
    let (memory, containers) = counted.fold((0.0, 0.0), |(memory, containers), sample| {
        (
            memory + sample.allocated_mib,
            containers + f64::from(sample.containers),
        )
    });
    if memory > 0.0 {
        memory / containers
    } else {
        1_024.0
    }
}

#[cfg(test)]
mod tests;
