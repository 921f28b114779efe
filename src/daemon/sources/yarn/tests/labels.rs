//! Clusters with node labels, where the plain numbers are of the default partition only.

use super::*;

/// Three nodes, one of them in the partition CORE.
async fn labelled() -> Fake {
    let fake = active().await;
    fake.answers("/metrics", Canned::json(fixture!("labels-metrics")))
        .answers("/nodes", Canned::json(fixture!("labels-nodes")))
        .answers("/apps", Canned::json(fixture!("labels-apps")))
        .answers(
            "/get-node-labels",
            Canned::json(fixture!("labels-get-node-labels")),
        )
        .answers("/scheduler", Canned::json(fixture!("labels-scheduler")))
        .answers(
            "/jmx PartitionQueueMetrics",
            Canned::json(fixture!("labels-partition-queue-metrics")),
        );
    fake
}

/// What is unknown of the other partitions is zero in these.
fn amounts(load: &YarnLoad) -> [u64; 5] {
    let memory = [
        load.memory_total,
        load.memory_available,
        load.memory_allocated,
        load.memory_reserved,
        load.memory_pending,
    ];
    memory.map(Mebibytes::get)
}

const OVER_PARTITIONS_MIB: [u64; 5] = [12_288, 512, 9_216, 2_560, 13_824];
const OF_DEFAULT_PARTITION_MIB: [u64; 5] = [8_192, 0, 5_632, 2_560, 7_680];

#[tokio::test]
async fn the_load_is_that_of_all_partitions() {
    let fake = labelled().await;
    let load = read(&fake).await.load.unwrap().value;
    assert_eq!(amounts(&load), OVER_PARTITIONS_MIB);
    let vcores = [
        load.vcores_total,
        load.vcores_available,
        load.vcores_allocated,
        load.vcores_reserved,
        load.vcores_pending,
    ];
    assert_eq!(
        vcores,
        [12, 4, 7, 1, 9].map(|cores| Some(VirtualCores(cores)))
    );
    assert_eq!(
        [
            load.containers_allocated,
            load.containers_pending,
            load.containers_reserved
        ],
        [7, 9, 1]
    );
    assert_eq!(load.containers_released_total, Some(640));
    assert_eq!((load.apps_running, load.apps_pending), (2, 1));
}

#[tokio::test]
async fn what_waits_for_a_label_counts_even_while_no_node_has_it() {
    let fake = labelled().await;
    fake.answers(
        "/nodes",
        Canned::json(fixture!("labels-nodes").replace("nodeLabels", "formerLabels")),
    );
    assert_eq!(
        amounts(&read(&fake).await.load.unwrap().value),
        OVER_PARTITIONS_MIB
    );
}

#[tokio::test]
async fn labels_on_nodes_count_even_where_no_list_of_labels_is_served() {
    let fake = labelled().await;
    fake.answers("/get-node-labels", Canned::status(404));
    assert_eq!(
        amounts(&read(&fake).await.load.unwrap().value),
        OVER_PARTITIONS_MIB
    );
}

#[tokio::test]
async fn the_empty_label_of_the_default_partition_is_none() {
    let fake = active().await;
    let unlabelled = edited(fixture!("nodes"), |nodes| {
        nodes["nodes"]["node"]
            .as_array_mut()
            .unwrap()
            .iter_mut()
            .for_each(|node| node["nodeLabels"] = json!([""]));
    });
    fake.answers("/nodes", unlabelled);
    let reading = read(&fake).await;
    assert!(
        reading
            .calls
            .iter()
            .all(|call| call.operation != "jmx" || call.result == "ok"),
        "{:?}",
        reading.calls
    );
    assert!(
        reading
            .load
            .unwrap()
            .value
            .containers_released_total
            .is_some()
    );
}

#[tokio::test]
async fn a_list_of_labels_that_fails_leads_the_careful_way() {
    let fake = labelled().await;
    fake.answers("/get-node-labels", Canned::status(500))
        .answers(
            "/nodes",
            Canned::json(fixture!("labels-nodes").replace("nodeLabels", "formerLabels")),
        );
    assert_eq!(
        amounts(&read(&fake).await.load.unwrap().value),
        OVER_PARTITIONS_MIB
    );
}

#[tokio::test]
async fn without_the_partitions_the_load_is_unknown_and_the_nodes_are_not() {
    let without_resources =
        Canned::json(fixture!("labels-scheduler").replacen("\"resources\"", "\"other\"", 1));
    let faults = [
        ("/scheduler", Canned::status(404), "status"),
        ("/scheduler", without_resources, "malformed"),
        (
            "/scheduler",
            edited(fixture!("labels-scheduler"), |scheduler| {
                drop(scheduler["scheduler"]["schedulerInfo"]["queues"].take())
            }),
            "malformed",
        ),
        (
            "/scheduler",
            Canned::json(fixture!("labels-scheduler")).after(TIMEOUT * 2),
            "timed_out",
        ),
        ("/jmx PartitionQueueMetrics", Canned::status(500), "status"),
        (
            "/metrics",
            Canned::json(
                fixture!("labels-metrics").replace("totalClusterResourcesAcrossPartition", "other"),
            ),
            "malformed",
        ),
    ];
    for (path, fault, label) in faults {
        let fake = labelled().await;
        fake.answers(path, fault);
        let reading = read(&fake).await;
        assert_eq!(reading.load.unwrap_err().label(), label, "{path}");
        assert_eq!(reading.nodes.unwrap().value.len(), 3);
    }
}

#[tokio::test]
async fn a_queue_without_its_partitions_is_named() {
    let fake = labelled().await;
    fake.answers(
        "/scheduler",
        Canned::json(fixture!("labels-scheduler").replacen("\"resources\"", "\"other\"", 1)),
    );
    let problem = problem(read(&fake).await.load);
    assert!(
        problem.starts_with("scheduler.schedulerInfo.queues.queue[0]: missing field `resources`"),
        "{problem}"
    );
}

#[tokio::test]
async fn before_hadoop_3_3_containers_are_known_while_none_waits_outside_the_default_partition() {
    let fake = labelled().await;
    fake.answers(
        "/jmx PartitionQueueMetrics",
        Canned::json(r#"{"beans":[]}"#),
    );
    let problem_found = problem(read(&fake).await.load);
    assert!(
        problem_found
            .starts_with("the number of containers pending in the partition CORE is missing"),
        "{problem_found}"
    );

    let nothing_waits = |scheduler: &mut Value| {
        for queue in scheduler["scheduler"]["schedulerInfo"]["queues"]["queue"]
            .as_array_mut()
            .unwrap()
        {
            queue["resources"]["resourceUsagesByPartition"][1]["pending"] =
                json!({ "memory": 0, "vCores": 0 });
        }
    };
    fake.answers(
        "/scheduler",
        edited(fixture!("labels-scheduler"), nothing_waits),
    );
    let load = read(&fake).await.load.unwrap().value;
    assert_eq!(
        [
            load.containers_allocated,
            load.containers_pending,
            load.containers_reserved
        ],
        [7, 3, 1]
    );
    assert_eq!(load.containers_released_total, None);

    fake.answers("/nodes", Canned::status(500));
    assert!(problem(read(&fake).await.load).contains("without the list of nodes"));
}

#[tokio::test]
async fn before_hadoop_3_3_containers_that_wait_outside_the_default_partition_are_those_asked_for()
{
    let fake = labelled().await;
    let asks_for = |containers: i64| {
        json!([{ "resourceName": "*", "numContainers": containers,
                 "capability": { "memory": 1_536, "vCores": 1 }, "nodeLabelExpression": "CORE" }])
    };
    let with_requests = edited(fixture!("labels-apps"), |answer| {
        let apps = answer["apps"]["app"].as_array_mut().unwrap();
        apps.iter_mut()
            .for_each(|app| app["resourceRequests"] = asks_for(3));
    });
    let all_are_seen = edited(fixture!("labels-metrics"), |answer| {
        answer["clusterMetrics"]["appsPending"] = json!(0);
    });
    fake.answers("/metrics", all_are_seen)
        .answers(
            "/jmx PartitionQueueMetrics",
            Canned::json(r#"{"beans":[]}"#),
        )
        .answers(REQUESTS, with_requests);
    let load = read(&fake).await.load.unwrap().value;
    assert_eq!(load.containers_pending, 6);
    assert_eq!(load.memory_pending.get(), OVER_PARTITIONS_MIB[4]);
}

#[tokio::test]
async fn schedulers_without_partitions_have_all_nodes_in_the_default_one() {
    let fake = labelled().await;
    fake.answers("/scheduler", Canned::json(fixture!("fair-scheduler")));
    let load = read(&fake).await.load.unwrap().value;
    assert_eq!(amounts(&load), OF_DEFAULT_PARTITION_MIB);
    assert_eq!(load.containers_released_total, Some(900));
}
