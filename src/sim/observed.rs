//! The work behind a recording of observations, reconstructed so that it can be replayed against
//! other capacity.
//!
//! Three curves count memory since the recording began: `released` (what containers have given
//! back), `started` = released + allocated, and `arrived` = started + pending. Where the cluster
//! served in order, the memory at level `x` arrived, started and ended when each curve passed `x`:
//! the lifetime of its containers is the horizontal distance between `started` and `released`. Over
//! all levels these distances add up to the area between both curves, the memory-time that was
//! allocated (Little's law): the reconstructed work is the observed work, exactly.

mod released;

use std::time::Duration;

use crate::observation::{Observation, Sampled};
use crate::units::Timestamp;
use released::released_mib;

/// Samples further apart than so many polls leave a gap, over which nothing is interpolated.
const GAP_POLLS: i64 = 3;

/// Why a recording cannot be replayed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ObservedError {
    #[error("{0} observations of YARN are in the recording; at least two are needed")]
    TooFew(usize),
    #[error(
        "from {from} on the recording has no count of released containers, so how long they live is unknown; assume a container lifetime"
    )]
    NoTurnover { from: Timestamp },
}

/// Arriving work, by the interval between two observations in which it came.
#[derive(Clone, Debug, PartialEq)]
pub struct ObservedLoad {
    pub(crate) start: Timestamp,
    /// The last observation, since the start.
    pub(crate) end_ms: i64,
    /// In order of arrival; no two overlap.
    pub(crate) parcels: Vec<Parcel>,
    /// Mean memory of a container.
    pub(crate) container_mib: f64,
    gaps: Vec<(Timestamp, Timestamp)>,
    knows_vcores: bool,
}

/// Memory that arrives evenly between two instants, or at once where they are equal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Parcel {
    pub from_ms: i64,
    pub span_ms: u32,
    /// Mean lifetime of its containers.
    pub lifetime_s: f32,
    pub vcores_per_mib: f32,
    pub memory_mib: f64,
}

impl Parcel {
    pub fn until_ms(&self) -> i64 {
        self.from_ms + i64::from(self.span_ms)
    }
}

impl ObservedLoad {
    /// `assumed_container_lifetime` stands in where the observations do not count released
    /// containers.
    pub fn builder(assumed_container_lifetime: Option<Duration>) -> ObservedLoadBuilder {
        ObservedLoadBuilder {
            assumed_s: assumed_container_lifetime.map(|lifetime| lifetime.as_secs_f64().max(1e-3)),
            samples: Vec::new(),
        }
    }

    #[cfg(test)]
    pub(crate) fn of_parcels(start: Timestamp, parcels: Vec<Parcel>) -> Self {
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

    /// Virtual cores were counted throughout; where they were not, containers take memory only.
    pub fn knows_vcores(&self) -> bool {
        self.knows_vcores
    }

    /// All work in mebibyte-seconds.
    pub fn work_mib_s(&self) -> f64 {
        self.parcels
            .iter()
            .map(|parcel| parcel.memory_mib * f64::from(parcel.lifetime_s))
            .sum()
    }
}

/// Takes observations one by one and keeps of each what matters here.
#[derive(Debug)]
pub struct ObservedLoadBuilder {
    assumed_s: Option<f64>,
    samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Timestamp,
    allocated_mib: f64,
    pending_mib: f64,
    /// `None` where nobody counted virtual cores.
    vcores_per_mib: Option<f32>,
    containers: u32,
    containers_pending: u32,
    released_total: Option<u64>,
}

impl ObservedLoadBuilder {
    /// Observations without YARN, and samples seen before, add nothing.
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

    /// # Errors
    /// When fewer than two samples are there, or lifetimes cannot be known.
    pub fn finish(self) -> Result<ObservedLoad, ObservedError> {
        let samples = self.samples;
        let [first, .., last] = samples[..] else {
            return Err(ObservedError::TooFew(samples.len()));
        };
        let mut steps_ms: Vec<i64> = samples
            .windows(2)
            .map(|pair| step_ms(&pair[0], &pair[1]))
            .collect();
        let middle = steps_ms.len() / 2;
        let longest_ms = GAP_POLLS.saturating_mul(*steps_ms.select_nth_unstable(middle).1);
        let mut load = ObservedLoad {
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
            Curves::of(stretch, self.assumed_s, load.container_mib)?.parcels(
                stretch,
                load.start,
                is_last,
                &mut load.parcels,
            );
        }
        Ok(load)
    }
}

fn step_ms(earlier: &Sample, later: &Sample) -> i64 {
    later.at.as_millis().saturating_sub(earlier.at.as_millis())
}

/// Over all samples; a container of 1 GiB where none was ever seen.
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

/// The cumulated memory at each sample of a stretch without gaps.
struct Curves {
    released: Vec<f64>,
    started: Vec<f64>,
    arrived: Vec<f64>,
}

impl Curves {
    fn of(
        stretch: &[Sample],
        assumed_s: Option<f64>,
        usual_container_mib: f64,
    ) -> Result<Self, ObservedError> {
        let first = stretch[0];
        let (mut released, mut arrived) = (0.0_f64, first.allocated_mib + first.pending_mib);
        let mut curves = Self {
            released: vec![released],
            started: vec![first.allocated_mib],
            arrived: vec![arrived],
        };
        for (later, mebibytes) in
            stretch[1..]
                .iter()
                .zip(released_mib(stretch, assumed_s, usual_container_mib)?)
        {
            released += mebibytes;
            let started = released + later.allocated_mib;
            // Requests that were withdrawn make demand fall; what arrives later is counted against
            // them first.
            arrived = (started + later.pending_mib).max(arrived);
            curves.released.push(released);
            curves.started.push(started);
            curves.arrived.push(arrived);
        }
        Ok(curves)
    }

    /// Cuts the arrived memory into parcels. What had not ended when the stretch ended has lived
    /// until then; what had not even started, and is not seen again after a gap, lives as long as
    /// the rest does on average.
    fn parcels(
        &self,
        stretch: &[Sample],
        start: Timestamp,
        is_last: bool,
        parcels: &mut Vec<Parcel>,
    ) {
        let times_s: Vec<f64> = stretch
            .iter()
            .map(|sample| sample.at.seconds_since(stretch[0].at))
            .collect();
        let (ends, starts) = (
            times_s[times_s.len() - 1],
            self.started[self.started.len() - 1],
        );
        let mut ended = Inverse::new(&self.released, &times_s);
        let mut begun = Inverse::new(&self.started, &times_s);
        let lived = |ended: &mut Inverse, begun: &mut Inverse, level: f64| {
            ended.area(level, ends) - begun.area(level, ends)
        };
        let mean_s = if starts > 0.0 {
            lived(
                &mut Inverse::new(&self.released, &times_s),
                &mut Inverse::new(&self.started, &times_s),
                starts,
            ) / starts
        } else {
            0.0
        };
        let (mut level, mut area) = (0.0, 0.0);
        for (index, sample) in stretch.iter().enumerate() {
            let arrived = if is_last {
                self.arrived[index]
            } else {
                self.arrived[index].min(starts)
            };
            let memory_mib = arrived - level;
            if memory_mib <= 0.0 {
                continue;
            }
            let known = lived(&mut ended, &mut begun, arrived.min(starts));
            let unknown = (arrived - level.max(starts)).max(0.0) * mean_s;
            let before = &stretch[index.saturating_sub(1)];
            parcels.push(Parcel {
                from_ms: before.at.as_millis().saturating_sub(start.as_millis()),
                span_ms: u32::try_from(step_ms(before, sample)).unwrap_or(u32::MAX),
                lifetime_s: ((known - area + unknown) / memory_mib).max(1e-3) as f32,
                vcores_per_mib: sample
                    .vcores_per_mib
                    .filter(|ratio| *ratio > 0.0)
                    .or(before.vcores_per_mib)
                    .unwrap_or(0.0),
                memory_mib,
            });
            (level, area) = (arrived, known);
        }
    }
}

/// When a growing, piecewise linear curve passes a level; asked for growing levels only.
struct Inverse<'a> {
    levels: &'a [f64],
    times_s: &'a [f64],
    index: usize,
    level: f64,
    area: f64,
}

impl<'a> Inverse<'a> {
    fn new(levels: &'a [f64], times_s: &'a [f64]) -> Self {
        // What is there from the first sample on came at time zero, and adds no area.
        Self {
            levels,
            times_s,
            index: 1,
            level: levels[0],
            area: 0.0,
        }
    }

    /// The integral of the passing times over all levels up to `level`; `beyond_s` is the time of
    /// levels that are never passed.
    fn area(&mut self, level: f64, beyond_s: f64) -> f64 {
        while self.level < level {
            if self.index == self.levels.len() {
                self.area += (level - self.level) * beyond_s;
                self.level = level;
                break;
            }
            let (low, high) = (self.levels[self.index - 1], self.levels[self.index]);
            let to = level.min(high);
            if to > self.level {
                let (from_s, until_s) = (self.times_s[self.index - 1], self.times_s[self.index]);
                let time_s = |at: f64| from_s + (until_s - from_s) * (at - low) / (high - low);
                self.area += (to - self.level) * (time_s(self.level) + time_s(to)) / 2.0;
                self.level = to;
            }
            if to == high {
                self.index += 1;
            }
        }
        self.area
    }
}

#[cfg(test)]
mod tests;
