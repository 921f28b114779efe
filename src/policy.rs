//! A validated policy: what the engine may assume. Only [`parse`] builds one, so a policy that
//! exists is a policy that is right.

pub mod baselines;
pub mod condition;
pub mod demand;
pub mod diagnostic;
pub mod document;
pub mod emr_json;
mod grammar;
pub mod parse;
mod resolve;
pub mod scalar;
pub mod schedule;
pub mod signal;
pub mod yaml;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::observation::{Direction, GroupId, GroupStatus, Market, MetricId, Role, RuleName};
use crate::units::{Instances, Percent, Timestamp, display_duration};
use condition::{Condition, Expr, Leaf, WindowSpec};
use demand::Demand;
use schedule::ScheduleWindow;
use signal::{SignalSource, Unit};

/// How often the cluster is observed when a policy does not say.
pub const DEFAULT_POLL: Duration = Duration::from_secs(30);

/// A whole policy file.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    name: Arc<str>,
    description: Option<String>,
    poll: Duration,
    metrics: Vec<MetricSpec>,
    demand: Option<Demand>,
    targets: Vec<Target>,
}

impl Policy {
    #[cfg(test)]
    pub(crate) fn for_tests(name: &str, poll: Duration, targets: Vec<Target>) -> Self {
        Self {
            name: name.into(),
            description: None,
            poll,
            metrics: Vec::new(),
            demand: None,
            targets,
        }
    }

    #[cfg(test)]
    pub(crate) fn target_for_tests(&mut self) -> &mut Target {
        &mut self.targets[0]
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// Time between two observations.
    pub fn poll(&self) -> Duration {
        self.poll
    }

    /// CloudWatch metrics that the conditions use beside the built-in signals.
    pub fn metrics(&self) -> &[MetricSpec] {
        &self.metrics
    }

    /// What a policy without rules follows demand within; its targets have no rules then.
    pub fn demand(&self) -> Option<&Demand> {
        self.demand.as_ref()
    }

    /// In file order; never empty.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// The same policy under other limits: comparisons run every baseline inside one scenario's
    /// limits. Several targets that follow demand share them.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.demand = self.demand.map(|demand| demand.within(limits));
        let shared = self.demand.is_some() && self.targets.len() > 1;
        let limits = if shared {
            Limits {
                min: Instances(0),
                ..limits
            }
        } else {
            limits
        };
        self.targets
            .iter_mut()
            .for_each(|target| target.limits = limits);
        self
    }

    /// The same policy for another group: comparisons run every baseline on the group that a
    /// scenario scales.
    #[must_use]
    pub fn on_group(mut self, selector: &Selector) -> Self {
        if self.demand.is_some() {
            self.targets.truncate(1);
        }
        self.targets
            .iter_mut()
            .for_each(|target| target.selector = selector.clone());
        self
    }
}

/// A CloudWatch metric declared under `metrics:`.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSpec {
    pub id: MetricId,
    pub namespace: String,
    pub metric_name: String,
    /// Name and value; `${cluster_id}` stands for the cluster's own id.
    pub dimensions: Vec<(String, String)>,
    pub statistic: Statistic,
    pub period: Duration,
    /// How long after a period's end its value may appear.
    pub delay: Duration,
    pub unit: Unit,
}

impl MetricSpec {
    /// How old a value may be, counted from the end of its period, and how far apart two may lie.
    pub fn allowance(&self) -> Duration {
        self.period.saturating_mul(2).saturating_add(self.delay)
    }
}

/// CloudWatch statistics.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Statistic {
    #[default]
    Average,
    Sum,
    Minimum,
    Maximum,
    SampleCount,
}

/// One thing to resize, and by which rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub selector: Selector,
    /// The policy does not name it: a cluster need not have it.
    pub may_be_absent: bool,
    pub limits: Limits,
    pub rules: Vec<Rule>,
    pub guards: Guards,
    /// Windows in file order; the first one that is open applies.
    pub schedule: Vec<ScheduleWindow>,
    /// What the conditions of this target read; [`Expr::Signal`] is an index into it.
    pub signals: Vec<SignalSource>,
    /// Windows over these signals; [`Expr::Window`] is an index into it.
    pub windows: Vec<WindowSpec>,
}

impl Target {
    /// What a rule reads, for its condition and its change: in the order in which it is written,
    /// each once.
    pub fn leaves(&self, rule: &Rule) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        let mut add = |leaf| {
            if !leaves.contains(&leaf) {
                leaves.push(leaf);
            }
        };
        rule.when.leaves(&mut add);
        if let Change::Track { signal, .. } = &rule.then {
            signal.leaves(&mut add);
        }
        leaves
    }

    /// The signal behind what a rule reads: an index into `signals`.
    pub fn signal_of(&self, leaf: Leaf) -> usize {
        match leaf {
            Leaf::Signal(signal) => signal,
            Leaf::Window(window) => self.windows[window].signal,
        }
    }

    /// What a rule reads, as a condition writes it.
    pub fn text_of(&self, leaf: Leaf) -> Arc<str> {
        let name = self.signals[self.signal_of(leaf)].name();
        match leaf {
            Leaf::Signal(_) => name.into(),
            Leaf::Window(window) => {
                let WindowSpec { function, over, .. } = self.windows[window];
                format!("{function}({name}, {})", display_duration(over)).into()
            }
        }
    }

    /// The schedule window that applies at `at`.
    pub fn open_window(&self, at: Timestamp) -> Option<&ScheduleWindow> {
        self.schedule.iter().find(|window| window.is_open(at))
    }

    /// The limits in force at `at`: an open schedule window may replace the target's own.
    pub fn limits_at(&self, at: Timestamp) -> Limits {
        self.open_window(at)
            .and_then(|window| window.limits)
            .unwrap_or(self.limits)
    }
}

/// Which group or fleet a target means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// The only instance group with this role.
    Role(Role),
    /// The only instance group with this role and market.
    Group {
        role: Role,
        market: Market,
    },
    Name(Arc<str>),
    Id(GroupId),
    Fleet {
        role: Role,
        market: Market,
    },
}

impl Selector {
    /// Whether it means a fleet or an instance group, where that can be told.
    pub fn is_fleet(&self) -> Option<bool> {
        match self {
            Self::Role(_) | Self::Group { .. } => Some(false),
            Self::Fleet { .. } => Some(true),
            Self::Name(_) | Self::Id(_) => None,
        }
    }

    /// The role that it names.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Role(role) | Self::Group { role, .. } | Self::Fleet { role, .. } => Some(*role),
            Self::Name(_) | Self::Id(_) => None,
        }
    }

    pub fn matches(&self, group: &GroupStatus) -> bool {
        use crate::observation::GroupKind;
        match self {
            Self::Role(role) => group.kind == GroupKind::Group && group.role == *role,
            Self::Group { role, market } => {
                group.kind == GroupKind::Group && group.role == *role && group.market == *market
            }
            Self::Name(name) => group.name.as_ref() == Some(name),
            Self::Id(id) => group.id == *id,
            Self::Fleet { role, market } => {
                group.kind == GroupKind::Fleet && group.role == *role && group.market == *market
            }
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(role) => write!(f, "role: {role}"),
            Self::Group { role, market } => write!(f, "role: {role}, market: {market}"),
            Self::Name(name) => write!(f, "name: {name}"),
            Self::Id(id) => write!(f, "id: {id}"),
            Self::Fleet { role, market } => write!(f, "fleet: {role}, market: {market}"),
        }
    }
}

/// Smallest and largest size, `min <= max`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    min: Instances,
    max: Instances,
}

impl Limits {
    /// `None` when `min` is above `max`.
    pub fn new(min: Instances, max: Instances) -> Option<Self> {
        (min <= max).then_some(Self { min, max })
    }

    /// One size and no other.
    pub fn exactly(size: Instances) -> Self {
        Self {
            min: size,
            max: size,
        }
    }

    pub fn min(self) -> Instances {
        self.min
    }

    pub fn max(self) -> Instances {
        self.max
    }
}

/// One rule: when its condition has held for long enough, change the size.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub name: RuleName,
    pub when: Condition,
    /// The condition as it was written.
    pub when_text: Arc<str>,
    /// `for`: how long the condition must have been true at every sample.
    pub hold_for: Duration,
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

/// What holds rules back, per target.
#[derive(Clone, Debug, PartialEq)]
pub struct Guards {
    /// `step.grow`: the most instances that one resize adds.
    pub step_grow: Option<Instances>,
    /// `step.shrink`: the most instances that one resize removes.
    pub step_shrink: Option<Instances>,
    pub budgets: Vec<Budget>,
    pub flips: Option<FlipBudget>,
    /// Least time between two resizes in opposite directions.
    pub reversal: Duration,
    /// A scale-in goes no lower than the highest size wanted during this time.
    pub stabilization: Duration,
    /// A scale-out that is not complete after this time has failed.
    pub provision_timeout: Duration,
    /// How long growth waits after a failed resize; doubled after each further failure, up to
    /// `quarantine_max`.
    pub quarantine: Duration,
    pub quarantine_max: Duration,
    /// How long the target is left alone after someone else resized it.
    pub yield_to_operator: Duration,
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
            hdfs: HdfsGuard::default(),
        }
    }
}

/// `budget`: at most so many instances in one direction during any time span of the given length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    pub direction: Direction,
    pub instances: Instances,
    pub per: Duration,
}

/// `flips`: at most so many changes of direction. When spent, scale-in waits; scale-out never does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlipBudget {
    pub max: u32,
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
