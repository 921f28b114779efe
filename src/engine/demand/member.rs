//! The targets of a demand as parts of one cluster.

use crate::engine::node_size::ResourceUnits;
use crate::observation::{Market, Role};

/// One target that can be resized. Its sizes are in instances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    pub role: Role,
    pub market: Market,
    /// What one instance offers.
    pub offer: ResourceUnits,
    pub requested: u32,
    pub running: u32,
    /// Those that run and are no capacity.
    pub unusable: u32,
    pub min: u32,
    pub max: u32,
    /// Whether the group can scale out: it is ready, and no scale-out failed recently.
    pub can_grow: bool,
    /// Whether its last scale-out failed, and did not bring all that was requested.
    pub has_failed: bool,
}

impl Member {
    /// The instances that run and are requested.
    pub fn working(&self) -> u32 {
        self.running.min(self.requested)
    }

    /// What its failed scale-out did not bring.
    pub fn lacks(&self) -> u32 {
        if self.has_failed {
            self.requested.saturating_sub(self.running)
        } else {
            0
        }
    }
}

/// The instances that each member requests, and that a failed scale-out did not bring, if another member
/// could take their place.
pub fn lacking(members: &[Member]) -> Vec<u32> {
    let can_grow = |other: usize| members[other].can_grow;
    let lacks = |member: usize| {
        let is_replaceable = (0..members.len()).any(|other| other != member && can_grow(other));
        if is_replaceable {
            members[member].lacks()
        } else {
            0
        }
    };
    (0..members.len()).map(lacks).collect()
}
