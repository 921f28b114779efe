//! Remembers since when nodes have been empty, which YARN does not report.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::daemon::sources::yarn::node_snapshot::YarnNode;
use crate::units::Timestamp;

/// The hosts that had no containers at any reading since a time. A host counts as empty from its
/// first reading at the earliest, so idle times start over after a restart. A container that starts
/// and ends between two readings is not seen.
#[derive(Debug)]
pub struct IdleHosts {
    since: BTreeMap<String, Timestamp>,
    read_at: Timestamp,
    /// After a longer time without a reading, idle times start over.
    allowance: Duration,
}

impl IdleHosts {
    pub fn new(allowance: Duration) -> Self {
        Self {
            since: BTreeMap::new(),
            read_at: Timestamp::EPOCH,
            allowance,
        }
    }

    /// Records the nodes that were read at `at`, and sets their `idle_since`.
    pub fn note(&mut self, nodes: &mut [YarnNode], at: Timestamp) {
        let mut before = std::mem::take(&mut self.since);
        if at < self.read_at || at.since(self.read_at) > self.allowance {
            before.clear();
        }
        for node in nodes.iter_mut().filter(|node| node.containers == 0) {
            let since = before.get(&node.host).copied().unwrap_or(at);
            node.idle_since = Some(since);
            self.since.insert(node.host.clone(), since);
        }
        self.read_at = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads hosts with a number of containers each; returns since which second each has been
    /// empty.
    fn look(idle: &mut IdleHosts, at_s: i64, hosts: &[(&str, u32)]) -> Vec<Option<i64>> {
        let node = |(host, containers): &(&str, u32)| YarnNode {
            host: (*host).to_owned(),
            containers: *containers,
            has_application_master: false,
            draining: false,
            idle_since: None,
            is_healthy: true,
        };
        let mut nodes: Vec<YarnNode> = hosts.iter().map(node).collect();
        idle.note(&mut nodes, Timestamp::from_millis(at_s * 1_000));
        nodes
            .iter()
            .map(|node| node.idle_since.map(|since| since.as_millis() / 1_000))
            .collect()
    }

    #[test]
    fn a_host_is_empty_since_the_first_look_without_containers_after_those_with_some() {
        let mut idle = IdleHosts::new(Duration::from_secs(90));
        assert_eq!(
            look(&mut idle, 1_000, &[("a", 0), ("b", 3)]),
            [Some(1_000), None]
        );
        assert_eq!(
            look(&mut idle, 1_030, &[("a", 0), ("b", 0)]),
            [Some(1_000), Some(1_030)]
        );
        assert_eq!(
            look(&mut idle, 1_060, &[("a", 1), ("b", 0)]),
            [None, Some(1_030)]
        );
        assert_eq!(
            look(&mut idle, 1_090, &[("a", 0), ("b", 0)]),
            [Some(1_090), Some(1_030)]
        );
    }

    #[test]
    fn a_host_that_was_gone_begins_anew() {
        let mut idle = IdleHosts::new(Duration::from_secs(90));
        look(&mut idle, 1_000, &[("a", 0), ("b", 0)]);
        look(&mut idle, 1_030, &[("a", 0)]);
        assert_eq!(
            look(&mut idle, 1_060, &[("a", 0), ("b", 0)]),
            [Some(1_000), Some(1_060)]
        );
    }

    #[test]
    fn a_lost_look_is_bridged_but_time_unseen_and_a_clock_that_goes_back_are_not() {
        for (next, since) in [(1_090, 1_000), (1_091, 1_091), (999, 999)] {
            let mut idle = IdleHosts::new(Duration::from_secs(90));
            look(&mut idle, 1_000, &[("a", 0)]);
            assert_eq!(
                look(&mut idle, next, &[("a", 0)]),
                [Some(since)],
                "at {next}"
            );
        }
    }
}
