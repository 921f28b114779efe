//! The services that observations are read from, one module each, and what these modules share.

pub(crate) mod aws_error;
pub(crate) mod call;
pub(crate) mod cloudwatch;
pub mod emr;
pub(crate) mod error;
pub(crate) mod failure_log;
pub(crate) mod hdfs;
pub(crate) mod http_get;
mod jmx;
pub(crate) mod sign_in;
pub(crate) mod untrusted;
pub(crate) mod work;
pub(crate) mod yarn;

#[cfg(test)]
mod tls_tests;
