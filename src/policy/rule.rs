//! A rule: a condition, a `for` time and the change that it asks for.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::observation::RuleName;
use crate::policy::condition::{Condition, Expr};
use crate::units::{Instances, Percent};

/// One rule: when its condition has held for long enough, change the size.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Unique within the target.
    pub name: RuleName,
    /// The condition, which is true, false or, while a signal is missing, unknown.
    pub when: Condition,
    /// The condition as it was written.
    pub when_text: Arc<str>,
    /// `for`: how long the condition must have been true at every sample.
    pub for_duration: Duration,
    /// What it asks for while it fires.
    pub then: Change,
    /// Counted from the completion of the resize that this rule caused.
    pub cooldown: Duration,
}

/// What a rule asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A scale-out by an amount, counted from the requested size.
    Grow(Amount),
    /// A scale-in by an amount, counted from the requested size.
    Shrink(Amount),
    /// A size, whatever the present one is.
    Set(Size),
    /// `ceil(nodes * signal / target)`, as Kubernetes' HPA computes it; no change while `|signal /
    /// target - 1| <= tolerance`.
    Track {
        /// What is to stay at the target.
        signal: Expr,
        /// The signal as it was written.
        signal_text: Arc<str>,
        /// The value that the signal should have, in its base unit; above zero.
        target: f64,
        /// How far the ratio of signal and target may be from 1: 0.1 means 10%.
        tolerance: f64,
    },
}

/// `grow by 5`, `keep x at 80`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grow(amount) => write!(f, "grow by {amount}"),
            Self::Shrink(amount) => write!(f, "shrink by {amount}"),
            Self::Set(Size::Exactly(size)) => write!(f, "set to {size}"),
            Self::Set(Size::Minimum) => f.write_str("set to the minimum"),
            Self::Set(Size::Maximum) => f.write_str("set to the maximum"),
            Self::Track {
                signal_text,
                target,
                ..
            } => write!(f, "keep {signal_text} at {target}"),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instances(instances) => instances.fmt(f),
            Self::Percent(percent) => percent.fmt(f),
        }
    }
}

/// How much to grow or shrink by; never zero.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A number of instances; for a fleet, capacity units.
    Instances(Instances),
    /// A share of the present size, rounded away from zero, at least one instance.
    Percent(Percent),
}

/// A size to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// A number of instances; for a fleet, capacity units.
    Exactly(Instances),
    /// `min` of the limits in force, which a schedule may replace.
    Minimum,
    /// `max` of the limits in force, which a schedule may replace.
    Maximum,
}
