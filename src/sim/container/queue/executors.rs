//! Requests for executors, and the tasks that they run. The executors of a Spark application have rows
//! among the stages: what waits in such a row are executors that are requested.

use super::{JobQueue, NONE, StageState, Taken};

impl Taken {
    /// A master or an executor.
    pub(super) const ENDS_LATER: Self = Self {
        duration_ms: 0,
        ready_ms: None,
    };
}

impl JobQueue<'_> {
    /// Whether the tasks of a job run in executors.
    pub fn is_spark(&self, job: u32) -> bool {
        self.work.jobs[job as usize].spark.is_some()
    }

    /// Whether a row is one of executors.
    #[inline]
    pub fn is_pool(&self, stage: u32) -> bool {
        self.has_executors && self.work.stages[stage as usize].tasks == 0
    }

    /// The number of executors that are requested.
    pub fn executors_requested(&self, pool: u32) -> u32 {
        u32::try_from(self.stages[pool as usize].never_started).unwrap_or(u32::MAX)
    }

    /// Requests so many executors, no more and no fewer.
    pub fn request_executors(&mut self, pool: u32, count: u32) {
        let before = self.executors_requested(pool);
        let state = &mut self.stages[pool as usize];
        state.never_started = u64::from(count);
        if count > before {
            if !state.linked {
                self.link_last(pool);
            }
            self.request_tasks(pool, u64::from(count - before));
        } else if count < before {
            let cancelled = u64::from(before - count);
            let each = self.work.stages[pool as usize].each;
            self.pending = self.pending.minus(each.times(cancelled));
            self.containers_pending -= cancelled;
            self.unlink_if_spent(pool);
        }
    }

    /// The number of tasks of a stage to start, which never ran or were lost.
    pub fn tasks_to_start(&self, stage: u32) -> u64 {
        let state = &self.stages[stage as usize];
        state.never_started + u64::from(state.lost)
    }

    /// Notes that a task was lost, which starts again.
    pub fn lose_task(&mut self, stage: u32, duration_ms: i64) {
        self.stages[stage as usize].lost += 1;
        *self.lost.entry((stage, duration_ms)).or_default() += 1;
    }

    /// Lets all stages of a job begin from the start, none of which is linked. Returns the number of
    /// tasks that were done.
    pub fn begin_again(&mut self, job: u32) -> u64 {
        let spec = &self.work.jobs[job as usize];
        let mut done = 0;
        for stage in spec.first_stage..spec.first_stage + spec.stages {
            let state = &mut self.stages[stage as usize];
            done += self.work.stages[stage as usize].tasks - state.unfinished;
            *state = StageState::new(&self.work.stages[stage as usize]);
            let of_stage = (stage, i64::MIN)..=(stage, i64::MAX);
            let lost: Vec<(u32, i64)> = self.lost.range(of_stage).map(|(key, _)| *key).collect();
            for key in lost {
                self.lost.remove(&key);
            }
        }
        self.jobs[job as usize].stages_left = spec.stages + 1;
        done
    }

    /// Unlinks a stage that is not the first of its job, as when requests for executors are cancelled.
    pub(super) fn unlink_behind_others(&mut self, stage: u32, next: u32) {
        let job = &mut self.jobs[self.work.stages[stage as usize].job as usize];
        let mut before = job.first;
        while before != NONE && self.stages[before as usize].next != stage {
            before = self.stages[before as usize].next;
        }
        if before != NONE {
            self.stages[before as usize].next = next;
        }
        if job.last == stage {
            job.last = before;
        }
    }
}
