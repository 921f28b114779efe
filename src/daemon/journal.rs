//! The journal: what the daemon writes before it acts, and restores its engine from after a restart.
//!
//! A journal is a folder of segments, each a whole trace that begins with its policy and the state
//! of the engine. Records become durable in the order observation, decisions, (call), outcome. A
//! tick counts once all its decisions are durable: the daemon does not act before, and a restart
//! ignores an incomplete tick.

mod error;
mod recovery;
#[cfg(test)]
mod tests;
mod upkeep;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::Engine;
use crate::file::{self, private_folder, write_private};
use crate::trace::journal::{Segment, Sequence, segments};
use crate::trace::{FORMAT_VERSION, Header, Kind, Record, SavedState, Start};
use crate::units::Timestamp;
pub use error::JournalError;
use recovery::{Found, recover};
pub use upkeep::Upkeep;

/// How large a journal grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The size at which a new segment begins.
    pub segment_bytes: u64,
    /// The age at which a new segment begins.
    pub segment_age: Duration,
    /// The size of the whole journal. The oldest segments are deleted beyond it, never the newest.
    pub budget_bytes: u64,
    /// Whether the cluster is simulated.
    pub synthetic: bool,
}

impl Default for Settings {
    /// A new segment every 64 MiB or every day, and 1 GiB in all.
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            segment_age: Duration::from_secs(86_400),
            budget_bytes: 1 << 30,
            synthetic: false,
        }
    }
}

/// An open journal. Only one process may have it open.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    settings: Settings,
    /// The record of this run's start, without state.
    start: Start,
    segment: Segment,
    /// The segment, opened to append.
    file: File,
    durable_bytes: u64,
    /// Lines for the next [`sync`](Self::sync).
    waiting: Vec<u8>,
    /// The engine has taken in what could not be written. The journal can only continue in a new
    /// segment, which begins with the engine's state.
    has_gap: bool,
}

impl Journal {
    /// Opens the journal in a folder, or begins one, and restores the engine from it. `start`
    /// describes this run. With the same policy and version the newest segment continues; otherwise
    /// a new segment begins, and [`Engine::adopt`] carries the state over.
    ///
    /// # Errors
    /// When the newest segment is damaged by more than an interrupted write, belongs to another
    /// cluster, or cannot be written.
    pub fn open(
        folder: &Path,
        settings: Settings,
        start: Start,
    ) -> Result<(Self, Engine), JournalError> {
        let unusable = |source| JournalError::Folder {
            path: folder.to_owned(),
            source,
        };
        let policy = start.policy.parse().map_err(JournalError::Policy)?;
        private_folder(folder).map_err(unusable)?;
        upkeep::remove_temporary_files(folder).map_err(unusable)?;
        let start = Start {
            state: None,
            ..start
        };
        let Some(found) = recover(folder, &policy)? else {
            let segment = Segment::plain(folder, start.at);
            tracing::info!(segment = %segment.path.display(), "a new journal begins");
            return Ok((
                Self::begin(folder, settings, start, segment, None)?,
                Engine::new(policy),
            ));
        };
        if found.start.cluster != start.cluster {
            let (folder, found, expected) = (folder.to_owned(), found.start.cluster, start.cluster);
            return Err(JournalError::OtherCluster {
                folder,
                found,
                expected,
            });
        }
        tracing::info!(segment = %found.segment.path.display(), records = found.records, "restored from the journal");
        let is_same_policy = found.start.policy.text == start.policy.text;
        if is_same_policy && found.start.headroom == start.headroom && !found.segment.is_compressed
        {
            return Self::resume(folder, settings, start, found);
        }
        let engine = if is_same_policy {
            found.engine
        } else {
            found.engine.adopt(policy)
        };
        let segment = next_segment(folder, &found.segment, start.at);
        Ok((
            Self::begin(folder, settings, start, segment, Some(&engine))?,
            engine,
        ))
    }

    /// Prepares the journal for a tick: begins a new segment if the current one is large or old
    /// enough, or if an earlier error left a gap. Returns the upkeep to run in the background, if
    /// there is some.
    ///
    /// # Errors
    /// When the new segment cannot be written. The next call tries again.
    pub fn prepare(
        &mut self,
        at: Timestamp,
        engine: &Engine,
    ) -> Result<Option<Upkeep>, JournalError> {
        let is_due = self.durable_bytes >= self.settings.segment_bytes
            || at.since(self.segment.begin) >= self.settings.segment_age;
        if !is_due && !self.has_gap {
            return Ok(None);
        }
        if !self.has_gap {
            self.sync()?;
        }
        let segment = next_segment(&self.folder, &self.segment, at);
        let start = Start {
            at,
            ..self.start.clone()
        };
        *self = Self::begin(&self.folder, self.settings, start, segment, Some(engine))?;
        Ok(Some(self.upkeep()))
    }

    /// Adds a record for the next [`sync`](Self::sync).
    ///
    /// # Errors
    /// When the record could not be read back, such as one with a metric that is not a number.
    /// After an error no record is accepted until [`prepare`](Self::prepare) has closed the gap.
    pub fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        if self.has_gap {
            return Err(JournalError::Gap);
        }
        let checked = Sequence::new(Kind::Observations)
            .check(record)
            .map_err(JournalError::Refused);
        let taken = checked.and_then(|()| {
            push_line(&mut self.waiting, record).map_err(|source| self.unwritten(source))
        });
        taken.inspect_err(|_| self.leave_gap())
    }

    /// Makes all appended records durable. Only then may the daemon act on a decision.
    ///
    /// # Errors
    /// When they cannot be written. The records since the last `sync` are then removed: the caller
    /// must not act on them, and must note in the engine that its resizes were not sent.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.has_gap {
            return Err(JournalError::Gap);
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        if let Err(source) = file::append(&mut self.file, &self.waiting) {
            self.leave_gap();
            return Err(self.unwritten(source));
        }
        self.durable_bytes += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// The newest segment's file.
    pub fn path(&self) -> &Path {
        &self.segment.path
    }

    /// The size of all segments together, as far as it can be read.
    pub fn bytes(&self) -> u64 {
        let segments = segments(&self.folder).unwrap_or_default();
        segments
            .iter()
            .filter_map(|segment| fs::metadata(&segment.path).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// The work that compresses and deletes old segments. Run it at the start, and whenever
    /// [`prepare`](Self::prepare) returns it.
    pub fn upkeep(&self) -> Upkeep {
        Upkeep {
            folder: self.folder.clone(),
            budget_bytes: self.settings.budget_bytes,
        }
    }

    /// Begins a new segment, which is durable before it is used.
    fn begin(
        folder: &Path,
        settings: Settings,
        start: Start,
        segment: Segment,
        engine: Option<&Engine>,
    ) -> Result<Self, JournalError> {
        let state = engine.map(|engine| SavedState::Known(Box::new(engine.state())));
        let header = Header {
            headroom_trace: FORMAT_VERSION,
            kind: Kind::Observations,
            start: start.at,
            source: format!(
                "cluster {}, recorded by headroom {}",
                start.cluster, start.headroom
            ),
            synthetic: settings.synthetic,
        };
        let mut lines = Vec::new();
        let unwritten = |source| JournalError::Write {
            path: segment.path.clone(),
            source,
        };
        push_line(&mut lines, &header)
            .and_then(|()| {
                push_line(
                    &mut lines,
                    &Record::Start(Box::new(Start {
                        state,
                        ..start.clone()
                    })),
                )
            })
            .and_then(|()| write_private(&segment.path, &lines))
            .map_err(unwritten)?;
        Self::appending_to(folder, settings, start, segment, lines.len() as u64)
    }

    /// Continues the newest segment: removes an incomplete tick, and records the restart.
    fn resume(
        folder: &Path,
        settings: Settings,
        start: Start,
        found: Found,
    ) -> Result<(Self, Engine), JournalError> {
        let mark = Record::Start(Box::new(start.clone()));
        let mut journal =
            Self::appending_to(folder, settings, start, found.segment, found.whole_bytes)?;
        journal.append(&mark)?;
        journal.sync()?;
        Ok((journal, found.engine))
    }

    /// Opens an existing segment, truncates it to `whole_bytes`, and makes sure that it ends in a
    /// newline.
    fn appending_to(
        folder: &Path,
        settings: Settings,
        start: Start,
        segment: Segment,
        whole_bytes: u64,
    ) -> Result<Self, JournalError> {
        let open = || -> io::Result<(File, Vec<u8>)> {
            let mut file = OpenOptions::new()
                .read(true)
                .append(true)
                .open(&segment.path)?;
            let torn_bytes = file.metadata()?.len().saturating_sub(whole_bytes);
            if torn_bytes > 0 {
                tracing::warn!(segment = %segment.path.display(), torn_bytes, "the last tick was not written completely and is ignored");
                file.set_len(whole_bytes)?;
                file.sync_data()?;
            }
            let mut last = [0];
            file.seek(SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            Ok((
                file,
                if last == *b"\n" {
                    Vec::new()
                } else {
                    vec![b'\n']
                },
            ))
        };
        let (file, waiting) = open().map_err(|source| JournalError::Write {
            path: segment.path.clone(),
            source,
        })?;
        let folder = folder.to_owned();
        Ok(Self {
            folder,
            settings,
            start,
            segment,
            file,
            durable_bytes: whole_bytes,
            waiting,
            has_gap: false,
        })
    }

    /// Removes what is not durable. A failure is harmless: a restart continues from the next segment,
    /// or, before there is one, ignores an incomplete tick.
    fn leave_gap(&mut self) {
        self.has_gap = true;
        self.waiting.clear();
        let _ = self
            .file
            .set_len(self.durable_bytes)
            .and_then(|()| self.file.sync_data());
    }

    fn unwritten(&self, source: io::Error) -> JournalError {
        JournalError::Write {
            path: self.segment.path.clone(),
            source,
        }
    }
}

/// A segment that begins at `at`, or just after the last one if the clock was set back.
fn next_segment(folder: &Path, last: &Segment, at: Timestamp) -> Segment {
    Segment::plain(folder, at.max(last.begin + Duration::from_millis(1)))
}

fn push_line(lines: &mut Vec<u8>, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, value)?;
    lines.push(b'\n');
    Ok(())
}
