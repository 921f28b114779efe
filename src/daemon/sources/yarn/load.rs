//! Computes the load over all partitions from the ResourceManager's numbers.

use std::collections::BTreeSet;

use crate::daemon::sources::yarn::wire::{
    App, AppState, ClusterMetrics, Node, PartitionCounts, PartitionUsage, Queue, QueueMetrics,
    Resource, SchedulerInfo,
};
use crate::observation::{NodesByState, YarnLoad};
use crate::units::{Mebibytes, Timestamp, VirtualCores};

/// The load of a cluster without node labels, which has only the default partition. `queue` is the
/// bean of the root queue, from which what is pending is read before Hadoop 3.3.
///
/// # Errors
/// When what is pending is in neither answer.
pub fn of_default_partition(
    metrics: &ClusterMetrics,
    queue: Option<&QueueMetrics>,
) -> Result<YarnLoad, String> {
    let from_queue = |field: fn(&QueueMetrics) -> Option<u64>| queue.and_then(field);
    let memory = metrics
        .pending_mib
        .or_else(|| from_queue(|queue| queue.pending_mib))
        .ok_or_else(|| not_pending("pendingMB", "PendingMB"))?;
    let vcores = metrics
        .pending_virtual_cores
        .or_else(|| from_queue(|queue| queue.pending_virtual_cores))
        .ok_or_else(|| not_pending("pendingVirtualCores", "PendingVCores"))?;
    Ok(YarnLoad {
        memory_pending: Mebibytes(memory),
        vcores_pending: Some(VirtualCores(vcores)),
        containers_released_total: queue.map(|queue| queue.aggregate_containers_released),
        ..without_pending(metrics)
    })
}

fn not_pending(field: &str, attribute: &str) -> String {
    format!(
        "clusterMetrics: missing field `{field}`, as before Hadoop 3.3, and the ResourceManager's `/jmx` \
         (QueueMetrics of the root queue) does not have `{attribute}` either"
    )
}

/// What `/metrics` reports in every version of Hadoop, with nothing pending.
fn without_pending(metrics: &ClusterMetrics) -> YarnLoad {
    YarnLoad {
        memory_total: Mebibytes(metrics.total_mib),
        memory_available: Mebibytes(not_negative(metrics.available_mib)),
        memory_allocated: Mebibytes(metrics.allocated_mib),
        memory_reserved: Mebibytes(metrics.reserved_mib),
        memory_pending: Mebibytes(0),
        vcores_total: Some(VirtualCores(metrics.total_virtual_cores)),
        vcores_available: Some(VirtualCores(not_negative(metrics.available_virtual_cores))),
        vcores_allocated: Some(VirtualCores(metrics.allocated_virtual_cores)),
        vcores_reserved: Some(VirtualCores(metrics.reserved_virtual_cores)),
        vcores_pending: None,
        containers_allocated: metrics.containers_allocated,
        containers_pending: metrics.containers_pending,
        containers_reserved: metrics.containers_reserved,
        containers_released_total: None,
        apps_running: metrics.apps_running,
        apps_pending: metrics.apps_pending,
        oldest_app_started_at: None,
        nodes: NodesByState {
            active: metrics.active_nodes,
            decommissioning: metrics.decommissioning_nodes,
            decommissioned: metrics.decommissioned_nodes,
            lost: metrics.lost_nodes,
            unhealthy: metrics.unhealthy_nodes,
        },
    }
}

/// The load over all partitions of a cluster with node labels. `counts` is empty before Hadoop 3.3.
///
/// `requested` is the number of containers that all applications ask for, which stands in for them.
///
/// # Errors
/// When a value is unknown for some partition.
pub fn over_partitions(
    metrics: &ClusterMetrics,
    scheduler: &SchedulerInfo<Queue>,
    counts: &[PartitionCounts],
    nodes: Option<&[Node]>,
    requested: Option<u64>,
) -> Result<YarnLoad, String> {
    let total = metrics
        .total_across_partitions
        .ok_or("node labels exist, but `totalClusterResourcesAcrossPartition` is missing")?;
    let queues = scheduler
        .queues
        .as_ref()
        .ok_or("node labels exist, but `scheduler.schedulerInfo.queues` is missing")?;
    let usages: Vec<&PartitionUsage> = queues
        .queue
        .iter()
        .flat_map(|queue| &queue.resources.resource_usages_by_partition)
        .collect();
    let used = sum(usages.iter().map(|usage| usage.used));
    let reserved = sum(usages.iter().map(|usage| usage.reserved));
    let pending = sum(usages.iter().map(|usage| usage.pending));
    let containers = containers(metrics, &usages, counts, nodes, requested)?;
    Ok(YarnLoad {
        memory_total: Mebibytes(total.memory),
        memory_available: Mebibytes(total.memory.saturating_sub(used.memory)),
        memory_allocated: Mebibytes(used.memory.saturating_sub(reserved.memory)),
        memory_reserved: Mebibytes(reserved.memory),
        memory_pending: Mebibytes(pending.memory),
        vcores_total: Some(VirtualCores(total.vcores)),
        vcores_available: Some(VirtualCores(total.vcores.saturating_sub(used.vcores))),
        vcores_allocated: Some(VirtualCores(used.vcores.saturating_sub(reserved.vcores))),
        vcores_reserved: Some(VirtualCores(reserved.vcores)),
        vcores_pending: Some(VirtualCores(pending.vcores)),
        containers_allocated: containers.allocated,
        containers_pending: containers.pending,
        containers_reserved: containers.reserved,
        containers_released_total: containers.released,
        ..without_pending(metrics)
    })
}

/// When the oldest unfinished application was submitted; `None` if this user may not see all of
/// them.
pub fn oldest_start(apps: &[App], running: u64) -> Option<Timestamp> {
    let present: Vec<&App> = apps
        .iter()
        .filter(|app| app.state != AppState::Other)
        .collect();
    let is_complete = present.len() as u64 >= running;
    let starts = present
        .iter()
        .map(|app| app.started_time.filter(|ms| *ms > 0))
        .collect::<Option<Vec<i64>>>();
    starts
        .filter(|_| is_complete)?
        .into_iter()
        .min()
        .map(Timestamp::from_millis)
}

/// Containers over all partitions.
struct Containers {
    allocated: u64,
    pending: u64,
    reserved: u64,
    released: Option<u64>,
}

/// Counts containers by partition, as Hadoop 3.3 and later report them. Earlier versions report only
/// the default partition. There, the containers that wait in the others are those that applications
/// ask for, and each partition with reserved memory has at least one reserved container.
fn containers(
    metrics: &ClusterMetrics,
    usages: &[&PartitionUsage],
    counts: &[PartitionCounts],
    nodes: Option<&[Node]>,
    requested: Option<u64>,
) -> Result<Containers, String> {
    let counted: BTreeSet<&str> = counts
        .iter()
        .map(|count| count.partition.as_str())
        .collect();
    if usages
        .iter()
        .all(|usage| counted.contains(usage.partition_name.as_str()))
    {
        let total = |field: fn(&PartitionCounts) -> u64| {
            counts.iter().map(field).fold(0, u64::saturating_add)
        };
        return Ok(Containers {
            allocated: total(|count| count.allocated_containers),
            pending: total(|count| count.pending_containers),
            reserved: total(|count| count.reserved_containers),
            released: Some(total(|count| count.aggregate_containers_released)),
        });
    }
    let nodes = nodes
        .ok_or("the number of containers in all partitions is unknown without the list of nodes")?;
    let others = || {
        usages
            .iter()
            .filter(|usage| !usage.partition_name.is_empty())
    };
    let waiting = others().find(|usage| usage.pending != Resource::NONE);
    let pending = match (waiting, requested) {
        (None, _) => metrics.containers_pending,
        (Some(_), Some(requested)) => requested,
        (Some(usage), None) => {
            return Err(format!(
                "the number of containers pending in the partition {} is missing: before Hadoop 3.3 it \
                 is counted from the requests of all applications, which this user may not see",
                usage.partition_name
            ));
        }
    };
    let reserved_elsewhere = others()
        .filter(|usage| usage.reserved != Resource::NONE)
        .count();
    Ok(Containers {
        allocated: nodes
            .iter()
            .map(|node| u64::from(node.num_containers))
            .sum(),
        pending,
        reserved: metrics
            .containers_reserved
            .saturating_add(reserved_elsewhere as u64),
        released: None,
    })
}

fn sum(amounts: impl Iterator<Item = Resource>) -> Resource {
    amounts.fold(Resource::NONE, Resource::plus)
}

/// A negative available amount counts as zero.
fn not_negative(amount: i64) -> u64 {
    u64::try_from(amount).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(state: AppState, started_time: Option<i64>) -> App {
        App {
            started_time,
            ..App::in_state(state)
        }
    }

    #[test]
    fn the_oldest_application_is_known_only_where_all_that_run_can_be_seen() {
        use AppState::{Accepted, Other, Running};
        let table = [
            ("none", vec![], 0, None),
            (
                "several",
                vec![app(Running, Some(70)), app(Running, Some(50))],
                2,
                Some(50),
            ),
            (
                "the oldest waits, maybe for its master to start again",
                vec![app(Accepted, Some(40)), app(Running, Some(50))],
                1,
                Some(40),
            ),
            (
                "one that is over",
                vec![app(Other, Some(10)), app(Running, Some(50))],
                1,
                Some(50),
            ),
            (
                "one is hidden",
                vec![app(Running, Some(50)), app(Running, Some(0))],
                2,
                None,
            ),
            (
                "one does not say",
                vec![app(Running, Some(50)), app(Running, None)],
                2,
                None,
            ),
            ("one is not listed", vec![app(Running, Some(50))], 2, None),
        ];
        for (name, apps, running, expected) in table {
            assert_eq!(
                oldest_start(&apps, running).map(Timestamp::as_millis),
                expected,
                "{name}"
            );
        }
    }
}
