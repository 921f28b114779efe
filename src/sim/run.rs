//! What one simulation leaves behind: raw facts, from which the scorecard is computed.

use std::ops::Range;
use std::time::Duration;

use crate::observation::Observation;
use crate::units::{Instances, Mebibytes, Resources, Timestamp};

/// A quantity that changes in steps: each value holds from its instant until the next one. Instants
/// never decrease.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepCurve<T>(pub Vec<(Timestamp, T)>);

impl<T: Copy> StepCurve<T> {
    /// The steps with their length in hours, as far as they lie in `span`; the last one holds to
    /// its end.
    pub fn pieces(&self, span: &Range<Timestamp>) -> impl Iterator<Item = (f64, T)> {
        let (start, end) = (span.start, span.end);
        let until = self.0.iter().skip(1).map(|(at, _)| *at).chain([end]);
        self.0.iter().zip(until).map(move |(&(from, value), to)| {
            let length = to.min(end).since(from.max(start));
            (length.as_millis() as f64 / 3_600_000.0, value)
        })
    }
}

impl<T: PartialEq> StepCurve<T> {
    /// The value from `at` on; of several at one instant the last one holds. A value that does not
    /// change adds no step.
    pub fn set(&mut self, at: Timestamp, value: T) {
        if self.0.last().is_some_and(|(last, _)| *last == at) {
            self.0.pop();
        }
        if self.0.last().is_none_or(|(_, last)| *last != value) {
            self.0.push((at, value));
        }
    }
}

/// The integral over time of an amount of memory that changes in steps, exact to the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryTime {
    mib_ms: u128,
    memory: Mebibytes,
    since_ms: i64,
}

impl MemoryTime {
    /// So much from `now_ms` on, which is never earlier than before.
    pub fn set(&mut self, memory: Mebibytes, now_ms: i64) {
        if memory != self.memory {
            self.settle(now_ms);
            self.memory = memory;
        }
    }

    /// In mebibyte-hours.
    pub fn until(mut self, end_ms: i64) -> f64 {
        self.settle(end_ms);
        self.mib_ms as f64 / 3_600_000.0
    }

    fn settle(&mut self, now_ms: i64) {
        self.mib_ms +=
            u128::from(self.memory.get()) * u128::from((now_ms - self.since_ms).unsigned_abs());
        self.since_ms = now_ms;
    }
}

/// One simulation of one policy with one seed.
#[derive(Clone, Debug, Default)]
pub struct Run {
    pub start: Timestamp,
    /// When the last work was finished, or the trace ended, whichever is later: until then
    /// instances are paid for.
    pub end: Timestamp,
    /// Every instance that was ever launched, those of fixed groups included.
    pub instances: Vec<InstanceLife>,
    /// Nodes that could take work, over time (draining ones excluded), all groups.
    pub supply_nodes: StepCurve<f64>,
    /// Memory asked for that was not yet served, times how long it waited: the integral of the
    /// backlog.
    pub backlog_mib_h: f64,
    pub waits: Vec<Wait>,
    /// One for each finished job; empty for observation traces.
    pub jobs: Vec<JobLife>,
    pub tasks_total: u64,
    pub tasks_finished: u64,
    /// Containers that were lost and started again.
    pub tasks_rerun: u64,
    /// Time that lost containers had already run.
    pub lost_work: Duration,
    /// Accepted resizes.
    pub resizes: u64,
    /// Accepted resizes in the direction opposite to the one before, per group.
    pub flips: u64,
    /// Only filled when a series was asked for.
    pub series: Vec<SeriesPoint>,
    /// What a daemon would have journaled at each poll; only filled when asked for.
    pub observations: Vec<Observation>,
}

/// From launch to termination: what is paid for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceLife {
    /// Position of the group in the scenario.
    pub group: usize,
    pub launched_at: Timestamp,
    /// `None` when it was still there at the end.
    pub terminated_at: Option<Timestamp>,
    /// Seconds of this life that were used, weighting each instant with the allocated share of the
    /// scarcer resource.
    pub busy_s: f64,
}

/// How long work waited from the moment it could have run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait {
    pub seconds: f64,
    /// 1 for each task that became ready and started at the same instants; arriving mebibytes for a
    /// fluid parcel.
    pub weight: f64,
    /// When it began, in seconds since the start of the run; of several that are one, the first.
    pub since_s: f64,
}

/// One job, for its slowdown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobLife {
    pub submitted_at: Timestamp,
    pub finished_at: Timestamp,
    /// How long the job takes when nothing waits.
    pub unhindered: Duration,
}

/// One line of `--series`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesPoint {
    pub at: Timestamp,
    pub requested: Instances,
    pub running: Instances,
    pub allocated: Resources,
    pub pending: Resources,
    pub total: Resources,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_integrated_over_its_steps_to_the_end() {
        let mut backlog = MemoryTime::default();
        for (mib, minute) in [(0, 0), (2_048, 15), (2_048, 20), (0, 30), (512, 45)] {
            backlog.set(Mebibytes(mib), minute * 60_000);
        }
        assert_eq!(backlog.until(3_600_000), 512.0 + 128.0);
    }
}
