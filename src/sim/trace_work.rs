//! The work of a trace: its jobs, or what is reconstructed from its observations.

use std::time::Duration;

use super::job_work::{JobWork, JobWorkError};
use super::observed_work::{ObservedWork, ObservedWorkError};
use super::unhindered;
use crate::trace::{Header, Kind, Record};
use crate::units::Timestamp;

/// The work of a trace.
#[derive(Clone, Debug, PartialEq)]
pub enum TraceWork {
    /// Jobs, served container by container.
    Jobs(JobWork),
    /// Observations, whose work is served as a fluid.
    Observations(ObservedWork),
}

/// Why a trace cannot be simulated. `E` is the error of its reader.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E: std::error::Error + 'static> {
    /// A record cannot be read.
    #[error(transparent)]
    Trace(E),
    /// A job cannot be simulated.
    #[error(transparent)]
    Jobs(#[from] JobWorkError),
    /// The work behind the observations cannot be reconstructed.
    #[error(transparent)]
    Observed(#[from] ObservedWorkError),
}

impl TraceWork {
    /// Reads a trace of either kind to its end. `assumed_container_lifetime` is used where
    /// observations do not count released containers.
    ///
    /// # Errors
    /// The first record that cannot be read or simulated.
    pub fn read<E: std::error::Error>(
        header: &Header,
        records: impl IntoIterator<Item = Result<Record, E>>,
        assumed_container_lifetime: Option<Duration>,
    ) -> Result<Self, ReadError<E>> {
        match header.kind {
            Kind::Jobs => {
                let mut work = JobWork::new(header.start);
                for record in records {
                    if let Record::Job(job) = record.map_err(ReadError::Trace)? {
                        work.push(&job)?;
                    }
                }
                unhindered::measure(&mut work);
                Ok(Self::Jobs(work))
            }
            Kind::Observations => {
                let mut work = ObservedWork::builder(assumed_container_lifetime);
                for record in records {
                    if let Record::Observation(observation) = record.map_err(ReadError::Trace)? {
                        work.push(&observation);
                    }
                }
                Ok(Self::Observations(work.finish()?))
            }
        }
    }

    /// Whether there is nothing to run: no jobs, or observations without load.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Jobs(work) => work.jobs.is_empty(),
            Self::Observations(work) => work.parcels.is_empty(),
        }
    }

    /// Whether applications say what work they have left, as Spark applications with executors and
    /// MapReduce jobs do.
    pub fn says_what_is_left(&self) -> bool {
        match self {
            Self::Jobs(work) => {
                work.has_map_reduce || work.jobs.iter().any(|job| job.spark.is_some())
            }
            Self::Observations(_) => false,
        }
    }

    /// When the trace begins.
    pub fn start(&self) -> Timestamp {
        match self {
            Self::Jobs(work) => work.start,
            Self::Observations(work) => work.start,
        }
    }

    /// The time from the start until the last work arrives.
    pub fn span(&self) -> Duration {
        let last_ms = match self {
            Self::Jobs(work) => work.jobs.last().map_or(0, |job| job.submit_ms),
            Self::Observations(work) => work.end_ms,
        };
        Duration::from_millis(last_ms.unsigned_abs())
    }
}
