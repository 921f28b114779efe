//! Work that stands beside idle room although no limit is known.

use super::*;
use crate::observation::{InstanceId, NodeHealth, NodeLoad, NodeSnapshot};

/// When a cluster of two core and two task nodes grows, and to how many task nodes, if six containers wait
/// for 50 minutes beside room for each of them, with so many containers on each node.
fn grows(containers: [u32; 4], pending: impl Fn(i64) -> f64) -> Option<(i64, u32)> {
    let mut cluster = Cluster::new(following("min: 2, max: 18, performance_index: 50"), 2);
    for s in (0..3_000).step_by(30) {
        let mut observation = cluster.observation(s, Some(busy(1.6, pending(s))));
        let nodes = containers
            .iter()
            .zip(0..)
            .map(|(containers, number)| NodeLoad {
                instance: InstanceId::new(format!("i-{number}")),
                group: if number < 2 {
                    core_group(2).id
                } else {
                    task_group(2).id
                },
                containers: *containers,
                has_application_master: *containers > 0,
                draining: false,
                idle_since: None,
                health: NodeHealth::Usable,
            });
        observation.nodes = Some(Sampled {
            value: NodeSnapshot(nodes.collect()),
            measured_at: observation.at,
        });
        let decision = cluster.engine.step(&observation).remove(0);
        if let Action::Resize(resize) = decision.action {
            let report = decision.demand.expect("the demand is known");
            assert!(report.needs_empty_node, "{report}");
            return Some((s, resize.to.get()));
        }
    }
    None
}

#[test]
fn one_unit_more_is_tried_for_work_that_stands_if_no_node_is_empty() {
    let stands = |_: i64| 1.5;
    let (s, size) = grows([1, 1, 1, 1], stands).expect("it grows");
    assert_eq!(size, 3);
    assert!((800..900).contains(&s), "after two provisioning times: {s}");
    // On an empty node it would have started.
    assert_eq!(grows([1, 1, 1, 0], stands), None);
    // What gets less does not stand.
    assert_eq!(grows([1, 1, 1, 1], |s| 30.0 - 0.0099 * s as f64), None);
}
