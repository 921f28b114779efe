//! Tests the whole daemon against services on loopback that fail in every way.

#[path = "../../src/daemon/sources/cloudwatch/testing.rs"]
#[expect(dead_code, reason = "the library's tests use more of it")]
mod fake_cloudwatch;
#[path = "../../src/daemon/sources/emr/testing/fake.rs"]
#[expect(dead_code, reason = "the library's tests use more of it")]
mod fake_emr;
mod faults;
mod limits;
mod logs;
mod metrics;
mod restart;
mod services;
mod without_yarn;
