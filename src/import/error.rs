//! Why an import fails.

use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::trace::journal::InvalidRecord;

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
    #[error("no observation has YARN's load; missing: {missing}")]
    NoObservations { missing: String },
    #[error("{problem}")]
    Options { problem: &'static str },
}

impl ImportError {
    /// Whether a compressed stream ends before its end.
    pub(super) fn is_early_end(&self) -> bool {
        matches!(self, Self::Read { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof)
    }

    /// The message with its causes, on one line.
    pub(super) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

pub(super) fn malformed(path: &Path, line: u64, problem: impl Into<String>) -> ImportError {
    ImportError::Malformed {
        path: path.to_owned(),
        line,
        problem: problem.into(),
    }
}

pub(super) fn unusable(path: &Path, problem: impl Into<String>) -> ImportError {
    ImportError::Unusable {
        path: path.to_owned(),
        problem: problem.into(),
    }
}
