//! The simulator: the engine that the daemon runs, on a simulated cluster with a simulated clock.
//!
//! In reading order:
//!
//! 1. Input: [`input`] finds a trace and its [`scenario`], the description of the
//!    cluster. [`trace_work`] reads the work of the trace: its jobs ([`job_work`]), or work that is
//!    reconstructed from observations ([`observed_work`]).
//! 2. Simulation: [`simulate()`] runs a policy: [`checks`] refuses what cannot run, and `event_loop` lets
//!    time pass. `cluster` launches, drains and loses nodes, with the delays and failures that
//!    `random` draws. A `workload` runs on these nodes, as containers (`container`) or as a fluid
//!    (`fluid`). `observer` shows the engine what a daemon would see of all this.
//! 3. Result: a [`run`] holds the facts of one simulation; the `evaluation` module scores them.
//!
//! For other uses: [`stepped_cluster`] is a simulated cluster that other code observes and resizes,
//! `unhindered` runs Spark applications where they never wait, [`transient`] runs each job on a cluster
//! of its own, [`no_wait_demand`](mod@no_wait_demand)
//! computes what the work would use on unlimited capacity, and [`fidelity`] compares the simulator
//! with a recorded cluster.

pub mod checks;
mod cluster;
mod container;
mod event_loop;
pub mod fidelity;
mod fluid;
pub mod input;
pub mod job_work;
pub mod no_wait_demand;
pub mod observed_work;
mod observer;
mod random;
pub mod run;
pub mod scenario;
mod simulate;
pub mod stepped_cluster;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
pub mod trace_work;
pub mod transient;
mod unhindered;
mod workload;

pub use checks::{SimError, check_signals, check_targets};
pub use run::Recording;
pub use simulate::simulate;
