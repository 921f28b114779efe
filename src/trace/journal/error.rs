//! The errors of reading and writing traces.

use std::io;
use std::path::PathBuf;

use super::check::InvalidRecord;
use super::lines::LINE_BYTES_MAX;
use crate::trace::FORMAT_VERSION;

/// Why a trace could not be read or written.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum TraceError {
    #[error("{} cannot be read", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("{}:{line}: cannot read further; if the file is damaged, copy or import it again", path.display())]
    Read {
        path: PathBuf,
        line: u64,
        source: io::Error,
    },
    #[error("{} has no files named journal-TIME.jsonl or journal-TIME.jsonl.zst; pass a trace or the folder of a journal", folder.display())]
    NoSegments { folder: PathBuf },
    #[error("{}: the file is empty; a trace starts with a header line (docs/traces.md)", path.display())]
    Empty { path: PathBuf },
    #[error("{}:1: not a Headroom trace: {problem}; `headroom import` makes one of the recordings of other tools", path.display())]
    NotATrace { path: PathBuf, problem: String },
    #[error("{}:1: the trace has format version {found}, but this version of Headroom reads version {FORMAT_VERSION}; use the version that wrote it", path.display())]
    UnsupportedVersion { path: PathBuf, found: u32 },
    #[error("{}:1: invalid header: {problem}; docs/traces.md lists its fields", path.display())]
    Header { path: PathBuf, problem: String },
    #[error("{}:{line}: not a record: {problem}; fix the line or delete it", path.display())]
    Malformed {
        path: PathBuf,
        line: u64,
        problem: String,
    },
    #[error("{}:{line}: {problem}", path.display())]
    Invalid {
        path: PathBuf,
        line: u64,
        problem: InvalidRecord,
    },
    #[error("{}:{line}: the line is longer than {} MiB, so this is probably not a trace; check the file", path.display(), LINE_BYTES_MAX >> 20)]
    LineTooLong { path: PathBuf, line: u64 },
    #[error("{}: truncated: the compressed stream ends after {records} records; copy, import or generate it again", path.display())]
    Truncated { path: PathBuf, records: u64 },
    #[error("{} cannot be written", path.display())]
    Write { path: PathBuf, source: io::Error },
}
