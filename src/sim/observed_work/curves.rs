//! The cumulative curves of a recording, and the parcels between them.

use super::error::ObservedWorkError;
use super::parcel::Parcel;
use super::released::released_mib;
use super::sample::{Sample, step_ms};
use crate::units::Timestamp;

/// The cumulative memory at each sample of a stretch without gaps.
pub(super) struct Curves {
    released: Vec<f64>,
    started: Vec<f64>,
    arrived: Vec<f64>,
}

impl Curves {
    /// Counts the memory that was released, started and arrived in a stretch.
    ///
    /// # Errors
    /// When the lifetime of containers is unknown.
    pub fn new(
        stretch: &[Sample],
        assumed_s: Option<f64>,
        usual_container_mib: f64,
    ) -> Result<Self, ObservedWorkError> {
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

    /// Adds a parcel for each interval in which memory arrived. Memory that had not ended when the
    /// stretch ended has lived until then. Memory that had not started either, and is not observed
    /// again after a gap, lives as long as the rest does on average.
    pub fn parcels(
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
        let started_mib = self.started[self.started.len() - 1];
        let mean_s = if started_mib > 0.0 {
            Lifetimes::new(self, &times_s).up_to(started_mib) / started_mib
        } else {
            0.0
        };
        let mut lifetimes = Lifetimes::new(self, &times_s);
        let (mut level, mut area) = (0.0, 0.0);
        for (index, sample) in stretch.iter().enumerate() {
            let arrived = if is_last {
                self.arrived[index]
            } else {
                self.arrived[index].min(started_mib)
            };
            let memory_mib = arrived - level;
            if memory_mib <= 0.0 {
                continue;
            }
            let known = lifetimes.up_to(arrived.min(started_mib));
            let unknown = (arrived - level.max(started_mib)).max(0.0) * mean_s;
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

/// The memory-time between the curves of what started and what was released.
struct Lifetimes<'a> {
    released: Inverse<'a>,
    started: Inverse<'a>,
    end_s: f64,
}

impl<'a> Lifetimes<'a> {
    fn new(curves: &'a Curves, times_s: &'a [f64]) -> Self {
        Self {
            released: Inverse::new(&curves.released, times_s),
            started: Inverse::new(&curves.started, times_s),
            end_s: times_s[times_s.len() - 1],
        }
    }

    /// The memory-time below a level, in mebibyte-seconds. Levels must not decrease.
    fn up_to(&mut self, level: f64) -> f64 {
        self.released.area(level, self.end_s) - self.started.area(level, self.end_s)
    }
}

/// The instants at which a growing, piecewise linear curve passes a level. Levels must not decrease.
struct Inverse<'a> {
    levels: &'a [f64],
    times_s: &'a [f64],
    index: usize,
    level: f64,
    area: f64,
}

impl<'a> Inverse<'a> {
    fn new(levels: &'a [f64], times_s: &'a [f64]) -> Self {
        // Memory of the first sample arrived at time zero, and adds no area.
        Self {
            levels,
            times_s,
            index: 1,
            level: levels[0],
            area: 0.0,
        }
    }

    /// The integral of the instants over all levels up to `level`; `beyond_s` is the instant of
    /// levels that the curve never passes.
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
