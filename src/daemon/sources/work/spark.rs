//! What a Spark application says: the stages that run or wait, and the executors that it needs.

use crate::daemon::sources::work::wire::{SparkJob, SparkMetrics, SparkStage, StageStatus};
use crate::import::spark::ExecutorSettings;
use crate::observation::work::{Executors, KnownWork, StageWork};
use crate::units::Timestamp;

/// The answers of one application.
#[derive(Debug)]
pub struct SparkAnswers {
    /// `None` if it does not serve its metrics.
    pub metrics: Option<SparkMetrics>,
    /// The stages that run or wait.
    pub stages: Vec<SparkStage>,
    /// The running jobs; read only while a stage waits.
    pub jobs: Vec<SparkJob>,
    /// `None` if they were not read yet.
    pub settings: Option<ExecutorSettings>,
}

impl SparkAnswers {
    /// The work at the instant `at`. YARN runs `containers` of the application, the application
    /// master's included.
    pub fn work(&self, at: Timestamp, containers: u64) -> KnownWork {
        let gauge = |name| self.metrics.as_ref()?.executors(name);
        let by_yarn = u32::try_from(containers.saturating_sub(1)).unwrap_or(u32::MAX);
        let executors = self.settings.map(|settings| Executors {
            held: gauge("numberAllExecutors").unwrap_or(by_yarn).min(by_yarn),
            needed: gauge("numberMaxNeededExecutors"),
            most: settings.most,
            slots: settings.slots,
            memory: settings.memory,
        });
        let mut stages: Vec<&SparkStage> = self.stages.iter().filter(|s| self.is_left(s)).collect();
        stages.sort_by_key(|stage| stage.stage_id);
        KnownWork {
            executors,
            stages: stages.into_iter().map(|stage| stage.work(at)).collect(),
        }
    }

    /// Whether a stage will run. Spark lists stages whose output exists already as waiting, too: those
    /// come before every running stage of their job.
    fn is_left(&self, stage: &SparkStage) -> bool {
        match stage.status {
            StageStatus::Active => true,
            StageStatus::Pending => {
                let is_active = |id: &i64| {
                    let mut stages = self.stages.iter();
                    stages.any(|other| other.stage_id == *id && other.status == StageStatus::Active)
                };
                let jobs = self.jobs.iter();
                let mut of_stage = jobs.filter(|job| job.stage_ids.contains(&stage.stage_id));
                of_stage.any(|job| {
                    let first_active = job.stage_ids.iter().copied().filter(is_active).min();
                    first_active.is_none_or(|active| stage.stage_id > active)
                })
            }
            StageStatus::Other => false,
        }
    }
}

impl SparkStage {
    fn work(&self, at: Timestamp) -> StageWork {
        StageWork {
            id: u32::try_from(self.stage_id).unwrap_or(u32::MAX),
            attempt: self.attempt_id,
            tasks_done: self.num_complete_tasks,
            tasks_remaining: self.num_tasks.saturating_sub(self.num_complete_tasks),
            tasks_running: self.num_active_tasks,
            task_s: self.task_s(at),
            is_blocked: self.status == StageStatus::Pending,
        }
    }

    /// The mean time of a task, in seconds.
    fn task_s(&self, at: Timestamp) -> Option<f64> {
        if self.num_complete_tasks > 0 {
            let total_s = self.executor_run_time as f64 / 1e3;
            return Some(total_s / f64::from(self.num_complete_tasks));
        }
        let launched = self.first_task_launched_time.as_deref()?;
        let launched = format!("{}Z", launched.strip_suffix("GMT")?);
        let launched: jiff::Timestamp = launched.parse().ok()?;
        let launched = Timestamp::from_millis(launched.as_millisecond());
        Some(at.since(launched).as_secs_f64())
    }
}
