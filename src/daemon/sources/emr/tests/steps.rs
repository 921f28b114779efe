//! Steps that wait or run.

use super::*;

/// A step as EMR lists it; times are in seconds.
fn step(id: &str, state: &str, added_s: u32, started_s: Option<u32>) -> Value {
    json!({
        "Id": id, "Name": format!("load {id}"),
        "Status": { "State": state, "Timeline": { "CreationDateTime": added_s, "StartDateTime": started_s } },
    })
}

fn reader(fake: &FakeEmr) -> Emr {
    Emr::new(&fake.config(), CLUSTER, &settings(), StepsRead::IfPossible)
}

async fn steps(emr: &mut Emr) -> Option<Steps> {
    let reading = emr.read(&Clock::real()).await;
    reading.status.expect("a status");
    reading.steps.map(|steps| steps.value)
}

#[tokio::test]
async fn steps_are_listed_with_those_that_run_first_and_then_in_the_order_in_which_they_wait() {
    let fake = FakeEmr::start().await;
    let mut description = cluster("RUNNING");
    description["Cluster"]["StepConcurrencyLevel"] = json!(2);
    fake.on("DescribeCluster", description);
    fake.on(
        "ListSteps",
        json!({ "Steps": [
            step("s-5", "PENDING", 300, None), step("s-4", "PENDING", 200, None), step("s-3", "PENDING", 200, None),
            step("s-1", "RUNNING", 100, Some(110)),
        ] }),
    );
    let steps = steps(&mut reader(&fake)).await.expect("steps");
    assert_eq!(steps.concurrency, 2);
    let seen: Vec<(&str, Option<i64>)> = (steps.steps.iter())
        .map(|step| (&*step.id, step.started_at.map(Timestamp::as_millis)))
        .collect();
    let expected = [
        ("s-1", Some(110_000)),
        ("s-3", None),
        ("s-4", None),
        ("s-5", None),
    ];
    assert_eq!(seen, expected);
    assert_eq!(&*steps.steps[0].name, "load s-1");
}

#[tokio::test]
async fn an_observation_lists_no_more_than_fifty_steps_and_rules_count_all_of_them() {
    let fake = FakeEmr::start().await;
    let many = (0..60).map(|number| step(&format!("s-{number}"), "PENDING", 100, None));
    fake.on("ListSteps", json!({ "Steps": many.collect::<Vec<_>>() }));
    let reading = emr(&fake).read(&Clock::real()).await;
    assert_eq!(reading.steps.expect("steps").value.steps.len(), 50);
    assert_eq!(reading.status.expect("a status").value.steps_pending, 60);
}

#[tokio::test]
async fn a_demand_goes_on_without_steps_that_cannot_be_read() {
    let fake = FakeEmr::start().await;
    let mut emr = reader(&fake);
    let silent = Reply::Silence;
    for reply in [Reply::DENIED, silent, Reply::Text(200, "no steps")] {
        fake.script("ListSteps", vec![reply]);
        assert_eq!(steps(&mut emr).await, None);
    }
    fake.on("ListSteps", json!({ "Steps": [] }));
    assert!(steps(&mut emr).await.is_some());
}

#[tokio::test]
async fn steps_that_cannot_be_read_for_a_while_keep_the_time_of_the_last_reading() {
    let fake = FakeEmr::start().await;
    let mut emr = reader(&fake);
    let first = emr.read(&Clock::real()).await.steps.expect("steps");
    fake.script("ListSteps", vec![Reply::THROTTLED]);
    let later = emr.read(&Clock::ahead(Duration::from_secs(60))).await;
    assert_eq!(later.steps.expect("steps").measured_at, first.measured_at);
    let status = later.status.expect("a status");
    assert!(status.measured_at > first.measured_at, "the status is new");
}

#[tokio::test]
async fn a_role_that_may_not_list_steps_can_start_with_a_demand_and_not_with_a_rule_that_reads_them()
 {
    let fake = FakeEmr::start().await;
    fake.script("ListSteps", vec![Reply::DENIED]);
    let text = "{ name: t, demand: { units: instances, min: 0, max: 9 } }";
    let policy = crate::policy::parse::parse(text, "test.yaml").expect("a valid policy");
    let clock = Clock::real();
    assert!(reader(&fake).check(&clock, &policy).await.is_empty());
    assert_eq!(emr(&fake).check(&clock, &policy).await.len(), 1);
}
