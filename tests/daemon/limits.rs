//! Limits the daemon's memory and time.

use std::process::Command;

use crate::faults::{POLICY, start_in};
use crate::services::Services;

const TICKS: u32 = 10_000;
/// Of the whole process: the daemon, the services that it reads, and the test itself.
const RESIDENT_MB_MAX: u64 = 40;

/// In a process of its own, so that no other test counts.
#[test]
fn ten_thousand_ticks_leave_the_process_small() {
    let this = std::env::current_exe().expect("a path");
    let output = Command::new(this)
        .args([
            "--exact",
            "limits::ten_thousand_ticks",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .output()
        .expect("runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!(
        "{}",
        text.lines()
            .find(|line| line.contains("resident"))
            .unwrap_or_default()
    );
}

#[tokio::test]
#[ignore = "run by the test above, in a process of its own"]
async fn ten_thousand_ticks() {
    let services = Services::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut daemon = start_in(folder.path(), &services, POLICY, false)
        .await
        .expect("starts");
    let mut took = Vec::new();
    for tick in 0..TICKS {
        services.load().available_percent = if tick % 20 < 10 { 50 } else { 5 };
        let report = daemon.once().await.expect("a tick");
        took.push(report.took.observe + report.took.decide + report.took.journal + report.took.act);
        services.emr.forget_calls();
        let mut cluster = services.emr.cluster();
        (cluster.task.running, cluster.task.state) = (cluster.task.requested, "RUNNING");
    }
    took.sort_unstable();
    let resident_mb = resident_bytes() / 1_000_000;
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("{TICKS} ticks: median {median:.1?}, p99 {p99:.1?}; {resident_mb} MB resident");
    assert!(resident_mb < RESIDENT_MB_MAX, "{resident_mb} MB resident");
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages: u64 = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse().ok())
        .expect("a number");
    pages * 4_096
}
