//! Who asks for a change of size, and which change is proposed.

use super::TargetState;
use super::situation::Situation;
use crate::decision::RuleState;
use crate::engine::demand::plan::DesiredSize;
use crate::observation::Direction;
use crate::units::Instances;

/// A change of size that a rule, `demand` or a limit asks for.
#[derive(Clone, Copy)]
pub struct Proposal {
    pub asked_by: AskedBy,
    pub desired: Instances,
}

/// Who asks for a change.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum AskedBy {
    /// A rule, by its position.
    Rule(usize),
    Demand,
    Minimum,
    Maximum,
}

impl AskedBy {
    /// Whether a rule or demand asks. A change that only enforces `min` or `max` skips step, budgets,
    /// flips, stabilization and cooldowns, but no other guard.
    pub fn is_policy(self) -> bool {
        matches!(self, Self::Rule(_) | Self::Demand)
    }

    /// The rule that asks, by its position.
    pub fn rule(self) -> Option<usize> {
        match self {
            Self::Rule(rule) => Some(rule),
            Self::Demand | Self::Minimum | Self::Maximum => None,
        }
    }
}

impl TargetState {
    /// The change to make, if anybody asks for one. After a scale-out that failed, the same size is
    /// requested again before a relative change adds to it: EMR then tries again.
    pub(super) fn proposal(&self, now: &Situation) -> Option<Proposal> {
        let requested = now.group.requested;
        let change = self.change(now);
        if !now.is_below_requested() || !self.history.resizes.is_failed() {
            return change;
        }
        let asked_by = match change {
            Some(change) if change.desired > requested && self.adds_up(change) => change.asked_by,
            // What would go below the minimum asks for no less than the minimum.
            Some(change) if change.desired < requested && requested == now.limits.min() => {
                AskedBy::Minimum
            }
            Some(_) => return change,
            None => self.asks_for_requested(now)?,
        };
        Some(Proposal {
            asked_by,
            desired: requested,
        })
    }

    /// Who asks for exactly the requested size.
    fn asks_for_requested(&self, now: &Situation) -> Option<AskedBy> {
        let requested = now.group.requested;
        let by_policy = match now.demanded {
            Some(DesiredSize::Known(desired, _)) => {
                (*desired == requested).then_some(AskedBy::Demand)
            }
            Some(DesiredSize::Unknown(_)) => None,
            None => self
                .firing()
                .find(|(rule, to)| *to == requested && !self.is_relative(*rule))
                .map(|(rule, _)| AskedBy::Rule(rule)),
        };
        by_policy.or((requested == now.limits.min()).then_some(AskedBy::Minimum))
    }

    /// Whether the change starts from the requested size, so that it adds to a resize in the same
    /// direction.
    pub(super) fn adds_up(&self, change: Proposal) -> bool {
        change
            .asked_by
            .rule()
            .is_some_and(|rule| self.is_relative(rule))
    }

    /// The change to make, if anybody asks for one: limits come first, then scale-out before
    /// scale-in, then the larger size, then the order of the file.
    fn change(&self, now: &Situation) -> Option<Proposal> {
        let (requested, limits) = (now.group.requested, now.limits);
        if requested < limits.min() {
            return Some(self.proposal_below_minimum(now));
        }
        if requested > limits.max() {
            return Some(Proposal {
                asked_by: AskedBy::Maximum,
                desired: limits.max(),
            });
        }
        if let Some(DesiredSize::Known(desired, _)) = now.demanded {
            return (*desired != requested).then_some(Proposal {
                asked_by: AskedBy::Demand,
                desired: *desired,
            });
        }
        let scale_out = self
            .unhindered_scale_out(now)
            .or_else(|| self.largest_desired(|_, to| to > requested));
        if scale_out.is_some() {
            return scale_out;
        }
        // A rule that asks for exactly the present size outvotes a scale-in.
        let keeps = |(rule, to)| to == requested && !self.is_relative(rule);
        if self.firing().any(keeps) {
            return None;
        }
        self.largest_desired(|_, to| to < requested)
    }

    /// The change for a group below its minimum: to the minimum, or further if the policy asks for
    /// more.
    fn proposal_below_minimum(&self, now: &Situation) -> Proposal {
        let minimum = Proposal {
            asked_by: AskedBy::Minimum,
            desired: now.limits.min(),
        };
        let by_policy = match now.demanded {
            Some(DesiredSize::Known(desired, _)) => Some(Proposal {
                asked_by: AskedBy::Demand,
                desired: *desired,
            }),
            Some(DesiredSize::Unknown(_)) | None => self.unhindered_scale_out(now),
        };
        by_policy
            .filter(|proposal| proposal.desired > minimum.desired)
            .unwrap_or(minimum)
    }

    /// The largest scale-out that does not have to wait for the resize in flight, or for instances that EMR owes.
    /// A rule that has to wait does not keep another one waiting.
    fn unhindered_scale_out(&self, now: &Situation) -> Option<Proposal> {
        let requested = now.group.requested;
        let waits = match self.history.resizes.in_flight() {
            Some((_, direction)) => direction == Direction::Out,
            None => now.is_below_requested(),
        };
        self.largest_desired(|rule, to| to > requested && !(waits && self.is_relative(rule)))
    }

    /// The firing rule with the largest desired size among those that `counts` accepts; the first in
    /// the file among equals.
    fn largest_desired(&self, counts: impl Fn(usize, Instances) -> bool) -> Option<Proposal> {
        let mut largest: Option<Proposal> = None;
        for (rule, desired) in self.firing() {
            if counts(rule, desired) && largest.is_none_or(|largest| desired > largest.desired) {
                largest = Some(Proposal {
                    asked_by: AskedBy::Rule(rule),
                    desired,
                });
            }
        }
        largest
    }

    /// The firing rules, each with its desired size.
    fn firing(&self) -> impl Iterator<Item = (usize, Instances)> + '_ {
        self.rule_states
            .iter()
            .enumerate()
            .filter_map(|(rule, state)| match state {
                RuleState::Firing { to } => Some((rule, *to)),
                _ => None,
            })
    }

    /// Whether a rule computes its desired size from the requested one. Such a change must not be
    /// repeated while a resize in the same direction is in flight.
    pub(super) fn is_relative(&self, rule: usize) -> bool {
        self.spec.rules[rule].then.is_relative()
    }
}
