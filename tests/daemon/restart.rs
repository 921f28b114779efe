//! Kills the daemon at many points: it knows its decisions after the restart, and resizes nothing
//! twice.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use headroom::decision::Action;
use headroom::trace::Record;
use headroom::trace::journal::TraceReader;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::services::Services;

const RUNS: u32 = 200;

/// Scales out and in by one as often as its cooldowns allow.
const POLICY: &str = "
name: restless
poll: 1s
targets:
  - group: { role: task }
    limits: { min: 0, max: 50 }
    reversal: 0s
    rules:
      - { name: short, when: yarn_memory_available_percent < 15, for: 1s, then: { grow: 1 }, cooldown: 1s }
      - { name: idle, when: yarn_memory_available_percent > 75, for: 1s, then: { shrink: 1 }, cooldown: 1s }
";

fn spawn(folder: &Path, services: &Services) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headroom"));
    command
        .args(["run", "--config"])
        .arg(folder.join("headroom.toml"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
        .env("AWS_ENDPOINT_URL", &services.address)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    command
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test");
    command.spawn().expect("starts")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn killed_two_hundred_times_it_forgets_no_decision_and_repeats_none() {
    let services = Services::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("policy.yaml"), POLICY).expect("writes");
    let toml = format!(
        "policy = 'policy.yaml'\nstate_dir = 'state'\ncluster_id = 'j-TEST'\nlisten = 'off'\n[yarn]\nresource_managers = ['{0}']\n\
         [hdfs]\nname_nodes = ['{0}']\n[aws]\ncalls_per_minute = 60000\n",
        services.address
    );
    std::fs::write(folder.path().join("headroom.toml"), toml).expect("writes");

    let mut luck = ChaCha8Rng::seed_from_u64(9);
    for run in 0..RUNS {
        // The load changes every few runs, and each resize completes before the next run.
        services.load().available_percent = if run / 8 % 2 == 0 { 5 } else { 90 };
        let mut daemon = spawn(folder.path(), &services);
        tokio::time::sleep(Duration::from_millis(luck.random_range(0..700))).await;
        daemon.kill().expect("kills");
        daemon.wait().expect("ends");
        let mut cluster = services.emr.cluster();
        (cluster.task.running, cluster.task.state) = (cluster.task.requested, "RUNNING");
    }

    let journal = folder.path().join("state/journal");
    let verified = Command::new(env!("CARGO_BIN_EXE_headroom"))
        .args(["simulate", "--verify"])
        .arg(&journal)
        .output()
        .expect("runs");
    assert!(
        verified.status.success(),
        "{}{}",
        String::from_utf8_lossy(&verified.stdout),
        String::from_utf8_lossy(&verified.stderr)
    );

    let records: Vec<Record> = TraceReader::open(&journal)
        .expect("opens")
        .collect::<Result<_, _>>()
        .expect("reads");
    let starts = records
        .iter()
        .filter(|record| matches!(record, Record::Start(_)))
        .count();
    let decided: Vec<(u64, u64)> = records.iter().filter_map(resize).collect();
    let sent = services.sizes_sent();
    println!(
        "{RUNS} runs, {starts} of which came to record; {} resizes decided, {} sent",
        decided.len(),
        sent.len()
    );
    assert!(sent.len() > 10, "there was something to interrupt");
    // The journal has every resize that was sent, in the same order, and those that were
    // interrupted before they were sent.
    let mut durable = decided.iter();
    assert!(
        sent.iter().all(|size| durable.any(|(_, to)| to == size)),
        "sent {sent:?}\ndecided {decided:?}"
    );
    // Each step is one instance away from the size before: no resize was applied twice.
    let mut size = 4;
    for to in sent {
        assert_eq!(u64::abs_diff(size, to), 1, "from {size} to {to}");
        size = to;
    }
}

fn resize(record: &Record) -> Option<(u64, u64)> {
    match record {
        Record::Decision(decision) => match &decision.action {
            Action::Resize(resize) => {
                Some((u64::from(resize.from.get()), u64::from(resize.to.get())))
            }
            Action::Hold(_) => None,
        },
        _ => None,
    }
}
