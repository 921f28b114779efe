//! A daemon whose policy has `uses_yarn: false`.

use std::process::Command;

use headroom::daemon::clock::Clock;
use headroom::daemon::settings::{Flags, Settings};
use headroom::daemon::start::{self, StartError};
use headroom::decision::{Action, HoldReason};

use crate::faults::start_in;
use crate::logs::Log;
use crate::metrics::put_lag;
use crate::services::{Fault, Services};

const POLICY: &str = "
name: by-lag
poll: 10s
uses_yarn: false
metrics:
  lag: { namespace: MyApp, metric_name: Lag, dimensions: { Cluster: '${cluster_id}' }, period: 30s, delay: 0s }
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    reversal: 0s
    rules:
      - { name: behind, when: lag > 100, then: { grow: 5 } }
      - { name: idle, when: lag < 10, then: { shrink: 1 } }
";

/// YARN is down, and would be asked if it were read.
async fn services(lag: f64) -> Services {
    let services = Services::start().await;
    services.load().yarn = Fault::ServerError;
    put_lag(&services, lag);
    services
}

#[tokio::test]
async fn it_scales_by_the_metric_while_yarn_is_down_and_does_not_read_it() {
    let services = services(5.0).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut daemon = start_in(folder.path(), &services, POLICY, false)
        .await
        .expect("starts");
    let report = daemon.once().await.expect("a tick");
    let Action::Resize(resize) = &report.decisions[0].action else {
        panic!("{:?}", report.decisions)
    };
    assert_eq!((resize.from.get(), resize.to.get()), (4, 3));
    assert!(resize.nodes_unknown);
    assert_eq!(services.sizes_sent(), [3]);

    let sources: Vec<&str> = report
        .sources
        .iter()
        .map(|source| source.source.label())
        .collect();
    assert_eq!(sources, ["emr", "hdfs", "cloudwatch"]);
    assert!(report.sources.iter().all(|source| source.error.is_none()));
    assert_eq!(report.observation.yarn, None);
    assert_eq!(report.observation.nodes, None);
    assert!(!report.observation.control.looks_at_nodes);
    let sent = services.emr.seen("ModifyInstanceGroups")[0]["InstanceGroups"][0].clone();
    assert!(
        sent["ShrinkPolicy"].get("InstanceResizePolicy").is_none(),
        "no instance is named: {sent}"
    );
}

#[tokio::test]
async fn status_and_metrics_have_nothing_of_yarn_and_the_daemon_is_ready() {
    let services = services(50.0).await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut daemon = start_in(folder.path(), &services, POLICY, false)
        .await
        .expect("starts");
    daemon.once().await.expect("a tick");
    let monitor = daemon.monitor();
    let status = monitor.status();
    assert_eq!(status.unready, [""; 0]);
    let text = headroom::daemon::telemetry::status::text::text(&status);
    assert!(
        text.contains("YARN is not read (uses_yarn: false)") && !text.contains("yarn_load"),
        "{text}"
    );
    let metrics = monitor.scrape().expect("renders");
    let lag = "headroom_signal{signal=\"lag\",cluster_id=\"j-TEST\"} 50";
    assert!(metrics.contains(lag), "{metrics}");
    for absent in [
        "headroom_yarn_memory_bytes{",
        "headroom_nodes{",
        "signal=\"yarn_",
        "signal=\"emr_idle_seconds\"",
        "source=\"yarn_",
    ] {
        assert!(!metrics.contains(absent), "{absent} in {metrics}");
    }
}

#[tokio::test]
async fn its_journal_is_verified_and_continued_after_a_restart() {
    let services = services(5.0).await;
    let folder = tempfile::tempdir().expect("a folder");
    for expected in [3, 2] {
        let mut daemon = start_in(folder.path(), &services, POLICY, false)
            .await
            .expect("starts");
        let mut report = daemon.once().await.expect("a tick");
        // The clock of the first daemon ran faster, so that the second one starts in its past, and may see
        // the group as it was before the resize.
        for _ in 0..50 {
            if matches!(report.decisions[0].action, Action::Resize(_)) {
                break;
            }
            report = daemon.once().await.expect("a tick");
        }
        assert_eq!(
            services.sizes_sent().last(),
            Some(&expected),
            "{:?}",
            report.decisions
        );
        let mut cluster = services.emr.cluster();
        (cluster.task.running, cluster.task.state) = (cluster.task.requested, "RUNNING");
    }
    let headroom = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_headroom"))
            .args(arguments)
            .arg(folder.path().join("state/journal"))
            .output()
            .expect("runs");
        let said = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8(said).expect("UTF-8"),
        )
    };
    let (verified, said) = headroom(&["simulate", "--verify"]);
    assert!(verified, "{said}");
    let (_, said) = headroom(&["explain", "--at", "2100-01-01T00:00:00Z"]);
    assert!(!said.contains("YARN nodes"), "{said}");
    let (simulated, said) = headroom(&["simulate"]);
    assert!(
        !simulated && said.contains("cluster without YARN cannot be simulated"),
        "{said}"
    );
}

#[tokio::test]
async fn work_on_yarn_is_warned_of_at_the_start() {
    for (fault, warnings) in [(Fault::None, 1), (Fault::ServerError, 0)] {
        let log = Log::default();
        let guard = log.start();
        let services = services(50.0).await;
        services.load().yarn = fault;
        let folder = tempfile::tempdir().expect("a folder");
        start_in(folder.path(), &services, POLICY, false)
            .await
            .expect("starts");
        drop(guard);
        let lines = log.lines("WARN YARN has 1 applications with 8 containers");
        assert_eq!(lines.len(), warnings, "{fault:?}: {lines:?}");
        assert_eq!(log.lines("INFO the policy has `uses_yarn: false`").len(), 1);
    }
}

#[tokio::test]
async fn a_shadow_that_uses_yarn_makes_the_daemon_read_it_and_the_policy_ignores_it() {
    let services = services(5.0).await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("shadow.yaml"), crate::faults::POLICY).expect("writes");
    let mut daemon = start_in(folder.path(), &services, POLICY, false)
        .await
        .expect("starts");
    let report = daemon.once().await.expect("a tick");
    assert!(matches!(report.decisions[0].action, Action::Resize(_)));
    assert!(matches!(
        report.shadows[0].decisions[0].action,
        Action::Hold(HoldReason::MissingSignal { .. })
    ));
    assert_eq!(daemon.monitor().status().unready, [""; 0]);
}

#[tokio::test]
async fn a_leader_that_only_yarn_shows_is_refused() {
    let services = services(5.0).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("headroom.toml");
    std::fs::write(folder.path().join("policy.yaml"), POLICY).expect("writes");
    let toml = format!(
        "policy = 'policy.yaml'\nstate_dir = 'state'\ncluster_id = 'j-TEST'\n[yarn]\nresource_managers = ['{0}']\nlocal_resource_manager = '{0}'\n",
        services.address
    );
    std::fs::write(&file, toml).expect("writes");
    let settings = Settings::load(Some(&file), Flags::default()).expect("settings");
    let refused = start::start(&settings, &services.emr.config(), Clock::faster(20)).await;
    match refused {
        Err(error @ StartError::NoLeader) => {
            assert!(error.to_string().contains("remove the setting"), "{error}");
        }
        other => panic!("{other:?}"),
    }
}
