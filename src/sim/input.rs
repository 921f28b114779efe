//! Finds and reads the input of a simulation: a trace, and the scenario of the cluster that runs it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::scenario::{Scenario, ScenarioError};
use super::trace_work::{ReadError, TraceWork};
use crate::file::read_text;
use crate::trace::Header;
use crate::trace::journal::{TornTail, TraceError, TraceReader, segments};

/// The names of the trace in a scenario's folder.
const TRACE_NAMES: [&str; 2] = ["trace.jsonl.zst", "trace.jsonl"];
/// The name of the scenario in its folder.
const SCENARIO_NAME: &str = "scenario.yaml";

/// A trace that was found, and the cluster that runs it.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The name of the folder, or of the file without its endings.
    pub name: String,
    /// The file of the trace, or the folder of a journal.
    pub trace: PathBuf,
    /// The cluster that runs the work.
    pub scenario: Scenario,
    /// The file of the scenario; `None` for the default scenario.
    pub scenario_file: Option<PathBuf>,
}

/// A trace in memory, ready for simulation.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The first record of the trace.
    pub header: Header,
    /// The work of the trace.
    pub workload: TraceWork,
    /// The end of the trace that was not written completely, if any.
    pub torn_tail: Option<TornTail>,
}

/// Why the input cannot be read.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum InputError {
    /// The folder has no trace.
    #[error("{} has no {}, no {} and no journal; name a trace, or a folder with a trace", folder.display(), TRACE_NAMES[0], TRACE_NAMES[1])]
    NoTrace { folder: PathBuf },
    /// The scenario file cannot be read.
    #[error("{} cannot be read; check the path and its permissions", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    /// The scenario is not valid.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The trace cannot be simulated; `source` says why.
    #[error("{} cannot be simulated", path.display())]
    TraceWork {
        path: PathBuf,
        source: ReadError<TraceError>,
    },
}

impl InputError {
    /// Whether the trace is a recording that does not count released containers, so that their
    /// lifetime must be assumed.
    pub fn needs_container_lifetime(&self) -> bool {
        use super::observed_work::ObservedWorkError::NoTurnover;
        matches!(
            self,
            Self::TraceWork {
                source: ReadError::Observed(NoTurnover { .. }),
                ..
            }
        )
    }
}

impl Source {
    /// Finds the trace and the scenario at `path`: a trace, the folder of a journal, or a folder with
    /// a trace and its `scenario.yaml`. `scenario_file` takes precedence over the latter. A trace
    /// without a scenario runs on [`Scenario::default`].
    ///
    /// # Errors
    /// When the folder has no trace, or the scenario cannot be read or is not valid.
    pub fn find(path: &Path, scenario_file: Option<&Path>) -> Result<Self, InputError> {
        let is_folder = path.is_dir();
        let of_folder = Some(path.join(SCENARIO_NAME)).filter(|file| is_folder && file.exists());
        let scenario_file = scenario_file.map(Path::to_owned).or(of_folder);
        let scenario = scenario_file
            .as_deref()
            .map(read_scenario)
            .transpose()?
            .unwrap_or_default();
        let trace = if is_folder {
            trace_in(path)?
        } else {
            path.to_owned()
        };
        Ok(Self {
            name: name_of(path),
            trace,
            scenario,
            scenario_file,
        })
    }

    /// Reads the trace. `assumed_container_lifetime` is used for recordings that do not count
    /// released containers.
    ///
    /// # Errors
    /// The first record that cannot be read or simulated.
    pub fn read(&self, assumed_container_lifetime: Option<Duration>) -> Result<Loaded, InputError> {
        let mut reader = TraceReader::open(&self.trace)?;
        let header = reader.header().clone();
        let workload = TraceWork::read(&header, reader.by_ref(), assumed_container_lifetime)
            .map_err(|source| match source {
                ReadError::Trace(source) => InputError::Trace(source),
                source => InputError::TraceWork {
                    path: self.trace.clone(),
                    source,
                },
            })?;
        Ok(Loaded {
            header,
            workload,
            torn_tail: reader.torn_tail(),
        })
    }
}

fn read_scenario(path: &Path) -> Result<Scenario, InputError> {
    let text = read_text(path).map_err(|source| InputError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(Scenario::parse(&text, path)?)
}

/// The trace in a folder; or the folder itself, if it holds the segments of a journal.
fn trace_in(folder: &Path) -> Result<PathBuf, InputError> {
    let mut traces = TRACE_NAMES.iter().map(|name| folder.join(name));
    if let Some(trace) = traces.find(|trace| trace.exists()) {
        return Ok(trace);
    }
    let folder = folder.to_owned();
    match segments(&folder) {
        Ok(segments) if !segments.is_empty() => Ok(folder),
        _ => Err(InputError::NoTrace { folder }),
    }
}

/// The name of an input: `office-day` for `simulations/office-day` and for
/// `office-day.trace.zst`.
fn name_of(path: &Path) -> String {
    let absolute = path.canonicalize();
    let last = absolute
        .as_deref()
        .unwrap_or(path)
        .file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned();
    let endings = [".zst", ".jsonl", ".trace"];
    let stem = endings.iter().fold(last.as_str(), |name, ending| {
        name.strip_suffix(ending).unwrap_or(name)
    });
    if stem.is_empty() {
        last
    } else {
        stem.to_owned()
    }
}
