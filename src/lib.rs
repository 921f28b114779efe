//! Headroom scales Amazon EMR clusters: it keeps just enough room for the work.
//!
//! > Observe -> decide -> act. *Decide* is a pure function of what was observed.
//!
//! A [`policy`] says when to grow and shrink. The [`engine`] folds [`observation`]s of a cluster
//! and yields a [`decision`] for every target at every tick. A [`trace`] holds observations, or
//! jobs, as they were recorded; [`sim`] replays it against a simulated cluster with that same
//! engine, and says what a policy would have cost; [`tune`] searches for a better one, [`advise`]
//! for the best of all, and [`compare`] holds policies against all that could have been chosen.
//! [`check`] looks at policies before they are tried, [`generate`] makes synthetic traces,
//! [`units`] keeps instances from being added to mebibytes, and [`file`](mod@file) writes files
//! whole.
//!
//! What must stay true: the engine knows no clock, no I/O and no luck; time is the samples'; what
//! was not observed is unknown and never causes a scale-in; a [`policy::Policy`] that exists is
//! right; the same seed and inputs give the same bytes. `ARCHITECTURE.md` has the reasons.

pub mod advise;
pub mod check;
pub mod compare;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod decision;
pub mod engine;
pub mod evaluation;
pub mod explain;
pub mod file;
pub mod generate;
pub mod import;
pub mod observation;
pub mod policy;
pub mod pricing;
#[cfg(feature = "daemon")]
pub mod record;
#[cfg(feature = "daemon")]
pub mod rehearsal;
pub mod replay;
pub mod sim;
pub mod trace;
pub mod tune;
pub mod units;
