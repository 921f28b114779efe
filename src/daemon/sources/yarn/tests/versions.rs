//! ResourceManagers of versions before 3.3. `tests/run answers` recorded their answers while a node was
//! full.

use super::*;

macro_rules! recorded {
    ($version:literal) => {{
        let fake = Fake::start().await;
        fake.answers("/info", Canned::json(fixture!($version, "/info")))
            .answers("/metrics", Canned::json(fixture!($version, "/metrics")))
            .answers("/nodes", Canned::json(fixture!($version, "/nodes")))
            .answers("/apps", Canned::json(fixture!($version, "/apps")))
            .answers(
                "/jmx QueueMetrics",
                Canned::json(fixture!($version, "/queue-metrics")),
            )
            .answers(
                "/get-node-labels",
                Canned::json(fixture!($version, "/get-node-labels")),
            );
        fake
    }};
}

#[tokio::test]
async fn before_hadoop_3_3_what_is_pending_is_read_from_the_bean_of_the_root_queue() {
    for (fake, memory, vcores) in [
        (recorded!("hadoop-2.10"), 5_120, 5),
        (recorded!("hadoop-3.2"), 6_144, 6),
    ] {
        let load = read(&fake).await.load.unwrap().value;
        assert_eq!(
            (load.memory_pending, load.vcores_pending),
            (Mebibytes(memory), Some(VirtualCores(vcores)))
        );
        assert_eq!(load.containers_pending, vcores);
    }
}

#[tokio::test]
async fn before_hadoop_3_3_nodes_and_the_oldest_application_are_known() {
    for (fake, started_at) in [
        (recorded!("hadoop-2.10"), 1_795_911_467_355),
        (recorded!("hadoop-3.2"), 1_795_911_437_335),
    ] {
        let reading = read(&fake).await;
        assert_eq!(
            reading.nodes.unwrap().value,
            [node("ip-10-0-0-1.ec2.internal", 8, true, false)]
        );
        assert_eq!(
            reading.load.unwrap().value.oldest_app_started_at,
            Some(Timestamp::from_millis(started_at))
        );
    }
}

/// Hadoop 2 lists no labels as `null`, later versions as `{}`.
#[tokio::test]
async fn without_labels_no_partitions_are_read() {
    for fake in [recorded!("hadoop-2.10"), recorded!("hadoop-3.2")] {
        let calls = read(&fake).await.calls;
        assert!(
            calls.iter().all(|call| call.took > Duration::ZERO),
            "{calls:?}"
        );
        let jmx = calls.iter().filter(|call| call.operation == "jmx");
        assert_eq!(
            jmx.count(),
            1,
            "the partitions have another bean: {calls:?}"
        );
    }
}
