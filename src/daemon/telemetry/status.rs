//! How the daemon stands, for `/api/v1/status`, the status page and `headroom status`.

pub mod text;
pub mod words;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::daemon::telemetry::cost::CostReport;
use crate::daemon::telemetry::report::{Phases, ResizeAnswer, Source, SourceReport, TickReport};
use crate::decision::{Action, Decision, RuleState};
use crate::observation::{ClusterState, GroupId, GroupStatus, NodesByState, Pause, Role, RuleName};
use crate::policy::signal::SignalSource;
use crate::policy::{Policy, Target};
use crate::units::{Instances, Mebibytes, Timestamp, VirtualCores};

/// Everything that a person on call may want to know. Durations are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Of the program.
    pub version: String,
    pub cluster_id: String,
    pub policy: PolicyStatus,
    /// Decisions are written down and not carried out.
    pub dry_run: bool,
    pub started_at: Timestamp,
    /// When this was told.
    pub now: Timestamp,
    /// What keeps the daemon from being alive, as `/healthz` tells it; empty when it is.
    pub unhealthy: Vec<String>,
    /// What keeps it from being ready, as `/readyz` tells it; empty when it is.
    pub unready: Vec<String>,
    /// The last tick that came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick: Option<TickStatus>,
    /// The last tick that was broken off, while no other one has come to its end since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What was decided, newest first; equal decisions that follow each other are one stretch.
    pub recent: Vec<Stretch>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyStatus {
    pub name: String,
    pub file: String,
    pub poll_s: f64,
}

/// A tick that was broken off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub at: Timestamp,
    pub problem: String,
}

/// What one tick left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TickStatus {
    pub at: Timestamp,
    pub next_at: Timestamp,
    pub leader: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    pub cluster_state: ClusterState,
    /// One for each target of the policy, in file order.
    pub targets: Vec<TargetStatus>,
    /// Every group of the cluster.
    pub groups: Vec<GroupStatus>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadStatus>,
    pub sources: Vec<SourceStatus>,
    pub cost: CostReport,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<ShadowStatus>,
    pub journal_bytes: u64,
    pub took: TookStatus,
}

/// YARN's load as it was last seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadStatus {
    #[serde(rename = "memory_total_mib")]
    pub memory_total: Mebibytes,
    #[serde(rename = "memory_allocated_mib")]
    pub memory_allocated: Mebibytes,
    #[serde(rename = "memory_pending_mib")]
    pub memory_pending: Mebibytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_total: Option<VirtualCores>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_allocated: Option<VirtualCores>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_pending: Option<VirtualCores>,
    pub containers_pending: u64,
    pub apps_running: u64,
    pub apps_pending: u64,
    pub nodes: NodesByState,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// How the policy names it, such as `role: task`.
    pub selector: String,
    /// The limits in force.
    pub min: Instances,
    pub max: Instances,
    pub decision: Decision,
    /// The decision as a sentence.
    pub words: String,
    /// The last resize since the daemon started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_resize: Option<PastResize>,
    pub rules: Vec<RuleStatus>,
}

/// A resize with what became of the call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastResize {
    pub decision: Decision,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<ResizeAnswer>,
    pub words: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleStatus {
    pub rule: RuleName,
    /// The condition as the policy has it.
    pub when: String,
    /// What the rule does, in words.
    pub then: String,
    pub hold_for_s: f64,
    /// `None` while rules were not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RuleState>,
    pub words: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceStatus {
    pub source: Source,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Timestamp>,
    /// At the time at which the status was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<f64>,
    pub allowance_s: f64,
    /// The policy cannot do without it.
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl SourceStatus {
    pub fn is_fresh(&self) -> bool {
        self.age_s.is_some_and(|age_s| age_s <= self.allowance_s)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowStatus {
    pub policy: String,
    pub decisions: Vec<Decision>,
    /// One sentence for each decision.
    pub words: Vec<String>,
}

/// How long each part of the last tick took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TookStatus {
    pub observe_s: f64,
    pub decide_s: f64,
    pub journal_s: f64,
    pub act_s: f64,
}

/// Decisions about one target that read the same, one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Position of the target in the policy file, from zero.
    pub target: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    pub from: Timestamp,
    /// The last tick at which it was so.
    pub to: Timestamp,
    pub ticks: u64,
    pub is_resize: bool,
    pub words: String,
}

impl TickStatus {
    /// `last_resizes`: of each target, as far as there was one.
    pub fn new(report: &TickReport, policy: &Policy, last_resizes: &[Option<PastResize>]) -> Self {
        let observation = &report.observation;
        let cluster = &observation.cluster.value;
        let required = required_sources(policy, &report.decisions, &cluster.groups);
        let targets = policy
            .targets()
            .iter()
            .zip(&report.decisions)
            .zip(last_resizes);
        Self {
            at: observation.at,
            next_at: report.next_wakeup.0,
            leader: observation.control.leader,
            pause: observation
                .control
                .pause
                .filter(|pause| observation.at < pause.until),
            cluster_state: cluster.state,
            targets: targets
                .map(|((target, decision), last)| {
                    TargetStatus::new(target, decision, last.clone(), report)
                })
                .collect(),
            groups: cluster.groups.clone(),
            load: observation
                .yarn
                .as_ref()
                .map(|yarn| LoadStatus::new(&yarn.value)),
            sources: report
                .sources
                .iter()
                .map(|source| SourceStatus::new(source, required.contains(&source.source)))
                .collect(),
            cost: report.cost.clone(),
            shadows: report
                .shadows
                .iter()
                .map(|shadow| ShadowStatus::new(&shadow.policy, &shadow.decisions))
                .collect(),
            journal_bytes: report.journal_bytes,
            took: report.took.into(),
        }
    }

    /// Ages as of `now`.
    pub fn age(&mut self, now: Timestamp) {
        for source in &mut self.sources {
            source.age_s = source
                .measured_at
                .map(|measured_at| now.since(measured_at).as_secs_f64());
        }
    }
}

impl TargetStatus {
    fn new(
        target: &Target,
        decision: &Decision,
        last_resize: Option<PastResize>,
        report: &TickReport,
    ) -> Self {
        let limits = target.limits_at(decision.at);
        let answer = answer_to(decision, &report.answers);
        let rules = target.rules.iter().map(|rule| {
            let state = decision
                .rules
                .iter()
                .find(|report| report.rule == rule.name)
                .map(|report| report.state);
            RuleStatus {
                rule: rule.name.clone(),
                when: rule.when_text.to_string(),
                then: words::change(&rule.then),
                hold_for_s: rule.hold_for.as_secs_f64(),
                words: words::rule(state.as_ref(), rule.hold_for, decision.at),
                state,
            }
        });
        Self {
            selector: target.selector.to_string(),
            min: limits.min(),
            max: limits.max(),
            words: words::decision(decision, answer),
            decision: decision.clone(),
            last_resize,
            rules: rules.collect(),
        }
    }
}

impl LoadStatus {
    fn new(yarn: &crate::observation::YarnLoad) -> Self {
        Self {
            memory_total: yarn.memory_total,
            memory_allocated: yarn.memory_allocated,
            memory_pending: yarn.memory_pending,
            vcores_total: yarn.vcores_total,
            vcores_allocated: yarn.vcores_allocated,
            vcores_pending: yarn.vcores_pending,
            containers_pending: yarn.containers_pending,
            apps_running: yarn.apps_running,
            apps_pending: yarn.apps_pending,
            nodes: yarn.nodes,
        }
    }
}

impl SourceStatus {
    fn new(report: &SourceReport, required: bool) -> Self {
        Self {
            source: report.source,
            measured_at: report.measured_at,
            age_s: None,
            allowance_s: report.allowance.as_secs_f64(),
            required,
            error: report.error.as_ref().map(ToString::to_string),
        }
    }
}

impl ShadowStatus {
    fn new(policy: &str, decisions: &[Decision]) -> Self {
        let words = decisions.iter().map(words::shadow).collect();
        Self {
            policy: policy.to_owned(),
            decisions: decisions.to_vec(),
            words,
        }
    }
}

impl From<Phases> for TookStatus {
    fn from(took: Phases) -> Self {
        let s = Duration::as_secs_f64;
        Self {
            observe_s: s(&took.observe),
            decide_s: s(&took.decide),
            journal_s: s(&took.journal),
            act_s: s(&took.act),
        }
    }
}

/// What became of the resize of a decision, as far as it is known.
pub fn answer_to<'a>(decision: &Decision, answers: &'a [ResizeAnswer]) -> Option<&'a ResizeAnswer> {
    let group = decision
        .group
        .as_ref()
        .filter(|_| matches!(decision.action, Action::Resize(_)))?;
    answers.iter().find(|answer| answer.group == *group)
}

/// The sources without which the policy cannot be judged, or its core groups cannot shrink.
fn required_sources(
    policy: &Policy,
    decisions: &[Decision],
    groups: &[GroupStatus],
) -> BTreeSet<Source> {
    let read = policy
        .targets()
        .iter()
        .flat_map(|target| &target.signals)
        .map(|signal| match signal {
            SignalSource::Metric { .. } => Source::CloudWatch,
            SignalSource::BuiltIn(signal) if signal.name().starts_with("hdfs_") => Source::Hdfs,
            SignalSource::BuiltIn(signal) if signal.name().starts_with("yarn_") => Source::YarnLoad,
            SignalSource::BuiltIn(_) => Source::Emr,
        });
    let scaled = |group: &GroupStatus| {
        decisions
            .iter()
            .any(|decision| decision.group.as_ref() == Some(&group.id))
    };
    let scales_core = groups
        .iter()
        .any(|group| group.role == Role::Core && scaled(group));
    read.chain([Source::Emr])
        .chain(scales_core.then_some(Source::Hdfs))
        .collect()
}

#[cfg(test)]
mod tests;
