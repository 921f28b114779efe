//! The summary of a trace: counts, totals, durations, gaps, and the demand over time.

mod demand;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::journal::{TornTail, TraceError, TraceReader};
use super::{ExecutorSize, Header, Job, Record};
use crate::observation::Observation;
use crate::units::{Resources, Timestamp};
use demand::{Curve, Sweep, most_of_each};

/// The longest time that an observation is valid for: three periods of CloudWatch's slowest metrics.
const OBSERVATION_VALID_MAX: Duration = Duration::from_secs(3 * 300);

/// A summary of one trace.
#[derive(Clone, Debug)]
pub struct Info {
    path: PathBuf,
    header: Header,
    contents: Contents,
    torn_tail: Option<TornTail>,
    /// The memory in demand, in MiB.
    demand: Curve,
}

#[derive(Clone, Debug)]
enum Contents {
    Jobs(JobTotals),
    Observations(ObservationTotals),
}

impl Info {
    /// Reads a trace. Memory grows with the number of different durations, not with the length of
    /// the trace.
    ///
    /// # Errors
    /// When the trace cannot be read.
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
    /// The number of jobs.
    pub jobs: u64,
    /// The number of stages.
    pub stages: u64,
    /// The number of tasks, without application masters.
    pub tasks: u64,
    /// The core-hours of the tasks, without application masters.
    pub core_hours: f64,
    /// The GiB-hours of the tasks, without application masters.
    pub gib_hours: f64,
    /// The first submission; `None` without jobs.
    pub first_submit: Option<Duration>,
    /// The last submission.
    pub last_submit: Duration,
    /// Jobs that are Spark applications with executors.
    spark_applications: u64,
    /// The largest container, by memory, then vcores.
    largest: Resources,
    /// The highest demand if nothing waited. Memory and vcores may peak at different instants.
    peak: Resources,
    /// The end of the last task if nothing waited.
    unhindered_end: Duration,
    task_lengths: Lengths,
}

impl JobTotals {
    /// The sums over a list of jobs, without the peak and the end, which need a whole trace.
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
        if let Some(spark) = &job.spark {
            self.spark_applications += 1;
            let sizes = spark.executors.iter().map(ExecutorSize::each);
            self.largest = sizes.fold(self.largest, Resources::max);
        }
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
    /// Observations with YARN, but without virtual cores, which are missing in the sums.
    without_vcores: u64,
    decisions: u64,
    outcomes: u64,
    first: Option<Timestamp>,
    /// The time and the demand of the previous observation.
    last: Option<(Timestamp, Option<Demand>)>,
    intervals: Lengths,
    core_hours: f64,
    gib_hours: f64,
    peak: Resources,
}

/// The demand at one observation.
#[derive(Clone, Copy, Debug)]
struct Demand {
    /// Allocated and pending together.
    total: Resources,
    allocated: Resources,
}

impl ObservationTotals {
    fn add(&mut self, observation: &Observation, start: Timestamp, curve: &mut Curve) {
        let demand = observation.yarn.as_ref().map(|yarn| {
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
            Demand { total, allocated }
        });
        self.observations += 1;
        self.without_yarn += u64::from(demand.is_none());
        self.first.get_or_insert(observation.at);
        if let Some(demand) = demand {
            self.peak = most_of_each(self.peak, demand.total);
        }
        if let Some((last, before)) = self.last.replace((observation.at, demand)) {
            let interval = observation.at.since(last);
            self.intervals.add(interval, 1);
            let valid = interval.min(OBSERVATION_VALID_MAX);
            if let Some(before) = before {
                let hours = valid.as_secs_f64() / 3600.0;
                self.core_hours += hours * before.allocated.vcores.as_f64();
                self.gib_hours += hours * before.allocated.memory.as_f64() / 1024.0;
                let from = last.since(start);
                curve.add(from, from + valid, before.total.memory.as_f64());
            }
        }
    }

    /// The number of intervals longer than three median ones, and the longest interval.
    fn gaps(&self) -> Option<(u64, Duration)> {
        let usual = self.intervals.quantile(0.5)?;
        let count = self.intervals.longer_than(usual.saturating_mul(3));
        (count > 0).then(|| (count, self.intervals.quantile(1.0).unwrap_or_default()))
    }
}

/// How often each duration occurs, to the millisecond.
#[derive(Clone, Debug, Default)]
struct Lengths(BTreeMap<Duration, u64>);

impl Lengths {
    fn add(&mut self, length: Duration, count: u64) {
        *self.0.entry(length).or_default() += count;
    }

    /// The smallest duration such that at least this share of all durations is no longer.
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

#[cfg(test)]
mod tests;
