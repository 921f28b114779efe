//! The link between the daemon and the simulated cluster, on which faults happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::sync::Notify;

use super::answers;
use super::faults::{Fault, Kind};
use super::script::{START, Script, TASK_LIMITS};
use crate::daemon::clock::Stepped;
use crate::daemon::sources::cloudwatch::testing::FakeCloudWatch;
use crate::file::disk_fault;
use crate::observation::{GroupId, InstanceId};
use crate::rehearsal::CLUSTER_ID;
use crate::rehearsal::simulated::SimulatedCluster;
use crate::sim::stepped_cluster::{InstanceState, Master, SteppedCluster};
use crate::units::{Instances, Timestamp};

/// How much later than its call a late resize takes effect.
const LATE: Duration = Duration::from_secs(40);

/// One of the two ResourceManagers, with the link to it. The first also serves HDFS, EMR and CloudWatch.
#[derive(Clone)]
pub struct Side {
    pub link: Arc<Link>,
    pub is_second: bool,
}

/// The link of one storm.
pub struct Link {
    pub script: Script,
    pub cluster: SimulatedCluster,
    pub time: Stepped,
    /// Told when the daemon is to be killed.
    pub kill: Notify,
    pub cloudwatch: FakeCloudWatch,
    seen: Mutex<Seen>,
}

/// What happened on the link.
#[derive(Debug, Default)]
pub struct Seen {
    pub calls: Vec<Call>,
    /// When the groups were listed as they were.
    pub listed: Vec<Timestamp>,
    /// Faults that happen once and have happened, by their position.
    done: BTreeSet<usize>,
    /// The first answers of faults that repeat them, by the fault and the request.
    repeated: BTreeMap<(usize, String), Bytes>,
    late: Vec<(Timestamp, Call)>,
    /// The minutes of the storm that CloudWatch has.
    minutes: u64,
}

/// A resize that the daemon asked EMR for.
#[derive(Clone, Debug)]
pub struct Call {
    /// The true time.
    pub at: Timestamp,
    pub group: GroupId,
    pub from: Instances,
    pub running: Instances,
    pub to: Instances,
    pub protect: Vec<InstanceId>,
    pub prefer: Vec<InstanceId>,
    /// The instances of the group that really run an application master.
    pub masters: BTreeSet<InstanceId>,
    pub answer: Answer,
}

/// What the daemon was told about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted,
    Refused,
    None,
}

impl Link {
    pub fn new(script: Script, cluster: SimulatedCluster, time: Stepped) -> Arc<Self> {
        Arc::new(Self {
            script,
            cluster,
            time,
            kill: Notify::new(),
            cloudwatch: FakeCloudWatch::at(([127, 0, 0, 1], 0).into()),
            seen: Mutex::default(),
        })
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics in between")
    }

    /// The seconds since the beginning of the storm, in truth.
    pub fn storm_s(&self) -> u64 {
        self.now().since(START).as_secs()
    }

    pub fn now(&self) -> Timestamp {
        self.time.true_clock().now()
    }

    /// The fault of this kind that is there now, with its position.
    fn fault(&self, kind: Kind) -> Option<(usize, Fault)> {
        let now_s = self.storm_s();
        let faults = self.script.faults.iter().copied().enumerate();
        let mut now = faults.filter(|(_, fault)| fault.is_at(now_s));
        now.find(|(_, fault)| fault.kind == kind)
    }

    fn has(&self, kind: Kind) -> bool {
        self.fault(kind).is_some()
    }

    /// Whether this fault happens now and has not happened yet.
    fn happens_once(&self, kind: Kind) -> bool {
        let fault = self.fault(kind);
        fault.is_some_and(|(position, _)| self.seen().done.insert(position))
    }

    /// Does what is due: resizes that arrive late, and those of an operator. The disk fails or works, and CloudWatch
    /// has what was measured.
    async fn catch_up(&self) {
        let of_disk = self.script.at(self.storm_s());
        disk_fault::set(of_disk.filter_map(|fault| fault.kind.of_disk()).last());
        self.measure();
        let due: Vec<Call> = {
            let mut seen = self.seen();
            let now = self.now();
            let (due, late) = seen.late.drain(..).partition(|(at, _)| *at <= now);
            seen.late = late;
            due.into_iter().map(|(_, call)| call).collect()
        };
        for call in due {
            self.resize(&call).await;
        }
        if self.happens_once(Kind::OperatorResizes) {
            let sizes = 1 + (TASK_LIMITS.1 + 2) as usize;
            let to = Instances(self.script.choose(self.storm_s(), sizes) as u32);
            let resized = self
                .cluster
                .ask(move |cluster| cluster.resize(&GroupId::new("ig-task"), to, &[], &[]));
            resized.await.expect("runs").expect("a group");
        }
    }

    /// Gives CloudWatch the minutes since the last time.
    fn measure(&self) {
        let minutes = std::mem::replace(&mut self.seen().minutes, self.storm_s() / 60);
        for minute in minutes..self.storm_s() / 60 {
            if let Some(value) = self.script.metric(minute) {
                let at_s = START.as_millis() / 1_000 + 60 * minute as i64;
                let cluster = ("JobFlowId", CLUSTER_ID);
                self.cloudwatch.put("Storm", "Depth", cluster, at_s, value);
            }
        }
    }

    async fn resize(&self, call: &Call) {
        let call = call.clone();
        let resized = self
            .cluster
            .ask(move |cluster| cluster.resize(&call.group, call.to, &call.protect, &call.prefer));
        resized.await.expect("runs").expect("a group");
    }

    /// Kills the daemon: what it asked is never answered.
    async fn kill(&self) -> Response {
        self.kill.notify_one();
        std::future::pending().await
    }
}

/// Passes a request on, or not, and changes the answer.
pub async fn pass(State(side): State<Side>, request: Request, next: Next) -> Response {
    let link = &side.link;
    link.catch_up().await;
    let kills = [Kind::Crash, Kind::CrashTornJournal, Kind::PolicyReplaced];
    if kills.into_iter().any(|kind| link.happens_once(kind)) {
        return link.kill().await;
    }
    if request.uri().path().starts_with("/service/") {
        if link.has(Kind::MetricsDown) {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, usize::MAX).await.expect("a body");
    let target = parts.headers.get("x-amz-target");
    let operation = target
        .and_then(|target| target.to_str().ok()?.strip_prefix("ElasticMapReduce."))
        .map(str::to_owned);
    let uri = parts.uri.to_string();
    let request = Request::from_parts(parts, Body::from(body.clone()));
    match operation.as_deref() {
        Some("ModifyInstanceGroups") => link.modify(&body, request, next).await,
        Some(operation) => {
            let what = format!("{operation} {}", String::from_utf8_lossy(&body));
            let answer = whole(next.run(request).await).await;
            link.read_emr(operation, what, answer)
        }
        None => {
            let answer = whole(next.run(request).await).await;
            side.read_hadoop(uri, answer)
        }
    }
}

/// An answer with its whole body.
pub struct Whole {
    pub status: StatusCode,
    pub media_type: &'static str,
    pub body: Bytes,
}

async fn whole(answer: Response) -> Whole {
    let status = answer.status();
    let is_json_1_1 = (answer.headers().get(header::CONTENT_TYPE))
        .is_some_and(|kind| kind == "application/x-amz-json-1.1");
    Whole {
        status,
        media_type: if is_json_1_1 {
            "application/x-amz-json-1.1"
        } else {
            "application/json"
        },
        body: to_bytes(answer.into_body(), usize::MAX)
            .await
            .expect("a body"),
    }
}

impl IntoResponse for Whole {
    fn into_response(self) -> Response {
        let media_type = [(header::CONTENT_TYPE, self.media_type)];
        (self.status, media_type, self.body).into_response()
    }
}

impl Side {
    fn read_hadoop(&self, uri: String, answer: Whole) -> Response {
        let link = &self.link;
        let now_s = link.storm_s();
        let mut answer = if self.is_second {
            answers::of_second(&uri, answer)
        } else {
            answer
        };
        let of_hdfs = uri.starts_with("/jmx");
        for (position, fault) in link.script.faults.iter().enumerate() {
            if !fault.is_at(now_s) {
                continue;
            }
            if fault.kind == Kind::YarnStuck && !of_hdfs {
                let mut seen = link.seen();
                let what = format!("{uri} {}", self.is_second);
                let first = seen.repeated.entry((position, what));
                answer.body = first.or_insert(answer.body).clone();
            } else {
                let choose = |count| link.script.choose(fault.from_s, count);
                answer = answers::hadoop(fault.kind, &uri, answer, &choose);
            }
        }
        let is_other = self.is_second != link.has(Kind::YarnFailover);
        if is_other && link.has(Kind::YarnTwoActive) {
            answer = answers::hadoop(Kind::YarnRestarted, &uri, answer, &|_| 0);
        } else if is_other {
            answer = answers::hadoop(Kind::YarnStandby, &uri, answer, &|_| 0);
        }
        answer.into_response()
    }
}

impl Link {
    fn read_emr(&self, operation: &str, what: String, answer: Whole) -> Response {
        let now_s = self.storm_s();
        let mut answer = answer;
        let mut is_true = operation == "ListInstanceGroups";
        for (position, fault) in self.script.faults.iter().enumerate() {
            if !fault.is_at(now_s) {
                continue;
            }
            is_true &= !fault.kind.hides_groups();
            if fault.kind == Kind::EmrStale {
                let mut seen = self.seen();
                let first = seen.repeated.entry((position, what.clone()));
                answer.body = first.or_insert(answer.body).clone();
            } else {
                answer = answers::emr(fault.kind, operation, answer);
            }
        }
        if is_true {
            let now = self.now();
            self.seen().listed.push(now);
        }
        answer.into_response()
    }

    async fn modify(&self, body: &[u8], request: Request, next: Next) -> Response {
        let mut call = self.called(body).await;
        let crashes_before = self.happens_once(Kind::CrashBeforeCall);
        let refusal = [Kind::CallThrottled, Kind::CallDenied, Kind::CallRefused]
            .into_iter()
            .find(|kind| self.has(*kind));
        let is_lost = self.has(Kind::CallLost);
        let is_late = self.has(Kind::CallLate);
        call.answer = if refusal.is_some() {
            Answer::Refused
        } else if crashes_before || is_lost || is_late || self.has(Kind::AnswerLost) {
            Answer::None
        } else {
            Answer::Accepted
        };
        let crashes_after = !crashes_before && self.happens_once(Kind::CrashAfterCall);
        if crashes_after && call.answer == Answer::Accepted {
            call.answer = Answer::None;
        }
        {
            let now = self.now();
            let mut seen = self.seen();
            if is_late && refusal.is_none() && !crashes_before {
                seen.late.push((now + LATE, call.clone()));
            }
            seen.calls.push(call);
        }
        if crashes_before {
            return self.kill().await;
        }
        if let Some(kind) = refusal {
            return answers::refused(kind).into_response();
        }
        let answer = if is_lost || is_late {
            answers::failed()
        } else {
            let answer = whole(next.run(request).await).await;
            assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
            if self.has(Kind::AnswerLost) {
                answers::failed()
            } else {
                answer
            }
        };
        if crashes_after {
            return self.kill().await;
        }
        answer.into_response()
    }

    /// What a call asks, and what is so when it comes.
    async fn called(&self, body: &[u8]) -> Call {
        let body: Value = serde_json::from_slice(body).expect("the SDK writes JSON");
        let asked = &body["InstanceGroups"][0];
        let ids = |name: &str| -> Vec<InstanceId> {
            let ids = asked["ShrinkPolicy"]["InstanceResizePolicy"][name].as_array();
            let ids = ids.into_iter().flatten().filter_map(Value::as_str);
            ids.map(InstanceId::new).collect()
        };
        let group = GroupId::new(asked["InstanceGroupId"].as_str().expect("a group"));
        let (protect, prefer) = (ids("InstancesToProtect"), ids("InstancesToTerminate"));
        let to = Instances(asked["InstanceCount"].as_u64().expect("a size") as u32);
        let wanted = group.clone();
        let asked_of = move |cluster: &mut SteppedCluster<'_>| {
            let (_, status) = cluster
                .groups()
                .find(|(_, status)| status.id == wanted)
                .expect("it is asked of a group that there is");
            let of_group: BTreeSet<InstanceId> = (cluster.instances())
                .filter(|instance| instance.group == wanted)
                // One that is about to go takes its master with it, whatever is asked.
                .filter(|instance| instance.state == InstanceState::Running)
                .map(|instance| instance.id)
                .collect();
            let applications = cluster.applications().into_iter();
            let masters = applications.filter_map(|application| match application.master {
                Master::On(instance) => Some(instance),
                Master::None | Master::Waiting => None,
            });
            let masters = masters.filter(|instance| of_group.contains(instance));
            (status.requested, status.running, masters.collect())
        };
        let (from, running, masters) = self.cluster.ask(asked_of).await.expect("runs");
        Call {
            at: self.now(),
            group,
            from,
            running,
            to,
            protect,
            prefer,
            masters,
            answer: Answer::None,
        }
    }
}
