//! The validated policy: what the engine may assume about it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::observation::GroupStatus;
use crate::policy::demand::{Demand, DemandUnits};
use crate::policy::group_match::{GroupMatch, match_groups};
use crate::policy::guards::Guards;
use crate::policy::limits::Limits;
use crate::policy::metric::MetricSpec;
use crate::policy::schedule::ScheduleWindow;
use crate::policy::selector::Selector;
use crate::policy::target::Target;

/// How often the cluster is observed when a policy does not set `poll`.
pub const DEFAULT_POLL: Duration = Duration::from_secs(30);

/// A whole policy file. A policy that exists is valid: only the parser builds one, and no method
/// can make it invalid.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    header: Header,
    scaling: Scaling,
}

/// What every policy has, whether it scales by rules or follows demand.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::policy) struct Header {
    pub name: Arc<str>,
    pub description: Option<String>,
    pub poll: Duration,
    pub uses_yarn: bool,
    pub metrics: Vec<MetricSpec>,
}

/// How a policy finds the sizes of its targets: by rules or by demand. [`Policy::following`] keeps
/// rules away from targets that follow demand.
#[derive(Clone, Debug, PartialEq)]
enum Scaling {
    Rules {
        targets: Vec<Target>,
    },
    Demand {
        demand: Demand,
        targets: Vec<Target>,
    },
}

/// A target of a policy that follows demand, which has no rules.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::policy) struct DemandTarget {
    pub selector: Selector,
    pub may_be_absent: bool,
    pub limits: Limits,
    pub guards: Guards,
    pub schedule: Vec<ScheduleWindow>,
}

impl From<DemandTarget> for Target {
    fn from(target: DemandTarget) -> Self {
        Self {
            selector: target.selector,
            may_be_absent: target.may_be_absent,
            limits: target.limits,
            rules: Vec::new(),
            guards: target.guards,
            schedule: target.schedule,
            signals: Vec::new(),
            windows: Vec::new(),
        }
    }
}

impl Policy {
    /// A policy that scales each target by its rules.
    pub(in crate::policy) fn with_rules(header: Header, targets: Vec<Target>) -> Self {
        Self {
            header,
            scaling: Scaling::Rules { targets },
        }
    }

    /// A policy whose targets follow demand together.
    pub(in crate::policy) fn following(
        header: Header,
        demand: Demand,
        targets: Vec<DemandTarget>,
    ) -> Self {
        Self {
            header,
            scaling: Scaling::Demand {
                demand,
                targets: targets.into_iter().map(Target::from).collect(),
            },
        }
    }

    #[cfg(test)]
    pub(crate) fn for_tests(name: &str, poll: Duration, targets: Vec<Target>) -> Self {
        let header = Header {
            name: name.into(),
            description: None,
            poll,
            uses_yarn: true,
            metrics: Vec::new(),
        };
        Self::with_rules(header, targets)
    }

    #[cfg(test)]
    pub(crate) fn target_for_tests(&mut self) -> &mut Target {
        &mut self.targets_mut()[0]
    }

    /// The policy's name, as decisions, metrics and reports show it.
    pub fn name(&self) -> &str {
        &self.header.name
    }

    /// What the policy is for, in the words of its author.
    pub fn description(&self) -> Option<&str> {
        self.header.description.as_deref()
    }

    /// Time between two observations.
    pub fn poll(&self) -> Duration {
        self.header.poll
    }

    /// Whether YARN runs the cluster's work. If not, YARN is not read, no rule reads it, and groups
    /// scale in without knowing what runs on which instance.
    pub fn uses_yarn(&self) -> bool {
        self.header.uses_yarn
    }

    /// CloudWatch metrics that the conditions read in addition to the built-in signals.
    pub fn metrics(&self) -> &[MetricSpec] {
        &self.header.metrics
    }

    /// The limits within which the policy follows demand; `None` when it scales by rules.
    pub fn demand(&self) -> Option<&Demand> {
        match &self.scaling {
            Scaling::Rules { .. } => None,
            Scaling::Demand { demand, .. } => Some(demand),
        }
    }

    /// The targets in file order; never empty. Targets that follow demand have no rules.
    pub fn targets(&self) -> &[Target] {
        match &self.scaling {
            Scaling::Rules { targets } | Scaling::Demand { targets, .. } => targets,
        }
    }

    fn targets_mut(&mut self) -> &mut Vec<Target> {
        match &mut self.scaling {
            Scaling::Rules { targets } | Scaling::Demand { targets, .. } => targets,
        }
    }

    /// Finds the group of each target among the groups of a cluster, in the order of
    /// [`targets`](Self::targets). A group belongs to the first target that selects it.
    pub fn match_groups<'g>(
        &self,
        groups: &'g [GroupStatus],
    ) -> impl Iterator<Item = GroupMatch<'g>> {
        match_groups(self.targets(), groups)
    }

    /// The same policy within other limits: comparisons run every policy within the limits of one
    /// scenario. Several targets that follow demand share them.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        let mut each = limits;
        if let Scaling::Demand { demand, targets } = &mut self.scaling {
            *demand = demand.within(limits);
            if targets.len() > 1 {
                each = Limits::up_to(limits.max());
            }
        }
        for target in self.targets_mut() {
            target.limits = each;
        }
        self
    }

    /// The same policy for another group: comparisons run every policy on the group that a
    /// scenario scales. A policy that follows demand keeps only its first target.
    ///
    /// # Errors
    /// When the policy has rules for several targets, which one group cannot serve; when its
    /// `demand` counts units that the group does not have.
    pub fn on_group(mut self, selector: &Selector) -> Result<Self, OnGroupError> {
        match &mut self.scaling {
            Scaling::Demand { demand, targets } => {
                if selector
                    .kind()
                    .is_some_and(|kind| !demand.units.count(kind))
                {
                    return Err(OnGroupError::Units {
                        units: demand.units,
                        selector: selector.clone(),
                    });
                }
                targets.truncate(1);
            }
            Scaling::Rules { targets } if targets.len() > 1 => {
                return Err(OnGroupError::SeveralTargets {
                    policy: self.header.name,
                    targets: targets.len(),
                });
            }
            Scaling::Rules { .. } => {}
        }
        for target in self.targets_mut() {
            target.selector = selector.clone();
        }
        Ok(self)
    }
}

/// Why a policy cannot run on one given group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnGroupError {
    /// The policy has rules for several groups.
    SeveralTargets {
        /// Name of the policy.
        policy: Arc<str>,
        /// How many targets it has.
        targets: usize,
    },
    /// The policy's `demand` counts units that the group does not have.
    Units {
        /// What `demand` counts.
        units: DemandUnits,
        /// The group.
        selector: Selector,
    },
}

impl fmt::Display for OnGroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SeveralTargets { policy, targets } => write!(
                f,
                "policy `{policy}` has rules for {targets} groups and cannot run on a single group; use a policy with one target"
            ),
            Self::Units { units, selector } => write!(
                f,
                "`demand` counts {units}, which `{selector}` does not have; use `units: {}`",
                selector
                    .kind()
                    .map_or(DemandUnits::default(), DemandUnits::of)
            ),
        }
    }
}

impl std::error::Error for OnGroupError {}
