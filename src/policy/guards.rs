//! Guards: what holds the rules of a target back.

use std::time::Duration;

use crate::observation::Direction;
use crate::units::{Instances, Percent};

/// What holds rules back, per target.
#[derive(Clone, Debug, PartialEq)]
pub struct Guards {
    /// `step.grow`: the most instances that one resize adds.
    pub step_grow: Option<Instances>,
    /// `step.shrink`: the most instances that one resize removes.
    pub step_shrink: Option<Instances>,
    /// `budget`: at most one for each direction; empty without the field.
    pub budgets: Vec<Budget>,
    /// `flips`: `None` allows any number of changes of direction.
    pub flips: Option<FlipBudget>,
    /// Least time between two resizes in opposite directions.
    pub reversal: Duration,
    /// A scale-in goes no lower than the highest size that was desired during this time.
    pub stabilization: Duration,
    /// A scale-out that is not complete after this time has failed.
    pub provision_timeout: Duration,
    /// How long growth waits after a failed resize; doubled after each further failure, up to
    /// `quarantine_max`.
    pub quarantine: Duration,
    /// The longest quarantine, however many failures there are in a row.
    pub quarantine_max: Duration,
    /// How long the target is left alone after someone else resized it.
    pub yield_to_operator: Duration,
    /// A scale-in leaves as many instances as run an application master.
    pub keep_application_masters: bool,
    /// Applies to targets whose group has the role core.
    pub hdfs: HdfsGuard,
}

impl Default for Guards {
    fn default() -> Self {
        let minutes = |m: u64| Duration::from_secs(60 * m);
        Self {
            step_grow: None,
            step_shrink: None,
            budgets: Vec::new(),
            flips: None,
            reversal: minutes(1),
            stabilization: Duration::ZERO,
            provision_timeout: minutes(30),
            quarantine: minutes(5),
            quarantine_max: minutes(60),
            yield_to_operator: minutes(15),
            keep_application_masters: true,
            hdfs: HdfsGuard::default(),
        }
    }
}

/// `budget`: at most so many instances in one direction during any time span of the given length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The direction that it limits: `grow` is out, `shrink` is in.
    pub direction: Direction,
    /// The most instances that are added or removed; for a fleet, capacity units.
    pub instances: Instances,
    /// The length of the time span, which moves along with the clock.
    pub per: Duration,
}

/// `flips`: at most so many changes of direction. When spent, scale-in waits; scale-out never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlipBudget {
    /// How many changes of direction are allowed.
    pub max: u32,
    /// How long a change of direction counts.
    pub per: Duration,
}

/// What keeps the core group large enough for its blocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HdfsGuard {
    /// `dfs.replication`; EMR's default for the number of core nodes when absent.
    pub replication: Option<u32>,
    /// How full the remaining nodes may become.
    pub max_used: Percent,
}

impl Default for HdfsGuard {
    fn default() -> Self {
        Self {
            replication: None,
            max_used: Percent(80.0),
        }
    }
}
