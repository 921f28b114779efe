//! The explanation of one tick: the decision, the rules and the data behind them.

use std::sync::Arc;

use serde::Serialize;

use super::ticks::{TargetFilter, Tick};
use super::words;
use crate::decision::trouble::trouble;
use crate::decision::{Action, Decision, DemandReport, HoldReason, Outcome, RuleReport, RuleState};
use crate::observation::node_use::NodeUse;
use crate::observation::pending_limit::PendingLimit;
use crate::observation::work::Work;
use crate::observation::{ClusterState, Control, GroupStatus, Observation, RuleName, Sampled};
use crate::policy::condition::Leaf;
use crate::policy::{Policy, Rule, Target};
use crate::units::{Instances, Timestamp};

/// One tick.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moment {
    /// When the tick started.
    pub at: Timestamp,
    /// The name of the policy that decided; absent when the recording does not contain it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Whether the decisions were never to be carried out: in a dry run, or of a shadow policy.
    pub hypothetical: bool,
    /// The state that EMR reported for the cluster.
    pub cluster_state: ClusterState,
    /// Leadership and pause.
    pub control: Control,
    /// Every group of the cluster.
    pub groups: Vec<GroupStatus>,
    /// How YARN uses the instances that EMR runs; absent when it was not observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodeUse>,
    /// What running applications said about their own work; absent when it was not observed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// The limits of YARN's that kept pending work from starting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pending_limits: Vec<PendingLimit>,
    /// One for each source and declared metric.
    pub sources: Vec<SourceMoment>,
    /// One for each target that the filter admits.
    pub targets: Vec<TargetMoment>,
}

/// The age of the data of one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceMoment {
    /// The name of the source, or the id of a declared metric.
    pub source: String,
    /// `None` when it was not observed.
    pub age_s: Option<f64>,
}

/// The decision about one target, and its reasons.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TargetMoment {
    /// Position in the policy, from zero.
    pub target: usize,
    /// The decision.
    pub decision: Decision,
    /// What is wrong with the group, if EMR suspended or arrested it, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The lower and upper limit in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<[Instances; 2]>,
    /// The schedule window that applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowMoment>,
    /// The outcome of a resize.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// What has to happen before a hold ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_act: Option<String>,
    /// One for each rule of the target.
    pub rules: Vec<RuleMoment>,
}

/// A schedule window that is open.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WindowMoment {
    /// Its name in the policy.
    pub name: Arc<str>,
    /// When it closes; absent if that is more than a year later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes: Option<Timestamp>,
}

/// The state of one rule. What the policy says of it is absent when the recording does not contain
/// the policy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleMoment {
    /// The rule's name.
    pub rule: RuleName,
    /// The condition as the policy writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// How long the condition must be true before the rule fires.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub for_s: Option<f64>,
    /// What the rule does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub then: Option<String>,
    /// The cooldown after a resize of this rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_s: Option<f64>,
    /// The state.
    pub state: RuleState,
    /// The state in words.
    pub state_text: String,
    /// One for each signal or window that the condition reads.
    pub readings: Vec<ReadingMoment>,
}

/// The value of a signal or window that a rule reads.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReadingMoment {
    /// The signal or window as the condition writes it.
    pub signal: String,
    /// The value; absent when the rule could not read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The value with its unit, or why there is none.
    pub text: String,
    /// The age of the sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<f64>,
}

impl Moment {
    pub(super) fn of(tick: &Tick, filter: &TargetFilter) -> Self {
        let Observation {
            at,
            ref cluster,
            ref control,
            ..
        } = tick.observation;
        let decisions = tick
            .decisions
            .iter()
            .filter(|decision| filter.admits(decision, &tick.observation));
        Self {
            at,
            policy: tick.policy.as_ref().map(|policy| policy.name().to_owned()),
            hypothetical: tick.is_hypothetical,
            cluster_state: cluster.value.state,
            control: control.clone(),
            groups: cluster.value.groups.clone(),
            nodes: NodeUse::of(&tick.observation),
            work: tick
                .observation
                .work
                .as_ref()
                .map(|work| work.value.clone()),
            pending_limits: tick.observation.known_limits().to_vec(),
            sources: sources(tick),
            targets: decisions.map(|decision| target(tick, decision)).collect(),
        }
    }
}

/// The age of each source. YARN is left out if the policy does not read it.
fn sources(tick: &Tick) -> Vec<SourceMoment> {
    fn age<T>(now: Timestamp, sample: Option<&Sampled<T>>) -> Option<f64> {
        sample.map(|sample| now.seconds_since(sample.measured_at))
    }
    let Observation {
        at,
        yarn,
        hdfs,
        nodes,
        work,
        metrics,
        cluster,
        ..
    } = &tick.observation;
    let reads_yarn = tick.policy.as_ref().is_none_or(|policy| policy.uses_yarn());
    let of_yarn = [
        ("YARN", age(*at, yarn.as_ref())),
        ("YARN nodes", age(*at, nodes.as_ref())),
    ];
    // Recordings from before the applications were asked have none.
    let of_work = work.as_ref().map(|work| ("work", age(*at, Some(work))));
    let others = [
        ("HDFS", age(*at, hdfs.as_ref())),
        ("EMR", age(*at, Some(cluster))),
    ];
    let of_yarn = of_yarn.into_iter().filter(|_| reads_yarn);
    let polled = of_yarn.chain(of_work).chain(others);
    let polled = polled.map(|(source, age_s)| SourceMoment {
        source: source.to_owned(),
        age_s,
    });
    let metrics = metrics.iter().map(|(id, sample)| SourceMoment {
        source: id.to_string(),
        age_s: age(*at, Some(sample)),
    });
    polled.chain(metrics).collect()
}

fn target(tick: &Tick, decision: &Decision) -> TargetMoment {
    let spec = tick
        .policy
        .as_deref()
        .and_then(|policy| Some((policy, policy.targets().get(decision.target)?)));
    let limits = spec.map(|(_, target)| target.limits_at(decision.at));
    let window = spec.and_then(|(_, target)| target.open_window(decision.at));
    TargetMoment {
        target: decision.target,
        decision: decision.clone(),
        trouble: decision.group.as_ref().and_then(|id| {
            let mut groups = tick.observation.cluster.value.groups.iter();
            groups.find(|group| group.id == *id).and_then(trouble)
        }),
        limits: limits.map(|limits| [limits.min(), limits.max()]),
        window: window.map(|window| WindowMoment {
            name: window.name.clone(),
            closes: window.closes_after(decision.at),
        }),
        outcome: tick.outcome(decision),
        to_act: match &decision.action {
            Action::Hold(HoldReason::DemandMet)
                if decision.demand.as_deref().is_some_and(DemandReport::is_cut) =>
            {
                Some(
                    "the limits are widened, or the failure of an earlier scale-out is over"
                        .to_owned(),
                )
            }
            Action::Hold(reason) => Some(words::remedy(
                reason,
                decision.at,
                spec.map(|(_, target)| target),
            )),
            Action::Resize(_) => None,
        },
        rules: decision
            .rules
            .iter()
            .map(|report| rule(tick, decision, report, spec))
            .collect(),
    }
}

fn rule(
    tick: &Tick,
    decision: &Decision,
    report: &RuleReport,
    spec: Option<(&Policy, &Target)>,
) -> RuleMoment {
    let spec = spec.and_then(|(policy, target)| {
        Some((
            policy,
            target,
            target.rules.iter().find(|rule| rule.name == report.rule)?,
        ))
    });
    let of_rule = |what: fn(&Rule) -> String| spec.map(|(_, _, rule)| what(rule));
    let seconds =
        |what: fn(&Rule) -> std::time::Duration| spec.map(|(_, _, rule)| what(rule).as_secs_f64());
    let readings = spec.map(|(policy, target, rule)| {
        let readings = target
            .leaves(rule)
            .into_iter()
            .map(|leaf| reading(tick, decision, policy, target, leaf));
        readings.collect()
    });
    RuleMoment {
        rule: report.rule.clone(),
        when: of_rule(|rule| rule.when_text.to_string()),
        for_s: seconds(|rule| rule.for_duration),
        then: of_rule(|rule| rule.then.to_string()),
        cooldown_s: seconds(|rule| rule.cooldown),
        state_text: words::rule_state(
            &report.state,
            spec.map(|(_, _, rule)| rule.for_duration),
            decision.at,
        ),
        state: report.state,
        readings: readings.unwrap_or_default(),
    }
}

fn reading(
    tick: &Tick,
    decision: &Decision,
    policy: &Policy,
    target: &Target,
    leaf: Leaf,
) -> ReadingMoment {
    let (observation, text) = (&tick.observation, target.text_of(leaf));
    let source = &target.signals[target.signal_of(leaf)];
    let group = observation
        .cluster
        .value
        .groups
        .iter()
        .find(|group| decision.group.as_ref() == Some(&group.id));
    let sample = group.and_then(|group| source.read(observation, group, None));
    let age = sample.map(|sample| observation.at.since(sample.measured_at));
    let value = decision
        .readings
        .iter()
        .find(|reading| reading.signal == text)
        .map(|reading| reading.value);
    let shown = match (value, age, leaf) {
        (Some(value), ..) => words::quantity(value, words::unit_of(policy, target, leaf)),
        (None, None, _) => "missing, not observed".to_owned(),
        (None, Some(age), _) if age > source.allowance(policy.poll()) => "stale".to_owned(),
        (None, Some(_), Leaf::Window(_)) => {
            "not known, the samples do not span the window without a gap yet".to_owned()
        }
        // The clock of the source is ahead by more than its values may be old.
        (None, Some(_), Leaf::Signal(_)) => "not usable, measured in the future".to_owned(),
    };
    ReadingMoment {
        signal: text.to_string(),
        value,
        text: shown,
        age_s: age.map(|age| age.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Engine;
    use crate::engine::testing::{Scene, available_memory, task_group};
    use crate::observation::{GroupId, GroupState, InstanceId, NodeHealth, NodeLoad, NodeSnapshot};

    #[test]
    fn a_moment_says_what_is_wrong_with_a_group_and_names_the_instances_that_yarn_does_not_use() {
        let mut group = task_group(4);
        group.state = GroupState::Arrested;
        group.state_reason = Some("Instance limit exceeded".into());
        let mut observation = Scene::new(vec![group]).observation();
        observation.nodes = Some(Sampled {
            value: NodeSnapshot(vec![NodeLoad {
                instance: InstanceId::new("i-1"),
                group: GroupId::new("ig-task"),
                containers: 0,
                has_application_master: false,
                draining: false,
                idle_since: None,
                health: NodeHealth::Unhealthy,
            }]),
            measured_at: observation.at,
        });
        let tick = Tick {
            decisions: Engine::new(available_memory()).step(&observation),
            observation,
            outcomes: Vec::new(),
            policy: None,
            is_hypothetical: false,
        };
        let text = Moment::of(&tick, &TargetFilter::All).to_string();
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for expected in [
            "held at 4: the group is ARRESTED (EMR: \"Instance limit exceeded\")",
            "until you replace the group or the cluster",
            "trouble EMR arrested the group and accepts no resize of it",
            "unhealthy: i-1 (ig-task)",
        ] {
            assert!(flat.contains(expected), "{expected} in\n{text}");
        }
    }
}
