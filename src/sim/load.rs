//! Finding and reading what is to be simulated: a trace and the cluster it runs on.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::scenario::{Scenario, ScenarioError};
use super::trace_work::{ReadError, TraceWork};
use crate::trace::Header;
use crate::trace::journal::{TornTail, TraceError, TraceReader, segments};

/// Names of the trace in a scenario's folder.
const TRACE_NAMES: [&str; 2] = ["trace.jsonl.zst", "trace.jsonl"];
/// Name of the scenario in its folder.
const SCENARIO_NAME: &str = "scenario.yaml";

/// Where a trace is, and the cluster it runs on.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The folder's name, or the file's without its endings.
    pub name: String,
    pub trace: PathBuf,
    pub scenario: Scenario,
    /// Where the scenario was read; `None` when it is the default one.
    pub scenario_file: Option<PathBuf>,
}

/// A trace in memory, ready to be simulated.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub header: Header,
    pub workload: TraceWork,
    pub torn_tail: Option<TornTail>,
}

/// Why there is nothing to simulate.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{} has no {} or {}, and no journal; name a trace, or a folder that holds one", folder.display(), TRACE_NAMES[0], TRACE_NAMES[1])]
    NoTrace { folder: PathBuf },
    #[error("{} cannot be read", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    #[error(transparent)]
    Trace(#[from] TraceError),
    #[error("{}", path.display())]
    TraceWork {
        path: PathBuf,
        source: ReadError<TraceError>,
    },
}

impl LoadError {
    /// The trace is a recording that does not count released containers: how long they live must be
    /// assumed.
    pub fn needs_container_lifetime(&self) -> bool {
        use super::observed::ObservedError::NoTurnover;
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
    /// `path` is a trace, the folder of a journal, or a folder with a trace and its
    /// `scenario.yaml`; `scenario_file` is used instead where given. A trace without a scenario
    /// runs on [`Scenario::default`].
    ///
    /// # Errors
    /// When the folder holds no trace, or the scenario cannot be read or is not right.
    pub fn find(path: &Path, scenario_file: Option<&Path>) -> Result<Self, LoadError> {
        let is_folder = path.is_dir();
        let beside = Some(path.join(SCENARIO_NAME)).filter(|beside| is_folder && beside.exists());
        let scenario_file = scenario_file.map(Path::to_owned).or(beside);
        let scenario = scenario_file
            .as_deref()
            .map(read_scenario)
            .transpose()?
            .unwrap_or_default();
        let trace = if is_folder {
            let present = TRACE_NAMES
                .iter()
                .map(|name| path.join(name))
                .find(|trace| trace.exists());
            let journal = || {
                Some(path.to_owned())
                    .filter(|folder| segments(folder).is_ok_and(|files| !files.is_empty()))
            };
            present.or_else(journal).ok_or_else(|| LoadError::NoTrace {
                folder: path.to_owned(),
            })?
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

    /// Reads the trace. `assumed_container_lifetime` is only for recordings that do not count
    /// released containers.
    ///
    /// # Errors
    /// The first record that cannot be read or simulated.
    pub fn read(&self, assumed_container_lifetime: Option<Duration>) -> Result<Loaded, LoadError> {
        let mut reader = TraceReader::open(&self.trace)?;
        let header = reader.header().clone();
        let workload = TraceWork::read(&header, reader.by_ref(), assumed_container_lifetime)
            .map_err(|source| match source {
                ReadError::Trace(source) => LoadError::Trace(source),
                source => LoadError::TraceWork {
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

/// Reads a scenario file.
///
/// # Errors
/// When it cannot be read or is not right.
fn read_scenario(path: &Path) -> Result<Scenario, LoadError> {
    let text = fs::read_to_string(path).map_err(|source| LoadError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(Scenario::parse(&text, path)?)
}

/// `simulations/office-day` and `office-day.trace.zst` are both `office-day`.
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
