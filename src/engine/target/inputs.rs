//! What a rule reads, and its `for` timer over that.

use crate::engine::for_timer::{ForState, ForTimer, Part};
use crate::engine::scope::{Scope, Shown};
use crate::engine::tick::Tick;
use crate::policy::condition::Condition;
use crate::policy::{Rule, Target};

/// What the condition and the change of a rule read.
#[derive(Clone, Debug)]
pub struct RuleInputs {
    /// Positions of the signals in the target, in ascending order.
    pub signals: Vec<usize>,
    /// The condition compares the state of the cluster.
    pub reads_cluster: bool,
}

impl RuleInputs {
    pub fn new(spec: &Target, rule: &Rule) -> Self {
        let mut signals: Vec<usize> = spec
            .leaves(rule)
            .into_iter()
            .map(|leaf| spec.signal_of(leaf))
            .collect();
        signals.sort_unstable();
        signals.dedup();
        Self {
            signals,
            reads_cluster: rule.when.reads_cluster(),
        }
    }

    /// Updates the `for` timer of a rule with the value of its condition at this tick.
    pub fn update_timer(
        &self,
        timer: &mut ForTimer,
        rule: &Rule,
        tick: &Tick,
        scope: &Scope,
    ) -> ForState {
        let truth = scope.truth(&rule.when);
        let at_tick = tick.observation.cluster.measured_at;
        let shown = truth
            .and_then(|value| scope.shown(&rule.when, value))
            .unwrap_or(Shown {
                from: at_tick,
                until: at_tick,
            });
        let bridged = scope.bridged();
        let parts = parts_of(&rule.when, tick, &bridged);
        let is_broken = truth.is_none() && bridged.truth(&rule.when) != Some(true);
        if is_broken || !timer.continues(&rule.when, &parts) {
            timer.reset();
        }
        timer.update(truth, shown, parts, rule.for_duration)
    }

    /// Whether a rule reads the same signals as before.
    pub fn are_unchanged(&self, before: &Self, signals_before: &[Option<usize>]) -> bool {
        let signals: Option<Vec<usize>> = self
            .signals
            .iter()
            .map(|signal| signals_before[*signal])
            .collect();
        let mut signals = signals.unwrap_or_default();
        signals.sort_unstable();
        signals == before.signals
    }
}

/// What the last known samples say of each part of a condition.
fn parts_of(condition: &Condition, tick: &Tick, bridged: &Scope) -> Vec<Part> {
    let mut parts = Vec::new();
    condition.truth(&mut |part| {
        let of_cluster = part.reads_cluster().then(|| tick.cluster.breaks());
        let mut breaks = Some(of_cluster.unwrap_or(0));
        part.leaves(&mut |leaf| {
            let (_, samples) = &bridged.signals[bridged.target.signal_of(leaf)];
            let is_recent = samples.recent().is_some();
            breaks = (breaks.filter(|_| is_recent)).map(|sum| sum.wrapping_add(samples.breaks()));
        });
        let truth = bridged.truth(part);
        parts.push(Part { truth, breaks });
        truth
    });
    parts
}
