//! The parameters of a workload: every number that determines it besides the seed. Their argument
//! is in `docs/workload-model.md`.

use std::time::Duration;

use crate::units::Timestamp;

/// A whole workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// Midnight UTC of the first day; hours of the day count from here.
    pub start: Timestamp,
    /// Jobs come within this time of `start`; one that comes every day may be late by its jitter.
    pub span: Duration,
    pub streams: Vec<Stream>,
    pub recurring: Vec<Recurring>,
}

/// Jobs of one class that arrive at random: a Poisson process whose rate follows the hour and jumps
/// during bursts.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// The first part of the job ids.
    pub class: &'static str,
    /// Where `by_hour` is 1 and no burst is on.
    pub jobs_per_hour: f64,
    /// Factor on the rate for each hour of the day.
    pub by_hour: [f64; 24],
    pub bursts: Option<Bursts>,
    pub shape: JobShape,
}

/// Times of a higher rate. Gaps and lengths are exponential; bursts do not add up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// How often one begins while none is on.
    pub per_hour: f64,
    pub length_mean_s: f64,
    /// Factor on the rate, above 1.
    pub factor: f64,
}

/// A job that comes back every day at the same time, under the same name.
#[derive(Clone, Debug, PartialEq)]
pub struct Recurring {
    pub name: &'static str,
    /// Since midnight UTC.
    pub at: Duration,
    /// Standard deviation of the start, normal, cut off at three of them.
    pub jitter_s: f64,
    pub shape: JobShape,
}

/// What a job of a class looks like.
#[derive(Clone, Debug, PartialEq)]
pub struct JobShape {
    /// Work of the whole job: the sum of its tasks' seconds.
    pub work: Size,
    /// Seconds that a task of a stage takes on average, drawn once a stage.
    pub task: LogNormal,
    /// Spread of the tasks within a stage: sigma of a lognormal of mean 1.
    pub task_sigma: f64,
    /// No task takes longer than this.
    pub task_max_s: f64,
    /// No stage has more tasks; a larger one has longer tasks instead.
    pub tasks_max: u32,
    /// One is picked for each job, all equally likely.
    pub plans: &'static [Plan],
    /// One is picked for each stage.
    pub containers: &'static [Choice],
    /// One is picked for each job; it takes one vcore.
    pub masters: &'static [Choice],
}

/// The stages of a job, in an order in which they can run.
pub type Plan = &'static [StagePlan];

/// One stage of a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StagePlan {
    /// Positions of the stages that must finish first.
    pub after: &'static [u32],
    /// Of the job's work; the shares of a plan add up to 1.
    pub share: f64,
}

/// One size of container, and how often it is picked in comparison with the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Choice {
    pub memory_gib: u64,
    pub vcores: u64,
    pub weight: f64,
}

/// How large jobs are, in task-seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// Heavy tail: of the jobs above any size, a share of `2^-alpha` is above twice that size, up
    /// to `max_s`.
    BoundedPareto {
        min_s: f64,
        max_s: f64,
        alpha: f64,
    },
    LogNormal(LogNormal),
}

/// `exp` of a normal variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogNormal {
    pub median: f64,
    /// Standard deviation of the logarithm.
    pub sigma: f64,
}

impl Workload {
    /// Multiplies arrivals at random by `rate`, and the work and tasks of recurring jobs, which
    /// come as often as before.
    pub(super) fn scale(&mut self, rate: f64) {
        for stream in &mut self.streams {
            stream.jobs_per_hour *= rate;
        }
        for recurring in &mut self.recurring {
            recurring.shape.work = recurring.shape.work.scaled(rate);
            recurring.shape.tasks_max = (f64::from(recurring.shape.tasks_max) * rate).ceil() as u32;
        }
    }

    /// Mean number of jobs over all seeds.
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
    /// Jobs a second, `elapsed_s` after the workload's start.
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

    /// Mean number of jobs over all seeds; bursts count with their share of a long time.
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
