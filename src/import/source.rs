//! The files that an import reads.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, Cursor, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::error::{ImportError, malformed, unusable};
use crate::compression::{Decompressed, decompress};
use crate::trace::journal::lines::{self, LINE_BYTES_MAX, LineError, LineErrorCause, Lines};

/// A file to import, decompressed if it was compressed, and the name that errors show for it.
pub struct Source {
    pub(super) name: PathBuf,
    pub(super) input: Decompressed,
    /// The files that continue it.
    rest: Rest,
    /// What is known to be missing.
    pub(super) gap: Option<String>,
}

type Rest = Box<dyn Iterator<Item = Result<Source, ImportError>>>;

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
    /// When its first bytes cannot be read, or are those of a compression that Headroom does not
    /// read.
    pub fn new(
        name: impl Into<PathBuf>,
        input: impl Read + Send + 'static,
    ) -> Result<Self, ImportError> {
        let name = name.into();
        match decompress(input) {
            Ok(input) => Ok(Self {
                name,
                input,
                rest: Box::new(std::iter::empty()),
                gap: None,
            }),
            Err(source) => Err(ImportError::Open { path: name, source }),
        }
    }

    /// Appends other files, for a recording that was written in pieces. Each is opened when the one
    /// before it has been read.
    #[must_use]
    pub fn followed_by(
        self,
        rest: impl Iterator<Item = Result<Self, ImportError>> + 'static,
    ) -> Self {
        Self {
            rest: Box::new(rest),
            ..self
        }
    }

    /// Marks the source as incomplete: `gap` says what is missing, and why.
    #[must_use]
    pub fn with_gap(self, gap: Option<String>) -> Self {
        Self { gap, ..self }
    }

    /// Checks that there is something to read.
    pub(super) fn check_content(&mut self) -> Result<(), ImportError> {
        match self.input.fill_buf() {
            Ok([]) => Err(unusable(
                &self.name,
                "the file is empty; if its program still runs, copy it again when that has ended",
            )),
            Ok(_) => Ok(()),
            Err(source) => Err(ImportError::Read {
                path: self.name.clone(),
                line: 1,
                source: plain(source),
            }),
        }
    }

    /// The first bytes, at most so many, which are then read again.
    pub(super) fn peek(&mut self, bytes: u64) -> Result<Vec<u8>, ImportError> {
        let mut first = Vec::new();
        let read = self.input.by_ref().take(bytes).read_to_end(&mut first);
        read.map_err(|source| ImportError::Read {
            path: self.name.clone(),
            line: 1,
            source,
        })?;
        let rest = std::mem::replace(&mut self.input, Box::new(io::empty()));
        self.input = Box::new(Cursor::new(first.clone()).chain(rest));
        Ok(first)
    }

    /// The files of the source, each for itself.
    pub(super) fn into_pieces(mut self) -> impl Iterator<Item = Result<Self, ImportError>> {
        let rest = std::mem::replace(&mut self.rest, Box::new(std::iter::empty()));
        std::iter::once(Ok(self)).chain(rest)
    }

    pub(super) fn lines(self) -> SourceLines {
        SourceLines {
            name: self.name,
            lines: Lines::new(self.input),
            rest: self.rest,
        }
    }

    /// The name, and the bytes with a count of them. A record (a CSV row, a JSON object) of more than
    /// `record_mib` is an error, so that a file without end does not fill the memory.
    pub(super) fn metered(self, record_mib: u64) -> (PathBuf, Metered, Rc<Meter>) {
        let meter = Rc::new(Meter {
            line: Cell::new(1),
            record_bytes: Cell::new(0),
        });
        let input = Metered {
            input: self.input,
            record_mib,
            meter: Rc::clone(&meter),
        };
        (self.name, input, meter)
    }
}

/// The lines of a source.
pub(super) struct SourceLines {
    /// The file that is being read.
    pub name: PathBuf,
    lines: Lines,
    rest: Rest,
}

impl SourceLines {
    /// The next line that is not blank, or `None` at the end.
    pub fn next_line(&mut self) -> Result<Option<lines::Line<'_>>, ImportError> {
        while !self
            .lines
            .has_more()
            .map_err(|error| place(&self.name, error))?
        {
            let Some(next) = self.rest.next() else {
                return Ok(None);
            };
            let next = next?;
            self.name = next.name;
            self.lines = Lines::new(next.input);
        }
        let Self { name, lines, .. } = self;
        lines.next_line().map_err(|error| place(name, error))
    }

    /// Whether there is a file after the one that is being read. It is not read afterwards.
    pub fn has_another_file(&mut self) -> bool {
        self.rest.next().is_some()
    }
}

fn place(name: &Path, error: LineError) -> ImportError {
    let LineError { line, cause } = error;
    match cause {
        LineErrorCause::Read(source) => ImportError::Read {
            path: name.to_owned(),
            line,
            source: plain(source),
        },
        LineErrorCause::TooLong => malformed(
            name,
            line,
            format!(
                "the line is longer than {} MiB; check that this is the right kind of file",
                LINE_BYTES_MAX >> 20
            ),
        ),
    }
}

/// An end that is too early, in words that need no knowledge of the decompressor.
fn plain(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        io::Error::new(error.kind(), "the compressed stream ends early")
    } else {
        error
    }
}

/// How much has been read.
pub(super) struct Meter {
    line: Cell<u64>,
    record_bytes: Cell<u64>,
}

impl Meter {
    /// The line up to which the file has been read, from one.
    pub fn line(&self) -> u64 {
        self.line.get()
    }

    /// Begins a record, whose size is limited.
    pub fn begin_record(&self) {
        self.record_bytes.set(0);
    }
}

/// A reader that fails on a record that is too large.
pub(super) struct Metered {
    input: Decompressed,
    record_mib: u64,
    meter: Rc<Meter>,
}

impl Read for Metered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        let newlines = buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
        let meter = &self.meter;
        meter.line.set(meter.line.get() + newlines);
        meter
            .record_bytes
            .set(meter.record_bytes.get() + read as u64);
        if meter.record_bytes.get() > self.record_mib << 20 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "a record is longer than {} MiB; check that this is the right kind of file",
                    self.record_mib
                ),
            ));
        }
        Ok(read)
    }
}
