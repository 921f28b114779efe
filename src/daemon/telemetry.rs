//! What the daemon shows of itself: a report of each tick, and the metrics, the status page and the
//! HTTP endpoints that are made from it.

pub mod cost;
pub mod metrics;
pub mod monitor;
pub mod report;
pub mod server;
pub mod status;
