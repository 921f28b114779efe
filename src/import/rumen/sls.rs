//! Jobs of SLS input files.

use std::sync::Arc;
use std::time::Duration;

use super::collected::Collected;
use super::entry::{Entry, Options, SlsTask, Whole};
use crate::import::gather::{elapsed, push_run};
use crate::trace::journal::TASKS_MAX;
use crate::trace::{Job, Stage, TaskRun};
use crate::units::{Mebibytes, Resources, VirtualCores};

/// Adds a job, or `job.count` copies of it.
pub(super) fn add_jobs(
    entry: Entry,
    options: &Options,
    collected: &mut Collected,
) -> Result<(), String> {
    let start_ms = entry.sls_start_ms.map_or(0, |start| start.0);
    let submit = elapsed(0, start_ms)
        .ok_or_else(|| format!("job.start.ms is {start_ms}; expected milliseconds from zero"))?;
    let copies = entry.sls_count.map_or(1, |count| count.0.max(1));
    let more = copies.unsigned_abs() - 1;
    collected.ask_for_jobs(more)?;
    let tasks = entry.sls_tasks.unwrap_or_default();
    let delayed = tasks
        .iter()
        .filter(|task| task.request_delay_ms.is_some_and(|delay| delay.0 > 0))
        .count();
    collected
        .left_out
        .add(delayed as u64, "request delays (container.request.delay)");
    let stages = stages(&tasks, options)?;
    if stages.is_empty() {
        collected.left_out.add(1, "jobs without tasks");
        return Ok(());
    }
    let runs: usize = stages.iter().map(|stage| stage.tasks.len()).sum();
    collected.ask_for_tasks(more.saturating_mul(runs as u64))?;
    let application_master = match (entry.am_memory_mib, entry.am_vcores) {
        (None, None) => None,
        (memory, vcores) => Some(Resources {
            memory: Mebibytes(size("am.memory-mb", memory, options.each.memory.get())?),
            vcores: VirtualCores(size("am.vcores", vcores, options.each.vcores.get())?),
        }),
    };
    let id = entry
        .sls_id
        .unwrap_or_else(|| format!("job_{}", collected.sls.len() + 1));
    let queue: Option<Arc<str>> = entry.sls_queue.map(Into::into);
    let user: Option<Arc<str>> = entry.user.map(Into::into);
    for copy in 1..=copies {
        let id: Arc<str> = if copies == 1 {
            id.as_str().into()
        } else {
            format!("{id}_{copy}").into()
        };
        collected.sls.push(Job {
            id,
            name: None,
            submit,
            application_master,
            stages: stages.clone(),
            queue: queue.clone(),
            user: user.clone(),
            is_step: false,
            map_reduce: None,
            spark: None,
        });
    }
    Ok(())
}

/// One stage for each task size of the maps (and all types but reduces), and after all of them one
/// for each task size of the reduces.
fn stages(tasks: &[SlsTask], options: &Options) -> Result<Vec<Stage>, String> {
    let mut stages: Vec<Stage> = Vec::new();
    let is_reduce = |task: &&SlsTask| task.kind.as_deref() == Some("reduce");
    let maps: Vec<&SlsTask> = tasks.iter().filter(|task| !is_reduce(task)).collect();
    let reduces: Vec<&SlsTask> = tasks.iter().filter(is_reduce).collect();
    for phase in [maps, reduces] {
        let after: Vec<u32> = (0..stages.len() as u32).collect();
        for task in phase {
            let each = Resources {
                memory: Mebibytes(size(
                    "container.memory-mb",
                    task.memory_mib,
                    options.each.memory.get(),
                )?),
                vcores: VirtualCores(size(
                    "container.vcores",
                    task.vcores,
                    options.each.vcores.get(),
                )?),
            };
            let run = task.run()?;
            match stages[after.len()..]
                .iter_mut()
                .find(|stage| stage.each() == each)
            {
                Some(stage) => push_run(&mut stage.tasks, run),
                None => stages.push(Stage {
                    after: after.clone(),
                    memory: each.memory,
                    vcores: each.vcores,
                    tasks: vec![run],
                    spark: None,
                }),
            }
        }
    }
    Ok(stages)
}

fn size(field: &str, written: Option<Whole>, default: u64) -> Result<u64, String> {
    match written {
        None => Ok(default),
        Some(Whole(size)) => u64::try_from(size)
            .ok()
            .filter(|size| *size > 0)
            .ok_or_else(|| format!("{field} is {size}; expected at least 1")),
    }
}

impl SlsTask {
    fn run(&self) -> Result<TaskRun, String> {
        let count = self.count.map_or(1, |count| count.0.max(1));
        let count = u32::try_from(count)
            .ok()
            .filter(|count| u64::from(*count) <= TASKS_MAX)
            .ok_or_else(|| format!("count is {count}; a job has at most {TASKS_MAX} tasks"))?;
        Ok(TaskRun {
            count,
            duration: self.duration()?,
        })
    }

    fn duration(&self) -> Result<Duration, String> {
        let (start_ms, end_ms) = match (self.duration_ms, self.start_ms, self.end_ms) {
            (Some(duration), ..) => (0, duration.0),
            (None, Some(start), Some(end)) => (start.0, end.0),
            _ => return Err("a task has neither container.duration.ms nor both container.start.ms and container.end.ms".to_owned()),
        };
        elapsed(start_ms, end_ms)
            .ok_or_else(|| format!("a task starts at {start_ms} ms and ends at {end_ms} ms; expected an end after the start"))
    }
}
