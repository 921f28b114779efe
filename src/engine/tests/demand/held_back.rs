//! Pending work that more units would not start.

use super::*;
use crate::observation::pending_limit::{LimitedBy, MostAllowed, PendingLimit};
use crate::units::{Percent, VirtualCores};

/// `busy` work, all of which waits under one limit.
fn tick(cluster: &mut Cluster, s: i64, work: Work, by: LimitedBy, most: Option<f64>) -> Decision {
    let mib = |nodes: f64| Mebibytes((nodes * NODE_MIB as f64) as u64);
    let limit = PendingLimit {
        by,
        memory_pending: mib(work.pending),
        vcores_pending: VirtualCores(0),
        containers_pending: (work.pending * 4.0) as u64,
        memory_used: mib(work.allocated),
        vcores_used: VirtualCores(0),
        most: most.map(|percent| MostAllowed::Share(Percent(percent))),
    };
    let mut observation = cluster.observation(s, Some(work));
    observation.pending_limits = Some(Sampled {
        value: vec![limit],
        measured_at: observation.at,
    });
    cluster.engine.step(&observation).remove(0)
}

fn queue() -> LimitedBy {
    LimitedBy::QueueMaximum {
        queue: "adhoc".into(),
    }
}

fn desired(decision: &Decision) -> u32 {
    match &decision.action {
        Action::Resize(resize) => resize.to.get(),
        Action::Hold(_) => decision.requested.get(),
    }
}

const POLICY: &str = "min: 0, max: 18, performance_index: 50";

#[test]
fn a_queue_that_may_have_half_of_the_cluster_grows_it_to_half_of_the_maximum_at_most() {
    // Half of the two core nodes is idle, because the queue may not have it.
    let mut cluster = Cluster::new(following(POLICY), 0);
    let decision = tick(&mut cluster, 0, busy(1.0, 100.0), queue(), Some(50.0));
    assert!(desired(&decision) > 0, "no work starves: {decision}");
    assert!(desired(&decision) + 2 <= 10, "half of 20 nodes: {decision}");
    let said = decision.to_string();
    assert!(
        said.contains(
            "91.0 GiB pending cause no growth: the maximum capacity of the queue adhoc (50% of the cluster); \
             a YARN administrator can raise the queue's `maximum-capacity`"
        ),
        "{said}"
    );
}

#[test]
fn a_queue_that_has_its_share_of_the_largest_cluster_changes_nothing() {
    let mut cluster = Cluster::new(following(POLICY), 10);
    let decision = tick(&mut cluster, 0, busy(3.0, 100.0), queue(), Some(15.0));
    assert_eq!(desired(&decision), 10, "{decision}");
}

#[test]
fn containers_that_no_node_can_hold_make_nothing_grow() {
    for by in [
        LimitedBy::LargerThanNodes {
            container: Mebibytes(48 * 1_024),
        },
        LimitedBy::LabelWithoutNodes {
            label: "GPU".into(),
        },
    ] {
        let mut cluster = Cluster::new(following(POLICY), 4);
        let decision = tick(&mut cluster, 0, busy(6.0, 100.0), by.clone(), None);
        assert_eq!(desired(&decision), 4, "{decision}");
        assert!(decision.to_string().contains(&by.to_string()), "{decision}");
        // A group without instances may be of a type that can hold them.
        let mut cluster = Cluster::new(following(POLICY), 0);
        let decision = tick(&mut cluster, 0, busy(2.0, 100.0), by, None);
        assert!(desired(&decision) > 4, "{decision}");
    }
}

#[test]
fn limits_that_are_old_are_unknown_and_all_that_is_pending_counts() {
    let mut cluster = Cluster::new(following(POLICY), 4);
    tick(&mut cluster, 0, busy(6.0, 100.0), queue(), Some(15.0));
    let mut observation = cluster.observation(600, Some(busy(6.0, 100.0)));
    observation.pending_limits = Some(Sampled {
        value: vec![],
        measured_at: second(0),
    });
    let decision = cluster.engine.step(&observation).remove(0);
    assert!(desired(&decision) > 4, "{decision}");
}
