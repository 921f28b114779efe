//! Decides about one target, once the state of each rule is known.

use std::collections::BTreeSet;

use super::TargetState;
use super::output::output_floor;
use super::proposal::{AskedBy, Proposal};
use super::situation::Situation;
use super::termination::{application_masters_at_risk, application_masters_floor, choose_nodes};
use crate::decision::{Action, Cause, HoldReason, Limiter, Resize};
use crate::engine::hdfs_floor::{HdfsFloor, hdfs_floor};
use crate::engine::limits::{LimitedSize, limit_scale_in, limit_scale_out};
use crate::observation::{Direction, GroupState, InstanceId};

impl TargetState {
    /// Decides what to do with the group at this tick.
    pub(super) fn decide(&mut self, now: &Situation) -> Action {
        let (at, requested) = (now.tick.at(), now.group.requested);
        match now.group.state {
            GroupState::Running | GroupState::Resizing | GroupState::Suspended => {}
            state => {
                return Action::Hold(HoldReason::GroupNotReady {
                    state,
                    message: now.group.state_reason.clone(),
                });
            }
        }
        if now.group.scaled_by_amazon {
            return Action::Hold(HoldReason::ScaledByAmazon);
        }
        if let Some(until) = self.history.resizes.yielding_until(at) {
            return Action::Hold(HoldReason::YieldingToOperator { until });
        }
        let proposal = self.proposal(now);
        self.remember_desired_size(now, proposal.map(|proposal| proposal.desired));
        let Some(proposal) = proposal else {
            return Action::Hold(self.reason_without_proposal(now));
        };
        let direction = if proposal.desired < requested {
            Direction::In
        } else {
            Direction::Out
        };
        let is_retry = proposal.desired == requested;
        if direction == Direction::Out {
            self.forget_output();
        }
        if let Some(reason) = self.guard(now, direction, proposal) {
            return Action::Hold(reason);
        }
        let kept = if direction == Direction::In && proposal.asked_by.is_policy() {
            self.keep_output(now)
        } else {
            BTreeSet::new()
        };
        let limited = self.limited(now, direction, proposal, &kept);
        if direction == Direction::In
            && proposal.asked_by.is_policy()
            && let Some(reason) = self.wait_for_answers(now, &limited)
        {
            return Action::Hold(reason);
        }
        match limited {
            Err(reason) => Action::Hold(reason),
            Ok(limited) if limited.size == requested && !is_retry => {
                Action::Hold(HoldReason::AtLimit {
                    limiter: limited.by.map_or(Limiter::Maximum, |by| by.limiter),
                    size: limited.size,
                    percent_cap: limited.by.and_then(|by| by.percent_cap),
                })
            }
            Ok(limited) => Action::Resize(self.resize(now, proposal, limited, &kept)),
        }
    }

    /// Records the resize as sent, and returns it.
    fn resize(
        &mut self,
        now: &Situation,
        proposal: Proposal,
        limited: LimitedSize,
        kept: &BTreeSet<InstanceId>,
    ) -> Resize {
        let (from, to) = (now.group.requested, limited.size);
        self.history
            .resizes
            .send(now.tick.at(), from, to, proposal.asked_by.rule());
        self.history.resized_last_tick = true;
        let (protect, prefer) = choose_nodes(now.tick, now.group, to, kept);
        Resize {
            from,
            to,
            because: match proposal.asked_by {
                AskedBy::Rule(rule) => Cause::Rule(self.spec.rules[rule].name.clone()),
                AskedBy::Demand => Cause::Demand,
                AskedBy::Minimum => Cause::BelowMinimum,
                AskedBy::Maximum => Cause::AboveMaximum,
            },
            desired: proposal.desired,
            limited_by: limited.by.map(|by| by.limiter),
            percent_cap: limited.by.and_then(|by| by.percent_cap),
            protect,
            prefer,
            application_masters_at_risk: application_masters_at_risk(now.tick, now.group, to),
            nodes_unknown: !now.tick.uses_yarn && to < now.group.running,
        }
    }

    /// Limits the proposal's size. Fails when HDFS allows no scale-in at all.
    fn limited(
        &self,
        now: &Situation,
        direction: Direction,
        proposal: Proposal,
        kept: &BTreeSet<InstanceId>,
    ) -> Result<LimitedSize, HoldReason> {
        let (at, from, limits) = (now.tick.at(), now.group.requested, now.limits);
        let (guards, accepted) = (&self.spec.guards, self.history.resizes.accepted());
        let desired = LimitedSize::new(proposal.desired);
        let is_policy = proposal.asked_by.is_policy();
        if direction == Direction::Out {
            return Ok(if is_policy {
                limit_scale_out(desired, from, limits, guards, accepted, at)
            } else {
                desired
            });
        }
        let mut limited = if is_policy {
            let stabilized = desired.at_least(self.stabilized(at, from), Limiter::Stabilization);
            limit_scale_in(stabilized, from, limits, guards, accepted, at)
        } else {
            desired
        };
        if guards.keep_application_masters {
            let floor = application_masters_floor(now.tick, now.group).min(from);
            limited = limited.at_least(floor, Limiter::ApplicationMasters);
        }
        if let Some(floor) = output_floor(now, kept) {
            limited = limited.at_least(floor.min(from), Limiter::ShuffleOutput);
        }
        match hdfs_floor(
            now.tick.observation,
            now.group,
            &guards.hdfs,
            self.history.most_core,
            now.tick.max_age,
        ) {
            HdfsFloor::NotCore => Ok(limited),
            HdfsFloor::At(floor) if floor >= from => Err(HoldReason::HdfsFloor { floor }),
            HdfsFloor::At(floor) => Ok(limited.at_least(floor, Limiter::HdfsFloor)),
            HdfsFloor::BlocksIncomplete => Err(HoldReason::HdfsFloor { floor: from }),
            HdfsFloor::Unknown => Err(HoldReason::missing("hdfs")),
        }
    }
}
