//! Requests for reduces, which a MapReduce job makes bit by bit while its maps run.

use super::{JobQueue, StageState};

impl JobQueue<'_> {
    /// Whether a stage are the reduces of a MapReduce job that requests them by and by.
    pub fn are_reduces(&self, stage: u32) -> bool {
        let job = &self.work.jobs[self.work.stages[stage as usize].job as usize];
        job.map_reduce.is_some() && stage == job.first_stage + 1
    }

    /// The number of tasks of a stage that run.
    pub fn tasks_running(&self, stage: u32) -> u64 {
        let held_back = self.stages[stage as usize].unrequested;
        self.stages[stage as usize].unfinished - self.tasks_to_start(stage) - held_back
    }

    /// Requests containers for so many more reduces. Until the maps are done, they come ahead of the
    /// job's maps, as YARN gives reduces precedence.
    pub fn request_reduces(&mut self, reduces: u32, count: u64) {
        let state = &mut self.stages[reduces as usize];
        let count = count.min(state.unrequested);
        if count > 0 {
            let again = count.min(u64::from(state.given_up)) as u32;
            state.unrequested -= count;
            state.given_up -= again;
            state.lost += again;
            state.never_started += count - u64::from(again);
            self.link_first(reduces);
            self.request_tasks(reduces, count);
        }
    }

    /// Takes back up to so many requests for reduces.
    pub fn cancel_reduces(&mut self, reduces: u32, count: u64) {
        let state = &mut self.stages[reduces as usize];
        let new = count.min(state.never_started);
        let again = (count - new).min(u64::from(state.lost)) as u32;
        let cancelled = new + u64::from(again);
        if cancelled > 0 {
            state.unrequested += cancelled;
            state.never_started -= new;
            state.lost -= again;
            state.given_up += again;
            let each = self.work.stages[reduces as usize].each;
            self.pending = self.pending.minus(each.times(cancelled));
            self.containers_pending -= cancelled;
            self.unlink_if_spent(reduces);
        }
    }

    /// Notes that a reduce was ended in favour of maps; it is requested again later.
    pub fn give_up_reduce(&mut self, reduces: u32, duration_ms: i64) {
        let state = &mut self.stages[reduces as usize];
        state.unrequested += 1;
        state.given_up += 1;
        *self.lost.entry((reduces, duration_ms)).or_default() += 1;
    }
}

impl StageState {
    /// Holds back the requests for all tasks of the stage.
    pub(super) fn hold_back(&mut self) {
        self.unrequested = self.never_started;
        self.never_started = 0;
    }
}
