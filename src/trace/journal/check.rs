//! What must hold of records beyond their syntax. Reader and writer ask the same question, so what
//! was written can be read.

use std::time::Duration;

use crate::decision::Decision;
use crate::observation::Observation;
use crate::trace::{Job, Kind, Record, Stage, seconds};
use crate::units::display_duration;

/// More tasks than any recording of one job has: such a count is a mistake.
pub(crate) const TASKS_MAX: u64 = 1_000_000_000;

/// Why a record does not belong where it stands, and what would be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InvalidRecord {
    #[error(
        "the record `{found}` does not belong in a trace of kind {kind}; each kind has its own file"
    )]
    WrongKind {
        found: &'static str,
        kind: &'static str,
    },
    #[error("the job is submitted at {}, before the one above it ({}); order jobs by `submit_s`", display_duration(*submit), display_duration(*last))]
    SubmitWentBack { submit: Duration, last: Duration },
    #[error("the job has no stages; a job without work is left out of a trace")]
    NoStages,
    #[error("stage {stage} has no tasks, or a run of none; leave it out")]
    NoTasks { stage: usize },
    #[error("the job has more than {TASKS_MAX} tasks; is a count wrong?")]
    TooManyTasks,
    #[error(
        "stage {stage} waits for stage {after}; a stage can only wait for one that stands before it"
    )]
    AfterLater { stage: usize, after: u32 },
    #[error(
        "the tasks of stage {stage} take neither memory nor vcores; give `memory_mib`, `vcores` or both"
    )]
    NoSize { stage: usize },
    #[error("a time of more than a hundred years; times are in seconds")]
    TooLong,
    #[error("{what} is {value}; leave out what is not a number")]
    NotFinite { what: String, value: f64 },
}

/// Watches the records of one trace go by.
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

    /// The next record in file order.
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
        // JSON has no word for these: written as they are, they could not be read back.
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

/// What must hold of a job wherever it stands.
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
