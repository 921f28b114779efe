//! The facts of a simulation, from which the scorecard is computed.

use std::ops::Range;
use std::time::Duration;

use crate::observation::Observation;
use crate::units::{Instances, Mebibytes, Resources, Timestamp};

/// A quantity that changes in steps: each value is in effect from its instant until the next one.
/// Instants never decrease.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepCurve<T>(pub Vec<(Timestamp, T)>);

impl<T: Copy> StepCurve<T> {
    /// The steps with their length in hours, as far as they lie in `span`; the last one lasts until
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
    /// Sets the value from `at` on; the last of several at one instant counts. A value that does not
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
    /// Sets the amount from `now_ms` on. Calls never go back in time.
    pub fn set(&mut self, memory: Mebibytes, now_ms: i64) {
        if memory != self.memory {
            self.settle(now_ms);
            self.memory = memory;
        }
    }

    /// The integral up to `end_ms`, in mebibyte-hours.
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

/// What a simulation records besides the facts that the scorecard needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// One [`SeriesPoint`] a poll.
    pub series: bool,
    /// The observations that a daemon would have journaled.
    pub observations: bool,
}

/// The facts of one simulation of one policy with one seed.
#[derive(Clone, Debug, Default)]
pub struct Run {
    /// When the work begins.
    pub start: Timestamp,
    /// When the last work was finished, or the trace ended, whichever is later. Instances are paid
    /// for until then.
    pub end: Timestamp,
    /// The simulation ended before all work had arrived and was done, because it may not last longer.
    pub is_cut_off: bool,
    /// Every instance that was ever launched, including those of groups that are not scaled.
    pub instances: Vec<InstanceLife>,
    /// Nodes of all groups that could take work, over time; draining nodes could not.
    pub supply_nodes: StepCurve<f64>,
    /// The integral of the backlog over time: memory that was requested and not yet allocated.
    pub backlog_mib_h: f64,
    /// How long work waited until it started.
    pub waits: Vec<Wait>,
    /// Finished jobs; empty for traces of observations.
    pub jobs: Vec<JobLife>,
    /// The tasks of the workload.
    pub tasks_total: u64,
    /// Tasks that ran to their end.
    pub tasks_finished: u64,
    /// Containers that were lost and started again.
    pub tasks_rerun: u64,
    /// The time that lost containers had run.
    pub lost_work: Duration,
    /// Accepted resizes.
    pub resizes: u64,
    /// Accepted resizes in the direction opposite to the one before, per group.
    pub flips: u64,
    /// One point a poll, if [`Recording::series`] is set.
    pub series: Vec<SeriesPoint>,
    /// One observation a poll, if [`Recording::observations`] is set.
    pub observations: Vec<Observation>,
}

/// The life of an instance from launch to termination, which is what is paid for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InstanceLife {
    /// Position of the group in the scenario.
    pub group: usize,
    /// When the instance was launched, from which on it is paid for.
    pub launched_at: Timestamp,
    /// `None` if the instance still ran at the end.
    pub terminated_at: Option<Timestamp>,
    /// Seconds of this life, each weighted with the allocated share of the scarcer resource.
    pub busy_s: f64,
}

/// How long work waited from the moment it could have run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait {
    /// The length of the wait.
    pub seconds: f64,
    /// The number of tasks that became ready and started at the same instants; for a fluid, the
    /// mebibytes of a parcel.
    pub weight: f64,
    /// When the wait began, in seconds since the start of the run; the earliest where several waits
    /// are merged.
    pub since_s: f64,
}

/// When a job ran, and how long it would have taken alone.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct JobLife {
    /// When the job was submitted.
    pub submitted_at: Timestamp,
    /// When its last task ended.
    pub finished_at: Timestamp,
    /// How long the job takes if none of its tasks waits.
    pub unhindered: Duration,
}

/// One row of `--series`, over all groups including the primary one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeriesPoint {
    /// When the poll was made.
    pub at: Timestamp,
    /// Instances that were requested.
    pub requested: Instances,
    /// Instances that ran.
    pub running: Instances,
    /// Resources held by containers.
    pub allocated: Resources,
    /// Resources requested by containers that wait.
    pub pending: Resources,
    /// Resources that YARN reported as its total.
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
