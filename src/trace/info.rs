//! What is in a trace: counts, totals, durations, gaps, and the demand over time.

mod demand;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::journal::{TornTail, TraceError, TraceReader};
use super::{Header, Job, Record, Resources};
use crate::observation::Observation;
use crate::units::{Mebibytes, Timestamp, VirtualCores};
use demand::{Curve, Sweep};

/// An observation stands for the time until the next one, but for no longer than three periods of
/// CloudWatch's slowest metrics.
const OBSERVATION_HOLDS_MAX: Duration = Duration::from_secs(3 * 300);

/// A summary of one trace.
#[derive(Clone, Debug)]
pub struct Info {
    path: PathBuf,
    header: Header,
    contents: Contents,
    torn_tail: Option<TornTail>,
    /// Memory asked for, in MiB.
    demand: Curve,
}

#[derive(Clone, Debug)]
enum Contents {
    Jobs(JobTotals),
    Observations(ObservationTotals),
}

impl Info {
    /// Reads a trace once, from its first record to its last; memory grows with its variety, not
    /// with its length.
    pub fn read(path: &Path) -> Result<Self, TraceError> {
        Self::of(path, TraceReader::open(path)?)
    }

    fn of(path: &Path, mut reader: TraceReader) -> Result<Self, TraceError> {
        let header = reader.header().clone();
        let mut jobs = JobTotals::default();
        let mut observations = ObservationTotals::default();
        let mut sweep = Sweep::default();
        for record in &mut reader {
            match record? {
                Record::Job(job) => {
                    jobs.add(&job);
                    sweep.add(&job);
                }
                Record::Observation(observation) => {
                    observations.add(&observation, header.start, &mut sweep.curve)
                }
                Record::Decision(_) => observations.decisions += 1,
                Record::Outcome(_) => observations.outcomes += 1,
                Record::Start(_) => {}
            }
        }
        let (demand, peak, end) = sweep.finish();
        let contents = match header.kind {
            super::Kind::Jobs => Contents::Jobs(JobTotals {
                peak,
                unhindered_end: end,
                ..jobs
            }),
            super::Kind::Observations => Contents::Observations(observations),
        };
        Ok(Self {
            path: path.to_owned(),
            header,
            contents,
            torn_tail: reader.torn_tail(),
            demand,
        })
    }
}

/// Sums over jobs.
#[derive(Clone, Debug, Default)]
pub struct JobTotals {
    pub jobs: u64,
    pub stages: u64,
    pub tasks: u64,
    /// Of the tasks, without application masters.
    pub core_hours: f64,
    /// Of the tasks, without application masters.
    pub gib_hours: f64,
    pub first_submit: Option<Duration>,
    pub last_submit: Duration,
    /// By memory, then vcores.
    largest: Resources,
    /// The most that is asked for at any instant when nothing waits: memory and vcores, each at its
    /// own instant.
    peak: Resources,
    /// When the last task would end if nothing waited.
    unhindered_end: Duration,
    task_lengths: Lengths,
}

impl JobTotals {
    pub fn of(jobs: &[Job]) -> Self {
        let mut totals = Self::default();
        jobs.iter().for_each(|job| totals.add(job));
        totals
    }

    fn add(&mut self, job: &Job) {
        self.jobs += 1;
        self.stages += job.stages.len() as u64;
        self.first_submit.get_or_insert(job.submit);
        self.last_submit = job.submit;
        self.largest = self.largest.max(job.application_master.unwrap_or_default());
        for stage in &job.stages {
            self.largest = self.largest.max(stage.each());
            for run in &stage.tasks {
                let hours = f64::from(run.count) * run.duration.as_secs_f64() / 3600.0;
                self.tasks += u64::from(run.count);
                self.core_hours += hours * stage.vcores.as_f64();
                self.gib_hours += hours * stage.memory.as_f64() / 1024.0;
                self.task_lengths.add(run.duration, run.count.into());
            }
        }
    }
}

/// Sums over a recording.
#[derive(Clone, Debug, Default)]
struct ObservationTotals {
    observations: u64,
    without_yarn: u64,
    /// With YARN, but nobody counted its virtual cores: they are missing in the sums.
    without_vcores: u64,
    decisions: u64,
    outcomes: u64,
    first: Option<Timestamp>,
    /// The observation before the present one, and what it asked for, if it knew.
    last: Option<(Timestamp, Option<Asked>)>,
    intervals: Lengths,
    core_hours: f64,
    gib_hours: f64,
    peak: Resources,
}

/// Allocated and pending.
#[derive(Clone, Copy, Debug)]
struct Asked {
    total: Resources,
    allocated: Resources,
}

impl ObservationTotals {
    fn add(&mut self, observation: &Observation, start: Timestamp, curve: &mut Curve) {
        let asked = observation.yarn.as_ref().map(|yarn| {
            let yarn = yarn.value;
            let vcores = yarn.vcores_allocated.zip(yarn.vcores_pending);
            self.without_vcores += u64::from(vcores.is_none());
            let (vcores_allocated, vcores_pending) = vcores.unwrap_or_default();
            let allocated = Resources {
                memory: yarn.memory_allocated,
                vcores: vcores_allocated,
            };
            let total = Resources {
                memory: yarn.memory_allocated + yarn.memory_pending,
                vcores: vcores_allocated + vcores_pending,
            };
            Asked { total, allocated }
        });
        self.observations += 1;
        self.without_yarn += u64::from(asked.is_none());
        self.first.get_or_insert(observation.at);
        if let Some(asked) = asked {
            self.peak = most_of_each(self.peak, asked.total);
        }
        if let Some((last, before)) = self.last.replace((observation.at, asked)) {
            let interval = observation.at.since(last);
            self.intervals.add(interval, 1);
            let held = interval.min(OBSERVATION_HOLDS_MAX);
            if let Some(before) = before {
                let hours = held.as_secs_f64() / 3600.0;
                self.core_hours += hours * before.allocated.vcores.as_f64();
                self.gib_hours += hours * before.allocated.memory.as_f64() / 1024.0;
                let from = last.since(start);
                curve.add(from, from + held, before.total.memory.as_f64());
            }
        }
    }

    /// How many intervals are wider than three usual ones, and the widest.
    fn gaps(&self) -> Option<(u64, Duration)> {
        let usual = self.intervals.quantile(0.5)?;
        let count = self.intervals.longer_than(usual.saturating_mul(3));
        (count > 0).then(|| (count, self.intervals.quantile(1.0).unwrap_or_default()))
    }
}

fn most_of_each(a: Resources, b: Resources) -> Resources {
    Resources {
        memory: a.memory.max(b.memory),
        vcores: a.vcores.max(b.vcores),
    }
}

/// How often each length occurs, to the millisecond.
#[derive(Clone, Debug, Default)]
struct Lengths(BTreeMap<Duration, u64>);

impl Lengths {
    fn add(&mut self, length: Duration, count: u64) {
        *self.0.entry(length).or_default() += count;
    }

    /// The smallest length such that at least this share of them is no longer.
    fn quantile(&self, share: f64) -> Option<Duration> {
        let wanted = (share * self.0.values().sum::<u64>() as f64)
            .ceil()
            .max(1.0) as u64;
        let mut seen = 0;
        self.0
            .iter()
            .find(|(_, count)| {
                seen += **count;
                seen >= wanted
            })
            .map(|(length, _)| *length)
    }

    fn longer_than(&self, bound: Duration) -> u64 {
        self.0
            .range((std::ops::Bound::Excluded(bound), std::ops::Bound::Unbounded))
            .map(|(_, count)| count)
            .sum()
    }
}

impl Resources {
    fn from_i128(memory_mib: i128, vcores: i128) -> Self {
        let clamp = |amount: i128| u64::try_from(amount.max(0)).unwrap_or(u64::MAX);
        Self {
            memory: Mebibytes(clamp(memory_mib)),
            vcores: VirtualCores(clamp(vcores)),
        }
    }
}

#[cfg(test)]
mod tests;
