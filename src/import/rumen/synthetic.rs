//! Synthetic workloads of Hadoop's SLS (`syn.json`): classes of jobs with distributions, from which
//! jobs are drawn (`org.apache.hadoop.yarn.sls.synthetic.SynthTraceJobProducer`).
//!
//! The draws follow `rand_seed`. They are not those of Java's generator, so single jobs differ from
//! those that SLS runs; their number and their distributions are the same.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::collected::Collected;
use crate::import::gather::push_run;
use crate::trace::journal::TASKS_MAX;
use crate::trace::{Job, Stage, TaskRun, seconds};
use crate::units::{Mebibytes, VirtualCores};

/// SLS's least container.
const MEMORY_MIN_MIB: f64 = 1024.0;
const VCORES_MIN: f64 = 1.0;

#[derive(Deserialize)]
pub(super) struct Workload {
    #[serde(rename = "workload_weight", default = "one")]
    weight: f64,
    #[serde(rename = "job_classes")]
    classes: Vec<Class>,
    #[serde(rename = "time_distribution")]
    times: Vec<Time>,
}

#[derive(Deserialize)]
struct Time {
    #[serde(rename = "time")]
    seconds: f64,
    /// Older files call it `jobs`.
    #[serde(alias = "jobs", default)]
    weight: f64,
}

#[derive(Deserialize)]
struct Class {
    #[serde(rename = "class_name", default)]
    name: String,
    #[serde(rename = "class_weight", default = "one")]
    weight: f64,
    tasks: Option<Vec<Tasks>>,
    // The older form: maps and reduces.
    mtasks_avg: Option<f64>,
    #[serde(default)]
    mtasks_stddev: f64,
    mtime_avg: Option<f64>,
    #[serde(default)]
    mtime_stddev: f64,
    map_max_memory_avg: Option<f64>,
    #[serde(default)]
    map_max_memory_stddev: f64,
    map_max_vcores_avg: Option<f64>,
    #[serde(default)]
    map_max_vcores_stddev: f64,
    rtasks_avg: Option<f64>,
    #[serde(default)]
    rtasks_stddev: f64,
    rtime_avg: Option<f64>,
    #[serde(default)]
    rtime_stddev: f64,
    reduce_max_memory_avg: Option<f64>,
    #[serde(default)]
    reduce_max_memory_stddev: f64,
    reduce_max_vcores_avg: Option<f64>,
    #[serde(default)]
    reduce_max_vcores_stddev: f64,
}

#[derive(Clone, Deserialize)]
struct Tasks {
    #[serde(rename = "type", default)]
    kind: String,
    count: Sample,
    time: Sample,
    #[serde(default)]
    max_memory: Sample,
    #[serde(default)]
    max_vcores: Sample,
}

/// A number, a normal distribution, or values with weights.
#[derive(Clone, Deserialize)]
#[serde(untagged)]
enum Sample {
    Number(f64),
    Discrete {
        discrete: Vec<f64>,
        #[serde(default)]
        weights: Vec<f64>,
    },
    Normal {
        val: f64,
        #[serde(default)]
        std: f64,
    },
    Absent(IgnoredAny),
}

impl Default for Sample {
    fn default() -> Self {
        Self::Absent(IgnoredAny)
    }
}

fn one() -> f64 {
    1.0
}

/// Draws the jobs of a workload.
pub(super) fn add_jobs(
    workloads: &[Workload],
    jobs: i64,
    seed: i64,
    collected: &mut Collected,
) -> Result<(), String> {
    let count = u64::try_from(jobs).ok().filter(|count| *count > 0);
    let count = count.ok_or_else(|| format!("num_jobs is {jobs}; expected 1 or more"))?;
    collected.ask_for_jobs(count)?;
    let mut random = Random(ChaCha8Rng::seed_from_u64(seed.cast_unsigned()));
    for number in 1..=jobs {
        let workload = random.weighted(workloads, |workload| workload.weight);
        let workload = workload.ok_or("workloads is empty, or no workload_weight is positive")?;
        let submit = workload.submit(&mut random)?;
        let class = random.weighted(&workload.classes, |class| class.weight);
        let class = class.ok_or("job_classes is empty, or no class_weight is positive")?;
        let stages = class.stages(&mut random, collected)?;
        if stages.is_empty() {
            collected.left_out.add(1, "jobs without tasks");
            continue;
        }
        collected.sls.push(Job {
            id: format!("{}_{number:06}", class.name).into(),
            name: Some(class.name.as_str().into()),
            submit,
            application_master: None,
            stages,
            queue: None,
            user: None,
            is_step: false,
            map_reduce: None,
            spark: None,
        });
    }
    collected.is_synthetic = true;
    Ok(())
}

impl Workload {
    /// A time in the interval that the weights choose: from its time to the next one's.
    fn submit(&self, random: &mut Random) -> Result<Duration, String> {
        let indices: Vec<usize> = (0..self.times.len()).collect();
        let index = random.weighted(&indices, |index| self.times[*index].weight);
        let index = *index.ok_or("time_distribution is empty, or no weight is positive")?;
        let start = self.times[index].seconds;
        let end = self.times.get(index + 1).map_or(start, |next| next.seconds);
        let drawn = start + (end - start).max(0.0) * random.uniform();
        seconds::from_f64(drawn.floor()).map_err(|problem| format!("time_distribution: {problem}"))
    }
}

impl Class {
    /// One stage for each kind of task; reduces wait for all others.
    fn stages(&self, random: &mut Random, collected: &mut Collected) -> Result<Vec<Stage>, String> {
        let mut tasks = self
            .tasks
            .clone()
            .unwrap_or_else(|| self.maps_and_reduces());
        tasks.sort_by_key(|tasks| tasks.kind == "reduce");
        let mut stages: Vec<Stage> = Vec::new();
        let mut waited_for = 0;
        for tasks in tasks {
            let count = random.sample(&tasks.count)?.unwrap_or(0.0).round();
            if count > TASKS_MAX as f64 {
                return Err(format!(
                    "a job has {count} tasks; expected at most {TASKS_MAX}"
                ));
            }
            collected.ask_for_tasks(count.max(0.0) as u64)?;
            let memory = random.sample(&tasks.max_memory)?.unwrap_or(0.0);
            let vcores = random.sample(&tasks.max_vcores)?.unwrap_or(0.0);
            let mut runs = Vec::new();
            for _ in 0..count as u32 {
                let drawn = random
                    .sample(&tasks.time)?
                    .ok_or("a kind of task has no time")?;
                let duration = seconds::from_f64(drawn.round().max(1.0));
                let duration = duration.map_err(|problem| format!("time: {problem}"))?;
                push_run(&mut runs, TaskRun { count: 1, duration });
            }
            if runs.is_empty() {
                continue;
            }
            if tasks.kind != "reduce" {
                waited_for = stages.len() as u32 + 1;
            }
            let after = if tasks.kind == "reduce" {
                (0..waited_for).collect()
            } else {
                Vec::new()
            };
            stages.push(Stage {
                after,
                memory: Mebibytes(memory.max(MEMORY_MIN_MIB) as u64),
                vcores: VirtualCores(vcores.round().max(VCORES_MIN) as u64),
                tasks: runs,
                spark: None,
            });
        }
        Ok(stages)
    }

    /// The older form, in the newer one.
    fn maps_and_reduces(&self) -> Vec<Tasks> {
        let normal = |mean: Option<f64>, std: f64| match mean {
            Some(val) => Sample::Normal { val, std },
            None => Sample::default(),
        };
        let maps = Tasks {
            kind: "map".to_owned(),
            count: normal(self.mtasks_avg, self.mtasks_stddev),
            time: normal(self.mtime_avg, self.mtime_stddev),
            max_memory: normal(self.map_max_memory_avg, self.map_max_memory_stddev),
            max_vcores: normal(self.map_max_vcores_avg, self.map_max_vcores_stddev),
        };
        let reduces = Tasks {
            kind: "reduce".to_owned(),
            count: normal(self.rtasks_avg, self.rtasks_stddev),
            time: normal(self.rtime_avg, self.rtime_stddev),
            max_memory: normal(self.reduce_max_memory_avg, self.reduce_max_memory_stddev),
            max_vcores: normal(self.reduce_max_vcores_avg, self.reduce_max_vcores_stddev),
        };
        vec![maps, reduces]
    }
}

struct Random(ChaCha8Rng);

impl Random {
    /// From 0 to less than 1.
    fn uniform(&mut self) -> f64 {
        self.0.random()
    }

    fn weighted<'a, T>(&mut self, items: &'a [T], weight: impl Fn(&T) -> f64) -> Option<&'a T> {
        let weight = |item: &T| Some(weight(item)).filter(|w| w.is_finite() && *w > 0.0);
        let total: f64 = items.iter().filter_map(weight).sum();
        let mut rest = self.uniform() * total;
        let mut last = None;
        for item in items {
            let Some(weight) = weight(item) else { continue };
            last = Some(item);
            rest -= weight;
            if rest < 0.0 {
                break;
            }
        }
        last
    }

    /// A draw, not negative. `None` if the file has no distribution.
    fn sample(&mut self, sample: &Sample) -> Result<Option<f64>, String> {
        let drawn = match sample {
            Sample::Absent(_) => return Ok(None),
            Sample::Number(number) => *number,
            Sample::Normal { val, std } => {
                // Box and Muller's method.
                let (a, b) = (1.0 - self.uniform(), self.uniform());
                val + std * (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()
            }
            Sample::Discrete { discrete, weights } => {
                let indices: Vec<usize> = (0..discrete.len()).collect();
                let weight = |index: &usize| weights.get(*index).copied().unwrap_or(1.0);
                let index = self.weighted(&indices, weight);
                discrete[*index.ok_or("discrete has no value with a positive weight")?]
            }
        };
        if drawn.is_finite() {
            Ok(Some(drawn.max(0.0)))
        } else {
            Err(format!("a number of a distribution is {drawn}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::import::rumen::{Options, import};
    use crate::import::source::Source;

    const OLD: &str = r#"{"num_jobs": 20, "rand_seed": 2, "workloads": [{
        "workload_weight": 0.5,
        "job_classes": [{"class_name": "sort", "class_weight": 1.0,
            "mtasks_avg": 5, "mtasks_stddev": 1, "rtasks_avg": 3, "rtasks_stddev": 0,
            "mtime_avg": 10, "mtime_stddev": 2, "rtime_avg": 20, "rtime_stddev": 0,
            "map_max_memory_avg": 1024, "map_max_memory_stddev": 0.001,
            "reduce_max_memory_avg": 2048, "map_max_vcores_avg": 1, "reduce_max_vcores_avg": 2}],
        "time_distribution": [{"time": 1, "weight": 100}, {"time": 60, "weight": 0}]}]}"#;

    fn import_text(text: &str) -> crate::import::Imported {
        let source = Source::new("syn.json", std::io::Cursor::new(text.as_bytes().to_vec()));
        import([source], &Options::default()).expect("imports")
    }

    #[test]
    fn as_many_jobs_are_drawn_as_the_file_says_with_its_sizes() {
        let imported = import_text(OLD);
        assert!(imported.header.synthetic);
        assert_eq!(imported.jobs.len(), 20);
        for job in &imported.jobs {
            assert!((1..60).contains(&job.submit.as_secs()), "{:?}", job.submit);
            let [map, reduce] = &job.stages[..] else {
                panic!("maps and reduces")
            };
            assert_eq!((map.memory.get(), map.vcores.get()), (1024, 1));
            assert_eq!((reduce.memory.get(), reduce.vcores.get()), (2048, 2));
            assert_eq!(reduce.after, [0]);
            let [reduces] = &reduce.tasks[..] else {
                panic!("no deviation")
            };
            assert_eq!((reduces.count, reduces.duration.as_secs()), (3, 20));
        }
        let maps = imported.jobs.iter().flat_map(|job| &job.stages[0].tasks);
        let (count, total_s) = maps.fold((0, 0), |(count, total_s), run| {
            (
                count + run.count,
                total_s + u64::from(run.count) * run.duration.as_secs(),
            )
        });
        assert!(
            (80..=120).contains(&count),
            "{count} maps, expected about 100"
        );
        let mean_s = total_s as f64 / f64::from(count);
        assert!((mean_s - 10.0).abs() < 1.0, "{mean_s} s");
    }

    #[test]
    fn the_seed_decides_the_draws() {
        assert_eq!(import_text(OLD), import_text(OLD));
        let other = OLD.replace("\"rand_seed\": 2", "\"rand_seed\": 3");
        assert_ne!(import_text(OLD).jobs, import_text(&other).jobs);
    }

    #[test]
    fn a_few_bytes_cannot_ask_for_any_number_of_tasks() {
        for (from, to, expected) in [
            (
                "\"num_jobs\": 20",
                "\"num_jobs\": 100001",
                "more than 100000 jobs",
            ),
            (
                "\"mtasks_avg\": 5",
                "\"mtasks_avg\": 300000",
                "more than 4000000 tasks",
            ),
            (
                "\"mtasks_avg\": 5",
                "\"mtasks_avg\": 9e8",
                "more than 4000000 tasks",
            ),
            ("\"num_jobs\": 20", "\"num_jobs\": 0", "num_jobs is 0"),
        ] {
            let text = OLD.replace(from, to);
            let source = Source::new("syn.json", std::io::Cursor::new(text.into_bytes()));
            let error = import([source], &Options::default()).expect_err(to);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[test]
    fn the_newer_form_has_kinds_of_tasks() {
        let imported = import_text(
            r#"{"num_jobs": 3, "rand_seed": 1, "workloads": [{"workload_weight": 1,
            "job_classes": [{"class_name": "c", "class_weight": 1, "type": "mapreduce", "tasks": [
                {"type": "reduce", "priority": 10, "count": {"val": 2}, "time": {"val": 5}, "max_memory": {"val": 2048}, "max_vcores": {"val": 2}},
                {"type": "map", "priority": 20, "count": {"discrete": [4], "weights": [1]}, "time": 7, "max_memory": {"val": 512}, "max_vcores": {"val": 1}}]}],
            "time_distribution": [{"time": 9, "weight": 1}]}]}"#,
        );
        for job in &imported.jobs {
            let [map, reduce] = &job.stages[..] else {
                panic!("two kinds")
            };
            assert_eq!(job.submit.as_secs(), 9);
            assert_eq!(
                (map.tasks[0].count, map.memory.get()),
                (4, 1024),
                "SLS's least"
            );
            assert_eq!((reduce.tasks[0].count, reduce.memory.get()), (2, 2048));
        }
    }
}
