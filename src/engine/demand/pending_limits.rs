//! Pending work that more units would not start, because of a limit of YARN's.
//!
//! A limit that is a share of the cluster grows with it. Work under such a limit counts as far as the
//! limit lets it run on the largest cluster that the policy allows: a queue that may have 25% of 20
//! nodes never makes the cluster larger than 5 nodes for its own work.
//!
//! Room that is idle because of such a share is kept while work waits under it: without that room the
//! share would be smaller, and even less would run.

use crate::decision::HeldBack;
use crate::observation::YarnLoad;
use crate::observation::pending_limit::{LimitedBy, MostAllowed, PendingLimit};
use crate::units::{Mebibytes, VirtualCores};

/// The load that a demand counts, and what it leaves out.
#[derive(Debug)]
pub struct Startable {
    /// The load without the pending work that no allowed number of units would start.
    pub load: YarnLoad,
    /// The part of that load which is pending only until the cluster grows, because its limit is
    /// reached at the present size. Room that is idle beside it is no sign of another obstacle.
    pub waits_for_share: Amounts,
    /// What is left out, and why.
    pub held_back: Vec<HeldBack>,
}

/// Pending amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Amounts {
    memory_mib: f64,
    vcores: f64,
    containers: f64,
}

/// The size of a cluster, as limits that are shares of it see it.
#[derive(Clone, Copy, Debug)]
pub struct ClusterSize {
    pub memory_mib: f64,
    /// `None` if virtual cores are not counted.
    pub vcores: Option<f64>,
}

/// What the limits leave of `yarn`. `largest` is the largest cluster that the policy allows.
/// `may_offer_other_nodes` is whether a group without instances could add nodes that are larger, or
/// have other labels, than the present ones.
pub fn startable(
    yarn: &YarnLoad,
    limits: &[PendingLimit],
    largest: ClusterSize,
    may_offer_other_nodes: bool,
) -> Startable {
    let present = ClusterSize {
        memory_mib: yarn.memory_total.as_f64(),
        vcores: yarn.vcores_total.map(VirtualCores::as_f64),
    };
    let (mut left_out, mut waits_for_share) = (Amounts::default(), Amounts::default());
    let mut under_shares = Amounts::default();
    let mut held_back = vec![];
    for limit in limits {
        let depends_on_nodes = matches!(
            limit.by,
            LimitedBy::LargerThanNodes { .. } | LimitedBy::LabelWithoutNodes { .. }
        );
        let pending = limit.memory_pending.as_f64();
        if pending <= 0.0 || (depends_on_nodes && may_offer_other_nodes) {
            continue;
        }
        let counts_vcores = stops_at_vcores(limit, present);
        let counted = startable_share(limit, largest, counts_vcores);
        if counted < 1.0 {
            left_out.add(limit, 1.0 - counted);
            if grows_with_the_cluster(limit) {
                under_shares.add(limit, 1.0 - counted);
            }
            held_back.push(HeldBack {
                by: limit.by.clone(),
                most: limit.most,
                memory_mib: Mebibytes((pending * (1.0 - counted)).round() as u64),
            });
        }
        let one_container = 1.0 / limit.containers_pending.max(1) as f64;
        if startable_share(limit, present, counts_vcores) < one_container {
            waits_for_share.add(limit, counted);
        }
    }
    Startable {
        load: under_shares.up_to_idle_room(yarn, left_out.subtracted_from(yarn)),
        waits_for_share,
        held_back,
    }
}

/// Whether the limit allows less on a smaller cluster.
const fn grows_with_the_cluster(limit: &PendingLimit) -> bool {
    matches!(limit.most, Some(MostAllowed::Share(_)))
        || matches!(limit.by, LimitedBy::ApplicationMasterShare { .. })
}

/// How much of the work that waits under `limit` could start on a cluster of this size, from 0 to 1.
fn startable_share(limit: &PendingLimit, size: ClusterSize, counts_vcores: bool) -> f64 {
    let share = |most: f64, used: f64, pending: f64| ((most - used).max(0.0) / pending).min(1.0);
    let memory = |most_mib| {
        share(
            most_mib,
            limit.memory_used.as_f64(),
            limit.memory_pending.as_f64(),
        )
    };
    match limit.most {
        None => 0.0,
        Some(MostAllowed::Amount(amount)) => memory(amount.as_f64()),
        Some(MostAllowed::Share(percent)) => {
            let part = percent.get() / 100.0;
            let of_memory = memory(part * size.memory_mib);
            match size.vcores.filter(|_| counts_vcores) {
                None => of_memory,
                Some(vcores) => of_memory.min(share(
                    part * vcores,
                    limit.vcores_used.as_f64(),
                    limit.vcores_pending.as_f64(),
                )),
            }
        }
    }
}

/// Whether it is the virtual cores that stop the work at the present size. A calculator that ignores
/// them lets more be used than the share.
fn stops_at_vcores(limit: &PendingLimit, present: ClusterSize) -> bool {
    let (Some(MostAllowed::Share(percent)), Some(vcores)) = (limit.most, present.vcores) else {
        return false;
    };
    let left = percent.get() / 100.0 * vcores - limit.vcores_used.as_f64();
    let container = limit.vcores_pending.as_f64() / limit.containers_pending.max(1) as f64;
    (0.0..container).contains(&left)
}

impl Amounts {
    fn add(&mut self, limit: &PendingLimit, share: f64) {
        self.memory_mib += share * limit.memory_pending.as_f64();
        self.vcores += share * limit.vcores_pending.as_f64();
        self.containers += share * limit.containers_pending as f64;
    }

    /// Puts as much back into the pending work of `load` as the idle room of `yarn` would hold, so that
    /// the room is kept.
    fn up_to_idle_room(&self, yarn: &YarnLoad, load: YarnLoad) -> YarnLoad {
        let filled =
            |pending: f64, idle: f64, most: f64| pending + (idle - pending).clamp(0.0, most);
        let memory = filled(
            load.memory_pending.as_f64(),
            yarn.memory_available.as_f64(),
            self.memory_mib,
        );
        let vcores = load.vcores_pending.map(|pending| {
            let idle = yarn.vcores_available.unwrap_or_default();
            filled(pending.as_f64(), idle.as_f64(), self.vcores)
        });
        YarnLoad {
            memory_pending: Mebibytes(memory as u64),
            vcores_pending: vcores.map(|vcores| VirtualCores(vcores as u64)),
            ..load
        }
    }

    /// The load with this much less pending.
    pub fn subtracted_from(&self, yarn: &YarnLoad) -> YarnLoad {
        let left = |amount: u64, out: f64| (amount as f64 - out).round().max(0.0) as u64;
        let memory = left(yarn.memory_pending.get(), self.memory_mib);
        YarnLoad {
            memory_pending: Mebibytes(memory),
            vcores_pending: yarn
                .vcores_pending
                .map(|vcores| VirtualCores(left(vcores.get(), self.vcores))),
            containers_pending: match memory {
                0 => 0,
                _ => left(yarn.containers_pending, self.containers).max(1),
            },
            ..*yarn
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Percent;

    /// 8 nodes.
    const LARGEST: ClusterSize = ClusterSize {
        memory_mib: 96_000.0,
        vcores: Some(64.0),
    };

    /// A cluster of 4 nodes with 12,000 MiB and 8 vcores each, half of it idle, beside 40 pending containers of
    /// 1,000 MiB.
    fn load() -> YarnLoad {
        YarnLoad {
            memory_total: Mebibytes(48_000),
            memory_available: Mebibytes(24_000),
            memory_allocated: Mebibytes(24_000),
            memory_pending: Mebibytes(40_000),
            vcores_total: Some(VirtualCores(32)),
            vcores_pending: Some(VirtualCores(40)),
            containers_pending: 40,
            ..YarnLoad::default()
        }
    }

    fn limit(by: LimitedBy, most: Option<MostAllowed>) -> PendingLimit {
        PendingLimit {
            by,
            memory_pending: Mebibytes(40_000),
            vcores_pending: VirtualCores(40),
            containers_pending: 40,
            memory_used: Mebibytes(24_000),
            vcores_used: VirtualCores(24),
            most,
        }
    }

    fn queue(most: MostAllowed) -> PendingLimit {
        limit(
            LimitedBy::QueueMaximum {
                queue: "adhoc".into(),
            },
            Some(most),
        )
    }

    /// Pending memory that is counted, and that waits for a larger cluster, at a maximum of 8 nodes.
    fn counted(limit: PendingLimit, may_offer_other_nodes: bool) -> (u64, f64) {
        let found = startable(&load(), &[limit], LARGEST, may_offer_other_nodes);
        (
            found.load.memory_pending.get(),
            found.waits_for_share.memory_mib,
        )
    }

    #[test]
    fn work_in_a_queue_counts_as_far_as_the_queue_lets_it_run_at_the_maximum() {
        for (name, most, expected) in [
            (
                "half of 96,000 MiB less what is used",
                MostAllowed::Share(Percent(50.0)),
                (24_000, 24_000.0),
            ),
            (
                "a quarter, which is used already: only the idle room is kept",
                MostAllowed::Share(Percent(25.0)),
                (24_000, 0.0),
            ),
            (
                "an amount does not grow with the cluster",
                MostAllowed::Amount(Mebibytes(30_000)),
                (6_000, 0.0),
            ),
            (
                "the limit is not reached",
                MostAllowed::Share(Percent(90.0)),
                (40_000, 0.0),
            ),
        ] {
            assert_eq!(counted(queue(most), false), expected, "{name}");
        }
    }

    #[test]
    fn a_share_of_virtual_cores_counts_only_if_it_is_what_stops_the_work() {
        let of_vcores = |vcores_used| {
            let limit = PendingLimit {
                memory_used: Mebibytes(6_000),
                vcores_used: VirtualCores(vcores_used),
                ..queue(MostAllowed::Share(Percent(50.0)))
            };
            counted(limit, false)
        };
        assert_eq!(
            of_vcores(16),
            (24_000, 16_000.0),
            "16 of 32 vcores are used"
        );
        assert_eq!(of_vcores(20), (40_000, 0.0), "more are used than the share");
        assert_eq!(of_vcores(8), (40_000, 0.0), "fewer are used");
    }

    #[test]
    fn work_that_no_node_can_hold_does_not_count_unless_a_group_could_offer_other_nodes() {
        let larger = || {
            limit(
                LimitedBy::LargerThanNodes {
                    container: Mebibytes(20_000),
                },
                None,
            )
        };
        assert_eq!(counted(larger(), false), (0, 0.0));
        assert_eq!(counted(larger(), true), (40_000, 0.0));
    }

    #[test]
    fn what_is_left_out_is_named_with_its_amount() {
        let limit = queue(MostAllowed::Share(Percent(50.0)));
        let found = startable(&load(), std::slice::from_ref(&limit), LARGEST, false);
        assert_eq!(
            found.held_back,
            [HeldBack {
                by: limit.by,
                most: limit.most,
                memory_mib: Mebibytes(16_000)
            }]
        );
        assert_eq!(found.load.containers_pending, 24);
        assert_eq!(found.load.vcores_pending, Some(VirtualCores(24)));
    }
}
