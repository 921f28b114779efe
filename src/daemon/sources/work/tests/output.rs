//! Where applications store data, which is asked before a scale-in.

use super::*;

#[tokio::test]
async fn only_before_a_scale_in_spark_is_asked_on_which_hosts_it_stores_data() {
    let fake = recorded().await;
    let mut source = source(LIMITS);
    let running = || vec![application(ID, &fake.url, 9)];
    let usual = source
        .read(&Clock::real(), running(), &fake.url, false)
        .await;
    assert_eq!(usual.storage, None);
    assert!(!operations(&usual).contains(&"spark_executors"));
    let asked = source
        .read(&Clock::real(), running(), &fake.url, true)
        .await;
    assert!(operations(&asked).contains(&"spark_executors"));
    let storage = asked.storage.expect("asked");
    assert_eq!(storage.apps_unknown, 0);
    let hosts: Vec<&str> = storage.hosts.keys().map(String::as_str).collect();
    let expected = [
        "ip-10-10-125-11.ec2.internal",
        "ip-10-136-63-238.ec2.internal",
        "ip-10-45-193-200.ec2.internal",
    ];
    assert_eq!(hosts, expected, "also those without an executor that runs");
}

#[tokio::test]
async fn executors_that_are_not_told_leave_the_work_known_and_the_storage_unknown() {
    let garbage = Canned::json("[{\"id\":1}]");
    let endless = Canned::json("[".repeat(2 << 20));
    for answer in [Canned::status(404), Canned::status(403), garbage, endless] {
        let fake = recorded().await;
        fake.answers(&format!("/proxy/{ID}/api allexecutors"), answer);
        let mut source = source(LIMITS);
        let running = vec![
            application(ID, &fake.url, 9),
            RunningApplication {
                kind: ApplicationKind::MapReduce,
                tracking_url: None,
                ..application("application_1_0009", &fake.url, 1)
            },
        ];
        let reading = source.read(&Clock::real(), running, &fake.url, true).await;
        let work = &reading.work.value.applications[0].work;
        assert!(matches!(work, WorkOrReason::Known(_)), "{work:?}");
        let storage = reading.storage.expect("asked");
        assert_eq!((storage.hosts.len(), storage.apps_unknown), (0, 2));
    }
}

#[tokio::test]
async fn output_is_asked_for_after_all_work_and_not_again_for_a_while_if_that_hangs() {
    let fake = recorded().await;
    for number in 1..=4 {
        for (path, fixture) in [
            (
                "api stages?status=active&status=pending",
                fixture!("stages"),
            ),
            ("api jobs?status=running", fixture!("jobs")),
            ("api environment", fixture!("environment")),
            ("metrics/json", fixture!("metrics")),
        ] {
            let id = format!("application_1_000{number}");
            fake.answers(&format!("/proxy/{id}/{path}"), fixture);
        }
        let hangs = fixture!("ess-allexecutors").after(Duration::from_secs(60));
        fake.answers(
            &format!("/proxy/application_1_000{number}/api allexecutors"),
            hangs,
        );
    }
    let mut source = source(LIMITS);
    let running = || {
        let hanging = (1..=4).map(|number| format!("application_1_000{number}"));
        let mut all: Vec<RunningApplication> =
            hanging.map(|id| application(&id, &fake.url, 99)).collect();
        all.push(application(ID, &fake.url, 9));
        all
    };
    let first = source
        .read(&Clock::real(), running(), &fake.url, true)
        .await;
    assert_eq!(
        first.work.value.totals.apps_unknown, 0,
        "{:?}",
        first.work.value
    );
    let again = source
        .read(&Clock::real(), running(), &fake.url, true)
        .await;
    assert_eq!(again.work.value.totals.apps_unknown, 0);
    let asked = operations(&again);
    let asked = asked.iter().filter(|name| **name == "spark_executors");
    assert_eq!(asked.count(), 1, "only the one that does not hang");
    assert_eq!(again.storage.expect("asked").apps_unknown, 4);
}
