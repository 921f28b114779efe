//! The decision engine: a pure function of what was observed. No clock, I/O, lock or randomness;
//! `now` arrives inside the observation.
//!
//! Everything that must be equal in the live and in the simulated world lives here: holds, windows,
//! resizes in flight, cooldowns, limits, pauses. The state is restored from what [`Engine::state`]
//! wrote down, or by folding the same observations and outcomes again.

mod demand;
mod flight;
mod hold;
mod limits;
mod memory;
mod propose;
mod state;
mod target;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod window;

use serde::{Deserialize, Serialize};

use crate::decision::{Action, Decision, HoldReason, Outcome};
use crate::observation::{ClusterState, GroupId, GroupStatus, Observation, Sampled};
use crate::policy::Policy;
use crate::policy::demand::Demand;
use crate::units::{Instances, Timestamp};
use demand::DemandState;
use demand::shares::Member;
use memory::{Knowledge, SignalPast, SignalTrack};
pub use state::{EngineState, StateMismatch};
use target::{TargetState, Tick, Wish};

/// Folds observations and outcomes; yields decisions.
#[derive(Clone, Debug)]
pub struct Engine {
    policy: Policy,
    targets: Vec<TargetState>,
    /// What was learned, for a policy that follows demand.
    demand: DemandState,
    /// EMR's samples as a signal: what it says is stale when it is too old.
    cluster: SignalTrack,
    /// Nodes have been observed, or looked for: from then on nothing is let go while it is not
    /// known what runs where.
    needs_nodes: bool,
    last_at: Option<Timestamp>,
    wakeup: (Timestamp, WakeReason),
    /// Decisions say how the rules stand and what was read.
    tells_why: bool,
}

/// Why the engine wants to see the cluster again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WakeReason {
    /// It is time for the next observation.
    Poll,
    /// A wait ends before that: a cooldown, a pause, a quarantine, a guard.
    WaitEnds,
}

impl Engine {
    pub fn new(policy: Policy) -> Self {
        let targets = policy
            .targets()
            .iter()
            .map(|target| TargetState::new(target.clone(), policy.poll()))
            .collect();
        let cluster = cluster_track(&policy, SignalPast::default());
        Self {
            policy,
            targets,
            demand: DemandState::default(),
            cluster,
            needs_nodes: false,
            last_at: None,
            wakeup: (Timestamp::EPOCH, WakeReason::Poll),
            tells_why: true,
        }
    }

    /// Decides the same; its decisions do not say how the rules stand and what was read, for
    /// whoever only acts on them.
    #[must_use]
    pub fn without_reports(self) -> Self {
        Self {
            tells_why: false,
            ..self
        }
    }

    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// One decision for every target of the policy, in file order.
    pub fn step(&mut self, observation: &Observation) -> Vec<Decision> {
        let mut decisions = Vec::with_capacity(self.targets.len());
        self.step_into(observation, &mut decisions);
        decisions
    }

    /// As [`step`](Self::step), into a list whose former content goes: for whoever steps a million
    /// times.
    pub fn step_into(&mut self, observation: &Observation, decisions: &mut Vec<Decision>) {
        decisions.clear();
        let went_back = self
            .last_at
            .replace(observation.at)
            .filter(|last| observation.at < *last);
        if went_back.is_some() {
            self.cluster.forget();
            self.targets
                .iter_mut()
                .for_each(|target| target.forget(observation.at));
            self.demand.forget();
        }
        self.cluster.update(
            observation.at,
            Some(Sampled {
                value: 0.0,
                measured_at: observation.cluster.measured_at,
            }),
        );
        let barrier = self.barrier(observation, went_back);
        self.needs_nodes |= observation.nodes.is_some() || observation.control.looks_at_nodes;
        let tick = Tick {
            observation,
            cluster: &self.cluster,
            needs_nodes: self.needs_nodes,
            poll: self.policy.poll(),
            allowance: self.policy.poll() * 3,
            tells_why: self.tells_why,
        };
        let wishes = self
            .policy
            .demand()
            .map(|demand| wishes(&mut self.demand, demand, &tick, &self.targets));
        for (index, target) in self.targets.iter_mut().enumerate() {
            let wish = wishes.as_ref().and_then(|wishes| wishes[index].as_ref());
            let decision = target.step(&tick, barrier.as_ref(), wish, decisions);
            decisions.push(decision);
        }
        self.wakeup = next_wakeup(
            observation.at,
            observation.at + self.policy.poll(),
            decisions,
            &self.targets,
        );
    }

    /// What became of the resize that the last step decided for this group. Without a note it
    /// counts as sent and unanswered.
    pub fn note(&mut self, group: &GroupId, outcome: Outcome) {
        for target in self
            .targets
            .iter_mut()
            .filter(|target| target.group.as_ref() == Some(group))
        {
            target.flight.note(outcome);
        }
    }

    /// Takes a recorded decision for what happened, in place of what the last step decided: they
    /// differ when the policy has changed since.
    pub fn recall(&mut self, decision: &Decision) {
        for target in self
            .targets
            .iter_mut()
            .filter(|target| target.group.is_some() && target.group == decision.group)
        {
            target.recall(decision);
        }
    }

    /// When the cluster should be observed next, and why then.
    pub fn next_wakeup(&self) -> (Timestamp, WakeReason) {
        self.wakeup
    }

    /// A reason to hold that concerns every target.
    fn barrier(
        &self,
        observation: &Observation,
        went_back: Option<Timestamp>,
    ) -> Option<HoldReason> {
        if let Some(last) = went_back {
            return Some(HoldReason::ClockWentBack { last });
        }
        if let Knowledge::Stale(measured_at) = self.cluster.now() {
            return Some(HoldReason::StaleData {
                signal: self.cluster.name.clone(),
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
}

/// What the demand wants of each target; `None` of those that the cluster does not have.
fn wishes(
    state: &mut DemandState,
    demand: &Demand,
    tick: &Tick,
    targets: &[TargetState],
) -> Vec<Option<Wish>> {
    let mut taken: Vec<&GroupId> = Vec::new();
    let members: Vec<Option<(&GroupStatus, Member)>> = targets
        .iter()
        .map(|target| {
            let (group, member) = target
                .member(tick.observation)
                .filter(|(group, _)| !taken.contains(&&group.id))?;
            taken.push(&group.id);
            Some((group, member))
        })
        .collect();
    let groups: Vec<&GroupStatus> = members.iter().flatten().map(|(group, _)| *group).collect();
    let mut plan = state.plan(demand, tick, &groups);
    let present: Vec<Member> = members
        .iter()
        .flatten()
        .map(|(_, member)| *member)
        .collect();
    let mut sizes = plan
        .as_mut()
        .map_or_else(|_| Vec::new(), |plan| plan.shares(&present))
        .into_iter();
    let wish = |_: (&GroupStatus, Member)| match &plan {
        Ok(plan) => sizes
            .next()
            .map(|size| Wish::Size(Instances(size), Box::new(plan.report.clone()))),
        Err(reason) => Some(Wish::Unknown(reason.clone())),
    };
    let mut wish = wish;
    members
        .into_iter()
        .map(|member| member.and_then(&mut wish))
        .collect()
}

/// EMR's description as a signal, with its past.
fn cluster_track(policy: &Policy, past: SignalPast) -> SignalTrack {
    SignalTrack::with_past("cluster".into(), policy.poll() * 3, past)
}

/// The next poll, or the first end of a wait before it.
fn next_wakeup(
    at: Timestamp,
    poll: Timestamp,
    decisions: &[Decision],
    targets: &[TargetState],
) -> (Timestamp, WakeReason) {
    let of_action = decisions
        .iter()
        .filter_map(|decision| match &decision.action {
            Action::Hold(reason) => reason.until(),
            Action::Resize(_) => None,
        });
    let of_rules = targets.iter().filter_map(TargetState::cooling_until);
    let earliest = of_action.chain(of_rules).filter(|until| *until > at).min();
    earliest
        .filter(|until| *until < poll)
        .map_or((poll, WakeReason::Poll), |until| {
            (until, WakeReason::WaitEnds)
        })
}
