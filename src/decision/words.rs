//! How decisions and their parts read to a person.

use std::fmt;

use super::trouble::quoted;
use super::{Action, Cause, Decision, HoldReason, Limiter, Rejection, Resize, in_percent};
use crate::observation::Direction;

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.group {
            Some(group) => write!(f, "{} {group}: ", self.at)?,
            None => write!(f, "{} target {}: ", self.at, self.target + 1)?,
        }
        match &self.action {
            Action::Hold(reason) => write!(f, "hold at {}: {reason}", self.requested)?,
            Action::Resize(resize) => resize.fmt(f)?,
        }
        match (&self.action, &self.demand) {
            (
                Action::Resize(Resize {
                    because: Cause::Demand,
                    ..
                }),
                Some(demand),
            ) => write!(f, "; {demand}"),
            (Action::Hold(HoldReason::DemandMet), Some(demand)) if demand.is_cut() => {
                write!(f, "; {}", demand.need())?;
                write_each(f, &demand.held_back())
            }
            (Action::Hold(_), Some(demand)) => write_each(f, &demand.held_back()),
            _ => Ok(()),
        }
    }
}

fn write_each(f: &mut fmt::Formatter<'_>, parts: &[String]) -> fmt::Result {
    parts.iter().try_for_each(|part| write!(f, "; {part}"))
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The notation is that of the policy language: `grow` and `shrink` are its keys.
        let verb = match self.direction() {
            Direction::Out if self.is_retry() => "grow again",
            Direction::Out => "grow",
            Direction::In => "shrink",
        };
        write!(f, "{verb} {} -> {}: {}", self.from, self.to, self.reason())
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule) => write!(f, "rule {rule}"),
            Self::Demand => f.write_str("demand"),
            Self::BelowMinimum => f.write_str("below the minimum"),
            Self::AboveMaximum => f.write_str("above the maximum"),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Throttled => "throttled",
            Self::AccessDenied => "access denied",
            Self::NotModifiable => "not modifiable in its present state",
            Self::Other => "see the log",
        })
    }
}

impl fmt::Display for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Minimum => "the minimum",
            Self::Maximum => "the maximum",
            Self::HdfsFloor => "the HDFS floor",
            Self::ApplicationMasters => "application masters",
            Self::ShuffleOutput => "shuffle output that running applications may need",
            Self::Step => "the step cap",
            Self::Budget => "the budget",
            Self::Stabilization => "stabilization",
        })
    }
}

impl fmt::Display for HoldReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoRuleFiring => f.write_str("no rule is firing"),
            Self::DemandMet => f.write_str("the size meets the demand within its limits"),
            Self::StaleData { signal, measured_at } => write!(f, "{signal} is stale: it was last measured at {measured_at}"),
            Self::MissingSignal { signal } => write!(f, "{signal} is unknown: it was not observed, or not for long enough"),
            Self::NodesNotListed { not_listed, running, .. } if not_listed >= running => write!(
                f,
                "YARN lists none of the {running} instances that EMR runs; nothing scales in until it does"
            ),
            Self::NodesNotListed { not_listed, running, until } => write!(
                f,
                "YARN does not list {not_listed} of the {running} instances that EMR runs; nothing scales in until it does, at most until {until}"
            ),
            Self::AskingForOutput => f.write_str("asks the Spark applications first which nodes store shuffle output"),
            Self::CoolingDown { rule, until } => write!(f, "rule {rule} is cooling down until {until}"),
            Self::ResizeInFlight { to } => write!(f, "EMR has not reached the requested size of {to} yet"),
            Self::AtLimit { limiter: Limiter::Minimum, size, .. } => write!(f, "already at the minimum of {size}"),
            Self::AtLimit { limiter: Limiter::Maximum, size, .. } => write!(f, "already at the maximum of {size}"),
            Self::AtLimit { limiter, size, percent_cap } => {
                write!(f, "limited to {size} by {limiter}{}", in_percent(*percent_cap))
            }
            Self::HdfsFloor { floor } => write!(f, "HDFS needs {floor} core nodes, or is still copying blocks"),
            Self::FlipBudgetSpent { until } => write!(f, "too many changes of direction; scale-in waits until {until}"),
            Self::ReversalGuard { until } => write!(f, "the last resize went the other way; the next one waits until {until}"),
            Self::Frozen { window } => write!(f, "frozen by the schedule window {window}"),
            Self::Quarantined { until, message } => {
                let message = quoted(message.as_deref());
                write!(f, "the last scale-out failed{message}; the next one waits until {until}")
            }
            Self::Paused { until } => write!(f, "paused until {until}"),
            Self::YieldingToOperator { until } => write!(f, "someone else resized the group; Headroom leaves it alone until {until}"),
            Self::NotLeader => f.write_str("this daemon is a standby; another one leads"),
            Self::ClusterNotReady { state } => write!(f, "the cluster is {state}"),
            Self::GroupNotReady { state, message } => {
                write!(f, "the group is {state}{}", quoted(message.as_deref()))
            }
            Self::ScaledByAmazon => f.write_str("an Amazon scaling policy is attached to the group; detach it, or remove this target"),
            Self::TargetNotFound { matches: 0 } => f.write_str("no group of the cluster matches the target"),
            Self::TargetNotFound { matches } => write!(f, "{matches} groups match the target; under `targets`, name one by `id` or `name`"),
            Self::GroupTaken { target } => write!(f, "target {} already resizes this group; give each group one target", target + 1),
            Self::CallRejected { rejection, until } => {
                write!(f, "EMR rejected the last call ({rejection}); the next one waits until {until}")
            }
            Self::ClockWentBack { last } => write!(f, "the clock went back: the last observation was at {last}"),
        }
    }
}
