//! Tests the whole daemon against services on loopback that fail in every way.

#[path = "../../src/daemon/sources/cloudwatch/testing.rs"]
#[expect(dead_code, reason = "the library's tests use more of it")]
mod fake_cloudwatch;
#[path = "../../src/daemon/sources/emr/testing/fake.rs"]
#[expect(dead_code, reason = "the library's tests use more of it")]
mod fake_emr;
mod faults;
mod hostile;
mod limits;
mod logs;
mod metrics;
mod program;
mod restart;
mod secrets;
mod services;
mod state_folder;
mod tricks;
mod without_yarn;
