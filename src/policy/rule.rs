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
    pub name: RuleName,
    pub when: Condition,
    /// The condition as it was written.
    pub when_text: Arc<str>,
    /// `for`: how long the condition must have been true at every sample.
    pub for_duration: Duration,
    pub then: Change,
    /// Counted from the completion of the resize that this rule caused.
    pub cooldown: Duration,
}

/// What a rule asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    Grow(Amount),
    Shrink(Amount),
    Set(Size),
    /// `ceil(nodes * signal / target)`, as Kubernetes' HPA computes it; no change while `|signal /
    /// target - 1| <= tolerance`.
    Track {
        signal: Expr,
        signal_text: Arc<str>,
        target: f64,
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
    Instances(Instances),
    /// Of the present size, rounded away from zero, at least one instance.
    Percent(Percent),
}

/// A size to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Exactly(Instances),
    Minimum,
    Maximum,
}
