//! Decisions and rules as a person says them.

use std::time::Duration;

use crate::daemon::telemetry::report::ResizeAnswer;
use crate::decision::{Action, Decision, Outcome, Resize, RuleState};
use crate::observation::Direction;
use crate::policy::{Amount, Change, Size};
use crate::units::{Timestamp, display_duration};

/// `Held at 4: no rule asks for a change`; `Growing from 4 to 9: rule memory-short; EMR has
/// accepted it`.
pub fn decision(decision: &Decision, answer: Option<&ResizeAnswer>) -> String {
    match &decision.action {
        Action::Hold(reason) if decision.group.is_none() => format!("Held: {reason}"),
        Action::Hold(reason) => format!("Held at {}: {reason}", decision.requested),
        Action::Resize(resize) => {
            let verb = if resize.direction() == Direction::Out {
                "Growing"
            } else {
                "Shrinking"
            };
            format!("{verb} {}; {}", from_to(resize), outcome(answer))
        }
    }
}

/// What a shadow would have done.
pub fn shadow(decision: &Decision) -> String {
    match &decision.action {
        Action::Hold(reason) => format!("would hold at {}: {reason}", decision.requested),
        Action::Resize(resize) => {
            let verb = if resize.direction() == Direction::Out {
                "grow"
            } else {
                "shrink"
            };
            format!("would {verb} {}", from_to(resize))
        }
    }
}

fn from_to(resize: &Resize) -> String {
    let limited = resize
        .limited_by
        .map(|limiter| format!(" (wanted {}, {limiter})", resize.wanted))
        .unwrap_or_default();
    format!(
        "from {} to {}: {}{limited}",
        resize.from, resize.to, resize.because
    )
}

fn outcome(answer: Option<&ResizeAnswer>) -> String {
    let said = answer
        .and_then(|answer| answer.message.as_deref())
        .map(|message| format!(": {message}"))
        .unwrap_or_default();
    match answer.map(|answer| answer.outcome) {
        Some(Outcome::Accepted) => "EMR has accepted it".to_owned(),
        Some(Outcome::NotSent) => "not sent, this is a dry run".to_owned(),
        Some(Outcome::Rejected(rejection)) => format!("EMR refused it ({rejection}){said}"),
        Some(Outcome::Unknown) | None => {
            format!("EMR has not answered, the next look at the cluster will tell{said}")
        }
    }
}

/// How a rule stands at `at`.
pub fn rule(state: Option<&RuleState>, hold_for: Duration, at: Timestamp) -> String {
    match state {
        None => "not looked at".to_owned(),
        Some(RuleState::Unknown) => "cannot be judged: a signal is missing or stale".to_owned(),
        Some(RuleState::NotTrue) => "not true".to_owned(),
        Some(RuleState::Holding { since, .. }) => {
            format!(
                "true for {} of {}",
                display_duration(whole_seconds(at.since(*since))),
                display_duration(hold_for)
            )
        }
        Some(RuleState::CoolingDown { until }) => format!(
            "true, cools down for {}",
            display_duration(whole_seconds(until.since(at)))
        ),
        Some(RuleState::Ready { to }) => format!("asks for {to}"),
    }
}

/// `grow by 5`, `follow x at 80`.
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

/// Nobody reads milliseconds of an age.
pub fn whole_seconds(duration: Duration) -> Duration {
    Duration::from_secs(duration.as_secs())
}
