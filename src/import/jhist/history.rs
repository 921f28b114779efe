//! Reads the events of one job.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::path::PathBuf;

use serde::Deserialize;

use super::avro::Schema;
use super::events::{Fields, Phase, TaskId, attempt_id};
use crate::import::error::{ImportError, malformed, unusable};
use crate::import::gather::{Tally, elapsed, run_lengths};
use crate::import::source::Source;
use crate::trace::TaskRun;
use crate::trace::journal::json_problem;

/// The most text of one event, and of the schema.
const EVENT_MIB: u64 = 64;

/// A job as its history shows it.
pub(super) struct History {
    pub path: PathBuf,
    pub id: String,
    pub name: Option<String>,
    pub queue: Option<String>,
    pub user: Option<String>,
    pub submit_ms: i64,
    pub has_ended: bool,
    pub tasks: Tasks,
}

/// An event as JSON: its kind, and its fields under the name of their record.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    event: BTreeMap<String, Fields>,
}

pub(super) fn read_json(source: Source) -> Result<History, ImportError> {
    let path = source.name.clone();
    let mut lines = source.lines();
    let mut reading = Reading::default();
    let mut is_event = 0;
    while let Some(line) = lines.next_line()? {
        // The encoding and the schema come first.
        is_event += 1;
        if is_event <= 2 {
            continue;
        }
        let (number, is_cut_off) = (line.number, !line.terminated);
        let event: Event = match serde_json::from_slice(line.bytes) {
            Ok(event) => event,
            Err(error) if is_cut_off && error.is_eof() => {
                reading.tasks.cut_off += 1;
                break;
            }
            Err(error) => {
                let problem = format!(
                    "{}; expected an event of a job history",
                    json_problem(&error)
                );
                return Err(malformed(&path, number, problem));
            }
        };
        let fields = event.event.into_values().next().unwrap_or_default();
        reading
            .add(&event.kind, fields)
            .map_err(|problem| malformed(&path, number, problem))?;
    }
    reading.finish(path)
}

pub(super) fn read_binary(source: Source) -> Result<History, ImportError> {
    let (path, input, meter) = source.metered(EVENT_MIB);
    let mut input = BufReader::new(input);
    let failed = |source| ImportError::Read {
        path: path.clone(),
        line: 1,
        source,
    };
    let mut header = Vec::new();
    for _ in 0..2 {
        header.clear();
        input.read_until(b'\n', &mut header).map_err(failed)?;
    }
    let schema = Schema::parse(&header).map_err(|problem| malformed(&path, 2, problem))?;
    let mut reading = Reading::default();
    let mut number: u64 = 0;
    while !input.fill_buf().map_err(failed)?.is_empty() {
        number += 1;
        meter.begin_record();
        match schema.event(&mut input) {
            Ok((kind, fields)) => reading
                .add(&kind, fields)
                .map_err(|problem| unusable(&path, format!("event {number}: {problem}")))?,
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                // A history that is still written ends anywhere; the rest of the events is whole.
                io_is_at_end(&mut input).map_err(failed)?;
                reading.tasks.cut_off += 1;
                break;
            }
            Err(error) => return Err(unusable(&path, format!("event {number}: {error}"))),
        }
    }
    reading.finish(path)
}

/// Checks that an event ended early because the file did, not because a compressed stream was cut.
fn io_is_at_end(input: &mut impl Read) -> std::io::Result<()> {
    input.read(&mut [0]).map(|_| ())
}

#[derive(Default)]
struct Reading {
    id: Option<String>,
    name: Option<String>,
    queue: Option<String>,
    user: Option<String>,
    submit_ms: Option<i64>,
    has_ended: bool,
    tasks: Tasks,
}

impl Reading {
    fn add(&mut self, kind: &str, fields: Fields) -> Result<(), String> {
        match kind {
            "JOB_SUBMITTED" => {
                self.id = fields.job_id;
                self.name = fields.job_name;
                self.queue = fields.queue;
                self.user = fields.user;
                self.submit_ms = fields.submit_ms;
            }
            "JOB_FINISHED" | "JOB_FAILED" | "JOB_KILLED" | "JOB_ERROR" => self.has_ended = true,
            _ if kind.ends_with("_ATTEMPT_STARTED") => self.tasks.started(&fields)?,
            _ if kind.ends_with("_ATTEMPT_FINISHED") => self.tasks.finished(&fields)?,
            _ if kind.ends_with("_ATTEMPT_FAILED") || kind.ends_with("_ATTEMPT_KILLED") => {
                self.tasks.failed(&fields)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn finish(self, path: PathBuf) -> Result<History, ImportError> {
        let (Some(id), Some(submit_ms)) = (self.id, self.submit_ms) else {
            let problem = "no event JOB_SUBMITTED; expected a whole job history";
            return Err(unusable(&path, problem));
        };
        Ok(History {
            path,
            id,
            name: self.name,
            queue: self.queue,
            user: self.user,
            submit_ms,
            has_ended: self.has_ended,
            tasks: self.tasks,
        })
    }
}

/// The attempts of a job's tasks.
#[derive(Default)]
pub(super) struct Tasks {
    /// When the attempts that run were launched.
    running: BTreeMap<(TaskId, u32), i64>,
    /// The milliseconds of the last successful attempt of each task.
    succeeded: BTreeMap<TaskId, (i64, i64)>,
    failed: u64,
    cut_off: u64,
}

impl Tasks {
    fn started(&mut self, fields: &Fields) -> Result<(), String> {
        let start_ms = fields
            .start_ms
            .ok_or("an attempt starts without startTime")?;
        self.running.insert(id(fields)?, start_ms);
        Ok(())
    }

    fn finished(&mut self, fields: &Fields) -> Result<(), String> {
        let (task, attempt) = id(fields)?;
        let start_ms = self.running.remove(&(task, attempt));
        let finish_ms = fields
            .finish_ms
            .ok_or("an attempt finishes without finishTime")?;
        let is_success = fields
            .task_status
            .as_deref()
            .is_none_or(|status| matches!(status, "SUCCEEDED" | "SUCCESS"));
        let Some(start_ms) = start_ms.filter(|_| is_success) else {
            self.failed += 1;
            return Ok(());
        };
        if elapsed(start_ms, finish_ms).is_none() {
            return Err(format!(
                "an attempt starts at {start_ms} ms and finishes at {finish_ms} ms; expected a finish after the start"
            ));
        }
        if self.succeeded.insert(task, (start_ms, finish_ms)).is_some() {
            self.failed += 1;
        }
        Ok(())
    }

    fn failed(&mut self, fields: &Fields) -> Result<(), String> {
        self.running.remove(&id(fields)?);
        self.failed += 1;
        Ok(())
    }

    /// The tasks of the maps and of the reduces, by number. A reduce lasts from the end of the last
    /// map: before that, it waits for maps.
    pub fn finish(self, left_out: &mut Tally) -> (Vec<TaskRun>, Vec<TaskRun>) {
        let times_of = |phase: Phase| {
            let tasks = self.succeeded.iter();
            tasks.filter_map(move |(task, times)| (task.phase == phase).then_some(*times))
        };
        let maps_end_ms = times_of(Phase::Map).map(|(_, finish_ms)| finish_ms).max();
        let of = |phase: Phase| {
            let waits_until_ms = maps_end_ms.filter(|_| phase == Phase::Reduce);
            times_of(phase).filter_map(move |(start_ms, finish_ms)| {
                let since_ms = start_ms.max(waits_until_ms.unwrap_or(start_ms));
                elapsed(since_ms.min(finish_ms), finish_ms)
            })
        };
        left_out.add(self.failed, "failed, killed or repeated task attempts");
        let unfinished = self.running.len() as u64;
        left_out.add(unfinished, "task attempts that had not finished");
        let others = of(Phase::Other).count() as u64;
        left_out.add(others, "set-up and clean-up tasks");
        left_out.add(self.cut_off, "last events that were cut off");
        (run_lengths(of(Phase::Map)), run_lengths(of(Phase::Reduce)))
    }
}

fn id(fields: &Fields) -> Result<(TaskId, u32), String> {
    let id = fields.attempt.as_deref().unwrap_or_default();
    attempt_id(id).ok_or_else(|| {
        format!("attemptId is {id:?}; expected attempt_<cluster>_<job>_<m or r>_<task>_<attempt>")
    })
}
