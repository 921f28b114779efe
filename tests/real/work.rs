//! What the daemon reads of Spark applications that run on YARN.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use headroom::observation::work::{ApplicationWork, KnownWork, Work, WorkOrReason, WorkUnknown};
use headroom::units::Timestamp;

use crate::parts::daemon::{Headroom, headroom};
use crate::parts::event_log::{EventLog, OpenStage};
use crate::parts::liar::{Liar, Lie};
use crate::parts::moto::{Moto, Wishes};
use crate::parts::spark_on_yarn::{Driver, SPARK_NODE, SparkApplication};
use crate::parts::yarn::YarnCluster;
use crate::parts::{eventually, seconds};

/// Its decisions are not carried out: only what is read is tested. The second rule would always scale in,
/// so that applications are asked where they store data.
const POLICY: &str = "\
name: watches
poll: 5s
targets:
  - group: { role: task }
    limits: { min: 0, max: 4 }
    keep_application_masters: false
    rules:
      - name: long-work
        when: work_drain_seconds > 10m and yarn_containers_pending > 0
        for: 1h
        then: { grow: 1 }
      - name: smaller
        when: yarn_apps_running > 0
        then: { shrink: 1 }
";
const POLL: Duration = seconds(5);
/// Of changes that follow each other closely, Spark shows only the first until an executor's next
/// heartbeat.
const HEARTBEAT: &str = "2s";
/// Most of it is for a machine under load: applications that answer late are asked less and less often.
const WAIT: Duration = seconds(600);

struct Parts {
    yarn: YarnCluster,
    daemon: Headroom,
    /// The names of the instances that run.
    hosts: BTreeMap<String, String>,
    _moto: Moto,
}

impl Parts {
    async fn start() -> Self {
        let (yarn, moto) = (YarnCluster::start().await, Moto::start(2).await);
        moto.resize(&moto.task.id, 1, &Wishes::default()).await;
        let mut hosts = BTreeMap::new();
        let (core, task) = (moto.core.instances.iter(), moto.task.instances.iter());
        for instance in core.take(2).chain(task.take(1)) {
            yarn.start_node_of(&instance.private_dns_name, SPARK_NODE);
            hosts.insert(instance.id.clone(), instance.private_dns_name.clone());
        }
        yarn.active(3).await;
        let daemon = Headroom::dry_run(&yarn, &moto, POLICY).await;
        Self {
            yarn,
            daemon,
            hosts,
            _moto: moto,
        }
    }

    /// All that was read so far, with the instant of each reading.
    fn readings(&self) -> Vec<(Timestamp, Work)> {
        let observations = self.daemon.observations().into_iter();
        let works = observations.filter_map(|observation| observation.work);
        works.map(|work| (work.measured_at, work.value)).collect()
    }

    /// What was read of one application.
    fn of(&self, name: &str) -> Vec<(Timestamp, ApplicationWork)> {
        let readings = self.readings().into_iter();
        let of_application = readings.filter_map(|(at, work)| {
            let mut applications = work.applications.into_iter();
            Some((
                at,
                applications.find(|application| &*application.name == name)?,
            ))
        });
        of_application.collect()
    }

    /// Waits until the last reading of an application is as expected.
    async fn until(&self, name: &str, what: &str, is_expected: impl Fn(&WorkOrReason) -> bool) {
        eventually(&format!("{name}: {what}"), WAIT, async || {
            let (_, last) = self.of(name).pop()?;
            is_expected(&last.work).then_some(())
        })
        .await;
    }

    async fn until_known(&self, name: &str) {
        let is_known = |work: &WorkOrReason| matches!(work, WorkOrReason::Known(_));
        self.until(name, "known", is_known).await;
    }

    async fn until_unknown(&self, name: &str, reason: WorkUnknown) {
        let is_reason = |work: &WorkOrReason| *work == WorkOrReason::Unknown(reason);
        self.until(name, reason.words(), is_reason).await;
    }

    /// Waits until an application was read several times while it had tasks.
    async fn until_at_work(&self, name: &str) {
        eventually(&format!("{name} is read at work"), WAIT, async || {
            let readings = self.of(name);
            let known = readings.iter().filter_map(|(_, work)| work.known());
            let at_work = known.filter(|work| work.tasks_remaining() > 0);
            (at_work.count() >= 3).then_some(())
        })
        .await;
    }

    /// Stops the daemon, and checks that the journal gives the same decisions again.
    async fn stop(mut self) {
        self.daemon.stop().await;
        let journal = self.daemon.journal().display().to_string();
        headroom(&["simulate", "--verify", &journal]);
    }
}

/// Three that differ in how they get executors and show stages.
fn three_kinds() -> [SparkApplication; 3] {
    let pipeline = [
        ("wide", 16),
        ("low", 2),
        ("high", 6),
        ("narrow", 2),
        ("narrow_s", 2),
        ("last", 8),
        ("last_s", 3),
    ];
    let skewed = [
        ("first", 8),
        ("second", 4),
        ("third", 2),
        ("task_s", 4),
        ("slow_s", 10),
    ];
    let sql = [
        ("facts", 6),
        ("names", 2),
        ("groups", 4),
        ("task_s", 2),
        ("name_s", 1),
        ("group_s", 1),
    ];
    let most = "spark.dynamicAllocation.maxExecutors";
    [
        SparkApplication::new("etl", "wide_narrow")
            .numbers(&pipeline)
            .setting(most, "4"),
        SparkApplication::new("skewed", "skewed")
            .numbers(&skewed)
            .executors(2),
        SparkApplication::new("sql", "sql")
            .numbers(&sql)
            .setting(most, "2"),
    ]
}

#[tokio::test]
async fn the_work_that_is_read_is_what_sparks_event_logs_say_of_that_moment() {
    let parts = Parts::start().await;
    let release = parts.yarn.folder().join("release");
    let applications = three_kinds().map(|application| {
        let application = application.until(&release);
        application.setting("spark.executor.heartbeatInterval", HEARTBEAT)
    });
    let mut submitted = Vec::new();
    for application in &applications {
        submitted.push(parts.yarn.submit_spark(application));
    }
    // A machine under load answers late at first, and is then asked less often.
    for application in &applications {
        parts.until_at_work(&application.name).await;
    }
    let etl_waits = |work: &WorkOrReason| {
        let WorkOrReason::Known(work) = work else {
            return false;
        };
        work.stages.iter().any(|stage| stage.is_blocked)
    };
    parts.until("etl", "a stage waits", etl_waits).await;
    fs::write(&release, "").expect("writes");
    for (application, submitted) in applications.iter().zip(&mut submitted) {
        let accepted = parts
            .yarn
            .accepted_spark(&application.name, submitted)
            .await;
        let ended = parts.yarn.finished(&accepted.id, WAIT.as_secs()).await;
        assert_eq!(ended.final_status, "SUCCEEDED", "{}", application.name);
    }
    eventually("no application is left", seconds(60), async || {
        let (_, work) = parts.readings().pop()?;
        (work.applications.is_empty() && work.totals.tasks_remaining == Some(0)).then_some(())
    })
    .await;

    let mut logs = Vec::new();
    for application in &applications {
        let readings = parts.of(&application.name);
        let id = &readings.first().expect("it was seen").1.id;
        let log = EventLog::read(&parts.yarn.whole_event_log(id).await);
        for (at, work) in &readings {
            if let Some(work) = work.known() {
                assert_as_logged(&application.name, &log, *at, work);
            }
        }
        logs.push(log);
    }
    assert_storage_as_logged(&parts, &logs);
    parts.stop().await;
}

/// Checks on which nodes the applications said to store shuffle output: at least where they had written
/// some before the poll before, and at most where they had by the next one.
fn assert_storage_as_logged(parts: &Parts, logs: &[EventLog]) {
    let mut most = 0;
    for (at, work) in parts.readings() {
        let Some(storage) = work.storage.filter(|storage| storage.apps_unknown == 0) else {
            continue;
        };
        let (before, after) = (at - 2 * POLL, at + POLL);
        let written = |by: Timestamp, is_counted: &dyn Fn(&EventLog) -> bool| {
            let logs = logs.iter().filter(|log| is_counted(log));
            logs.flat_map(|log| log.hosts_with_output(by))
                .collect::<BTreeSet<&str>>()
        };
        let is_at_work = |log: &EventLog, at: &Timestamp| !log.stages(*at).is_empty();
        let least = written(before, &|log| {
            let mut instants = log.instants(before, after).into_iter();
            instants.all(|instant| is_at_work(log, &instant))
        });
        let possible = written(after, &|log| {
            let mut instants = log.instants(before, after).into_iter();
            instants.any(|instant| is_at_work(log, &instant))
        });
        let nodes = storage.nodes.iter().filter(|node| node.shuffle);
        let read: BTreeSet<&str> = nodes
            .map(|node| parts.hosts[node.instance.as_str()].as_str())
            .collect();
        assert!(
            least.is_subset(&read) && read.is_subset(&possible),
            "at {at}: {least:?}, {read:?}, {possible:?}"
        );
        most = most.max(read.len());
    }
    assert!(most > 1, "output on {most} nodes at most");
}

/// Checks that the log has an instant with these stages, and one with these executors, at most one poll
/// away; or before it another one, because Spark can show changes late. Of tasks that start or end in the
/// same millisecond it can show some.
fn assert_as_logged(name: &str, log: &EventLog, at: Timestamp, work: &KnownWork) {
    let mut instants = log.instants(at - 2 * POLL, at + POLL);
    instants.sort_unstable();
    let read: Vec<OpenStage> = work.stages.iter().map(OpenStage::from).collect();
    let logged: Vec<Vec<OpenStage>> = instants.iter().map(|at| log.stages(*at)).collect();
    let is_between = |one: &[OpenStage], other: &[OpenStage]| {
        let stages = read.iter().zip(one.iter().zip(other));
        one.len() == read.len()
            && other.len() == read.len()
            && stages
                .into_iter()
                .all(|(read, (one, other))| read.is_between(one, other))
    };
    let mut steps = logged.iter().zip(logged.iter().skip(1));
    assert!(
        logged.contains(&read) || steps.any(|(one, other)| is_between(one, other)),
        "{name} at {at}: read {read:?}, logged {logged:#?}"
    );
    let held = work.executors.expect("Spark has executors").held;
    assert!(
        instants
            .iter()
            .any(|instant| log.executors(*instant) == held),
        "{name} at {at}: {held} executors, logged {}",
        log.executors(at)
    );
}

#[tokio::test]
async fn applications_that_hang_refuse_or_lie_are_unknown_while_the_others_are_read() {
    let parts = Parts::start().await;
    let (liar, elsewhere) = (Liar::start().await, Liar::start().await);
    let idle = |name| SparkApplication::new(name, "idle");
    let no_interface = |name| idle(name).setting("spark.ui.enabled", "false");
    let submit = |application: SparkApplication| parts.yarn.submit_spark(&application);
    let hangs = submit(idle("hangs").driver(Driver::Client));
    let others = [
        submit(
            SparkApplication::new("works", "short_tasks")
                .numbers(&[("tasks", 1_000), ("task_s", 3)])
                .executors(1),
        ),
        submit(idle("refuses").setting("spark.acls.enable", "true")),
        submit(no_interface("silent")),
        // YARN's proxy forwards requests to the address that the master registers.
        submit(
            no_interface("lies")
                .driver(Driver::Client)
                .setting("spark.driver.appUIAddress", liar.address().as_str()),
        ),
        parts
            .yarn
            .submit_unmanaged("elsewhere", elsewhere.address()),
    ];

    parts.until_known("works").await;
    for (name, reason) in [
        ("refuses", WorkUnknown::Refused),
        ("silent", WorkUnknown::NoInterface),
        ("elsewhere", WorkUnknown::OtherAddress),
    ] {
        parts.until_unknown(name, reason).await;
    }
    parts.until_known("hangs").await;
    hangs.freeze();
    parts.until_unknown("hangs", WorkUnknown::BackingOff).await;
    assert_backed_off_after_two_timeouts(&parts);
    parts.until_known("works").await;
    hangs.thaw();
    // Takes about as long as it is left alone.
    hear_all_lies(&parts, &liar).await;
    parts.until_known("hangs").await;
    assert_eq!(elsewhere.asked(), 0, "only YARN's proxy may be asked");

    parts.stop().await;
    drop(others);
}

/// Checks what is made of each lie.
async fn hear_all_lies(parts: &Parts, liar: &Liar) {
    parts.until_known("lies").await;
    for lie in [Lie::Absurd, Lie::Endless, Lie::Garbage] {
        liar.tell(lie);
        parts.until_unknown("lies", WorkUnknown::Malformed).await;
        liar.tell(Lie::Largest);
        parts.until_known("lies").await;
    }
    for (_, application) in parts.of("lies") {
        let executors = application.known().and_then(|work| work.executors);
        let is_possible =
            executors.is_none_or(|executors| u64::from(executors.held) < application.containers);
        assert!(is_possible, "{application:?}");
    }
}

fn assert_backed_off_after_two_timeouts(parts: &Parts) {
    let readings = parts.of("hangs");
    let known = |(_, application): &&(Timestamp, ApplicationWork)| application.known().is_some();
    let since = readings.iter().rev().take_while(|reading| !known(reading));
    let timed_out = WorkOrReason::Unknown(WorkUnknown::TimedOut);
    let timeouts: Vec<Timestamp> = since
        .filter(|(_, application)| application.work == timed_out)
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(timeouts.len(), 2, "{readings:#?}");
    // The others are read at the same time. On a machine under load one of them can be late, too.
    let others = parts.of("works");
    let is_known = |timeout: &Timestamp| {
        let works = others.iter().find(|(at, _)| at == timeout);
        works.is_some_and(|(_, works)| works.known().is_some())
    };
    assert!(timeouts.iter().any(is_known), "{others:#?}");
}
