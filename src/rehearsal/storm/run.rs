//! Runs a script: the whole daemon in virtual time, killed and started again as the script says.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::middleware::from_fn_with_state;
use tokio::sync::Notify;

use super::faults::{Fault, Kind};
use super::history::{History, Tick};
use super::link::{Link, Side, pass};
use super::script::{CALM_FROM_S, START, Script};
use crate::daemon::clock::Stepped;
use crate::daemon::start::start;
use crate::daemon::state_dir::{self, write_pause};
use crate::daemon::telemetry::report::TickReport;
use crate::file::disk_fault;
use crate::observation::{GroupId, Pause};
use crate::rehearsal::{CLUSTER_ID, Plan, Services, SimulatedCluster, sdk_config, settings};
use crate::replay::verify::verify;
use crate::trace::journal::TraceReader;
use crate::units::{Instances, Timestamp};

/// A storm ends so long after its beginning, however it went.
const END_S: u64 = CALM_FROM_S + 7_200;
/// How long after a daemon that did not start the next try is.
const RESTART: Duration = Duration::from_secs(30);

/// Runs a storm.
pub async fn run(script: Script) -> History {
    let folder = tempfile::tempdir().expect("a folder");
    let policy = folder.path().join("policy.yaml");
    std::fs::write(&policy, script.policy_text()).expect("writes");
    let time = Stepped::starting_at(START);
    let plan = Plan {
        name: "storm".into(),
        workload: script.work(),
        scenario: script.scenario(),
        policy,
        seed: script.seed,
        speed: 1,
        at_most: None,
        listen: ([127, 0, 0, 1], 0).into(),
        state_dir: folder.path().join("state"),
    };
    let (workload, scenario) = (Arc::clone(&plan.workload), Arc::new(plan.scenario.clone()));
    let cluster = SimulatedCluster::start(workload, scenario, plan.seed, time.true_clock());
    let link = Link::new(script, cluster.expect("work that fits"), time);
    let storm = Storm {
        services: serve(&link, false).await,
        second: serve(&link, true).await,
        link,
        plan,
    };
    let (ticks, starts) = storm.live().await;
    storm.history(ticks, starts).await
}

/// Serves the cluster behind the link.
async fn serve(link: &Arc<Link>, is_second: bool) -> Services {
    let side = Side {
        link: Arc::clone(link),
        is_second,
    };
    let services =
        Services::start_behind(link.cluster.clone(), CLUSTER_ID, "storm", move |router| {
            let all = router.merge(side.link.cloudwatch.router());
            all.layer(from_fn_with_state(side, pass))
        });
    services.await.expect("a free port")
}

struct Storm {
    link: Arc<Link>,
    services: Services,
    /// Of the second ResourceManager.
    second: Services,
    plan: Plan,
}

impl Storm {
    /// Starts the daemon until the storm is over.
    async fn live(&self) -> (Vec<Tick>, Vec<(Timestamp, Option<String>)>) {
        let (mut ticks, mut starts) = (Vec::new(), Vec::new());
        while self.link.storm_s() < END_S {
            let begun = self.link.now();
            let mut settings = settings(&self.plan, self.services.url().clone());
            let managers = &mut settings.yarn.resource_managers;
            managers.push(self.second.url().clone());
            let sdk = sdk_config(&self.services);
            let started = tokio::select! {
                biased;
                () = self.link.kill.notified() => None,
                started = start(&settings, &sdk, self.link.time.clock()) => Some(started),
            };
            match started {
                None => self.revive().await,
                Some(Err(problem)) => {
                    starts.push((begun, Some(problem.to_string())));
                    self.wait(RESTART).await;
                }
                Some(Ok(daemon)) => {
                    starts.push((begun, None));
                    let over = Notify::new();
                    let on_tick = |report: &TickReport| {
                        ticks.push(Tick {
                            at: self.link.now(),
                            report: report.clone(),
                        });
                        self.set_clock();
                        self.set_pause();
                        if self.is_over(&ticks) {
                            over.notify_one();
                        }
                    };
                    tokio::select! {
                        biased;
                        () = self.link.kill.notified() => {}
                        ended = daemon.run(over.notified(), on_tick) => {
                            ended.expect("the journal can be written");
                            break;
                        }
                    }
                    self.revive().await;
                }
            }
        }
        (ticks, starts)
    }

    /// Waits until a daemon that was killed starts again.
    async fn revive(&self) {
        let now_s = self.link.storm_s();
        let killed_by = self.link.script.at(now_s).find(|fault| fault.kind.kills());
        if killed_by.is_some_and(|fault| fault.kind == Kind::CrashTornJournal) {
            let bytes = 1 + self.link.script.choose(now_s, 300) as u64;
            tear(&state_dir::journal(&self.plan.state_dir), bytes);
        }
        if killed_by.is_some_and(|fault| fault.kind == Kind::PolicyReplaced) {
            let other = self.link.script.other_policy_text();
            std::fs::write(&self.plan.policy, other).expect("writes");
        }
        let until_s = killed_by.map_or(now_s, |fault| fault.to_s);
        self.wait(Duration::from_secs((until_s - now_s).max(1)))
            .await;
    }

    async fn wait(&self, time: Duration) {
        let clock = self.link.time.true_clock();
        clock.sleep_until(clock.now() + time).await;
        self.set_clock();
        self.set_pause();
    }

    /// Sets the daemon's clock as the faults say.
    fn set_clock(&self) {
        let hour_ms = 3_600_000;
        let wanted: i64 = self
            .link
            .script
            .at(self.link.storm_s())
            .map(|fault| match fault.kind {
                Kind::ClockAhead => hour_ms,
                Kind::ClockBehind => -hour_ms,
                _ => 0,
            })
            .sum();
        let ahead = self.link.time.clock().now().as_millis() - self.link.now().as_millis();
        self.link.time.set_forward(wanted - ahead);
    }

    /// Pauses scaling while a fault says so.
    fn set_pause(&self) {
        let now_s = self.link.storm_s();
        let paused = self
            .link
            .script
            .at(now_s)
            .filter(|fault| fault.kind == Kind::Paused)
            .max_by_key(|fault| fault.to_s);
        if let Some(Fault { to_s, .. }) = paused {
            let left = Duration::from_secs(to_s - now_s);
            let pause = Pause {
                until: self.link.time.clock().now() + left,
                direction: None,
            };
            // The operator's command is not the daemon.
            disk_fault::set(None);
            write_pause(&self.plan.state_dir, &pause).expect("writes");
        }
    }

    /// Whether the storm is over: it is calm, and all groups have been at their smallest for ten ticks.
    fn is_over(&self, ticks: &[Tick]) -> bool {
        let now_s = self.link.storm_s();
        let at_rest = |tick: &Tick| {
            let mut groups = tick.report.observation.cluster.value.groups.iter();
            let rests = tick
                .report
                .observation
                .yarn
                .as_ref()
                .is_some_and(|yarn| yarn.value.apps_running + yarn.value.apps_pending == 0);
            rests
                && groups.all(|group| {
                    group.running == group.requested
                        && group.requested == self.plan.smallest(&group.id)
                })
        };
        let last = ticks.iter().rev().take(10);
        now_s >= END_S
            || (now_s > CALM_FROM_S + 300 && ticks.len() > 10 && last.clone().all(at_rest))
    }

    async fn history(self, ticks: Vec<Tick>, starts: Vec<(Timestamp, Option<String>)>) -> History {
        let asked = self.link.cluster.ask(|cluster| {
            let groups = cluster
                .groups()
                .map(|(_, status)| (status.id, status.requested));
            (groups.collect(), cluster.is_finished())
        });
        let (groups, is_finished) = asked.await.expect("runs");
        let journal = state_dir::journal(&self.plan.state_dir);
        let records = TraceReader::open(&journal).expect("a journal");
        let records = records.map(|record| record.expect("a whole record"));
        let verification = {
            let mut reader = TraceReader::open(&journal).expect("a journal");
            verify(&mut reader, || {}).expect("whole records")
        };
        let seen = std::mem::take(&mut *self.link.seen());
        History {
            script: self.link.script.clone(),
            ticks,
            calls: seen.calls,
            listed: seen.listed,
            starts,
            groups,
            is_finished,
            verification,
            records: records.collect(),
        }
    }
}

impl Plan {
    /// The size of a group when nothing runs.
    fn smallest(&self, group: &GroupId) -> Instances {
        let groups = &self.scenario.groups;
        let spec = groups.iter().find(|spec| spec.id == *group);
        spec.map_or(Instances::ZERO, |spec| spec.count)
    }
}

/// Cuts so many bytes off the newest segment of a journal.
fn tear(journal: &Path, bytes: u64) {
    let files = std::fs::read_dir(journal).expect("a journal");
    let paths = files.map(|file| file.expect("a file").path());
    let segments = paths.filter(|path| path.extension().is_some_and(|kind| kind == "jsonl"));
    let Some(newest) = segments.max() else {
        return;
    };
    let file = std::fs::OpenOptions::new().write(true).open(newest);
    let file = file.expect("opens");
    let length = file.metadata().expect("a length").len();
    file.set_len(length.saturating_sub(bytes)).expect("cuts");
}
