//! Decisions, rules and sources in words.

use std::time::Duration;

use crate::daemon::telemetry::report::ResizeAnswer;
use crate::decision::{Action, Decision, HoldReason, Outcome, Resize, RuleState};
use crate::observation::{Direction, Pause};
use crate::policy::{Amount, Change, Size, Target};
use crate::units::{Timestamp, display_duration};

/// A decision with its outcome: `Held at 4: no rule is firing`, or `Scaling out from 4 to 9:
/// rule memory-short; accepted by EMR`.
pub fn decision(decision: &Decision, answer: Option<&ResizeAnswer>) -> String {
    match &decision.action {
        Action::Hold(reason) if decision.group.is_none() => format!("Held: {reason}"),
        Action::Hold(reason) => {
            let held_back: String = decision
                .demand
                .iter()
                .flat_map(|demand| demand.held_back())
                .map(|part| format!("; {part}"))
                .collect();
            format!("Held at {}: {reason}{held_back}", decision.requested)
        }
        Action::Resize(resize) => {
            let verb = match resize.direction() {
                Direction::Out => "Scaling out",
                Direction::In => "Scaling in",
            };
            format!("{verb} {}; {}", from_to(resize), outcome(answer))
        }
    }
}

/// A decision about a target of the policy. A policy with `demand` and without `targets` does not need
/// each of the groups that it may scale.
pub fn of_target(target: &Target, decided: &Decision, answer: Option<&ResizeAnswer>) -> String {
    match &decided.action {
        Action::Hold(HoldReason::TargetNotFound { matches: 0 }) if target.may_be_absent => {
            "Nothing to scale: the cluster has no such group".to_owned()
        }
        Action::Hold(HoldReason::TargetNotFound { matches }) if target.may_be_absent => format!(
            "Held: {matches} groups match, and without `targets` demand scales one of each role and \
             market; list the groups to scale under `targets`"
        ),
        _ => decision(decided, answer),
    }
}

/// A shadow policy's decision: `would hold at 4: no rule is firing`.
pub fn shadow(decision: &Decision) -> String {
    match &decision.action {
        Action::Hold(reason) => format!("would hold at {}: {reason}", decision.requested),
        Action::Resize(resize) => {
            format!("would {} {}", resize.direction().verb(), from_to(resize))
        }
    }
}

fn from_to(resize: &Resize) -> String {
    format!("from {} to {}: {}", resize.from, resize.to, resize.reason())
}

fn outcome(answer: Option<&ResizeAnswer>) -> String {
    let said = answer
        .and_then(|answer| answer.message.as_deref())
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    match answer.map(|answer| answer.outcome) {
        Some(Outcome::Accepted) => "accepted by EMR".to_owned(),
        Some(Outcome::NotSent) => "not sent (dry run)".to_owned(),
        Some(Outcome::Rejected(rejection)) => format!("rejected by EMR ({rejection}){said}"),
        Some(Outcome::Unknown) | None => {
            format!("no answer from EMR; the next tick shows whether it took effect{said}")
        }
    }
}

/// What is not known where YARN is not read.
pub const WITHOUT_YARN: &str =
    "YARN is not read (uses_yarn: false): which instances are busy is not known";

/// The state of a rule at `at`.
pub fn rule(state: Option<&RuleState>, for_time: Duration, at: Timestamp) -> String {
    match state {
        None => "not evaluated".to_owned(),
        Some(RuleState::Unknown) => "unknown: a signal is missing or stale".to_owned(),
        Some(RuleState::Inactive) => "inactive".to_owned(),
        Some(RuleState::Pending { since, .. }) => {
            format!(
                "pending: true for {} of {}",
                display_duration(whole_seconds(at.since(*since))),
                display_duration(for_time)
            )
        }
        Some(RuleState::CoolingDown { until }) => format!(
            "cooling down for another {}",
            display_duration(whole_seconds(until.since(at)))
        ),
        Some(RuleState::Firing { to }) => format!("firing: asks for {to}"),
    }
}

/// What a rule does: `grow by 5`, `keep yarn_memory_available_percent at 30`.
pub fn change(change: &Change) -> String {
    match change {
        Change::Grow(amount) => format!("grow by {}", amount_words(*amount)),
        Change::Shrink(amount) => format!("shrink by {}", amount_words(*amount)),
        Change::Set(Size::Exactly(size)) => format!("set to {size}"),
        Change::Set(Size::Minimum) => "set to the minimum".to_owned(),
        Change::Set(Size::Maximum) => "set to the maximum".to_owned(),
        Change::Track {
            signal_text,
            target,
            ..
        } => format!("keep {signal_text} at {target}"),
    }
}

fn amount_words(amount: Amount) -> String {
    match amount {
        Amount::Instances(instances) => instances.to_string(),
        Amount::Percent(percent) => percent.to_string(),
    }
}

/// A pause and the time left of it: `scale-in paused for 1h`.
pub fn paused(pause: &Pause, now: Timestamp) -> String {
    let what = match pause.direction {
        None => "scaling paused",
        Some(Direction::Out) => "scale-out paused",
        Some(Direction::In) => "scale-in paused",
    };
    let left = display_duration(whole_seconds(pause.until.since(now)));
    format!("{what} for {left}")
}

/// A number of seconds as a duration, without milliseconds: `1m 30s`.
pub fn seconds(seconds: f64) -> String {
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    display_duration(whole_seconds(duration)).to_string()
}

/// The duration without its milliseconds, which matter to no reader of an age.
pub fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}
