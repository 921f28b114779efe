//! MapReduce job histories as concatenated JSON objects, one for each job: the output of Rumen, or
//! the input of Hadoop's scheduler load simulator (SLS).
//!
//! Rumen: `org.apache.hadoop.tools.rumen.LoggedJob`. SLS: `SchedulerLoadSimulator.md` and
//! `SLSConfiguration` in `apache/hadoop`.

mod collected;
mod entry;
mod sls;
mod synthetic;
mod tasks;

use std::path::Path;
use std::time::Duration;

use collected::Collected;
use entry::Entry;
pub use entry::Options;

use super::error::{ImportError, malformed};
use super::gather::{Gathered, Ids, Imported, Notes, Tally, gather, imported, on_one_clock};
use super::source::Source;
use crate::trace::journal::json_problem;
use crate::trace::{Job, Stage};

/// Imports Rumen or SLS files; several files become one workload.
///
/// # Errors
/// When a file cannot be read or is invalid, or there are no jobs.
pub fn import(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
    options: &Options,
) -> Result<Imported, ImportError> {
    let gathered = gather(sources, |source, notes| read_source(source, options, notes))?;
    let Gathered {
        parts,
        names,
        notes,
    } = gathered;
    let (mut rumen, mut sls) = (Vec::new(), Vec::new());
    let mut is_synthetic = false;
    for part in parts {
        is_synthetic |= part.is_synthetic;
        rumen.extend(part.rumen);
        sls.extend(part.sls);
    }
    if rumen.is_empty() {
        let source = format!("SLS {names}");
        let mut imported = imported(source, options.start, sls, Ids::OfAFile, notes)?;
        imported.header.synthetic = is_synthetic;
        return Ok(imported);
    }
    if !sls.is_empty() {
        let problem =
            "Rumen's times are instants, but SLS's count from zero; import each format on its own";
        return Err(ImportError::Options { problem });
    }
    let (start, jobs) = on_one_clock(rumen)?;
    imported(
        format!("Rumen {names}"),
        start,
        jobs,
        Ids::OfACluster,
        notes,
    )
}

/// The most text of one job.
const JOB_MIB: u64 = 512;

fn read_source(
    source: Source,
    options: &Options,
    notes: &mut Notes,
) -> Result<Collected, ImportError> {
    let mut collected = Collected::default();
    let (name, input, meter) = source.metered(JOB_MIB);
    for entry in serde_json::Deserializer::from_reader(input).into_iter::<Entry>() {
        meter.begin_record();
        let entry = entry.map_err(|error| unreadable(&name, error))?;
        // The parser has read up to the object's end, so only the line of its end is known.
        let refused = |problem: String| {
            malformed(
                &name,
                meter.line(),
                format!("in the job that ends here, {problem}"),
            )
        };
        match entry {
            Entry {
                workloads: Some(workloads),
                jobs,
                seed,
                ..
            } => {
                let (jobs, seed) = (jobs.unwrap_or(0), seed.unwrap_or(0));
                synthetic::add_jobs(&workloads, jobs, seed, &mut collected).map_err(refused)?;
            }
            Entry {
                sls_tasks: Some(_), ..
            } => sls::add_jobs(entry, options, &mut collected).map_err(refused)?,
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
                add_job(entry, options, &mut collected).map_err(refused)?;
            }
            _ => {
                return Err(refused(
                    "expected a Rumen job (jobID, mapTasks, reduceTasks), an SLS job (job.tasks) or a synthetic workload (workloads)"
                        .to_owned(),
                ));
            }
        }
    }
    notes.left_out.append(collected.left_out);
    collected.left_out = Tally::default();
    Ok(collected)
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
    let size = |phase: &str, logged_mib: Option<i64>| {
        let logged_mib = logged_mib.and_then(|mib| u64::try_from(mib).ok());
        properties.task(phase, logged_mib.filter(|mib| *mib > 0), options.each)
    };
    let phases = [
        (entry.maps, size("map", entry.map_mib)),
        (entry.reduces, size("reduce", entry.reduce_mib)),
    ];
    let mut stages = Vec::new();
    for (tasks, each) in phases {
        let tasks = tasks
            .unwrap_or_default()
            .succeeded(&mut collected.left_out)?;
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
                spark: None,
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
    let application_master = properties.application_master();
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
            queue: entry.queue.map(Into::into),
            user: entry.user.map(Into::into),
            is_step: false,
            map_reduce: None,
            stages,
            spark: None,
        },
    ));
    Ok(())
}

#[cfg(test)]
mod tests;
