//! Spark on the YARN cluster: applications of `tests/real/spark/on_yarn.py`, whose tasks sleep.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use reqwest::Url;
use serde::Serialize;
use serde_json::{Value, json};

use super::process::Process;
use super::yarn::{Application, NodeSize, YarnCluster};
use super::{eventually, installed, seconds};

/// Room for five executors, and all the vcores that they have.
pub const SPARK_NODE: NodeSize = NodeSize {
    memory_mib: 8_192,
    vcores: 16,
};

/// An application and how it runs.
#[derive(Clone, Debug, Serialize)]
pub struct SparkApplication {
    pub name: String,
    pub queue: &'static str,
    /// A function of the program, and its arguments.
    pub shape: &'static str,
    pub arguments: BTreeMap<&'static str, String>,
    pub driver: Driver,
    /// Spark's settings by name.
    pub settings: BTreeMap<&'static str, String>,
}

/// Where the driver runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// In the application master.
    Cluster,
    /// In the process that submits.
    Client,
}

impl SparkApplication {
    /// Executors of 1.5 GiB (as YARN rounds it) and two cores, as many as have work.
    pub fn new(name: &str, shape: &'static str) -> Self {
        let settings = [
            ("spark.driver.memory", "512m"),
            ("spark.yarn.am.memory", "512m"),
            ("spark.executor.memory", "1g"),
            ("spark.executor.cores", "2"),
            ("spark.dynamicAllocation.enabled", "true"),
            ("spark.dynamicAllocation.shuffleTracking.enabled", "true"),
            ("spark.dynamicAllocation.executorIdleTimeout", "20s"),
        ];
        Self {
            name: name.to_owned(),
            queue: "default",
            shape,
            arguments: BTreeMap::new(),
            driver: Driver::Cluster,
            settings: settings
                .map(|(name, value)| (name, value.to_owned()))
                .into(),
        }
    }

    pub fn numbers(mut self, numbers: &[(&'static str, u32)]) -> Self {
        let numbers = numbers
            .iter()
            .map(|(name, value)| (*name, value.to_string()));
        self.arguments.extend(numbers);
        self
    }

    /// Makes one of its stages wait for a file.
    pub fn until(mut self, file: &Path) -> Self {
        self.arguments.insert("until", file.display().to_string());
        self
    }

    pub fn setting(mut self, name: &'static str, value: &str) -> Self {
        self.settings.insert(name, value.to_owned());
        self
    }

    pub fn queue(mut self, queue: &'static str) -> Self {
        self.queue = queue;
        self
    }

    /// A fixed number of executors.
    pub fn executors(self, count: u32) -> Self {
        self.setting("spark.dynamicAllocation.enabled", "false")
            .setting("spark.executor.instances", &count.to_string())
    }

    pub fn driver(mut self, driver: Driver) -> Self {
        self.driver = driver;
        self
    }
}

impl YarnCluster {
    /// Starts the program that submits an application, and runs its driver in client mode. Otherwise it
    /// ends as soon as YARN has accepted the application.
    pub fn submit_spark(&self, application: &SparkApplication) -> Process {
        let (home, python) = (installed::spark(), installed::spark_python());
        let logs = self.event_logs();
        fs::create_dir_all(&logs).expect("a folder");
        let mut command = self.spark_submit();
        let deploy_mode = match application.driver {
            Driver::Cluster => "cluster",
            Driver::Client => "client",
        };
        let python = python.display().to_string();
        let home = home.display();
        let classes = format!("{home}/conf/:{home}/jars/*");
        let files = |path: &Path| format!("file://{}", path.display());
        let surroundings = [
            // As they are installed: nothing is copied.
            ("spark.yarn.jars", format!("local:{home}/jars/*")),
            ("spark.driver.extraClassPath", classes.clone()),
            ("spark.executor.extraClassPath", classes),
            ("spark.driver.extraJavaOptions", archive("driver")),
            ("spark.executor.extraJavaOptions", archive("executor")),
            ("spark.yarn.stagingDir", files(&self.folder().join("tmp"))),
            ("spark.yarn.submit.waitAppCompletion", "false".to_owned()),
            (
                "spark.yarn.appMasterEnv.SPARK_LOCAL_IP",
                "127.0.0.1".to_owned(),
            ),
            ("spark.yarn.appMasterEnv.PYSPARK_PYTHON", python.clone()),
            ("spark.executorEnv.PYSPARK_PYTHON", python),
            ("spark.ui.port", "0".to_owned()),
            ("spark.eventLog.enabled", "true".to_owned()),
            ("spark.eventLog.dir", files(&logs)),
        ];
        let own = application.settings.iter();
        let own = own.map(|(name, value)| (*name, value.clone()));
        for (name, value) in surroundings.into_iter().chain(own) {
            command.args(["--conf", &format!("{name}={value}")]);
        }
        command
            .args(["--master", "yarn", "--deploy-mode", deploy_mode])
            .args(["--name", &application.name, "--queue", application.queue])
            .arg(program("on_yarn.py"))
            .arg(application.shape);
        for (name, value) in &application.arguments {
            command.arg(format!("{name}={value}"));
        }
        let name = format!("submit-{}", application.name);
        Process::start(&name, &mut command, self.folder())
    }

    /// Starts the master of an application without a container, whose tracking URL is `address`.
    pub fn submit_unmanaged(&self, name: &str, address: &Url) -> Process {
        let mut command = self.spark_submit();
        command
            .args(["--master", "local[1]", "--driver-memory", "256m"])
            .arg(program("unmanaged.py"))
            .args([name, address.as_str()]);
        Process::start(&format!("submit-{name}"), &mut command, self.folder())
    }

    /// Spark's program, which knows this cluster.
    fn spark_submit(&self) -> Command {
        let (home, local) = (installed::spark(), self.folder().join("spark"));
        fs::create_dir_all(&local).expect("a folder");
        let mut command = Command::new(home.join("bin/spark-submit"));
        command
            .env("JAVA_HOME", installed::java())
            .env("JAVA_TOOL_OPTIONS", self.java_options())
            .env("SPARK_HOME", &home)
            .env("SPARK_SUBMIT_OPTS", archive("driver"))
            .env("HADOOP_CONF_DIR", self.folder().join("configuration"))
            .env("SPARK_LOCAL_IP", "127.0.0.1")
            .env("SPARK_LOCAL_DIRS", local)
            .env("PYSPARK_PYTHON", installed::spark_python())
            .current_dir(self.folder());
        command
    }

    /// The application of this name, once YARN has accepted it.
    pub async fn accepted_spark(&self, name: &str, submitted: &mut Process) -> Application {
        let what = format!("YARN accepts {name}");
        eventually(&what, seconds(120), async || {
            if submitted.success() == Some(false) {
                submitted.must_run();
            }
            let mut applications = self.applications().await.into_iter();
            applications.find(|application| application.name == name)
        })
        .await
    }

    /// Ends an application at once, as an operator does.
    pub async fn kill_application(&self, id: &str) {
        let state = self.rest().join(&format!("ws/v1/cluster/apps/{id}/state"));
        let request = reqwest::Client::new()
            .put(state.expect("an address"))
            .header("Content-Type", "application/json")
            .body(json!({ "state": "KILLED" }).to_string());
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{answer:?}");
        self.finished(id, 60).await;
    }

    /// The event log of an application that has ended, once it is whole.
    pub async fn whole_event_log(&self, id: &str) -> PathBuf {
        eventually("the event log is whole", seconds(60), async || {
            let is_whole = |log: &PathBuf| log.extension().is_none_or(|end| end != "inprogress");
            self.event_log(id).filter(is_whole)
        })
        .await
    }

    /// The event log of an application, which may still grow; `None` before it has begun.
    pub fn event_log(&self, id: &str) -> Option<PathBuf> {
        let logs = fs::read_dir(self.event_logs()).ok()?;
        let mut logs = logs.filter_map(|entry| Some(entry.ok()?.path()));
        logs.find(|log| {
            let name = log.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(id)
        })
    }

    fn event_logs(&self) -> PathBuf {
        self.folder().join("event-logs")
    }
}

/// What a recording says of the cluster that it was made on.
pub fn cluster_settings(yarn: &YarnCluster, hosts: &[&str]) -> Value {
    let count = u32::try_from(hosts.len()).expect("not many");
    json!({
        "hadoop": installed::hadoop_version(),
        "spark": installed::spark_version(),
        "nodes": hosts,
        "node": SPARK_NODE,
        "total_memory_mib": count * SPARK_NODE.memory_mib,
        "total_vcores": count * SPARK_NODE.vcores,
        "yarn": yarn.settings(),
    })
}

/// Java's option for archived classes, which spare the machine most of what a program costs to start.
fn archive(name: &str) -> String {
    format!("-XX:SharedArchiveFile={}", installed::spark_classes(name))
}

fn program(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/real/spark")
        .join(name)
}
