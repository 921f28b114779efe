//! Generates synthetic workloads: workloads, each a set of parameters that
//! `docs/workload-model.md` documents.
//!
//! The same parameters and seed give the same jobs. Every generated trace is marked as `synthetic`.

mod as_spark;
mod draw;
pub mod model;
mod workloads;

use std::path::Path;
use std::time::Duration;

use crate::trace::journal::{TraceError, TraceWriter};
use crate::trace::{FORMAT_VERSION, Header, Job, Kind, Record};
pub use as_spark::as_spark;
pub use model::SyntheticWorkload;
use model::WorkloadModel;

/// The longest workload, in days.
pub const DAYS_MAX: f64 = 366.0;
/// The largest factor on the number of jobs.
pub const RATE_MAX: f64 = 100.0;
/// The most jobs of a workload: they are kept in memory for sorting.
pub const JOBS_MAX: f64 = 1e6;

impl SyntheticWorkload {
    /// The parameters of the workload, changed to another length or number of jobs.
    ///
    /// `rate` multiplies the number of jobs that arrive at random, and the size of jobs with a fixed
    /// time of day.
    ///
    /// # Errors
    /// When `days` or `rate` is not above zero or exceeds its limit, or both together make more than
    /// [`JOBS_MAX`] jobs.
    pub fn workload(self, days: Option<f64>, rate: f64) -> Result<WorkloadModel, GenerateError> {
        let mut workload = workloads::parameters(self);
        if let Some(days) = days {
            if !(days > 0.0 && days <= DAYS_MAX) {
                return Err(GenerateError::Days(days));
            }
            workload.span = Duration::from_secs_f64(days * 86_400.0);
        }
        if !(rate > 0.0 && rate <= RATE_MAX) {
            return Err(GenerateError::Rate(rate));
        }
        workload.scale(rate);
        let expected = workload.expected_jobs();
        if expected > JOBS_MAX {
            return Err(GenerateError::TooManyJobs { expected });
        }
        Ok(workload)
    }
}

/// The jobs of a workload, in the order in which they are submitted.
pub fn generate(workload: &WorkloadModel, seed: u64) -> Vec<Job> {
    let mut jobs = Vec::new();
    // Each class draws from its own random streams, so that changing one class does not change the jobs of others.
    for (index, stream) in workload.streams.iter().enumerate() {
        jobs.extend(draw::random_jobs(stream, workload.span, seed, index as u64));
    }
    for (index, recurring) in workload.recurring.iter().enumerate() {
        jobs.extend(draw::recurring_jobs(
            recurring,
            workload.span,
            seed,
            (workload.streams.len() + index) as u64,
        ));
    }
    jobs.sort_by_key(|job| job.submit);
    jobs
}

/// The number of tasks of all stages, without the application master.
pub fn task_count(job: &Job) -> u64 {
    job.stages
        .iter()
        .flat_map(|stage| &stage.tasks)
        .map(|run| u64::from(run.count))
        .sum()
}

/// The header of a trace of this workload; `command` generates the same trace again.
pub fn header(workload: &WorkloadModel, command: &str) -> Header {
    Header {
        headroom_trace: FORMAT_VERSION,
        kind: Kind::Jobs,
        start: workload.start,
        source: format!("synthetic, made by `{command}`"),
        synthetic: true,
    }
}

/// Writes a trace atomically, replacing an older file. It is compressed if the name ends in `.zst`.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, header: &Header, jobs: Vec<Job>) -> Result<(), TraceError> {
    let mut writer = TraceWriter::create(path, header)?;
    jobs.into_iter()
        .try_for_each(|job| writer.write(&Record::Job(job)))?;
    writer.finish()
}

/// Why a workload cannot be generated.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum GenerateError {
    #[error("{0} days: use a number above 0 and at most {DAYS_MAX}")]
    Days(f64),
    #[error("rate {0}: use a factor above 0 and at most {RATE_MAX}")]
    Rate(f64),
    #[error(
        "this makes about {expected:.0} jobs, more than the limit of {JOBS_MAX:.0}: use fewer days or a lower rate"
    )]
    TooManyJobs { expected: f64 },
}

#[cfg(test)]
mod tests;
