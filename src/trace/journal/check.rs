//! Validates records beyond their syntax. Reader and writer use the same checks, so whatever was
//! written can be read.

use std::time::Duration;

use crate::decision::Decision;
use crate::observation::Observation;
use crate::trace::{Job, Kind, Record, Stage, seconds};
use crate::units::display_duration;

/// The most tasks of one job. No recording has as many; a larger count is a mistake.
pub(crate) const TASKS_MAX: u64 = 1_000_000_000;

/// Why a record is invalid or in the wrong place, and how to fix it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum InvalidRecord {
    #[error(
        "a trace of kind {kind} cannot have the record `{found}`; put each kind in its own file"
    )]
    WrongKind {
        found: &'static str,
        kind: &'static str,
    },
    #[error("the job is submitted at {}, before the one above it ({}); order jobs by `submit_s`", display_duration(*submit), display_duration(*last))]
    SubmitWentBack { submit: Duration, last: Duration },
    #[error("the job has no stages; leave out jobs without work")]
    NoStages,
    #[error("stage {stage} has no tasks, or a run of 0 tasks; leave it out")]
    NoTasks { stage: usize },
    #[error("the job has more than {TASKS_MAX} tasks; check the counts")]
    TooManyTasks,
    #[error("stage {stage} waits for stage {after}; list a stage after those that it waits for")]
    AfterLater { stage: usize, after: u32 },
    #[error(
        "the tasks of stage {stage} take neither memory nor vcores; give `memory_mib`, `vcores` or both"
    )]
    NoSize { stage: usize },
    #[error("a time is longer than a hundred years; write times in seconds")]
    TooLong,
    #[error("{what} is {value}; leave out values that are not finite numbers")]
    NotFinite { what: String, value: f64 },
}

/// Checks the records of one trace in file order.
pub(crate) struct Sequence {
    kind: Kind,
    last_submit: Duration,
}

impl Sequence {
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            last_submit: Duration::ZERO,
        }
    }

    /// Checks the next record in file order.
    pub fn check(&mut self, record: &Record) -> Result<(), InvalidRecord> {
        let (found, home) = match record {
            Record::Start(_) => ("start", Kind::Observations),
            Record::Observation(_) => ("observation", Kind::Observations),
            Record::Decision(_) => ("decision", Kind::Observations),
            Record::Outcome(_) => ("outcome", Kind::Observations),
            Record::Job(_) => ("job", Kind::Jobs),
        };
        if home != self.kind {
            return Err(InvalidRecord::WrongKind {
                found,
                kind: self.kind.as_str(),
            });
        }
        match record {
            Record::Job(job) => self.job(job),
            Record::Observation(observation) => self.observation(observation),
            Record::Decision(decision) => readings_are_finite(decision),
            Record::Start(_) | Record::Outcome(_) => Ok(()),
        }
    }

    fn job(&mut self, job: &Job) -> Result<(), InvalidRecord> {
        if job.submit < self.last_submit {
            return Err(InvalidRecord::SubmitWentBack {
                submit: job.submit,
                last: self.last_submit,
            });
        }
        self.last_submit = job.submit;
        check_job(job)
    }

    fn observation(&mut self, observation: &Observation) -> Result<(), InvalidRecord> {
        // JSON cannot represent NaN and infinity, so they could not be read back.
        match observation
            .metrics
            .iter()
            .find(|(_, metric)| !metric.value.is_finite())
        {
            Some((id, metric)) => Err(InvalidRecord::NotFinite {
                what: format!("metric {id}"),
                value: metric.value,
            }),
            None => Ok(()),
        }
    }
}

fn readings_are_finite(decision: &Decision) -> Result<(), InvalidRecord> {
    match decision
        .readings
        .iter()
        .find(|reading| !reading.value.is_finite())
    {
        Some(reading) => Err(InvalidRecord::NotFinite {
            what: format!("reading {}", reading.signal),
            value: reading.value,
        }),
        None => Ok(()),
    }
}

/// Checks a job on its own, regardless of its place in a trace.
pub(crate) fn check_job(job: &Job) -> Result<(), InvalidRecord> {
    if job.stages.is_empty() {
        return Err(InvalidRecord::NoStages);
    }
    if job.submit > seconds::LONGEST {
        return Err(InvalidRecord::TooLong);
    }
    let mut tasks_total = 0_u64;
    for (position, stage) in job.stages.iter().enumerate() {
        check_stage(position, stage)?;
        tasks_total = stage
            .tasks
            .iter()
            .fold(tasks_total, |sum, run| sum.saturating_add(run.count.into()));
    }
    if tasks_total > TASKS_MAX {
        Err(InvalidRecord::TooManyTasks)
    } else {
        Ok(())
    }
}

fn check_stage(position: usize, stage: &Stage) -> Result<(), InvalidRecord> {
    if let Some(&after) = stage
        .after
        .iter()
        .find(|after| **after as usize >= position)
    {
        return Err(InvalidRecord::AfterLater {
            stage: position,
            after,
        });
    }
    if stage.memory.get() == 0 && stage.vcores.get() == 0 {
        return Err(InvalidRecord::NoSize { stage: position });
    }
    if stage.tasks.is_empty() || stage.tasks.iter().any(|run| run.count == 0) {
        return Err(InvalidRecord::NoTasks { stage: position });
    }
    if stage
        .tasks
        .iter()
        .any(|run| run.duration > seconds::LONGEST)
    {
        return Err(InvalidRecord::TooLong);
    }
    Ok(())
}
