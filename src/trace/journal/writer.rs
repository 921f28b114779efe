//! Writes a trace atomically.

use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::check::Sequence;
use super::error::TraceError;
use crate::file::WholeFile;
use crate::trace::{Header, Record};

/// zstd's default: fast, and a few percent larger than the best.
const ZSTD_LEVEL: i32 = 3;

/// Writes a trace, compressed with zstd if its name ends in `.zst`.
///
/// Records go to a temporary file in the same folder, which [`finish`](Self::finish) renames. A
/// writer that is dropped before removes the temporary file and leaves an older trace of the same
/// name unchanged.
pub struct TraceWriter {
    path: PathBuf,
    output: Output,
    sequence: Sequence,
    line: Vec<u8>,
    lines_written: u64,
}

enum Output {
    Plain(BufWriter<WholeFile>),
    Zstd(Box<zstd::Encoder<'static, BufWriter<WholeFile>>>),
}

impl TraceWriter {
    /// Creates the temporary file and writes the header.
    ///
    /// # Errors
    /// When the folder does not exist or cannot be written.
    pub fn create(path: &Path, header: &Header) -> Result<Self, TraceError> {
        let output = Output::create(path).map_err(|source| TraceError::Write {
            path: path.to_owned(),
            source,
        })?;
        let sequence = Sequence::new(header.kind);
        let mut writer = Self {
            path: path.to_owned(),
            output,
            sequence,
            line: Vec::new(),
            lines_written: 0,
        };
        writer.write_line(header)?;
        Ok(writer)
    }

    /// Appends a record.
    ///
    /// # Errors
    /// When the reader would reject the record because it is of the wrong kind, out of order or
    /// invalid, and when the disk is full.
    pub fn write(&mut self, record: &Record) -> Result<(), TraceError> {
        self.sequence
            .check(record)
            .map_err(|problem| TraceError::Invalid {
                path: self.path.clone(),
                line: self.lines_written + 1,
                problem,
            })?;
        self.write_line(record)
    }

    /// Syncs the file to disk and renames it to its final name, replacing an older file.
    ///
    /// # Errors
    /// When the disk is full or fails.
    pub fn finish(self) -> Result<(), TraceError> {
        let Self { path, output, .. } = self;
        output
            .persist()
            .map_err(|source| TraceError::Write { path, source })
    }

    fn write_line(&mut self, value: &impl serde::Serialize) -> Result<(), TraceError> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, value)
            .map_err(io::Error::from)
            .and_then(|()| {
                self.line.push(b'\n');
                self.output.write_all(&self.line)
            })
            .map_err(|source| TraceError::Write {
                path: self.path.clone(),
                source,
            })?;
        self.lines_written += 1;
        Ok(())
    }
}

impl Output {
    fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::new(WholeFile::create(path)?);
        if path.extension().is_none_or(|extension| extension != "zst") {
            return Ok(Self::Plain(file));
        }
        let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL)?;
        encoder.include_checksum(true)?;
        Ok(Self::Zstd(Box::new(encoder)))
    }

    fn persist(self) -> io::Result<()> {
        let buffered = match self {
            Self::Plain(file) => file,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        let file = buffered
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.persist()
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
        }
    }
}
