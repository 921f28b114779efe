use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudwatch::config::Credentials;

use super::testing::{FakeCloudWatch, Fault};
use super::*;
use crate::policy::Statistic;
use crate::policy::parse::parse;
use crate::policy::signal::Unit;

/// 2026-11-01T12:00:00Z.
const NOON_S: i64 = 1_793_534_400;

fn at(after_noon_s: i64) -> Timestamp {
    Timestamp::from_millis((NOON_S + after_noon_s) * 1_000)
}

fn metric(id: &str, period_s: u64, delay_s: u64) -> MetricSpec {
    MetricSpec {
        id: MetricId::new(id),
        namespace: "MyApp".to_owned(),
        metric_name: id.to_uppercase(),
        dimensions: vec![("Cluster".to_owned(), "${cluster_id}".to_owned())],
        statistic: Statistic::Average,
        period: Duration::from_secs(period_s),
        delay: Duration::from_secs(delay_s),
        unit: Unit::NUMBER,
    }
}

async fn configuration(url: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "tests"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .load()
        .await
}

async fn cloudwatch(fake: &FakeCloudWatch, metrics: Vec<MetricSpec>) -> CloudWatch {
    CloudWatch::new(&configuration(&fake.url()).await, "j-1", metrics)
}

fn put(fake: &FakeCloudWatch, metric: &str, points: &[(i64, f64)]) {
    for (after_noon_s, value) in points {
        fake.put(
            "MyApp",
            metric,
            ("Cluster", "j-1"),
            NOON_S + after_noon_s,
            *value,
        );
    }
}

/// One metric of a reading: the value and the end of its period in seconds after noon, or the error.
fn told(reading: &CloudWatchReading, id: &str) -> Option<Result<(f64, f64), &'static str>> {
    let value = reading.values.get(&MetricId::new(id))?;
    Some(
        value
            .as_ref()
            .map(|sample| (sample.value, sample.measured_at.seconds_since(at(0))))
            .map_err(SourceError::label),
    )
}

#[tokio::test]
async fn the_value_is_that_of_the_newest_period_that_ended_and_had_its_delay() {
    let fake = FakeCloudWatch::start();
    put(
        &fake,
        "DEPTH",
        &[
            (-301, 9.0),
            (-300, 1.0),
            (-1, 3.0),
            (0, 5.0),
            (299, 7.0),
            (300, 99.0),
        ],
    );
    for (now_s, expected) in [
        (59, (9.0, -300.0)),
        (60, (2.0, 0.0)),
        (359, (2.0, 0.0)),
        (360, (6.0, 300.0)),
    ] {
        let mut cloudwatch = cloudwatch(&fake, vec![metric("depth", 300, 60)]).await;
        let reading = cloudwatch.read_at(at(now_s)).await;
        assert_eq!(
            told(&reading, "depth"),
            Some(Ok(expected)),
            "{now_s} s after noon"
        );
    }
}

#[tokio::test]
async fn each_metric_is_asked_for_in_its_own_statistic() {
    let fake = FakeCloudWatch::start();
    put(&fake, "DEPTH", &[(-300, 1.0), (-200, 2.0), (-100, 6.0)]);
    let statistics = [
        (Statistic::Average, 3.0),
        (Statistic::Sum, 9.0),
        (Statistic::Minimum, 1.0),
        (Statistic::Maximum, 6.0),
        (Statistic::SampleCount, 3.0),
    ];
    for (statistic, expected) in statistics {
        let mut cloudwatch = cloudwatch(
            &fake,
            vec![MetricSpec {
                statistic,
                ..metric("depth", 300, 0)
            }],
        )
        .await;
        assert_eq!(
            told(&cloudwatch.read_at(at(0)).await, "depth"),
            Some(Ok((expected, 0.0))),
            "{statistic:?}"
        );
    }
}

#[tokio::test]
async fn a_metric_is_asked_for_again_only_when_a_new_period_can_be_there() {
    let fake = FakeCloudWatch::start();
    put(&fake, "FAST", &[(-60, 1.0), (0, 2.0), (60, 3.0)]);
    put(&fake, "SLOW", &[(-300, 10.0), (0, 20.0)]);
    let mut cloudwatch =
        cloudwatch(&fake, vec![metric("fast", 60, 0), metric("slow", 300, 0)]).await;
    for (now_s, asked, fast, slow) in [
        (0, vec!["FAST", "SLOW"], (1.0, 0.0), (10.0, 0.0)),
        (30, vec![], (1.0, 0.0), (10.0, 0.0)),
        (60, vec!["FAST"], (2.0, 60.0), (10.0, 0.0)),
        (119, vec![], (2.0, 60.0), (10.0, 0.0)),
        (120, vec!["FAST"], (3.0, 120.0), (10.0, 0.0)),
        (299, vec!["FAST"], (3.0, 120.0), (10.0, 0.0)),
        (300, vec!["FAST", "SLOW"], (3.0, 120.0), (20.0, 300.0)),
    ] {
        // At 299 s a newer value of the fast one is due and missing: the held one is too old by
        // then.
        let reading = cloudwatch.read_at(at(now_s)).await;
        let names: Vec<String> = fake
            .asked()
            .into_iter()
            .flat_map(|asked| asked.metrics)
            .collect();
        assert_eq!(names, asked, "{now_s} s after noon");
        let fast = (at(now_s).seconds_since(at(0)) - fast.1 <= 120.0).then_some(Ok(fast));
        assert_eq!(
            (told(&reading, "fast"), told(&reading, "slow")),
            (fast, Some(Ok(slow))),
            "{now_s} s after noon"
        );
    }
}

#[tokio::test]
async fn no_data_points_are_no_value_and_no_error() {
    let fake = FakeCloudWatch::start();
    put(&fake, "BROKEN", &[(-300, f64::NAN)]);
    let mut cloudwatch = cloudwatch(
        &fake,
        vec![metric("absent", 300, 0), metric("broken", 300, 0)],
    )
    .await;
    let reading = cloudwatch.read_at(at(0)).await;
    assert_eq!(reading.values, BTreeMap::new());
    assert_eq!(
        reading
            .calls
            .iter()
            .map(|call| call.result)
            .collect::<Vec<_>>(),
        ["ok"]
    );
}

#[tokio::test]
async fn a_policy_without_metrics_makes_no_call() {
    let fake = FakeCloudWatch::start();
    let reading = cloudwatch(&fake, Vec::new()).await.read_at(at(0)).await;
    assert_eq!((reading.calls, fake.asked()), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn pages_are_followed_to_the_last() {
    let fake = FakeCloudWatch::start();
    fake.page(1);
    put(&fake, "DEPTH", &[(-600, 1.0), (-300, 2.0)]);
    let mut cloudwatch = cloudwatch(&fake, vec![metric("depth", 300, 0)]).await;
    let reading = cloudwatch.read_at(at(0)).await;
    assert_eq!(told(&reading, "depth"), Some(Ok((2.0, 0.0))));
    assert_eq!(
        fake.asked()
            .into_iter()
            .map(|asked| asked.token)
            .collect::<Vec<_>>(),
        [None, Some("1".to_owned())]
    );
}

#[tokio::test]
async fn what_one_page_brought_outlives_the_failure_of_the_next() {
    let fake = FakeCloudWatch::start();
    fake.page(1);
    put(&fake, "SHORT", &[(-300, 1.0)]);
    put(&fake, "LONG", &[(-600, 1.0), (-300, 2.0)]);
    fake.fail_after(1, &[Fault::Refusal(400, "AccessDeniedException")]);
    let mut cloudwatch = cloudwatch(
        &fake,
        vec![
            metric("long", 300, 0),
            metric("short", 300, 0),
            metric("none", 300, 0),
        ],
    )
    .await;
    let reading = cloudwatch.read_at(at(0)).await;
    assert_eq!(told(&reading, "long"), Some(Ok((2.0, 0.0))));
    assert_eq!(told(&reading, "short"), Some(Ok((1.0, 0.0))));
    assert_eq!(told(&reading, "none"), Some(Err("access_denied")));
    assert_eq!(
        reading
            .calls
            .iter()
            .map(|call| call.result)
            .collect::<Vec<_>>(),
        ["ok", "access_denied"]
    );
}

#[tokio::test]
async fn a_call_takes_five_hundred_metrics() {
    let fake = FakeCloudWatch::start();
    let metrics: Vec<MetricSpec> = (0..501)
        .map(|number| metric(&format!("m{number:03}"), 60, 0))
        .collect();
    put(&fake, "M500", &[(-60, 4.0)]);
    let reading = cloudwatch(&fake, metrics).await.read_at(at(0)).await;
    assert_eq!(
        fake.asked()
            .iter()
            .map(|asked| asked.metrics.len())
            .collect::<Vec<_>>(),
        [500, 1]
    );
    assert_eq!(told(&reading, "m500"), Some(Ok((4.0, 0.0))));
}

#[tokio::test]
async fn a_short_throttling_is_waited_out_within_the_reading() {
    let fake = FakeCloudWatch::start();
    put(&fake, "DEPTH", &[(-300, 2.0)]);
    fake.fail_after(
        0,
        &[
            Fault::Refusal(400, "ThrottlingException"),
            Fault::Refusal(500, "InternalServiceFault"),
        ],
    );
    let reading = cloudwatch(&fake, vec![metric("depth", 300, 0)])
        .await
        .read_at(at(0))
        .await;
    assert_eq!(told(&reading, "depth"), Some(Ok((2.0, 0.0))));
}

#[tokio::test]
async fn a_failure_leaves_the_last_value_until_it_is_too_old_and_is_then_told() {
    const THROTTLED: Fault = Fault::Refusal(400, "ThrottlingException");
    for (fault, times, label) in [
        (THROTTLED, 3, "throttled"),
        (
            Fault::Refusal(400, "AccessDeniedException"),
            1,
            "access_denied",
        ),
        (
            Fault::Refusal(400, "InvalidParameterValueException"),
            1,
            "refused",
        ),
        (Fault::Refusal(500, "InternalServiceFault"), 3, "status"),
        (Fault::Garbage(200), 1, "malformed"),
        (Fault::Garbage(404), 1, "refused"),
        (Fault::Garbage(503), 3, "status"),
        (Fault::Silence, 1, "timed_out"),
        (Fault::Status("InternalError"), 1, "refused"),
        (Fault::Status("PartialData"), 1, "refused"),
        (Fault::Status("Forbidden"), 1, "access_denied"),
        (Fault::Status("Novel"), 1, "refused"),
    ] {
        let fake = FakeCloudWatch::start();
        put(&fake, "DEPTH", &[(-300, 2.0), (1_200, 3.0)]);
        let mut cloudwatch = cloudwatch(&fake, vec![metric("depth", 300, 60)]).await;
        cloudwatch.answer_within = Duration::from_millis(500);
        assert_eq!(
            told(&cloudwatch.read_at(at(60)).await, "depth"),
            Some(Ok((2.0, 0.0))),
            "{fault:?}"
        );
        for (now_s, expected) in [(660, Ok((2.0, 0.0))), (661, Err(label))] {
            fake.fail_after(0, &vec![fault; times]);
            let reading = cloudwatch.read_at(at(now_s)).await;
            assert_eq!(
                told(&reading, "depth"),
                Some(expected),
                "{fault:?} at {now_s} s"
            );
        }
        let reading = cloudwatch.read_at(at(1_560)).await;
        assert_eq!(
            told(&reading, "depth"),
            Some(Ok((3.0, 1_500.0))),
            "{fault:?} is over"
        );
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_an_error_in_words() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let reading = CloudWatch::new(
        &configuration(&url).await,
        "j-1",
        vec![metric("depth", 300, 0)],
    )
    .read_at(at(0))
    .await;
    let error = reading.values[&MetricId::new("depth")]
        .clone()
        .expect_err("nothing is there")
        .to_string();
    assert!(
        error.starts_with("GetMetricData: cannot be reached (") && error.contains("refused"),
        "{error}"
    );
}

#[tokio::test]
async fn a_clock_that_is_set_back_asks_anew() {
    let fake = FakeCloudWatch::start();
    put(&fake, "DEPTH", &[(-300, 1.0), (3_300, 2.0)]);
    let mut cloudwatch = cloudwatch(&fake, vec![metric("depth", 300, 0)]).await;
    assert_eq!(
        told(&cloudwatch.read_at(at(3_600)).await, "depth"),
        Some(Ok((2.0, 3_600.0)))
    );
    assert_eq!(
        told(&cloudwatch.read_at(at(0)).await, "depth"),
        Some(Ok((1.0, 0.0)))
    );
}

#[test]
fn policies_share_a_metric_or_must_rename_it() {
    let policy = |name: &str, period: &str| {
        let text = format!(
            "name: {name}\nmetrics:\n  depth: {{ namespace: MyApp, metric_name: Depth, period: {period} }}\n\
             targets:\n  - {{ group: {{ role: task }}, limits: {{ min: 0, max: 1 }} }}\n"
        );
        parse(&text, name).expect("a policy")
    };
    let (main, same, other) = (
        policy("main", "1m"),
        policy("same", "1m"),
        policy("other", "5m"),
    );
    assert_eq!(
        metrics_of([&main, &same]).map(|metrics| metrics.len()),
        Ok(1)
    );
    assert_eq!(
        metrics_of([&main, &same, &other]).map_err(|conflict| conflict.to_string()),
        Err("the policies `main` and `other` both declare the metric `depth`, but not the same one; rename it in one of them".to_owned())
    );
}
