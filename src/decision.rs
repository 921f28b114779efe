//! What the engine decided, why, and how that reads to a person.

mod demand;
mod expected;
mod known_work;
mod output_wait;
mod runs_again;
pub mod trouble;
mod words;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::observation::{ClusterState, Direction, GroupId, GroupState, InstanceId, RuleName};
use crate::units::{Instances, Percent, Timestamp};
use demand::is_zero;
pub use demand::{DemandReport, HeldBack, Offered, Resource};
pub use expected::{ExpectedStart, Precedent};
pub use known_work::KnownWorkReport;
pub use output_wait::OutputWait;
pub use runs_again::RunsAgain;

/// What the engine does about one target at one tick. Every tick yields one decision per target; to do
/// nothing is an [`Action::Hold`] with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// The time of the observation that it follows from.
    pub at: Timestamp,
    /// Position of the target in the policy file, from zero.
    pub target: usize,
    /// The group that the target selects; `None` while no group of the cluster matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<GroupId>,
    /// The size last requested from EMR, before this decision; zero without a group.
    pub requested: Instances,
    /// The instances that run, which differ from `requested` during a resize; zero without a group.
    pub running: Instances,
    /// What to do about it. Only a resize leads to a call.
    pub action: Action,
    /// One for each rule, in file order; empty without a group, and from an engine without reports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<RuleReport>,
    /// Values of the signals and windows that the target's rules read, as far as they are known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readings: Vec<Reading>,
    /// How the size was computed, for a target of a `demand:` policy, if the demand is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Box<DemandReport>>,
    /// Nodes that stay for the shuffle output that they store, while something asks for a scale-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_wait: Option<Box<OutputWait>>,
    /// Stages of applications that run again, first seen at this tick, after a scale-in of the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_again: Option<Box<RunsAgain>>,
}

/// What is done: nothing, for a reason, or a resize.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing is done, and no call is made.
    Hold(HoldReason),
    /// EMR is called, unless this is a dry run.
    Resize(Resize),
}

/// A call to make: an absolute size, so that a repeat is harmless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resize {
    /// The size last requested from EMR.
    pub from: Instances,
    /// The size to request. Equal to `from` only for a retry: see [`Resize::is_retry`].
    pub to: Instances,
    /// Who asks for it.
    pub because: Cause,
    /// The size that the rule, `demand` or limit behind it asks for, before limits, step caps, budgets
    /// and floors.
    #[serde(alias = "wanted")]
    pub desired: Instances,
    /// What kept `to` from being `desired`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limited_by: Option<Limiter>,
    /// The step cap or budget that limited it, if the policy writes it in percent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent_cap: Option<PercentCap>,
    /// Instances to keep when some are terminated: those with application masters, then the busiest
    /// ones, then empty ones that may still store output of a running application. There are as many
    /// as remain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protect: Vec<InstanceId>,
    /// Instances to terminate first, at most as many as have to be: nothing runs on them. Those that
    /// may store output of a running application are last, beginning with the one that has been empty
    /// longest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefer: Vec<InstanceId>,
    /// Instances with application masters that may be terminated: those of a fleet, because
    /// `ModifyInstanceFleet` cannot protect instances, and those that the policy does not keep.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub application_masters_at_risk: u32,
    /// Instances may be terminated of which it is not known what runs on them, because the policy has
    /// `uses_yarn: false`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub nodes_unknown: bool,
}

impl Resize {
    /// `In` if the size falls; otherwise `Out`, also for a retry.
    pub fn direction(&self) -> Direction {
        if self.to < self.from {
            Direction::In
        } else {
            Direction::Out
        }
    }

    /// Whether the same size is requested again, because instances of an earlier scale-out did not
    /// start.
    pub fn is_retry(&self) -> bool {
        self.to == self.from
    }

    /// Who asked for the resize, and what limited it: `rule memory-short (desired 14, limited by the
    /// step cap, 20% of 10: 2)`.
    pub fn reason(&self) -> impl fmt::Display {
        fmt::from_fn(|f| {
            write!(f, "{}", self.because)?;
            if let Some(limiter) = self.limited_by {
                let cap = in_percent(self.percent_cap);
                write!(f, " (desired {}, limited by {limiter}{cap})", self.desired)?;
            }
            if self.nodes_unknown {
                f.write_str("; which instances are busy is not known (uses_yarn: false)")?;
            }
            match self.application_masters_at_risk {
                0 => Ok(()),
                1 => f.write_str("; it may terminate an instance that runs an application master"),
                masters => write!(
                    f,
                    "; it may terminate {masters} instances that run application masters"
                ),
            }
        })
    }
}

/// Who asks for a resize.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The firing rule that decides: scale-out before scale-in, then the larger size, then the
    /// order of the file.
    Rule(RuleName),
    /// The policy follows demand.
    Demand,
    /// The group is smaller than its limits allow.
    BelowMinimum,
    /// The group is larger than its limits allow.
    AboveMaximum,
}

/// What reduced a resize, or stopped it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limiter {
    /// `min` of the limits in force.
    Minimum,
    /// `max` of the limits in force.
    Maximum,
    /// The fewest core nodes that can store HDFS's blocks.
    HdfsFloor,
    /// Nodes that run application masters stay.
    ApplicationMasters,
    /// Nodes that store shuffle output of running applications stay for a while.
    ShuffleOutput,
    /// `step`: the most instances that one resize may add or remove.
    Step,
    /// `budget`: the most instances that may be added or removed within a period.
    Budget,
    /// `stabilization`: the largest size that was desired during this time.
    Stabilization,
}

/// A step cap or budget that the policy writes in percent, as it applied to a resize.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PercentCap {
    /// What the policy writes.
    pub percent: Percent,
    /// The size that it is a share of: for a step cap the requested size, for a budget the size at the
    /// beginning of its time span.
    pub of: Instances,
    /// The cap in instances; of a budget, a part may have been used before.
    pub instances: Instances,
}

/// What a cap in percent comes to, after its name: `, 20% of 10: 2`.
fn in_percent(cap: Option<PercentCap>) -> impl fmt::Display {
    fmt::from_fn(move |f| match cap {
        Some(PercentCap {
            percent,
            of,
            instances,
        }) => write!(f, ", {percent} of {of}: {instances}"),
        None => Ok(()),
    })
}

/// Why nothing is done. The set is closed, and each variant is a value of a metric label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each variant's documentation says what its fields are"
)]
pub enum HoldReason {
    /// Everything is known, and no rule is firing.
    #[serde(alias = "no_rule_ready")]
    NoRuleFiring,
    /// Everything is known, and the cluster has the size that demand asks for within its limits.
    DemandMet,
    /// A signal that the decision needs is too old: no rule fires and the state of one is unknown, or
    /// a scale-in waits for it.
    StaleData {
        /// The signal's name; `yarn` or `cluster` for a part of the observation.
        signal: Arc<str>,
        measured_at: Timestamp,
    },
    /// A signal that the decision needs was not observed, or not for as long as a window needs.
    MissingSignal {
        /// The signal's name; `yarn`, `hdfs`, `nodes` or `cluster` for a part of the observation, and
        /// `idle_time` at the first tick.
        signal: Arc<str>,
    },
    /// The change would terminate instances, but YARN does not list `not_listed` of the `running` core and
    /// task instances, so what runs on them is unknown. After `until` they count as unusable, unless YARN lists
    /// none at all.
    NodesNotListed {
        #[serde(alias = "missing")]
        not_listed: u32,
        running: u32,
        until: Timestamp,
    },
    /// The change would terminate instances, and the Spark applications are asked first which of them
    /// store shuffle output.
    AskingForOutput,
    /// A rule's last resize completed too recently, and its `cooldown` is not over.
    CoolingDown { rule: RuleName, until: Timestamp },
    /// EMR has not reached the size `to` yet: a resize to it is in flight, or EMR replaces lost
    /// instances.
    ResizeInFlight { to: Instances },
    /// The policy asks for a change, but limits leave the size unchanged.
    AtLimit {
        limiter: Limiter,
        /// The current size.
        size: Instances,
        /// The step cap or budget that leaves it unchanged, if the policy writes it in percent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        percent_cap: Option<PercentCap>,
    },
    /// HDFS needs at least `floor` core nodes, or some blocks lack copies and no core node may be
    /// terminated until they are replicated.
    HdfsFloor {
        /// The fewest instances of this group that may remain; its present size or more.
        floor: Instances,
    },
    /// Too many changes of direction: scale-in waits until enough of them no longer count.
    FlipBudgetSpent { until: Timestamp },
    /// The last resize in the other direction is too recent.
    ReversalGuard { until: Timestamp },
    /// A schedule window freezes this direction.
    Frozen { window: Arc<str> },
    /// A scale-out failed; the next one waits, for longer after each failure in a row.
    Quarantined {
        until: Timestamp,
        /// What EMR says about the group, if it suspended it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Arc<str>>,
    },
    /// Someone has paused scaling, in both directions or in this one.
    Paused { until: Timestamp },
    /// Someone else resized the group.
    YieldingToOperator { until: Timestamp },
    /// This daemon is a standby; another one leads.
    NotLeader,
    /// The cluster is in a state in which EMR accepts no resize.
    ClusterNotReady { state: ClusterState },
    /// The group is in a state in which EMR accepts no resize.
    GroupNotReady {
        state: GroupState,
        /// What EMR says about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<Arc<str>>,
    },
    /// Amazon's own automatic or managed scaling has a policy for the group.
    ScaledByAmazon,
    /// No group of the cluster matches the target, or several do.
    TargetNotFound { matches: usize },
    /// An earlier target of the policy selects the same group.
    GroupTaken {
        /// Position of the earlier target in the policy file, from zero.
        target: usize,
    },
    /// EMR rejected the last call. The next one waits, longer after each rejection in a row.
    #[serde(alias = "call_refused")]
    CallRejected {
        rejection: Rejection,
        until: Timestamp,
    },
    /// The observation is older than the one before it.
    ClockWentBack { last: Timestamp },
}

impl HoldReason {
    /// The reason to hold when `signal` was not observed.
    pub fn missing(signal: &str) -> Self {
        Self::MissingSignal {
            signal: signal.into(),
        }
    }

    /// Whether the reason is of this kind, by its label or by the label of an earlier version.
    /// `missing_signal` includes nodes that are not listed: what runs on them is a signal that is
    /// missing.
    pub fn is_kind(&self, label: &str) -> bool {
        let earlier = match self {
            Self::NoRuleFiring => "no_rule_ready",
            Self::CallRejected { .. } => "call_refused",
            Self::NodesNotListed { .. } => "missing_signal",
            _ => return label == self.label(),
        };
        label == self.label() || label == earlier
    }

    /// When the reason ends by itself, if that is known.
    pub const fn until(&self) -> Option<Timestamp> {
        match self {
            Self::CoolingDown { until, .. }
            | Self::FlipBudgetSpent { until }
            | Self::ReversalGuard { until }
            | Self::Quarantined { until, .. }
            | Self::Paused { until }
            | Self::YieldingToOperator { until }
            | Self::NodesNotListed { until, .. }
            | Self::CallRejected { until, .. } => Some(*until),
            _ => None,
        }
    }

    /// The label value: the variant in snake case.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::NoRuleFiring => "no_rule_firing",
            Self::DemandMet => "demand_met",
            Self::StaleData { .. } => "stale_data",
            Self::MissingSignal { .. } => "missing_signal",
            Self::NodesNotListed { .. } => "nodes_not_listed",
            Self::AskingForOutput => "asking_for_output",
            Self::CoolingDown { .. } => "cooling_down",
            Self::ResizeInFlight { .. } => "resize_in_flight",
            Self::AtLimit { .. } => "at_limit",
            Self::HdfsFloor { .. } => "hdfs_floor",
            Self::FlipBudgetSpent { .. } => "flip_budget_spent",
            Self::ReversalGuard { .. } => "reversal_guard",
            Self::Frozen { .. } => "frozen",
            Self::Quarantined { .. } => "quarantined",
            Self::Paused { .. } => "paused",
            Self::YieldingToOperator { .. } => "yielding_to_operator",
            Self::NotLeader => "not_leader",
            Self::ClusterNotReady { .. } => "cluster_not_ready",
            Self::GroupNotReady { .. } => "group_not_ready",
            Self::ScaledByAmazon => "scaled_by_amazon",
            Self::TargetNotFound { .. } => "target_not_found",
            Self::GroupTaken { .. } => "group_taken",
            Self::CallRejected { .. } => "call_rejected",
            Self::ClockWentBack { .. } => "clock_went_back",
        }
    }
}

/// The state of one rule at one tick.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleReport {
    /// The rule's name, unique within its target.
    pub rule: RuleName,
    /// What the rule asks for, or why it asks for nothing.
    pub state: RuleState,
}

/// The state of a rule at one tick, in Prometheus' words. The aliases are the names that earlier
/// versions wrote into journals.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    missing_docs,
    reason = "each variant's documentation says what its fields are"
)]
pub enum RuleState {
    /// A signal that could decide the condition is missing or stale.
    Unknown,
    /// The condition is false.
    #[serde(alias = "not_true")]
    Inactive,
    /// The condition has been true at every sample since `since`. If it stays true, the rule fires at
    /// `until`.
    #[serde(alias = "holding")]
    Pending { since: Timestamp, until: Timestamp },
    /// The condition has been true for long enough, but the last resize of this rule completed too
    /// recently.
    CoolingDown { until: Timestamp },
    /// The condition has been true for long enough, and the rule asks for this size, before limits.
    #[serde(alias = "ready")]
    Firing { to: Instances },
}

impl RuleState {
    /// The label value: the variant in snake case.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Inactive => "inactive",
            Self::Pending { .. } => "pending",
            Self::CoolingDown { .. } => "cooling_down",
            Self::Firing { .. } => "firing",
        }
    }
}

/// A value that rules read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The signal's name, or the window as a condition writes it:
    /// `avg(yarn_memory_available_percent, 5m)`.
    pub signal: Arc<str>,
    /// In the signal's unit; always finite.
    pub value: f64,
}

/// How EMR answered a resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// EMR accepted the resize, which is in flight until the group has its new size.
    Accepted,
    /// EMR rejected the resize, or it could not be sent: the group keeps its size.
    Rejected(Rejection),
    /// No answer arrived: the resize counts as in flight until EMR describes the cluster again.
    Unknown,
    /// No call was made: in a dry run, or because the decision could not be recorded. Nothing follows
    /// from the decision.
    NotSent,
}

impl Outcome {
    /// The label value: the variant in snake case; for a rejection, its kind.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Unknown => "unknown",
            Self::NotSent => "not_sent",
            Self::Rejected(rejection) => rejection.label(),
        }
    }
}

/// Why EMR rejected a resize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rejection {
    /// Too many calls; a later one succeeds.
    Throttled,
    /// The IAM role lacks a permission, which the log names.
    AccessDenied,
    /// The cluster or the group is in a state that allows no resize.
    NotModifiable,
    /// Any other rejection, and a call that could not be sent; the log has the message.
    Other,
}

impl Rejection {
    /// The label value: the variant in snake case.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Throttled => "throttled",
            Self::AccessDenied => "access_denied",
            Self::NotModifiable => "not_modifiable",
            Self::Other => "other",
        }
    }
}
