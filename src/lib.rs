//! Headroom scales Amazon EMR clusters and simulates scaling policies.
//!
//! A [`policy`] describes what to resize and when. The [`engine`] takes [`observation`]s and returns a
//! [`decision`] for each target. [`sim`] runs the same engine on a simulated cluster, [`evaluation`]
//! scores the result, and [`tune`], [`advise`] and [`compare`] search policies. A [`trace`] holds
//! recorded observations or jobs.
//!
//! `ARCHITECTURE.md` lists the modules and the invariants; `docs/adr` has the reasons.

pub mod advise;
pub mod check;
mod cluster_history;
pub mod compare;
mod compression;
#[cfg(feature = "daemon")]
pub mod daemon;
pub mod decision;
pub mod engine;
pub mod evaluation;
pub mod explain;
pub mod file;
pub mod generate;
#[cfg(feature = "daemon")]
pub mod history_server;
pub mod import;
pub mod observation;
pub mod policy;
pub mod pricing;
#[cfg(feature = "daemon")]
pub mod record;
#[cfg(feature = "daemon")]
pub mod rehearsal;
pub mod replay;
pub mod safe_text;
pub mod sim;
pub mod trace;
pub mod tune;
pub mod units;
