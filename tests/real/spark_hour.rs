//! Not a test: records an hour of Spark applications that overlap, for `simulations/recorded-spark`.
//! `tests/run spark-hour FOLDER` runs it.
//!
//! Writes to the folder `HEADROOM_RECORDING`: `trace.jsonl.zst`, the daemon's journal; `event-logs`,
//! Spark's own logs; `applications.json`, what was submitted; `conf.json`, the cluster;
//! `resource-manager.log.zst`, YARN's log of every container.

mod load;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use headroom::daemon::clock::Clock;
use headroom::units::Timestamp;
use serde_json::{Value, json};

use crate::parts::daemon::{Headroom, headroom};
use crate::parts::moto::Moto;
use crate::parts::process::Process;
use crate::parts::seconds;
use crate::parts::spark_on_yarn::{SPARK_NODE, SparkApplication, cluster_settings};
use crate::parts::yarn::YarnCluster;
use crate::recording::{compress, only_segment};

/// Reads everything and never resizes: the simulator is compared with a cluster of one size.
const POLICY: &str = "\
name: watches
poll: 10s
targets:
  - group: { role: task }
    limits: { min: 0, max: 4 }
    rules:
      - name: long-work
        when: work_drain_seconds > 10m and yarn_containers_pending > 0
        for: 1d
        then: { grow: 1 }
";
const NODES: u32 = 3;
/// The time after the last submission for the remaining applications.
const DRAIN: Duration = seconds(1_200);

#[tokio::test]
#[ignore = "records for an hour; run it by tests/run spark-hour"]
async fn an_hour_of_spark() {
    let folder = PathBuf::from(
        std::env::var_os("HEADROOM_RECORDING").expect("HEADROOM_RECORDING names a folder"),
    );
    fs::create_dir_all(folder.join("event-logs")).expect("a folder");
    let (yarn, moto) = (YarnCluster::start().await, Moto::start(NODES).await);
    let nodes = moto.core.instances.iter().take(NODES as usize);
    let hosts: Vec<&str> = nodes.map(|node| &*node.private_dns_name).collect();
    for host in &hosts {
        yarn.start_node_of(host, SPARK_NODE);
    }
    yarn.active(NODES).await;
    let clock = Clock::real();
    let mut daemon = Headroom::dry_run(&yarn, &moto, POLICY).await;
    let start = clock.now();
    let submitted = drive(&yarn, &clock, start).await;
    // The end of the last application is in the journal, too.
    tokio::time::sleep(seconds(30)).await;
    daemon.stop().await;

    for application in &submitted {
        let id = application["id"].as_str().expect("an id");
        let log = yarn.whole_event_log(id).await;
        compress(&log, &folder.join(format!("event-logs/{id}.zst")));
    }
    let trace = folder.join("trace.jsonl.zst");
    compress(&only_segment(&daemon.journal()), &trace);
    let log = yarn.folder().join("resource-manager.log");
    compress(&log, &folder.join("resource-manager.log.zst"));
    for (name, value) in [
        ("applications.json", json!(submitted)),
        ("conf.json", cluster_settings(&yarn, &hosts)),
    ] {
        let text = serde_json::to_string_pretty(&value).expect("JSON");
        fs::write(folder.join(name), text).expect("writes");
    }
    println!(
        "{}",
        headroom(&["trace", "info", &trace.display().to_string()])
    );
}

/// Submits the applications when they are due, and waits until all have ended. Returns what was
/// submitted, with what YARN says of it.
async fn drive(yarn: &YarnCluster, clock: &Clock, start: Timestamp) -> Vec<Value> {
    let mut running: Vec<(String, SparkApplication, Process)> = Vec::new();
    let mut last = start;
    for (at, application) in load::schedule() {
        last = start + at;
        clock.sleep_until(last).await;
        let mut process = yarn.submit_spark(&application);
        let id = yarn
            .accepted_spark(&application.name, &mut process)
            .await
            .id;
        println!("{id} {}", application.name);
        running.push((id, application, process));
    }
    let mut submitted = Vec::new();
    for (id, application, _process) in &running {
        let left = (last + DRAIN).since(clock.now());
        let ended = yarn.finished(id, left.as_secs()).await;
        submitted.push(json!({
            "id": id,
            "started_ms": ended.started_time,
            "finished_ms": ended.finished_time,
            "final_status": ended.final_status,
            "application": application,
        }));
    }
    submitted
}
