//! How an engine is restored from its state, and how it passes to an edited policy.

use super::Engine;
use super::state::{EngineState, StateMismatch};
use super::target::{HistoryMismatch, TargetState};
use crate::observation::MetricId;
use crate::policy::signal::SignalSource;
use crate::policy::{MetricSpec, Policy, Target};
use crate::units::Instances;

impl Engine {
    /// The state to write down, for [`restore`](Self::restore).
    pub fn state(&self) -> EngineState {
        EngineState {
            cluster: self.history.clone(),
            targets: self
                .targets
                .iter()
                .map(|target| target.history().clone())
                .collect(),
        }
    }

    /// Restores the engine that `state` was taken from. It decides like that one from then on.
    ///
    /// # Errors
    /// When the state was recorded under another policy.
    pub fn restore(policy: Policy, state: EngineState) -> Result<Self, StateMismatch> {
        let (found, expected) = (state.targets.len(), policy.targets().len());
        if found != expected {
            return Err(StateMismatch::Targets { found, expected });
        }
        let mut targets = Vec::with_capacity(expected);
        for (target, (spec, history)) in policy.targets().iter().zip(state.targets).enumerate() {
            let restored = TargetState::restore(spec.clone(), history);
            targets.push(
                restored.map_err(|HistoryMismatch(part)| StateMismatch::Target { target, part })?,
            );
        }
        Ok(Self {
            policy,
            targets,
            history: state.cluster,
            with_reports: true,
        })
    }

    /// Continues with the same cluster under an edited policy.
    ///
    /// A target continues from the one with the same selector. Where there is none, it continues
    /// from the first that is left over, provided that the next observation shows that both select the
    /// same group. What belongs to a group stays: in-flight resizes, quarantines, yields, spent
    /// budgets; so do cooldowns of rules that kept their name. `for` timers and windows continue
    /// where the condition, its signals and the poll are unchanged, and start at zero elsewhere.
    #[must_use]
    pub fn adopt(self, policy: Policy) -> Self {
        let is_same = |source: Option<&SignalSource>| match source {
            Some(SignalSource::Metric { id, .. }) => {
                metric(&self.policy, id) == metric(&policy, id)
            }
            Some(SignalSource::BuiltIn(_) | SignalSource::OfTarget { .. }) | None => {
                self.policy.poll() == policy.poll()
            }
        };
        let most_core = self
            .targets
            .iter()
            .map(TargetState::most_core)
            .max()
            .unwrap_or(Instances::ZERO);
        let mut before: Vec<Option<TargetState>> = self.targets.into_iter().map(Some).collect();
        let known: Vec<Option<TargetState>> = policy
            .targets()
            .iter()
            .map(|spec| take_same_selector(&mut before, spec))
            .collect();
        let mut left_over = before.into_iter().flatten();
        let mut targets = Vec::with_capacity(known.len());
        for (spec, known) in policy.targets().iter().zip(known) {
            let target = match known.or_else(|| left_over.next()) {
                Some(before) => before.adopt(spec.clone(), is_same),
                None => TargetState::new(spec.clone()),
            };
            targets.push(target.with_most_core(most_core));
        }
        let mut history = self.history;
        if !is_same(None) {
            history.cluster = Default::default();
        }
        Self {
            policy,
            targets,
            history,
            with_reports: self.with_reports,
        }
    }
}

/// Removes the target that selects its group in the same way.
fn take_same_selector(targets: &mut [Option<TargetState>], spec: &Target) -> Option<TargetState> {
    targets
        .iter_mut()
        .find(|target| {
            target
                .as_ref()
                .is_some_and(|target| *target.selector() == spec.selector)
        })?
        .take()
}

fn metric<'a>(policy: &'a Policy, id: &MetricId) -> Option<&'a MetricSpec> {
    policy.metrics().iter().find(|metric| metric.id == *id)
}
