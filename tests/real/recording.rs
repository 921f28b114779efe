//! Not a test: records an hour of the closed loop under a varied load for
//! `simulations/recorded-yarn`. `tests/run record` runs it.
//!
//! Writes to the folder `HEADROOM_RECORDING`: `trace.jsonl.zst`, the daemon's
//! journal; `jobs.trace.jsonl.zst`, the applications as they were submitted;
//! `resource-manager.log.zst`, YARN's log of every container.

mod load;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headroom::daemon::clock::Clock;
use headroom::file::WholeFile;
use headroom::trace::journal::TraceWriter;
use headroom::trace::{FORMAT_VERSION, Header, Job as TraceJob, Kind, Record, Stage, TaskRun};
use headroom::units::{Mebibytes, Resources, Timestamp, VirtualCores};

use crate::parts::daemon::{Headroom, headroom};
use crate::parts::fleet::FleetKeeper;
use crate::parts::installed;
use crate::parts::jobs::Job;
use crate::parts::moto::Moto;
use crate::parts::seconds;
use crate::parts::yarn::{Application, YarnCluster};

/// The rules of `policies/available-memory.yaml`, for a cluster whose nodes join within seconds.
const POLICY: &str = "\
name: available-memory
poll: 5s
targets:
  - group: { role: task }
    limits: { min: 0, max: 6 }
    rules:
      - name: memory-short
        when: yarn_memory_available_percent < 15
        for: 20s
        then: { grow: 2 }
        cooldown: 40s
      - name: memory-idle
        when: yarn_memory_available_percent > 70
        for: 45s
        then: { shrink: 1 }
        cooldown: 30s
";
const CORE_NODES: u32 = 1;
const PROVISIONING: Duration = seconds(20);
/// The time after the last submission for the remaining jobs.
const DRAIN: Duration = seconds(1_200);

/// A submitted job, and what YARN has reported of it so far.
struct Submitted {
    job: Job,
    /// `None` until the application master alone has been seen.
    master: Option<Resources>,
    /// YARN's last report.
    application: Option<Application>,
}

#[tokio::test]
#[ignore = "records for an hour; run it by tests/run record"]
async fn an_hour_of_varied_load() {
    let minutes = std::env::var("HEADROOM_RECORDING_MINUTES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(60);
    let folder = PathBuf::from(
        std::env::var_os("HEADROOM_RECORDING").expect("HEADROOM_RECORDING names a folder"),
    );
    fs::create_dir_all(&folder).expect("a folder");
    let (yarn, moto) = (
        Arc::new(YarnCluster::start().await),
        Arc::new(Moto::start(CORE_NODES).await),
    );
    let keeper = FleetKeeper::start(&yarn, &moto, PROVISIONING);
    yarn.active(CORE_NODES).await;
    let clock = Clock::real();
    let start = clock.now();
    let mut daemon = Headroom::start(&yarn, &moto, POLICY).await;

    let submitted = drive(&yarn, &clock, start, load::schedule(seconds(60 * minutes))).await;
    clock.sleep_until(start + seconds(60 * minutes)).await;

    daemon.stop().await;
    keeper.stop().await;
    compress(
        &only_segment(&daemon.journal()),
        &folder.join("trace.jsonl.zst"),
    );
    compress(
        &yarn.folder().join("resource-manager.log"),
        &folder.join("resource-manager.log.zst"),
    );
    write_jobs(&folder.join("jobs.trace.jsonl.zst"), start, submitted);
    for name in ["trace.jsonl.zst", "jobs.trace.jsonl.zst"] {
        println!(
            "{}",
            headroom(&["trace", "info", &folder.join(name).display().to_string()])
        );
    }
}

/// Submits the jobs when they are due, and watches them until all have ended.
async fn drive(
    yarn: &YarnCluster,
    clock: &Clock,
    start: Timestamp,
    schedule: Vec<(Duration, Job)>,
) -> BTreeMap<String, Submitted> {
    let mut submitted: BTreeMap<String, Submitted> = BTreeMap::new();
    let last_at = start + schedule.last().map_or(Duration::ZERO, |(at, _)| *at);
    let mut due = schedule.into_iter().peekable();
    loop {
        while let Some((_, job)) = due.next_if(|(at, _)| start + *at <= clock.now()) {
            let id = yarn.submit(&job).await;
            println!("{id} {job:?}");
            submitted.insert(
                id,
                Submitted {
                    job,
                    master: None,
                    application: None,
                },
            );
            watch(yarn, &mut submitted).await;
        }
        watch(yarn, &mut submitted).await;
        let all_ended = submitted.values().all(|submitted| {
            submitted
                .application
                .as_ref()
                .is_some_and(|app| app.finished_time > 0)
        });
        if due.peek().is_none() && all_ended {
            return submitted;
        }
        assert!(
            clock.now() < last_at + DRAIN,
            "the load does not come to its end"
        );
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn watch(yarn: &YarnCluster, submitted: &mut BTreeMap<String, Submitted>) {
    for application in yarn.applications().await {
        let Some(known) = submitted.get_mut(&application.id) else {
            continue;
        };
        if known.master.is_none() && application.running_containers == 1 {
            let count = |value: i64| u64::try_from(value).expect("not negative while it runs");
            known.master = Some(Resources {
                memory: Mebibytes(count(application.allocated_mib)),
                vcores: VirtualCores(count(application.allocated_vcores)),
            });
        }
        known.application = Some(application);
    }
}

fn write_jobs(path: &Path, start: Timestamp, submitted: BTreeMap<String, Submitted>) {
    let header = Header {
        headroom_trace: FORMAT_VERSION,
        kind: Kind::Jobs,
        start,
        source: format!(
            "DistributedShell on Hadoop YARN {}, recorded by tests/run record",
            installed::hadoop_version()
        ),
        synthetic: false,
    };
    let mut writer = TraceWriter::create(path, &header).expect("a trace");
    let mut jobs: Vec<TraceJob> = submitted
        .into_iter()
        .map(|(id, submitted)| in_trace(start, &id, submitted))
        .collect();
    jobs.sort_by_key(|job| job.submit);
    for job in jobs {
        writer.write(&Record::Job(job)).expect("a record");
    }
    writer.finish().expect("a trace");
}

fn in_trace(
    start: Timestamp,
    id: &str,
    Submitted {
        job,
        master,
        application,
    }: Submitted,
) -> TraceJob {
    let application = application.expect("YARN has told of it");
    assert_eq!(application.final_status, "SUCCEEDED", "{id}");
    let tasks = TaskRun {
        count: job.containers,
        duration: seconds(job.seconds.into()),
    };
    let memory = Mebibytes(job.memory_mib.into());
    let stage = Stage {
        after: Vec::new(),
        memory,
        vcores: VirtualCores(job.vcores.into()),
        tasks: vec![tasks],
        spark: None,
    };
    TraceJob {
        is_step: false,
        id: id.into(),
        name: Some(job.name.into()),
        submit: Timestamp::from_millis(application.started_time).since(start),
        application_master: Some(
            master.unwrap_or_else(|| panic!("the application master of {id} was never seen alone")),
        ),
        queue: None,
        user: None,
        map_reduce: None,
        spark: None,
        stages: vec![stage],
    }
}

/// The journal's one file.
pub fn only_segment(journal: &Path) -> PathBuf {
    let mut segments = fs::read_dir(journal)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path());
    let segment = segments.next().expect("a segment");
    assert!(segments.next().is_none(), "an hour fits into one segment");
    segment
}

/// Writes a file again, compressed.
pub fn compress(from: &Path, to: &Path) {
    let mut encoder =
        zstd::Encoder::new(WholeFile::create(to).expect("a file"), 19).expect("an encoder");
    encoder.include_checksum(true).expect("an option");
    std::io::copy(&mut File::open(from).expect("a file"), &mut encoder).expect("writes");
    encoder
        .finish()
        .and_then(WholeFile::persist)
        .expect("writes");
}
