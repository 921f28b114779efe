//! The state of a group and of a node.

use crate::observation::{Direction, GroupState, InstanceId};
use crate::units::{Instances, Resources};

/// The position of a node among all that were ever launched.
pub(in crate::sim) type NodeIndex = u32;

/// An instance group, or one market of a fleet.
#[derive(Clone, Debug, Default)]
pub(in crate::sim) struct Group {
    /// The size that was requested last.
    pub requested: u32,
    pub launching: u32,
    pub active: u32,
    pub draining: u32,
    /// Spot nodes that got their notice while they were active.
    pub interrupted: u32,
    /// Instances that were ever launched.
    pub(super) launched: u64,
    /// Launches that failed in a row.
    pub(super) failures: u32,
    pub(super) suspended: bool,
    last: Option<Direction>,
    /// Requests that changed the size.
    pub resizes: u64,
    /// Resizes in the direction opposite to the one before.
    pub flips: u64,
}

impl Group {
    /// Instances that EMR reports as running, including those that leave.
    pub fn running(&self) -> Instances {
        Instances(self.active + self.draining + self.interrupted)
    }

    /// The state that EMR reports.
    pub fn state(&self) -> GroupState {
        if self.suspended {
            GroupState::Suspended
        } else if self.running().get() != self.requested {
            GroupState::Resizing
        } else {
            GroupState::Running
        }
    }

    /// Instances that run or launch, and do not leave.
    pub(super) fn staying(&self) -> u32 {
        self.launching + self.active
    }

    /// Sets the requested size, and ends a suspension.
    pub(super) fn request(&mut self, to: u32) {
        if to != self.requested {
            let direction = if to > self.requested {
                Direction::Out
            } else {
                Direction::In
            };
            self.resizes += 1;
            self.flips += u64::from(self.last.is_some_and(|last| last != direction));
            self.last = Some(direction);
        }
        self.requested = to;
        self.suspended = false;
        self.failures = 0;
    }
}

/// An instance, from its launch on.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Node {
    pub id: InstanceId,
    pub group: usize,
    pub state: NodeState,
    pub capacity: Resources,
    pub used: Resources,
    pub containers: u32,
    pub application_masters: u32,
    /// When the last container ended, or when the node joined; not meaningful while containers run.
    pub idle_since_ms: i64,
    pub busy_ms: f64,
    /// One mebibyte as a share of the node's memory, and one core of its cores.
    pub(super) share_of_mib: f64,
    pub(super) share_of_vcore: f64,
    pub(super) ordinal: u64,
    pub launched_ms: i64,
    pub terminated_ms: Option<i64>,
    /// Whether the spot notice has been given, after which the node cannot stay.
    pub(super) doomed: bool,
    /// How often the node began to drain; an earlier timeout is void.
    pub(super) drains: u32,
    /// The instant up to which `busy_ms` counts.
    pub(super) settled_ms: i64,
}

/// The stages of a node's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum NodeState {
    Launching,
    Active,
    /// Finishes its containers after a scale-in.
    Draining,
    /// Finishes its containers after a spot notice.
    Interrupted,
    Terminated,
}

impl Node {
    /// A node that is launched now.
    pub(super) fn new(
        id: InstanceId,
        group: usize,
        capacity: Resources,
        ordinal: u64,
        now_ms: i64,
    ) -> Self {
        Self {
            id,
            group,
            state: NodeState::Launching,
            capacity,
            used: Resources::default(),
            containers: 0,
            application_masters: 0,
            idle_since_ms: now_ms,
            busy_ms: 0.0,
            share_of_mib: 1.0 / capacity.memory.as_f64().max(1.0),
            share_of_vcore: 1.0 / capacity.vcores.as_f64().max(1.0),
            ordinal,
            launched_ms: now_ms,
            terminated_ms: None,
            doomed: false,
            drains: 0,
            settled_ms: now_ms,
        }
    }

    /// Whether the node runs and takes no more containers.
    pub fn is_leaving(&self) -> bool {
        matches!(self.state, NodeState::Draining | NodeState::Interrupted)
    }

    /// Whether the node runs, leaving or not.
    pub fn is_there(&self) -> bool {
        self.state == NodeState::Active || self.is_leaving()
    }

    /// Whether the node has room for a container.
    pub fn fits(&self, container: Resources) -> bool {
        self.state == NodeState::Active && self.capacity.minus(self.used).covers(container)
    }

    /// Adds the time since the last change of `used`, weighted with the used share of the scarcer
    /// resource. Call it before each such change.
    pub(super) fn settle(&mut self, now_ms: i64) {
        if now_ms > self.settled_ms {
            self.busy_ms += self.share() * (now_ms - self.settled_ms) as f64;
            self.settled_ms = now_ms;
        }
    }

    fn share(&self) -> f64 {
        // A signed number becomes floating point in one instruction, and this runs twice for each
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
