//! What the daemon writes down before it acts, and how it knows after a restart what it did.
//!
//! A journal is a folder of segments, each a whole trace that begins with its policy and the state
//! of the engine. Records become durable in the order observation, decisions, (call), outcome. A
//! tick counts once all its decisions are durable: nothing is acted on before, and a restart
//! forgets a tick that is not whole.

mod recovery;
#[cfg(test)]
mod tests;
mod upkeep;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::engine::Engine;
use crate::file::write_whole;
use crate::policy::diagnostic::PolicyErrors;
use crate::replay::fold::StartError;
use crate::trace::journal::{InvalidRecord, Segment, Sequence, TraceError, segments};
use crate::trace::{FORMAT_VERSION, Header, Kind, Record, SavedState, Start};
use crate::units::Timestamp;
use recovery::{Found, recover};
pub use upkeep::Upkeep;

/// How large a journal becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// A segment that is as large is followed by another one.
    pub segment_bytes: u64,
    /// A segment that is as old is followed by another one.
    pub segment_age: Duration,
    /// The oldest segments are deleted to keep within this; the newest never is.
    pub budget_bytes: u64,
    /// The cluster is a simulated one.
    pub synthetic: bool,
}

impl Default for Settings {
    /// 64 MiB or a day, within 1 GiB.
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            segment_age: Duration::from_secs(86_400),
            budget_bytes: 1 << 30,
            synthetic: false,
        }
    }
}

/// A journal that is being written. One process may have it open.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    settings: Settings,
    /// Of this run, without state.
    start: Start,
    segment: Segment,
    /// Opened to append.
    file: File,
    durable_bytes: u64,
    /// Lines that [`sync`](Self::sync) will write.
    waiting: Vec<u8>,
    /// The engine has seen what was not written: only a new segment, with the engine's state,
    /// continues it.
    has_gap: bool,
}

/// Why the journal could not be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{}: the folder of the journal cannot be used; it needs to exist and to belong to this user", path.display())]
    Folder { path: PathBuf, source: io::Error },
    #[error("the policy is refused")]
    Policy(#[source] PolicyErrors),
    #[error(
        "the journal cannot be read back; correct the line, or move the file away: \
         what it knows of cooldowns and resizes on their way is then forgotten"
    )]
    Damaged(#[source] TraceError),
    #[error("{}: does not begin with a `start` record; move the file out of the journal's folder", path.display())]
    NoStart { path: PathBuf },
    #[error("{}: cannot be restored; move the file away to begin a new journal", path.display())]
    Start { path: PathBuf, source: StartError },
    #[error("{} is the journal of cluster {found}, not of {expected}; give each cluster its own state folder", folder.display())]
    OtherCluster {
        folder: PathBuf,
        found: String,
        expected: String,
    },
    #[error("{} cannot be written; is the disk full?", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("a record cannot be written")]
    Refused(#[source] InvalidRecord),
    #[error("an earlier record was not written; the next tick begins a new segment")]
    Gap,
}

impl Journal {
    /// Opens the journal in a folder, or begins one, and gives back the engine as its records left
    /// it. `start` is this run's. The same policy and version go on in the newest segment; others
    /// begin a new one, with the state carried over by [`Engine::adopt`].
    ///
    /// # Errors
    /// When the newest segment is damaged in other ways than a killed writer leaves it, is of
    /// another cluster, or cannot be written.
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
        fs::create_dir_all(folder).map_err(unusable)?;
        upkeep::remove_temporary_files(folder).map_err(unusable)?;
        let start = Start {
            state: None,
            ..start
        };
        let Some(found) = recover(folder, &policy)? else {
            let segment = Segment::plain(folder, start.at);
            tracing::info!(segment = %segment.path.display(), "a journal begins");
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
            return Self::go_on(folder, settings, start, found);
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

    /// To be called before each tick: begins a new segment when the present one is large or old
    /// enough, or when an earlier error left a gap between it and the engine. Gives back the work
    /// that this leaves behind, to be done beside the loop.
    ///
    /// # Errors
    /// When the disk refuses. Without a gap the present segment is then still good, and the next
    /// call tries again.
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

    /// Takes a record, to be written by the next [`sync`](Self::sync).
    ///
    /// # Errors
    /// A record that could not be read back, such as one with a metric that is not a number:
    /// whoever observes leaves that out, so that the engine does not see it either. After any error
    /// nothing more is taken until [`prepare`](Self::prepare) has closed the gap.
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

    /// Makes everything durable that was appended. Only then may a decision be acted on, or an
    /// outcome be relied upon.
    ///
    /// # Errors
    /// When the disk refuses. What was appended since the last `sync` is then taken back: none of
    /// it may be acted on, and the engine is to be told that its resizes were not sent.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.has_gap {
            return Err(JournalError::Gap);
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        if let Err(source) = self
            .file
            .write_all(&self.waiting)
            .and_then(|()| self.file.sync_data())
        {
            self.leave_gap();
            return Err(self.unwritten(source));
        }
        self.durable_bytes += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// The file that is being written.
    pub fn path(&self) -> &Path {
        &self.segment.path
    }

    /// The size of all segments together; what cannot be looked at does not count.
    pub fn bytes(&self) -> u64 {
        let segments = segments(&self.folder).unwrap_or_default();
        segments
            .iter()
            .filter_map(|segment| fs::metadata(&segment.path).ok())
            .map(|metadata| metadata.len())
            .sum()
    }

    /// Compresses and deletes what is no longer written to: to be done at the start, and whenever
    /// [`prepare`](Self::prepare) says so.
    pub fn upkeep(&self) -> Upkeep {
        Upkeep {
            folder: self.folder.clone(),
            budget_bytes: self.settings.budget_bytes,
        }
    }

    /// A new segment, durable before it is switched to.
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
            .and_then(|()| write_whole(&segment.path, &lines))
            .map_err(unwritten)?;
        Self::appending_to(folder, settings, start, segment, lines.len() as u64)
    }

    /// The newest segment as it was left, without what was torn off, and with the mark of a
    /// restart.
    fn go_on(
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

    /// Opens a segment that exists, cuts off what follows its first `whole_bytes`, and sees to it
    /// that these end in a newline.
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
                tracing::warn!(segment = %segment.path.display(), torn_bytes, "the last tick was not written to its end and is left out");
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

    /// Takes back what is not durable. If the disk refuses that, too, no harm is done: a restart
    /// goes on from the next segment, and before there is one it leaves out a tick that is not
    /// whole, and looks for a resize without an outcome.
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

/// A segment that begins at `at`, and in any case after the one before it, whatever the clock says.
fn next_segment(folder: &Path, last: &Segment, at: Timestamp) -> Segment {
    Segment::plain(folder, at.max(last.begin + Duration::from_millis(1)))
}

fn push_line(lines: &mut Vec<u8>, value: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, value)?;
    lines.push(b'\n');
    Ok(())
}
