//! The daemon's status, for `/api/v1/status`, the status page and `headroom status`.

pub mod text;
pub mod words;

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::daemon::telemetry::cost::CostReport;
use crate::daemon::telemetry::report::{Phases, ResizeAnswer, Source, SourceReport, TickReport};
use crate::decision::trouble::trouble;
use crate::decision::{Action, Decision, RuleState};
use crate::observation::node_use::NodeUse;
use crate::observation::pending_limit::PendingLimit;
use crate::observation::work::Work;
use crate::observation::{ClusterState, GroupId, GroupStatus, NodesByState, Pause, Role, RuleName};
use crate::policy::signal::Signal;
use crate::policy::{Policy, Target};
use crate::units::{Instances, Mebibytes, Timestamp, VirtualCores};

/// Everything that a person on call needs to know. Durations are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of Headroom.
    pub version: String,
    /// The id of the cluster, `j-...`.
    pub cluster_id: String,
    /// The policy in force.
    pub policy: PolicyStatus,
    /// Whether decisions are only recorded, not carried out.
    pub dry_run: bool,
    /// When the daemon started.
    pub started_at: Timestamp,
    /// When this status was made; ages count from here.
    pub now: Timestamp,
    /// Why `/healthz` fails; empty while it succeeds.
    pub unhealthy: Vec<String>,
    /// Why `/readyz` fails; empty while it succeeds.
    pub unready: Vec<String>,
    /// The last completed tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick: Option<TickStatus>,
    /// The last failed tick, until another tick completes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Recent decisions, newest first; equal consecutive decisions are joined to one stretch.
    pub recent: Vec<Stretch>,
}

/// The policy in force.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PolicyStatus {
    /// Its name.
    pub name: String,
    /// The file that it was read from.
    pub file: String,
    /// The time between two observations.
    pub poll_s: f64,
}

/// A failed tick.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it failed.
    pub at: Timestamp,
    /// Why it failed.
    pub problem: String,
}

/// The result of a completed tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TickStatus {
    /// When the tick started.
    pub at: Timestamp,
    /// When the next tick is due.
    pub next_at: Timestamp,
    /// Whether this daemon is the leader; a standby does not resize.
    pub leader: bool,
    /// The pause in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<Pause>,
    /// The state that EMR reports for the cluster.
    pub cluster_state: ClusterState,
    /// One for each target of the policy, in file order.
    pub targets: Vec<TargetStatus>,
    /// Every group of the cluster.
    pub groups: Vec<GroupStatus>,
    /// How YARN uses the instances that EMR runs; `None` when the nodes are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nodes: Option<NodeUse>,
    /// YARN's load; `None` when it was not observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadStatus>,
    /// What running applications say about their own work; `None` if it was not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// The limits of YARN's that keep pending work from starting.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending_limits: Vec<PendingLimit>,
    /// One for each configured source.
    pub sources: Vec<SourceStatus>,
    /// The cluster's cost.
    pub cost: CostReport,
    /// One for each shadow policy.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadows: Vec<ShadowStatus>,
    /// The size of the journal on disk.
    pub journal_bytes: u64,
    /// How long each phase of the tick took.
    pub took: TookStatus,
}

/// YARN's load at the last observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadStatus {
    /// The memory of all nodes.
    #[serde(rename = "memory_total_mib")]
    pub memory_total: Mebibytes,
    /// The memory of running containers.
    #[serde(rename = "memory_allocated_mib")]
    pub memory_allocated: Mebibytes,
    /// The memory that pending containers ask for.
    #[serde(rename = "memory_pending_mib")]
    pub memory_pending: Mebibytes,
    /// The cores of all nodes; like all cores here `None` where YARN does not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_total: Option<VirtualCores>,
    /// The cores of running containers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_allocated: Option<VirtualCores>,
    /// The cores that pending containers ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vcores_pending: Option<VirtualCores>,
    /// Containers that are requested and not yet allocated.
    pub containers_pending: u64,
    /// Applications that run.
    pub apps_running: u64,
    /// Applications that wait to be accepted or started.
    pub apps_pending: u64,
    /// How many nodes are in each state.
    pub nodes: NodesByState,
}

/// The decision about one target, and its rules.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetStatus {
    /// The policy's selector, such as `role: task`.
    pub selector: String,
    /// The lower limit in force.
    pub min: Instances,
    /// The upper limit in force.
    pub max: Instances,
    /// Whether the policy follows demand without `targets`, so that the cluster need not have this
    /// group.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_be_absent: bool,
    /// The decision of the last tick.
    pub decision: Decision,
    /// The decision as a sentence.
    pub words: String,
    /// What is wrong with the group, if EMR suspended or arrested it, and what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// The last resize since the daemon started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_resize: Option<PastResize>,
    /// One for each rule of the target, in file order.
    pub rules: Vec<RuleStatus>,
}

/// A resize and its outcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PastResize {
    /// The decision to resize.
    pub decision: Decision,
    /// EMR's answer; `None` when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<ResizeAnswer>,
    /// The decision and its outcome as a sentence.
    pub words: String,
}

/// The state of one rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleStatus {
    /// The rule's name.
    pub rule: RuleName,
    /// The condition as the policy writes it.
    pub when: String,
    /// What the rule does, in words.
    pub then: String,
    /// How long the condition must be true before the rule fires.
    #[serde(alias = "hold_for_s")]
    pub for_s: f64,
    /// `None` when the tick ended before the rules were evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<RuleState>,
    /// The state in words.
    pub words: String,
}

/// The freshness of one source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceStatus {
    /// The source.
    pub source: Source,
    /// When its data was measured; `None` while there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Timestamp>,
    /// The age of its data when the status was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_s: Option<f64>,
    /// How old the data may be before it counts as stale.
    pub allowance_s: f64,
    /// Whether the policy needs this source, for a rule, for demand or to scale in.
    pub required: bool,
    /// Why the source had no usable answer at the last tick.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Whether the data of a source can be used, and whether that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Recent enough for rules to use.
    Fresh,
    /// Missing or too old, and the policy needs it.
    Stale,
    /// Missing or too old, but neither a rule nor a scale-in of this policy needs it.
    StaleButNotNeeded,
}

impl SourceStatus {
    /// Whether the data is present and not older than its allowance.
    pub fn is_fresh(&self) -> bool {
        self.age_s.is_some_and(|age_s| age_s <= self.allowance_s)
    }

    /// The freshness, with whether it matters.
    pub fn freshness(&self) -> Freshness {
        match (self.is_fresh(), self.required) {
            (true, _) => Freshness::Fresh,
            (false, true) => Freshness::Stale,
            (false, false) => Freshness::StaleButNotNeeded,
        }
    }
}

/// The decisions of one shadow policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShadowStatus {
    /// The policy's name.
    pub policy: String,
    /// One for each target of that policy, in file order.
    pub decisions: Vec<Decision>,
    /// One sentence for each decision.
    pub words: Vec<String>,
}

/// How long each phase of the last tick took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TookStatus {
    /// Reading all sources.
    pub observe_s: f64,
    /// Running the engine.
    pub decide_s: f64,
    /// Writing to the journal.
    pub journal_s: f64,
    /// Calling EMR.
    pub act_s: f64,
}

/// Consecutive decisions about one target that read the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Position of the target in the policy file, from zero.
    pub target: usize,
    /// The target's group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The first tick of the stretch.
    pub from: Timestamp,
    /// The last tick of the stretch.
    pub to: Timestamp,
    /// How many ticks it has.
    pub ticks: u64,
    /// Whether the decision was a resize.
    pub is_resize: bool,
    /// The decision as a sentence.
    pub words: String,
}

impl TickStatus {
    /// Builds the status of a tick. `last_resizes` has an entry for each target.
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
            nodes: NodeUse::of(observation),
            load: observation
                .yarn
                .as_ref()
                .map(|yarn| LoadStatus::new(&yarn.value)),
            work: observation.work.as_ref().map(|work| work.value.clone()),
            pending_limits: observation.known_limits().to_vec(),
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

    /// Whether YARN is read: not if no policy uses it.
    pub fn reads_yarn(&self) -> bool {
        self.sources
            .iter()
            .any(|status| status.source == Source::YarnLoad)
    }

    /// Sets the ages of all sources as of `now`.
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
        let mut groups = report.observation.cluster.value.groups.iter();
        let group = groups.find(|group| decision.group.as_ref() == Some(&group.id));
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
                for_s: rule.for_duration.as_secs_f64(),
                words: words::rule(state.as_ref(), rule.for_duration, decision.at),
                state,
            }
        });
        Self {
            selector: target.selector.to_string(),
            min: limits.min(),
            max: limits.max(),
            may_be_absent: target.may_be_absent,
            words: words::of_target(target, decision, answer),
            decision: decision.clone(),
            trouble: group.and_then(trouble),
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

/// The outcome of a decision's resize; `None` for a hold.
pub fn answer_to<'a>(decision: &Decision, answers: &'a [ResizeAnswer]) -> Option<&'a ResizeAnswer> {
    let group = decision
        .group
        .as_ref()
        .filter(|_| matches!(decision.action, Action::Resize(_)))?;
    answers.iter().find(|answer| answer.group == *group)
}

/// The sources that the policy's rules or its `demand` read, and those without which its groups do not
/// scale in: what runs on each node, and for core groups what HDFS stores.
fn required_sources(
    policy: &Policy,
    decisions: &[Decision],
    groups: &[GroupStatus],
) -> BTreeSet<Source> {
    let read = policy
        .targets()
        .iter()
        .flat_map(|target| &target.signals)
        .map(|source| match source.signal().map(Signal::name) {
            None => Source::CloudWatch,
            Some(name) if name.starts_with("hdfs_") => Source::Hdfs,
            Some(name) if name.starts_with("work_") => Source::Work,
            Some(name) if name.starts_with("yarn_") => Source::YarnLoad,
            Some(_) => Source::Emr,
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
        .chain(policy.uses_yarn().then_some(Source::YarnNodes))
        .chain(policy.demand().map(|_| Source::YarnLoad))
        .chain(scales_core.then_some(Source::Hdfs))
        .collect()
}

#[cfg(test)]
mod tests;
