//! On which hosts Spark applications store data.

use std::collections::BTreeMap;

use crate::daemon::sources::work::wire::SparkExecutor;

/// How many executors that are gone Spark keeps by default (`spark.ui.retainedDeadExecutors`). Of one with
/// as many, some may be missing.
const GONE_KEPT: usize = 100;

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
    /// Adds the executors of an application that counted as unknown, which `has_work` if a stage of it is
    /// left. With the external shuffle service, a host keeps the output of executors that are gone.
    pub fn add(&mut self, executors: &[SparkExecutor], has_work: bool) {
        let gone = executors.iter().filter(|executor| !executor.is_active);
        if gone.count() < GONE_KEPT || !has_work {
            self.apps_unknown = self.apps_unknown.saturating_sub(1);
        }
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
    fn an_application_with_very_many_executors_that_are_gone_may_not_name_all() {
        let gone = r#"{"id":"1","hostPort":"h:1","isActive":false,"totalShuffleWrite":9}"#;
        let unknown = |count: usize, has_work| {
            let list = format!("[{}]", vec![gone; count].join(","));
            let executors: Vec<SparkExecutor> = serde_json::from_str(&list).expect("executors");
            let mut storage = HostStorage {
                apps_unknown: 1,
                ..HostStorage::default()
            };
            storage.add(&executors, has_work);
            storage.apps_unknown
        };
        assert_eq!((unknown(99, true), unknown(100, true)), (0, 1));
        assert_eq!(unknown(100, false), 0, "nothing is left to read it");
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
