//! The services that observations are read from, one module each, and what these modules share.

pub(crate) mod aws_error;
pub mod call;
pub mod cloudwatch;
pub mod emr;
pub mod error;
pub mod failure_log;
pub mod hdfs;
pub mod http_get;
mod jmx;
pub mod yarn;
