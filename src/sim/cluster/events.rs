//! Future events of nodes, in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::node::NodeIndex;

/// An event of one node or group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Event {
    /// The launch succeeds or fails.
    ProvisioningEnds(NodeIndex),
    /// The decommission timeout ends; void if the node began to drain anew since then.
    DrainTimeout { node: NodeIndex, drains: u32 },
    /// EC2 announces that it will interrupt a spot instance.
    SpotNotice(NodeIndex),
    /// EC2 interrupts a spot instance.
    SpotEnd(NodeIndex),
    /// EC2 has instances for a group again.
    ShortageEnds { group: usize },
}

/// Events by time; those of the same instant in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct EventQueue {
    events: BinaryHeap<Reverse<(i64, u32, Event)>>,
    pushed: u32,
}

impl EventQueue {
    /// When the next event is due.
    #[inline]
    pub fn next_ms(&self) -> Option<i64> {
        self.events.peek().map(|Reverse((at_ms, ..))| *at_ms)
    }

    /// Adds an event that is due `delay_ms` after `now_ms`.
    pub fn push(&mut self, now_ms: i64, delay_ms: i64, event: Event) {
        let at_ms = now_ms.saturating_add(delay_ms);
        self.events.push(Reverse((at_ms, self.pushed, event)));
        self.pushed += 1;
    }

    /// Removes the next event that is due at `now_ms`.
    pub fn pop_due(&mut self, now_ms: i64) -> Option<Event> {
        let Reverse((at_ms, _, event)) = self.events.peek().copied()?;
        if at_ms > now_ms {
            return None;
        }
        self.events.pop();
        Some(event)
    }
}
