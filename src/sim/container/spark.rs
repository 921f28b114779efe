//! Spark applications: a driver in the application master, executors as containers, and tasks in the
//! executors.
//!
//! The driver submits a stage when the stages before it are done and its pause is over. Tasks take the
//! free slots of executors in turn; an executor that ends a task takes the next one itself. Executors
//! are requested and removed as Spark's dynamic allocation does it (see [`allocation`]). Those on
//! nodes that leave take no more tasks, as EMR's Spark does it by default. When a node is gone, the
//! shuffle output on it is lost, and the tasks that wrote it run again before the stages that need it
//! go on. When a driver is lost, its application begins again.

mod allocation;
mod driver;
mod executors;
mod lost;
mod pool;
pub(super) mod state;
mod work;

use super::state::ContainerWorkload;
use super::table::Container;
use crate::sim::cluster::Cluster;
use crate::units::Resources;
use driver::Driver;
use state::Alarm;

impl ContainerWorkload<'_> {
    /// Lets the drivers do what is due.
    pub(super) fn drivers_act(&mut self, now_ms: i64, cluster: &mut Cluster) {
        while let Some(spark) = &mut self.spark
            && let Some(&(at_ms, alarm)) = spark.alarms.first()
            && at_ms <= now_ms
        {
            spark.alarms.pop_first();
            match alarm {
                Alarm::Stage { stage, .. } => {
                    let state = &self.queue.stages[stage as usize];
                    let is_submitted = spark.progress[stage as usize].is_submitted;
                    if state.after == 0 && state.unfinished > 0 && !is_submitted {
                        self.submit_stage(stage, now_ms, cluster);
                    }
                }
                Alarm::End { job } => self.end_application(job, now_ms, cluster),
                Alarm::Pool { job, pool } => {
                    if let Some(pool) = spark.pool(job, pool) {
                        pool.alarm_ms = None;
                    }
                    self.manage_executors(job, pool, now_ms, cluster);
                }
            }
        }
    }

    /// Starts the driver of a job, whose application master runs.
    pub(super) fn start_driver(&mut self, job: u32, now_ms: i64, cluster: &mut Cluster) {
        let (Some(spark), Some(spec)) = (&mut self.spark, &self.work.jobs[job as usize].spark)
        else {
            return;
        };
        let first_row = self.work.jobs[job as usize].first_executor_row();
        let state = &self.queue.jobs[job as usize];
        let since_ms = state.ready_ms.saturating_add(self.queue.start_ms_of(job));
        let driver = Driver::new(spec, first_row, (now_ms - since_ms).max(0));
        let pools = driver.pools.len();
        spark.drivers[job as usize] = Some(Box::new(driver));
        spark.running.insert(job);
        for pool in 0..pools {
            self.manage_executors(job, pool, now_ms, cluster);
        }
        let stages = self.work.jobs[job as usize].stage_rows();
        for stage in stages {
            if self.work.stages[stage as usize].after == 0 {
                self.plan_stage(stage, now_ms, cluster);
            }
        }
    }

    /// Submits a stage whose predecessors are done, after its pause.
    fn plan_stage(&mut self, stage: u32, now_ms: i64, cluster: &mut Cluster) {
        let spec = &self.work.stages[stage as usize];
        let Some(spark) = &mut self.spark else { return };
        let is_new = spark.progress[stage as usize].attempts == 0;
        if is_new && spec.spark.pause_ms > 0 {
            let alarm = Alarm::Stage {
                job: spec.job,
                stage,
            };
            spark.alarms.insert((now_ms + spec.spark.pause_ms, alarm));
        } else {
            self.submit_stage(stage, now_ms, cluster);
        }
    }

    /// Submits a stage, whose tasks may start from now on.
    fn submit_stage(&mut self, stage: u32, now_ms: i64, cluster: &mut Cluster) {
        let spec = &self.work.stages[stage as usize];
        let Some(spark) = &mut self.spark else { return };
        let Some(driver) = spark.drivers[spec.job as usize].as_deref_mut() else {
            return;
        };
        let of_job = self.work.jobs[spec.job as usize].stage_rows();
        driver.reveal(spec.spark.job, of_job, &self.work.stages);
        let pool_index = driver.pool_of(spec.spark.pool);
        let pool = &mut driver.pools[pool_index];
        let progress = &mut spark.progress[stage as usize];
        progress.is_submitted = true;
        progress.attempts += 1;
        if progress.attempts == 1 {
            progress.ready_ms = now_ms;
            let is_first = spec.after == 0;
            progress.owed_ms = if is_first { 0 } else { pool.owed.until(now_ms) };
        }
        let to_start = self.queue.tasks_to_start(stage);
        if to_start > 0 {
            pool.waiting += to_start;
            pool.ready.insert(stage);
            pool.allocation.tasks_wait(now_ms);
        }
        self.fill_executors(spec.job, pool_index, now_ms);
        self.manage_executors(spec.job, pool_index, now_ms, cluster);
    }

    /// Starts tasks in the free slots of executors, one after the other in turn.
    fn fill_executors(&mut self, job: u32, pool_index: usize, now_ms: i64) {
        while let Some(spark) = &mut self.spark
            && let Some(pool) = spark.pool(job, pool_index)
            && let Some(&stage) = pool.ready.first()
            && let Some(container) = pool.turn.pop_front()
        {
            spark.executors[container as usize].is_in_turn = false;
            self.start_task(container, stage, now_ms);
            let Some(spark) = &mut self.spark else { return };
            if spark.executors[container as usize].free > 0 {
                spark.executors[container as usize].is_in_turn = true;
                if let Some(pool) = spark.pool(job, pool_index) {
                    pool.turn.push_back(container);
                }
            }
        }
    }

    /// Starts the next task of a stage in a free slot of an executor.
    fn start_task(&mut self, container: u32, stage: u32, now_ms: i64) {
        let Container { job, node, .. } = *self.containers.get(container);
        let Some(spark) = &mut self.spark else { return };
        let Some(driver) = spark.drivers[job as usize].as_deref_mut() else {
            return;
        };
        let taken = self.queue.take_task(stage);
        let pool = driver.pool_of(self.work.stages[stage as usize].spark.pool);
        let pool = &mut driver.pools[pool];
        pool.waiting -= 1;
        pool.running += 1;
        if self.queue.tasks_to_start(stage) == 0 {
            pool.ready.remove(&stage);
            if pool.ready.is_empty() {
                pool.allocation.no_task_waits();
            }
        }
        let executor = &mut spark.executors[container as usize];
        executor.free -= 1;
        if let Some(expires_ms) = executor.expires_ms.take() {
            pool.idle.remove(&(expires_ms, container));
        }
        let progress = &mut spark.progress[stage as usize];
        progress.running += 1;
        progress.first_launch_ms.get_or_insert(now_ms);
        let (ready_ms, owed_ms) = (
            progress.ready_ms,
            pool.owed.until(now_ms) - progress.owed_ms,
        );
        if taken.ready_ms.is_some() {
            self.note_wait(ready_ms, owed_ms, now_ms);
        }
        self.add_completing(
            Container {
                node,
                job,
                stage,
                executor: container,
                generation: 0,
                each: Resources::default(),
                started_ms: now_ms,
                duration_ms: taken.duration_ms,
                runs: true,
            },
            now_ms + taken.duration_ms,
        );
    }

    /// Ends a task that an executor has done.
    pub(super) fn executor_task_is_done(&mut self, task: u32, now_ms: i64, cluster: &mut Cluster) {
        let Container {
            job,
            stage,
            node,
            executor,
            duration_ms,
            ..
        } = *self.containers.remove(task);
        self.facts.tasks_finished += 1;
        let spec = &self.work.stages[stage as usize];
        let Some(spark) = &mut self.spark else { return };
        let Some(driver) = spark.drivers[job as usize].as_deref_mut() else {
            return;
        };
        let pool_index = driver.pool_of(spec.spark.pool);
        driver.pools[pool_index].running -= 1;
        let holder = &mut spark.executors[executor as usize];
        holder.keeps_cache |= spec.spark.is_cached;
        if spec.spark.has_shuffle_output {
            holder.keeps_shuffle |= driver.tracks_shuffle();
            driver.outputs.add(node, stage, duration_ms);
        }
        spark.progress[stage as usize].task_is_done(duration_ms);
        let state = &mut self.queue.stages[stage as usize];
        state.unfinished -= 1;
        if state.unfinished == 0 {
            self.stage_is_done(stage, now_ms, cluster);
        }
        self.free_slot(job, pool_index, executor, now_ms, cluster);
    }

    /// Lets the stages that waited for a stage be submitted, and the driver end after the last one.
    fn stage_is_done(&mut self, stage: u32, now_ms: i64, cluster: &mut Cluster) {
        let work = self.work;
        let spec = &work.stages[stage as usize];
        let Some(spark) = &mut self.spark else { return };
        spark.progress[stage as usize].is_submitted = false;
        if let Some(driver) = spark.driver(spec.job) {
            driver.visible.remove(&stage);
        }
        for &dependent in work.dependents_of(spec) {
            self.queue.stages[dependent as usize].after -= 1;
            if self.queue.stages[dependent as usize].after == 0
                && self.queue.stages[dependent as usize].unfinished > 0
            {
                self.plan_stage(dependent, now_ms, cluster);
            }
        }
        let left = &mut self.queue.jobs[spec.job as usize].stages_left;
        *left -= 1;
        if *left > 1 {
            return;
        }
        let pause_ms = work.jobs[spec.job as usize]
            .spark
            .as_ref()
            .map_or(0, |spark| spark.end_pause_ms);
        let end = (now_ms + pause_ms, Alarm::End { job: spec.job });
        if let Some(spark) = &mut self.spark {
            spark.alarms.insert(end);
        }
    }

    /// Gives the next task to an executor that ended one.
    fn free_slot(
        &mut self,
        job: u32,
        pool_index: usize,
        container: u32,
        now_ms: i64,
        cluster: &mut Cluster,
    ) {
        let Some(spark) = &mut self.spark else { return };
        let executor = &mut spark.executors[container as usize];
        executor.free += 1;
        let (is_leaving, is_in_turn) = (executor.is_leaving, executor.is_in_turn);
        let Some(pool) = spark.pool(job, pool_index) else {
            return;
        };
        if !is_leaving && let Some(&stage) = pool.ready.first() {
            self.start_task(container, stage, now_ms);
            if let Some(pool) = self
                .spark
                .as_mut()
                .and_then(|spark| spark.pool(job, pool_index))
                && pool.ready.is_empty()
            {
                self.manage_executors(job, pool_index, now_ms, cluster);
            }
            return;
        }
        if !is_leaving && !is_in_turn {
            pool.turn.push_back(container);
            spark.executors[container as usize].is_in_turn = true;
        }
        self.note_idle(job, pool_index, container, now_ms, cluster);
    }

    /// Ends an application whose stages are all done.
    fn end_application(&mut self, job: u32, now_ms: i64, cluster: &mut Cluster) {
        self.stop_driver(job, now_ms, cluster);
        self.queue.jobs[job as usize].stages_left = 0;
        self.finish_job(job, now_ms, cluster);
    }

    /// Removes a driver with its executors and requests.
    fn stop_driver(&mut self, job: u32, now_ms: i64, cluster: &mut Cluster) {
        let driver = self
            .spark
            .as_mut()
            .and_then(|spark| spark.remove_driver(job));
        for pool in driver.into_iter().flat_map(|driver| driver.pools) {
            self.queue.request_executors(pool.row, 0);
            for container in pool.executors {
                self.release(container, now_ms, cluster);
            }
        }
    }
}

#[cfg(test)]
mod tests;
