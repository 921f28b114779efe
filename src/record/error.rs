//! The errors of a recording.

use std::path::PathBuf;

use super::plan::{Asked, PlanError};
use crate::daemon::sources::error::SourceError;
use crate::trace::journal::TraceError;
use crate::units::Timestamp;

/// Why a recording failed.
#[derive(Debug, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum RecordError {
    #[error(transparent)]
    Plan(#[from] PlanError),
    #[error("no AWS region is set; name one with --region, or set AWS_REGION")]
    NoRegion,
    #[error(
        "{} holds the beginning of another recording (cluster {} in {region}, from {}, to {}); finish that one, or delete the file",
        path.display(), asked.cluster_id, asked.from, asked.to
    )]
    OtherRecording {
        path: PathBuf,
        asked: Box<Asked>,
        region: String,
    },
    #[error("{}: CloudWatch no longer has the rest of this recording; delete the file to start over", path.display())]
    OutOfDate { path: PathBuf },
    #[error("{} is not a partial recording; move it away", path.display())]
    NotPartial {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("{} cannot be read, written or deleted", path.display())]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{done} of {total} parts are in {}; run the same command again to continue", path.display())]
    Interrupted {
        done: usize,
        total: usize,
        path: PathBuf,
        source: SourceError,
    },
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(
        "CloudWatch has no points of cluster {cluster_id} in {region} from {from} to {to}; {hint}"
    )]
    NoPoints {
        cluster_id: String,
        region: String,
        from: Timestamp,
        to: Timestamp,
        hint: String,
    },
    #[error(
        "CloudWatch has points of cluster {cluster_id}, but none of YARN's memory and containers ({missing}); check that YARN runs on the cluster \
         (for one without YARN, run `headroom run --dry-run`: its journal has the metrics that the policy declares)"
    )]
    NoYarn { cluster_id: String, missing: String },
    #[error(transparent)]
    Trace(#[from] TraceError),
}
