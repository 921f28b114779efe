//! A scripted cluster for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Engine;
use crate::observation::{
    ClusterState, ClusterStatus, Control, GroupId, GroupKind, GroupState, GroupStatus, Market,
    Observation, Role, Sampled, YarnLoad,
};
use crate::policy::condition::{Condition, Expr};
use crate::policy::operator::Comparison;
use crate::policy::signal::{Signal, SignalSource};
use crate::policy::{Amount, Change, Guards, Limits, Policy, Rule, Selector, Target};
use crate::units::{Instances, Mebibytes, Resources, Timestamp, VirtualCores};

/// Mebibytes of a node in tests.
const NODE: u64 = 1_000;

/// A cluster at one instant, from which observations are taken.
#[derive(Clone, Debug)]
pub struct Scene {
    pub at: Timestamp,
    pub groups: Vec<GroupStatus>,
    /// Available memory in percent; `None` when YARN does not answer.
    pub available_percent: Option<f64>,
}

impl Scene {
    pub fn new(groups: Vec<GroupStatus>) -> Self {
        Self {
            at: Timestamp::EPOCH,
            groups,
            available_percent: Some(50.0),
        }
    }

    pub fn observation(&self) -> Observation {
        let nodes: Instances = self.groups.iter().map(|group| group.running).sum();
        let total = u64::from(nodes.get()) * NODE;
        let yarn = self.available_percent.map(|percent| {
            let available = (total as f64 * percent / 100.0).round() as u64;
            YarnLoad {
                memory_total: Mebibytes(total),
                memory_available: Mebibytes(available),
                memory_allocated: Mebibytes(total - available),
                ..YarnLoad::default()
            }
        });
        Observation {
            at: self.at,
            yarn: yarn.map(|value| Sampled {
                value,
                measured_at: self.at,
            }),
            hdfs: None,
            nodes: None,
            pending_limits: None,
            work: None,
            steps: None,
            metrics: BTreeMap::new(),
            cluster: Sampled {
                value: ClusterStatus {
                    state: ClusterState::Running,
                    groups: self.groups.clone(),
                    steps_pending: 0,
                    steps_running: 0,
                    idle_since: None,
                },
                measured_at: self.at,
            },
            control: Control::default(),
        }
    }
}

/// An engine that observed the groups once, an hour before the epoch, when YARN did not answer: a new
/// engine does not scale in at its first tick.
pub fn started(policy: Policy, groups: Vec<GroupStatus>) -> Engine {
    let mut engine = Engine::new(policy);
    let mut scene = Scene::new(groups);
    scene.at = Timestamp::from_millis(-3_600_000);
    scene.available_percent = None;
    engine.step(&scene.observation());
    engine
}

pub fn task_group(size: u32) -> GroupStatus {
    group("ig-task", Role::Task, size)
}

pub fn core_group(size: u32) -> GroupStatus {
    group("ig-core", Role::Core, size)
}

/// The same group with nodes of a known size.
pub fn node(group: GroupStatus, memory_mib: u64, vcores: u64) -> GroupStatus {
    GroupStatus {
        node: Some(Resources {
            memory: Mebibytes(memory_mib),
            vcores: VirtualCores(vcores),
        }),
        ..group
    }
}

fn group(id: &str, role: Role, size: u32) -> GroupStatus {
    GroupStatus {
        id: GroupId::new(id),
        name: None,
        role,
        kind: GroupKind::Group,
        market: Market::OnDemand,
        state: GroupState::Running,
        requested: Instances(size),
        running: Instances(size),
        scaled_by_amazon: false,
        state_reason: None,
        node: None,
    }
}

/// A rule on available memory: below `below`, or above `above`.
pub fn rule(
    name: &str,
    operator: Comparison,
    threshold: f64,
    for_s: u64,
    then: Change,
    cooldown_s: u64,
) -> Rule {
    Rule {
        name: crate::observation::RuleName::new(name),
        when: Condition::Compare {
            left: Expr::Signal(0),
            operator,
            right: Expr::Constant(threshold),
        },
        when_text: Arc::from("test"),
        for_duration: Duration::from_secs(for_s),
        then,
        cooldown: Duration::from_secs(cooldown_s),
    }
}

/// "Grow by 5 under 15 % for 5 minutes; shrink by 3 over 75 % for 3 minutes, cooldown 5 minutes":
/// the rules this project started from.
pub fn available_memory() -> Policy {
    let amount = |instances| Amount::Instances(Instances(instances));
    policy(vec![
        rule(
            "memory-short",
            Comparison::Less,
            15.0,
            300,
            Change::Grow(amount(5)),
            0,
        ),
        rule(
            "memory-idle",
            Comparison::Greater,
            75.0,
            180,
            Change::Shrink(amount(3)),
            300,
        ),
    ])
}

pub fn policy(rules: Vec<Rule>) -> Policy {
    guarded(
        rules,
        Guards {
            reversal: Duration::ZERO,
            ..Guards::default()
        },
    )
}

/// A policy for the task group between 0 and 20; its only signal is the available memory in
/// percent.
pub fn guarded(rules: Vec<Rule>, guards: Guards) -> Policy {
    let target = Target {
        may_be_absent: false,
        selector: Selector::Role(Role::Task),
        limits: Limits::new(Instances(0), Instances(20)).expect("0 <= 20"),
        rules,
        guards,
        schedule: Vec::new(),
        signals: vec![SignalSource::BuiltIn(Signal::YarnMemoryAvailablePercent)],
        windows: Vec::new(),
    };
    Policy::for_tests("test", Duration::from_secs(30), vec![target])
}
