//! The finished tasks of a stage, in a few bytes each: a log of 5 GB has some ten million.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::import::gather::{push_run, run_lengths};
use crate::trace::TaskRun;

/// The first successful attempt of each task of a stage.
#[derive(Default)]
pub struct Finished {
    /// Which tasks have finished: a bit for each, 64 tasks to an entry.
    seen: BTreeMap<(i64, i64), u64>,
    /// The id, which gives the order of the launch, and the milliseconds of each task.
    launched: Vec<(u32, u32)>,
    /// Those that do not fit.
    unusual: Vec<(i64, u64)>,
    /// Those of which only the number is known: however many they are, a few bytes.
    equal: Vec<TaskRun>,
}

impl Finished {
    /// Whether no task has finished.
    pub fn is_empty(&self) -> bool {
        self.launched.is_empty() && self.unusual.is_empty() && self.equal.is_empty()
    }

    /// Adds a task: the attempt of the stage whose count `index` is from, and how long it took.
    /// Returns whether it is the first of this index.
    pub fn add(&mut self, (attempt, index): (i64, i64), task_id: i64, duration: Duration) -> bool {
        let bits = self.seen.entry((attempt, index >> 6)).or_default();
        let bit = 1 << (index & 63);
        if *bits & bit != 0 {
            return false;
        }
        *bits |= bit;
        let milliseconds = duration.as_millis();
        match (u32::try_from(task_id), u32::try_from(milliseconds)) {
            (Ok(id), Ok(milliseconds)) => self.launched.push((id, milliseconds)),
            _ => {
                let milliseconds = u64::try_from(milliseconds).unwrap_or(u64::MAX);
                self.unusual.push((task_id, milliseconds));
            }
        }
        true
    }

    /// Adds tasks of equal length, which are launched after all others.
    pub fn add_equal(&mut self, run: TaskRun) {
        if run.count > 0 {
            push_run(&mut self.equal, run);
        }
    }

    /// The durations in the order of the launch.
    pub fn runs(self) -> Vec<TaskRun> {
        let Self {
            seen,
            mut launched,
            mut unusual,
            equal,
        } = self;
        drop(seen);
        let mut runs = if unusual.is_empty() {
            launched.sort_unstable_by_key(|(id, _)| *id);
            let all = launched.into_iter().map(|(_, ms)| u64::from(ms));
            run_lengths(all.map(Duration::from_millis))
        } else {
            let usual = launched.into_iter();
            unusual.extend(usual.map(|(id, ms)| (i64::from(id), u64::from(ms))));
            unusual.sort_by_key(|(id, _)| *id);
            run_lengths(unusual.into_iter().map(|(_, ms)| Duration::from_millis(ms)))
        };
        equal.into_iter().for_each(|run| push_run(&mut runs, run));
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_index_of_an_attempt_counts_once_whatever_its_size() {
        let mut finished = Finished::default();
        for index in [0, 63, 64, -1, i64::MAX, i64::MIN] {
            assert!(finished.add((0, index), index, SECOND), "{index}");
            assert!(!finished.add((0, index), index, SECOND), "{index} again");
        }
        assert!(finished.add((1, 0), 0, SECOND), "of another attempt");
        let counts: Vec<u32> = finished.runs().iter().map(|run| run.count).collect();
        assert_eq!(counts, [7]);
    }

    #[test]
    fn equal_tasks_are_launched_after_the_others() {
        let mut finished = Finished::default();
        let equal = |count, seconds| TaskRun {
            count,
            duration: SECOND * seconds,
        };
        finished.add_equal(equal(0, 9));
        assert!(finished.is_empty());
        finished.add_equal(equal(4_000_000_000, 1));
        finished.add((0, 0), 5, SECOND);
        assert_eq!(finished.runs(), [equal(4_000_000_001, 1)]);
    }

    #[test]
    fn tasks_are_in_the_order_of_their_launch() {
        for unusual in [SECOND, Duration::from_secs(100 * 86_400)] {
            let mut finished = Finished::default();
            finished.add((0, 0), 7, SECOND * 3);
            finished.add((0, 1), 5, unusual);
            finished.add((0, 2), 6, SECOND * 2);
            let durations: Vec<Duration> = finished.runs().iter().map(|run| run.duration).collect();
            assert_eq!(durations, [unusual, SECOND * 2, SECOND * 3]);
        }
    }
}
