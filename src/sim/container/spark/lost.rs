//! What becomes of Spark applications when a node leaves, or is gone.

use std::collections::BTreeSet;

use super::super::queue::NONE;
use super::super::state::ContainerWorkload;
use super::super::table::Container;
use crate::sim::cluster::{Change, Cluster, NodeIndex};

impl ContainerWorkload<'_> {
    /// Lets the drivers respond to a node that joined, leaves or is gone.
    pub(in super::super) fn tell_drivers(
        &mut self,
        change: Change,
        now_ms: i64,
        cluster: &mut Cluster,
    ) {
        match change {
            Change::Joined(node) => self.note_leaving(node, false, now_ms, cluster),
            Change::Leaving(node) => self.note_leaving(node, true, now_ms, cluster),
            Change::Lost(node) | Change::Drained(node) => self.lose_outputs(node, now_ms, cluster),
        }
    }

    /// Lets the executors of a node take no more tasks, or take tasks again.
    fn note_leaving(
        &mut self,
        node: NodeIndex,
        is_leaving: bool,
        now_ms: i64,
        cluster: &mut Cluster,
    ) {
        let mut pools = BTreeSet::new();
        for container in self.executors_on(node) {
            let Container { job, stage, .. } = *self.containers.get(container);
            let Some(spark) = &mut self.spark else { return };
            let executor = &mut spark.executors[container as usize];
            if executor.is_leaving == is_leaving {
                continue;
            }
            executor.is_leaving = is_leaving;
            let was_in_turn = std::mem::take(&mut executor.is_in_turn);
            let may_take = !is_leaving && executor.is_up && executor.free > 0;
            executor.is_in_turn = may_take;
            let Some(driver) = spark.driver(job) else {
                continue;
            };
            let pool_index = driver.pool_of(stage);
            let pool = &mut driver.pools[pool_index];
            if is_leaving {
                pool.leaving += 1;
            } else {
                pool.leaving -= 1;
            }
            if was_in_turn {
                pool.turn.retain(|other| *other != container);
            }
            if may_take {
                pool.turn.push_back(container);
            }
            pools.insert((job, pool_index));
        }
        // Only now, because it can remove executors of the node.
        for (job, pool_index) in pools {
            self.fill_executors(job, pool_index, now_ms);
            self.manage_executors(job, pool_index, now_ms, cluster);
        }
    }

    /// Notes that a task is lost with its executor, and starts again.
    pub(in super::super) fn lose_executor_task(&mut self, task: u32, now_ms: i64) {
        let Container {
            job,
            stage,
            started_ms,
            duration_ms,
            ..
        } = *self.containers.remove(task);
        self.facts.tasks_rerun += 1;
        self.facts.lost_ms += (now_ms - started_ms).unsigned_abs();
        self.queue.lose_task(stage, duration_ms);
        let Some(spark) = &mut self.spark else { return };
        spark.progress[stage as usize].running -= 1;
        let is_submitted = spark.progress[stage as usize].is_submitted;
        let Some(driver) = spark.driver(job) else {
            return;
        };
        let pool = driver.pool_of(self.work.stages[stage as usize].spark.pool);
        let pool = &mut driver.pools[pool];
        pool.running -= 1;
        // A stage that waits for lost output to be written again gets the task with the others.
        if is_submitted {
            pool.waiting += 1;
            pool.ready.insert(stage);
            pool.allocation.tasks_wait(now_ms);
        }
    }

    /// Notes that an executor is lost with its node.
    pub(in super::super) fn lose_executor(&mut self, container: u32, now_ms: i64) {
        let Container { job, stage, .. } = *self.containers.get(container);
        let driver = self.spark.as_mut().and_then(|spark| spark.driver(job));
        if let Some(pool) = driver.map(|driver| driver.pool_of(stage)) {
            self.forget_executor(job, pool, container);
        }
        self.remove(container, now_ms);
    }

    /// Lets an application begin again whose driver was lost.
    pub(in super::super) fn begin_again(&mut self, job: u32, now_ms: i64, cluster: &mut Cluster) {
        let is_task = |container: &Container| container.job == job && container.executor != NONE;
        for task in self.containers.select(is_task) {
            let Container { started_ms, .. } = *self.containers.remove(task);
            self.facts.tasks_rerun += 1;
            self.facts.lost_ms += (now_ms - started_ms).unsigned_abs();
        }
        self.stop_driver(job, now_ms, cluster);
        let done = self.queue.begin_again(job);
        self.facts.tasks_finished -= done;
        self.facts.tasks_rerun += done;
        if let Some(spark) = &mut self.spark {
            for stage in self.work.jobs[job as usize].stage_rows() {
                let lost_ms = spark.progress[stage as usize].run_ms;
                self.facts.lost_ms += lost_ms.unsigned_abs();
                spark.progress[stage as usize] = Default::default();
            }
        }
    }

    /// Loses the shuffle output on a node that is gone. The tasks that wrote it run again where a stage
    /// still needs it, and that stage waits for them.
    fn lose_outputs(&mut self, node: NodeIndex, now_ms: i64, cluster: &mut Cluster) {
        let Some(spark) = &self.spark else { return };
        let jobs: Vec<u32> = spark.running.iter().copied().collect();
        for job in jobs {
            let driver = self.spark.as_mut().and_then(|spark| spark.driver(job));
            let lost = driver.map(|driver| driver.outputs.take(node));
            let lost = lost.unwrap_or_default();
            // The last stages first, because they decide whether the earlier ones are needed.
            for (stage, durations) in lost.iter().rev() {
                self.lose_output(*stage, durations, now_ms);
            }
            for (stage, _) in &lost {
                let state = &self.queue.stages[*stage as usize];
                let is_submitted = self
                    .spark
                    .as_ref()
                    .is_some_and(|spark| spark.progress[*stage as usize].is_submitted);
                if state.unfinished > 0 && state.after == 0 && !is_submitted {
                    self.plan_stage(*stage, now_ms, cluster);
                }
            }
            let pools = self.work.jobs[job as usize].pools();
            for pool in 0..pools {
                self.fill_executors(job, pool, now_ms);
                self.manage_executors(job, pool, now_ms, cluster);
            }
        }
    }

    fn lose_output(&mut self, stage: u32, durations: &[i64], now_ms: i64) {
        let work = self.work;
        let spec = &work.stages[stage as usize];
        let dependents = work.dependents_of(spec);
        let is_unfinished = |stage: &u32| self.queue.stages[*stage as usize].unfinished > 0;
        if !dependents.iter().any(is_unfinished) {
            return;
        }
        let count = durations.len() as u64;
        let was_done = self.queue.stages[stage as usize].unfinished == 0;
        self.queue.stages[stage as usize].unfinished += count;
        for duration_ms in durations {
            self.queue.lose_task(stage, *duration_ms);
            self.facts.lost_ms += duration_ms.unsigned_abs();
        }
        self.facts.tasks_finished -= count;
        self.facts.tasks_rerun += count;
        let Some(spark) = &mut self.spark else { return };
        let progress = &mut spark.progress[stage as usize];
        progress.completed -= durations.len() as u32;
        progress.run_ms -= durations.iter().sum::<i64>();
        let is_submitted = progress.is_submitted;
        let Some(driver) = spark.drivers[spec.job as usize].as_deref_mut() else {
            return;
        };
        if is_submitted {
            let pool = driver.pool_of(spec.spark.pool);
            let pool = &mut driver.pools[pool];
            pool.waiting += count;
            pool.ready.insert(stage);
            pool.allocation.tasks_wait(now_ms);
        }
        if !was_done {
            return;
        }
        driver.visible.insert(stage);
        self.queue.jobs[spec.job as usize].stages_left += 1;
        for &dependent in dependents {
            self.queue.stages[dependent as usize].after += 1;
            let progress = &mut spark.progress[dependent as usize];
            if std::mem::take(&mut progress.is_submitted) {
                let pool = driver.pool_of(work.stages[dependent as usize].spark.pool);
                let pool = &mut driver.pools[pool];
                if pool.ready.remove(&dependent) {
                    pool.waiting -= self.queue.tasks_to_start(dependent);
                }
            }
        }
    }
}
