//! What a decision about one target starts from.

use crate::decision::HoldReason;
use crate::engine::demand::plan::DesiredSize;
use crate::engine::presence::NotListed;
use crate::engine::tick::Tick;
use crate::observation::GroupStatus;
use crate::policy::Limits;

/// What a decision about one target starts from, beside the states of its rules.
pub struct Situation<'a> {
    pub tick: &'a Tick<'a>,
    pub group: &'a GroupStatus,
    /// The limits in force at this tick.
    pub limits: Limits,
    /// What a `demand:` policy asks for; `None` for a policy with rules.
    pub demanded: Option<&'a DesiredSize>,
}

impl Situation<'_> {
    /// Why nothing may scale in while YARN does not list instances that EMR runs.
    pub fn nodes_not_listed(&self) -> Option<HoldReason> {
        let NotListed {
            not_listed,
            running,
            until,
        } = self.tick.unavailable.not_listed?;
        Some(HoldReason::NodesNotListed {
            not_listed,
            running,
            until,
        })
    }

    /// Whether EMR runs fewer instances than were requested.
    pub fn is_below_requested(&self) -> bool {
        self.group.running < self.group.requested
    }
}
