//! On which hosts Spark applications store data.

use std::collections::BTreeMap;

use crate::daemon::sources::work::wire::SparkExecutor;

/// What Spark calls the driver among the executors.
const DRIVER: &str = "driver";

/// What applications store, by host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostStorage {
    pub hosts: BTreeMap<String, Stored>,
    /// Applications of which it is unknown.
    pub apps_unknown: u64,
}

/// What is stored on a host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Shuffle output of an application that has a stage left.
    pub shuffle: bool,
    /// Blocks that an executor caches.
    pub cached: bool,
}

impl HostStorage {
    /// Adds the executors of an application, which `has_work` if a stage of it is left. With the external
    /// shuffle service, a host keeps the output of executors that are gone.
    pub fn add(&mut self, executors: &[SparkExecutor], has_work: bool) {
        for executor in executors.iter().filter(|executor| executor.id != DRIVER) {
            let stored = Stored {
                shuffle: has_work && executor.total_shuffle_write > 0,
                cached: executor.is_active && executor.rdd_blocks > 0,
            };
            let host = host_of(&executor.host_port);
            if stored != Stored::default() {
                let sum = self.hosts.entry(host.to_owned()).or_default();
                sum.shuffle |= stored.shuffle;
                sum.cached |= stored.cached;
            }
        }
    }
}

/// The host of `ip-10-0-0-12.ec2.internal:43227`.
fn host_of(host_port: &str) -> &str {
    host_port
        .rsplit_once(':')
        .map_or(host_port, |(host, _)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(reply: &str, has_work: bool) -> Vec<(String, Stored)> {
        let executors: Vec<SparkExecutor> = serde_json::from_str(reply).expect("executors");
        let mut storage = HostStorage::default();
        storage.add(&executors, has_work);
        storage.hosts.into_iter().collect()
    }

    const OUTPUT: Stored = Stored {
        shuffle: true,
        cached: false,
    };

    #[test]
    fn a_host_keeps_the_output_of_executors_that_are_gone() {
        // Recorded with the external shuffle service: 9 of 11 executors are gone, from three hosts.
        let reply = include_str!("../../../../tests/fixtures/spark/ess-allexecutors.json");
        let expected = ["ip-10-10-125-11", "ip-10-136-63-238", "ip-10-45-193-200"];
        assert_eq!(
            hosts(reply, true),
            expected.map(|host| (format!("{host}.ec2.internal"), OUTPUT))
        );
        assert_eq!(hosts(reply, false), [], "no stage is left to read it");
    }

    #[test]
    fn executors_that_run_keep_cached_blocks_whatever_is_left_to_do() {
        let reply = include_str!("../../../../tests/fixtures/spark/executors-cached.json");
        let cached = Stored {
            shuffle: false,
            cached: true,
        };
        let expected = ["ip-10-10-125-11", "ip-10-136-63-238"];
        assert_eq!(
            hosts(reply, false),
            expected.map(|host| (format!("{host}.ec2.internal"), cached))
        );
    }
}
