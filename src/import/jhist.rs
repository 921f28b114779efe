//! MapReduce's job history files (`job_....jhist`), one for each job, and their configurations
//! (`job_..._conf.xml`), which have the sizes of the tasks.
//!
//! A history is a line that names its encoding, a line with its Avro schema, and events
//! (`org.apache.hadoop.mapreduce.jobhistory.EventWriter`): JSON lines (Hadoop 2) or binary
//! (Hadoop 3).

mod avro;
mod configuration;
mod events;
mod history;
mod inputs;

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::{ImportError, unusable};
use super::gather::{Gathered, Ids, Imported, gather, imported, on_one_clock};
use super::hadoop::Properties;
use super::source::Source;
use crate::trace::{Job, MapReduce, Stage};
use crate::units::Resources;
use history::History;
pub use inputs::histories;

/// Imports job histories. Each source is a history or a configuration.
///
/// # Errors
/// When no file can be used, or no task of any job succeeded.
pub fn import(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
    default: Resources,
) -> Result<Imported, ImportError> {
    let gathered = gather(sources, |source, _| read(source))?;
    let Gathered {
        parts,
        names,
        mut notes,
    } = gathered;
    let mut configurations: BTreeMap<String, Properties> = BTreeMap::new();
    let mut histories = Vec::new();
    for part in parts {
        match part {
            Part::Configuration(job, properties) => {
                configurations.insert(job, properties);
            }
            Part::History(history) => histories.push(history),
        }
    }
    let mut jobs = Vec::with_capacity(histories.len());
    for history in histories {
        let properties = configurations.get(&history.id);
        if properties.is_none() {
            notes.incomplete.push(format!(
                "{}: {}_conf.xml is missing, so its tasks have the size of --memory-mib and --vcores; copy it from the same folder",
                history.path.display(),
                history.id
            ));
        }
        if !history.has_ended {
            notes.incomplete.push(format!(
                "{}: the job had not ended when its history was copied, so later work is missing; copy it again when it has ended",
                history.path.display()
            ));
        }
        let submit_ms = history.submit_ms;
        let no_properties = Properties::default();
        let job = job(
            history,
            properties.unwrap_or(&no_properties),
            default,
            &mut notes.left_out,
        );
        match job {
            Some(job) => jobs.push((submit_ms, job)),
            None => notes.left_out.add(1, "jobs in which no task succeeded"),
        }
    }
    let (start, jobs) = on_one_clock(jobs)?;
    imported(
        format!("MapReduce {names}"),
        start,
        jobs,
        Ids::OfACluster,
        notes,
    )
}

enum Part {
    /// The configuration of a job.
    Configuration(String, Properties),
    History(History),
}

/// The most of a file that is looked at to recognize it.
const FIRST_BYTES: u64 = 64;

fn read(mut source: Source) -> Result<Part, ImportError> {
    let first = source.peek(FIRST_BYTES)?;
    let first = first.trim_ascii_start();
    if first.starts_with(b"<") {
        let (job, properties) = configuration::read(source)?;
        Ok(Part::Configuration(job, properties))
    } else if first.starts_with(b"Avro-Json") {
        history::read_json(source).map(Part::History)
    } else if first.starts_with(b"Avro-Binary") {
        history::read_binary(source).map(Part::History)
    } else {
        let problem = "expected a job history, which begins with Avro-Json or Avro-Binary, or the job's configuration (XML)";
        Err(unusable(&source.name, problem))
    }
}

/// A stage of maps, followed by a stage of reduces. `None` if no task succeeded.
fn job(
    history: History,
    properties: &Properties,
    default: Resources,
    left_out: &mut super::gather::Tally,
) -> Option<Job> {
    let (maps, reduces) = history.tasks.finish(left_out);
    let mut stages: Vec<Stage> = Vec::new();
    for (phase, tasks) in [("map", maps), ("reduce", reduces)] {
        if tasks.is_empty() {
            continue;
        }
        let each = properties.task(phase, None, default);
        let after = if stages.is_empty() { vec![] } else { vec![0] };
        stages.push(Stage {
            after,
            memory: each.memory,
            vcores: each.vcores,
            tasks,
            spark: None,
        });
    }
    let has_both = stages.len() == 2;
    let job = Job {
        id: history.id.into(),
        name: history.name.map(Into::into),
        submit: Duration::ZERO,
        application_master: properties.application_master(),
        stages,
        queue: history.queue.map(Into::into),
        user: history.user.map(Into::into),
        is_step: false,
        map_reduce: has_both.then(|| MapReduce {
            slowstart: properties.slowstart(),
        }),
        spark: None,
    };
    (!job.stages.is_empty()).then_some(job)
}

#[cfg(test)]
mod tests;
