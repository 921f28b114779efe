//! Verifies a journal: makes each decision again from the observations and compares it.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;

use super::fold::{StartError, begin};
use crate::decision::Decision;
use crate::engine::Engine;
use crate::observation::Observation;
use crate::trace::journal::{TraceError, TraceReader};
use crate::trace::{OutcomeRecord, Record, Start};
use crate::units::Timestamp;

/// How many differences are kept. Later ones often have the same cause as the first.
const DIFFERENCES_KEPT: usize = 3;

/// The result of verifying a journal.
#[derive(Debug, Default)]
pub struct Verification {
    /// The files of the journal.
    pub files: BTreeSet<PathBuf>,
    /// The number of records.
    pub records: u64,
    /// The number of observations.
    pub observations: u64,
    /// The number of decisions that were made again.
    pub decisions: u64,
    /// The times of the first and the last observation.
    pub span: Option<(Timestamp, Timestamp)>,
    /// The versions of Headroom that recorded the journal.
    pub versions: BTreeSet<String>,
    /// The number of decisions that differ.
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// The number of decisions that could not be made again, because the engine of the start record
    /// above them cannot be restored.
    pub unchecked: u64,
    /// The file, line and problem of each such start record.
    pub without_engine: Vec<(PathBuf, u64, StartError)>,
    /// Whether the journal ends before all decisions of its last tick are recorded.
    pub ends_within_a_tick: bool,
}

/// A recorded decision that differs from the decision made again.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The file of the recorded decision.
    pub path: PathBuf,
    /// Its line.
    pub line: u64,
    /// `None` when the recording lacks the decision.
    pub recorded: Option<Box<Decision>>,
    /// `None` when the engine makes no such decision.
    pub made: Option<Box<Decision>>,
}

impl Difference {
    /// The fields that differ, by their names in the recording.
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

/// Why a journal could not be verified.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum VerifyError {
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("{}:{line}: there is no `start` record above this line, so the policy is not known; pass the journal of a daemon", path.display())]
    NoStart { path: PathBuf, line: u64 },
}

/// Verifies a journal. Calls `on_record` after each record.
///
/// # Errors
/// When a record cannot be read, or the journal does not begin with a start record.
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
    /// The engine's decisions on the last observation that have not been compared yet.
    made: VecDeque<Decision>,
    /// The file of the last record.
    path: PathBuf,
    line: u64,
}

impl Verifier {
    fn take(&mut self, record: Record, path: PathBuf, line: u64) -> Result<(), VerifyError> {
        let is_new_file = path != self.path;
        match &record {
            // After a failed write, a file ends within a tick.
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
        // Later decisions follow from what really happened.
        engine.apply_recorded(&recorded);
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

    /// Reports decisions that are missing from the recording, unless it may be cut off there.
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
