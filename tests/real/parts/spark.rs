//! Spark: applications on this machine alone, and the history server of their event logs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Url;
use serde_json::Value;
use tempfile::TempDir;

use super::process::{Process, kill_all_of};
use super::{eventually, free_port, http, installed, seconds};

/// A folder of event logs, and what Spark runs with it.
#[derive(Debug)]
pub struct Spark {
    folder: TempDir,
}

/// A running history server.
#[derive(Debug)]
pub struct HistoryServer {
    process: Process,
    address: Url,
}

impl Spark {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["logs", "local"] {
            fs::create_dir(folder.path().join(name)).expect("a folder");
        }
        Self { folder }
    }

    /// Where everything is, logs of the processes included.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the event logs.
    pub fn event_logs(&self) -> PathBuf {
        self.folder().join("logs")
    }

    /// Ends all applications at once, as a machine does that fails.
    pub fn kill_applications(&self, mut submitted: Process) {
        submitted.must_run();
        drop(submitted);
        kill_all_of(&self.local());
    }

    fn local(&self) -> PathBuf {
        self.folder().join("local")
    }

    /// Starts a Python program, which says itself which masters its applications run on.
    pub fn submit(&self, program: &Path) -> Process {
        let mut command = self.command("spark-submit");
        for setting in [
            "spark.eventLog.enabled=true".to_owned(),
            format!("spark.eventLog.dir=file://{}", self.event_logs().display()),
            "spark.ui.port=0".to_owned(),
        ] {
            command.args(["--conf", &setting]);
        }
        command
            .args(["--driver-memory", "512m"])
            .arg(program)
            .env("SPARK_LOCAL_DIRS", self.local())
            .env("SPARK_WORKER_DIR", self.folder().join("worker"));
        Process::start("applications", &mut command, self.folder())
    }

    /// Starts a history server, which looks for new logs every second.
    pub async fn history_server(&self) -> HistoryServer {
        let port = free_port();
        let options = [
            format!("fs.logDirectory=file://{}", self.event_logs().display()),
            format!("ui.port={port}"),
            "fs.update.interval=1s".to_owned(),
        ];
        let options = options.map(|option| format!("-Dspark.history.{option}"));
        let mut command = self.command("spark-class");
        command
            .arg("org.apache.spark.deploy.history.HistoryServer")
            .env("SPARK_HISTORY_OPTS", options.join(" "));
        let mut server = HistoryServer {
            process: Process::start("history-server", &mut command, self.folder()),
            address: http::local(port),
        };
        eventually("the history server answers", seconds(120), async || {
            server.process.must_run();
            server.applications().await
        })
        .await;
        server
    }

    fn command(&self, script: &str) -> Command {
        let home = installed::spark();
        let mut command = Command::new(home.join("bin").join(script));
        command
            .env("JAVA_HOME", installed::java())
            // A quick start counts, not speed.
            .env(
                "JAVA_TOOL_OPTIONS",
                "-XX:+UseSerialGC -XX:TieredStopAtLevel=1",
            )
            .env("SPARK_HOME", &home)
            .env("PYSPARK_PYTHON", installed::spark_python())
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .current_dir(self.folder());
        command
    }
}

impl HistoryServer {
    pub fn address(&self) -> &Url {
        &self.address
    }

    /// Its list of applications, if it answers.
    pub async fn applications(&self) -> Option<Vec<Value>> {
        let list = self.address.join("api/v1/applications");
        http::get(&list.expect("an address")).await
    }
}

impl Drop for Spark {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            let kept = self.folder.path().display();
            eprintln!("the logs of Spark are kept in {kept}");
        }
        kill_all_of(self.folder.path());
    }
}
