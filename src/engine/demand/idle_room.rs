//! Work that waits beside idle room that could hold it.
//!
//! YARN starts a pending container within a second or two where it fits. What stays pending beside
//! idle room is held back by something else: the maximum of a queue, the limit of a user, the share of
//! application masters, or a node label. More instances would not start it.

use crate::observation::YarnLoad;
/// The least share of the memory that counts as idle room. Less can be left over where the next
/// container is larger than what is free on a node: its size is not in YARN's totals, only the mean.
const LEAST_IDLE_SHARE: f64 = 0.4;

/// Whether the room that is idle on a mean node would hold a pending container of mean size. Those for
/// which YARN has reserved a node are known not to fit yet, and say nothing of the others. `nodes` is
/// the number of nodes that YARN uses.
pub fn could_start_pending(yarn: &YarnLoad, nodes: u32) -> bool {
    let reserved = yarn.containers_reserved;
    let containers = yarn.containers_pending.saturating_sub(reserved) as f64;
    if nodes == 0 || containers == 0.0 {
        return false;
    }
    let fits = |idle: f64, pending: f64| idle / f64::from(nodes) >= pending / containers;
    let idle = yarn.memory_available.as_f64();
    let memory_pending = yarn.memory_pending.as_f64() - yarn.memory_reserved.as_f64();
    let vcores_reserved = yarn.vcores_reserved.unwrap_or_default().as_f64();
    idle >= LEAST_IDLE_SHARE * yarn.memory_total.as_f64()
        && fits(idle, memory_pending)
        && yarn
            .vcores_available
            .zip(yarn.vcores_pending)
            .is_none_or(|(idle, pending)| fits(idle.as_f64(), pending.as_f64() - vcores_reserved))
}

/// The load with what is pending only as far as idle room could hold it. The idle instances are kept:
/// the limits of queues are shares of the cluster, so that without them even less would run.
pub fn up_to_idle_room(yarn: &YarnLoad) -> YarnLoad {
    let vcores = yarn.vcores_pending.zip(yarn.vcores_available);
    YarnLoad {
        memory_pending: yarn.memory_pending.min(yarn.memory_available),
        vcores_pending: vcores
            .map(|(pending, idle)| pending.min(idle))
            .or(yarn.vcores_pending),
        ..*yarn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{Mebibytes, VirtualCores};

    /// 8 nodes of 12,000 MiB and 8 cores, `idle_mib` of them free in all, beside 10 containers of
    /// `container_mib`.
    fn load(idle_mib: u64, container_mib: u64) -> YarnLoad {
        YarnLoad {
            memory_total: Mebibytes(96_000),
            memory_available: Mebibytes(idle_mib),
            memory_allocated: Mebibytes(96_000 - idle_mib),
            memory_pending: Mebibytes(10 * container_mib),
            containers_pending: 10,
            vcores_available: Some(VirtualCores(32)),
            vcores_pending: Some(VirtualCores(10)),
            ..YarnLoad::default()
        }
    }

    #[test]
    fn pending_containers_could_start_only_where_they_fit() {
        let full_cores = YarnLoad {
            vcores_available: Some(VirtualCores(4)),
            ..load(48_000, 2_000)
        };
        let reserved = |containers| YarnLoad {
            containers_reserved: containers,
            memory_reserved: Mebibytes(2_000 * containers),
            vcores_reserved: Some(VirtualCores(containers)),
            ..load(48_000, 2_000)
        };
        let nothing = YarnLoad {
            containers_pending: 0,
            ..load(48_000, 0)
        };
        for (name, yarn, expected) in [
            ("half of the memory is idle", load(48_000, 2_000), true),
            (
                "larger than what is idle on a node",
                load(48_000, 7_000),
                false,
            ),
            ("left over between containers", load(30_000, 500), false),
            ("no core is idle for a container", full_cores, false),
            ("a node is reserved for one of them", reserved(1), true),
            ("nodes are reserved for all of them", reserved(10), false),
            ("nothing is pending", nothing, false),
        ] {
            assert_eq!(could_start_pending(&yarn, 8), expected, "{name}");
        }
        assert!(!could_start_pending(&load(48_000, 2_000), 0), "no node");
    }

    #[test]
    fn pending_work_counts_as_far_as_there_is_idle_room() {
        for (container_mib, expected_mib) in [(2_000, 20_000), (6_000, 48_000)] {
            let counted = up_to_idle_room(&load(48_000, container_mib));
            assert_eq!(counted.memory_pending, Mebibytes(expected_mib));
        }
    }
}
