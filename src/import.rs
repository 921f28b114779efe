//! Imports workloads from the file formats of other tools as job traces.

pub mod csv;
pub mod rumen;
pub mod spark;
pub mod swim;

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::trace::journal::lines::{
    self, Decoded, LINE_BYTES_MAX, LineError, LineErrorCause, Lines,
};
use crate::trace::journal::{InvalidRecord, TraceError, TraceWriter, check_job};
use crate::trace::{FORMAT_VERSION, Header, Job, Kind, Record, TaskRun};
use crate::units::Timestamp;

/// A file to import, decompressed if it was compressed, and the name that errors show for it.
pub struct Source {
    name: PathBuf,
    decoded: Decoded,
}

impl Source {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open(path: &Path) -> Result<Self, ImportError> {
        let file = File::open(path).map_err(|source| ImportError::Open {
            path: path.to_owned(),
            source,
        })?;
        Self::new(path, file)
    }

    /// Like [`open`](Self::open) for an open file.
    ///
    /// # Errors
    /// When its first bytes cannot be read.
    pub fn new(
        name: impl Into<PathBuf>,
        input: impl Read + Send + 'static,
    ) -> Result<Self, ImportError> {
        let name = name.into();
        match lines::decode(input) {
            Ok(decoded) => Ok(Self { name, decoded }),
            Err(source) => Err(ImportError::Open { path: name, source }),
        }
    }

    /// Appends another file, for a recording that was written in pieces.
    #[must_use]
    pub fn followed_by(self, next: Self) -> Self {
        let compressed = self.decoded.compressed || next.decoded.compressed;
        Self {
            name: self.name,
            decoded: Decoded {
                input: Box::new(self.decoded.input.chain(next.decoded.input)),
                compressed,
            },
        }
    }

    fn lines(self) -> SourceLines {
        SourceLines {
            name: self.name,
            lines: Lines::new(self.decoded.input),
        }
    }
}

/// An imported trace.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The header of the trace.
    pub header: Header,
    /// The jobs, at least one, ordered by submit time.
    pub jobs: Vec<Job>,
    /// Everything in the sources that the trace does not contain.
    pub left_out: Vec<LeftOut>,
}

impl Imported {
    /// Writes the trace atomically, replacing an older file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), TraceError> {
        let mut writer = TraceWriter::create(path, &self.header)?;
        for job in &self.jobs {
            writer.write(&Record::Job(job.clone()))?;
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

/// Why an import failed.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum ImportError {
    #[error("{} cannot be read", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{}:{line}: cannot read further; if the file is damaged or still being written, copy it again", path.display())]
    Read {
        path: PathBuf,
        line: u64,
        source: io::Error,
    },
    #[error("{}:{line}: {problem}", path.display())]
    Malformed {
        path: PathBuf,
        line: u64,
        problem: String,
    },
    #[error("{}: {problem}", path.display())]
    Unusable { path: PathBuf, problem: String },
    #[error("found no jobs; {problem}")]
    NoJobs { problem: String },
    #[error("job {id}: {problem}")]
    Invalid {
        id: Arc<str>,
        problem: InvalidRecord,
    },
    #[error("{problem}")]
    Options { problem: &'static str },
}

/// The lines of a source.
struct SourceLines {
    name: PathBuf,
    lines: Lines,
}

impl SourceLines {
    fn next_line(&mut self) -> Result<Option<lines::Line<'_>>, ImportError> {
        let Self { name, lines } = self;
        lines
            .next_line()
            .map_err(|LineError { line, cause }| match cause {
                LineErrorCause::Read(source) => ImportError::Read {
                    path: name.clone(),
                    line,
                    source,
                },
                LineErrorCause::TooLong => malformed(
                    name,
                    line,
                    format!(
                        "the line is longer than {} MiB; check that this is the right kind of file",
                        LINE_BYTES_MAX >> 20
                    ),
                ),
            })
    }
}

fn malformed(path: &Path, line: u64, problem: impl Into<String>) -> ImportError {
    ImportError::Malformed {
        path: path.to_owned(),
        line,
        problem: problem.into(),
    }
}

/// Counts the items that are left out by description, in order of first occurrence.
#[derive(Default)]
struct Tally(Vec<LeftOut>);

impl Tally {
    fn add(&mut self, count: u64, what: impl Into<String>) {
        let what = what.into();
        if count == 0 {
            return;
        }
        match self.0.iter_mut().find(|item| item.what == what) {
            Some(item) => item.count = item.count.saturating_add(count),
            None => self.0.push(LeftOut { count, what }),
        }
    }
}

/// Validates and sorts the jobs of any importer. Jobs of the same instant keep their order.
fn imported(
    source: String,
    start: Timestamp,
    mut jobs: Vec<Job>,
    left_out: Tally,
) -> Result<Imported, ImportError> {
    if jobs.is_empty() {
        let problem = match left_out.0.first() {
            Some(item) => item.to_string(),
            None => "the file is empty, or of another kind".to_owned(),
        };
        return Err(ImportError::NoJobs { problem });
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
        left_out: left_out.0,
    })
}

/// Appends tasks to a stage. Consecutive tasks of equal duration are joined to one run.
fn push_run(runs: &mut Vec<TaskRun>, next: TaskRun) {
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

fn run_lengths(durations: impl IntoIterator<Item = Duration>) -> Vec<TaskRun> {
    let mut runs = Vec::new();
    for duration in durations {
        push_run(&mut runs, TaskRun { count: 1, duration });
    }
    runs
}

/// The time between two instants in milliseconds, if it is not negative and a trace can hold it.
fn elapsed(from_ms: i64, to_ms: i64) -> Option<Duration> {
    let ms = u64::try_from(to_ms.checked_sub(from_ms)?).ok()?;
    Some(Duration::from_millis(ms)).filter(|duration| *duration <= crate::trace::seconds::LONGEST)
}

/// The files of an import, for the header's `source`: `a.tsv`, or `a.tsv and 2 more`.
#[derive(Default)]
struct Names {
    first: String,
    count: u64,
}

impl Names {
    fn note(&mut self, source: &Source) {
        self.count += 1;
        if self.count == 1 {
            self.first = source
                .name
                .file_name()
                .unwrap_or(source.name.as_os_str())
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

#[cfg(test)]
mod tests;
