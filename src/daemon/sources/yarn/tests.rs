mod availability;
mod labels;
mod pending_limits;
mod versions;

use serde_json::{Value, json};

use super::*;
use crate::daemon::clock::Stopwatch;
use crate::daemon::testing::{Canned, Fake, endless, nobody, silent};
use crate::observation::NodesByState;
use crate::units::{Mebibytes, Timestamp, VirtualCores};

/// Long enough for a loaded machine, short enough to wait for.
const TIMEOUT: Duration = Duration::from_millis(1500);
const ALLOWANCE: Duration = Duration::from_secs(90);

macro_rules! fixture {
    ($($name:literal),+) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/yarn/",
            $($name,)+
            ".json"
        ))
    };
}
use fixture;

/// The only ResourceManager of a cluster without labels.
async fn active() -> Fake {
    let fake = Fake::start().await;
    fake.answers("/info", Canned::json(fixture!("info-active")))
        .answers("/metrics", Canned::json(fixture!("metrics")))
        .answers(
            "/nodes?states=RUNNING,DECOMMISSIONING,UNHEALTHY",
            Canned::json(fixture!("nodes")),
        )
        .answers(
            "/apps?states=RUNNING,ACCEPTED&deSelects=resourceRequests,timeouts,resourceInfo",
            Canned::json(fixture!("apps")),
        )
        .answers(REQUESTS, Canned::json(fixture!("apps")))
        .answers("/scheduler", Canned::json(fixture!("fair-scheduler")))
        .answers("/jmx QueueMetrics", Canned::json(fixture!("queue-metrics")))
        .answers("/get-node-labels", Canned::json("{}"));
    fake
}

/// The applications with what they ask for, which is read while work is pending.
const REQUESTS: &str = "/apps?states=RUNNING,ACCEPTED&deSelects=timeouts,resourceInfo";

fn yarn(addresses: &[&Url]) -> Yarn {
    Yarn::new(
        HttpGet::new(None).unwrap(),
        addresses.iter().copied().cloned().collect(),
        None,
        TIMEOUT,
        ALLOWANCE,
    )
}

async fn read(fake: &Fake) -> YarnReading {
    yarn(&[&fake.url]).read(&Clock::real(), false).await
}

fn edited(fixture: &str, edit: impl FnOnce(&mut Value)) -> Canned {
    let mut value = serde_json::from_str(fixture).unwrap();
    edit(&mut value);
    Canned::json(value.to_string())
}

fn problem<T: std::fmt::Debug>(part: Result<T, SourceError>) -> String {
    match part.unwrap_err() {
        SourceError::Malformed { problem, .. } | SourceError::Contradictory { problem, .. } => {
            problem
        }
        other => panic!("not malformed but {other}"),
    }
}

fn node(host: &str, containers: u32, has_application_master: bool, draining: bool) -> YarnNode {
    YarnNode {
        host: host.to_owned(),
        containers,
        has_application_master,
        draining,
        idle_since: None,
        is_healthy: true,
    }
}

#[tokio::test]
async fn the_hosts_of_decommissioned_nodes_are_read_only_while_instances_are_terminated() {
    let fake = active().await;
    let left = |host: &str, state: &str| json!({ "nodeHostName": host, "state": state });
    let nodes = [
        left("ip-10-0-0-7", "DECOMMISSIONED"),
        left("ip-10-0-0-8", "LOST"),
    ];
    fake.answers(
        "/nodes?states=DECOMMISSIONED",
        Canned::json(json!({ "nodes": { "node": nodes } }).to_string()),
    );
    for (scales_in, expected) in [(true, vec!["ip-10-0-0-7"]), (false, vec![])] {
        let reading = yarn(&[&fake.url]).read(&Clock::real(), scales_in).await;
        assert!(reading.nodes.is_ok());
        assert_eq!(Vec::from_iter(&reading.decommissioned), expected);
    }
    fake.answers("/nodes?states=DECOMMISSIONED", Canned::json("{"));
    let reading = yarn(&[&fake.url]).read(&Clock::real(), true).await;
    assert!(
        reading.nodes.is_ok(),
        "without them, the other nodes are known"
    );
    assert!(reading.decommissioned.is_empty());
}

#[tokio::test]
async fn the_load_of_a_cluster_without_labels_is_that_of_the_default_partition() {
    let fake = active().await;
    let reading = read(&fake).await;
    let expected = YarnLoad {
        memory_total: Mebibytes(25_088),
        memory_available: Mebibytes(1_024),
        memory_allocated: Mebibytes(21_504),
        memory_reserved: Mebibytes(2_560),
        memory_pending: Mebibytes(30_720),
        vcores_total: Some(VirtualCores(16)),
        vcores_available: Some(VirtualCores(4)),
        vcores_allocated: Some(VirtualCores(11)),
        vcores_reserved: Some(VirtualCores(1)),
        vcores_pending: Some(VirtualCores(12)),
        containers_allocated: 11,
        containers_pending: 12,
        containers_reserved: 1,
        containers_released_total: Some(900),
        apps_running: 2,
        apps_pending: 1,
        oldest_app_started_at: Some(Timestamp::from_millis(1_760_003_000_000)),
        nodes: NodesByState {
            active: 1,
            decommissioning: 1,
            decommissioned: 2,
            lost: 1,
            unhealthy: 1,
        },
    };
    assert_eq!(reading.load.unwrap().value, expected);
    assert_eq!(reading.active, Some(fake.url.clone()));
    let mut operations: Vec<_> = reading
        .calls
        .iter()
        .map(|call| (call.operation, call.result))
        .collect();
    operations.sort_unstable();
    assert_eq!(
        operations,
        [
            ("apps", "ok"),
            ("apps", "ok"),
            ("get-node-labels", "ok"),
            ("info", "ok"),
            ("jmx", "ok"),
            ("metrics", "ok"),
            ("nodes", "ok"),
            ("scheduler", "ok")
        ]
    );
}

#[tokio::test]
async fn nodes_that_are_there_are_listed_with_their_masters_and_lost_ones_are_not() {
    let nodes = read(&active().await).await.nodes.unwrap();
    let expected = [
        node("ip-10-0-0-11.ec2.internal", 7, false, false),
        node("ip-10-0-0-12.ec2.internal", 4, true, true),
        YarnNode {
            idle_since: Some(nodes.measured_at),
            is_healthy: false,
            ..node("ip-10-0-0-13.ec2.internal", 0, false, false)
        },
    ];
    assert_eq!(nodes.value, expected);
}

#[tokio::test]
async fn a_node_is_idle_since_the_first_of_the_readings_that_showed_it_empty() {
    let fake = active().await;
    let mut yarn = yarn(&[&fake.url]);
    let clock = Clock::real();
    let first = yarn.read(&clock, false).await.nodes.unwrap();
    fake.answers("/apps", Canned::status(500));
    assert!(yarn.read(&clock, false).await.nodes.is_err());
    fake.answers("/apps", Canned::json(fixture!("apps")));
    fake.answers(
        "/nodes",
        edited(fixture!("nodes"), |nodes| {
            nodes["nodes"]["node"][0]["numContainers"] = json!(0)
        }),
    );
    let third = yarn.read(&clock, false).await.nodes.unwrap();
    let idle_since: Vec<_> = third.value.iter().map(|node| node.idle_since).collect();
    assert_eq!(
        idle_since,
        [Some(third.measured_at), None, Some(first.measured_at)]
    );
}

#[tokio::test]
async fn a_sample_is_as_old_as_its_request() {
    let fake = active().await;
    let pause = Duration::from_millis(300);
    fake.answers("/metrics", Canned::json(fixture!("metrics")).after(pause));
    let reading = read(&fake).await;
    let age = Clock::real().now().since(reading.load.unwrap().measured_at);
    assert!(age >= pause, "{age:?}");
}

#[tokio::test]
async fn an_empty_cluster_has_no_nodes_and_no_applications() {
    for (nodes, apps) in [
        (r#"{"nodes":null}"#, r#"{"apps":null}"#),
        (r#"{"nodes":{}}"#, r#"{"apps":{}}"#),
    ] {
        let fake = active().await;
        let none_runs = edited(fixture!("metrics"), |metrics| {
            metrics["clusterMetrics"]["appsRunning"] = json!(0);
        });
        fake.answers("/nodes", Canned::json(nodes))
            .answers("/apps", Canned::json(apps))
            .answers("/metrics", none_runs);
        assert_eq!(read(&fake).await.nodes.unwrap().value, []);
    }
}

#[tokio::test]
async fn hadoop_2_is_asked_to_leave_out_only_what_it_knows() {
    let fake = active().await;
    fake.answers(
        "/info",
        edited(fixture!("info-active"), |info| {
            info["clusterInfo"]["resourceManagerVersion"] = json!("2.10.1")
        }),
    )
    .answers("/apps", Canned::status(400))
    .answers(
        "/apps?states=RUNNING,ACCEPTED&deSelects=resourceRequests",
        Canned::json(fixture!("apps")),
    )
    .answers("/apps resourceInfo", Canned::status(400));
    read(&fake).await.nodes.unwrap();
}

#[tokio::test]
async fn a_part_that_fails_leaves_the_others_alone() {
    let table = [
        ("/metrics", true, false),
        ("/nodes", false, true),
        ("/apps", false, true),
        ("/jmx", false, false),
        ("/scheduler", false, false),
    ];
    for (path, load_fails, nodes_fail) in table {
        let fake = active().await;
        fake.answers(path, Canned::status(500));
        let reading = read(&fake).await;
        assert_eq!(
            reading.load.is_err(),
            load_fails,
            "{path}: {:?}",
            reading.load
        );
        assert_eq!(
            reading.nodes.is_err(),
            nodes_fail,
            "{path}: {:?}",
            reading.nodes
        );
        match path {
            "/jmx" => assert_eq!(reading.load.unwrap().value.containers_released_total, None),
            "/apps" => assert_eq!(reading.load.unwrap().value.oldest_app_started_at, None),
            _ => {}
        }
    }
}

#[tokio::test]
async fn without_the_applications_no_node_counts_as_free_of_masters() {
    let faults = [
        Canned::status(403),
        Canned::typed("text/plain", "no"),
        Canned::json(&fixture!("apps")[..400]),
        Canned::json(fixture!("apps")).after(TIMEOUT * 2),
        Canned::json(fixture!("apps").replace("12.5", "NaN")),
        Canned::json("[".repeat(100_000)),
    ];
    for fault in faults {
        let fake = active().await;
        fake.answers("/apps", fault.clone());
        let watch = Stopwatch::start();
        let reading = read(&fake).await;
        assert!(
            reading.nodes.is_err() && reading.load.is_ok(),
            "{reading:?}"
        );
        assert!(watch.elapsed() < TIMEOUT * 2, "{:?}", watch.elapsed());
    }
}

#[tokio::test]
async fn a_field_that_is_needed_and_missing_is_named() {
    let Value::Object(metrics) =
        serde_json::from_str::<Value>(fixture!("metrics")).unwrap()["clusterMetrics"].clone()
    else {
        panic!()
    };
    let optional = [
        "reservedMB",
        "reservedVirtualCores",
        "containersReserved",
        "decommissioningNodes",
        "totalClusterResourcesAcrossPartition",
    ];
    let unused = [
        "apps",
        "utilized",
        "rmScheduler",
        "totalNodes",
        "reboot",
        "shutdown",
        "totalUsed",
        "totalReserved",
        "totalAllocated",
        "cross",
    ];
    let used = |field: &&String| {
        !unused.iter().any(|start| field.starts_with(start))
            || ["appsPending", "appsRunning"].contains(&field.as_str())
    };
    for field in metrics.keys().filter(used) {
        let fake = active().await;
        fake.answers(
            "/metrics",
            edited(fixture!("metrics"), |metrics| {
                drop(
                    metrics["clusterMetrics"]
                        .as_object_mut()
                        .unwrap()
                        .remove(field),
                )
            }),
        );
        let load = read(&fake).await.load;
        if optional.contains(&field.as_str()) {
            load.unwrap();
        } else {
            assert!(problem(load).starts_with(&format!("clusterMetrics: missing field `{field}`")));
        }
    }
}

#[tokio::test]
async fn the_load_is_unknown_if_what_is_pending_is_nowhere() {
    let fake = active().await;
    fake.answers("/metrics", Canned::json(fixture!("hadoop-3.2/metrics")))
        .answers("/jmx QueueMetrics", Canned::json(r#"{"beans": []}"#));
    let problem = problem(read(&fake).await.load);
    assert!(
        problem.starts_with("clusterMetrics: missing field `pendingMB`, as before Hadoop 3.3, and"),
        "{problem}"
    );
}

#[tokio::test]
async fn only_what_is_available_may_be_negative() {
    let fake = active().await;
    let with = |field: &'static str| {
        edited(fixture!("metrics"), move |metrics| {
            metrics["clusterMetrics"][field] = json!(-1)
        })
    };
    fake.answers("/metrics", with("availableMB"));
    assert_eq!(
        read(&fake).await.load.unwrap().value.memory_available,
        Mebibytes::ZERO
    );
    for field in [
        "pendingMB",
        "allocatedMB",
        "totalMB",
        "reservedMB",
        "containersPending",
        "appsRunning",
        "lostNodes",
    ] {
        fake.answers("/metrics", with(field));
        let problem = problem(read(&fake).await.load);
        assert!(
            problem.starts_with(&format!(
                "clusterMetrics.{field}: invalid value: integer `-1`"
            )),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn garbage_without_end_is_refused_in_time() {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"clusterInfo\":{\"x\":[0";
    let fake = endless(head, b",0".repeat(1 << 15), Duration::ZERO).await;
    let reading = read(&fake).await;
    assert_eq!(reading.load.unwrap_err().label(), "too_large");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn reading_a_large_cluster_again_and_again_does_not_grow_memory() {
    fn resident_bytes() -> usize {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
        statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
    }
    let fake = active().await;
    let many = |fixture: &str, outer: &str, inner: &str, count: usize| {
        let mut value: Value = serde_json::from_str(fixture).unwrap();
        let first = value[outer][inner][0].to_string();
        value[outer][inner] = json!([]);
        Canned::json(
            value
                .to_string()
                .replace("[]", &format!("[{}]", vec![first; count].join(","))),
        )
    };
    fake.answers("/nodes", many(fixture!("nodes"), "nodes", "node", 4_000))
        .answers(
            "/apps",
            many(
                fixture!("apps").replace("-12", "-11").as_str(),
                "apps",
                "app",
                10_000,
            ),
        );
    let http = HttpGet::new(None).unwrap();
    let mut yarn = Yarn::new(
        http,
        vec![fake.url.clone()],
        None,
        Duration::from_secs(60),
        ALLOWANCE,
    );
    let mut sizes = Vec::new();
    for _ in 0..50 {
        let reading = yarn.read(&Clock::real(), false).await;
        assert_eq!(reading.nodes.unwrap().value.len(), 4_000);
        sizes.push(resident_bytes());
    }
    // A leaked answer makes every reading grow by megabytes. Other tests run in the same process, and
    // make some of them grow.
    let grew = sizes[9..]
        .windows(2)
        .filter(|pair| pair[1] > pair[0] + (1 << 20));
    assert!(grew.count() < 20, "{sizes:?}");
}

proptest::proptest! {
    #[test]
    fn no_damage_to_an_answer_makes_it_panic(at in 0_usize..2_000, byte: u8, length in 0_usize..3_000) {
        for fixture in [fixture!("metrics"), fixture!("nodes"), fixture!("apps"), fixture!("labels-scheduler"), fixture!("info-active")] {
            let mut bytes = fixture.as_bytes().to_vec();
            let at = at % bytes.len();
            bytes[at] = byte;
            bytes.truncate(length.max(at));
            let _ = serde_json::from_slice::<wire::Metrics>(&bytes);
            let _ = serde_json::from_slice::<wire::Info>(&bytes);
            let _ = serde_json::from_slice::<wire::Scheduler<wire::Queue>>(&bytes);
            let _ = serde_json::from_slice::<wire::Scheduler<queue_wire::Queue>>(&bytes);
            let _ = serde_json::from_slice::<queue_wire::RequestingApps>(&bytes);
            let nodes = serde_json::from_slice::<wire::Nodes>(&bytes).ok().and_then(|nodes| nodes.nodes);
            let apps = serde_json::from_slice::<wire::Apps>(&bytes).ok().and_then(|apps| apps.apps);
            let _ = node_snapshot::snapshot(&nodes.map(|list| list.node).unwrap_or_default(), &apps.map(|list| list.app).unwrap_or_default(), 0);
        }
    }
}
