//! The wait of a scale-in for nodes that store shuffle output of running Spark applications.
//!
//! Such nodes stay while an application has stages left to read the output, but a scale-in waits for
//! them no longer than `keep_shuffle_output`. Applications are asked where they store output only when
//! a target is about to scale in, because the answer is large.

use super::TargetState;
use super::situation::Situation;
use super::termination::{application_masters_floor, can_ask_for_output, with_output};
use crate::decision::{HoldReason, Limiter};
use crate::engine::limits::LimitedSize;
use crate::units::Instances;

impl TargetState {
    /// The fewest instances that can keep the shuffle output of running applications, and their masters;
    /// `None` if there is none, or a scale-in has waited for it for long enough.
    pub(super) fn output_floor(&self, now: &Situation) -> Option<Instances> {
        let keep = self.spec.guards.keep_shuffle_output;
        let waited = self.history.output_wait_since;
        if waited.is_some_and(|since| now.tick.at().since(since) >= keep) || keep.is_zero() {
            return None;
        }
        let stored = with_output(now.tick, now.group);
        let masters = application_masters_floor(now.tick, now.group);
        (stored > Instances::ZERO).then_some(stored + masters)
    }

    /// Notes whether a scale-in by a rule or demand waits for shuffle output. Returns the reason to hold
    /// while it is to be found out which nodes store any.
    pub(super) fn wait_for_output(
        &mut self,
        now: &Situation,
        requested: Instances,
        limited: &Result<LimitedSize, HoldReason>,
    ) -> Option<HoldReason> {
        let Ok(limited) = limited else {
            return None;
        };
        let is_by_output = limited
            .by
            .is_some_and(|by| by.limiter == Limiter::ShuffleOutput);
        let scales_in = limited.size < requested || is_by_output;
        self.asks_for_output = scales_in && !self.spec.guards.keep_shuffle_output.is_zero();
        if self.asks_for_output && can_ask_for_output(now.tick) {
            return Some(HoldReason::AskingForOutput);
        }
        let since = &mut self.history.output_wait_since;
        *since = is_by_output.then(|| since.unwrap_or(now.tick.at()));
        None
    }
}
