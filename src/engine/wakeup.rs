//! When the cluster should be observed next.

use serde::{Deserialize, Serialize};

use super::target::TargetState;
use crate::decision::{Action, Decision};
use crate::units::Timestamp;

/// Why the engine asks for the next observation at that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// The poll interval of the policy ends.
    Poll,
    /// A wait ends before that: a cooldown, a pause, a quarantine, a guard.
    WaitEnds,
}

/// The next poll, or the first end of a wait before it.
pub fn next_wakeup(
    at: Timestamp,
    poll: Timestamp,
    decisions: &[Decision],
    targets: &[TargetState],
) -> (Timestamp, WakeReason) {
    let holds = decisions
        .iter()
        .filter_map(|decision| match &decision.action {
            Action::Hold(reason) => reason.until(),
            Action::Resize(_) => None,
        });
    let cooldowns = targets.iter().filter_map(TargetState::cooling_until);
    let earliest = holds.chain(cooldowns).filter(|until| *until > at).min();
    match earliest {
        Some(until) if until < poll => (until, WakeReason::WaitEnds),
        _ => (poll, WakeReason::Poll),
    }
}
