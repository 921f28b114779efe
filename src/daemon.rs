//! The live world: polls YARN, HDFS, EMR and CloudWatch, lets the engine decide, writes it down and
//! calls EMR.

pub mod act;
pub mod clock;
pub mod cloudwatch;
pub mod cost;
pub mod discovery;
pub mod emr;
mod failure;
pub mod hdfs;
pub mod http_get;
mod jmx;
pub mod journal;
pub mod metrics;
pub mod monitor;
pub mod observe;
pub mod record;
pub mod report;
pub mod self_test;
pub mod server;
pub mod settings;
pub mod source;
pub mod start;
pub mod state_dir;
pub mod status;
#[cfg(test)]
mod testing;
pub mod tick;
pub mod yarn;
