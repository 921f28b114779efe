//! The executors of one resource profile of an application, and the tasks that wait for them.

use std::collections::{BTreeSet, VecDeque};

use super::allocation::Allocation;
use crate::sim::container::timeline::earliest;
use crate::trace::ExecutorAllocation;

/// The executors of one resource profile.
#[derive(Debug)]
pub struct Pool {
    /// Its row among the stages, in which executors are requested.
    pub row: u32,
    /// Tasks that an executor runs at the same time.
    pub slots: u32,
    pub allocation: Allocation,
    /// The containers of its executors, those included that start.
    pub executors: BTreeSet<u32>,
    /// Those of them on nodes that leave.
    pub leaving: u32,
    /// Stages with tasks to start.
    pub ready: BTreeSet<u32>,
    /// Tasks of these stages to start.
    pub waiting: u64,
    /// Tasks that run.
    pub running: u64,
    /// Executors with free slots, in the order in which they take tasks.
    pub turn: VecDeque<u32>,
    /// Executors without a task, and when they may be removed.
    pub idle: BTreeSet<(i64, u32)>,
    pub owed: Owed,
    /// When it is looked at next.
    pub alarm_ms: Option<i64>,
}

impl Pool {
    /// The executors when the driver starts: none.
    pub fn new(row: u32, slots: u32, settings: ExecutorAllocation) -> Self {
        Self {
            row,
            slots,
            allocation: Allocation::new(settings),
            executors: BTreeSet::new(),
            leaving: 0,
            ready: BTreeSet::new(),
            waiting: 0,
            running: 0,
            turn: VecDeque::new(),
            idle: BTreeSet::new(),
            owed: Owed::default(),
            alarm_ms: None,
        }
    }

    /// Executors that run or start. With dynamic allocation, those on leaving nodes do not count, so
    /// that they are replaced.
    pub fn held(&self) -> u32 {
        let all = self.executors.len() as u32;
        match self.allocation.dynamic() {
            Some(_) => all - self.leaving,
            None => all,
        }
    }

    /// Executors that its tasks could use.
    pub fn needed(&self) -> u32 {
        let tasks = self.waiting + self.running;
        u32::try_from(tasks.div_ceil(u64::from(self.slots))).unwrap_or(u32::MAX)
    }

    /// Executors that it wants and does not have.
    pub fn wanted(&self) -> u32 {
        self.allocation.target().saturating_sub(self.held())
    }

    /// Adapts the target to the tasks.
    pub fn update(&mut self, now_ms: i64) {
        let (needed, held) = (self.needed(), self.held());
        self.allocation.update(now_ms, needed, held);
    }

    /// When it must be looked at next, after `now_ms`.
    pub fn next_ms(&self, now_ms: i64) -> Option<i64> {
        let add = self
            .allocation
            .next_ms()
            .map(|at_ms| at_ms.max(now_ms + 1_000));
        let expiry = self.idle.range((now_ms + 1, 0)..).next();
        let expiry = expiry.map(|(at_ms, _)| *at_ms);
        earliest(add, expiry)
    }
}

/// An executor, by the row of its container.
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor {
    /// Tasks that it can start now.
    pub free: u32,
    /// Whether it registered with the driver.
    pub is_up: bool,
    /// Whether it is in its pool's turn.
    pub is_in_turn: bool,
    /// Whether its node leaves, so that it takes no more tasks.
    pub is_leaving: bool,
    /// Whether it holds shuffle output that only it can serve, so that it stays.
    pub keeps_shuffle: bool,
    /// Whether it holds cached blocks.
    pub keeps_cache: bool,
    /// When it may be removed, if it runs no task.
    pub expires_ms: Option<i64>,
}

/// The time during which the cluster owed executors to an application. A task waits for the cluster
/// only then: without a request of its application, it waits for the application's own limits.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owed {
    total_ms: i64,
    since_ms: Option<i64>,
}

impl Owed {
    /// Adds the time that the driver itself waited.
    pub fn add(&mut self, ms: i64) {
        self.total_ms += ms;
    }

    /// Notes whether executors are requested from now on.
    pub fn set(&mut self, is_owed: bool, now_ms: i64) {
        match (self.since_ms, is_owed) {
            (None, true) => self.since_ms = Some(now_ms),
            (Some(since_ms), false) => {
                self.total_ms += now_ms - since_ms;
                self.since_ms = None;
            }
            _ => {}
        }
    }

    /// The time up to now.
    pub fn until(&self, now_ms: i64) -> i64 {
        self.total_ms + self.since_ms.map_or(0, |since_ms| now_ms - since_ms)
    }
}
