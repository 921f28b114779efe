//! The finished parts of a recording, in a file next to the future trace.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::RecordError;
use super::plan::{Asked, Plan};
use crate::cluster_history::{History, Part};
use crate::daemon::sources::error::SourceError;
use crate::file::write_whole;
use crate::units::Timestamp;

/// A recording that may be interrupted.
#[derive(Debug)]
pub(super) struct Partial {
    path: PathBuf,
    content: Content,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    asked: Asked,
    region: String,
    plan: Plan,
    /// The first parts of the plan.
    parts: Vec<Part>,
}

impl Partial {
    /// Continues the recording of the trace `out`, or begins one.
    ///
    /// # Errors
    /// When the file is of another recording, or the plan is invalid.
    pub fn open(
        out: &Path,
        asked: &Asked,
        region: &str,
        now: Timestamp,
    ) -> Result<Self, RecordError> {
        let mut name = out.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let content = Content {
                    asked: asked.clone(),
                    region: region.to_owned(),
                    plan: Plan::new(asked, now)?,
                    parts: Vec::new(),
                };
                return Ok(Self { path, content });
            }
            bytes => bytes.map_err(|source| RecordError::File {
                path: path.clone(),
                source,
            })?,
        };
        let content: Content =
            serde_json::from_slice(&bytes).map_err(|source| RecordError::NotPartial {
                path: path.clone(),
                source,
            })?;
        if content.asked != *asked || content.region != region {
            return Err(RecordError::OtherRecording {
                path,
                asked: Box::new(content.asked),
                region: content.region,
            });
        }
        if !content.plan.is_kept(now) {
            return Err(RecordError::OutOfDate { path });
        }
        Ok(Self { path, content })
    }

    /// The plan of the recording.
    pub fn plan(&self) -> &Plan {
        &self.content.plan
    }

    /// The number of finished parts.
    pub fn done(&self) -> usize {
        self.content.parts.len()
    }

    /// Adds the next part, and makes it durable.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, part: Part) -> Result<(), RecordError> {
        self.content.parts.push(part);
        let written = serde_json::to_vec(&self.content)
            .map_err(io::Error::from)
            .and_then(|bytes| write_whole(&self.path, &bytes));
        written.map_err(|source| RecordError::File {
            path: self.path.clone(),
            source,
        })
    }

    /// The error for an interruption.
    pub fn interrupted(&self, source: SourceError) -> RecordError {
        if self.done() == 0 {
            return source.into();
        }
        RecordError::Interrupted {
            done: self.done(),
            total: self.plan().parts().len(),
            path: self.path.clone(),
            source,
        }
    }

    /// The history so far.
    pub fn history(&self) -> History {
        History::of(&self.content.parts)
    }

    /// Deletes the file after the trace is written, so that the next recording does not continue it.
    ///
    /// # Errors
    /// When the file cannot be deleted.
    pub fn delete(self) -> Result<(), RecordError> {
        fs::remove_file(&self.path).map_err(|source| RecordError::File {
            path: self.path,
            source,
        })
    }
}
