//! A daemon that follows the demand of Spark applications which say what is left to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use headroom::decision::{Action, Cause, Decision, DemandReport, HoldReason, KnownWorkReport};
use headroom::decision::{Limiter, Resize};
use headroom::observation::pending_limit::LimitedBy;
use headroom::observation::work::WorkOrReason;
use headroom::units::Timestamp;
use serde_json::Value;

use crate::parts::daemon::{Extra, Headroom, headroom};
use crate::parts::event_log::EventLog;
use crate::parts::fleet::{FleetKeeper, Nodes};
use crate::parts::moto::{Moto, Wishes};
use crate::parts::spark_on_yarn::SparkApplication;
use crate::parts::yarn::{LIMITED_QUEUE, NodeSize, YarnCluster};
use crate::parts::{eventually, seconds};

/// Exactly the room for an application master and five executors of [`application`]. A quarter of it,
/// which the limited queue may have, is a master and one executor.
const NODE: NodeSize = NodeSize {
    memory_mib: 16_384,
    vcores: 16,
};
/// Room for two executors, beside an application master or not.
const SMALL_NODE: NodeSize = NodeSize {
    memory_mib: 8_192,
    vcores: 8,
};
/// Of one application on one [`NODE`]: executors, and tasks at the same time.
const EXECUTORS_OF_A_NODE: u32 = 5;
const SLOTS_OF_A_NODE: u32 = 15;
/// The index unless a policy says something else.
const DEFAULT_INDEX: u32 = 50;
/// The task group's maximum: with the core node, the limited queue may have one node of four.
const MAX: u32 = 3;
/// Most of it is for a machine under load. A scale-in of one unit alone waits for four minutes until it is worth a call.
const WAIT: Duration = seconds(600);
/// A driver on a machine under load answers late. One that does not answer in time is unknown, and its
/// backlog then counts as any other.
const PATIENT: &str = "[work]\ntimeout = \"30s\"\n";
/// Asks no application.
const ASKS_NONE: &str = "[work]\napplications = 0\n";

/// A cluster of one core node and an empty task group.
struct Parts {
    yarn: Arc<YarnCluster>,
    moto: Arc<Moto>,
    keeper: FleetKeeper,
}

impl Parts {
    /// Starts it with so many task nodes.
    async fn start(task_nodes: u32, size: NodeSize) -> Self {
        let (yarn, moto) = (
            Arc::new(YarnCluster::start().await),
            Arc::new(Moto::start(1).await),
        );
        moto.resize(&moto.task.id, task_nodes, &Wishes::default())
            .await;
        let nodes = Nodes {
            size,
            provisioning: seconds(1),
            // An application would lose the executors that it has there.
            decommission_timeout: seconds(5),
        };
        let keeper = FleetKeeper::start_with(&yarn, &moto, nodes);
        yarn.active(1 + task_nodes).await;
        Self { yarn, moto, keeper }
    }

    /// Starts a daemon that follows demand.
    async fn daemon(&self, index: u32, dry_run: bool, settings: &'static str) -> Headroom {
        let policy = format!(
            "\
name: follows-known-work
poll: 5s
demand: {{ min: 0, max: {MAX}, performance_index: {index} }}
targets:
  - group: {{ role: task }}
"
        );
        let extra = Extra {
            dry_run,
            settings,
            ..Extra::default()
        };
        let mut daemon = Headroom::launch(&self.yarn, &self.moto, &policy, &extra);
        daemon.ready().await;
        daemon
    }

    /// Submits an application, and returns its id once YARN has accepted it.
    async fn submit(&self, application: &SparkApplication) -> String {
        let mut submitted = self.yarn.submit_spark(application);
        let name = &application.name;
        let accepted = self.yarn.accepted_spark(name, &mut submitted).await;
        // In cluster mode, this process has nothing to do any more.
        eventually(&format!("{name} is submitted"), WAIT, async || {
            submitted.success().filter(|success| *success)
        })
        .await;
        accepted.id
    }

    fn gate(&self, name: &str) -> PathBuf {
        self.yarn.folder().join(format!("gate-{name}"))
    }

    fn open(&self, name: &str) {
        fs::write(self.gate(name), "").expect("writes");
    }

    async fn requested(&self) -> usize {
        self.moto.requested(&self.moto.task.id).await
    }

    async fn succeeds(&self, id: &str) {
        let ended = self.yarn.finished(id, WAIT.as_secs()).await;
        assert_eq!(ended.final_status, "SUCCEEDED", "{ended:?}");
    }

    async fn stop(self, daemon: Headroom) {
        verify(daemon).await;
        self.keeper.stop().await;
    }
}

/// Stops a daemon, and checks that its journal gives the same decisions again.
async fn verify(mut daemon: Headroom) {
    daemon.stop().await;
    let journal = daemon.journal().display().to_string();
    headroom(&["simulate", "--verify", &journal]);
}

/// An application that waits for its gate before it needs anything, so that the daemon knows its driver by
/// then: so many tasks of 20 seconds.
fn application(parts: &Parts, name: &str, tasks: u32) -> SparkApplication {
    of_three_cores(SparkApplication::new(name, "gated"))
        .numbers(&[("tasks", tasks), ("task_s", 20)])
        .until(&parts.gate(name))
}

/// Executors of 3 GiB, as YARN rounds it, and three cores.
fn of_three_cores(application: SparkApplication) -> SparkApplication {
    let application = application.setting("spark.executor.memory", "2600m");
    application.setting("spark.executor.cores", "3")
}

/// More tasks than one node runs within the 400 seconds that new nodes are believed to take at first.
fn lasting(parts: &Parts, name: &str) -> SparkApplication {
    application(parts, name, 40 * SLOTS_OF_A_NODE)
}

/// Waits until the daemon has read what an application says.
async fn until_known(daemon: &Headroom, name: &str) {
    eventually(&format!("{name} is known"), WAIT, async || {
        let last = daemon.observations().pop()?.work?.value;
        let mut applications = last.applications.into_iter();
        let application = applications.find(|one| &*one.name == name)?;
        matches!(application.work, WorkOrReason::Known(_)).then_some(())
    })
    .await;
}

/// The demand of a decision, and what is known of the work.
fn known(decision: &Decision) -> Option<(&DemandReport, &KnownWorkReport)> {
    let demand = decision.demand.as_deref()?;
    Some((demand, demand.known.as_ref()?))
}

fn resize(decision: &Decision) -> Option<&Resize> {
    match &decision.action {
        Action::Resize(resize) => Some(resize),
        Action::Hold(_) => None,
    }
}

/// Waits until the daemon has decided so often about what `is_meant`, and returns these decisions.
async fn decided(
    daemon: &Headroom,
    what: &str,
    count: usize,
    is_meant: impl Fn(&Decision) -> bool,
) -> Vec<Decision> {
    eventually(what, WAIT, async || {
        let decisions = daemon.decisions().into_iter();
        let meant: Vec<Decision> = decisions.filter(&is_meant).collect();
        (meant.len() >= count).then_some(meant)
    })
    .await
}

/// The first resize of a daemon.
async fn first_resize(daemon: &Headroom) -> (Decision, Resize) {
    let mut decisions = decided(daemon, "a resize", 1, |one| resize(one).is_some()).await;
    let decision = decisions.remove(0);
    let resize = resize(&decision).expect("it is one").clone();
    (decision, resize)
}

/// Checks that nothing was resized so far.
async fn assert_nothing_bought(parts: &Parts, daemon: &Headroom) {
    let decisions = daemon.decisions();
    let resized = decisions.iter().find(|one| resize(one).is_some());
    assert!(resized.is_none(), "{resized:#?}");
    assert_eq!(parts.requested().await, 0);
}

#[tokio::test]
async fn work_that_is_over_before_nodes_would_come_buys_nothing_and_work_that_lasts_grows_the_cluster()
 {
    let parts = Parts::start(0, NODE).await;
    let daemon = parts.daemon(DEFAULT_INDEX, false, PATIENT).await;
    let asks_none = parts.daemon(DEFAULT_INDEX, true, ASKS_NONE).await;
    // So much more than one node can run at a time that two are missing: for a single one, a daemon that knows
    // nothing of the work waits a while, too.
    let drains = application(&parts, "drains", 40);
    let (drains, lasts) = (
        parts.submit(&drains).await,
        parts.submit(&lasting(&parts, "lasts")).await,
    );
    until_known(&daemon, "drains").await;
    until_known(&daemon, "lasts").await;

    parts.open("drains");
    parts.succeeds(&drains).await;
    assert_nothing_bought(&parts, &daemon).await;
    let waits = |decision: &Decision| {
        known(decision).is_some_and(|(demand, known)| {
            demand.units_pending > 0.0 && known.task_s_remaining > 0.0
        })
    };
    for decision in decided(&daemon, "tasks that wait", 2, waits).await {
        let (demand, known) = known(&decision).expect("it is known");
        assert!(
            known
                .done_s
                .is_some_and(|done_s| done_s < demand.provisioning_s),
            "{known:?}"
        );
        assert_eq!(known.units_best, 1, "{known:?}");
    }
    // The same backlog at the same time, of which nothing else was known.
    let (decision, resize) = first_resize(&asks_none).await;
    assert!(
        (resize.from.get(), resize.to.get() > 0) == (0, true),
        "{resize:?}"
    );
    assert!(known(&decision).is_none(), "{decision:?}");
    verify(asks_none).await;

    parts.open("lasts");
    let (decision, resize) = first_resize(&daemon).await;
    let (demand, known) = known(&decision).expect("it is known");
    assert!(
        known
            .done_s
            .is_none_or(|done_s| done_s > demand.provisioning_s)
            && known.units_best > known.units_committed,
        "{known:?}"
    );
    assert!(
        demand.to_string().contains("units are worth their cost"),
        "{demand}"
    );
    assert_eq!((resize.from.get(), &resize.because), (0, &Cause::Demand));
    eventually("moto is asked", WAIT, async || {
        (parts.requested().await == resize.to.get() as usize).then_some(())
    })
    .await;
    // It has use for what was bought.
    let core = &parts.moto.core.instances[0].private_dns_name;
    eventually("executors run on a new node", WAIT, async || {
        let hosts = parts.yarn.started_containers(&lasts).await;
        hosts.iter().any(|host| host != core).then_some(())
    })
    .await;
    parts.stop(daemon).await;
}

#[tokio::test]
async fn work_that_max_executors_or_a_queue_caps_does_not_grow_the_cluster_and_the_same_without_a_cap_does()
 {
    let parts = Parts::start(0, NODE).await;
    let daemon = parts.daemon(DEFAULT_INDEX, false, PATIENT).await;
    let most = EXECUTORS_OF_A_NODE.to_string();
    let capped = lasting(&parts, "capped").setting("spark.dynamicAllocation.maxExecutors", &most);
    let queued = lasting(&parts, "queued").queue(LIMITED_QUEUE);

    let capped = parts.submit(&capped).await;
    until_known(&daemon, "capped").await;
    parts.open("capped");
    let at_work = |decision: &Decision| {
        known(decision).is_some_and(|(_, known)| {
            known.task_s_remaining > 0.0 && known.executors_held == Some(EXECUTORS_OF_A_NODE.into())
        })
    };
    let at_work = decided(&daemon, "work up to the cap", 4, at_work).await;
    assert_nothing_bought(&parts, &daemon).await;
    let mut explained = 0;
    for decision in at_work {
        let (demand, known) = known(&decision).expect("it is known");
        // It lasts long enough for new nodes, and could use them but for its own limit.
        let lasts = |done_s| done_s > demand.provisioning_s;
        assert!(known.done_s.is_none_or(lasts), "{known:?}");
        assert_eq!(known.units_best, 1, "{known:?}");
        let explanation = demand.to_string();
        explained += usize::from(explanation.contains("this work can use no more units"));
    }
    // A reading while tasks follow each other can show more of them than run at a time.
    assert!(explained > 0, "the explanation never names the limit");
    assert_nothing_bought(&parts, &daemon).await;
    parts.yarn.kill_application(&capped).await;

    let queued = parts.submit(&queued).await;
    until_known(&daemon, "queued").await;
    parts.open("queued");
    let is_held_back = |decision: &Decision| {
        let held_back = decision.demand.iter().flat_map(|demand| &demand.held_back);
        let mut limits = held_back.map(|held_back| &held_back.by);
        limits
            .any(|by| matches!(by, LimitedBy::QueueMaximum { queue } if **queue == *LIMITED_QUEUE))
    };
    decided(&daemon, "work held back by the queue", 4, is_held_back).await;
    assert_nothing_bought(&parts, &daemon).await;
    parts.yarn.kill_application(&queued).await;

    parts.submit(&lasting(&parts, "free")).await;
    until_known(&daemon, "free").await;
    parts.open("free");
    let (decision, _) = first_resize(&daemon).await;
    let (_, known) = known(&decision).expect("it is known");
    assert!(known.units_best > known.units_committed, "{known:?}");
    parts.stop(daemon).await;
}

/// An index at which the cluster should be smaller than what executors hold.
const THRIFTY_INDEX: u32 = 38;

#[tokio::test]
async fn a_scale_in_beside_a_shuffle_causes_no_failed_fetch_and_no_stage_that_runs_again() {
    let parts = Parts::start(2, SMALL_NODE).await;
    // All three nodes have executors, and output.
    let shuffles = of_three_cores(SparkApplication::new("shuffles", "read_again"))
        .numbers(&[("wide", 30), ("parts", 6), ("narrow", 2), ("last", 4)])
        .until(&parts.gate("shuffles"))
        .executors(5)
        .setting("spark.scheduler.minRegisteredResourcesRatio", "1.0")
        .setting("spark.scheduler.maxRegisteredResourcesWaitingTime", "300s");
    let id = parts.submit(&shuffles).await;
    let hosts = eventually("output on three nodes", WAIT, async || {
        let log = EventLog::read(&parts.yarn.event_log(&id)?);
        let hosts = log
            .hosts_with_output(Timestamp::from_millis(i64::MAX))
            .into_iter();
        let hosts: BTreeSet<String> = hosts.map(str::to_owned).collect();
        (hosts.len() == 3).then_some(hosts)
    })
    .await;
    // Two more come, on which nothing runs.
    let moto = &parts.moto;
    moto.resize(&moto.task.id, 4, &Wishes::default()).await;
    parts.yarn.active(5).await;

    let daemon = parts.daemon(THRIFTY_INDEX, false, PATIENT).await;
    eventually("the empty nodes are gone", WAIT, async || {
        let left: BTreeSet<String> = parts
            .yarn
            .nodes()
            .await
            .into_iter()
            .map(|node| node.host)
            .collect();
        assert!(left.is_superset(&hosts), "{left:?} of {hosts:?}");
        (left == hosts && parts.requested().await == 2).then_some(())
    })
    .await;
    // It would let another one go, if that stored no output.
    let is_kept = |decision: &Decision| {
        matches!(
            decision.action,
            Action::Hold(HoldReason::AtLimit { limiter: Limiter::ShuffleOutput, size, .. }) if size.get() == 2
        )
    };
    decided(&daemon, "output keeps a node", 2, is_kept).await;
    parts.open("shuffles");
    parts.succeeds(&id).await;
    assert_nothing_ran_again(&parts.yarn.whole_event_log(&id).await, 30 + 2 + 6 + 4);
    // It has not been kept for longer than it was needed.
    eventually("the task group is empty", WAIT, async || {
        (parts.requested().await == 0).then_some(())
    })
    .await;
    parts.stop(daemon).await;
}

/// Checks in a whole event log that no task failed, no stage ran twice, and as many tasks ran as the
/// stages have.
fn assert_nothing_ran_again(log: &Path, tasks: usize) {
    let text = fs::read_to_string(log).expect("a log");
    let events = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let (mut ended, mut completed) = (0, BTreeSet::new());
    for event in events {
        match event["Event"].as_str().unwrap_or_default() {
            "SparkListenerTaskEnd" => {
                assert_eq!(event["Task End Reason"]["Reason"], "Success", "{event}");
                assert_eq!(event["Stage Attempt ID"], 0, "{event}");
                ended += 1;
            }
            "SparkListenerStageCompleted" => {
                let info = &event["Stage Info"];
                assert_eq!(info["Stage Attempt ID"], 0, "{event}");
                assert!(info["Failure Reason"].is_null(), "{event}");
                completed.insert(info["Stage ID"].as_u64());
            }
            _ => {}
        }
    }
    assert_eq!((ended, completed.len()), (tasks, 3));
}
