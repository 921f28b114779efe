//! Stabilization: a scale-in goes no lower than the largest size desired in the recent past.

use super::TargetState;
use super::situation::Situation;
use crate::units::{Instances, Timestamp};

impl TargetState {
    /// Records this tick's desired size for stabilization. It is at least the requested size while a rule that might ask for more is unknown.
    pub(super) fn remember_desired_size(&mut self, now: &Situation, desired: Option<Instances>) {
        let (at, requested) = (now.tick.at(), now.group.requested);
        let span = self.spec.guards.stabilization;
        if span.is_zero() {
            return;
        }
        let mut desired = desired.unwrap_or(requested);
        if self.unknown_rule_against_scale_in(now).is_some() {
            desired = desired.max(requested);
        }
        let sizes = &mut self.history.desired_sizes;
        if sizes
            .back()
            .is_some_and(|(last, _)| at.since(*last) > now.tick.max_age)
        {
            sizes.clear();
        }
        sizes.push_back((at, desired));
        while sizes.get(1).is_some_and(|(second, _)| *second <= at - span) {
            sizes.pop_front();
        }
    }

    /// The largest size that was desired during the stabilization time; the requested size until
    /// that much time was observed.
    pub(super) fn stabilized(&self, at: Timestamp, requested: Instances) -> Instances {
        let span = self.spec.guards.stabilization;
        if span.is_zero() {
            return Instances::ZERO;
        }
        let sizes = &self.history.desired_sizes;
        if sizes.front().is_none_or(|(oldest, _)| *oldest > at - span) {
            return requested;
        }
        sizes
            .iter()
            .map(|(_, desired)| *desired)
            .max()
            .unwrap_or(requested)
    }
}
