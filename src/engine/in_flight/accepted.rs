//! The resizes that EMR accepted, for the guards that count them.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::observation::Direction;
use crate::policy::FlipBudget;
use crate::units::{Instances, Timestamp};

/// Accepted resizes of one group, oldest first. The last one is always kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AcceptedResizes(VecDeque<AcceptedResize>);

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptedResize {
    at: Timestamp,
    direction: Direction,
    /// By how many instances the size changed.
    instances: Instances,
}

impl AcceptedResizes {
    /// Adds a resize that was sent at `at`.
    pub fn push(&mut self, at: Timestamp, from: Instances, to: Instances) {
        let (direction, instances) = if to < from {
            (Direction::In, from - to)
        } else {
            (Direction::Out, to - from)
        };
        self.0.push_back(AcceptedResize {
            at,
            direction,
            instances,
        });
    }

    /// Drops resizes that are older than `longest`, the longest time that a guard looks back. The
    /// newest of the older ones stays: it shows whether the next one changed direction.
    pub fn prune(&mut self, at: Timestamp, longest: Duration) {
        while self
            .0
            .get(1)
            .is_some_and(|second| at.since(second.at) > longest)
        {
            self.0.pop_front();
        }
    }

    /// Moves resizes that would lie in the future to `at`, because the clock went back to it.
    pub fn clamp(&mut self, at: Timestamp) {
        for resize in &mut self.0 {
            resize.at = resize.at.min(at);
        }
    }

    /// When a resize in this direction may follow the last one in the other direction, if that is
    /// later than `at`.
    pub fn reversal_until(
        &self,
        at: Timestamp,
        direction: Direction,
        guard: Duration,
    ) -> Option<Timestamp> {
        let last = self.0.back().filter(|last| last.direction != direction)?;
        Some(last.at + guard).filter(|until| at < *until)
    }

    /// When the last resize to a smaller size was sent, of those that are kept.
    pub fn last_scale_in_at(&self) -> Option<Timestamp> {
        let mut latest_first = self.0.iter().rev();
        let last = latest_first.find(|resize| resize.direction == Direction::In);
        last.map(|resize| resize.at)
    }

    /// By how many instances the group was resized in this direction during the last `per`.
    pub fn moved(&self, at: Timestamp, direction: Direction, per: Duration) -> Instances {
        self.0
            .iter()
            .filter(|resize| resize.direction == direction && at.since(resize.at) < per)
            .map(|resize| resize.instances)
            .sum()
    }

    /// When the flip budget allows another change to this direction, if that is later than `at`.
    pub fn flips_spent_until(
        &self,
        at: Timestamp,
        direction: Direction,
        budget: FlipBudget,
    ) -> Option<Timestamp> {
        self.0.back().filter(|last| last.direction != direction)?;
        let flips = self
            .0
            .iter()
            .zip(self.0.iter().skip(1))
            .filter(|(before, after)| before.direction != after.direction)
            .map(|(_, after)| after.at)
            .filter(|flipped| at.since(*flipped) < budget.per);
        let surplus = flips.clone().count().checked_sub(budget.max as usize)?;
        flips
            .clone()
            .nth(surplus)
            .map(|flipped| flipped + budget.per)
    }
}
