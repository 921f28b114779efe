//! Why work cannot be reconstructed.

use crate::units::Timestamp;

/// Why the work of a recording cannot be reconstructed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "each variant's message is its documentation; the fields are its parts"
)]
pub enum ObservedWorkError {
    /// The recording has fewer than two samples of YARN's metrics.
    #[error(
        "the recording has {0} observations of YARN and needs at least two; record for longer, and check that the ResourceManager answers \
         (the work of a cluster without YARN cannot be simulated; `--verify` checks its journal)"
    )]
    TooFew(usize),
    /// The recording does not say how long containers live.
    #[error(
        "from {from} on the recording has no count of released containers, so how long they live is unknown; assume a container lifetime"
    )]
    NoTurnover { from: Timestamp },
}
