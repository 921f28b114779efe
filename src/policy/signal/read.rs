//! Reads the signals from an observation.

use std::time::Duration;

use super::Signal;
use crate::observation::node_count::NodeCount;
use crate::observation::{GroupStatus, Observation, Sampled};
use crate::units::Timestamp;

impl Signal {
    /// The value with its time; `None` when its source was not observed, the value is undefined (a share
    /// of nothing), or it is not an observation: see [`SignalSource::read`](super::SignalSource::read).
    pub fn read(self, observation: &Observation, group: &GroupStatus) -> Option<Sampled<f64>> {
        match self {
            Self::HdfsUsedPercent
            | Self::HdfsCapacityRemainingMib
            | Self::HdfsBlocksUnderReplicated
            | Self::HdfsBlocksMissing => self.read_hdfs(observation),
            Self::EmrInstancesRequested
            | Self::EmrInstancesRunning
            | Self::EmrStepsPending
            | Self::EmrStepsRunning
            | Self::EmrIdleSeconds => Some(self.read_cluster(observation, group)),
            Self::EmrInstancesFailed => None,
            Self::YarnNodesNotListed => {
                NodeCount::of(observation, Duration::MAX).map(|count| Sampled {
                    value: f64::from(count.value.not_listed),
                    measured_at: count.measured_at,
                })
            }
            _ if self.needs_work() => self.read_work(observation),
            _ => self.read_yarn(observation),
        }
    }

    fn read_work(self, observation: &Observation) -> Option<Sampled<f64>> {
        let Sampled {
            value: work,
            measured_at,
        } = observation.work.as_ref()?;
        let totals = &work.totals;
        let number = |count: Option<u64>| count.map(|count| count as f64);
        let value = match self {
            Self::WorkDrainSeconds => totals.drain_s,
            Self::WorkTasksRemaining => number(totals.tasks_remaining),
            Self::WorkExecutorsNeeded => number(totals.executors_needed),
            Self::WorkExecutorsHeld => number(totals.executors_held),
            Self::WorkExecutorsIdle => number(totals.executors_idle),
            Self::WorkLargestAppPercent => totals.largest_app.map(|share| share.get()),
            _ => number(Some(totals.apps_unknown)),
        };
        Some(Sampled {
            value: value?,
            measured_at: *measured_at,
        })
    }

    fn read_yarn(self, observation: &Observation) -> Option<Sampled<f64>> {
        let Sampled {
            value: yarn,
            measured_at,
        } = observation.yarn.as_ref()?;
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| 100.0 * part / whole);
        let value = match self {
            Self::YarnMemoryAvailablePercent => {
                share(yarn.memory_available.as_f64(), yarn.memory_total.as_f64())?
            }
            Self::YarnMemoryAllocatedPercent => {
                share(yarn.memory_allocated.as_f64(), yarn.memory_total.as_f64())?
            }
            Self::YarnMemoryAvailableMib => yarn.memory_available.as_f64(),
            Self::YarnMemoryAllocatedMib => yarn.memory_allocated.as_f64(),
            Self::YarnMemoryReservedMib => yarn.memory_reserved.as_f64(),
            Self::YarnMemoryPendingMib => yarn.memory_pending.as_f64(),
            Self::YarnMemoryTotalMib => yarn.memory_total.as_f64(),
            Self::YarnVcoresAvailablePercent => {
                share(yarn.vcores_available?.as_f64(), yarn.vcores_total?.as_f64())?
            }
            Self::YarnVcoresAllocatedPercent => {
                share(yarn.vcores_allocated?.as_f64(), yarn.vcores_total?.as_f64())?
            }
            Self::YarnVcoresAvailable => yarn.vcores_available?.as_f64(),
            Self::YarnVcoresAllocated => yarn.vcores_allocated?.as_f64(),
            Self::YarnVcoresReserved => yarn.vcores_reserved?.as_f64(),
            Self::YarnVcoresPending => yarn.vcores_pending?.as_f64(),
            Self::YarnVcoresTotal => yarn.vcores_total?.as_f64(),
            Self::YarnContainersAllocated => yarn.containers_allocated as f64,
            Self::YarnContainersPending => yarn.containers_pending as f64,
            Self::YarnContainersReserved => yarn.containers_reserved as f64,
            Self::YarnContainerPendingRatio => {
                yarn.containers_pending as f64 / (yarn.containers_allocated.max(1)) as f64
            }
            Self::YarnContainersReleasedTotal => yarn.containers_released_total? as f64,
            Self::YarnAppsPending => yarn.apps_pending as f64,
            Self::YarnAppsRunning => yarn.apps_running as f64,
            Self::YarnNodesActive => f64::from(yarn.known_nodes()?.active),
            Self::YarnNodesDecommissioning => f64::from(yarn.known_nodes()?.decommissioning),
            Self::YarnNodesDecommissioned => f64::from(yarn.known_nodes()?.decommissioned),
            Self::YarnNodesLost => f64::from(yarn.known_nodes()?.lost),
            Self::YarnNodesUnhealthy => f64::from(yarn.known_nodes()?.unhealthy),
            _ => return None,
        };
        Some(Sampled {
            value,
            measured_at: *measured_at,
        })
    }

    fn read_hdfs(self, observation: &Observation) -> Option<Sampled<f64>> {
        let Sampled {
            value: hdfs,
            measured_at,
        } = observation.hdfs.as_ref()?;
        let value = match self {
            Self::HdfsUsedPercent if hdfs.capacity_total.get() == 0 => return None,
            Self::HdfsUsedPercent => {
                100.0 * hdfs.capacity_used.as_f64() / hdfs.capacity_total.as_f64()
            }
            Self::HdfsCapacityRemainingMib => (hdfs.capacity_total - hdfs.capacity_used).as_f64(),
            Self::HdfsBlocksUnderReplicated => hdfs.blocks_under_replicated as f64,
            Self::HdfsBlocksMissing => hdfs.blocks_missing as f64,
            _ => return None,
        };
        Some(Sampled {
            value,
            measured_at: *measured_at,
        })
    }

    fn read_cluster(self, observation: &Observation, group: &GroupStatus) -> Sampled<f64> {
        let Sampled {
            value: cluster,
            measured_at,
        } = &observation.cluster;
        let idle_s = |since: Timestamp| measured_at.since(since).as_secs_f64();
        let value = match self {
            Self::EmrInstancesRequested => group.requested.as_f64(),
            Self::EmrInstancesRunning => group.running.as_f64(),
            Self::EmrStepsPending => f64::from(cluster.steps_pending),
            Self::EmrStepsRunning => f64::from(cluster.steps_running),
            _ => cluster.idle_since.map_or(0.0, idle_s),
        };
        Sampled {
            value,
            measured_at: *measured_at,
        }
    }
}
