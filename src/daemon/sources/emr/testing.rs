//! EMR for tests.

#[expect(dead_code, reason = "the tests of the daemon use more of it")]
mod fake;

use std::time::Duration;

use crate::daemon::settings::AwsSettings;
pub use fake::{CLUSTER, FakeEmr, Reply, cluster, config, groups, instance};

pub fn settings() -> AwsSettings {
    AwsSettings {
        region: None,
        ca_file: None,
        timeout: Duration::from_secs(5),
        calls_per_minute: 1_000,
        decommission_timeout: Some(Duration::from_secs(600)),
        check_managed_scaling: true,
    }
}
