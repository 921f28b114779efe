//! What a decision about one target starts from.

use crate::engine::demand::plan::DemandedSize;
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
    pub demanded: Option<&'a DemandedSize>,
}
