//! How many executors an application asks for: Spark's `ExecutorAllocationManager`.

use crate::sim::job_work::EXECUTORS_MAX;
use crate::trace::{DynamicAllocation, ExecutorAllocation};

/// How long tasks wait until more executors are requested (`schedulerBacklogTimeout`), and the time
/// between one request and the next.
const BACKLOG_MS: i64 = 1_000;

/// The number of executors of one resource profile that an application wants.
#[derive(Clone, Copy, Debug)]
pub struct Allocation {
    settings: ExecutorAllocation,
    target: u32,
    /// How many executors the next request adds: 1, 2, 4, and so on.
    to_add: u32,
    /// When the next request is due; `None` while no task waits.
    add_at_ms: Option<i64>,
    /// Whether the executors of the start are kept, because no stage was submitted yet.
    is_initial: bool,
}

/// The most executors that are requested at once. Where nothing waits, an application without a limit
/// would have one for each task.
fn most(settings: DynamicAllocation) -> u32 {
    settings
        .max
        .map_or(EXECUTORS_MAX, |max| max.min(EXECUTORS_MAX))
}

impl Allocation {
    /// The allocation when the driver starts.
    pub fn new(settings: ExecutorAllocation) -> Self {
        let target = match settings {
            ExecutorAllocation::Fixed(count) => count,
            ExecutorAllocation::Dynamic(dynamic) => {
                let at_most = most(dynamic);
                dynamic.initial.max(dynamic.min).min(at_most)
            }
        };
        Self {
            settings,
            target,
            to_add: 1,
            add_at_ms: None,
            is_initial: true,
        }
    }

    /// The executors that it wants now.
    pub fn target(&self) -> u32 {
        self.target
    }

    /// The settings of dynamic allocation, if it is on.
    pub fn dynamic(&self) -> Option<&DynamicAllocation> {
        match &self.settings {
            ExecutorAllocation::Dynamic(dynamic) => Some(dynamic),
            ExecutorAllocation::Fixed(_) => None,
        }
    }

    /// When it requests more executors next.
    pub fn next_ms(&self) -> Option<i64> {
        self.add_at_ms
    }

    /// Notes that a stage was submitted, or that a task was lost.
    pub fn tasks_wait(&mut self, now_ms: i64) {
        self.is_initial = false;
        if self.dynamic().is_some() {
            self.add_at_ms.get_or_insert(now_ms + BACKLOG_MS);
        }
    }

    /// Notes that all tasks have started.
    pub fn no_task_waits(&mut self) {
        self.add_at_ms = None;
        self.to_add = 1;
    }

    /// Whether an executor that had no task for its timeout may be removed, where `held` run or start.
    pub fn may_remove(&mut self, held: u32) -> bool {
        self.is_initial = false;
        let fewest = self.dynamic().map_or(u32::MAX, |dynamic| dynamic.min);
        held > self.target.max(fewest)
    }

    /// Adapts the target, where tasks could use `needed` executors, and `held` run or start.
    pub fn update(&mut self, now_ms: i64, needed: u32, held: u32) {
        let Some(&dynamic) = self.dynamic() else {
            return;
        };
        if self.is_initial {
            return;
        }
        if needed < self.target {
            self.target = needed.max(dynamic.min);
            self.to_add = 1;
            return;
        }
        if self.add_at_ms.is_none_or(|at_ms| at_ms > now_ms) {
            return;
        }
        self.add_at_ms = Some(now_ms + BACKLOG_MS);
        let at_most = most(dynamic);
        if self.target >= at_most {
            self.to_add = 1;
            return;
        }
        let before = self.target;
        let more = before.max(held).saturating_add(self.to_add);
        self.target = more.min(needed).max(dynamic.min).min(at_most);
        let added = self.target.saturating_sub(before);
        self.to_add = if added == self.to_add {
            self.to_add.saturating_mul(2)
        } else {
            1
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn dynamic(min: u32, max: Option<u32>) -> Allocation {
        Allocation::new(ExecutorAllocation::Dynamic(DynamicAllocation {
            initial: 0,
            min,
            max,
            idle_timeout: Duration::from_secs(60),
            cached_idle_timeout: None,
            shuffle_tracking: false,
        }))
    }

    /// The targets of so many seconds, while `needed` executors are needed and none is there.
    fn targets(allocation: &mut Allocation, seconds: i64, needed: u32) -> Vec<u32> {
        allocation.tasks_wait(0);
        let seconds = 1..=seconds;
        let update = |second: i64| {
            allocation.update(second * 1_000, needed, 0);
            allocation.target()
        };
        seconds.map(update).collect()
    }

    #[test]
    fn requests_double_each_second_up_to_what_is_needed() {
        let mut allocation = dynamic(0, None);
        assert_eq!(targets(&mut allocation, 7, 40), [1, 3, 7, 15, 31, 40, 40]);
    }

    #[test]
    fn the_maximum_limits_what_is_requested() {
        assert_eq!(targets(&mut dynamic(0, Some(5)), 5, 40), [1, 3, 5, 5, 5]);
    }

    #[test]
    fn the_target_follows_the_need_down_to_the_minimum() {
        let mut allocation = dynamic(2, None);
        targets(&mut allocation, 5, 40);
        allocation.no_task_waits();
        allocation.update(6_000, 9, 31);
        assert_eq!(allocation.target(), 9);
        allocation.update(7_000, 0, 31);
        assert_eq!(allocation.target(), 2);
        assert!(allocation.may_remove(3));
        assert!(!allocation.may_remove(2));
    }

    #[test]
    fn the_executors_of_the_start_stay_until_a_stage_is_submitted() {
        let mut allocation = Allocation::new(ExecutorAllocation::Dynamic(DynamicAllocation {
            initial: 4,
            min: 0,
            max: None,
            idle_timeout: Duration::from_secs(60),
            cached_idle_timeout: None,
            shuffle_tracking: false,
        }));
        allocation.update(10_000, 0, 4);
        assert_eq!(allocation.target(), 4);
        allocation.tasks_wait(11_000);
        allocation.update(11_000, 1, 4);
        assert_eq!(allocation.target(), 1);
    }

    #[test]
    fn without_a_limit_no_more_executors_are_requested_than_can_be_simulated() {
        let mut allocation = dynamic(0, None);
        assert_eq!(
            targets(&mut allocation, 40, u32::MAX).last(),
            Some(&EXECUTORS_MAX)
        );
    }

    #[test]
    fn a_fixed_number_never_changes() {
        let mut allocation = Allocation::new(ExecutorAllocation::Fixed(3));
        assert_eq!(targets(&mut allocation, 4, 40), [3, 3, 3, 3]);
        assert_eq!(allocation.next_ms(), None);
        assert!(!allocation.may_remove(3));
    }
}
