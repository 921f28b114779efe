//! Headroom keeps just enough room on an Amazon EMR cluster.

#![forbid(unsafe_code)]

pub mod check;
pub mod decision;
pub mod engine;
pub mod file;
pub mod generate;
pub mod observation;
pub mod policy;
pub mod sim;
pub mod trace;
pub mod units;
