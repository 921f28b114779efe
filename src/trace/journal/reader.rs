//! Reads a trace record by record.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::check::Sequence;
use super::error::TraceError;
use super::lines::{Line, LineError, LineErrorCause, Lines};
use super::segments::segments;
use crate::compression::decompress;
use crate::trace::{FORMAT_VERSION, Header, Kind, Record};

/// An iterator over the records of a trace. The files of a journal are read as one trace.
///
/// The iterator ends after an error. A file may end early in two ways:
/// * A writer that was killed leaves a last line without newline that is not JSON. The line is
///   skipped, and [`torn_tail`](Self::torn_tail) reports it.
/// * A truncated compressed stream has lost many records. Observations before the cut are still valid, so
///   the cut is reported in the same way. Jobs without the end of the list are a different workload,
///   so a cut is an error.
pub struct TraceReader {
    /// The current file.
    path: PathBuf,
    /// The files after it.
    following: VecDeque<PathBuf>,
    lines: Lines,
    /// The line of the last record.
    line: u64,
    /// The header of the first file.
    header: Header,
    sequence: Sequence,
    records: u64,
    torn_tail: Option<TornTail>,
    finished: bool,
}

/// The incomplete last record of a trace that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The file that was cut off.
    pub path: PathBuf,
    /// The incomplete line.
    pub line: u64,
    /// The length of the incomplete line, after decompression. Shortening a plain file by this many
    /// bytes repairs it.
    pub bytes: u64,
}

impl TraceReader {
    /// Opens a trace and reads its header. Compression is detected by the first bytes; a folder is
    /// opened as a journal.
    ///
    /// # Errors
    /// When the file cannot be read or its header is invalid, or the folder has no segments.
    pub fn open(path: &Path) -> Result<Self, TraceError> {
        let unreadable = |source| TraceError::Open {
            path: path.to_owned(),
            source,
        };
        if !path.is_dir() {
            return Self::from_reader(path, File::open(path).map_err(unreadable)?);
        }
        let mut files: VecDeque<PathBuf> = segments(path)
            .map_err(unreadable)?
            .into_iter()
            .map(|segment| segment.path)
            .collect();
        let first = files.pop_front().ok_or_else(|| TraceError::NoSegments {
            folder: path.to_owned(),
        })?;
        let (first, file) = open_segment(first)?;
        let reader = Self::from_reader(first, file)?;
        require_observations(&reader.path, &reader.header)?;
        Ok(Self {
            following: files,
            ..reader
        })
    }

    /// Like [`open`](Self::open) for an open file. Errors show `name` as its path.
    ///
    /// # Errors
    /// When it cannot be read or its header is invalid.
    pub fn from_reader(
        name: impl Into<PathBuf>,
        input: impl Read + Send + 'static,
    ) -> Result<Self, TraceError> {
        let path = name.into();
        let input = match decompress(input) {
            Ok(input) => input,
            Err(source) => return Err(TraceError::Open { path, source }),
        };
        let mut lines = Lines::new(input);
        let header = read_header(&path, &mut lines)?;
        let sequence = Sequence::new(header.kind);
        Ok(Self {
            path,
            following: VecDeque::new(),
            lines,
            line: 1,
            header,
            sequence,
            records: 0,
            torn_tail: None,
            finished: false,
        })
    }

    /// The header of the trace; for a journal, of its first file.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The incomplete last record, once the iterator has ended. In a journal where several files
    /// have one, the last of them.
    pub fn torn_tail(&self) -> Option<TornTail> {
        self.torn_tail.clone()
    }

    /// The file and line of the last record.
    pub fn place(&self) -> (&Path, u64) {
        (&self.path, self.line)
    }

    /// The offset in the current file, after decompression, of the end of the last record.
    pub fn offset(&self) -> u64 {
        self.lines.offset()
    }

    fn read_record(&mut self) -> Result<Option<Record>, TraceError> {
        let line = match self.lines.next_line() {
            Ok(None) => return Ok(None),
            Ok(Some(line)) => line,
            Err(error) => return self.unreadable(error).map(|()| None),
        };
        let (number, path) = (line.number, &self.path);
        let record = match serde_json::from_slice::<Record>(line.bytes) {
            Ok(record) => record,
            Err(_) if is_torn(&line) => {
                self.torn_tail = Some(TornTail {
                    path: path.clone(),
                    line: number,
                    bytes: line.bytes.len() as u64,
                });
                return Ok(None);
            }
            Err(error) => {
                return Err(TraceError::Malformed {
                    path: path.clone(),
                    line: number,
                    problem: json_problem(&error),
                });
            }
        };
        self.sequence
            .check(&record)
            .map_err(|problem| TraceError::Invalid {
                path: path.clone(),
                line: number,
                problem,
            })?;
        self.line = number;
        self.records += 1;
        Ok(Some(record))
    }

    /// Continues with the next file of a journal, if there is one.
    fn next_file(&mut self) -> Result<bool, TraceError> {
        let Some(path) = self.following.pop_front() else {
            return Ok(false);
        };
        let (path, file) = open_segment(path)?;
        let Self { lines, header, .. } = Self::from_reader(path.clone(), file)?;
        require_observations(&path, &header)?;
        (self.path, self.lines, self.line) = (path, lines, 1);
        Ok(true)
    }

    fn next_record(&mut self) -> Result<Option<Record>, TraceError> {
        loop {
            match self.read_record()? {
                None if self.next_file()? => {}
                record => return Ok(record),
            }
        }
    }

    /// Handles a failed read: `Ok` when the stream was cut off and the records before the cut are
    /// valid.
    fn unreadable(&mut self, error: LineError) -> Result<(), TraceError> {
        let (path, line) = (self.path.clone(), error.line);
        match error.cause {
            LineErrorCause::TooLong => Err(TraceError::LineTooLong { path, line }),
            LineErrorCause::Read(source) if source.kind() != io::ErrorKind::UnexpectedEof => {
                Err(TraceError::Read { path, line, source })
            }
            LineErrorCause::Read(_) if self.header.kind == Kind::Jobs => {
                Err(TraceError::Truncated {
                    path,
                    records: self.records,
                })
            }
            LineErrorCause::Read(_) => {
                self.torn_tail = Some(TornTail {
                    path,
                    line,
                    bytes: self.lines.unfinished_bytes(),
                });
                Ok(())
            }
        }
    }
}

impl Iterator for TraceReader {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.finished {
            return None;
        }
        let record = self.next_record().transpose();
        self.finished = !matches!(record, Some(Ok(_)));
        record
    }
}

/// Opens a segment, which may have been compressed since its folder was listed.
fn open_segment(path: PathBuf) -> Result<(PathBuf, File), TraceError> {
    match File::open(&path) {
        Ok(file) => Ok((path, file)),
        Err(source) => {
            let compressed = path.with_added_extension("zst");
            File::open(&compressed)
                .map(|file| (compressed, file))
                .map_err(|_| TraceError::Open { path, source })
        }
    }
}

fn require_observations(path: &Path, header: &Header) -> Result<(), TraceError> {
    match header.kind {
        Kind::Observations => Ok(()),
        Kind::Jobs => {
            let problem =
                "a journal has records of kind observations, but this file has jobs; move it to another folder".to_owned();
            Err(TraceError::Header {
                path: path.to_owned(),
                problem,
            })
        }
    }
}

/// Whether the line was left by a killed writer: it has no newline and is not valid JSON.
fn is_torn(line: &Line<'_>) -> bool {
    !line.terminated && serde_json::from_slice::<IgnoredAny>(line.bytes).is_err()
}

fn read_header(path: &Path, lines: &mut Lines) -> Result<Header, TraceError> {
    #[derive(Deserialize)]
    struct Version {
        headroom_trace: u32,
    }
    let path = || path.to_owned();
    let line = match lines.next_line() {
        Ok(Some(line)) => line,
        Ok(None) => return Err(TraceError::Empty { path: path() }),
        Err(LineError { line, cause }) => {
            return Err(match cause {
                LineErrorCause::TooLong => TraceError::LineTooLong { path: path(), line },
                LineErrorCause::Read(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                    TraceError::Truncated {
                        path: path(),
                        records: 0,
                    }
                }
                LineErrorCause::Read(source) => TraceError::Read {
                    path: path(),
                    line,
                    source,
                },
            });
        }
    };
    let Version { headroom_trace } =
        serde_json::from_slice(line.bytes).map_err(|error| TraceError::NotATrace {
            path: path(),
            problem: json_problem(&error),
        })?;
    if headroom_trace != FORMAT_VERSION {
        return Err(TraceError::UnsupportedVersion {
            path: path(),
            found: headroom_trace,
        });
    }
    serde_json::from_slice(line.bytes).map_err(|error| TraceError::Header {
        path: path(),
        problem: json_problem(&error),
    })
}

/// The parser's message without its line number, which is always 1 here.
pub(crate) fn json_problem(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(place) => format!("{} (column {})", &text[..place], error.column()),
        None => text,
    }
}
