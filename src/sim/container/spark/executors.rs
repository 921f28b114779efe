//! The life of executors: from their container until they are removed.

use super::super::queue::NONE;
use super::super::state::ContainerWorkload;
use super::super::table::Container;
use super::pool::Executor;
use super::state::Alarm;
use crate::sim::cluster::{Cluster, NodeIndex};

impl ContainerWorkload<'_> {
    /// How long an executor of a job starts.
    pub(in super::super) fn executor_start_ms(&self, job: u32) -> i64 {
        let spark = self.work.jobs[job as usize].spark.as_ref();
        let own = spark.and_then(|spark| spark.executor_start_ms);
        own.unwrap_or(self.container_overhead_ms)
    }

    /// Notes that an executor has a container, in which it starts.
    pub(in super::super) fn executor_starts(&mut self, container: u32, now_ms: i64) {
        let Container { job, stage, .. } = *self.containers.get(container);
        let is_owed = self.queue.executors_requested(stage) > 0;
        let Some(spark) = &mut self.spark else { return };
        *spark.executor(container) = Executor::default();
        let Some(driver) = spark.driver(job) else {
            return;
        };
        let pool = driver.pool_of(stage);
        driver.pools[pool].executors.insert(container);
        driver.pools[pool].owed.set(is_owed, now_ms);
    }

    /// Notes that an executor registered with its driver.
    pub(in super::super) fn executor_is_up(
        &mut self,
        container: u32,
        now_ms: i64,
        cluster: &mut Cluster,
    ) {
        let Container { job, stage, .. } = *self.containers.get(container);
        let Some(spark) = &mut self.spark else { return };
        let Some(driver) = spark.drivers[job as usize].as_deref_mut() else {
            return;
        };
        let pool_index = driver.pool_of(stage);
        let pool = &mut driver.pools[pool_index];
        let executor = &mut spark.executors[container as usize];
        executor.is_up = true;
        executor.free = pool.slots;
        if !executor.is_leaving {
            executor.is_in_turn = true;
            pool.turn.push_back(container);
        }
        self.fill_executors(job, pool_index, now_ms);
        self.note_idle(job, pool_index, container, now_ms, cluster);
    }

    /// Plans when an executor may be removed, if it runs no task.
    pub(super) fn note_idle(
        &mut self,
        job: u32,
        pool_index: usize,
        container: u32,
        now_ms: i64,
        cluster: &mut Cluster,
    ) {
        let Some(spark) = &mut self.spark else { return };
        let executor = spark.executors[container as usize];
        let Some(pool) = spark.pool(job, pool_index) else {
            return;
        };
        if executor.free < pool.slots {
            return;
        }
        let timeout = pool.allocation.dynamic().and_then(|dynamic| {
            let timeout = if executor.keeps_cache {
                dynamic.cached_idle_timeout
            } else {
                Some(dynamic.idle_timeout)
            };
            timeout.filter(|_| !executor.keeps_shuffle)
        });
        if let Some(timeout) = timeout {
            let expires_ms = now_ms + i64::try_from(timeout.as_millis()).unwrap_or(i64::MAX / 2);
            pool.idle.insert((expires_ms, container));
            spark.executors[container as usize].expires_ms = Some(expires_ms);
        }
        self.manage_executors(job, pool_index, now_ms, cluster);
    }

    /// Requests executors and removes idle ones, as the driver's allocation wants it.
    pub(super) fn manage_executors(
        &mut self,
        job: u32,
        pool_index: usize,
        now_ms: i64,
        cluster: &mut Cluster,
    ) {
        let Some(spark) = &mut self.spark else { return };
        let Some(pool) = spark.drivers[job as usize]
            .as_deref_mut()
            .and_then(|driver| driver.pools.get_mut(pool_index))
        else {
            return;
        };
        pool.update(now_ms);
        let mut removed = Vec::new();
        let mut held = pool.held();
        for &(_, container) in pool.idle.range(..(now_ms + 1, 0)) {
            let is_leaving = spark.executors[container as usize].is_leaving;
            if is_leaving || pool.allocation.may_remove(held) {
                removed.push(container);
                held -= u32::from(!is_leaving);
            }
        }
        for container in removed {
            self.forget_executor(job, pool_index, container);
            self.release(container, now_ms, cluster);
        }
        let Some(spark) = &mut self.spark else { return };
        let Some(pool) = spark.pool(job, pool_index) else {
            return;
        };
        let wanted = pool.wanted();
        if wanted != self.queue.executors_requested(pool.row) {
            self.queue.request_executors(pool.row, wanted);
        }
        pool.owed.set(wanted > 0, now_ms);
        let next_ms = pool.next_ms(now_ms);
        if next_ms != pool.alarm_ms {
            let before_ms = std::mem::replace(&mut pool.alarm_ms, next_ms);
            let alarm = Alarm::Pool {
                job,
                pool: pool_index,
            };
            if let Some(before_ms) = before_ms {
                spark.alarms.remove(&(before_ms, alarm));
            }
            if let Some(next_ms) = next_ms {
                spark.alarms.insert((next_ms, alarm));
            }
        }
    }

    /// Removes an executor from its pool, before its container ends.
    pub(super) fn forget_executor(&mut self, job: u32, pool_index: usize, container: u32) {
        let Some(spark) = &mut self.spark else { return };
        let executor = std::mem::take(&mut spark.executors[container as usize]);
        let Some(pool) = spark.pool(job, pool_index) else {
            return;
        };
        pool.executors.remove(&container);
        pool.leaving -= u32::from(executor.is_leaving);
        if let Some(expires_ms) = executor.expires_ms {
            pool.idle.remove(&(expires_ms, container));
        }
        if executor.is_in_turn {
            pool.turn.retain(|other| *other != container);
        }
    }

    /// Executors of all applications on a node.
    pub(super) fn executors_on(&self, node: NodeIndex) -> Vec<u32> {
        self.containers.select(|container| {
            container.node == node
                && container.executor == NONE
                && container.stage != NONE
                && self.queue.is_pool(container.stage)
        })
    }
}
