//! The live world: polls YARN, HDFS, EMR and CloudWatch, lets the engine decide, writes it down and calls EMR.

pub mod act;
pub mod clock;
pub mod cloudwatch;
pub mod cost;
pub mod emr;
pub mod hdfs;
pub mod http_get;
pub mod metrics;
pub mod monitor;
pub mod report;
pub mod server;
pub mod source;
pub mod status;
pub mod yarn;
