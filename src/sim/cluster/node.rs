//! One group and one node.

use crate::observation::{Direction, GroupState, InstanceId};
use crate::units::{Instances, Resources};

#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Group {
    pub requested: u32,
    pub launching: u32,
    pub active: u32,
    pub draining: u32,
    /// Spot nodes that got their notice while they were active.
    pub interrupted: u32,
    pub(super) launched: u64,
    pub(super) failures: u32,
    pub(super) suspended: bool,
    pub(super) last: Option<Direction>,
    pub resizes: u64,
    pub flips: u64,
}

impl Group {
    pub fn running(&self) -> Instances {
        Instances(self.active + self.draining + self.interrupted)
    }

    pub fn state(&self) -> GroupState {
        match () {
            () if self.suspended => GroupState::Suspended,
            () if self.running().get() != self.requested => GroupState::Resizing,
            () => GroupState::Running,
        }
    }

    /// Instances that are there, or on their way, to stay.
    pub(super) fn staying(&self) -> u32 {
        self.launching + self.active
    }
}

#[derive(Clone, Debug)]
pub(in crate::sim) struct Node {
    pub id: InstanceId,
    pub group: usize,
    pub state: NodeState,
    pub capacity: Resources,
    pub used: Resources,
    pub containers: u32,
    pub application_masters: u32,
    /// When the last container left it, or when it joined; means nothing while it has containers.
    pub idle_since_ms: i64,
    pub busy_ms: f64,
    /// What part of the node's memory a mebibyte is, and of its cores a core.
    pub(super) share_of_mib: f64,
    pub(super) share_of_vcore: f64,
    pub(super) ordinal: u64,
    pub launched_ms: i64,
    pub terminated_ms: Option<i64>,
    /// The spot notice came: it cannot be taken back.
    pub(super) doomed: bool,
    /// How often it was asked to leave; an earlier timeout is void.
    pub(super) drains: u32,
    /// Until when `busy_ms` counts.
    pub(super) settled_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum NodeState {
    Launching,
    Active,
    Draining,
    Interrupted,
    Terminated,
}

impl Node {
    pub fn is_leaving(&self) -> bool {
        matches!(self.state, NodeState::Draining | NodeState::Interrupted)
    }

    pub fn is_there(&self) -> bool {
        self.state == NodeState::Active || self.is_leaving()
    }

    pub fn fits(&self, container: Resources) -> bool {
        self.state == NodeState::Active && self.capacity.minus(self.used).covers(container)
    }

    /// Adds the time since the last change of what is used, weighted with the used share of the
    /// scarcer resource. Before each such change.
    pub(super) fn settle(&mut self, now_ms: i64) {
        if now_ms > self.settled_ms {
            self.busy_ms += self.share() * (now_ms - self.settled_ms) as f64;
            self.settled_ms = now_ms;
        }
    }

    fn share(&self) -> f64 {
        // Signed numbers become floating point in one instruction, and this is done twice for each
        // container.
        let amount = |used: u64| used as i64 as f64;
        let (of_memory, of_vcores) = (
            amount(self.used.memory.get()) * self.share_of_mib,
            amount(self.used.vcores.get()) * self.share_of_vcore,
        );
        if of_memory > of_vcores {
            of_memory
        } else {
            of_vcores
        }
    }
}
