//! Since when nodes have been empty, which YARN does not say.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::daemon::sources::yarn::YarnNode;
use crate::units::Timestamp;

/// Hosts that had no containers at any look since a time. The first look at a host counts as the
/// beginning, so that after a restart nothing is taken for empty since before. A container that
/// began and ended between two looks was not seen.
#[derive(Debug)]
pub struct IdleHosts {
    since: BTreeMap<String, Timestamp>,
    looked_at: Timestamp,
    /// After a longer time without a look, nothing that was seen before counts.
    allowance: Duration,
}

impl IdleHosts {
    pub fn new(allowance: Duration) -> Self {
        Self {
            since: BTreeMap::new(),
            looked_at: Timestamp::EPOCH,
            allowance,
        }
    }

    /// Takes what was seen at `at`, of all nodes that are there, and tells each of them since when
    /// it has been empty.
    pub fn note(&mut self, nodes: &mut [YarnNode], at: Timestamp) {
        let mut before = std::mem::take(&mut self.since);
        if at < self.looked_at || at.since(self.looked_at) > self.allowance {
            before.clear();
        }
        for node in nodes.iter_mut().filter(|node| node.containers == 0) {
            let since = before.get(&node.host).copied().unwrap_or(at);
            node.idle_since = Some(since);
            self.since.insert(node.host.clone(), since);
        }
        self.looked_at = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at hosts with so many containers each, and tells since which second each has been
    /// empty.
    fn look(idle: &mut IdleHosts, at_s: i64, hosts: &[(&str, u32)]) -> Vec<Option<i64>> {
        let node = |(host, containers): &(&str, u32)| YarnNode {
            host: (*host).to_owned(),
            containers: *containers,
            has_application_master: false,
            draining: false,
            idle_since: None,
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
