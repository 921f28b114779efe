//! Guards: what holds the rules of a target back.

use std::time::Duration;

use crate::observation::Direction;
use crate::units::{Instances, Percent};

/// What holds rules back, per target.
#[derive(Clone, Debug, PartialEq)]
pub struct Guards {
    /// `step.grow`: the most that one resize adds; a share is of the requested size.
    pub step_grow: Option<Cap>,
    /// `step.shrink`: the most that one resize removes; a share is of the requested size.
    pub step_shrink: Option<Cap>,
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
    /// A scale-in waits at most this long for instances that store shuffle output of a running
    /// application; zero for no such wait.
    pub keep_shuffle_output: Duration,
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
            keep_shuffle_output: minutes(30),
            hdfs: HdfsGuard::default(),
        }
    }
}

/// The most that may be added or removed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cap {
    /// A number of instances, above zero; for a fleet, capacity units.
    Instances(Instances),
    /// A share of a size, rounded down, but at least one instance.
    Percent(Percent),
}

impl Cap {
    /// The cap in instances, for a group of this size; never zero. It is a promise, so a share is
    /// rounded down.
    pub fn of(self, size: Instances) -> Instances {
        match self {
            Self::Instances(instances) => instances,
            Self::Percent(percent) => Instances(whole(percent, size).max(1)),
        }
    }

    /// Whether the share of this size is less than one instance.
    pub fn is_below_one(self, size: Instances) -> bool {
        match self {
            Self::Instances(_) => false,
            Self::Percent(percent) => whole(percent, size) == 0,
        }
    }
}

/// A share of a size, rounded down. The error of a product such as 10 * 0.7 is not counted.
fn whole(percent: Percent, size: Instances) -> u32 {
    const ROUNDING: f64 = 1e-9;
    let share = size.as_f64() * percent.get() / 100.0 + ROUNDING;
    share.floor().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// `budget`: the most in one direction during any time span of the given length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Budget {
    /// The direction that it limits: `grow` is out, `shrink` is in.
    pub direction: Direction,
    /// The most that is added or removed; a share is of the size at the beginning of the time span.
    pub cap: Cap,
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
