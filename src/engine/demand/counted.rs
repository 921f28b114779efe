//! The load that a demand counts: without the pending work that more units would not start.

use super::idle_room::{could_start_pending, up_to_idle_room};
use super::pending_limits::{ClusterSize, startable};
use super::supply::InstanceCount;
use crate::decision::HeldBack;
use crate::engine::tick::Tick;
use crate::observation::pending_limit::PendingLimit;
use crate::observation::{GroupStatus, Sampled, YarnLoad};
use crate::units::Mebibytes;

/// The load that a demand counts, and what it leaves out.
#[derive(Debug)]
pub struct Counted {
    /// The load that counts.
    pub yarn: Sampled<YarnLoad>,
    /// Memory that YARN reports as pending.
    pub memory_reported: Mebibytes,
    /// The load without what limits hold back, before idle room is looked at.
    pub within_limits: YarnLoad,
    /// What limits hold back.
    pub held_back: Vec<HeldBack>,
    /// Whether pending work waits beside idle room that could hold it, for a reason that is not known.
    pub waits_beside_room: bool,
}

impl Counted {
    /// Whether something but the lack of room keeps work waiting.
    pub const fn is_limited(&self) -> bool {
        self.waits_beside_room || !self.held_back.is_empty()
    }

    /// Leaves out of `yarn` what more units would not start. `targets` are the groups that the policy
    /// resizes, and `largest` is the largest cluster that it allows.
    pub fn of(
        tick: &Tick,
        yarn: &Sampled<YarnLoad>,
        instances: &InstanceCount,
        targets: &[&GroupStatus],
        largest: ClusterSize,
    ) -> Self {
        let may_offer_other_nodes = targets.iter().any(|group| group.running.get() == 0);
        let startable = startable(
            &yarn.value,
            recent_limits(tick),
            largest,
            may_offer_other_nodes,
        );
        let unexplained = startable.waits_for_share.subtracted_from(&startable.load);
        let waits_beside_room = could_start_pending(&unexplained, instances.nodes(&yarn.value));
        let value = if waits_beside_room {
            up_to_idle_room(&startable.load)
        } else {
            startable.load
        };
        Self {
            yarn: Sampled {
                value,
                measured_at: yarn.measured_at,
            },
            memory_reported: yarn.value.memory_pending,
            within_limits: startable.load,
            held_back: startable.held_back,
            waits_beside_room,
        }
    }
}

/// The limits of pending work; none if they are unknown, so that all of it counts.
fn recent_limits<'a>(tick: &Tick<'a>) -> &'a [PendingLimit] {
    tick.observation
        .pending_limits
        .as_ref()
        .filter(|limits| tick.at().since(limits.measured_at) <= tick.max_age)
        .map_or(&[], |limits| &limits.value)
}
