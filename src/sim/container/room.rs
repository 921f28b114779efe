//! The search for a node with room for a container.

use std::time::Duration;

use super::heartbeats::Heartbeats;
use crate::sim::cluster::{Cluster, NodeIndex};
use crate::units::Resources;

/// Spreads containers over the nodes in turn, and remembers where there is no room.
#[derive(Debug)]
pub(super) struct Room {
    /// Where the search continues: a position among the active nodes.
    cursor: usize,
    /// A size that fits on no node except those in `freed`.
    blocked: Option<Resources>,
    /// Nodes that got room since `blocked` was set.
    freed: Vec<NodeIndex>,
    heartbeats: Heartbeats,
}

impl Room {
    /// `heartbeat` is the interval at which a node takes a container; any number when zero.
    pub fn new(heartbeat: Duration) -> Self {
        Self {
            cursor: 0,
            blocked: None,
            freed: Vec::new(),
            heartbeats: Heartbeats::new(heartbeat),
        }
    }

    /// When the next node takes containers again after its heartbeat.
    pub fn next_heartbeat_ms(&self) -> Option<i64> {
        self.heartbeats.next_ms()
    }

    /// Handles the heartbeats that are due.
    pub fn advance(&mut self, now_ms: i64) {
        if self
            .heartbeats
            .next_ms()
            .is_some_and(|at_ms| at_ms <= now_ms)
        {
            self.freed.extend(self.heartbeats.until(now_ms));
        }
    }

    /// Notes that a node may have room again.
    #[inline]
    pub fn add(&mut self, node: NodeIndex) {
        self.freed.push(node);
    }

    /// Notes that a node took a container.
    #[inline]
    pub fn placed(&mut self, node: NodeIndex, now_ms: i64) {
        self.heartbeats.placed(node, now_ms);
    }

    /// Forgets what did not fit, because no container waits.
    #[inline]
    pub fn reset(&mut self) {
        self.blocked = None;
        self.freed.clear();
    }

    /// The next node in turn with room for a container of this size. Looks at every node at most
    /// once until one of them gets room again.
    pub fn find(&mut self, each: Resources, cluster: &Cluster) -> Option<NodeIndex> {
        if self.blocked.is_some_and(|blocked| each.covers(blocked)) {
            // Where a smaller container did not fit, this one does not either, so that only the
            // nodes that got room are left to try.
            self.blocked = Some(each);
            return self.find_freed(each, cluster);
        }
        let nodes = &cluster.active;
        if cluster.offered.minus(cluster.used).covers(each) {
            let cursor = if self.cursor < nodes.len() {
                self.cursor
            } else {
                self.cursor % nodes.len().max(1)
            };
            let takes = |node: &NodeIndex| self.takes(*node, each, cluster);
            let found = nodes[cursor..]
                .iter()
                .position(takes)
                .map(|ahead| cursor + ahead);
            if let Some(position) = found.or_else(|| nodes[..cursor].iter().position(takes)) {
                self.cursor = position + 1;
                return Some(nodes[position]);
            }
        }
        self.blocked = Some(each);
        self.freed.clear();
        None
    }

    fn find_freed(&mut self, each: Resources, cluster: &Cluster) -> Option<NodeIndex> {
        while let Some(node) = self.freed.pop() {
            if self.takes(node, each, cluster) {
                if cluster.nodes[node as usize].fits(each.plus(each)) {
                    self.freed.push(node);
                }
                return Some(node);
            }
        }
        None
    }

    fn takes(&self, node: NodeIndex, each: Resources, cluster: &Cluster) -> bool {
        cluster.nodes[node as usize].fits(each) && !self.heartbeats.is_between(node)
    }
}
