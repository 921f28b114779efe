//! Whatever a service does: no scale-in on data that is not there, no change sent twice, a reason
//! in the decision, the loop alive.

use std::path::Path;

use headroom::daemon::clock::Clock;
use headroom::daemon::settings::{Flags, Settings};
use headroom::daemon::start::{self, StartError};
use headroom::daemon::state_dir::{remove_pause, write_pause};
use headroom::daemon::tick::Daemon;
use headroom::decision::{Action, HoldReason, Outcome};
use headroom::observation::Pause;
use headroom::units::Instances;

use crate::fake_emr::{FakeEmr, Reply};
use crate::services::{Fault, Services};

/// Acts at once on what it sees.
pub const POLICY: &str = "
name: at-once
poll: 10s
targets:
  - group: { role: task }
    limits: { min: 0, max: 20 }
    reversal: 0s
    rules:
      - name: short
        when: yarn_memory_available_percent < 15
        then: { grow: 5 }
      - name: idle
        when: yarn_memory_available_percent > 75
        then: { shrink: 1 }
";

/// A started daemon with its services.
struct Fixture {
    services: Services,
    daemon: Daemon,
    folder: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        Self::with(POLICY).await
    }

    async fn with(policy: &str) -> Self {
        let services = Services::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let daemon = start_in(folder.path(), &services, policy, false)
            .await
            .expect("starts");
        Self {
            services,
            daemon,
            folder,
        }
    }

    /// What one tick decides for the only target.
    async fn tick(&mut self) -> Action {
        let report = self.daemon.once().await.expect("a tick");
        assert_eq!(report.decisions.len(), 1);
        report.decisions[0].action.clone()
    }
}

pub async fn start_in(
    folder: &Path,
    services: &Services,
    policy: &str,
    dry_run: bool,
) -> Result<Daemon, StartError> {
    let policy_file = folder.join("policy.yaml");
    std::fs::write(&policy_file, policy).expect("writes");
    let file = folder.join("headroom.toml");
    let shadows = if folder.join("shadow.yaml").exists() {
        "['shadow.yaml']"
    } else {
        "[]"
    };
    let toml = format!(
        "policy = 'policy.yaml'\nshadow_policies = {shadows}\nstate_dir = 'state'\ncluster_id = 'j-TEST'\nlisten = 'off'\n[yarn]\nresource_managers = ['{0}']\n\
         timeout = '500ms'\n[hdfs]\nname_nodes = ['{0}']\ntimeout = '500ms'\n[aws]\ntimeout = '500ms'\ncalls_per_minute = 6000\n",
        services.address
    );
    std::fs::write(&file, toml).expect("writes");
    let settings = Settings::load(
        Some(&file),
        Flags {
            dry_run,
            ..Flags::default()
        },
    )
    .expect("settings");
    start::start(&settings, &services.emr.config(), Clock::faster(20)).await
}

fn held(reason: HoldReason) -> Action {
    Action::Hold(reason)
}

#[tokio::test]
async fn without_faults_it_grows_and_shrinks() {
    let mut fixture = Fixture::new().await;
    assert_eq!(fixture.tick().await, held(HoldReason::NoRuleFiring));
    fixture.services.load().available_percent = 5;
    let Action::Resize(grow) = fixture.tick().await else {
        panic!("a resize")
    };
    assert_eq!((grow.from.get(), grow.to.get()), (4, 9));
    {
        fixture.services.load().available_percent = 90;
        let mut cluster = fixture.services.emr.cluster();
        (cluster.task.running, cluster.task.state) = (9, "RUNNING");
    }
    let shrink = match fixture.tick().await {
        Action::Resize(shrink) => shrink,
        Action::Hold(reason) => panic!("{reason}"),
    };
    assert_eq!((shrink.from.get(), shrink.to.get()), (9, 8));
    assert_eq!(fixture.services.sizes_sent(), [9, 8]);
    let sent = fixture.services.emr.seen("ModifyInstanceGroups")[1]["InstanceGroups"][0].clone();
    assert!(
        sent.get("EC2InstanceIdsToTerminate").is_none(),
        "never: it kills at once"
    );
    let policy = &sent["ShrinkPolicy"]["InstanceResizePolicy"];
    let named = |which: &str| policy[which].as_array().cloned().unwrap_or_default();
    let (kept, gone) = (named("InstancesToProtect"), named("InstancesToTerminate"));
    assert_eq!(
        (kept.len(), &kept[0]),
        (8, &"i-task0".into()),
        "the application master, then nodes that may hold output of the application"
    );
    assert!(
        gone.len() == 1 && !kept.contains(&gone[0]),
        "an empty node: {gone:?}"
    );
}

/// Memory is idle, so that a scale-in is due, and then the ResourceManager misbehaves.
#[tokio::test]
async fn whatever_the_resource_manager_answers_nothing_is_let_go_on_data_that_is_not_there() {
    for fault in [
        Fault::Silent,
        Fault::RedirectWithoutLocation,
        Fault::RedirectLoop,
        Fault::Text,
        Fault::Truncated,
        Fault::Huge,
        Fault::FieldsMissing,
        Fault::ServerError,
    ] {
        let mut fixture = Fixture::new().await;
        fixture.tick().await;
        {
            let mut load = fixture.services.load();
            (load.available_percent, load.yarn) = (90, fault);
        }
        for _ in 0..2 {
            let Action::Hold(reason) = fixture.tick().await else {
                panic!("{fault:?}: a resize")
            };
            assert!(
                matches!(reason, HoldReason::MissingSignal { .. }),
                "{fault:?}: {reason}"
            );
        }
        fixture.services.load().yarn = Fault::None;
        let Action::Resize(shrink) = fixture.tick().await else {
            panic!("{fault:?}: the loop goes on")
        };
        assert_eq!(shrink.to.get(), 3);
        assert_eq!(fixture.services.sizes_sent(), [3], "{fault:?}");
    }
}

#[tokio::test]
async fn a_cluster_that_cannot_be_described_any_more_is_not_resized() {
    for fault in [
        Reply::Silence,
        Reply::THROTTLED,
        Reply::DENIED,
        Reply::Text(500, ""),
        Reply::Text(200, "This is standby RM. There is no active RM right now."),
        Reply::Text(200, r#"{"Cluster": {"Status": "#),
    ] {
        let mut fixture = Fixture::new().await;
        fixture.tick().await;
        fixture.services.load().available_percent = 90;
        fixture.services.emr.fail_all(fault.clone());
        // The last description holds for three polls of 10 s; the clock of the test runs twenty
        // times as fast.
        let reason = loop {
            match fixture.tick().await {
                Action::Hold(reason @ HoldReason::StaleData { .. }) => break reason,
                Action::Hold(_) | Action::Resize(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(reason.label(), "stale_data", "{fault:?}");
        assert!(fixture.services.sizes_sent().len() <= 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_change_that_was_sent_and_never_answered_is_not_sent_again_while_it_may_have_arrived() {
    let mut fixture = Fixture::new().await;
    fixture.tick().await;
    fixture.services.load().available_percent = 5;
    let lost = vec![Reply::SilenceAfterResize];
    fixture.services.emr.script("ModifyInstanceGroups", lost);
    let report = fixture.daemon.once().await.expect("a tick");
    assert_eq!(report.answers[0].outcome, Outcome::Unknown);
    fixture.services.emr.restore("ModifyInstanceGroups");
    for _ in 0..3 {
        assert_eq!(
            fixture.tick().await,
            held(HoldReason::ResizeInFlight { to: Instances(9) })
        );
    }
    assert_eq!(fixture.services.sizes_sent(), [9]);
}

#[tokio::test]
async fn a_refused_change_waits_and_says_so() {
    for (fault, label) in [
        (Reply::THROTTLED, "throttled"),
        (Reply::DENIED, "access_denied"),
        (Reply::NOT_MODIFIABLE, "not_modifiable"),
    ] {
        let mut fixture = Fixture::new().await;
        fixture.services.load().available_percent = 5;
        let replies = vec![fault.clone()];
        fixture.services.emr.script("ModifyInstanceGroups", replies);
        let report = fixture.daemon.once().await.expect("a tick");
        assert_eq!(report.answers[0].outcome.label(), label);
        let Action::Hold(reason) = fixture.tick().await else {
            panic!("{fault:?}: sent again at once")
        };
        assert_eq!(reason.label(), "call_rejected");
        assert_eq!(fixture.services.sizes_sent().len(), 1, "{fault:?}");
    }
}

#[tokio::test]
async fn groups_and_clusters_in_states_that_take_no_resize_are_left_alone() {
    for (cluster, group, expected) in [
        ("TERMINATING", "RUNNING", "cluster_not_ready"),
        ("WAITING", "ARRESTED", "group_not_ready"),
        ("WAITING", "RECONFIGURING", "group_not_ready"),
    ] {
        let mut fixture = Fixture::new().await;
        {
            fixture.services.load().available_percent = 5;
            let mut described = fixture.services.emr.cluster();
            (described.state, described.task.state) = (cluster, group);
        }
        let Action::Hold(reason) = fixture.tick().await else {
            panic!("{cluster} {group}: a resize")
        };
        assert_eq!(reason.label(), expected);
        assert!(fixture.services.sizes_sent().is_empty());
    }
}

#[tokio::test]
async fn provisioning_that_never_completes_is_given_up_and_growth_is_quarantined() {
    let policy = POLICY.replace(
        "    rules:",
        "    provisioning: { timeout: 30s, quarantine: 10m }\n    rules:",
    );
    let mut fixture = Fixture::with(&policy).await;
    fixture.services.load().available_percent = 5;
    assert!(matches!(fixture.tick().await, Action::Resize(_)));
    let reason = loop {
        match fixture.tick().await {
            Action::Hold(HoldReason::ResizeInFlight { .. }) => {}
            Action::Hold(reason) => break reason,
            Action::Resize(resize) => panic!("{resize}"),
        }
    };
    assert_eq!(reason.label(), "quarantined");
    assert_eq!(fixture.services.sizes_sent(), [9]);
}

#[tokio::test]
async fn a_dry_run_decides_again_and_again_and_calls_nothing() {
    let services = Services::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let mut daemon = start_in(folder.path(), &services, POLICY, true)
        .await
        .expect("starts");
    services.load().available_percent = 5;
    for _ in 0..3 {
        let report = daemon.once().await.expect("a tick");
        assert!(matches!(report.decisions[0].action, Action::Resize(_)));
        assert_eq!(report.answers[0].outcome, Outcome::NotSent);
    }
    assert!(services.sizes_sent().is_empty());
}

#[tokio::test]
async fn a_start_that_cannot_work_fails_and_says_what_to_do() {
    type Prepare = fn(&FakeEmr);
    let cases: [(Prepare, &str, &str); 5] = [
        (
            |emr| emr.fail_all(Reply::DENIED),
            POLICY,
            "grant `elasticmapreduce:DescribeCluster`",
        ),
        (
            |emr| emr.cluster().state = "TERMINATED",
            POLICY,
            "is TERMINATED",
        ),
        (
            |emr| emr.cluster().auto_scaling = true,
            POLICY,
            "remove-auto-scaling-policy",
        ),
        (
            |_| {},
            "name: p\ntargets:\n  - group: { name: nowhere }\n    limits: { min: 0, max: 2 }\n",
            "matches no group",
        ),
        (
            |_| {},
            "name: p\ntargets:\n  - group: { role: worker }\n",
            "worker",
        ),
    ];
    for (prepare, policy, expected) in cases {
        let services = Services::start().await;
        prepare(&services.emr);
        let folder = tempfile::tempdir().expect("a folder");
        let error = start_in(folder.path(), &services, policy, false)
            .await
            .expect_err(expected)
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_pause_holds_and_a_second_daemon_is_kept_out() {
    let mut fixture = Fixture::new().await;
    fixture.services.load().available_percent = 5;
    let state = fixture.folder.path().join("state");
    let until = Clock::real().now() + std::time::Duration::from_secs(3_600);
    write_pause(
        &state,
        &Pause {
            until,
            direction: None,
        },
    )
    .expect("writes");
    assert_eq!(fixture.tick().await, held(HoldReason::Paused { until }));
    let second = start_in(fixture.folder.path(), &fixture.services, POLICY, false)
        .await
        .expect_err("in use");
    assert!(second.to_string().contains("another daemon"), "{second}");
    remove_pause(&state).expect("removes");
    assert!(matches!(fixture.tick().await, Action::Resize(_)));
}

#[tokio::test]
async fn an_operators_resize_is_respected() {
    let mut fixture = Fixture::new().await;
    fixture.tick().await;
    {
        fixture.services.load().available_percent = 5;
        let mut cluster = fixture.services.emr.cluster();
        (cluster.task.requested, cluster.task.running) = (7, 7);
    }
    let Action::Hold(reason) = fixture.tick().await else {
        panic!("a resize")
    };
    assert_eq!(reason.label(), "yielding_to_operator");
}

#[tokio::test]
async fn memory_is_counted_over_all_partitions_or_not_at_all() {
    let mut fixture = Fixture::new().await;
    {
        let mut load = fixture.services.load();
        (load.available_percent, load.labels) = (90, true);
    }
    // Labels are on, and what is pending in each partition cannot be had.
    let Action::Hold(reason) = fixture.tick().await else {
        panic!("a resize")
    };
    assert_eq!(reason.label(), "missing_signal");
    assert!(fixture.services.sizes_sent().is_empty());
}

#[tokio::test]
async fn a_shadow_says_what_it_would_do_and_takes_our_resizes_for_nobody_elses() {
    let services = Services::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("shadow.yaml"),
        POLICY
            .replace("grow: 5", "grow: 2")
            .replace("at-once", "small-steps"),
    )
    .expect("writes");
    let mut daemon = start_in(folder.path(), &services, POLICY, false)
        .await
        .expect("starts");
    services.load().available_percent = 5;
    let report = daemon.once().await.expect("a tick");
    let Action::Resize(shadow) = &report.shadows[0].decisions[0].action else {
        panic!("the shadow would grow")
    };
    assert_eq!((shadow.from.get(), shadow.to.get()), (4, 6));
    let report = daemon.once().await.expect("a tick");
    assert_eq!(
        report.shadows[0].decisions[0].action,
        held(HoldReason::ResizeInFlight { to: Instances(9) })
    );
    assert_eq!(services.sizes_sent(), [9]);
}
