//! Checks the YARN cluster itself.

use crate::parts::jobs::Job;
use crate::parts::yarn::{NODE_MEMORY_MIB, YarnCluster};
use crate::parts::{eventually, seconds};

const FIRST: &str = "ip-10-0-0-1.ec2.internal";
const SECOND: &str = "ip-10-0-0-2.ec2.internal";

#[tokio::test]
async fn load_runs_on_nodes_of_different_names_and_a_node_drains_before_it_goes() {
    let cluster = YarnCluster::start().await;
    cluster.start_node(FIRST);
    cluster.start_node(SECOND);
    cluster.active(2).await;
    assert_eq!(
        cluster.metrics().await.total_mib,
        2 * u64::from(NODE_MEMORY_MIB)
    );

    // Eight vcores are in a node: application master and containers need both. They live longer
    // than the tools of YARN take to start.
    let job = Job {
        name: "fills-both".into(),
        containers: 11,
        seconds: 60,
        memory_mib: 1_024,
        vcores: 1,
    };
    let id = cluster.submit(&job).await;
    // YARN considers a node drained while a container that is allocated there has not started,
    // kills it, and its job never ends.
    eventually(
        "master and containers have started, on both nodes",
        seconds(60),
        async || {
            let started = cluster.started_containers(&id).await;
            (started.len() == 12 && started.iter().any(|node| node == SECOND)).then_some(())
        },
    )
    .await;

    cluster.decommission(&[SECOND.into()], seconds(180)).await;
    let state = async || {
        cluster
            .nodes()
            .await
            .into_iter()
            .find(|node| node.host == SECOND)
    };
    let draining = eventually("the node drains", seconds(30), async || {
        state().await.filter(|node| node.state == "DECOMMISSIONING")
    })
    .await;
    assert!(draining.num_containers > 0, "its containers live on");

    let application = cluster.finished(&id, 180).await;
    assert_eq!(application.final_status, "SUCCEEDED");
    eventually("the node goes", seconds(20), async || {
        (cluster.nodes().await.len() == 1).then_some(())
    })
    .await;
}
