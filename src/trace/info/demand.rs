//! Demand over time, computed in one pass over the records.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use crate::trace::Job;
use crate::units::{Mebibytes, Resources, VirtualCores};

/// The resolution of a curve: many times the columns of a wide terminal.
const CELLS: usize = 2048;

/// Computes the demand of jobs if nothing waited: every task starts as soon as its stage is ready, and a
/// step of EMR when the one before it has ended.
///
/// Jobs are added in order of submission, so everything before the latest submission is final, and
/// only tasks that end later are kept in memory.
#[derive(Default)]
pub(super) struct Sweep {
    pub curve: Curve,
    /// Future changes of the demand: time (ms), memory (MiB) and vcores. Of changes at the same
    /// instant, decreases come first.
    changes: BinaryHeap<Reverse<(u64, i128, i128)>>,
    now_ms: u64,
    memory_mib: i128,
    vcores: i128,
    peak: Resources,
    /// When the last step of EMR ends.
    steps_end_ms: u64,
}

impl Sweep {
    pub fn add(&mut self, job: &Job) {
        let submit_ms = millis(job.submit);
        self.settle(submit_ms);
        let start_ms = if job.is_step {
            submit_ms.max(self.steps_end_ms)
        } else {
            submit_ms
        };
        let mut stage_ends: Vec<u64> = Vec::with_capacity(job.stages.len());
        for stage in &job.stages {
            let ready_ms = stage
                .after
                .iter()
                .filter_map(|before| stage_ends.get(*before as usize))
                .copied()
                .max()
                .unwrap_or(start_ms);
            let mut stage_end = ready_ms;
            for run in &stage.tasks {
                let end_ms = ready_ms.saturating_add(millis(run.duration));
                self.change(ready_ms, end_ms, run.count, stage.each());
                stage_end = stage_end.max(end_ms);
            }
            stage_ends.push(stage_end);
        }
        let end_ms = stage_ends.into_iter().max().unwrap_or(start_ms);
        if job.is_step {
            self.steps_end_ms = end_ms;
        }
        if let Some(master) = job.application_master {
            self.change(start_ms, end_ms, 1, master);
        }
    }

    /// The curve of memory in MiB, the highest demand, and the end of the last task.
    pub fn finish(mut self) -> (Curve, Resources, Duration) {
        self.settle(u64::MAX);
        (self.curve, self.peak, Duration::from_millis(self.now_ms))
    }

    fn change(&mut self, from_ms: u64, to_ms: u64, count: u32, each: Resources) {
        let memory = i128::from(each.memory.get()) * i128::from(count);
        let vcores = i128::from(each.vcores.get()) * i128::from(count);
        self.changes.push(Reverse((from_ms, memory, vcores)));
        self.changes.push(Reverse((to_ms, -memory, -vcores)));
    }

    /// Applies all changes before `until_ms` to the curve.
    fn settle(&mut self, until_ms: u64) {
        while let Some(Reverse((at_ms, memory_mib, vcores))) = self
            .changes
            .peek()
            .copied()
            .filter(|Reverse(change)| change.0 < until_ms)
        {
            self.changes.pop();
            self.curve.add(
                Duration::from_millis(self.now_ms),
                Duration::from_millis(at_ms),
                self.memory_mib as f64,
            );
            self.now_ms = at_ms;
            self.memory_mib += memory_mib;
            self.vcores += vcores;
            self.peak = most_of_each(self.peak, resources(self.memory_mib, self.vcores));
        }
    }
}

/// The mean of a quantity over equal cells of time. When a time lies past the last cell, each two
/// cells are joined to one, so any span fits.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    cell_ms: u64,
    cells: Vec<Cell>,
    end_ms: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Cell {
    /// The integral of the quantity over the known milliseconds.
    sum: f64,
    /// The milliseconds of the cell for which the quantity is known.
    known_ms: f64,
}

impl Default for Curve {
    fn default() -> Self {
        Self {
            cell_ms: 1,
            cells: vec![Cell::default(); CELLS],
            end_ms: 0,
        }
    }
}

impl Curve {
    /// Adds that the quantity was `value` between two times since the start.
    pub fn add(&mut self, from: Duration, to: Duration, value: f64) {
        let (from_ms, to_ms) = (millis(from), millis(to));
        if from_ms >= to_ms {
            return;
        }
        self.end_ms = self.end_ms.max(to_ms);
        while (to_ms - 1) / self.cell_ms >= CELLS as u64 {
            self.widen();
        }
        for position in from_ms / self.cell_ms..=(to_ms - 1) / self.cell_ms {
            let cell_start = position * self.cell_ms;
            let known_ms = (to_ms.min(cell_start.saturating_add(self.cell_ms))
                - from_ms.max(cell_start)) as f64;
            let cell = &mut self.cells[position as usize];
            cell.sum += value * known_ms;
            cell.known_ms += known_ms;
        }
    }

    /// The end of the last time that is known.
    pub fn end(&self) -> Duration {
        Duration::from_millis(self.end_ms)
    }

    /// The mean over each of `columns` equal parts of the whole span; `None` where the quantity is
    /// unknown.
    pub fn columns(&self, columns: usize) -> Vec<Option<f64>> {
        let mut coarse = vec![Cell::default(); columns];
        let used = self.end_ms.div_ceil(self.cell_ms).max(1);
        for (position, cell) in self.cells.iter().enumerate().take(used as usize) {
            // A cell wider than a column fills all columns that it touches.
            let first = position * columns / used as usize;
            let last = (((position + 1) * columns).div_ceil(used as usize)).max(first + 1);
            let touched = if used as usize >= columns {
                first..first + 1
            } else {
                first..last.min(columns)
            };
            for column in &mut coarse[touched] {
                column.sum += cell.sum;
                column.known_ms += cell.known_ms;
            }
        }
        coarse
            .iter()
            .map(|cell| (cell.known_ms > 0.0).then(|| cell.sum / cell.known_ms))
            .collect()
    }

    fn widen(&mut self) {
        for position in 0..CELLS / 2 {
            let (left, right) = (self.cells[2 * position], self.cells[2 * position + 1]);
            self.cells[position] = Cell {
                sum: left.sum + right.sum,
                known_ms: left.known_ms + right.known_ms,
            };
        }
        self.cells[CELLS / 2..].fill(Cell::default());
        self.cell_ms *= 2;
    }
}

/// The larger memory and the larger vcores of the two.
pub(super) fn most_of_each(a: Resources, b: Resources) -> Resources {
    Resources {
        memory: a.memory.max(b.memory),
        vcores: a.vcores.max(b.vcores),
    }
}

/// The sums as resources; sums below zero count as zero.
fn resources(memory_mib: i128, vcores: i128) -> Resources {
    let clamp = |amount: i128| u64::try_from(amount.max(0)).unwrap_or(u64::MAX);
    Resources {
        memory: Mebibytes(clamp(memory_mib)),
        vcores: VirtualCores(clamp(vcores)),
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(amount: u64) -> Duration {
        Duration::from_secs(amount)
    }

    #[test]
    fn a_curve_keeps_its_integral_over_any_span() {
        let mut curve = Curve::default();
        curve.add(seconds(0), seconds(10), 4.0);
        curve.add(seconds(10), seconds(1_000_000), 1.0);
        let integral: f64 = curve.cells.iter().map(|cell| cell.sum).sum();
        assert_eq!(integral, (40.0 + 999_990.0) * 1e3);
    }

    #[test]
    fn columns_are_means_and_unknown_where_nothing_was_seen() {
        let mut curve = Curve::default();
        curve.add(seconds(0), seconds(1024), 2.0);
        curve.add(seconds(3 * 1024), seconds(4 * 1024), 6.0);
        assert_eq!(curve.columns(4), [Some(2.0), None, None, Some(6.0)]);
        assert_eq!(curve.columns(2), [Some(2.0), Some(6.0)]);
    }

    #[test]
    fn a_short_curve_fills_wide_pictures() {
        let mut curve = Curve::default();
        curve.add(Duration::ZERO, Duration::from_millis(2), 5.0);
        assert_eq!(curve.columns(5), [Some(5.0); 5]);
    }
}
