//! The parameters of a synthetic workload, which determine it together with the seed.
//! `docs/workload-model.md` gives the reasons for their values.

use std::time::Duration;

use crate::trace::{ExecutorAllocation, ExecutorSize};
use crate::units::Timestamp;

/// A synthetic workload that can be generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntheticWorkload {
    /// A working day of interactive queries and batch jobs.
    OfficeDay,
    /// Three large jobs each night.
    NightlyBatch,
    /// Floods of short tasks.
    ShortContainers,
    /// A steady load of tasks that are long enough for spot interruptions to hurt.
    SpotStorm,
    /// A day of Spark applications with executors.
    SparkDay,
}

impl SyntheticWorkload {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::OfficeDay,
        Self::NightlyBatch,
        Self::ShortContainers,
        Self::SpotStorm,
        Self::SparkDay,
    ];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OfficeDay => "office-day",
            Self::NightlyBatch => "nightly-batch",
            Self::ShortContainers => "short-containers",
            Self::SpotStorm => "spot-storm",
            Self::SparkDay => "spark-day",
        }
    }

    /// One line for a list of workloads.
    pub const fn summary(self) -> &'static str {
        match self {
            Self::OfficeDay => "one working day of queries and batch, in bursts",
            Self::NightlyBatch => "the same three large jobs each night, for 14 days",
            Self::ShortContainers => "floods of tasks shorter than 30 s, for 8 hours",
            Self::SpotStorm => "a steady load of long tasks, for 12 hours",
            Self::SparkDay => "one day of Spark: SQL, notebooks that idle, nightly ETL",
        }
    }

    /// The workload of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|workload| workload.name() == name)
    }
}

/// The parameters of a synthetic workload.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadModel {
    /// Midnight UTC of the first day; hours of the day count from here.
    pub start: Timestamp,
    /// Jobs arrive within this time from `start`; recurring jobs may be late by their jitter.
    pub span: Duration,
    /// The classes of jobs that arrive at random.
    pub streams: Vec<Stream>,
    /// The jobs that run every day.
    pub recurring: Vec<Recurring>,
}

/// Jobs of one class that arrive at random: a Poisson process whose rate follows the hour and jumps
/// during bursts.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The first part of the job ids.
    pub class: &'static str,
    /// The rate while `by_hour` is 1 and there is no burst.
    pub jobs_per_hour: f64,
    /// A factor on the rate for each hour of the day.
    pub by_hour: [f64; 24],
    /// Times of a higher rate.
    pub bursts: Option<Bursts>,
    /// The size and structure of the jobs.
    pub shape: JobShape,
}

/// Times of a higher rate. Gaps and lengths are exponentially distributed; bursts never overlap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// How many begin per hour while there is none.
    pub per_hour: f64,
    /// The mean length.
    pub length_mean_s: f64,
    /// A factor on the rate, above 1.
    pub factor: f64,
}

/// A job that runs every day at the same time, under the same name.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurring {
    /// The name of the job.
    pub name: &'static str,
    /// The time of day, from midnight UTC.
    pub at: Duration,
    /// The standard deviation of the start, which is normally distributed and cut off at three
    /// deviations.
    pub jitter_s: f64,
    /// The size and structure of the job.
    pub shape: JobShape,
}

/// The size and structure of the jobs of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct JobShape {
    /// The work of the whole job: the sum of its tasks' seconds.
    pub work: Size,
    /// The mean seconds of the tasks of a stage, drawn once for each stage.
    pub task: LogNormal,
    /// The spread of the tasks within a stage: sigma of a lognormal distribution of mean 1.
    pub task_sigma: f64,
    /// The longest task.
    pub task_max_s: f64,
    /// The most tasks of a stage; a larger stage has longer tasks instead.
    pub tasks_max: u32,
    /// The structures to pick from for each job, all equally likely.
    pub plans: &'static [Plan],
    /// The container sizes to pick from for each stage; none for Spark.
    pub containers: &'static [Choice],
    /// The sizes of the application master to pick from for each job.
    pub masters: &'static [Choice],
    /// For Spark, the executors that run the tasks; otherwise each task is a container.
    pub spark: Option<SparkShape>,
}

/// How the Spark applications of a class run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SparkShape {
    /// The executors of the application, in place of containers.
    pub executor: ExecutorSize,
    /// How many executors an application has.
    pub allocation: ExecutorAllocation,
    /// How long an executor starts.
    pub executor_start: Duration,
    /// Seconds for which the driver pauses before each Spark job.
    pub pause: LogNormal,
    /// Whether each stage is a Spark job of its own, as with adaptive execution and in notebooks.
    pub has_job_per_stage: bool,
    /// Whether the first stage caches what it computes.
    pub caches: bool,
}

/// The stages of a job, in an order in which they can run.
pub type Plan = &'static [StagePlan];

/// One stage of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StagePlan {
    /// Positions of the stages that must finish first.
    pub after: &'static [u32],
    /// The share of the job's work; the shares of a plan add up to 1.
    pub share: f64,
}

/// A container size that can be picked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    /// Its memory.
    pub memory_gib: u64,
    /// Its virtual cores.
    pub vcores: u64,
    /// How often it is picked relative to the other choices.
    pub weight: f64,
}

/// The distribution of the size of jobs, in task-seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// A heavy tail up to `max_s`: a share of `2^-alpha` of the jobs above any size is also above
    /// twice that size.
    BoundedPareto {
        /// The smallest size.
        min_s: f64,
        /// The largest size.
        max_s: f64,
        /// The exponent of the tail.
        alpha: f64,
    },
    /// Lognormally distributed.
    LogNormal(LogNormal),
}

/// A lognormal distribution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    /// The median.
    pub median: f64,
    /// The standard deviation of the logarithm.
    pub sigma: f64,
}

impl WorkloadModel {
    /// Multiplies the number of random arrivals and the size of recurring jobs by `rate`.
    pub(super) fn scale(&mut self, rate: f64) {
        for stream in &mut self.streams {
            stream.jobs_per_hour *= rate;
        }
        for recurring in &mut self.recurring {
            recurring.shape.work = recurring.shape.work.scaled(rate);
            recurring.shape.tasks_max = (f64::from(recurring.shape.tasks_max) * rate).ceil() as u32;
        }
    }

    /// The mean number of jobs over all seeds.
    pub fn expected_jobs(&self) -> f64 {
        let random: f64 = self
            .streams
            .iter()
            .map(|stream| stream.expected_jobs(self.span))
            .sum();
        random + self.recurring.len() as f64 * (self.span.as_secs_f64() / 86_400.0).ceil()
    }
}

impl Stream {
    /// The rate in jobs per second, `elapsed_s` after the workload's start.
    pub(super) fn rate_per_s(&self, elapsed_s: f64, in_burst: bool) -> f64 {
        let hour = (elapsed_s / 3_600.0) as usize % 24;
        let lift = self
            .bursts
            .filter(|_| in_burst)
            .map_or(1.0, |bursts| bursts.factor);
        self.jobs_per_hour / 3_600.0 * self.by_hour[hour] * lift
    }

    /// An upper bound of [`Self::rate_per_s`], which thinning needs.
    pub(super) fn rate_max_per_s(&self) -> f64 {
        let peak = self
            .by_hour
            .iter()
            .fold(0.0, |peak: f64, factor| peak.max(*factor));
        self.jobs_per_hour / 3_600.0
            * peak
            * self.bursts.map_or(1.0, |bursts| bursts.factor.max(1.0))
    }

    /// The mean number of jobs over all seeds; bursts count with their share of a long time.
    pub fn expected_jobs(&self, span: Duration) -> f64 {
        let hours = span.as_secs_f64() / 3_600.0;
        let (days, rest) = ((hours / 24.0).floor(), hours % 24.0);
        let of_day: f64 = self.by_hour.iter().sum();
        let of_rest: f64 = self
            .by_hour
            .iter()
            .enumerate()
            .map(|(hour, factor)| factor * (rest - hour as f64).clamp(0.0, 1.0))
            .sum();
        self.jobs_per_hour
            * (days * of_day + of_rest)
            * self.bursts.map_or(1.0, Bursts::mean_factor)
    }
}

impl Bursts {
    fn mean_factor(self) -> f64 {
        let length_h = self.length_mean_s / 3_600.0;
        let share = length_h / (length_h + 1.0 / self.per_hour);
        1.0 + share * (self.factor - 1.0)
    }
}

impl Size {
    fn scaled(self, rate: f64) -> Self {
        match self {
            Self::BoundedPareto {
                min_s,
                max_s,
                alpha,
            } => Self::BoundedPareto {
                min_s: min_s * rate,
                max_s: max_s * rate,
                alpha,
            },
            Self::LogNormal(LogNormal { median, sigma }) => Self::LogNormal(LogNormal {
                median: median * rate,
                sigma,
            }),
        }
    }
}
