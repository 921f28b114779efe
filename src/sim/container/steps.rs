//! EMR's steps: jobs that EMR submits to YARN one after the other, as it does unless it is told to run
//! several at the same time.

use std::collections::VecDeque;

use crate::observation::steps::{Step, Steps};
use crate::sim::job_work::JobWork;

/// How many steps run at the same time.
const CONCURRENCY: u32 = 1;

/// The steps that have been added and have not ended.
#[derive(Debug, Default)]
pub(super) struct StepQueue {
    /// The job that runs, and when it started.
    running: Option<(u32, i64)>,
    /// Jobs that wait for their turn, in order of submission.
    pending: VecDeque<u32>,
}

impl StepQueue {
    /// Adds a step. Returns the one that starts.
    pub fn add(&mut self, job: u32, now_ms: i64) -> Option<u32> {
        self.pending.push_back(job);
        self.start_next(now_ms)
    }

    /// Ends the step that runs. Returns the one that starts.
    pub fn end(&mut self, now_ms: i64) -> Option<u32> {
        self.running = None;
        self.start_next(now_ms)
    }

    /// Whether EMR has not yet submitted the job to YARN.
    pub fn is_pending(&self, job: u32) -> bool {
        self.pending.binary_search(&job).is_ok()
    }

    /// The steps as EMR would list them; `None` if no job is a step.
    pub fn listed(&self, work: &JobWork) -> Option<Steps> {
        let listed = |job: u32, started_ms: Option<i64>| Step {
            id: format!("s-{job}").into(),
            name: work.jobs[job as usize].name.clone(),
            started_at: started_ms.map(|at_ms| work.at(at_ms)),
        };
        let running = self.running.iter();
        let running = running.map(|(job, at_ms)| listed(*job, Some(*at_ms)));
        let pending = self.pending.iter().map(|job| listed(*job, None));
        work.has_steps.then(|| Steps {
            concurrency: CONCURRENCY,
            steps: running.chain(pending).collect(),
        })
    }

    fn start_next(&mut self, now_ms: i64) -> Option<u32> {
        if self.running.is_some() {
            return None;
        }
        let job = self.pending.pop_front()?;
        self.running = Some((job, now_ms));
        Some(job)
    }
}
