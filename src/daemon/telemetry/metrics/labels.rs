//! The label values of decisions and resizes.

use crate::decision::{Action, Cause, Decision};
use crate::observation::Direction;

/// Every value that the label `outcome` of a resize can have.
pub const OUTCOMES: [&str; 7] = [
    "accepted",
    "throttled",
    "access_denied",
    "not_modifiable",
    "other",
    "unknown",
    "not_sent",
];

/// The group's id. It is empty while no group matches the target; Prometheus treats an empty label
/// as an absent one.
pub fn group_label(decision: &Decision) -> &str {
    decision.group.as_ref().map_or("", |group| group.as_str())
}

/// The labels `action` and `reason` of a decision.
pub fn action_and_reason(action: &Action) -> (&'static str, &'static str) {
    match action {
        Action::Hold(reason) => ("hold", reason.label()),
        Action::Resize(resize) => {
            let reason = match resize.because {
                Cause::Rule(_) => "rule",
                Cause::Demand => "demand",
                Cause::BelowMinimum => "below_minimum",
                Cause::AboveMaximum => "above_maximum",
            };
            (action_of(resize.direction()), reason)
        }
    }
}

/// The label `action` of a resize.
pub fn action_of(direction: Direction) -> &'static str {
    match direction {
        Direction::Out => "grow",
        Direction::In => "shrink",
    }
}
