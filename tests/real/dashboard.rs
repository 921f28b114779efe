//! Runs the dashboard's queries and the alerting rules in Prometheus.

use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Url;
use serde_json::Value;

use crate::parts::daemon::program;
use crate::parts::process::Process;
use crate::parts::prometheus::Prometheus;
use crate::parts::{eventually, free_port, http, installed, seconds};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Every query of the dashboard with the title of its panel, its variables filled in as Grafana
/// does.
fn queries() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(repository("deploy/grafana/headroom.json")).expect("reads");
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels").iter();
    let of_panel = |panel: &Value| {
        let title = panel["title"].as_str().unwrap_or_default().to_owned();
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        targets
            .into_iter()
            .filter_map(|target| target["expr"].as_str().map(filled))
            .map(move |query| (title.clone(), query))
            .collect::<Vec<_>>()
    };
    panels.flat_map(of_panel).collect()
}

fn filled(query: &str) -> String {
    let values = [
        ("$__rate_interval", "20s"),
        ("$__range", "1m"),
        ("$job", "headroom"),
        ("$cluster", ".*"),
        ("$signal", "yarn_memory_available_percent"),
    ];
    values
        .iter()
        .fold(query.to_owned(), |query, (name, value)| {
            query.replace(name, value)
        })
}

#[tokio::test]
async fn every_query_of_the_dashboard_finds_data_of_rehearsals_by_rules_and_by_demand() {
    let folders = [
        tempfile::tempdir().expect("a folder"),
        tempfile::tempdir().expect("a folder"),
    ];
    let policies = [
        "policies/available-memory.yaml",
        "policies/follow-demand.yaml",
    ];
    let mut rehearsals = Vec::new();
    for (folder, policy) in folders.iter().zip(policies) {
        rehearsals.push(rehearsal(policy, folder.path()).await);
    }
    let addresses: Vec<&Url> = rehearsals.iter().map(|(_, address)| address).collect();
    let prometheus = Prometheus::start(&addresses).await;
    let queries = queries();
    assert!(queries.len() > 20, "the dashboard was read");
    for (panel, query) in queries {
        eventually(
            &format!("`{panel}` shows {query}"),
            seconds(90),
            async || {
                rehearsals
                    .iter_mut()
                    .for_each(|(rehearsal, _)| rehearsal.must_run());
                prometheus.query(&query).await.pop()
            },
        )
        .await;
    }
}

/// A rehearsal that outlasts the test, and its address.
async fn rehearsal(policy: &str, folder: &Path) -> (Process, Url) {
    let address = http::local(free_port());
    let mut command = program();
    command
        .arg("rehearse")
        .arg(repository("simulations/short-containers"))
        .args(["--speed", "120", "--for", "6h"]);
    command
        .arg("--policy")
        .arg(repository(policy))
        .arg("--keep")
        .arg(folder.join("kept"));
    command.args([
        "--listen",
        &format!("127.0.0.1:{}", address.port().expect("a port")),
    ]);
    let mut rehearsal = Process::start("rehearsal", &mut command, folder);
    let ready = address.join("readyz").expect("an address");
    eventually("the rehearsal is ready", seconds(60), async || {
        rehearsal.must_run();
        http::text(&ready).await
    })
    .await;
    (rehearsal, address)
}

#[test]
fn the_alerting_rules_are_right_and_fire_when_they_should() {
    for arguments in [
        ["check", "rules", "headroom.rules.yml"],
        ["test", "rules", "headroom.rules.test.yml"],
    ] {
        let mut command = Command::new(installed::promtool());
        let output = command
            .args(arguments)
            .current_dir(repository("deploy/prometheus"))
            .output()
            .expect("promtool starts");
        let told = [output.stdout, output.stderr].concat();
        assert!(
            output.status.success(),
            "promtool {}\n{}",
            arguments.join(" "),
            String::from_utf8_lossy(&told)
        );
    }
}
