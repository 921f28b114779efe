//! Where observations come from: one module for each service, and what they share.

pub mod cloudwatch;
pub mod emr;
pub(crate) mod failure;
pub mod hdfs;
pub mod http_get;
mod jmx;
pub mod source;
pub mod yarn;
