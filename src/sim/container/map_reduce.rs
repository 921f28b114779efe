//! The reduces of MapReduce jobs. They start before the maps are done, hold their containers while they
//! wait for the last map, and take their own time from then on.
//!
//! The application master requests reduces as that of Hadoop does (`RMContainerAllocator`): none until
//! the share `slowstart` of the maps is done; then all, if no map waits for a container; otherwise up to
//! the share of what the job can have that is done of its maps, at most [`RAMPUP_LIMIT`]. A job whose
//! maps wait while none of them runs gives up reduces that have started, the last one first.

use super::queue::{MasterState, NONE};
use super::state::ContainerWorkload;
use super::table::Container;
use crate::observation::work::{KnownWork, StageWork};
use crate::sim::cluster::Cluster;
use crate::units::Resources;

/// The most of a job's room that reduces take while maps wait
/// (`yarn.app.mapreduce.am.job.reduce.rampup.limit`).
const RAMPUP_LIMIT: f64 = 0.5;

impl ContainerWorkload<'_> {
    /// The row of a job's reduces, if it requests them by and by.
    fn reduces_of(&self, job: u32) -> Option<u32> {
        let spec = &self.work.jobs[job as usize];
        let has_both = spec.map_reduce.is_some() && spec.stages > 1;
        has_both.then_some(spec.first_stage + 1)
    }

    /// Requests as many reduces as the progress of the job's maps allows.
    pub(super) fn schedule_reduces(&mut self, job: u32, cluster: &Cluster) {
        let spec = &self.work.jobs[job as usize];
        let (Some(reduces), Some(slowstart)) = (self.reduces_of(job), spec.map_reduce) else {
            return;
        };
        let maps = spec.first_stage;
        let total = self.work.stages[maps as usize].tasks as f64;
        let done = total - self.queue.stages[maps as usize].unfinished as f64;
        if done < (slowstart.slowstart * total).ceil() {
            return;
        }
        let requested = self.queue.tasks_running(reduces) + self.queue.tasks_to_start(reduces);
        let wanted = if self.queue.tasks_to_start(maps) == 0 {
            u64::MAX
        } else {
            self.room_for_reduces(maps, reduces, done / total, cluster)
        };
        if wanted >= requested {
            self.queue.request_reduces(reduces, wanted - requested);
        } else {
            self.queue.cancel_reduces(reduces, requested - wanted);
        }
    }

    /// The number of reduces that a job may have while some of its maps wait.
    fn room_for_reduces(&self, maps: u32, reduces: u32, done: f64, cluster: &Cluster) -> u64 {
        let free = cluster.offered.minus(cluster.used);
        // Nodes enforce both.
        let of = |amount: fn(Resources) -> f64| {
            let each = |stage: u32| amount(self.work.stages[stage as usize].each);
            let running = |stage: u32| self.queue.tasks_running(stage) as f64 * each(stage);
            let limit = amount(free) + running(maps) + running(reduces);
            let ideal = limit * done.min(RAMPUP_LIMIT);
            let of_maps = running(maps) + self.queue.tasks_to_start(maps) as f64 * each(maps);
            let unused = (limit - ideal - of_maps).max(0.0);
            ((ideal + unused) / each(reduces)) as u64
        };
        of(|each| each.memory.as_f64()).min(of(|each| each.vcores.as_f64()))
    }

    /// Whether a task that starts now is a reduce that waits for maps.
    pub(super) fn waits_for_maps(&self, job: u32, stage: u32) -> bool {
        let spec = &self.work.jobs[job as usize];
        spec.map_reduce.is_some()
            && stage == spec.first_stage + 1
            && self.queue.stages[spec.first_stage as usize].unfinished > 0
    }

    /// Adds the container of a reduce that waits for maps.
    pub(super) fn add_waiting_reduce(&mut self, container: Container) {
        let entry = self.containers.add(container);
        self.started_reduces
            .entry(container.job)
            .or_default()
            .push(entry);
    }

    /// Responds to a task of a job that is done, if its reduces depend on that.
    pub(super) fn map_is_done(&mut self, job: u32, now_ms: i64, cluster: &Cluster) {
        let spec = &self.work.jobs[job as usize];
        if spec.map_reduce.is_none() {
            // All its stages are requested as they become ready.
        } else if self.queue.stages[spec.first_stage as usize].unfinished == 0 {
            self.maps_are_done(job, now_ms);
        } else {
            self.schedule_reduces(job, cluster);
        }
    }

    /// Lets the reduces of a job, whose last map is done, take their time.
    fn maps_are_done(&mut self, job: u32, now_ms: i64) {
        for (index, generation) in self.started_reduces.remove(&job).unwrap_or_default() {
            let container = *self.containers.get(index);
            if container.runs && container.generation == generation {
                let started_ms = now_ms.max(container.started_ms + self.container_overhead_ms);
                let at_ms = started_ms + container.duration_ms;
                self.complete_at(index, generation, at_ms);
            }
        }
    }

    /// Ends a reduce of a job whose maps wait while none of them runs. Returns whether there was such a
    /// job.
    pub(super) fn preempt_reduce(&mut self, now_ms: i64, cluster: &mut Cluster) -> bool {
        let is_stuck = |job: &&u32| {
            let maps = self.work.jobs[**job as usize].first_stage;
            self.queue.tasks_to_start(maps) > 0
                && self.queue.tasks_running(maps) == 0
                && matches!(
                    self.queue.jobs[**job as usize].master,
                    MasterState::Absent | MasterState::Runs(_)
                )
        };
        let Some(&job) = self.started_reduces.keys().find(is_stuck) else {
            return false;
        };
        let Some(started) = self.started_reduces.get_mut(&job) else {
            return false;
        };
        let last = started.pop();
        if started.is_empty() {
            self.started_reduces.remove(&job);
        }
        if let (Some((index, generation)), Some(reduces)) = (last, self.reduces_of(job)) {
            let container = *self.containers.get(index);
            if container.runs && container.generation == generation {
                self.release(index, now_ms, cluster);
                self.queue.give_up_reduce(reduces, container.duration_ms);
            }
            self.queue.cancel_reduces(reduces, u64::MAX);
        }
        true
    }

    /// What the application master of a job would say of its maps and reduces; the time of its tasks
    /// is what the daemon estimates from that.
    pub(super) fn said_of_map_reduce(&self, job: u32, now_ms: i64) -> KnownWork {
        let spec = &self.work.jobs[job as usize];
        let count = |tasks: u64| u32::try_from(tasks).unwrap_or(u32::MAX);
        let of = |stage: u32| {
            let unfinished = self.queue.stages[stage as usize].unfinished;
            (count(unfinished), count(self.queue.tasks_running(stage)))
        };
        let (tasks_remaining, tasks_running) = of(spec.first_stage);
        let completed = count(self.work.stages[spec.first_stage as usize].tasks) - tasks_remaining;
        let elapsed_s = (now_ms - self.up_since_ms(job)) as f64 / 1e3;
        let maps = StageWork {
            id: 0,
            attempt: 0,
            tasks_done: completed,
            tasks_remaining,
            tasks_running,
            task_s: (tasks_running > 0).then(|| {
                elapsed_s * f64::from(tasks_running) / f64::from(completed.max(tasks_running))
            }),
            is_blocked: false,
        };
        let reduces = self.reduces_of(job).map(|reduces| {
            let (tasks_remaining, tasks_running) = of(reduces);
            let total = self.work.stages[reduces as usize].tasks;
            StageWork {
                id: 1,
                attempt: 0,
                tasks_done: count(total) - tasks_remaining,
                tasks_remaining,
                tasks_running,
                task_s: None,
                is_blocked: maps.tasks_remaining > 0,
            }
        });
        KnownWork {
            executors: None,
            stages: [Some(maps), reduces]
                .into_iter()
                .flatten()
                .filter(|stage| stage.tasks_remaining > 0)
                .collect(),
        }
    }

    /// When the job's master was up; when the job arrived, if it has none.
    fn up_since_ms(&self, job: u32) -> i64 {
        let state = &self.queue.jobs[job as usize];
        match state.master {
            MasterState::Runs(container) if container != NONE => {
                self.containers.get(container).started_ms + self.application_start_ms
            }
            _ => state.ready_ms,
        }
    }
}
