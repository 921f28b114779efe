//! What simulated Spark applications say of their work, as the daemon would read it.

use super::super::state::ContainerWorkload;
use super::driver::{Driver, StageProgress};
use crate::observation::work::{Executors, KnownWork, StageWork};
use crate::sim::job_work::JobWork;
use crate::trace::ExecutorAllocation;
use crate::units::Resources;

impl ContainerWorkload<'_> {
    /// What the driver of a Spark application says; `None` for other jobs.
    pub(in super::super) fn said_by_spark(&self, job: u32, now_ms: i64) -> Option<KnownWork> {
        let spark = self.spark.as_ref()?;
        let driver = spark.drivers[job as usize].as_deref()?;
        let first_stage = self.work.jobs[job as usize].first_stage;
        Some(self.said_by_driver(driver, &spark.progress, first_stage, now_ms))
    }

    fn said_by_driver(
        &self,
        driver: &Driver,
        progress: &[StageProgress],
        first_stage: u32,
        now_ms: i64,
    ) -> KnownWork {
        let stages = driver.visible.iter().map(|stage| {
            let unfinished = self.queue.stages[*stage as usize].unfinished;
            StageWork {
                id: *stage - first_stage,
                ..said_of_stage(&progress[*stage as usize], unfinished, now_ms)
            }
        });
        KnownWork {
            executors: said_of_executors(driver, self.work),
            stages: stages.collect(),
        }
    }
}

/// The executors of all resource profiles, in the size of the first, as the metrics of the driver do
/// not distinguish profiles.
fn said_of_executors(driver: &Driver, work: &JobWork) -> Option<Executors> {
    let first = driver.pools.first()?;
    let size: Resources = work.stages[first.row as usize].each;
    let held = driver.pools.iter().map(|pool| pool.executors.len() as u32);
    let (needed, most) = match driver.allocation() {
        ExecutorAllocation::Fixed(count) => (None, Some(count)),
        ExecutorAllocation::Dynamic(dynamic) => {
            let needed = driver.pools.iter().map(|pool| pool.needed());
            (Some(needed.fold(0, u32::saturating_add)), dynamic.max)
        }
    };
    Some(Executors {
        held: held.fold(0, u32::saturating_add),
        needed,
        most,
        slots: first.slots,
        memory: size.memory,
    })
}

fn said_of_stage(progress: &StageProgress, unfinished: u64, now_ms: i64) -> StageWork {
    let seconds = |ms: i64| ms as f64 / 1e3;
    let task_s = if progress.completed > 0 {
        Some(seconds(progress.run_ms) / f64::from(progress.completed))
    } else {
        let launched_ms = progress.first_launch_ms;
        launched_ms.map(|launched_ms| seconds(now_ms - launched_ms))
    };
    StageWork {
        id: 0,
        attempt: progress.attempts.saturating_sub(1),
        tasks_done: progress.completed,
        tasks_remaining: u32::try_from(unfinished).unwrap_or(u32::MAX),
        tasks_running: progress.running,
        task_s,
        is_blocked: !progress.is_submitted,
    }
}
