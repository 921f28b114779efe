//! The errors of a journal.

use std::io;
use std::path::PathBuf;

use crate::policy::diagnostic::PolicyErrors;
use crate::replay::fold::StartError;
use crate::trace::journal::{InvalidRecord, TraceError};

/// Why the journal could not be opened or written.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum JournalError {
    #[error("{}: the journal's folder cannot be used; check that this user may write to it", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the policy is invalid")]
    Policy(#[source] PolicyErrors),
    #[error(
        "the journal cannot be read; correct the line, or move the file away \
         (the daemon then starts without its cooldowns and in-flight resizes)"
    )]
    Damaged(#[source] TraceError),
    #[error("{}: does not begin with a `start` record; move the file out of the journal's folder", path.display())]
    NoStart { path: PathBuf },
    #[error("{}: the engine cannot be restored; move the file away to begin a new journal", path.display())]
    Start { path: PathBuf, source: StartError },
    #[error("{} is the journal of cluster {found}, not of {expected}; give each cluster its own state folder", folder.display())]
    OtherCluster {
        folder: PathBuf,
        found: String,
        expected: String,
    },
    #[error("{} cannot be written; check the free space and the permissions", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("an invalid record cannot be written")]
    Refused(#[source] InvalidRecord),
    #[error("an earlier record could not be written; the next tick begins a new segment")]
    Gap,
}
