//! What is the same for every importer: source after source, the unusable ones left out, each job
//! once.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::error::ImportError;
use super::source::Source;
use crate::trace::journal::{TraceError, TraceWriter, check_job};
use crate::trace::{FORMAT_VERSION, Header, Job, Kind, Record, TaskRun, seconds};
use crate::units::Timestamp;

/// An imported trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The header of the trace.
    pub header: Header,
    /// The jobs, at least one, ordered by submit time. No two have the same id.
    pub jobs: Vec<Job>,
    /// Everything in the sources that the trace does not contain.
    pub left_out: Vec<LeftOut>,
    /// The sources that cannot be used and were left out: the place and the reason of each.
    pub unusable: Vec<String>,
    /// The sources of which work is missing: the place and the reason of each.
    pub incomplete: Vec<String>,
}

impl Imported {
    /// Writes the trace atomically, replacing an older file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(self, path: &Path) -> Result<(), TraceError> {
        let mut writer = TraceWriter::create(path, &self.header)?;
        for job in self.jobs {
            writer.write(&Record::Job(job))?;
        }
        writer.finish()
    }
}

/// Items of the sources that were left out of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub count: u64,
    /// What they are, in the plural: "jobs without tasks".
    pub what: String,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "left out: {} ({})", self.count, self.what)
    }
}

/// Counts the items that are left out by description, in order of first occurrence.
#[derive(Default)]
pub(super) struct Tally(Vec<LeftOut>);

impl Tally {
    pub fn add(&mut self, count: u64, what: impl Into<String>) {
        let what = what.into();
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|item| item.what == what) {
            Some(item) => item.count = item.count.saturating_add(count),
            None => self.0.push(LeftOut { count, what }),
        }
    }

    pub fn into_items(self) -> Vec<LeftOut> {
        self.0
    }

    pub fn append(&mut self, other: Self) {
        for LeftOut { count, what } in other.0 {
            self.add(count, what);
        }
    }
}

/// What the sources do not give to the trace.
#[derive(Default)]
pub(super) struct Notes {
    pub left_out: Tally,
    pub incomplete: Vec<String>,
    pub unusable: Vec<String>,
}

impl Notes {
    pub fn append(&mut self, other: Self) {
        self.left_out.append(other.left_out);
        self.incomplete.extend(other.incomplete);
        self.unusable.extend(other.unusable);
    }

    /// Why there are no jobs.
    fn no_jobs(&self) -> ImportError {
        let problem = match (self.left_out.0.first(), &self.unusable[..]) {
            (Some(item), []) => item.to_string(),
            (_, [first, rest @ ..]) => {
                let files = rest.len() + 1;
                format!("left out: {files} (files that cannot be used); the first: {first}")
            }
            (None, []) => "the file is empty, or of another kind".to_owned(),
        };
        ImportError::NoJobs { problem }
    }
}

/// What the usable sources contain.
pub(super) struct Gathered<T> {
    pub parts: Vec<T>,
    pub names: Names,
    pub notes: Notes,
}

/// Reads each source. One that cannot be used is left out and noted, unless none can.
pub(super) fn gather<T>(
    sources: impl IntoIterator<Item = Result<Source, ImportError>>,
    mut read: impl FnMut(Source, &mut Notes) -> Result<T, ImportError>,
) -> Result<Gathered<T>, ImportError> {
    let mut gathered = Gathered {
        parts: Vec::new(),
        names: Names::default(),
        notes: Notes::default(),
    };
    let mut first_error = None;
    for source in sources {
        let mut notes = Notes::default();
        let part = source.and_then(|mut source| {
            source.check_content()?;
            let name = source.name.clone();
            Ok((name, read(source, &mut notes)?))
        });
        match part {
            Ok((name, part)) => {
                gathered.names.note(&name);
                gathered.notes.append(notes);
                gathered.parts.push(part);
            }
            Err(error) => {
                gathered.notes.unusable.push(error.with_causes());
                first_error.get_or_insert(error);
            }
        }
    }
    match first_error {
        Some(only) if gathered.notes.unusable.len() == 1 && gathered.parts.is_empty() => Err(only),
        Some(_) if gathered.parts.is_empty() => Err(gathered.notes.no_jobs()),
        _ => Ok(gathered),
    }
}

/// Whether two jobs with the same id are the same job.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Ids {
    /// A cluster gives each id once, so jobs with the same id are the same job, seen twice.
    OfACluster,
    /// Each file counts from the beginning, so jobs with the same id are the same job only if they
    /// are equal in everything.
    OfAFile,
}

/// Validates and sorts the jobs of any importer, and takes each once. Jobs of the same instant keep
/// their order.
pub(super) fn imported(
    source: String,
    start: Timestamp,
    jobs: Vec<Job>,
    ids: Ids,
    mut notes: Notes,
) -> Result<Imported, ImportError> {
    let mut jobs = each_once(jobs, ids, &mut notes);
    if jobs.is_empty() {
        return Err(notes.no_jobs());
    }
    for job in &jobs {
        check_job(job).map_err(|problem| ImportError::Invalid {
            id: Arc::clone(&job.id),
            problem,
        })?;
    }
    jobs.sort_by_key(|job| job.submit);
    let header = Header {
        headroom_trace: FORMAT_VERSION,
        kind: Kind::Jobs,
        start,
        source,
        synthetic: false,
    };
    Ok(Imported {
        header,
        jobs,
        left_out: notes.left_out.into_items(),
        unusable: notes.unusable,
        incomplete: notes.incomplete,
    })
}

fn each_once(jobs: Vec<Job>, ids: Ids, notes: &mut Notes) -> Vec<Job> {
    let mut taken: BTreeSet<Arc<str>> = jobs.iter().map(|job| Arc::clone(&job.id)).collect();
    let mut positions: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let mut once: Vec<Job> = Vec::with_capacity(jobs.len());
    let (mut repeated, mut renamed) = (0, 0);
    for mut job in jobs {
        match positions.entry(Arc::clone(&job.id)) {
            Entry::Vacant(first) => {
                first.insert(once.len());
                once.push(job);
            }
            Entry::Occupied(first) if ids == Ids::OfACluster || once[*first.get()] == job => {
                repeated += 1;
                let known = &mut once[*first.get()];
                if tasks(&job) > tasks(known) {
                    *known = job;
                }
            }
            Entry::Occupied(_) => {
                renamed += 1;
                job.id = free_id(&job.id, &taken);
                taken.insert(Arc::clone(&job.id));
                once.push(job);
            }
        }
    }
    notes.left_out.add(
        repeated,
        "repeated jobs: the same job, given more than once",
    );
    if renamed > 0 {
        notes.renamed(renamed);
    }
    once
}

impl Notes {
    fn renamed(&mut self, count: u64) {
        self.left_out.add(
            count,
            "job ids that another job has, too; these jobs differ, so they got the suffix -2, -3, ...",
        );
    }
}

/// The id with the first suffix that makes it one of its own.
fn free_id(id: &str, taken: &BTreeSet<Arc<str>>) -> Arc<str> {
    let mut number: u64 = 2;
    loop {
        let candidate = format!("{id}-{number}");
        if !taken.contains(candidate.as_str()) {
            return candidate.into();
        }
        number += 1;
    }
}

fn tasks(job: &Job) -> u64 {
    let runs = job.stages.iter().flat_map(|stage| &stage.tasks);
    runs.map(|run| u64::from(run.count)).sum()
}

/// Appends tasks to a stage. Consecutive tasks of equal duration are joined to one run.
pub(super) fn push_run(runs: &mut Vec<TaskRun>, next: TaskRun) {
    if let Some(last) = runs
        .last_mut()
        .filter(|last| last.duration == next.duration)
        && let Some(count) = last.count.checked_add(next.count)
    {
        last.count = count;
        return;
    }
    runs.push(next);
}

pub(super) fn run_lengths(durations: impl IntoIterator<Item = Duration>) -> Vec<TaskRun> {
    let mut runs = Vec::new();
    for duration in durations {
        push_run(&mut runs, TaskRun { count: 1, duration });
    }
    runs
}

/// The time between two instants in milliseconds, if it is not negative and a trace can hold it.
pub(super) fn elapsed(from_ms: i64, to_ms: i64) -> Option<Duration> {
    let ms = u64::try_from(to_ms.checked_sub(from_ms)?).ok()?;
    Some(Duration::from_millis(ms)).filter(|duration| *duration <= seconds::LONGEST)
}

/// Jobs with the instant of their submission, in milliseconds since the epoch, on one clock: the
/// first instant, and the jobs with their times since then.
pub(super) fn on_one_clock(jobs: Vec<(i64, Job)>) -> Result<(Timestamp, Vec<Job>), ImportError> {
    let submitted = jobs.iter().map(|(submit_ms, _)| *submit_ms);
    let first_ms = submitted.min().unwrap_or_default();
    let jobs = jobs.into_iter().map(|(submit_ms, mut job)| {
        let problem = "its submit time is more than a hundred years after the first";
        job.submit = elapsed(first_ms, submit_ms).ok_or_else(|| ImportError::NoJobs {
            problem: format!("job {}: {problem}; import it separately", job.id),
        })?;
        Ok(job)
    });
    Ok((
        Timestamp::from_millis(first_ms),
        jobs.collect::<Result<_, _>>()?,
    ))
}

/// The files of an import, for the header's `source`: `a.tsv`, or `a.tsv and 2 more`.
#[derive(Default)]
pub(super) struct Names {
    first: String,
    count: u64,
}

impl Names {
    fn note(&mut self, path: &Path) {
        self.count += 1;
        if self.count == 1 {
            self.first = path
                .file_name()
                .unwrap_or(path.as_os_str())
                .to_string_lossy()
                .into_owned();
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count {
            0 | 1 => f.write_str(&self.first),
            count => write!(f, "{} and {} more", self.first, count - 1),
        }
    }
}
