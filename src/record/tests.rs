use std::path::PathBuf;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_cloudwatch::config::Credentials;

use super::*;
use crate::daemon::sources::cloudwatch::testing::{FakeCloudWatch, Fault};
use crate::policy::Limits;
use crate::sim::input::{InputError, Source};
use crate::sim::{Recording, simulate};
use crate::trace::journal::TraceReader;
use crate::units::Instances;

/// 2026-11-15T00:00:00Z.
const NOW_S: i64 = 1_794_700_800;
const DAY_S: i64 = 86_400;
/// Busy for the first quarter of each hour, more than two nodes can take.
const HISTORY: [(&str, [f64; 2]); 9] = [
    ("IsIdle", [0.0, 1.0]),
    ("MemoryTotalMB", [24_576.0, 24_576.0]),
    ("MemoryAvailableMB", [0.0, 24_576.0]),
    ("MemoryAllocatedMB", [24_576.0, 0.0]),
    ("ContainerAllocated", [12.0, 0.0]),
    ("ContainerPending", [36.0, 0.0]),
    ("AppsRunning", [2.0, 0.0]),
    ("AppsPending", [0.0, 0.0]),
    ("CoreNodesRunning", [2.0, 2.0]),
];

fn now() -> Timestamp {
    Timestamp::from_millis(NOW_S * 1_000)
}

/// CloudWatch with a point each `step_s`, from some days ago to some days ago.
fn cloudwatch_with(days_ago: std::ops::Range<i64>, step_s: usize) -> FakeCloudWatch {
    let fake = FakeCloudWatch::start();
    fake.forget_as_of(NOW_S);
    for at_s in (NOW_S - days_ago.end * DAY_S..NOW_S - days_ago.start * DAY_S).step_by(step_s) {
        for (metric, [busy, idle]) in HISTORY {
            let value = if at_s % 3_600 < 900 { busy } else { idle };
            fake.put(
                "AWS/ElasticMapReduce",
                metric,
                ("JobFlowId", "j-1"),
                at_s,
                value,
            );
        }
    }
    fake.asked();
    fake
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("history.trace")
    }

    fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("lists");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

async fn record(
    fake: &FakeCloudWatch,
    folder: &Folder,
    cluster_id: &str,
    from: &str,
) -> Result<Recorded, String> {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(fake.url())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("id", "secret", None, None, "tests"))
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(1)))
        .load()
        .await;
    let asked = Asked {
        cluster_id: cluster_id.to_owned(),
        from: from.parse().expect("a time"),
        to: When::Ago(Duration::ZERO),
    };
    let recorded = cloudwatch(&config, &asked, now(), &folder.out(), |_, _| ()).await;
    recorded.map_err(|error| match error {
        RecordError::Interrupted { ref source, .. } => format!("{error}: {source}"),
        error => error.to_string(),
    })
}

fn observations(folder: &Folder) -> Vec<crate::observation::Observation> {
    let records = TraceReader::open(&folder.out()).expect("a trace");
    let observation = |record| match record {
        Ok(Record::Observation(observation)) => *observation,
        other => panic!("{other:?}"),
    };
    records.map(observation).collect()
}

#[tokio::test]
async fn the_history_becomes_a_trace_in_the_best_resolution_that_is_kept() {
    for (days_ago, published_s, from, step_s, count) in [
        (0..2, 60, "1d", 60, 1_440),
        (0..2, 300, "1d", 300, 288),
        (15..17, 60, "17d", 300, 2 * 288),
        (60..66, 300, "66d", 3_600, 6 * 24),
    ] {
        let (fake, folder) = (cloudwatch_with(days_ago, published_s), Folder::new());
        let recorded = record(&fake, &folder, "j-1", from).await.expect("a trace");
        assert_eq!(
            (
                recorded.step.as_secs(),
                recorded.observations,
                recorded.with_yarn
            ),
            (step_s, count, count),
            "{from}"
        );
        assert_eq!(observations(&folder).len(), count, "{from}");
        assert_eq!(folder.files(), ["history.trace"], "{from}");
    }
}

#[tokio::test]
async fn the_trace_says_where_it_comes_from_and_what_is_an_estimate() {
    let (fake, folder) = (cloudwatch_with(0..1, 300), Folder::new());
    record(&fake, &folder, "j-1", "6h").await.expect("a trace");
    insta::assert_snapshot!(
        std::fs::read_to_string(folder.out())
            .expect("reads")
            .lines()
            .take(2)
            .collect::<Vec<_>>()
            .join("\n")
    );
}

#[tokio::test]
async fn a_recorded_history_can_be_simulated() {
    let (fake, folder) = (cloudwatch_with(0..1, 300), Folder::new());
    record(&fake, &folder, "j-1", "1d").await.expect("a trace");
    let source = Source::find(&folder.out(), None).expect("a trace");
    assert!(
        source
            .read(None)
            .is_err_and(|error: InputError| error.needs_container_lifetime()),
        "lifetimes are not in it"
    );
    let loaded = source.read(Some(Duration::from_secs(120))).expect("reads");
    let policy = crate::policy::baselines::find("fixed-max").expect("a baseline");
    let policy = policy.policy(Limits::exactly(Instances(20)));
    let run = simulate(
        &loaded.workload,
        &source.scenario,
        &policy,
        1,
        Recording::default(),
    )
    .expect("runs");
    // 24 quarters of an hour with 12 containers that run and 36 that wait for them.
    assert!(run.tasks_total >= 24 * 48, "{}", run.tasks_total);
    assert_eq!(run.tasks_finished, run.tasks_total);
}

#[tokio::test]
async fn an_interrupted_recording_continues_where_it_was() {
    let (fake, folder, whole) = (cloudwatch_with(0..4, 60), Folder::new(), Folder::new());
    fake.fail_after(2, &[Fault::Refusal(400, "ThrottlingException"); 3]);
    let error = record(&fake, &folder, "j-1", "4d")
        .await
        .expect_err("interrupted");
    let partial = folder.0.path().join("history.trace.partial");
    let expected = "2 of 4 parts are in PARTIAL; run the same command again to continue: GetMetricData is throttled by AWS";
    assert_eq!(
        error,
        expected.replace("PARTIAL", &partial.display().to_string())
    );
    assert_eq!(folder.files(), ["history.trace.partial"]);

    let other = record(&fake, &folder, "j-1", "5d")
        .await
        .expect_err("another recording");
    assert!(other.contains("holds the beginning of another recording (cluster j-1 in eu-central-1, from 4d, to now)"), "{other}");

    fake.asked();
    let recorded = record(&fake, &folder, "j-1", "4d").await.expect("a trace");
    let from: Vec<i64> = fake
        .asked()
        .iter()
        .map(|asked| (NOW_S - asked.from_s) / DAY_S)
        .collect();
    assert_eq!(from, [2, 1], "what is there is not fetched again");
    assert_eq!(folder.files(), ["history.trace"]);
    assert_eq!(record(&fake, &whole, "j-1", "4d").await, Ok(recorded));
    assert!(
        std::fs::read(whole.out()).expect("reads") == std::fs::read(folder.out()).expect("reads"),
        "as if it had never stopped"
    );
}

#[tokio::test]
async fn pages_of_a_part_are_joined() {
    let (fake, folder) = (cloudwatch_with(0..1, 300), Folder::new());
    fake.page(100);
    assert_eq!(
        record(&fake, &folder, "j-1", "1d")
            .await
            .map(|recorded| recorded.observations),
        Ok(288)
    );
    assert_eq!(fake.asked().len(), 3);
}

#[tokio::test]
async fn a_part_that_is_not_complete_is_no_part() {
    for (status, expected) in [
        (
            "InternalError",
            "GetMetricData: CloudWatch had an internal error",
        ),
        (
            "PartialData",
            "GetMetricData: CloudWatch returned only a part of the points",
        ),
        (
            "Forbidden",
            "GetMetricData is not allowed; grant `cloudwatch:GetMetricData` to the role of this machine",
        ),
    ] {
        let (fake, folder) = (cloudwatch_with(0..1, 300), Folder::new());
        fake.fail_after(0, &[Fault::Status(status)]);
        assert_eq!(
            record(&fake, &folder, "j-1", "1d").await,
            Err(expected.to_owned()),
            "{status}"
        );
        assert_eq!(folder.files(), [""; 0], "{status}");
    }
}

#[tokio::test]
async fn a_gap_in_the_history_stays_a_gap() {
    let (fake, folder) = (cloudwatch_with(0..1, 300), Folder::new());
    let older = NOW_S - 2 * DAY_S;
    for (metric, [busy, _]) in HISTORY {
        fake.put(
            "AWS/ElasticMapReduce",
            metric,
            ("JobFlowId", "j-1"),
            older,
            busy,
        );
        fake.put(
            "AWS/ElasticMapReduce",
            metric,
            ("JobFlowId", "j-1"),
            older + 300,
            busy,
        );
    }
    record(&fake, &folder, "j-1", "3d").await.expect("a trace");
    let load = Source::find(&folder.out(), None)
        .and_then(|source| source.read(Some(Duration::from_secs(60))))
        .expect("reads");
    let crate::sim::trace_work::TraceWork::Observations(load) = load.workload else {
        panic!("observations")
    };
    let at = |at_s: i64| Timestamp::from_millis(at_s * 1_000);
    assert_eq!(load.gaps(), [(at(older + 600), at(NOW_S - DAY_S + 300))]);
}

#[tokio::test]
async fn where_nothing_is_found_the_message_says_what_there_is() {
    let fake = cloudwatch_with(0..1, 300);
    let folder = Folder::new();
    let nothing = "CloudWatch has no points of cluster j-2 in eu-central-1 from 2026-11-14T00:00:00Z to 2026-11-15T00:00:00Z; ";
    for (fault, hint) in [
        (
            None,
            "clusters with metrics there in the last two weeks: j-1; did you mean j-1?",
        ),
        (
            Some(Fault::Refusal(400, "AccessDeniedException")),
            "the clusters with metrics could not be listed: ListMetrics is not allowed; grant `cloudwatch:ListMetrics` to the role of this machine",
        ),
    ] {
        fake.fail_after(1, &fault.into_iter().collect::<Vec<_>>());
        assert_eq!(
            record(&fake, &folder, "j-2", "1d").await,
            Err(format!("{nothing}{hint}"))
        );
        assert_eq!(folder.files(), [""; 0], "another cluster may be asked for");
    }
    let empty = FakeCloudWatch::start();
    let error = record(&empty, &folder, "j-2", "1d").await;
    assert_eq!(
        error,
        Err(format!(
            "{nothing}no cluster has had metrics there in the last two weeks; check the region"
        ))
    );
    let elsewhen = cloudwatch_with(5..6, 300);
    let error = record(&elsewhen, &folder, "j-1", "1d")
        .await
        .expect_err("nothing there");
    assert!(
        error.ends_with(
            "the cluster has metrics, but none in that time; choose another --from and --to"
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_cluster_without_yarn_gives_no_trace() {
    let (fake, folder) = (FakeCloudWatch::start(), Folder::new());
    for metric in ["IsIdle", "MemoryTotalMB", "ContainerAllocated"] {
        fake.put(
            "AWS/ElasticMapReduce",
            metric,
            ("JobFlowId", "j-1"),
            NOW_S - 600,
            0.0,
        );
    }
    let expected = "CloudWatch has points of cluster j-1, but none of YARN's memory and containers \
                    (MemoryAvailableMB, MemoryAllocatedMB, ContainerPending, AppsRunning, AppsPending); check that YARN runs on the cluster \
                    (for one without YARN, run `headroom run --dry-run`: its journal has the metrics that the policy declares)";
    assert_eq!(
        record(&fake, &folder, "j-1", "1d").await,
        Err(expected.to_owned())
    );
    assert_eq!(folder.files(), [""; 0]);
}

#[tokio::test]
async fn a_file_that_only_looks_like_a_beginning_is_left_alone() {
    let (fake, folder) = (cloudwatch_with(0..1, 300), Folder::new());
    let partial = folder.0.path().join("history.trace.partial");
    std::fs::write(&partial, "my notes").expect("writes");
    let error = record(&fake, &folder, "j-1", "1d")
        .await
        .expect_err("not ours");
    assert!(
        error.ends_with("is not a partial recording; move it away"),
        "{error}"
    );
    assert_eq!(std::fs::read(&partial).expect("reads"), b"my notes");
}
