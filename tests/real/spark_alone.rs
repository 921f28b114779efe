//! Not a test: records Spark applications, each alone on a cluster of three nodes, to compare the
//! simulator with. `tests/run spark FOLDER` runs it.
//!
//! Writes to `FOLDER/NAME`: `eventlog`, Spark's own log; `samples.jsonl`, what YARN said each second;
//! `conf.json`, the settings. An application whose folder is there already is left out.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use headroom::daemon::clock::Clock;
use serde_json::{Map, Value, json};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::parts::spark_on_yarn::{Driver, SPARK_NODE, SparkApplication, cluster_settings};
use crate::parts::yarn::{Application, YarnCluster};
use crate::parts::{http, seconds};

const NODES: [&str; 3] = [
    "ip-10-0-0-1.ec2.internal",
    "ip-10-0-0-2.ec2.internal",
    "ip-10-0-0-3.ec2.internal",
];

/// The members of YARN's answers that a sample has.
const OF_THE_CLUSTER: [&str; 9] = [
    "allocatedMB",
    "pendingMB",
    "availableMB",
    "reservedMB",
    "allocatedVirtualCores",
    "pendingVirtualCores",
    "containersAllocated",
    "containersPending",
    "activeNodes",
];
const OF_THE_APPLICATION: [&str; 10] = [
    "id",
    "state",
    "finalStatus",
    "allocatedMB",
    "allocatedVCores",
    "runningContainers",
    "memorySeconds",
    "startedTime",
    "launchTime",
    "finishedTime",
];

#[tokio::test]
#[ignore = "records for half an hour; run it by tests/run spark"]
async fn spark_applications_alone() {
    let folder = PathBuf::from(
        std::env::var_os("HEADROOM_RECORDING").expect("HEADROOM_RECORDING names a folder"),
    );
    let cluster = Arc::new(YarnCluster::start().await);
    for node in NODES {
        cluster.start_node_of(node, SPARK_NODE);
    }
    cluster.active(3).await;
    for application in applications() {
        let target = folder.join(&application.name);
        if !target.exists() {
            record(&cluster, &application, &target).await;
        }
    }
}

/// One of each shape, and some of them otherwise.
fn applications() -> Vec<SparkApplication> {
    let app = SparkApplication::new;
    vec![
        app("wide-narrow", "wide_narrow"),
        app("sql", "sql")
            .setting("spark.sql.autoBroadcastJoinThreshold", "-1")
            .setting("spark.sql.adaptive.coalescePartitions.enabled", "false")
            .setting("spark.dynamicAllocation.maxExecutors", "8"),
        app("notebook", "notebook").driver(Driver::Client),
        app("static-skew", "skewed").executors(4),
        app("capped-short", "short_tasks").setting("spark.dynamicAllocation.maxExecutors", "4"),
        app("cached", "cached"),
        app("shuffle-timeout", "wide_narrow")
            .numbers(&[("wide", 48), ("narrow_s", 60), ("last", 20)])
            .setting("spark.dynamicAllocation.maxExecutors", "8")
            .setting("spark.dynamicAllocation.shuffleTracking.timeout", "15s")
            .setting("spark.dynamicAllocation.executorIdleTimeout", "30s"),
        app("larger-executors", "wide_narrow")
            .numbers(&[("narrow", 6)])
            .setting("spark.executor.memory", "3g")
            .setting("spark.executor.cores", "4"),
        app("dynamic-skew", "skewed")
            .numbers(&[("first", 48)])
            .setting("spark.dynamicAllocation.maxExecutors", "10"),
        app("more-than-fits", "short_tasks").numbers(&[("tasks", 240), ("task_s", 12)]),
    ]
}

async fn record(cluster: &Arc<YarnCluster>, application: &SparkApplication, target: &Path) {
    let partial = target.with_extension("partial");
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial).expect("a folder");
    let samples = partial.join("samples.jsonl");
    let (stop, stopped) = watch::channel(());
    let sampler = tokio::spawn(sample(
        Arc::clone(cluster),
        application.name.clone(),
        samples,
        stopped,
    ));
    tokio::time::sleep(seconds(3)).await;
    let mut submitted = cluster.submit_spark(application);
    let id = cluster
        .accepted_spark(&application.name, &mut submitted)
        .await
        .id;
    let Application { final_status, .. } = cluster.finished(&id, 1_200).await;
    assert_eq!(final_status, "SUCCEEDED", "{}", application.name);
    let log = cluster.whole_event_log(&id).await;
    tokio::time::sleep(seconds(3)).await;
    drop(stop);
    sampler.await.expect("the samples are whole");
    fs::copy(log, partial.join("eventlog")).expect("copies");
    let conf = json!({
        "cluster": cluster_settings(cluster, &NODES),
        "application_id": id,
        "application": application,
    });
    let text = serde_json::to_string_pretty(&conf).expect("JSON");
    fs::write(partial.join("conf.json"), text).expect("writes");
    fs::rename(&partial, target).expect("renames");
    println!("{}: {id}", application.name);
}

/// Writes what YARN says of the cluster and the application once a second, until `stopped` is closed.
async fn sample(
    cluster: Arc<YarnCluster>,
    name: String,
    path: PathBuf,
    mut stopped: watch::Receiver<()>,
) {
    let mut file = BufWriter::new(File::create(path).expect("a file"));
    let clock = Clock::real();
    let [metrics, applications] = ["metrics", "apps"].map(|part| {
        let path = format!("ws/v1/cluster/{part}");
        cluster.rest().join(&path).expect("an address")
    });
    let mut each_second = interval(seconds(1));
    each_second.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            _ = each_second.tick() => {}
        }
        let asked = clock.now();
        let (metrics, applications) = tokio::join!(
            http::get::<Value>(&metrics),
            http::get::<Value>(&applications)
        );
        let (Some(metrics), Some(applications)) = (metrics, applications) else {
            continue;
        };
        let none = Vec::new();
        let listed = applications["apps"]["app"].as_array().unwrap_or(&none);
        let application = listed
            .iter()
            .find(|application| application["name"] == *name);
        let line = json!({
            "time_ms": asked.as_millis(),
            "cluster": members(&metrics["clusterMetrics"], &OF_THE_CLUSTER),
            "application": application.map(|application| members(application, &OF_THE_APPLICATION)),
        });
        writeln!(file, "{line}").expect("writes");
    }
    file.flush().expect("writes");
}

fn members(object: &Value, names: &[&str]) -> Map<String, Value> {
    let members: BTreeMap<_, _> = names
        .iter()
        .map(|name| ((*name).to_owned(), object[*name].clone()))
        .collect();
    members.into_iter().collect()
}
