//! The engine's behaviour, as its users rely on it.

mod complaints;
mod demand;
mod for_timers;
mod guards;
mod in_flight;
mod limits;
mod nodes;
mod presence;
mod properties;
mod proposals;
pub(crate) mod reference;
mod shuffle_output;
mod stabilization;
mod state;
mod targets;
mod without_yarn;

use std::time::Duration;

use super::testing::{
    Scene, available_memory, core_group, guarded, policy, rule, started, task_group,
};
use super::{Engine, WakeReason};
use crate::decision::{
    Action, Cause, Decision, HoldReason, Limiter, Outcome, Rejection, RuleState,
};
use crate::observation::{
    ClusterState, Direction, GroupId, GroupState, GroupStatus, HdfsLoad, InstanceId, NodeLoad,
    NodeSnapshot, Observation, Pause, Role, Sampled,
};
use crate::policy::condition::{Condition, Expr};
use crate::policy::operator::Comparison;
use crate::policy::signal::{Signal, SignalSource};
use crate::policy::{
    Amount, Budget, Cap, Change, FlipBudget, Guards, Limits, Policy, Selector, Size,
};
use crate::units::{Instances, Mebibytes, Timestamp};

const HOUR: Duration = Duration::from_secs(3_600);

fn second(s: i64) -> Timestamp {
    Timestamp::from_millis(1_000 * s)
}

fn grow(instances: u32) -> Change {
    Change::Grow(Amount::Instances(Instances(instances)))
}

fn shrink(instances: u32) -> Change {
    Change::Shrink(Amount::Instances(Instances(instances)))
}

fn parsed(yaml: &str) -> Policy {
    crate::policy::parse::parse(yaml, "test.yaml").expect("a valid policy")
}

/// Grow by 5 under 15 %, shrink by 3 over 75 %, both at once; nothing else holds them back.
fn eager() -> Vec<crate::policy::Rule> {
    vec![
        rule("short", Comparison::Less, 15.0, 0, grow(5), 0),
        rule("idle", Comparison::Greater, 75.0, 0, shrink(3), 0),
    ]
}

/// An engine beside a task group that a test moves by hand.
struct Harness {
    engine: Engine,
    scene: Scene,
}

impl Harness {
    fn new(policy: Policy, task: u32) -> Self {
        Self {
            engine: started(policy, vec![core_group(2), task_group(task)]),
            scene: Scene::new(vec![core_group(2), task_group(task)]),
        }
    }

    /// One tick at `s` seconds with so much memory available; `None` when YARN does not answer.
    fn tick(&mut self, s: i64, available_percent: Option<f64>) -> Action {
        self.scene.at = second(s);
        self.scene.available_percent = available_percent;
        self.observe(&self.scene.observation())
    }

    fn observe(&mut self, observation: &Observation) -> Action {
        let mut decisions = self.engine.step(observation);
        assert_eq!(decisions.len(), 1, "one decision a target");
        decisions.remove(0).action
    }

    /// One tick at `s` seconds, at which EMR was last described at `described_s`.
    fn tick_described(&mut self, s: i64, described_s: i64, available_percent: f64) -> Action {
        self.scene.at = second(s);
        self.scene.available_percent = Some(available_percent);
        let mut observation = self.scene.observation();
        observation.cluster.measured_at = second(described_s);
        self.observe(&observation)
    }

    /// Ticks every 30 s from `from` to `to`; the first resize with its time, accepted.
    fn until_resize(&mut self, from: i64, to: i64, available_percent: f64) -> Option<(i64, u32)> {
        (from..=to)
            .step_by(30)
            .find_map(|s| {
                self.tick(s, Some(available_percent))
                    .resized_to()
                    .map(|size| (s, size))
            })
            .inspect(|_| self.note(Outcome::Accepted))
    }

    fn note(&mut self, outcome: Outcome) {
        self.engine.note(&self.scene.groups[1].id.clone(), outcome);
    }

    /// What EMR reports of the task group from now on.
    fn report(&mut self, requested: u32, running: u32) {
        let group = &mut self.scene.groups[1];
        (group.requested, group.running) = (Instances(requested), Instances(running));
        group.state = if requested == running {
            GroupState::Running
        } else {
            GroupState::Resizing
        };
    }
}

impl Action {
    fn resized_to(&self) -> Option<u32> {
        match self {
            Self::Resize(resize) => Some(resize.to.get()),
            Self::Hold(_) => None,
        }
    }

    fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Resize(_) => None,
            Self::Hold(reason) => Some(reason.label()),
        }
    }
}
