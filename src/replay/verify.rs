//! Whether a journal's decisions follow from what it observed: each is made again and compared.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use super::fold::{StartError, begin};
use crate::decision::Decision;
use crate::engine::Engine;
use crate::observation::Observation;
use crate::trace::journal::{TraceError, TraceReader};
use crate::trace::{OutcomeRecord, Record, Start};
use crate::units::Timestamp;

/// So many differences are kept; what follows a difference often differs for the same reason.
const DIFFERENCES_KEPT: usize = 3;

/// What was compared, and what came of it.
#[derive(Debug, Default)]
pub struct Verification {
    pub files: BTreeSet<PathBuf>,
    pub records: u64,
    pub observations: u64,
    /// Decisions that were made again.
    pub decisions: u64,
    /// Of the first and the last observation.
    pub span: Option<(Timestamp, Timestamp)>,
    /// Versions of the program that recorded.
    pub versions: BTreeSet<String>,
    /// Decisions that differ.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// Decisions that could not be made again, because the start above them gives no engine.
    pub unchecked: u64,
    /// Why, for each such start.
    pub without_engine: Vec<(PathBuf, u64, StartError)>,
    /// The last tick was not written to its end.
    pub ends_within_a_tick: bool,
}

/// A decision that was not made as it was recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub path: PathBuf,
    pub line: u64,
    /// `None` when the recording lacks it.
    pub recorded: Option<Box<Decision>>,
    /// `None` when the recording has one too many.
    pub made: Option<Box<Decision>>,
}

impl Difference {
    /// The fields that differ, as they are named in the recording.
    pub fn fields(&self) -> Vec<String> {
        let fields = |decision: &Option<Box<Decision>>| match serde_json::to_value(decision) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (recorded, made) = (fields(&self.recorded), fields(&self.made));
        let names: BTreeSet<&String> = recorded.keys().chain(made.keys()).collect();
        names
            .into_iter()
            .filter(|name| recorded.get(*name) != made.get(*name))
            .cloned()
            .collect()
    }
}

/// Why nothing could be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("{}:{line}: no `start` record stands above it, so the policy is not known; only a daemon's journal can be verified", path.display())]
    NoStart { path: PathBuf, line: u64 },
}

/// Reads a journal to its end. `on_record` is called after each record.
///
/// # Errors
/// When a record cannot be read, or the journal does not begin with a start.
pub fn verify(
    reader: &mut TraceReader,
    mut on_record: impl FnMut(),
) -> Result<Verification, VerifyError> {
    let mut verifier = Verifier::default();
    while let Some(record) = reader.next() {
        let record = record?;
        let (path, line) = reader.place();
        verifier.take(record, path.to_owned(), line)?;
        on_record();
    }
    verifier.end_tick(true);
    Ok(verifier.found)
}

#[derive(Default)]
struct Verifier {
    found: Verification,
    engine: Option<Engine>,
    has_started: bool,
    /// What the engine made of the last observation, and the recording has not shown yet.
    made: VecDeque<Decision>,
    /// Where the last record stands.
    path: PathBuf,
    line: u64,
}

impl Verifier {
    fn take(&mut self, record: Record, path: PathBuf, line: u64) -> Result<(), VerifyError> {
        let is_new_file = path != self.path;
        match &record {
            // A failed write ends a file within a tick.
            Record::Start(_) => self.end_tick(is_new_file),
            Record::Observation(_) => self.end_tick(false),
            Record::Decision(_) | Record::Outcome(_) | Record::Job(_) => {}
        }
        if is_new_file {
            self.found.files.insert(path.clone());
        }
        (self.path, self.line) = (path, line);
        self.found.records += 1;
        match record {
            Record::Start(start) => self.start(*start),
            _ if !self.has_started => {
                return Err(VerifyError::NoStart {
                    path: self.path.clone(),
                    line,
                });
            }
            Record::Observation(observation) => self.observe(&observation),
            Record::Decision(decision) => self.compare(decision),
            Record::Outcome(outcome) => self.note(&outcome),
            Record::Job(_) => {}
        }
        Ok(())
    }

    fn start(&mut self, start: Start) {
        self.has_started = true;
        self.found.versions.insert(start.headroom.clone());
        match begin(self.engine.take(), &start) {
            Ok(engine) => self.engine = Some(engine),
            Err(error) => self
                .found
                .without_engine
                .push((self.path.clone(), self.line, error)),
        }
    }

    fn observe(&mut self, observation: &Observation) {
        self.found.observations += 1;
        let first = self.found.span.map_or(observation.at, |(first, _)| first);
        self.found.span = Some((first, observation.at));
        self.made = self
            .engine
            .iter_mut()
            .flat_map(|engine| engine.step(observation))
            .collect();
    }

    fn compare(&mut self, recorded: Box<Decision>) {
        let Some(engine) = &mut self.engine else {
            self.found.unchecked += 1;
            return;
        };
        // What follows is made of what happened.
        engine.recall(&recorded);
        self.found.decisions += 1;
        let made = self.made.pop_front();
        if made.as_ref() != Some(&*recorded) {
            self.differ(Some(recorded), made.map(Box::new));
        }
    }

    fn note(&mut self, answer: &OutcomeRecord) {
        self.engine
            .iter_mut()
            .for_each(|engine| engine.note(&answer.group, answer.outcome));
    }

    /// What was made must have been recorded, unless the writer was stopped there.
    fn end_tick(&mut self, may_be_cut: bool) {
        let missing = std::mem::take(&mut self.made);
        if may_be_cut {
            self.found.ends_within_a_tick = !missing.is_empty();
            return;
        }
        for made in missing {
            self.differ(None, Some(Box::new(made)));
        }
    }

    fn differ(&mut self, recorded: Option<Box<Decision>>, made: Option<Box<Decision>>) {
        self.found.differing += 1;
        if self.found.differences.len() < DIFFERENCES_KEPT {
            self.found.differences.push(Difference {
                path: self.path.clone(),
                line: self.line,
                recorded,
                made,
            });
        }
    }
}

#[cfg(test)]
mod tests;
