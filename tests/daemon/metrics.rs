//! CloudWatch answers without data points.

use std::time::Duration;

use headroom::daemon::clock::Clock;
use headroom::daemon::tick::Daemon;
use headroom::decision::{Action, HoldReason};

use crate::faults::start_in;
use crate::services::Services;

/// A policy in which either the rule that would scale in reads the metric, or only the rule that
/// could outvote it.
const SHRINKING: [&str; 2] = ["lag < 10", "yarn_memory_available_percent > 75"];

fn policy(shrinking: &str) -> String {
    format!(
        "
name: by-lag
poll: 10s
metrics:
  lag: {{ namespace: MyApp, metric_name: Lag, dimensions: {{ Cluster: '${{cluster_id}}' }}, period: 30s, delay: 0s }}
targets:
  - group: {{ role: task }}
    limits: {{ min: 0, max: 20 }}
    reversal: 0s
    rules:
      - {{ name: behind, when: lag > 100, then: {{ grow: 5 }} }}
      - {{ name: idle, when: {shrinking}, then: {{ shrink: 1 }} }}
"
    )
}

/// Makes CloudWatch answer without data points.
fn without_points(services: &Services) {
    services.cloudwatch.forget_as_of(i64::MAX);
}

/// Data points from an hour ago on, for longer than any test takes.
pub fn put_lag(services: &Services, value: f64) {
    services.cloudwatch.forget_as_of(0);
    let now_s = Clock::real().now().as_millis() / 1_000;
    for minute in -60..600 {
        for at_s in [0, 30] {
            services.cloudwatch.put(
                "MyApp",
                "Lag",
                ("Cluster", "j-TEST"),
                now_s + 60 * minute + at_s,
                value,
            );
        }
    }
}

/// Completes the in-flight resize.
fn complete(services: &Services) {
    let mut cluster = services.emr.cluster();
    (cluster.task.running, cluster.task.state) = (cluster.task.requested, "RUNNING");
}

async fn tick(daemon: &mut Daemon) -> Action {
    daemon.once().await.expect("a tick").decisions[0]
        .action
        .clone()
}

async fn sizes(daemon: &mut Daemon) -> (u32, u32) {
    match tick(daemon).await {
        Action::Resize(resize) => (resize.from.get(), resize.to.get()),
        Action::Hold(reason) => panic!("{reason}"),
    }
}

async fn holds_for_want_of_lag(daemon: &mut Daemon) {
    for _ in 0..3 {
        match tick(daemon).await {
            Action::Hold(HoldReason::MissingSignal { signal }) => assert_eq!(&*signal, "lag"),
            other => panic!("{other:?}"),
        }
    }
}

/// Ticks until the last value of the metric is stale.
async fn outlive_the_metric(daemon: &mut Daemon) {
    let outlived = async {
        while !daemon
            .once()
            .await
            .expect("a tick")
            .observation
            .metrics
            .is_empty()
        {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), outlived)
        .await
        .expect("two periods, which take three seconds here");
}

#[tokio::test]
async fn a_metric_without_data_points_shrinks_nothing_and_one_that_has_them_is_followed_at_once() {
    for shrinking in SHRINKING {
        let services = Services::start().await;
        services.load().available_percent = 90;
        let folder = tempfile::tempdir().expect("a folder");
        let mut daemon = start_in(folder.path(), &services, &policy(shrinking), false)
            .await
            .expect("starts");
        holds_for_want_of_lag(&mut daemon).await;
        assert!(
            !services.cloudwatch.asked().is_empty(),
            "CloudWatch was asked, and answered"
        );
        assert_eq!(services.sizes_sent(), [0; 0], "{shrinking}");

        put_lag(&services, 5.0);
        assert_eq!(sizes(&mut daemon).await, (4, 3), "{shrinking}");

        without_points(&services);
        outlive_the_metric(&mut daemon).await;
        complete(&services);
        holds_for_want_of_lag(&mut daemon).await;
        assert_eq!(services.sizes_sent(), [3], "{shrinking}");

        put_lag(&services, 200.0);
        assert_eq!(sizes(&mut daemon).await, (3, 8), "{shrinking}");
        assert_eq!(services.sizes_sent(), [3, 8], "{shrinking}");
    }
}
