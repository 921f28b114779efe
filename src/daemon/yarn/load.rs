//! From the ResourceManager's numbers to the load over all partitions.

use crate::daemon::yarn::wire::ClusterMetrics;
use crate::observation::{NodesByState, YarnLoad};
use crate::units::{Mebibytes, VirtualCores};

/// The load of a cluster without node labels, where the default partition is all there is.
pub fn unpartitioned(metrics: &ClusterMetrics, released: Option<u64>) -> YarnLoad {
    YarnLoad {
        memory_total: Mebibytes(metrics.total_mib),
        memory_available: Mebibytes(not_negative(metrics.available_mib)),
        memory_allocated: Mebibytes(metrics.allocated_mib),
        memory_reserved: Mebibytes(metrics.reserved_mib),
        memory_pending: Mebibytes(metrics.pending_mib),
        vcores_total: VirtualCores(metrics.total_virtual_cores),
        vcores_available: VirtualCores(not_negative(metrics.available_virtual_cores)),
        vcores_allocated: VirtualCores(metrics.allocated_virtual_cores),
        vcores_reserved: VirtualCores(metrics.reserved_virtual_cores),
        vcores_pending: VirtualCores(metrics.pending_virtual_cores),
        containers_allocated: metrics.containers_allocated,
        containers_pending: metrics.containers_pending,
        containers_reserved: metrics.containers_reserved,
        containers_released_total: released,
        apps_running: metrics.apps_running,
        apps_pending: metrics.apps_pending,
        nodes: NodesByState {
            active: metrics.active_nodes,
            decommissioning: metrics.decommissioning_nodes,
            decommissioned: metrics.decommissioned_nodes,
            lost: metrics.lost_nodes,
            unhealthy: metrics.unhealthy_nodes,
        },
    }
}

/// Less than nothing available is nothing available.
fn not_negative(amount: i64) -> u64 {
    u64::try_from(amount).unwrap_or(0)
}
