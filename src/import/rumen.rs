//! MapReduce job histories as concatenated JSON objects, one for each job: the output of Rumen, or
//! the input of Hadoop's scheduler load simulator (SLS).
//!
//! Rumen: `org.apache.hadoop.tools.rumen.LoggedJob`. SLS: `SchedulerLoadSimulator.md` and
//! `SLSConfiguration` in `apache/hadoop`.

mod entry;
mod sls;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

pub use entry::Options;
use entry::{Collected, Entry, LoggedAttempt, LoggedTask};

use super::{
    ImportError, Imported, Names, Source, Tally, elapsed, imported, malformed, run_lengths,
};
use crate::trace::journal::json_problem;
use crate::trace::{Job, Stage};
use crate::units::{Mebibytes, Resources, Timestamp, VirtualCores};

/// Imports Rumen or SLS files; several files become one workload.
///
/// # Errors
/// When a file cannot be read or is invalid, or there are no jobs.
pub fn import(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
    options: &Options,
) -> Result<Imported, ImportError> {
    let mut names = Names::default();
    let mut collected = Collected::default();
    for source in sources {
        let source = source?;
        names.note(&source);
        read_source(source, options, &mut collected)?;
    }
    collected.finish(&names, options)
}

impl Collected {
    fn finish(self, names: &Names, options: &Options) -> Result<Imported, ImportError> {
        let Self {
            rumen,
            mut sls,
            left_out,
        } = self;
        let Some(first_ms) = rumen.iter().map(|(submit_ms, _)| *submit_ms).min() else {
            return imported(format!("SLS {names}"), options.start, sls, left_out);
        };
        if !sls.is_empty() {
            let problem = "Rumen's times are instants, but SLS's count from zero; import each format on its own";
            return Err(ImportError::Options { problem });
        }
        for (submit_ms, mut job) in rumen {
            let problem = "its submit time is more than a hundred years after the first";
            job.submit = elapsed(first_ms, submit_ms).ok_or_else(|| ImportError::NoJobs {
                problem: format!("job {}: {problem}", job.id),
            })?;
            sls.push(job);
        }
        imported(
            format!("Rumen {names}"),
            Timestamp::from_millis(first_ms),
            sls,
            left_out,
        )
    }
}

fn read_source(
    source: Source,
    options: &Options,
    collected: &mut Collected,
) -> Result<(), ImportError> {
    let Source { name, decoded } = source;
    let line = Rc::new(Cell::new(1));
    let counted = LineCounter {
        input: decoded.input,
        line: Rc::clone(&line),
    };
    for entry in serde_json::Deserializer::from_reader(counted).into_iter::<Entry>() {
        let entry = entry.map_err(|error| unreadable(&name, error))?;
        // The parser has read up to the object's end, so only the line of its end is known.
        let refused = |problem: String| {
            malformed(
                &name,
                line.get(),
                format!("in the job that ends here, {problem}"),
            )
        };
        match entry {
            Entry {
                sls_tasks: Some(_), ..
            } => sls::add_jobs(entry, options, collected).map_err(refused)?,
            Entry {
                id: Some(_),
                maps: Some(_),
                ..
            }
            | Entry {
                id: Some(_),
                reduces: Some(_),
                ..
            } => {
                add_job(entry, options, collected).map_err(refused)?;
            }
            _ => {
                return Err(refused(
                    "expected a Rumen job (jobID, mapTasks, reduceTasks) or an SLS job (job.tasks)"
                        .to_owned(),
                ));
            }
        }
    }
    Ok(())
}

fn unreadable(path: &Path, error: serde_json::Error) -> ImportError {
    let line = error.line().max(1) as u64;
    match error.classify() {
        serde_json::error::Category::Io => ImportError::Read {
            path: path.to_owned(),
            line,
            source: error.into(),
        },
        serde_json::error::Category::Eof => {
            malformed(path, line, "the file ends inside a job; copy it again")
        }
        _ => malformed(
            path,
            line,
            format!(
                "{}; expected one JSON object a job, one after the other",
                json_problem(&error)
            ),
        ),
    }
}

/// Adds a MapReduce job: a stage of maps, followed by a stage of reduces.
fn add_job(entry: Entry, options: &Options, collected: &mut Collected) -> Result<(), String> {
    let Some(submit_ms) = entry.submit_ms.filter(|submit_ms| *submit_ms >= 0) else {
        collected.left_out.add(1, "jobs without a submit time");
        return Ok(());
    };
    let properties = entry.properties.unwrap_or_default();
    let size = |phase: &str, logged_mib: Option<i64>| Resources {
        memory: property(&properties, &format!("mapreduce.{phase}.memory.mb"))
            .or(logged_mib
                .and_then(|mib| u64::try_from(mib).ok())
                .filter(|mib| *mib > 0))
            .map_or(options.each.memory, Mebibytes),
        vcores: property(&properties, &format!("mapreduce.{phase}.cpu.vcores"))
            .map_or(options.each.vcores, VirtualCores),
    };
    let phases = [
        (entry.maps, size("map", entry.map_mib)),
        (entry.reduces, size("reduce", entry.reduce_mib)),
    ];
    let mut stages = Vec::new();
    for (tasks, each) in phases {
        let tasks = run_lengths(successful_durations(
            tasks.unwrap_or_default(),
            &mut collected.left_out,
        )?);
        if !tasks.is_empty() {
            let after = if stages.is_empty() {
                Vec::new()
            } else {
                vec![0]
            };
            stages.push(Stage {
                after,
                memory: each.memory,
                vcores: each.vcores,
                tasks,
            });
        }
    }
    collected.left_out.add(
        entry.others.map_or(0, |others| others.len() as u64),
        "set-up and clean-up tasks",
    );
    if stages.is_empty() {
        collected.left_out.add(1, "jobs in which no task succeeded");
        return Ok(());
    }
    let application_master =
        property(&properties, "yarn.app.mapreduce.am.resource.mb").map(|mib| Resources {
            memory: Mebibytes(mib),
            vcores: VirtualCores(
                property(&properties, "yarn.app.mapreduce.am.resource.cpu-vcores").unwrap_or(1),
            ),
        });
    let (id, name) = (
        entry.id.unwrap_or_default().into(),
        entry.name.map(Into::into),
    );
    collected.rumen.push((
        submit_ms,
        Job {
            id,
            name,
            submit: Duration::ZERO,
            application_master,
            stages,
        },
    ));
    Ok(())
}

/// The value of a Hadoop property if it is a positive whole number.
fn property(properties: &BTreeMap<String, Option<String>>, key: &str) -> Option<u64> {
    properties
        .get(key)?
        .as_ref()?
        .trim()
        .parse()
        .ok()
        .filter(|value| *value > 0)
}

/// The duration of the successful attempt of each task that has one.
fn successful_durations(
    tasks: Vec<LoggedTask>,
    left_out: &mut Tally,
) -> Result<Vec<Duration>, String> {
    let mut durations = Vec::with_capacity(tasks.len());
    for task in tasks {
        let attempts = task.attempts.unwrap_or_default();
        let succeeded = |attempt: &&LoggedAttempt| {
            matches!(attempt.result.as_deref(), Some("SUCCESS" | "SUCCEEDED"))
        };
        let Some(attempt) = attempts.iter().rev().find(succeeded) else {
            left_out.add(attempts.len() as u64, FAILED_ATTEMPTS);
            left_out.add(1, "tasks of which no attempt succeeded");
            continue;
        };
        left_out.add(attempts.len() as u64 - 1, FAILED_ATTEMPTS);
        if attempt.start_ms < 0 || attempt.finish_ms < 0 {
            left_out.add(1, "tasks without start or finish time");
            continue;
        }
        durations.push(elapsed(attempt.start_ms, attempt.finish_ms).ok_or_else(|| {
            let id = task.id.unwrap_or_default();
            format!(
                "task {id} starts at {} ms and finishes at {} ms; expected a finish after the start",
                attempt.start_ms, attempt.finish_ms
            )
        })?);
    }
    Ok(durations)
}

const FAILED_ATTEMPTS: &str = "failed, killed or repeated task attempts";

/// Counts the newlines that are read.
struct LineCounter {
    input: Box<dyn BufRead + Send>,
    line: Rc<Cell<u64>>,
}

impl Read for LineCounter {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let newlines = buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        self.line.set(self.line.get() + newlines);
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
