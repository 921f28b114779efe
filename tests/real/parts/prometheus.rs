//! Debian's Prometheus, scraping its targets each second.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

use reqwest::Url;
use serde::Deserialize;
use tempfile::TempDir;

use super::process::Process;
use super::{eventually, free_port, http, installed, seconds};

#[derive(Debug)]
pub struct Prometheus {
    _server: Process,
    _folder: TempDir,
    api: Url,
}

/// One series of the answer to a query.
#[derive(Clone, Debug, Deserialize)]
pub struct Series {
    #[serde(rename = "metric")]
    pub labels: std::collections::BTreeMap<String, String>,
    /// When, and the value as text.
    value: (f64, String),
}

impl Series {
    pub fn value(&self) -> f64 {
        self.value.1.parse().expect("a number")
    }
}

impl Prometheus {
    /// Scrapes each of `targets`, of which host and port count, at `/metrics`.
    pub async fn start(targets: &[&Url]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = |url: &Url| {
            format!(
                "{}:{}",
                url.host_str().expect("a host"),
                url.port().expect("a port")
            )
        };
        let targets: Vec<String> = targets
            .iter()
            .map(|target| format!("'{}'", address(target)))
            .collect();
        let configuration = format!(
            "global: {{ scrape_interval: 1s }}\nscrape_configs:\n  - {{ job_name: headroom, static_configs: [{{ targets: [{}] }}] }}\n",
            targets.join(", ")
        );
        let file = folder.path().join("prometheus.yml");
        fs::write(&file, configuration).expect("writes");
        let api = http::local(free_port());
        let mut command = Command::new(installed::prometheus());
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={}", address(&api)));
        let mut server = Process::start("prometheus", &mut command, folder.path());
        let ready = api.join("-/ready").expect("an address");
        eventually("Prometheus is ready", seconds(30), async || {
            server.must_run();
            http::text(&ready).await
        })
        .await;
        Self {
            _server: server,
            _folder: folder,
            api,
        }
    }

    /// What an instant query finds now; nothing when it finds nothing or is wrong.
    pub async fn query(&self, query: &str) -> Vec<Series> {
        #[derive(Deserialize)]
        struct Answer {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            result: Vec<Series>,
        }
        let mut url = self.api.join("api/v1/query").expect("an address");
        url.query_pairs_mut().append_pair("query", query);
        http::get(&url)
            .await
            .map(|answer: Answer| answer.data.result)
            .unwrap_or_default()
    }
}

/// What `promtool check metrics` finds wrong with an exposition; empty when nothing.
pub fn promtool_check_metrics(exposition: &str) -> String {
    let mut command = Command::new(installed::promtool());
    command
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("promtool starts");
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(exposition.as_bytes())
        .expect("writes");
    let output = child.wait_with_output().expect("ends");
    let problems = [output.stdout, output.stderr].concat();
    let problems = String::from_utf8_lossy(&problems).into_owned();
    assert!(
        output.status.success() || !problems.is_empty(),
        "promtool fails without a word"
    );
    problems
}
