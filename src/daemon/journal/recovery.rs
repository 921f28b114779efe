//! Restores the engine from the records of a journal.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::error::JournalError;
use crate::decision::Decision;
use crate::engine::Engine;
use crate::observation::Observation;
use crate::policy::Policy;
use crate::replay::fold::{begin, fold};
use crate::trace::journal::{Segment, TraceReader, segments};
use crate::trace::{Record, Start};

/// The newest segment, and the state at its end.
pub(super) struct Found {
    pub segment: Segment,
    /// The record of the last start.
    pub start: Start,
    pub engine: Engine,
    pub records: u64,
    /// The length without an incomplete record or tick at the end.
    pub whole_bytes: u64,
}

/// Reads the newest segment. `policy` is used if the segment's policy is not valid in this version.
pub(super) fn recover(folder: &Path, policy: &Policy) -> Result<Option<Found>, JournalError> {
    let unusable = |source| JournalError::Folder {
        path: folder.to_owned(),
        source,
    };
    for segment in segments(folder).map_err(unusable)?.into_iter().rev() {
        if has_beginning(&segment).map_err(unusable)? {
            return Restoring::read(segment, policy).map(Some);
        }
        // No record was appended to it, and the segment before it contains its initial state.
        tracing::warn!(segment = %segment.path.display(), "the segment has an incomplete beginning and is deleted");
        fs::remove_file(&segment.path).map_err(unusable)?;
    }
    Ok(None)
}

/// Whether the header and the start record are complete. A segment gets its name when they are
/// durable, so this fails only after a loss in the file system.
fn has_beginning(segment: &Segment) -> std::io::Result<bool> {
    if segment.is_compressed {
        return Ok(true);
    }
    let mut file = BufReader::new(File::open(&segment.path)?);
    for _line in 0..2 {
        let mut line = Vec::new();
        file.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A segment that is being read.
struct Restoring {
    engine: Engine,
    start: Start,
    /// A tick of which more decisions follow.
    tick: Option<(Box<Observation>, Vec<Decision>)>,
    whole_bytes: u64,
    records: u64,
}

impl Restoring {
    fn read(segment: Segment, policy: &Policy) -> Result<Found, JournalError> {
        let path = &segment.path;
        let mut reader = TraceReader::open(path).map_err(JournalError::Damaged)?;
        let Some(Record::Start(start)) =
            reader.next().transpose().map_err(JournalError::Damaged)?
        else {
            return Err(JournalError::NoStart { path: path.clone() });
        };
        // The state or the policy is from another version. The records are then replayed by an
        // engine that begins here.
        let engine = begin(None, &start).or_else(|error| {
            tracing::warn!(segment = %path.display(), error = %error, "the saved state cannot be restored; only the records after it are used");
            Ok(Engine::new(start.policy.parse().unwrap_or_else(|_| policy.clone())))
        })?;
        let mut restoring = Self {
            engine,
            start: *start,
            tick: None,
            whole_bytes: reader.offset(),
            records: 1,
        };
        while let Some(record) = reader.next() {
            restoring.take(record.map_err(JournalError::Damaged)?, reader.offset());
        }
        let Self {
            engine,
            start,
            whole_bytes,
            records,
            ..
        } = restoring;
        Ok(Found {
            segment,
            start,
            engine,
            records,
            whole_bytes,
        })
    }

    fn take(&mut self, record: Record, offset: u64) {
        self.records += 1;
        match (record, &mut self.tick) {
            (Record::Observation(observation), tick) => {
                if let Some((observation, decisions)) = tick.replace((observation, Vec::new())) {
                    self.end_tick(*observation, decisions);
                }
            }
            (Record::Decision(decision), Some((_, decisions))) => decisions.push(*decision),
            (Record::Start(start), _) => self.start = *start,
            (other, _) => drop(fold(&mut self.engine, &other)),
        }
        let targets = self.engine.policy().targets().len();
        if let Some((observation, decisions)) = self
            .tick
            .take_if(|(_, decisions)| decisions.len() >= targets)
        {
            self.end_tick(*observation, decisions);
        }
        if self.tick.is_none() {
            self.whole_bytes = offset;
        }
    }

    fn end_tick(&mut self, observation: Observation, decisions: Vec<Decision>) {
        self.engine.step(&observation);
        decisions
            .iter()
            .for_each(|decision| self.engine.apply_recorded(decision));
    }
}
