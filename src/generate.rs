//! Synthetic workloads: four scenarios, each a documented set of parameters, drawn with a seed. See
//! `docs/workload-model.md`.
//!
//! The same parameters and seed give the same jobs. Nothing here was recorded from a cluster, and
//! every trace says so (`synthetic`).

mod draw;
pub mod model;
mod scenarios;

use std::path::Path;
use std::time::Duration;

use crate::trace::journal::{TraceError, TraceWriter};
use crate::trace::{FORMAT_VERSION, Header, Job, Kind, Record};
use model::Workload;

/// The longest workload, in days.
pub const DAYS_MAX: f64 = 366.0;
/// The largest factor on the number of jobs.
pub const RATE_MAX: f64 = 100.0;
/// Jobs are held in memory until they are sorted: more than this are refused.
pub const JOBS_MAX: f64 = 1e6;

/// A kind of workload that this program can make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    OfficeDay,
    NightlyBatch,
    ShortContainers,
    SpotStorm,
}

impl Scenario {
    pub const ALL: [Self; 4] = [
        Self::OfficeDay,
        Self::NightlyBatch,
        Self::ShortContainers,
        Self::SpotStorm,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::OfficeDay => "office-day",
            Self::NightlyBatch => "nightly-batch",
            Self::ShortContainers => "short-containers",
            Self::SpotStorm => "spot-storm",
        }
    }

    /// One line for a list of scenarios.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::OfficeDay => "one working day of queries and batch, in bursts",
            Self::NightlyBatch => "the same three large jobs each night, for 14 days",
            Self::ShortContainers => "floods of tasks shorter than 30 s, for 8 hours",
            Self::SpotStorm => "a steady load of long tasks, for 12 hours",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.name() == name)
    }

    /// The scenario's parameters, with another length or another number of jobs where asked for.
    ///
    /// `rate` multiplies the jobs that arrive at random; jobs with a fixed time of day come as
    /// often as before and grow in size.
    ///
    /// # Errors
    /// When `days` or `rate` is not above zero or beyond its limit, or when both together make more
    /// than [`JOBS_MAX`] jobs.
    pub fn workload(self, days: Option<f64>, rate: f64) -> Result<Workload, GenerateError> {
        let mut workload = scenarios::parameters(self);
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
pub fn generate(workload: &Workload, seed: u64) -> Vec<Job> {
    let mut jobs = Vec::new();
    // Each class draws from streams of its own: a parameter of one class leaves the jobs of the
    // others as they were.
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

/// Tasks of all stages, the application master not counted.
pub fn task_count(job: &Job) -> u64 {
    job.stages
        .iter()
        .flat_map(|stage| &stage.tasks)
        .map(|run| u64::from(run.count))
        .sum()
}

/// The first line of a trace of this workload; `command` is what makes the same trace again.
pub fn header(workload: &Workload, command: &str) -> Header {
    Header {
        headroom_trace: FORMAT_VERSION,
        kind: Kind::Jobs,
        start: workload.start,
        source: format!("synthetic, made by `{command}`"),
        synthetic: true,
    }
}

/// Writes a trace whole: a file of this name is replaced at the end or not at all. A name that ends
/// in `.zst` is compressed.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, header: &Header, jobs: Vec<Job>) -> Result<(), TraceError> {
    let mut writer = TraceWriter::create(path, header)?;
    jobs.into_iter()
        .try_for_each(|job| writer.write(&Record::Job(job)))?;
    writer.finish()
}

/// Why there is no workload, or no file.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error("{0} days: use a number above 0 and at most {DAYS_MAX}")]
    Days(f64),
    #[error("rate {0}: use a factor above 0 and at most {RATE_MAX}")]
    Rate(f64),
    #[error(
        "that makes about {expected:.0} jobs, and {JOBS_MAX:.0} are the limit: use fewer days or a lower rate"
    )]
    TooManyJobs { expected: f64 },
}

#[cfg(test)]
mod tests;
