//! What the daemon reads of queues and applications is what the simulation shows to the engine.

use super::*;
use crate::daemon::clock::Clock;
use crate::daemon::sources::http_get::HttpGet;
use crate::daemon::sources::work::{ProxyAddress, WorkLimits, WorkSource};
use crate::daemon::sources::yarn::Yarn;
use crate::observation::pending_limit::{LimitedBy, MostAllowed, PendingLimit};
use crate::observation::work::{Work, WorkOrReason, WorkTotals};
use crate::sim::scenario::{QueueSpec, Scenario, Scheduler};
use crate::units::Percent;

#[tokio::test]
async fn the_daemon_reads_what_a_queue_of_the_scenario_holds_back() {
    let TraceWork::Jobs(mut work) = hour_of_work() else {
        unreachable!("made of jobs");
    };
    work.submitters[0].queue = "adhoc".into();
    let scenario = Scenario {
        scheduler: Scheduler::Capacity,
        queues: [("etl", 50.0, 100.0), ("adhoc", 50.0, 50.0)]
            .map(|(name, capacity, maximum)| QueueSpec {
                name: name.into(),
                capacity: Percent(capacity),
                maximum: Percent(maximum),
                user_limit_factor: 1.0,
            })
            .to_vec(),
        ..Scenario::default()
    };
    let work = Arc::new(TraceWork::Jobs(work));
    let cluster =
        SimulatedCluster::start(work, Arc::new(scenario), 1, Clock::starting_at(START, 1))
            .expect("work that fits");
    let services = Services::start(cluster, CLUSTER_ID, "test")
        .await
        .expect("a free port");
    let mut yarn = Yarn::new(
        HttpGet::new(None).expect("a client"),
        vec![services.url().clone()],
        None,
        Duration::from_secs(30),
        Duration::from_secs(90),
    );
    let limits = yarn.read(&Clock::real(), false).await.pending_limits;
    // Half of 24 GiB has room for the master and five tasks of 2 GiB.
    let (used, waits) = (1_024 + 5 * 2_048, 14);
    assert_eq!(
        limits.expect("known").value,
        [PendingLimit {
            by: LimitedBy::QueueMaximum {
                queue: "adhoc".into()
            },
            memory_pending: Mebibytes(waits * 2_048),
            vcores_pending: VirtualCores(waits),
            containers_pending: waits,
            memory_used: Mebibytes(used),
            vcores_used: VirtualCores(6),
            most: Some(MostAllowed::Share(Percent(50.0))),
        }]
    );
}

/// A Spark application with up to eight executors of two slots, and a MapReduce job.
fn work_that_is_told() -> TraceWork {
    let lines = [
        r#"{"id":"sql","submit_s":0,"application_master":{"memory_mib":1024,"vcores":1},"spark":{"executors":[{"memory_mib":2048,"vcores":1,"slots":2}],"allocation":{"dynamic":{"initial":2,"max":8,"idle_timeout_s":60}}},"stages":[{"memory_mib":1024,"vcores":1,"tasks":[[40,3600]],"spark":{"job":0,"shuffle_output":true}},{"after":[0],"memory_mib":1024,"vcores":1,"tasks":[[10,60]],"spark":{"job":0}}]}"#,
        r#"{"id":"mr","submit_s":0,"application_master":{"memory_mib":1024,"vcores":1},"map_reduce":{"slowstart":0.05},"stages":[{"memory_mib":1024,"vcores":1,"tasks":[[3,3600]]},{"after":[0],"memory_mib":1024,"vcores":1,"tasks":[[2,60]]}]}"#,
    ];
    let jobs: Vec<Job> = lines
        .iter()
        .map(|line| serde_json::from_str(line).expect("a job"))
        .collect();
    TraceWork::Jobs(JobWork::from_jobs(START, &jobs).expect("valid jobs"))
}

#[tokio::test]
async fn the_daemon_reads_the_work_that_the_engine_is_shown_in_a_simulation() {
    let work = Arc::new(work_that_is_told());
    let cluster = SimulatedCluster::start(work, Arc::default(), 1, Clock::starting_at(START, 1))
        .expect("work that fits");
    let services = Services::start(cluster.clone(), CLUSTER_ID, "test")
        .await
        .expect("a free port");
    let http = HttpGet::new(None).expect("a client");
    let limits = WorkLimits {
        applications: 20,
        at_a_time: 4,
        timeout: Duration::from_secs(30),
        bytes: 1 << 20,
    };
    let timeout = Duration::from_secs(30);
    let mut yarn = Yarn::new(
        http.clone(),
        vec![services.url().clone()],
        None,
        timeout,
        timeout,
    );
    let proxy = ProxyAddress::new(None, String::new());
    let mut source = WorkSource::new(&http, proxy, limits);
    let clock = Clock::real();
    let running = yarn.read(&clock, false).await.running.expect("a list");
    let read = source.read(&clock, running, services.url(), true).await;
    let shown = cluster
        .ask(|cluster| cluster.work())
        .await
        .expect("it runs")
        .expect("it is told");
    let numbers = |work: &Work| {
        let stages = work
            .applications
            .iter()
            .filter_map(|application| match &application.work {
                WorkOrReason::Known(known) => Some((
                    application.name.clone(),
                    application.kind,
                    known.executors,
                    known
                        .stages
                        .iter()
                        .map(|stage| (stage.tasks_remaining, stage.tasks_running, stage.is_blocked))
                        .collect::<Vec<_>>(),
                )),
                WorkOrReason::Unknown(_) => None,
            });
        stages.collect::<Vec<_>>()
    };
    assert_eq!(numbers(&shown).len(), 2, "{shown:?}");
    assert_eq!(numbers(&read.work.value), numbers(&shown));
    let totals = |work: &Work| WorkTotals {
        drain_s: None,
        ..work.totals
    };
    assert_eq!(totals(&read.work.value), totals(&shown));
    let unknown = shown.storage.expect("told").apps_unknown;
    let read = read.storage.expect("asked");
    assert_eq!((read.apps_unknown, unknown), (1, 1), "the MapReduce job");
}
