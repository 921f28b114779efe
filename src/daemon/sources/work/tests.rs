mod output;

use super::*;
use crate::daemon::clock::Stopwatch;
use crate::daemon::testing::{Canned, Fake, silent};
use crate::observation::work::{Executors, StageWork};
use crate::units::{Mebibytes, VirtualCores};

const LIMITS: WorkLimits = WorkLimits {
    applications: 20,
    at_a_time: 4,
    timeout: Duration::from_millis(1500),
    bytes: 2 << 20,
};

const ID: &str = "application_1795884238280_0002";

macro_rules! fixture {
    ($name:literal) => {
        Canned::json(include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/spark/",
            $name,
            ".json"
        )))
    };
}
use fixture;

fn source(limits: WorkLimits) -> WorkSource {
    let http = HttpGet::new(None).expect("no certificates");
    WorkSource::new(&http, ProxyAddress::new(None, String::new()), limits)
}

fn application(id: &str, proxy: &Url, mib: u64) -> RunningApplication {
    RunningApplication {
        id: id.into(),
        name: "a1".into(),
        queue: "default".into(),
        kind: ApplicationKind::Spark,
        memory_allocated: Mebibytes(mib),
        vcores_allocated: VirtualCores(12),
        containers: 12,
        tracking_url: Some(proxy.join(&format!("proxy/{id}/")).expect("a URL")),
    }
}

/// A proxy in front of the recorded application.
async fn recorded() -> Fake {
    let fake = Fake::start().await;
    let of = |path: &str| format!("/proxy/{ID}/{path}");
    // Spark gives its metrics this type.
    let metrics = include_str!("../../../../tests/fixtures/spark/metrics.json");
    let metrics = Canned::typed("text/json;charset=utf-8", metrics);
    fake.answers(&of("metrics/json"), metrics)
        .answers(
            &of("api stages?status=active&status=pending"),
            fixture!("stages"),
        )
        .answers(&of("api jobs?status=running"), fixture!("jobs"))
        .answers(&of("api environment"), fixture!("environment"))
        .answers(&of("api allexecutors"), fixture!("ess-allexecutors"));
    fake
}

async fn read(source: &mut WorkSource, running: Vec<RunningApplication>, proxy: &Url) -> Work {
    source
        .read(&Clock::real(), running, proxy, false)
        .await
        .work
        .value
}

/// The only application of a reading.
async fn read_one(source: &mut WorkSource, application: RunningApplication) -> WorkOrReason {
    let proxy = application.tracking_url.clone().expect("an address");
    let work = read(source, vec![application], &proxy).await;
    work.applications[0].work.clone()
}

fn operations(reading: &WorkReading) -> Vec<&'static str> {
    reading.calls.iter().map(|call| call.operation).collect()
}

#[tokio::test]
async fn a_recorded_application_says_what_it_holds_and_what_is_left() {
    let fake = recorded().await;
    let mut source = source(LIMITS);
    let running = || vec![application(ID, &fake.url, 23552)];
    let reading = source
        .read(&Clock::real(), running(), &fake.url, false)
        .await;
    let work = reading.work.value.applications[0]
        .known()
        .expect("known")
        .clone();
    let executors = Executors {
        held: 11,
        needed: Some(1),
        most: None,
        slots: 2,
        memory: Mebibytes(2048),
    };
    assert_eq!(work.executors, Some(executors));
    let stages: Vec<(u32, u32, bool)> = work
        .stages
        .iter()
        .map(|stage| (stage.tasks_remaining, stage.tasks_running, stage.is_blocked))
        .collect();
    assert_eq!(stages, [(80, 21, false), (4, 0, true), (60, 0, true)]);
    assert_eq!(
        operations(&reading),
        [
            "spark_stages",
            "spark_jobs",
            "spark_metrics",
            "spark_environment"
        ]
    );
    // The settings are read once.
    let again = source
        .read(&Clock::real(), running(), &fake.url, false)
        .await;
    assert_eq!(
        operations(&again),
        ["spark_stages", "spark_jobs", "spark_metrics"]
    );
    assert_eq!(
        again.work.value.applications[0]
            .known()
            .expect("known")
            .executors,
        Some(executors)
    );
}

#[tokio::test]
async fn no_more_executors_are_believed_in_than_yarn_runs_containers() {
    let fake = recorded().await;
    let lied = r#"{"gauges":{"x.driver.ExecutorAllocationManager.executors.numberAllExecutors":{"value":4000}}}"#;
    fake.answers("metrics/json", Canned::json(lied));
    let work = read_one(&mut source(LIMITS), application(ID, &fake.url, 1)).await;
    let WorkOrReason::Known(work) = work else {
        panic!("unknown: {work:?}");
    };
    assert_eq!(work.executors.expect("some").held, 11);
}

#[tokio::test]
async fn stages_whose_output_exists_are_no_work() {
    let fake = recorded().await;
    let stage = |id: u32, status: &str, tasks: u32| serde_json::json!({ "status": status, "stageId": id, "numTasks": tasks });
    let stages = serde_json::json!([
        stage(6, "PENDING", 7),
        stage(5, "ACTIVE", 50),
        stage(4, "PENDING", 4),
        stage(3, "PENDING", 4),
        // Of another job, which waits for an executor.
        stage(2, "PENDING", 9),
    ]);
    let jobs = serde_json::json!([{ "stageIds": [5, 6, 3, 4] }, { "stageIds": [2] }]);
    fake.answers("api stages", Canned::json(stages.to_string()))
        .answers("api jobs", Canned::json(jobs.to_string()));
    let work = read_one(&mut source(LIMITS), application(ID, &fake.url, 1)).await;
    let WorkOrReason::Known(work) = work else {
        panic!("unknown: {work:?}");
    };
    let left: Vec<u32> = work
        .stages
        .iter()
        .map(|stage| stage.tasks_remaining)
        .collect();
    assert_eq!(left, [9, 50, 7]);
}

#[tokio::test]
async fn a_stage_whose_shuffle_output_was_lost_says_how_often_it_was_submitted() {
    let fake = recorded().await;
    let stages = include_str!("../../../../tests/fixtures/spark/stages.json");
    let again = stages.replace("\"attemptId\" : 0", "\"attemptId\" : 2");
    let open = format!("/proxy/{ID}/api stages?status=active&status=pending");
    fake.answers(&open, Canned::json(again));
    let work = read_one(&mut source(LIMITS), application(ID, &fake.url, 23_552)).await;
    let WorkOrReason::Known(work) = work else {
        panic!("known: {work:?}");
    };
    let attempts: Vec<u32> = work.stages.iter().map(|stage| stage.attempt).collect();
    assert_eq!(attempts, [2, 2, 2]);
}

#[tokio::test]
async fn a_map_reduce_job_has_maps_and_then_reduces() {
    let fake = Fake::start().await;
    fake.answers("ws/v1/mapreduce/jobs", fixture!("mapreduce-jobs"));
    let application = RunningApplication {
        kind: ApplicationKind::MapReduce,
        ..application("application_1795885234723_0001", &fake.url, 41_000)
    };
    let work = read_one(&mut source(LIMITS), application).await;
    let stage = |tasks_remaining, tasks_running, task_s, is_blocked| StageWork {
        tasks_remaining,
        tasks_running,
        task_s,
        is_blocked,
        ..StageWork::default()
    };
    let expected = KnownWork {
        executors: None,
        stages: vec![
            stage(40, 40, Some(26.304), false),
            StageWork {
                id: 1,
                ..stage(6, 0, None, true)
            },
        ],
    };
    assert_eq!(work, WorkOrReason::Known(expected));
}

#[tokio::test]
async fn what_is_not_in_order_is_unknown_with_its_reason() {
    let answers = [
        (Canned::status(302), WorkUnknown::NoInterface),
        (
            Canned::redirect("http://localhost:1/"),
            WorkUnknown::NoInterface,
        ),
        (Canned::status(404), WorkUnknown::NoInterface),
        (Canned::status(500), WorkUnknown::NoInterface),
        (Canned::status(403), WorkUnknown::Refused),
        (Canned::status(401), WorkUnknown::Refused),
        (Canned::typed("text/html", "<html>"), WorkUnknown::Malformed),
        (Canned::json("{"), WorkUnknown::Malformed),
        (Canned::json("null"), WorkUnknown::Malformed),
        (
            Canned::json(r#"[{"status":"ACTIVE","stageId":1,"numTasks":-1}]"#),
            WorkUnknown::Malformed,
        ),
        (
            Canned::json(format!("[{}", " ".repeat(600 << 10))),
            WorkUnknown::Malformed,
        ),
    ];
    for (canned, expected) in answers {
        let fake = recorded().await;
        fake.answers("api stages", canned.clone());
        let work = read_one(&mut source(LIMITS), application(ID, &fake.url, 1)).await;
        assert_eq!(work, WorkOrReason::Unknown(expected), "{canned:?}");
    }
}

#[tokio::test]
async fn without_its_metrics_servlet_the_stages_are_known() {
    let fake = recorded().await;
    fake.answers("metrics/json", Canned::status(404));
    let work = read_one(&mut source(LIMITS), application(ID, &fake.url, 1)).await;
    let WorkOrReason::Known(work) = work else {
        panic!("unknown: {work:?}");
    };
    assert_eq!(work.executors.expect("some").needed, None);
    assert_eq!(work.stages.len(), 3);
}

#[tokio::test]
async fn a_driver_that_hangs_delays_no_other_one_and_is_left_alone_after_two_timeouts() {
    let (hung, fake) = (silent().await, recorded().await);
    let http = HttpGet::new(None).expect("no certificates");
    // Both are behind the same proxy, as far as the source can see.
    let mut source = WorkSource::new(&http, ProxyAddress::new(None, String::new()), LIMITS);
    let mut reasons = Vec::new();
    for _ in 0..3 {
        let watch = Stopwatch::start();
        let hung_one = read_one(&mut source, application("application_1_0009", &hung.url, 9)).await;
        reasons.push(hung_one);
        assert!(watch.elapsed() < LIMITS.timeout * 3);
    }
    let unknown = WorkOrReason::Unknown;
    assert_eq!(
        reasons,
        [
            unknown(WorkUnknown::TimedOut),
            unknown(WorkUnknown::TimedOut),
            unknown(WorkUnknown::BackingOff)
        ]
    );
    let healthy = read_one(&mut source, application(ID, &fake.url, 1)).await;
    assert!(matches!(healthy, WorkOrReason::Known(_)), "{healthy:?}");
}

#[tokio::test]
async fn a_driver_that_answers_late_does_not_hang() {
    let fake = recorded().await;
    let limits = WorkLimits {
        timeout: Duration::from_millis(200),
        ..LIMITS
    };
    let late = limits.timeout * 2;
    fake.answers("api stages", Canned::json("[]").after(late));
    let mut source = source(limits);
    for _ in 0..4 {
        let work = read_one(&mut source, application(ID, &fake.url, 1)).await;
        assert_eq!(work, WorkOrReason::Unknown(WorkUnknown::TimedOut));
        tokio::time::sleep(late).await;
    }
    fake.answers("api stages", fixture!("stages"));
    let work = read_one(&mut source, application(ID, &fake.url, 1)).await;
    assert!(matches!(work, WorkOrReason::Known(_)), "{work:?}");
}

#[tokio::test]
async fn slow_drivers_are_asked_after_the_others() {
    let fake = recorded().await;
    let limits = WorkLimits {
        timeout: Duration::from_millis(300),
        at_a_time: 1,
        ..LIMITS
    };
    fake.answers(
        "application_1_0009",
        Canned::json("[]").after(limits.timeout * 2),
    );
    let mut source = source(limits);
    let running = || {
        vec![
            application("application_1_0009", &fake.url, 9),
            application(ID, &fake.url, 1),
        ]
    };
    let mut is_other_known = Vec::new();
    for _ in 0..2 {
        let work = read(&mut source, running(), &fake.url).await;
        let of_other = work.applications.iter().find(|one| &*one.id == ID);
        is_other_known.push(of_other.expect("it runs").known().is_some());
    }
    assert_eq!(is_other_known, [false, true]);
}

#[test]
fn an_application_that_goes_on_hanging_is_left_alone_for_longer_each_time() {
    let mut source = source(LIMITS);
    let (id, at) = (Arc::from(ID), Timestamp::from_millis(0));
    let mut timed_out = Asked {
        work: Err(WorkUnknown::TimedOut),
        settings: None,
        calls: Vec::new(),
        late: None,
    };
    let left_alone_s = (0..8).map(|_| {
        source.remember(&id, &mut timed_out, at);
        let not_before = source.known[&id].not_before;
        not_before.map_or(0, |not_before| not_before.since(at).as_secs())
    });
    let left_alone_s: Vec<u64> = left_alone_s.collect();
    assert_eq!(left_alone_s, [0, 15, 30, 60, 120, 240, 300, 300]);
}

#[tokio::test]
async fn an_application_that_others_left_little_time_has_not_timed_out() {
    let fake = recorded().await;
    fake.answers(
        "api stages",
        Canned::status(404).after(LIMITS.timeout * 2 / 3),
    );
    let running = [2, 1].map(|n| application(&format!("application_1_000{n}"), &fake.url, n));
    let one_at_a_time = WorkLimits {
        at_a_time: 1,
        ..LIMITS
    };
    let work = read(&mut source(one_at_a_time), running.to_vec(), &fake.url).await;
    let works: Vec<&WorkOrReason> = work.applications.iter().map(|one| &one.work).collect();
    assert_eq!(
        works,
        [
            &WorkOrReason::Unknown(WorkUnknown::NoInterface),
            &WorkOrReason::Unknown(WorkUnknown::NotAsked),
        ]
    );
}

#[tokio::test]
async fn the_largest_applications_are_asked_within_the_limits() {
    let fake = recorded().await;
    let running = |count: u64| -> Vec<RunningApplication> {
        let id = |n: u64| format!("application_1_{n:04}");
        (1..=count)
            .map(|n| application(&id(n), &fake.url, n))
            .collect()
    };
    fake.answers("api stages", Canned::json("[]"))
        .answers("metrics/json", fixture!("metrics"))
        .answers("api environment", fixture!("environment"));
    let asked = |work: &Work| -> Vec<bool> {
        work.applications
            .iter()
            .map(|one| one.known().is_some())
            .collect()
    };
    let few = WorkLimits {
        applications: 2,
        ..LIMITS
    };
    let work = read(&mut source(few), running(3), &fake.url).await;
    assert_eq!(&*work.applications[0].id, "application_1_0003");
    assert_eq!(asked(&work), [true, true]);
    assert_eq!(work.totals.apps_unknown, 1);
    // 20 kB are enough for the metrics and settings of one.
    let narrow = WorkLimits {
        bytes: 20_000,
        at_a_time: 1,
        ..LIMITS
    };
    let work = read(&mut source(narrow), running(3), &fake.url).await;
    assert_eq!(asked(&work), [true, false, false]);
    let not_asked = WorkOrReason::Unknown(WorkUnknown::NotAsked);
    assert_eq!(work.applications[1].work, not_asked);
}

#[tokio::test]
async fn as_many_are_asked_at_a_time_as_the_bytes_that_they_answer_allow() {
    let fake = recorded().await;
    fake.answers("api stages", Canned::json("[]"))
        .answers("metrics/json", fixture!("metrics"))
        .answers("api environment", fixture!("environment"));
    let running: Vec<RunningApplication> = (1..=20)
        .map(|n| application(&format!("application_1_{n:04}"), &fake.url, n))
        .collect();
    // Each answers 14 kB; any of them might answer more than all may.
    let limits = WorkLimits {
        at_a_time: 20,
        bytes: 300 << 10,
        ..LIMITS
    };
    let work = read(&mut source(limits), running, &fake.url).await;
    assert_eq!(work.totals.apps_unknown, 0);
}

#[tokio::test]
async fn other_addresses_and_frameworks_are_not_asked() {
    let (fake, other) = (recorded().await, recorded().await);
    let mut source = source(LIMITS);
    let elsewhere = application("application_1_0001", &other.url, 9);
    let tez = RunningApplication {
        kind: ApplicationKind::Other,
        ..application("application_1_0002", &fake.url, 8)
    };
    let hidden = RunningApplication {
        tracking_url: None,
        ..application("application_1_0003", &fake.url, 7)
    };
    let reading = source
        .read(
            &Clock::real(),
            vec![elsewhere, tez, hidden],
            &fake.url,
            false,
        )
        .await;
    let works: Vec<&WorkOrReason> = reading
        .work
        .value
        .applications
        .iter()
        .map(|one| &one.work)
        .collect();
    assert_eq!(
        works,
        [
            &WorkOrReason::Unknown(WorkUnknown::OtherAddress),
            &WorkOrReason::Unknown(WorkUnknown::OtherFramework),
            &WorkOrReason::Unknown(WorkUnknown::NoInterface),
        ]
    );
    assert_eq!(reading.calls, []);
    assert_eq!(reading.work.value.totals.apps_unknown, 2);
}

#[test]
fn a_reading_without_time_for_an_application_does_not_make_up_for_its_timeouts() {
    let mut source = source(LIMITS);
    let id: Arc<str> = "application_1_0001".into();
    let mut is_left_alone_after = |work| {
        let mut asked = Asked {
            work,
            settings: None,
            calls: Vec::new(),
            late: None,
        };
        source.remember(&id, &mut asked, Timestamp::from_millis(0));
        source.known[&id].not_before.is_some()
    };
    assert!(!is_left_alone_after(Err(WorkUnknown::TimedOut)));
    assert!(!is_left_alone_after(Err(WorkUnknown::NotAsked)));
    assert!(is_left_alone_after(Err(WorkUnknown::TimedOut)));
    assert!(!is_left_alone_after(Ok(KnownWork::default())));
}
