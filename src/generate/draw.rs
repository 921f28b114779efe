//! Draws jobs from the parameters of a workload and a seed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use statrs::distribution::{ContinuousCDF, Normal};

use super::model::{
    Bursts, Choice, JobShape, LogNormal, Plan, Recurring, Size, SparkShape, Stream,
};
use crate::trace::{ExecutorSize, Job, SparkApplication, SparkStage, Stage, TaskRun};
use crate::units::{Mebibytes, Resources, VirtualCores};

/// Task durations are written in steps of 0.1 s, and of 1 s where a task of the stage takes longer
/// than this on average: equal neighbours share a run, which keeps traces small, at an error of at
/// most 2%.
const COARSE_FROM_S: f64 = 30.0;
const DAY_S: f64 = 86_400.0;

/// The jobs of one class, in order of arrival.
pub(super) fn random_jobs(stream: &Stream, span: Duration, seed: u64, index: u64) -> Vec<Job> {
    let mut arrivals = Draw::new(seed, 2 * index);
    let mut bodies = Draw::new(seed, 2 * index + 1);
    let times_s = arrivals.thinned(stream, span.as_secs_f64());
    let numbered = times_s.into_iter().zip(1..);
    numbered
        .map(|(at_s, number)| {
            bodies.job(
                format!("{}-{number}", stream.class),
                None,
                at_s,
                &stream.shape,
            )
        })
        .collect()
}

/// The jobs of one recurring job, one a day.
pub(super) fn recurring_jobs(
    recurring: &Recurring,
    span: Duration,
    seed: u64,
    index: u64,
) -> Vec<Job> {
    let mut draw = Draw::new(seed, 2 * index);
    let name: Arc<str> = recurring.name.into();
    let due_s = (0_u32..).map(|day| f64::from(day) * DAY_S + recurring.at.as_secs_f64());
    due_s
        .take_while(|due_s| *due_s < span.as_secs_f64())
        .zip(1..)
        .map(|(due_s, number)| {
            let late_s = recurring.jitter_s * draw.standard_normal().clamp(-3.0, 3.0);
            draw.job(
                format!("{name}-{number}"),
                Some(name.clone()),
                (due_s + late_s).max(0.0),
                &recurring.shape,
            )
        })
        .collect()
}

/// A source of random quantities.
struct Draw {
    rng: ChaCha8Rng,
    normal: Normal,
}

impl Draw {
    /// Streams of one seed are independent of each other.
    fn new(seed: u64, stream: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Self {
            rng,
            normal: Normal::standard(),
        }
    }

    /// Arrival times of a non-homogeneous Poisson process by thinning (Lewis and Shedler 1979):
    /// candidates arrive at the highest rate, and each is kept with a probability of the rate at its
    /// time divided by the highest rate.
    fn thinned(&mut self, stream: &Stream, span_s: f64) -> Vec<f64> {
        let rate_max = stream.rate_max_per_s();
        let bursts = stream
            .bursts
            .map_or(Vec::new(), |bursts| self.burst_spans(bursts, span_s));
        let mut times_s = Vec::new();
        if rate_max <= 0.0 {
            return times_s;
        }
        let mut at_s = self.exponential(1.0 / rate_max);
        while at_s < span_s {
            let next = bursts.partition_point(|(_, end_s)| *end_s <= at_s);
            let in_burst = bursts
                .get(next)
                .is_some_and(|(start_s, _)| *start_s <= at_s);
            if self.uniform() * rate_max < stream.rate_per_s(at_s, in_burst) {
                times_s.push(at_s);
            }
            at_s += self.exponential(1.0 / rate_max);
        }
        times_s
    }

    /// Start and end of each burst, in order, without overlap.
    fn burst_spans(&mut self, bursts: Bursts, span_s: f64) -> Vec<(f64, f64)> {
        let mut spans = Vec::new();
        let mut start_s = self.exponential(3_600.0 / bursts.per_hour);
        while start_s < span_s {
            let end_s = start_s + self.exponential(bursts.length_mean_s);
            spans.push((start_s, end_s));
            start_s = end_s + self.exponential(3_600.0 / bursts.per_hour);
        }
        spans
    }

    fn job(&mut self, id: String, name: Option<Arc<str>>, submit_s: f64, shape: &JobShape) -> Job {
        let work_s = self.size(shape.work);
        let plan = shape.plans[self.rng.random_range(0..shape.plans.len())];
        let master = self.choice(shape.masters);
        let stages = plan
            .iter()
            .zip(0..)
            .map(|(stage, position)| {
                let Resources { memory, vcores } = match &shape.spark {
                    Some(spark) => slot_of(&spark.executor),
                    None => self.choice(shape.containers),
                };
                Stage {
                    after: stage.after.to_vec(),
                    memory,
                    vcores,
                    tasks: self.tasks(work_s * stage.share, shape),
                    spark: shape
                        .spark
                        .map(|spark| self.spark_stage(plan, position, &spark)),
                }
            })
            .collect();
        Job {
            id: id.into(),
            name,
            submit: tenths(submit_s),
            application_master: Some(master),
            queue: None,
            user: None,
            is_step: false,
            map_reduce: None,
            stages,
            spark: shape.spark.map(|spark| Box::new(spark_application(&spark))),
        }
    }

    fn spark_stage(&mut self, plan: Plan, position: u32, spark: &SparkShape) -> SparkStage {
        let is_read = plan.iter().any(|later| later.after.contains(&position));
        let starts_job = spark.has_job_per_stage || position == 0;
        let pause_s = if starts_job {
            self.log_normal(spark.pause)
        } else {
            0.0
        };
        SparkStage {
            job: if spark.has_job_per_stage { position } else { 0 },
            pause: tenths(pause_s),
            executor: 0,
            shuffle_output: is_read,
            cached: spark.caches && position == 0,
        }
    }

    /// Splits the work of a stage into tasks. Equal durations are joined to runs, which are shuffled,
    /// because tasks ordered by duration would pack better or worse than those of a real stage.
    fn tasks(&mut self, work_s: f64, shape: &JobShape) -> Vec<TaskRun> {
        let wanted_s = self.log_normal(shape.task);
        let count = (work_s / wanted_s)
            .round()
            .clamp(1.0, f64::from(shape.tasks_max)) as u32;
        let mean_s = work_s / f64::from(count);
        let step_s = if mean_s < COARSE_FROM_S { 0.1 } else { 1.0 };
        // A lognormal of mean 1 has the median exp(-sigma^2 / 2).
        let spread = LogNormal {
            median: (-shape.task_sigma * shape.task_sigma / 2.0).exp(),
            sigma: shape.task_sigma,
        };
        let mut counts: BTreeMap<u64, u32> = BTreeMap::new();
        for _ in 0..count {
            let task_s = (mean_s * self.log_normal(spread)).min(shape.task_max_s);
            let steps = (task_s / step_s).round().max(1.0);
            *counts
                .entry((steps * step_s * 10.0).round() as u64)
                .or_default() += 1;
        }
        let mut runs: Vec<TaskRun> = counts
            .into_iter()
            .map(|(tenths, count)| TaskRun {
                count,
                duration: Duration::from_millis(100 * tenths),
            })
            .collect();
        for last in (1..runs.len()).rev() {
            runs.swap(last, self.rng.random_range(0..=last));
        }
        runs
    }

    fn choice(&mut self, choices: &[Choice]) -> Resources {
        let total: f64 = choices.iter().map(|choice| choice.weight).sum();
        let mut left = self.uniform() * total;
        let picked = choices.iter().find(|choice| {
            left -= choice.weight;
            left < 0.0
        });
        picked
            .or(choices.last())
            .map_or(Resources::default(), |choice| Resources {
                memory: Mebibytes(1024 * choice.memory_gib),
                vcores: VirtualCores(choice.vcores),
            })
    }

    fn size(&mut self, size: Size) -> f64 {
        match size {
            // The inverse of the distribution function of a Pareto variable that is known to be at
            // most `max_s`.
            Size::BoundedPareto {
                min_s,
                max_s,
                alpha,
            } => {
                let within = 1.0 - (min_s / max_s).powf(alpha);
                min_s * (1.0 - self.uniform() * within).powf(-1.0 / alpha)
            }
            Size::LogNormal(log_normal) => self.log_normal(log_normal),
        }
    }

    fn log_normal(&mut self, LogNormal { median, sigma }: LogNormal) -> f64 {
        median * (sigma * self.standard_normal()).exp()
    }

    fn standard_normal(&mut self) -> f64 {
        // Zero would give minus infinity.
        let probability = self.uniform().max(f64::EPSILON);
        self.normal.inverse_cdf(probability)
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.uniform()).ln()
    }

    /// At least 0, below 1.
    fn uniform(&mut self) -> f64 {
        self.rng.random()
    }
}

/// The part of an executor that a task takes.
fn slot_of(executor: &ExecutorSize) -> Resources {
    let slots = u64::from(executor.slots);
    Resources {
        memory: Mebibytes(executor.memory.get() / slots),
        vcores: VirtualCores((executor.vcores.get() / slots).max(1)),
    }
}

fn spark_application(spark: &SparkShape) -> SparkApplication {
    SparkApplication {
        executors: vec![spark.executor],
        allocation: spark.allocation,
        executor_start: Some(spark.executor_start),
        end_pause: Duration::ZERO,
    }
}

fn tenths(seconds: f64) -> Duration {
    Duration::from_millis(100 * (10.0 * seconds).round() as u64)
}
