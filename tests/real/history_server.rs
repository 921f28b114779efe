//! Imports what a real Spark recorded: from its event logs, its history server, a running driver, and
//! saved replies. The event logs are counted here, without Headroom's reader.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::parts::daemon::program;
use crate::parts::spark::{HistoryServer, Spark};
use crate::parts::{eventually, seconds};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// What an event log says about its application.
#[derive(Debug, Default)]
struct Counted {
    /// The partitions of stages that a task finished, with the milliseconds of the first that did.
    finished: BTreeMap<(i64, i64), i64>,
    /// Tasks that finished a partition again.
    repeated: u64,
    failed: u64,
    /// Of each stage: the tasks that ended, and the milliseconds that executors measured.
    measured: BTreeMap<i64, (i64, i64)>,
}

impl Counted {
    fn tasks(&self) -> u64 {
        self.finished.len() as u64
    }

    fn seconds(&self) -> f64 {
        self.finished.values().sum::<i64>() as f64 / 1000.0
    }

    /// The time of all tasks if those of a stage take the same whole milliseconds.
    fn mean_seconds(&self) -> f64 {
        let stages = self.measured.values();
        stages.map(|(tasks, ms)| ms / tasks * tasks).sum::<i64>() as f64 / 1000.0
    }
}

/// Counts the tasks of every application with an event log.
fn count(logs: &Path) -> BTreeMap<String, Counted> {
    let mut applications = BTreeMap::new();
    for path in files(logs) {
        let bytes = fs::read(&path).expect("reads");
        let text = match path.extension() {
            Some(zstd) if zstd == "zstd" => zstd::decode_all(&bytes[..]).expect("zstd"),
            _ => bytes,
        };
        let events = std::str::from_utf8(&text).expect("UTF-8").lines();
        let events = events.map(|line| serde_json::from_str(line).expect("JSON"));
        let (mut id, mut counted) = (None, Counted::default());
        for event in events.collect::<Vec<Value>>() {
            match event["Event"].as_str().expect("an event") {
                "SparkListenerApplicationStart" => id = event["App ID"].as_str().map(str::to_owned),
                "SparkListenerTaskEnd" => task_end(&event, &mut counted),
                _ => {}
            }
        }
        applications.insert(id.expect("an id"), counted);
    }
    applications
}

fn task_end(event: &Value, counted: &mut Counted) {
    let number = |value: &Value| value.as_i64().expect("a number");
    let (stage, task) = (number(&event["Stage ID"]), &event["Task Info"]);
    if event["Task End Reason"]["Reason"] != "Success" {
        counted.failed += 1;
        return;
    }
    let ms = number(&task["Finish Time"]) - number(&task["Launch Time"]);
    let partition = (stage, number(&task["Partition ID"]));
    if counted.finished.contains_key(&partition) {
        counted.repeated += 1;
    }
    counted.finished.entry(partition).or_insert(ms);
    let metrics = &event["Task Metrics"];
    let (tasks, measured) = counted.measured.entry(stage).or_default();
    *tasks += 1;
    for name in [
        "Executor Run Time",
        "Executor Deserialize Time",
        "Result Serialization Time",
    ] {
        *measured += number(&metrics[name]);
    }
}

/// The event logs: files, and those in the folder of a rolling log.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if !name.starts_with('.') && !name.starts_with("appstatus") {
            files.push(path);
        }
    }
    files
}

/// The jobs of a trace by their ids, and what the import said.
struct Imported {
    jobs: BTreeMap<String, Value>,
    said: String,
}

impl Imported {
    fn tasks(&self, id: &str) -> u64 {
        self.runs(id).map(|(count, _)| count).sum()
    }

    fn seconds(&self, id: &str) -> f64 {
        self.runs(id).map(|(count, each)| count as f64 * each).sum()
    }

    fn runs(&self, id: &str) -> impl Iterator<Item = (u64, f64)> {
        let stages = self.jobs[id]["stages"].as_array().expect("stages").iter();
        let runs = stages.flat_map(|stage| stage["tasks"].as_array().expect("tasks"));
        runs.map(|run| {
            let count = run[0].as_u64().expect("a count");
            (count, run[1].as_f64().expect("seconds"))
        })
    }

    /// What a task of each stage takes.
    fn sizes(&self, id: &str) -> BTreeSet<(u64, u64)> {
        let stages = self.jobs[id]["stages"].as_array().expect("stages").iter();
        let number = |value: &Value| value.as_u64().expect("a number");
        stages
            .map(|stage| (number(&stage["memory_mib"]), number(&stage["vcores"])))
            .collect()
    }

    fn ids(&self) -> Vec<&str> {
        self.jobs.keys().map(String::as_str).collect()
    }
}

fn import(arguments: &[&str], folder: &Path) -> Imported {
    let Output { status, stderr, .. } = program()
        .arg("import")
        .args(arguments)
        .args(["--out", "made.jsonl"])
        .current_dir(folder)
        .output()
        .expect("starts");
    let said = String::from_utf8(stderr).expect("UTF-8");
    assert!(status.success(), "import {}\n{said}", arguments.join(" "));
    let trace = fs::read_to_string(folder.join("made.jsonl")).expect("a trace");
    let jobs = trace.lines().skip(1).map(|line| {
        let record: Value = serde_json::from_str(line).expect("JSON");
        let id = record["job"]["id"].as_str().expect("an id").to_owned();
        (id, record["job"].clone())
    });
    Imported {
        jobs: jobs.collect(),
        said,
    }
}

fn assert_seconds(seconds: f64, expected: f64, of: &str) {
    let difference = (seconds - expected).abs();
    assert!(difference < 0.0005, "{of}: {seconds} s, not {expected} s");
}

#[tokio::test]
async fn what_spark_recorded_is_imported_with_every_task_that_its_logs_count() {
    let spark = Spark::new();
    let server = spark.history_server().await;
    let mut applications = spark.submit(&repository("tests/real/spark/applications.py"));
    let driver = eventually("the last application is busy", seconds(300), async || {
        applications.must_run();
        let log = applications.log();
        let ready = log.lines().find_map(|line| line.strip_prefix("ready: "));
        ready.map(str::to_owned)
    })
    .await;
    let folder = spark.folder();

    let counted = count(&spark.event_logs());
    assert_eq!(counted.len(), 4);
    let driven = import(&["history-server", &driver], folder);
    let [running] = driven.ids()[..] else {
        panic!("{:?}", driven.ids())
    };
    assert_eq!(driven.tasks(running), counted[running].tasks());
    assert!(driven.said.contains("had not ended"), "{}", driven.said);

    spark.kill_applications(applications);
    add_attempts(&spark.event_logs());
    eventually("the server has read every log", seconds(60), async || {
        let listed = server.applications().await?;
        let incomplete = |application: &&Value| application["attempts"][0]["completed"] == false;
        let incomplete = listed.iter().filter(incomplete).count();
        (listed.len() == 5 && incomplete == 1).then_some(())
    })
    .await;

    let counted = count(&spark.event_logs());
    let logged = import(&["spark", "logs"], folder);
    let fetched = import(&["history-server", server.address().as_str()], folder);
    assert_eq!(logged.ids(), Vec::from_iter(counted.keys()));
    let finished = counted.iter().filter(|(id, _)| *id != running);
    let finished: BTreeMap<&String, &Counted> = finished.collect();
    assert_eq!(fetched.ids(), Vec::from_iter(finished.keys().copied()));
    for (id, counted) in &counted {
        assert_eq!(logged.tasks(id), counted.tasks(), "{id}");
        assert_seconds(logged.seconds(id), counted.seconds(), id);
    }
    for (id, counted) in finished {
        assert_eq!(fetched.tasks(id), counted.tasks(), "{id}");
        assert_eq!(fetched.sizes(id), logged.sizes(id), "{id}");
        if counted.failed == 0 {
            assert_seconds(fetched.seconds(id), counted.mean_seconds(), id);
        }
    }
    gaps_are_counted(&counted, &logged, &fetched);
    saved_replies_agree(folder, &server, &fetched, running);
}

/// Adds an application of two attempts, as YARN in cluster mode makes them: copies of another log.
fn add_attempts(logs: &Path) {
    let mut files = fs::read_dir(logs).expect("a folder");
    let of_words = files
        .find_map(|entry| {
            let name = entry.ok()?.file_name().into_string().ok()?;
            name.starts_with("app-").then_some(name)
        })
        .expect("the log of an application with executors");
    let log = fs::read_to_string(logs.join(&of_words)).expect("reads");
    for attempt in [1, 2] {
        let id = format!(r#""App ID":"application_1_0001","App Attempt ID":"{attempt}""#);
        let log = log.replace(&format!(r#""App ID":"{of_words}""#), &id);
        fs::write(logs.join(format!("application_1_0001_{attempt}")), log).expect("writes");
    }
}

/// Checks what the imports say that the traces do not contain.
fn gaps_are_counted(counted: &BTreeMap<String, Counted>, logged: &Imported, fetched: &Imported) {
    let failed: u64 = counted.values().map(|counted| counted.failed).sum();
    let repeated: u64 = counted.values().map(|counted| counted.repeated).sum();
    assert!(
        failed > 0 && repeated > 0,
        "{failed} failed, {repeated} repeated"
    );
    for said in [&logged.said, &fetched.said] {
        for expected in [
            format!("left out: {failed} (task attempts that failed or were killed"),
            format!("left out: {repeated} (task attempts that repeated finished work)"),
            "left out: 1 (logs of other attempts".to_owned(),
        ] {
            assert!(said.contains(&expected), "{expected}\n{said}");
        }
    }
    let incomplete = "left out: 1 (applications that still run, or whose driver was killed)";
    assert!(fetched.said.contains(incomplete), "{}", fetched.said);
    assert!(logged.said.contains("had not ended"), "{}", logged.said);
}

/// Saves the replies as docs/traces.md says, and imports them.
fn saved_replies_agree(folder: &Path, server: &HistoryServer, fetched: &Imported, running: &str) {
    let docs = fs::read_to_string(repository("docs/traces.md")).expect("reads");
    let script = docs
        .split("```sh\n")
        .find(|block| block.starts_with("server="))
        .and_then(|block| block.split("```").next())
        .expect("the script");
    let given = "http://HISTORY_SERVER:18080/";
    assert!(script.contains(given), "{script}");
    let saved = Command::new("bash")
        .args(["-euc", &script.replace(given, server.address().as_str())])
        .current_dir(folder)
        .status()
        .expect("bash starts");
    assert!(saved.success());
    let mut imported = import(&["history-server", "replies"], folder);
    assert!(imported.said.contains("had not ended"), "{}", imported.said);
    imported.jobs.remove(running).expect("saved, too");
    assert_eq!(imported.jobs, fetched.jobs);
}
