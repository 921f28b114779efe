//! The closed set of signals that a condition can read, with the unit of each.

mod read;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::observation::{GroupId, GroupStatus, MetricId, Observation, Sampled};
use crate::policy::selector::Selector;
use crate::units::Instances;

/// A unit as exponents of its base units: mebibytes, seconds and percent. All zero is a plain
/// number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// The exponent of MiB.
    pub mebibytes: i8,
    /// The exponent of seconds.
    pub seconds: i8,
    /// The exponent of percent, which is a unit of its own and not a factor of 100.
    pub percent: i8,
}

impl Unit {
    /// No unit, as for counts and ratios.
    pub const NUMBER: Self = Self {
        mebibytes: 0,
        seconds: 0,
        percent: 0,
    };
    /// MiB; conditions may write other units of memory, which are converted.
    pub const MEMORY: Self = Self {
        mebibytes: 1,
        ..Self::NUMBER
    };
    /// Seconds; conditions may write other units of time, which are converted.
    pub const TIME: Self = Self {
        seconds: 1,
        ..Self::NUMBER
    };
    /// Percent: 15 means 15%.
    pub const PERCENT: Self = Self {
        percent: 1,
        ..Self::NUMBER
    };
    /// What `rate(...)` of a count has.
    pub const PER_SECOND: Self = Self {
        seconds: -1,
        ..Self::NUMBER
    };

    /// The unit of a product.
    #[must_use]
    pub fn times(self, other: Self) -> Self {
        Self {
            mebibytes: self.mebibytes.saturating_add(other.mebibytes),
            seconds: self.seconds.saturating_add(other.seconds),
            percent: self.percent.saturating_add(other.percent),
        }
    }

    /// The unit of a quotient.
    #[must_use]
    pub fn per(self, other: Self) -> Self {
        self.times(Self {
            mebibytes: other.mebibytes.saturating_neg(),
            seconds: other.seconds.saturating_neg(),
            percent: other.percent.saturating_neg(),
        })
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::NUMBER {
            return f.write_str("a plain number");
        }
        let mut first = true;
        for (exponent, name) in [
            (self.mebibytes, "MiB"),
            (self.seconds, "s"),
            (self.percent, "%"),
        ] {
            if exponent != 0 {
                write!(f, "{}{name}", if first { "" } else { " " })?;
                first = false;
                if exponent != 1 {
                    write!(f, "^{exponent}")?;
                }
            }
        }
        Ok(())
    }
}

/// What a condition reads: a built-in signal, or a CloudWatch metric that the policy declares.
#[derive(Clone, Debug, PartialEq)]
pub enum SignalSource {
    /// A signal that Headroom observes itself.
    BuiltIn(Signal),
    /// A CloudWatch metric that the policy declares under `metrics:`.
    Metric {
        /// The name that the policy declares it by.
        id: MetricId,
        /// A value older than this is stale, and a gap wider than this resets a `for` timer: two
        /// periods and the delay.
        allowance: Duration,
    },
    /// A signal of the group that another target selects.
    OfTarget {
        /// The signal; it is one of a group.
        signal: Signal,
        /// What the other target selects.
        selector: Selector,
        /// As conditions write it: `emr_instances_running(spot)`.
        name: Arc<str>,
    },
}

/// By group, how many of the requested instances a failed scale-out did not bring. Groups that are
/// left out have none.
pub type FailedInstances = [(GroupId, Instances)];

impl SignalSource {
    /// The value for a target that selects `group`, with its time; `None` when it was not observed or
    /// is not a finite number. Without `failed`, it is not known which scale-outs failed.
    pub fn read(
        &self,
        observation: &Observation,
        group: &GroupStatus,
        failed: Option<&FailedInstances>,
    ) -> Option<Sampled<f64>> {
        let of_group = |signal: Signal, group: &GroupStatus| match signal {
            Signal::EmrInstancesFailed => Some(failed_of(observation, group, failed?)),
            signal => signal.read(observation, group),
        };
        let sample = match self {
            Self::BuiltIn(signal) => of_group(*signal, group),
            Self::OfTarget {
                signal, selector, ..
            } => {
                let groups = &observation.cluster.value.groups;
                of_group(*signal, selector.select_only(groups)?)
            }
            Self::Metric { id, .. } => observation.metrics.get(id).copied(),
        };
        sample.filter(|sample| sample.value.is_finite())
    }

    /// The signal that Headroom observes itself, of this target or of another one.
    pub fn signal(&self) -> Option<Signal> {
        match self {
            Self::BuiltIn(signal) | Self::OfTarget { signal, .. } => Some(*signal),
            Self::Metric { .. } => None,
        }
    }

    /// How old a value may be, and how far apart two samples may lie: three polls for what is
    /// polled.
    pub fn allowance(&self, poll: Duration) -> Duration {
        match self {
            Self::BuiltIn(_) | Self::OfTarget { .. } => poll * 3,
            Self::Metric { allowance, .. } => *allowance,
        }
    }

    /// The name as conditions write it; for built-in signals, Headroom's own name.
    pub fn name(&self) -> &str {
        match self {
            Self::BuiltIn(signal) => signal.name(),
            Self::Metric { id, .. } => id.as_str(),
            Self::OfTarget { name, .. } => name,
        }
    }
}

fn failed_of(
    observation: &Observation,
    group: &GroupStatus,
    failed: &FailedInstances,
) -> Sampled<f64> {
    let found = failed.iter().find(|(id, _)| *id == group.id);
    Sampled {
        value: found.map_or(0.0, |(_, instances)| instances.as_f64()),
        measured_at: observation.cluster.measured_at,
    }
}

/// Defines the signals: variant, name, unit, CloudWatch's names for it, meaning.
macro_rules! signals {
    ($($variant:ident = $name:literal, $unit:ident, [$($alias:literal),*], $doc:literal;)+) => {
        /// A built-in signal. Its name carries its unit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Signal {
            $(#[doc = $doc] $variant),+
        }

        impl Signal {
            /// All signals, in the order of the reference.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Headroom's own name, such as `yarn_memory_pending_mib`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// Names that CloudWatch gives the same quantity; a condition may use them.
            pub const fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($alias),*]),+ }
            }

            /// The unit of its values.
            pub const fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit),+ }
            }

            /// What it measures, in one sentence.
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $doc),+ }
            }
        }
    };
}

signals! {
    YarnMemoryAvailablePercent = "yarn_memory_available_percent", PERCENT, ["YARNMemoryAvailablePercentage"], "Memory that YARN could still allocate, as a share of its total.";
    YarnMemoryAllocatedPercent = "yarn_memory_allocated_percent", PERCENT, [], "Memory allocated to containers, as a share of YARN's total.";
    YarnMemoryAvailableMib = "yarn_memory_available_mib", MEMORY, ["MemoryAvailableMB"], "Memory that YARN could still allocate.";
    YarnMemoryAllocatedMib = "yarn_memory_allocated_mib", MEMORY, ["MemoryAllocatedMB"], "Memory allocated to containers.";
    YarnMemoryReservedMib = "yarn_memory_reserved_mib", MEMORY, ["MemoryReservedMB"], "Memory reserved for containers that do not fit yet.";
    YarnMemoryPendingMib = "yarn_memory_pending_mib", MEMORY, [], "Memory that applications wait for.";
    YarnMemoryTotalMib = "yarn_memory_total_mib", MEMORY, ["MemoryTotalMB"], "Memory of all active NodeManagers.";
    YarnVcoresAvailablePercent = "yarn_vcores_available_percent", PERCENT, [], "Virtual cores that YARN could still allocate, as a share of its total.";
    YarnVcoresAllocatedPercent = "yarn_vcores_allocated_percent", PERCENT, [], "Virtual cores allocated to containers, as a share of YARN's total.";
    YarnVcoresAvailable = "yarn_vcores_available", NUMBER, [], "Virtual cores that YARN could still allocate.";
    YarnVcoresAllocated = "yarn_vcores_allocated", NUMBER, [], "Virtual cores allocated to containers.";
    YarnVcoresReserved = "yarn_vcores_reserved", NUMBER, [], "Virtual cores reserved for containers that do not fit yet.";
    YarnVcoresPending = "yarn_vcores_pending", NUMBER, [], "Virtual cores that applications wait for.";
    YarnVcoresTotal = "yarn_vcores_total", NUMBER, [], "Virtual cores of all active NodeManagers.";
    YarnContainersAllocated = "yarn_containers_allocated", NUMBER, ["ContainerAllocated"], "Containers that run.";
    YarnContainersPending = "yarn_containers_pending", NUMBER, ["ContainerPending"], "Containers that wait.";
    YarnContainersReserved = "yarn_containers_reserved", NUMBER, ["ContainerReserved"], "Containers reserved on a node that has no room yet.";
    YarnContainerPendingRatio = "yarn_container_pending_ratio", NUMBER, ["ContainerPendingRatio"], "Pending containers over allocated ones; the pending ones when none is allocated.";
    YarnContainersReleasedTotal = "yarn_containers_released_total", NUMBER, [], "Containers released since the ResourceManager started; `rate(...)` of it is the turnover.";
    YarnAppsPending = "yarn_apps_pending", NUMBER, ["AppsPending"], "Applications that wait to start.";
    YarnAppsRunning = "yarn_apps_running", NUMBER, ["AppsRunning"], "Applications that run.";
    YarnNodesActive = "yarn_nodes_active", NUMBER, ["MRActiveNodes"], "NodeManagers that take work.";
    YarnNodesDecommissioning = "yarn_nodes_decommissioning", NUMBER, [], "NodeManagers that finish their work and take no more.";
    YarnNodesDecommissioned = "yarn_nodes_decommissioned", NUMBER, ["MRDecommissionedNodes"], "NodeManagers that were taken out.";
    YarnNodesLost = "yarn_nodes_lost", NUMBER, ["MRLostNodes"], "NodeManagers that stopped answering.";
    YarnNodesUnhealthy = "yarn_nodes_unhealthy", NUMBER, ["MRUnhealthyNodes"], "NodeManagers that report themselves unhealthy.";
    YarnNodesNotListed = "yarn_nodes_not_listed", NUMBER, [], "Core and task instances that EMR runs and YARN does not list: starting, never registered, or lost.";
    WorkDrainSeconds = "work_drain_seconds", TIME, [], "How long the known work of the running Spark and MapReduce applications takes at the size that each has now; unknown while `work_apps_unknown` is not zero.";
    WorkTasksRemaining = "work_tasks_remaining", NUMBER, [], "Tasks of running Spark and MapReduce applications that have not completed; unknown while `work_apps_unknown` is not zero.";
    WorkExecutorsNeeded = "work_executors_needed", NUMBER, [], "Executors that the tasks of running Spark applications could use, within each application's maximum; unknown while `work_apps_unknown` is not zero.";
    WorkExecutorsHeld = "work_executors_held", NUMBER, [], "Executors that running Spark applications have; unknown while `work_apps_unknown` is not zero.";
    WorkExecutorsIdle = "work_executors_idle", NUMBER, [], "Executors of running Spark applications that run no task; unknown while `work_apps_unknown` is not zero.";
    WorkLargestAppPercent = "work_largest_app_percent", PERCENT, [], "Memory of the largest running application, as a share of what is allocated to all.";
    WorkAppsUnknown = "work_apps_unknown", NUMBER, [], "Running Spark and MapReduce applications that did not say what is left to do.";
    HdfsUsedPercent = "hdfs_used_percent", PERCENT, ["HDFSUtilization"], "Storage in use, as a share of HDFS's capacity.";
    HdfsCapacityRemainingMib = "hdfs_capacity_remaining_mib", MEMORY, [], "Storage that HDFS has left.";
    HdfsBlocksUnderReplicated = "hdfs_blocks_under_replicated", NUMBER, ["UnderReplicatedBlocks"], "Blocks with fewer copies than they should have.";
    HdfsBlocksMissing = "hdfs_blocks_missing", NUMBER, ["MissingBlocks"], "Blocks without any copy.";
    EmrInstancesRequested = "emr_instances_requested", NUMBER, [], "Instances that EMR was asked for in the target group.";
    EmrInstancesRunning = "emr_instances_running", NUMBER, [], "Instances that run in the target group.";
    EmrInstancesFailed = "emr_instances_failed", NUMBER, [], "Instances of the target group that its last scale-out did not bring, if it failed.";
    EmrStepsPending = "emr_steps_pending", NUMBER, [], "Steps that wait.";
    EmrStepsRunning = "emr_steps_running", NUMBER, [], "Steps that run.";
    EmrIdleSeconds = "emr_idle_seconds", TIME, [], "How long nothing has run on the cluster; zero while something does.";
}

impl Signal {
    /// Whether the value is not known without YARN. The idle time is one of these: EMR reports
    /// WAITING while no step runs, and only YARN shows whether applications run.
    pub fn needs_yarn(self) -> bool {
        self == Self::EmrIdleSeconds || self.name().starts_with("yarn_") || self.needs_work()
    }

    /// Whether applications are asked for it.
    pub fn needs_work(self) -> bool {
        self.name().starts_with("work_")
    }

    /// Whether it is one of a group, and not of the whole cluster.
    pub const fn is_of_group(self) -> bool {
        matches!(
            self,
            Self::EmrInstancesRequested | Self::EmrInstancesRunning | Self::EmrInstancesFailed
        )
    }

    /// The signal with this name, be it ours or CloudWatch's.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|signal| signal.name() == name || signal.aliases().contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{Scene, task_group};
    use crate::observation::NodesByState;
    use crate::units::Mebibytes;

    #[test]
    fn no_two_signals_share_a_name_or_an_alias() {
        let mut names: Vec<&str> = Signal::ALL
            .iter()
            .flat_map(|signal| signal.aliases().iter().copied().chain([signal.name()]))
            .collect();
        names.sort_unstable();
        let count = names.len();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn numbers_of_nodes_are_unknown_in_recordings_that_do_not_have_them() {
        let mut observation = Scene::new(vec![task_group(4)]).observation();
        let signals = Signal::ALL.iter();
        let of_nodes: Vec<Signal> = signals
            .copied()
            .filter(|signal| signal.name().starts_with("yarn_nodes_"))
            .collect();
        assert_eq!(of_nodes.len(), 6);
        let mut known = |nodes: NodesByState| {
            let yarn = observation.yarn.as_mut().expect("YARN answers");
            yarn.value.memory_total = Mebibytes(1_024);
            yarn.value.nodes = nodes;
            let group = &observation.cluster.value.groups[0];
            let values = of_nodes
                .iter()
                .map(|signal| signal.read(&observation, group));
            values
                .flatten()
                .map(|sample| sample.value)
                .collect::<Vec<_>>()
        };
        assert_eq!(known(NodesByState::default()), [0.0; 0]);
        let nodes = NodesByState {
            active: 2,
            unhealthy: 1,
            ..NodesByState::default()
        };
        assert_eq!(known(nodes), [2.0, 0.0, 0.0, 0.0, 1.0, 1.0]);
    }

    #[test]
    fn a_signal_in_percent_or_mebibytes_says_so_in_its_name() {
        for signal in Signal::ALL {
            assert_eq!(
                signal.name().ends_with("_percent"),
                signal.unit() == Unit::PERCENT,
                "{}",
                signal.name()
            );
            assert_eq!(
                signal.name().ends_with("_mib"),
                signal.unit() == Unit::MEMORY,
                "{}",
                signal.name()
            );
        }
    }

    #[test]
    fn the_language_reference_lists_every_signal() {
        let reference = include_str!("../../docs/policy-language.md");
        for signal in Signal::ALL {
            let aliases: Vec<String> = signal
                .aliases()
                .iter()
                .map(|alias| format!("`{alias}`"))
                .collect();
            let unit = if signal.unit() == Unit::NUMBER {
                "number".to_owned()
            } else {
                signal.unit().to_string()
            };
            let row = format!(
                "| `{}` | {unit} | {} | {} |",
                signal.name(),
                aliases.join(", "),
                signal.meaning()
            );
            assert!(reference.contains(&row), "missing: {row}");
        }
    }
}
