//! What holds a change of size back, whatever its size: pauses, freezes, rejections, quarantines,
//! resizes in flight, and what only a scale-in has to wait for.

use super::TargetState;
use super::proposal::Proposal;
use super::situation::Situation;
use crate::decision::{HoldReason, RuleState};
use crate::observation::Direction;
use crate::policy::Change;
use crate::units::Instances;

impl TargetState {
    /// Why a proposal may not be carried out now, whatever its size.
    pub(super) fn guard(
        &self,
        now: &Situation,
        direction: Direction,
        proposal: Proposal,
    ) -> Option<HoldReason> {
        let (at, resizes) = (now.tick.at(), &self.history.resizes);
        let pause = now.tick.observation.control.pause;
        if let Some(pause) = pause.filter(|pause| {
            at < pause.until && pause.direction.is_none_or(|paused| paused == direction)
        }) {
            return Some(HoldReason::Paused { until: pause.until });
        }
        if let Some(window) = self.spec.open_window(at)
            && window
                .freeze
                .is_some_and(|freeze| freeze.forbids(direction))
        {
            return Some(HoldReason::Frozen {
                window: window.name.clone(),
            });
        }
        if let Some((rejection, until)) = resizes.rejected_until(at) {
            return Some(HoldReason::CallRejected { rejection, until });
        }
        if direction == Direction::Out
            && let Some(until) = resizes.quarantined_until(at)
        {
            return Some(HoldReason::Quarantined {
                until,
                message: now.group.state_reason.clone(),
            });
        }
        if let Some(to) = self.waits_for(now, direction, proposal) {
            return Some(HoldReason::ResizeInFlight { to });
        }
        let reversal = self.spec.guards.reversal;
        if let Some(until) = resizes.accepted().reversal_until(at, direction, reversal) {
            return Some(HoldReason::ReversalGuard { until });
        }
        if direction == Direction::Out {
            return None;
        }
        if now.tick.needs_nodes && now.tick.snapshot().is_none() {
            return Some(HoldReason::missing("nodes"));
        }
        if let Some(reason) = now.nodes_not_listed() {
            return Some(reason);
        }
        if proposal.asked_by.is_policy() {
            self.scale_in_guard(now)
        } else {
            None
        }
    }

    /// The size of the resize in flight, if the proposal has to wait for it: EMR does not show that
    /// resize yet, the proposal would add to it, or a rule would undo it before it completes. EMR
    /// replaces instances that were lost: until they run, the requested size is in flight, too.
    fn waits_for(
        &self,
        now: &Situation,
        direction: Direction,
        proposal: Proposal,
    ) -> Option<Instances> {
        let requested = now.group.requested;
        let Some((to, in_flight)) = self.history.resizes.in_flight() else {
            let grows_on_top = proposal.desired > requested && self.adds_up(proposal);
            return (grows_on_top && now.is_below_requested()).then_some(requested);
        };
        let rule = proposal.asked_by.rule();
        let adds_up = in_flight == direction && self.adds_up(proposal);
        let undoes = in_flight == Direction::Out && direction == Direction::In && rule.is_some();
        (self.history.resizes.is_unconfirmed() || adds_up || undoes).then_some(to)
    }

    /// Why a scale-in that the policy asks for may not be carried out now. A scale-out has no such
    /// guards.
    fn scale_in_guard(&self, now: &Situation) -> Option<HoldReason> {
        let at = now.tick.at();
        if let Some(rule) = self.unknown_rule_against_scale_in(now) {
            return Some(self.reason_for_unknown(rule));
        }
        // At the first tick no idle time of a node is known. Without YARN it never is.
        if now.tick.is_first && now.tick.uses_yarn {
            return Some(HoldReason::missing("idle_time"));
        }
        for (rule, (_, history)) in self.spec.rules.iter().zip(&self.history.rules) {
            if let Some(until) = history.cooling_until(rule.cooldown, at) {
                return Some(HoldReason::CoolingDown {
                    rule: rule.name.clone(),
                    until,
                });
            }
        }
        let until = self.history.resizes.accepted().flips_spent_until(
            at,
            Direction::In,
            self.spec.guards.flips?,
        )?;
        Some(HoldReason::FlipBudgetSpent { until })
    }

    /// The first rule whose state is unknown and that would outvote a scale-in if it fired.
    pub(super) fn unknown_rule_against_scale_in(&self, now: &Situation) -> Option<usize> {
        self.rule_states
            .iter()
            .zip(&self.spec.rules)
            .position(|(state, rule)| {
                *state == RuleState::Unknown
                    && match &rule.then {
                        Change::Shrink(_) => false,
                        Change::Set(size) => size.within(now.limits) >= now.group.requested,
                        Change::Grow(_) | Change::Track { .. } => true,
                    }
            })
    }
}
