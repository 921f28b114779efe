//! Values with their units, states and outcomes in words, and what ends a hold.

use std::time::Duration;

use crate::decision::{HoldReason, Limiter, Outcome, Rejection, RuleState};
use crate::observation::GroupState;
use crate::policy::condition::{Leaf, WindowFunction};
use crate::policy::signal::{SignalSource, Unit};
use crate::policy::{Policy, Target};
use crate::units::{Timestamp, display_duration};

/// The unit of a signal or window.
pub(super) fn unit_of(policy: &Policy, target: &Target, leaf: Leaf) -> Unit {
    let unit = match &target.signals[target.signal_of(leaf)] {
        SignalSource::BuiltIn(signal) | SignalSource::OfTarget { signal, .. } => signal.unit(),
        SignalSource::Metric { id, .. } => policy
            .metrics()
            .iter()
            .find(|metric| metric.id == *id)
            .map_or(Unit::NUMBER, |metric| metric.unit),
    };
    match leaf {
        Leaf::Window(window) if target.windows[window].function == WindowFunction::Rate => {
            unit.per(Unit::TIME)
        }
        _ => unit,
    }
}

/// A value with its unit: `12.3%`, `8.5 GiB`, `4m 10s`, `0.25`.
pub(super) fn quantity(value: f64, unit: Unit) -> String {
    match unit {
        Unit::NUMBER => short(value, 3),
        Unit::PERCENT => format!("{}%", short(value, 1)),
        Unit::MEMORY if value.abs() >= 1_024.0 => format!("{} GiB", short(value / 1_024.0, 1)),
        Unit::TIME if value >= 0.0 => {
            display_duration(Duration::from_secs(value as u64)).to_string()
        }
        Unit::PER_SECOND => format!("{} per second", short(value, 3)),
        unit => format!("{} {unit}", short(value, 3)),
    }
}

/// Formats a number without trailing zeros.
fn short(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}

/// A duration without milliseconds.
pub(super) fn seconds(duration: Duration) -> impl std::fmt::Display {
    display_duration(Duration::from_secs(duration.as_secs()))
}

/// The state of a rule at `at`, in words.
pub(super) fn rule_state(state: &RuleState, for_time: Option<Duration>, at: Timestamp) -> String {
    match state {
        RuleState::Unknown => "unknown: a signal that it reads is missing or stale".to_owned(),
        RuleState::Inactive => "inactive: its condition is not true".to_owned(),
        RuleState::Pending { since, until } => {
            let for_time = for_time
                .map(|for_time| format!(" of {}", display_duration(for_time)))
                .unwrap_or_default();
            let (true_for, left) = (seconds(at.since(*since)), seconds(until.since(at)));
            format!("pending: true for {true_for}{for_time}; fires in {left} if it stays true")
        }
        RuleState::CoolingDown { until } => {
            format!("cooling down for another {}", seconds(until.since(at)))
        }
        RuleState::Firing { to } => format!("firing: asks for {to}"),
    }
}

/// The outcome of a resize, in words.
pub(super) fn outcome(outcome: Option<Outcome>) -> String {
    match outcome {
        Some(Outcome::Accepted) => "accepted by EMR".to_owned(),
        Some(Outcome::Rejected(rejection)) => format!("rejected by EMR: {rejection}"),
        Some(Outcome::NotSent) => "not sent".to_owned(),
        Some(Outcome::Unknown) | None => "no answer from EMR recorded".to_owned(),
    }
}

/// What has to happen before the hold of a target ends, if the target is known; completes a sentence
/// that begins with "until". The hold is of the decision at `at`.
pub(super) fn remedy(reason: &HoldReason, at: Timestamp, target: Option<&Target>) -> String {
    use HoldReason as R;
    match reason {
        R::NoRuleFiring => "the condition of a rule is true for its whole `for`".to_owned(),
        R::DemandMet => "more work is pending, or units are idle for longer".to_owned(),
        R::StaleData { signal, .. } | R::MissingSignal { signal } => {
            format!("{signal} is observed again{}", hint(signal))
        }
        R::NodesNotListed { .. } => {
            "YARN lists these instances, or lists others while they have been unavailable for 10 minutes; \
             check their NodeManagers"
                .to_owned()
        }
        R::AskingForOutput => "the next tick, at which they have answered or not".to_owned(),
        R::CoolingDown { .. } => "the cooldown ends; other rules can still scale out".to_owned(),
        R::FlipBudgetSpent { .. } => {
            "the oldest change of direction expires; rules can still scale out".to_owned()
        }
        R::ReversalGuard { .. } => "the reversal guard ends".to_owned(),
        R::ResizeInFlight { .. } => {
            "the group has its requested size, or the provisioning timeout passes".to_owned()
        }
        R::AtLimit { limiter, .. } => limit_remedy(*limiter).to_owned(),
        R::HdfsFloor { .. } => "HDFS stores less, or has copied its blocks".to_owned(),
        R::Frozen { .. } => target
            .and_then(|target| target.open_window(at)?.closes_after(at))
            .map_or("the schedule window ends".to_owned(), |closes| {
                format!("the schedule window ends, at {closes}")
            }),
        R::Quarantined { .. } => {
            "the quarantine ends; meanwhile, check in the EMR console why instances did not start"
                .to_owned()
        }
        R::Paused { .. } => "the pause ends, or you run `headroom resume`".to_owned(),
        R::YieldingToOperator { .. } => {
            "the time in the policy's `yield_to_operator` has passed".to_owned()
        }
        R::NotLeader => {
            "this daemon becomes the leader; see the leader's journal for what was done".to_owned()
        }
        R::GroupNotReady {
            state: GroupState::Arrested,
            ..
        } => "you replace the group or the cluster: EMR accepts no resize of this group".to_owned(),
        R::ClusterNotReady { .. } | R::GroupNotReady { .. } => {
            "EMR reports RUNNING, WAITING or RESIZING; it rejects resizes in other states"
                .to_owned()
        }
        R::ScaledByAmazon => {
            "you detach Amazon's scaling policy from the group, or remove the target".to_owned()
        }
        R::TargetNotFound { matches } if target.is_some_and(|target| target.may_be_absent) => {
            without_targets(*matches)
        }
        R::TargetNotFound { .. } | R::GroupTaken { .. } => {
            "the target's `group` in the policy matches exactly one unused group".to_owned()
        }
        R::CallRejected {
            rejection: Rejection::AccessDenied,
            ..
        } => "the daemon's IAM role may resize; see deploy/iam-policy.json".to_owned(),
        R::CallRejected { .. } => "the wait ends; then it tries again".to_owned(),
        R::ClockWentBack { .. } => {
            "an observation is later than the last one; check the machine's clock".to_owned()
        }
    }
}

/// What ends a hold at a limit.
fn limit_remedy(limiter: Limiter) -> &'static str {
    match limiter {
        Limiter::Minimum | Limiter::Maximum => "the limits of the target are widened",
        Limiter::HdfsFloor => "HDFS stores less, or has more nodes",
        Limiter::ApplicationMasters => {
            "the applications end, or `keep_application_masters: false` is set"
        }
        Limiter::ShuffleOutput => {
            "the applications have read the output or ended, or the scale-in has waited for \
             `keep_shuffle_output`"
        }
        Limiter::Step => "the step cap is raised",
        Limiter::Budget => "the budget has room again, or is raised",
        Limiter::Stabilization => {
            "the smaller size has been desired for the whole stabilization time"
        }
    }
}

/// What ends the hold of a target that a policy with `demand` and without `targets` has.
fn without_targets(matches: usize) -> String {
    let scaled = "without `targets`, `demand` scales one core and one task group of each market";
    if matches == 0 {
        format!("the cluster has such a group; it needs none: {scaled}, as far as there are any")
    } else {
        format!("you list the groups to scale under `targets`: {scaled}")
    }
}

/// Where to look when a signal is missing.
fn hint(signal: &str) -> &'static str {
    let source = signal.split('_').next().unwrap_or_default();
    match source {
        "nodes" => {
            "; check that the ResourceManager lists its nodes and that EMR lists their instances"
        }
        "idle" => "; a scale-in needs more than one observation",
        "yarn" => "; check that the ResourceManager answers",
        "hdfs" => "; check that the NameNode answers",
        "emr" | "cluster" => "; check that the EMR API is reachable",
        _ => "; check that CloudWatch has data points for it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::parse::parse;

    #[test]
    fn the_remedy_for_demand_without_targets_names_no_group_that_the_policy_does_not_have() {
        let target = |policy: &str| {
            let policy = parse(policy, "p.yaml").expect("a policy");
            policy.targets()[0].clone()
        };
        let demand = target("name: d\ndemand: { min: 0, max: 9 }\n");
        let rules =
            target("name: r\ntargets: [{ group: { role: task }, limits: { min: 0, max: 9 } }]\n");
        for matches in [0, 2] {
            let reason = HoldReason::TargetNotFound { matches };
            let said = remedy(&reason, Timestamp::EPOCH, Some(&demand));
            assert!(
                said.contains("without `targets`") && !said.contains("`group`"),
                "{said}"
            );
            assert!(
                remedy(&reason, Timestamp::EPOCH, Some(&rules)).contains("the target's `group`")
            );
        }
    }

    #[test]
    fn a_freeze_says_when_its_window_closes_over_all_days_that_it_is_open() {
        let policy = parse(
            "name: p\ntargets: [{ group: { role: task }, limits: { min: 0, max: 9 }, schedule: [{ name: holidays, \
             dates: [2026-12-24..2026-12-26], time_zone: Europe/Berlin, freeze: in }] }]",
            "p.yaml",
        );
        let policy = policy.unwrap_or_else(|errors| panic!("{errors}"));
        let at = serde_json::from_str("\"2026-12-24T09:00:00Z\"").expect("a timestamp");
        let reason = HoldReason::Frozen {
            window: "holidays".into(),
        };
        assert_eq!(
            remedy(&reason, at, policy.targets().first()),
            "the schedule window ends, at 2026-12-26T23:00:00Z"
        );
    }

    #[test]
    fn a_missing_node_snapshot_sends_nobody_to_cloudwatch() {
        for signal in ["nodes", "idle_time"] {
            let said = remedy(&HoldReason::missing(signal), Timestamp::EPOCH, None);
            assert!(!said.contains("CloudWatch"), "{said}");
        }
    }
}
