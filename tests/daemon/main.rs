//! The whole daemon against services that speak HTTP on loopback, and misbehave.

#[path = "../../src/daemon/sources/cloudwatch/testing.rs"]
#[expect(dead_code, reason = "the library's tests use more of it")]
mod fake_cloudwatch;
mod faults;
mod limits;
mod logs;
mod metrics;
mod restart;
mod world;
