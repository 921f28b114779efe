//! The daemon, which scales a live cluster: it observes the cluster, lets the engine decide, writes the
//! decision to a journal and calls EMR.
//!
//! [`sources`] read YARN, HDFS, EMR and CloudWatch, [`tick`] is the loop, and [`telemetry`] shows
//! what the loop did.

pub mod act;
pub mod clock;
pub mod discovery;
pub mod journal;
pub mod observe;
pub mod self_test;
pub mod settings;
pub mod sources;
pub mod start;
pub mod state_dir;
pub mod telemetry;
#[cfg(test)]
mod testing;
pub mod tick;
pub mod trouble_log;
