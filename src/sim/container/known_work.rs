//! What simulated applications say of their work, as the daemon would read it.

use super::applications::held_by_job;
use super::queue::MasterState;
use super::state::ContainerWorkload;
use crate::observation::work::{ApplicationKind, ApplicationWork, Work, WorkOrReason, WorkUnknown};

/// The most applications that are listed, as in the daemon's settings by default.
const LISTED: usize = 20;

impl ContainerWorkload<'_> {
    /// The work of all running applications; `None` if the trace has neither Spark applications with
    /// executors nor MapReduce jobs.
    pub(super) fn known_work(&self, now_ms: i64) -> Option<Work> {
        let work = self.work;
        let is_listed =
            self.spark.is_some() || work.has_map_reduce || work.has_names || work.has_steps;
        if !is_listed {
            return None;
        }
        let held = held_by_job(&self.containers);
        let running = (self.submitted_jobs()).filter(|job| self.is_running(*job));
        let applications = running.map(|job| {
            let (containers, allocated) = held.get(&job).copied().unwrap_or_default();
            let spec = &self.work.jobs[job as usize];
            let (kind, work) = self.said_by(job, now_ms);
            ApplicationWork {
                id: spec.id.clone(),
                name: spec.name.clone(),
                queue: self.work.submitters[spec.submitter as usize].queue.clone(),
                kind,
                memory_allocated: allocated.memory,
                vcores_allocated: allocated.vcores,
                containers,
                work,
            }
        });
        Some(Work::of(applications.collect(), LISTED))
    }

    /// Whether YARN lists a job, which it has got, as running.
    pub(super) fn is_running(&self, job: u32) -> bool {
        let state = &self.queue.jobs[job as usize];
        let is_up = matches!(state.master, MasterState::Runs(_) | MasterState::Absent);
        state.stages_left > 0 && is_up
    }

    fn said_by(&self, job: u32, now_ms: i64) -> (ApplicationKind, WorkOrReason) {
        if let Some(known) = self.said_by_spark(job, now_ms) {
            (ApplicationKind::Spark, WorkOrReason::Known(known))
        } else if self.work.jobs[job as usize].map_reduce.is_some() {
            let known = self.said_of_map_reduce(job, now_ms);
            (ApplicationKind::MapReduce, WorkOrReason::Known(known))
        } else {
            let unknown = WorkOrReason::Unknown(WorkUnknown::OtherFramework);
            (ApplicationKind::Other, unknown)
        }
    }
}
