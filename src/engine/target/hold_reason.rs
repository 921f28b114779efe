//! Why nothing asks for a change, and why the state of a rule is unknown.

use std::sync::Arc;

use super::TargetState;
use super::situation::Situation;
use crate::decision::{HoldReason, RuleState};
use crate::engine::demand::plan::DesiredSize;
use crate::engine::samples::Freshness;

impl TargetState {
    /// Why no rule, and no demand, asks for a change.
    pub(super) fn reason_without_proposal(&self, now: &Situation) -> HoldReason {
        match now.demanded {
            Some(DesiredSize::Known(..)) => {
                return now.nodes_not_listed().unwrap_or(HoldReason::DemandMet);
            }
            Some(DesiredSize::Unknown(reason)) => return reason.clone(),
            None => {}
        }
        let mut states = self.rule_states.iter();
        if let Some(rule) = states.position(|state| *state == RuleState::Unknown) {
            return self.reason_for_unknown(rule);
        }
        for (rule, state) in self.spec.rules.iter().zip(&self.rule_states) {
            if let RuleState::CoolingDown { until } = *state {
                return HoldReason::CoolingDown {
                    rule: rule.name.clone(),
                    until,
                };
            }
        }
        HoldReason::NoRuleFiring
    }

    /// Names the signal because of which the state of a rule is unknown.
    pub(super) fn reason_for_unknown(&self, rule: usize) -> HoldReason {
        let signals = &self.inputs[rule].signals;
        let without_sample = |signal: &&usize| self.freshness[**signal].sample().is_none();
        let Some(signal) = signals.iter().find(without_sample).or(signals.first()) else {
            return HoldReason::missing("cluster");
        };
        let name = Arc::clone(&self.history.signals[*signal].0);
        match self.freshness[*signal] {
            Freshness::Stale(measured_at) => HoldReason::StaleData {
                signal: name,
                measured_at,
            },
            Freshness::Fresh(_) | Freshness::Missing => HoldReason::MissingSignal { signal: name },
        }
    }
}
