use std::time::Duration;

use super::*;
use crate::sim::job_work::JobWork;
use crate::sim::observed_work::ObservedWork;
use crate::trace::{Job, Stage, TaskRun};
use crate::units::Timestamp;

/// Jobs at the given seconds, each of `count` tasks of `task_s` that take `memory_mib` and a core.
fn jobs(submits_s: &[u64], count: u32, task_s: u64, memory_mib: u64) -> TraceWork {
    let job = |submit_s: &u64| Job {
        queue: None,
        user: None,
        is_step: false,
        map_reduce: None,
        id: submit_s.to_string().into(),
        name: None,
        submit: Duration::from_secs(*submit_s),
        application_master: None,
        stages: vec![Stage {
            after: vec![],
            memory: Mebibytes(memory_mib),
            vcores: VirtualCores(1),
            tasks: vec![TaskRun {
                count,
                duration: Duration::from_secs(task_s),
            }],
            spark: None,
        }],
        spark: None,
    };
    let jobs: Vec<Job> = submits_s.iter().map(job).collect();
    TraceWork::Jobs(JobWork::from_jobs(Timestamp::EPOCH, &jobs).expect("valid"))
}

fn chosen(workload: &TraceWork) -> ChosenCluster {
    choose(&[workload]).expect("a node is large enough").1
}

/// The instance type, and how many nodes in all.
fn size(workload: &TraceWork) -> (String, u32) {
    let chosen = chosen(workload);
    (
        chosen.instance_type,
        chosen.core_nodes + chosen.max_task_nodes,
    )
}

#[test]
fn one_job_has_room_for_most_of_its_tasks_at_once() {
    // 48 cores for half an hour are 12 nodes; 95% of them and a quarter more are 15.
    assert_eq!(
        size(&jobs(&[0], 48, 1_800, 1_024)),
        ("m5.xlarge".to_owned(), 15)
    );
    let tiny = size(&jobs(&[0], 1, 1, 1_024));
    assert_eq!(tiny, ("m5.xlarge".to_owned(), 3), "one task node at least");
}

#[test]
fn a_flat_load_has_a_quarter_more_than_it_uses() {
    let hours: Vec<u64> = (0..48).map(|hour| hour * 3_600).collect();
    assert_eq!(size(&jobs(&hours, 40, 3_600, 1_024)).1, 13, "1.25 times 10");
}

#[test]
fn a_spike_of_short_tasks_may_take_a_quarter_of_an_hour() {
    // 25,000 nodes for ten seconds are 278 for a quarter of an hour.
    let nodes = size(&jobs(&[0], 100_000, 10, 1_024)).1;
    assert!((264..=348).contains(&nodes), "{nodes}");
}

#[test]
fn a_spike_in_a_quiet_month_decides_the_size() {
    let mut submits: Vec<u64> = (0..30).map(|day| day * 86_400).collect();
    submits.push(30 * 86_400);
    let quiet = jobs(&submits, 4, 600, 1_024);
    let spike = jobs(&[0, 30 * 86_400], 4_000, 3_600, 1_024);
    assert_eq!(size(&quiet).1, 3);
    assert_eq!(chosen(&spike).max_task_nodes, MOST_NODES - CORE_NODES);
    assert!(
        chosen(&spike)
            .reason
            .contains("are the most that are chosen"),
        "{}",
        chosen(&spike).reason
    );
}

#[test]
fn a_century_takes_no_longer_than_a_day() {
    let century = 100 * 365 * 86_400 - 1_000;
    assert_eq!(size(&jobs(&[0, century], 4, 600, 1_024)).1, 3);
}

#[test]
fn nodes_have_room_for_the_largest_container() {
    for (memory_mib, instance_type) in [
        (6_144, "m5.xlarge"),
        (6_145, "m5.2xlarge"),
        (100_000, "m5.16xlarge"),
        (190_000, "r5.12xlarge"),
        (200_000, "r5.16xlarge"),
        (500_000, "r5.16xlarge"),
    ] {
        assert_eq!(size(&jobs(&[0], 4, 600, memory_mib)).0, instance_type);
    }
}

#[test]
fn a_container_that_fits_no_node_is_refused_with_the_remedy() {
    let refused = choose(&[&jobs(&[0], 1, 60, 600_000)]).expect_err("too large");
    let text = refused.to_string();
    assert!(
        text.contains("r5.16xlarge") && text.contains("--scenario FILE"),
        "{text}"
    );
}

#[test]
fn several_traces_get_the_cluster_of_the_largest() {
    let (small, large) = (jobs(&[0], 4, 600, 1_024), jobs(&[0], 100, 1_800, 8_192));
    let (scenario, both) = choose(&[&small, &large]).expect("fits");
    assert_eq!(
        (both.instance_type.as_str(), both.max_task_nodes),
        ("m5.2xlarge", chosen(&large).max_task_nodes)
    );
    assert_eq!(scenario.groups[0].limits, None);
    assert_eq!(
        scenario.groups[1].limits.map(|limits| limits.max().get()),
        Some(both.max_task_nodes)
    );
    assert_eq!(scenario.slo_wait, None, "a chosen cluster has no goal");
}

#[test]
fn observations_and_traces_without_work_have_a_cluster_too() {
    let empty = TraceWork::Observations(ObservedWork::from_parcels(Timestamp::EPOCH, vec![]));
    assert_eq!(size(&empty), ("m5.xlarge".to_owned(), 3));
    let no_jobs = TraceWork::Jobs(JobWork::new(Timestamp::EPOCH));
    assert_eq!(size(&no_jobs), ("m5.xlarge".to_owned(), 3));
}
