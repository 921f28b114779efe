//! Which nodes may take a container: YARN assigns at most one container to a node per heartbeat.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::sim::cluster::NodeIndex;

/// Nodes that took a container since their last heartbeat; none if the interval is zero.
#[derive(Debug)]
pub(super) struct Heartbeats {
    interval_ms: i64,
    waiting: BTreeSet<NodeIndex>,
    /// When each of them takes the next container, in that order.
    next: VecDeque<(i64, NodeIndex)>,
}

impl Heartbeats {
    /// Heartbeats without any node.
    pub fn new(interval: Duration) -> Self {
        Self {
            interval_ms: interval.as_millis() as i64,
            waiting: BTreeSet::new(),
            next: VecDeque::new(),
        }
    }

    /// Notes that a node took a container.
    #[inline]
    pub fn placed(&mut self, node: NodeIndex, now_ms: i64) {
        if self.interval_ms > 0 {
            self.wait(node, now_ms);
        }
    }

    fn wait(&mut self, node: NodeIndex, now_ms: i64) {
        if self.waiting.insert(node) {
            self.next
                .push_back((now_ms.saturating_add(self.interval_ms), node));
        }
    }

    /// Whether the node takes no container before its next heartbeat.
    #[inline]
    pub fn is_between(&self, node: NodeIndex) -> bool {
        self.interval_ms > 0 && self.waiting.contains(&node)
    }

    /// When the next node takes containers again.
    pub fn next_ms(&self) -> Option<i64> {
        self.next.front().map(|(at_ms, _)| *at_ms)
    }

    /// Removes and returns the nodes whose next heartbeat is due.
    pub fn until(&mut self, now_ms: i64) -> impl Iterator<Item = NodeIndex> {
        std::iter::from_fn(move || {
            let (_, node) = self.next.pop_front_if(|(at_ms, _)| *at_ms <= now_ms)?;
            self.waiting.remove(&node);
            Some(node)
        })
    }
}
