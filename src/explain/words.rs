//! Values with their units, and what to do about a hold.

use std::time::Duration;

use crate::decision::{HoldReason, Limiter, Outcome, Rejection, RuleState};
use crate::policy::condition::{Leaf, WindowFunction};
use crate::policy::signal::{SignalSource, Unit};
use crate::policy::{Policy, Target};
use crate::units::{Timestamp, display_duration};

/// The unit of what a rule reads.
pub(super) fn unit_of(policy: &Policy, target: &Target, leaf: Leaf) -> Unit {
    let unit = match &target.signals[target.signal_of(leaf)] {
        SignalSource::BuiltIn(signal) => signal.unit(),
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

/// `12.3 %`, `8.5 GiB`, `4m 10s`, `0.25`.
pub(super) fn quantity(value: f64, unit: Unit) -> String {
    match unit {
        Unit::NUMBER => short(value, 3),
        Unit::PERCENT => format!("{} %", short(value, 1)),
        Unit::MEMORY if value.abs() >= 1_024.0 => format!("{} GiB", short(value / 1_024.0, 1)),
        Unit::TIME if value >= 0.0 => {
            display_duration(Duration::from_secs(value as u64)).to_string()
        }
        Unit::PER_SECOND => format!("{} per second", short(value, 3)),
        unit => format!("{} {unit}", short(value, 3)),
    }
}

/// Without zeros at the end.
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

/// An age or a wait, without milliseconds.
pub(super) fn seconds(duration: Duration) -> impl std::fmt::Display {
    display_duration(Duration::from_secs(duration.as_secs()))
}

/// How a rule stands at `at`, in words.
pub(super) fn standing(state: &RuleState, hold_for: Option<Duration>, at: Timestamp) -> String {
    match state {
        RuleState::Unknown => {
            "cannot be judged: something that it reads is missing or stale".to_owned()
        }
        RuleState::NotTrue => "its condition is not true".to_owned(),
        RuleState::Holding { since, until } => {
            let hold_for = hold_for
                .map(|hold_for| format!(" of {}", display_duration(hold_for)))
                .unwrap_or_default();
            let (held, left) = (seconds(at.since(*since)), seconds(until.since(at)));
            format!("true for {held}{hold_for}; it acts if it stays true for another {left}")
        }
        RuleState::CoolingDown { until } => format!(
            "true for long enough, but cools down for another {}",
            seconds(until.since(at))
        ),
        RuleState::Ready { to } => format!("true for long enough: asks for {to}"),
    }
}

pub(super) fn outcome(outcome: Option<Outcome>) -> String {
    match outcome {
        Some(Outcome::Accepted) => "accepted by EMR".to_owned(),
        Some(Outcome::Rejected(rejection)) => format!("refused by EMR: {rejection}"),
        Some(Outcome::NotSent) => "not sent".to_owned(),
        Some(Outcome::Unknown) | None => "no answer from EMR is recorded".to_owned(),
    }
}

/// What has to happen for a held target to move.
pub(super) fn remedy(reason: &HoldReason) -> String {
    use HoldReason as R;
    match reason {
        R::NoRuleReady => {
            "a condition has to be true for its whole `for`; see the rules".to_owned()
        }
        R::DemandMet => "more work has to wait, or units have to be idle for longer".to_owned(),
        R::StaleData { signal, .. } | R::MissingSignal { signal } => {
            format!("{} has to be seen again{}", source_of(signal), hint(signal))
        }
        R::CoolingDown { .. } => {
            "the cooldown has to pass; growth by another rule would not have to wait".to_owned()
        }
        R::FlipBudgetSpent { .. } => {
            "the oldest change of direction has to be forgotten; growth would not have to wait"
                .to_owned()
        }
        R::ReversalGuard { .. } => "it waits".to_owned(),
        R::ResizeInFlight { .. } => {
            "EMR has to finish the resize, or the provision timeout has to pass".to_owned()
        }
        R::AtLimit { limiter, .. } => match limiter {
            Limiter::Minimum | Limiter::Maximum => {
                "the limits of the target would have to be wider".to_owned()
            }
            Limiter::HdfsFloor => "HDFS would have to hold less, or have more nodes".to_owned(),
            Limiter::Step => "the step cap would have to be larger".to_owned(),
            Limiter::Budget => {
                "time has to pass until the budget has room, or it would have to be larger"
                    .to_owned()
            }
            Limiter::Stabilization => {
                "the smaller size has to be wanted for the whole stabilization time".to_owned()
            }
        },
        R::HdfsFloor { .. } => "HDFS would have to hold less, or copy its blocks first".to_owned(),
        R::Frozen { .. } => "the schedule window has to close".to_owned(),
        R::Quarantined { .. } => {
            "it waits; meanwhile look in the EMR console why instances did not come up".to_owned()
        }
        R::Paused { .. } => "it waits, or `headroom resume` ends the pause".to_owned(),
        R::YieldingToOperator { .. } => {
            "it waits, as the policy's `yield_to_operator` says".to_owned()
        }
        R::NotLeader => {
            "look at the instance beside the active ResourceManager: that one acts".to_owned()
        }
        R::ClusterNotReady { .. } | R::GroupNotReady { .. } => {
            "EMR takes a resize only in RUNNING, WAITING or RESIZING".to_owned()
        }
        R::ScaledByAmazon => {
            "detach Amazon's policy from the group, or remove the target".to_owned()
        }
        R::TargetNotFound { .. } | R::GroupTaken { .. } => {
            "the policy's target has to mean one group; correct its `group`".to_owned()
        }
        R::CallRefused {
            rejection: Rejection::AccessDenied,
            ..
        } => "grant the daemon's role the right to resize".to_owned(),
        R::CallRefused { .. } => "it waits, and then tries again".to_owned(),
        R::ClockWentBack { .. } => {
            "it goes on with the next observation; is the machine's clock set right?".to_owned()
        }
    }
}

fn source_of(signal: &str) -> &str {
    match signal.split_once('_') {
        Some(("yarn", _)) => "YARN",
        Some(("hdfs", _)) => "HDFS",
        Some(("emr", _)) => "EMR",
        _ => match signal {
            "hdfs" => "the NameNode",
            "cluster" => "EMR's description of the cluster",
            other => other,
        },
    }
}

fn hint(signal: &str) -> &'static str {
    match source_of(signal) {
        "YARN" => "; does the ResourceManager answer?",
        "HDFS" | "the NameNode" => "; does the NameNode answer?",
        "EMR" | "EMR's description of the cluster" => "; is the EMR API reachable?",
        _ => "; has CloudWatch data points for it?",
    }
}
