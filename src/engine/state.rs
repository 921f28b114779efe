//! The state of an engine, apart from its policy: written down, taken up again, and handed to an
//! edited policy.

use serde::{Deserialize, Serialize};

use super::demand::DemandState;
use super::memory::SignalPast;
use super::target::{PastMismatch, TargetPast, TargetState};
use super::{Engine, WakeReason, cluster_track};
use crate::observation::MetricId;
use crate::policy::signal::SignalSource;
use crate::policy::{MetricSpec, Policy, Target};
use crate::units::{Instances, Timestamp};

/// Everything that an engine knows beside its policy. What is in it is the engine's business.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineState {
    needs_nodes: bool,
    last_at: Option<Timestamp>,
    wakeup: (Timestamp, WakeReason),
    cluster: SignalPast,
    targets: Vec<TargetPast>,
    #[serde(default)]
    demand: DemandState,
}

/// The state is of another policy than the one that it was to be restored with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateMismatch {
    #[error("the state has {found} targets, its policy {expected}")]
    Targets { found: usize, expected: usize },
    #[error("the {part} in the state of target {} are not those of its policy", target + 1)]
    Target { target: usize, part: &'static str },
}

impl Engine {
    /// The state between two records, to be written down and given to [`restore`](Self::restore).
    pub fn state(&self) -> EngineState {
        let targets = self.targets.iter().map(TargetState::past).collect();
        EngineState {
            needs_nodes: self.needs_nodes,
            last_at: self.last_at,
            wakeup: self.wakeup,
            cluster: self.cluster.past(),
            targets,
            demand: self.demand.clone(),
        }
    }

    /// The engine that `state` was taken from: it decides everything that follows as that one does.
    ///
    /// # Errors
    /// When the state was not taken under this policy.
    pub fn restore(policy: Policy, state: EngineState) -> Result<Self, StateMismatch> {
        let (found, expected) = (state.targets.len(), policy.targets().len());
        if found != expected {
            return Err(StateMismatch::Targets { found, expected });
        }
        let restored = |(target, (spec, past)): (usize, (&Target, TargetPast))| {
            TargetState::with_past(spec.clone(), policy.poll(), past)
                .map_err(|PastMismatch(part)| StateMismatch::Target { target, part })
        };
        let targets = policy
            .targets()
            .iter()
            .zip(state.targets)
            .enumerate()
            .map(restored)
            .collect::<Result<_, _>>()?;
        let cluster = cluster_track(&policy, state.cluster);
        Ok(Self {
            policy,
            targets,
            demand: state.demand,
            cluster,
            needs_nodes: state.needs_nodes,
            last_at: state.last_at,
            wakeup: state.wakeup,
            tells_why: true,
        })
    }

    /// The same cluster under an edited policy. A target goes on from the one with the same
    /// selector; where there is none, from the first that is left over, as long as the next
    /// observation shows that both mean the same group. What belongs to a group stays: resizes on
    /// their way, quarantines, yields, budgets spent; so do cooldowns of rules that have kept their
    /// name. Holds and windows go on where the condition, its signals and the poll are unchanged,
    /// and start afresh where they are not.
    #[must_use]
    pub fn adopt(self, policy: Policy) -> Self {
        let is_same = |source: Option<&SignalSource>| match source {
            Some(SignalSource::Metric { id, .. }) => {
                metric(&self.policy, id) == metric(&policy, id)
            }
            Some(SignalSource::BuiltIn(_)) | None => self.policy.poll() == policy.poll(),
        };
        let most_core = self
            .targets
            .iter()
            .map(TargetState::most_core)
            .max()
            .unwrap_or(Instances::ZERO);
        let mut before: Vec<Option<TargetState>> = self.targets.into_iter().map(Some).collect();
        let of_selector = |spec: &Target| {
            before
                .iter_mut()
                .find(|before| {
                    before
                        .as_ref()
                        .is_some_and(|before| before.spec.selector == spec.selector)
                })?
                .take()
        };
        let known: Vec<Option<TargetState>> = policy.targets().iter().map(of_selector).collect();
        let mut left_over = before.into_iter().flatten();
        let targets = policy.targets().iter().zip(known).map(|(spec, known)| {
            let target = match known.or_else(|| left_over.next()) {
                Some(before) => before.adopted(spec.clone(), policy.poll(), is_same),
                None => TargetState::new(spec.clone(), policy.poll()),
            };
            target.with_most_core(most_core)
        });
        let targets = targets.collect();
        let cluster = if is_same(None) {
            self.cluster
        } else {
            cluster_track(&policy, SignalPast::default())
        };
        Self {
            policy,
            targets,
            cluster,
            ..self
        }
    }
}

fn metric<'a>(policy: &'a Policy, id: &MetricId) -> Option<&'a MetricSpec> {
    policy.metrics().iter().find(|metric| metric.id == *id)
}
