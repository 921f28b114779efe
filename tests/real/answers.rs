//! Not a test: records what a ResourceManager answers to the daemon's requests while containers
//! are pending, for `tests/fixtures/yarn`. `tests/run answers` runs it.
//!
//! Writes one file per answer, unchanged, to the folder `HEADROOM_RECORDING`.

use std::fs;
use std::path::{Path, PathBuf};

use crate::parts::jobs::Job;
use crate::parts::yarn::{LIMITED_QUEUE, YarnCluster};
use crate::parts::{eventually, http, installed, seconds};

const NODE: &str = "ip-10-0-0-1.ec2.internal";

#[tokio::test]
#[ignore = "records; run it by tests/run answers"]
async fn answers_while_containers_are_pending() {
    let folder = recording();
    let cluster = YarnCluster::start().await;
    cluster.start_node(NODE);
    cluster.active(1).await;
    // The node has room for the application master and seven of them.
    let job = Job {
        name: "more-than-fits".into(),
        containers: 12,
        seconds: 120,
        memory_mib: 1_024,
        vcores: 1,
    };
    let id = cluster.submit(&job).await;
    eventually("the node is full", seconds(60), async || {
        (cluster.started_containers(&id).await.len() == 8).then_some(())
    })
    .await;
    write_answers(&cluster, &folder, &requests()).await;
}

/// What a ResourceManager answers while a queue's maximum keeps work waiting beside idle room.
#[tokio::test]
#[ignore = "records; run it by tests/run answers"]
async fn answers_beside_a_queue_that_is_full() {
    let folder = recording();
    let cluster = YarnCluster::start().await;
    cluster.start_node(NODE);
    cluster.active(1).await;
    // A quarter of the node's eight vcores: the application master has one, and a container the other.
    let job = Job {
        name: "more-than-its-queue".into(),
        containers: 12,
        seconds: 120,
        memory_mib: 1_024,
        vcores: 1,
    };
    let id = cluster.submit_to(LIMITED_QUEUE, &job).await;
    eventually("the queue is full", seconds(60), async || {
        (cluster.started_containers(&id).await.len() == 2).then_some(())
    })
    .await;
    let requests_of_apps = if installed::hadoop_version().starts_with("2.") {
        "apps?states=RUNNING,ACCEPTED"
    } else {
        "apps?states=RUNNING,ACCEPTED&deSelects=timeouts,resourceInfo"
    };
    let requests = [
        ("limited-scheduler", "scheduler"),
        ("limited-apps", requests_of_apps),
        (
            "limited-nodes",
            "nodes?states=RUNNING,DECOMMISSIONING,UNHEALTHY",
        ),
        ("limited-metrics", "metrics"),
    ]
    .map(|(name, path)| (name, format!("ws/v1/cluster/{path}")));
    write_answers(&cluster, &folder, &requests).await;
}

fn recording() -> PathBuf {
    let folder = std::env::var_os("HEADROOM_RECORDING").expect("HEADROOM_RECORDING names a folder");
    fs::create_dir_all(&folder).expect("a folder");
    folder.into()
}

async fn write_answers(cluster: &YarnCluster, folder: &Path, requests: &[(&str, String)]) {
    for (name, path) in requests {
        let url = cluster.rest().join(path).expect("an address");
        let answer = eventually(name, seconds(10), async || http::text(&url).await).await;
        fs::write(folder.join(format!("{name}.json")), answer).expect("writes");
    }
}

/// The daemon's requests, by the name of the fixture.
fn requests() -> [(&'static str, String); 6] {
    let left_out = if installed::hadoop_version().starts_with("2.") {
        "resourceRequests"
    } else {
        "resourceRequests,timeouts,resourceInfo"
    };
    let cluster = |path: &str| format!("ws/v1/cluster/{path}");
    [
        ("info", cluster("info")),
        ("metrics", cluster("metrics")),
        (
            "nodes",
            cluster("nodes?states=RUNNING,DECOMMISSIONING,UNHEALTHY"),
        ),
        (
            "apps",
            cluster(&format!(
                "apps?states=RUNNING,ACCEPTED&deSelects={left_out}"
            )),
        ),
        ("get-node-labels", cluster("get-node-labels")),
        (
            "queue-metrics",
            "jmx?qry=Hadoop:service=ResourceManager,name=QueueMetrics,q0=root".into(),
        ),
    ]
}
