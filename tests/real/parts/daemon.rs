//! `headroom run` as a process with a settings file.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use headroom::decision::Decision;
use headroom::observation::Observation;
use headroom::trace::Record;
use headroom::trace::journal::TraceReader;
use reqwest::Url;
use tempfile::TempDir;

use super::moto::Moto;
use super::process::Process;
use super::yarn::YarnCluster;
use super::{eventually, free_port, http, seconds};

/// What differs from the settings and the environment that every test has.
#[derive(Debug, Default)]
pub struct Extra {
    /// Whether it changes nothing.
    pub dry_run: bool,
    /// More tables of the settings.
    pub settings: &'static str,
    pub environment: Vec<(&'static str, PathBuf)>,
}

/// The daemon with its state.
#[derive(Debug)]
pub struct Headroom {
    process: Process,
    folder: TempDir,
    address: Url,
}

impl Headroom {
    /// Starts a daemon with the text of a policy, and waits for its first tick.
    pub async fn start(yarn: &YarnCluster, moto: &Moto, policy: &str) -> Self {
        let mut daemon = Self::launch(yarn, moto, policy, &Extra::default());
        daemon.ready().await;
        daemon
    }

    /// Starts a daemon that changes nothing, and waits for its first tick.
    pub async fn dry_run(yarn: &YarnCluster, moto: &Moto, policy: &str) -> Self {
        let extra = Extra {
            dry_run: true,
            ..Extra::default()
        };
        let mut daemon = Self::launch(yarn, moto, policy, &extra);
        daemon.ready().await;
        daemon
    }

    /// Waits until it has read what the policy needs.
    pub async fn ready(&mut self) {
        let ready = self.address.join("readyz").expect("an address");
        eventually("headroom is ready", seconds(30), async || {
            self.process.must_run();
            http::text(&ready).await
        })
        .await;
    }

    /// Starts a daemon with the text of a policy.
    pub fn launch(yarn: &YarnCluster, moto: &Moto, policy: &str, extra: &Extra) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("policy.yaml"), policy).expect("writes");
        let address = http::local(free_port());
        let settings = format!(
            r#"policy = "policy.yaml"
state_dir = "state"
cluster_id = "{cluster_id}"
listen = "127.0.0.1:{port}"
dry_run = {dry_run}
[yarn]
resource_managers = ["{yarn}"]
timeout = "5s"

[hdfs]
name_nodes = []

[aws]
region = "us-east-1"
calls_per_minute = 600
check_managed_scaling = false # moto lacks the operation

{extra}"#,
            cluster_id = moto.cluster_id,
            port = address.port().expect("a port"),
            yarn = yarn.rest(),
            dry_run = extra.dry_run,
            extra = extra.settings,
        );
        fs::write(folder.path().join("headroom.toml"), settings).expect("writes");
        let mut command = program();
        // From within the folder, so that no path of this machine gets into the journal.
        command
            .args(["run", "--config", "headroom.toml"])
            .current_dir(folder.path());
        command
            .env("AWS_ENDPOINT_URL", moto.endpoint().as_str())
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
            .env("AWS_ACCESS_KEY_ID", "any")
            .env("AWS_SECRET_ACCESS_KEY", "any")
            .envs(extra.environment.iter().map(|(name, path)| (name, path)));
        Self {
            process: Process::start("headroom", &mut command, folder.path()),
            folder,
            address,
        }
    }

    /// The address of its HTTP server.
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// Folder of its journal.
    pub fn journal(&self) -> PathBuf {
        self.folder.path().join("state/journal")
    }

    /// What it has observed so far.
    pub fn observations(&self) -> Vec<Observation> {
        let observations = self.records().filter_map(|record| match record {
            Record::Observation(observation) => Some(*observation),
            _ => None,
        });
        observations.collect()
    }

    /// What it has decided so far.
    pub fn decisions(&self) -> Vec<Decision> {
        let decisions = self.records().filter_map(|record| match record {
            Record::Decision(decision) => Some(*decision),
            _ => None,
        });
        decisions.collect()
    }

    fn records(&self) -> impl Iterator<Item = Record> {
        let records = TraceReader::open(&self.journal()).expect("a journal");
        records.map(|record| record.expect("a record"))
    }

    /// Panics if it has ended by itself.
    pub fn must_run(&mut self) {
        self.process.must_run();
    }

    /// Its log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Stops it as systemd does, and waits; panics if it fails.
    pub async fn stop(&mut self) {
        self.process.terminate();
        let success = eventually("headroom ends", seconds(15), async || {
            self.process.success()
        })
        .await;
        assert!(success, "headroom ended badly:\n{}", self.log());
    }
}

/// The output of a command of the program; panics if it fails.
pub fn headroom(arguments: &[&str]) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = program()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let (stdout, stderr) = (text(stdout), text(stderr));
    assert!(
        status.success(),
        "headroom {}\n{stdout}{stderr}",
        arguments.join(" ")
    );
    stdout
}

pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_headroom"));
    command.env("NO_COLOR", "1").env("COLUMNS", "80");
    command
}
