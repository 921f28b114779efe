//! The decision engine. It is deterministic: it has no clock, I/O, lock or randomness, and *now* is the
//! time of the observation.
//!
//! Everything that has to be equal on a live and on a simulated cluster is in here: `for` timers,
//! windows, in-flight resizes, cooldowns, limits, pauses. An engine is restored from what
//! [`Engine::state`] wrote down, or by folding the same observations and outcomes again.

mod demand;
mod for_timer;
mod hdfs_floor;
mod in_flight;
mod limits;
mod node_size;
mod presence;
mod propose;
mod restore;
mod runs_again;
mod samples;
mod scope;
mod state;
mod target;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
pub(crate) mod tests;
mod tick;
mod wakeup;
mod window;

use crate::decision::{Decision, HoldReason, Outcome};
use crate::observation::{ClusterState, GroupId, GroupStatus, Observation, Sampled};
use crate::policy::demand::Demand;
use crate::policy::{GroupMatch, Policy};
use crate::units::{Instances, Timestamp};
use demand::DemandState;
use demand::plan::DesiredSize;
use node_size::NodeSizes;
use presence::Unavailable;
use samples::Freshness;
use state::ClusterHistory;
pub use state::{EngineState, StateMismatch};
use target::TargetState;
use tick::Tick;
pub use wakeup::WakeReason;
use wakeup::next_wakeup;

/// Decides about every target of a policy, from observations and the outcomes of its resizes.
#[derive(Clone, Debug)]
pub struct Engine {
    policy: Policy,
    targets: Vec<TargetState>,
    history: ClusterHistory,
    /// Whether decisions include the states of rules and the values that they read.
    with_reports: bool,
}

impl Engine {
    /// An engine that has observed nothing yet.
    pub fn new(policy: Policy) -> Self {
        let targets = policy
            .targets()
            .iter()
            .map(|target| TargetState::new(target.clone()))
            .collect();
        Self {
            policy,
            targets,
            history: ClusterHistory::new(),
            with_reports: true,
        }
    }

    /// Leaves the states of rules and the values that they read out of decisions, which saves time
    /// when only the actions matter. The actions are unchanged.
    #[must_use]
    pub fn without_reports(self) -> Self {
        Self {
            with_reports: false,
            ..self
        }
    }

    /// The policy that this engine follows.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Processes an observation. Returns one decision for each target of the policy, in file order.
    pub fn step(&mut self, observation: &Observation) -> Vec<Decision> {
        let mut decisions = Vec::with_capacity(self.targets.len());
        self.step_into(observation, &mut decisions);
        decisions
    }

    /// Does the same as [`step`](Self::step), and replaces the content of `decisions`: a caller that
    /// steps a million times allocates the list once.
    pub fn step_into(&mut self, observation: &Observation, decisions: &mut Vec<Decision>) {
        decisions.clear();
        let at = observation.at;
        let last_at = self.history.last_at.replace(at);
        let went_back = last_at.filter(|last| at < *last);
        if went_back.is_some() {
            self.handle_clock_rollback(at);
        }
        let cluster_sample = Sampled {
            value: 0.0,
            measured_at: observation.cluster.measured_at,
        };
        let max_age = self.policy.poll() * 3;
        let (_, cluster_freshness) = self
            .history
            .cluster
            .update(at, Some(cluster_sample), max_age);
        let cluster_hold = cluster_hold(observation, cluster_freshness, went_back);
        let poll = self.policy.poll();
        let uses_yarn = self.policy.uses_yarn();
        let unavailable = if uses_yarn {
            self.history.presence.observe(observation, poll, max_age)
        } else {
            Unavailable::default()
        };
        self.history.needs_nodes |=
            observation.nodes.is_some() || observation.control.looks_at_nodes;
        let failed = self.failed_instances(observation);
        let tick = Tick {
            observation,
            cluster: &self.history.cluster,
            uses_yarn,
            needs_nodes: uses_yarn && self.history.needs_nodes,
            is_first: last_at.is_none() || observation.control.is_first,
            unavailable,
            sizes: NodeSizes::of(&observation.cluster.value.groups),
            failed: &failed,
            poll,
            max_age,
            with_reports: self.with_reports,
        };
        let again = tick
            .work()
            .map(|work| self.history.seen_again.observe(work));
        let again = again.unwrap_or_default();
        let groups = &observation.cluster.value.groups;
        let demanded = self.policy.demand().map(|demand| {
            desired_sizes(
                &mut self.history.demand,
                demand,
                &tick,
                &self.targets,
                self.policy.match_groups(groups),
            )
        });
        let targets = self
            .targets
            .iter_mut()
            .zip(self.policy.match_groups(groups));
        for (index, (target, found)) in targets.enumerate() {
            let demanded = demanded.as_ref().and_then(|sizes| sizes[index].as_ref());
            let hold = cluster_hold.as_ref();
            let mut decision = target.step(&tick, hold, demanded, index, &found);
            let again = again.after(target.last_scale_in_at(), at);
            decision.runs_again = again.map(Box::new);
            decisions.push(decision);
        }
        self.history.wakeup = next_wakeup(at, at + self.policy.poll(), decisions, &self.targets);
    }

    /// What failed scale-outs did not bring, as of the last tick; empty if no rule reads it.
    fn failed_instances(&self, observation: &Observation) -> Vec<(GroupId, Instances)> {
        if !self.targets.iter().any(TargetState::reads_failed_instances) {
            return Vec::new();
        }
        let groups = &observation.cluster.value.groups;
        let targets = self.targets.iter().zip(self.policy.match_groups(groups));
        targets
            .filter_map(|(target, found)| {
                let group = found.group()?;
                Some((group.id.clone(), target.failed_instances(group)))
            })
            .collect()
    }

    /// Adjusts to a clock that went back to `at`.
    fn handle_clock_rollback(&mut self, at: Timestamp) {
        self.history.cluster.clear();
        self.history.presence.handle_clock_rollback();
        for target in &mut self.targets {
            target.handle_clock_rollback(at);
        }
        self.history.demand.handle_clock_rollback();
    }

    /// Records EMR's answer to the resize that the last step decided for this group. Without a
    /// note, the resize counts as sent and unanswered.
    pub fn note(&mut self, group: &GroupId, outcome: Outcome) {
        for target in &mut self.targets {
            target.note(group, outcome);
        }
    }

    /// Puts a recorded decision in the place of what the last step decided about the same group. The
    /// two differ if the policy or the version has changed since it was recorded.
    pub fn apply_recorded(&mut self, decision: &Decision) {
        for target in &mut self.targets {
            target.apply_recorded(decision);
        }
    }

    /// Whether the next observation should say which nodes store shuffle output of Spark applications:
    /// [`Work::storage`](crate::observation::work::Work). It is costly, and only a scale-in needs it.
    pub fn asks_for_output(&self) -> bool {
        self.targets.iter().any(TargetState::asks_for_output)
    }

    /// When the cluster should be observed next, and why then.
    pub fn next_wakeup(&self) -> (Timestamp, WakeReason) {
        self.history.wakeup
    }
}

/// A reason to hold that concerns every target. `cluster_freshness` is how recent EMR's description of the
/// cluster is, and `went_back` the time of the last observation if it is later than this one.
fn cluster_hold(
    observation: &Observation,
    cluster_freshness: Freshness,
    went_back: Option<Timestamp>,
) -> Option<HoldReason> {
    if let Some(last) = went_back {
        return Some(HoldReason::ClockWentBack { last });
    }
    if let Freshness::Stale(measured_at) = cluster_freshness {
        return Some(HoldReason::StaleData {
            signal: "cluster".into(),
            measured_at,
        });
    }
    if !observation.control.leader {
        return Some(HoldReason::NotLeader);
    }
    match observation.cluster.value.state {
        ClusterState::Running | ClusterState::Waiting => None,
        state => Some(HoldReason::ClusterNotReady { state }),
    }
}

/// What a `demand:` policy asks of each target; `None` for a target without a group.
fn desired_sizes<'g>(
    state: &mut DemandState,
    demand: &Demand,
    tick: &Tick,
    targets: &[TargetState],
    matches: impl Iterator<Item = GroupMatch<'g>>,
) -> Vec<Option<DesiredSize>> {
    let groups: Vec<Option<&GroupStatus>> = matches.map(|found| found.group()).collect();
    let present: Vec<&GroupStatus> = groups.iter().copied().flatten().collect();
    let members: Vec<_> = targets
        .iter()
        .zip(&groups)
        .filter_map(|(target, group)| Some(target.member(tick, (*group)?)))
        .collect();
    let mut plan = match state.plan(demand, tick, &present, &members) {
        Ok(plan) => plan,
        Err(reason) => {
            let unknown = |group: Option<_>| group.map(|_| DesiredSize::Unknown(reason.clone()));
            return groups.into_iter().map(unknown).collect();
        }
    };
    let mut sizes = plan.shares(&members).into_iter();
    groups
        .into_iter()
        .map(|group| {
            let size = group.and_then(|_| sizes.next())?;
            let report = Box::new(plan.report.clone());
            Some(DesiredSize::Known(Instances(size), report))
        })
        .collect()
}
