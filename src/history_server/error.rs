//! Why a history server cannot be used.

use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::TrustError;
use crate::import::ImportError;

/// Why the replies cannot be fetched.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum HistoryServerError {
    #[error(
        "not the address of a history server: {problem}; give one such as http://HOST:18080, or http://HOST:4040 for a driver"
    )]
    Address { problem: String },
    #[error("{answer}; {remedy}")]
    Answer {
        answer: SourceError,
        remedy: &'static str,
    },
    #[error(
        "{url}: the server requires Kerberos; save its replies with `curl --negotiate --user :`, as docs/traces.md describes, and import the folder"
    )]
    Kerberos { url: String },
    /// The message of the answer says what to do.
    #[error(transparent)]
    Plain(SourceError),
    #[error("{url}: answered 404; the server has deleted the application or its event log")]
    Deleted { url: String },
    #[error(
        "{url}: no answer, and the server no longer lists its applications either; try again when it answers"
    )]
    Hangs { url: String },
    #[error("{url}: {}", no_applications(*all, *of_the_time))]
    NoApplications {
        url: String,
        all: usize,
        /// How many `--since` and `--until` allow.
        of_the_time: usize,
    },
    #[error(transparent)]
    Trust(#[from] TrustError),
    #[error(transparent)]
    Import(#[from] ImportError),
}

fn no_applications(all: usize, of_the_time: usize) -> String {
    match (all, of_the_time) {
        (0, _) => "it lists no applications; check that `spark.history.fs.logDirectory` is the folder of the event logs".to_owned(),
        (all, 0) => format!("none of its {all} applications started at that time; change --since and --until"),
        (_, incomplete) => format!("its {incomplete} applications of that time are incomplete: they still run, or their drivers were killed; try again when one has ended, or import their event logs with `headroom import spark`"),
    }
}

impl HistoryServerError {
    pub(super) fn of(answer: SourceError) -> Self {
        let remedy = match &answer {
            SourceError::Status {
                status: 401 | 403, ..
            } => {
                "the address may contain a user and a password (http://USER:PASSWORD@HOST); or save the replies with another program, as docs/traces.md describes, and import the folder"
            }
            SourceError::Status { status: 404, .. } => {
                "check that the address is that of a Spark history server (port 18080) or a driver (port 4040)"
            }
            SourceError::Status {
                status: 300..=399, ..
            } => "Headroom follows no redirects; give the address that this one leads to",
            SourceError::Malformed { .. } => {
                "check that the address is that of a Spark history server (port 18080) or a driver (port 4040)"
            }
            SourceError::TimedOut { .. } => {
                "the server may still be reading the event log; try again, with a smaller --limit"
            }
            SourceError::TooLarge { .. } | SourceError::Status { .. } => {
                "import the application's event log with `headroom import spark` instead"
            }
            SourceError::KerberosRequired { url } => return Self::Kerberos { url: url.clone() },
            _ => return Self::Plain(answer),
        };
        Self::Answer { answer, remedy }
    }

    /// Whether the next application would fail in the same way: the server is gone, or lets nobody
    /// in.
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Answer { answer, .. } => {
                matches!(
                    answer,
                    SourceError::Status {
                        status: 401 | 403,
                        ..
                    }
                )
            }
            Self::Deleted { .. } | Self::Import(_) => false,
            _ => true,
        }
    }
}

impl From<SourceError> for HistoryServerError {
    fn from(answer: SourceError) -> Self {
        Self::of(answer)
    }
}
