//! Telemetry of the daemon: the report of each tick, and the metrics, the status page and the HTTP
//! endpoints that are built from it.

pub mod cost;
pub mod metrics;
pub mod monitor;
pub mod report;
pub mod server;
pub mod status;
