use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::daemon::sources::emr::testing::{CLUSTER, FakeEmr, Reply, config, settings};
use crate::decision::Cause;
use crate::observation::Role;
use crate::units::Timestamp;

fn group(id: &str, requested: u32, running: u32) -> GroupStatus {
    let (kind, market) = match id.split_once('/') {
        Some((_, "spot")) => (GroupKind::Fleet, Market::Spot),
        Some(_) => (GroupKind::Fleet, Market::OnDemand),
        None => (GroupKind::Group, Market::OnDemand),
    };
    let state = if requested == running {
        GroupState::Running
    } else {
        GroupState::Resizing
    };
    let (id, role) = (GroupId::new(id), Role::Task);
    let (requested, running) = (Instances(requested), Instances(running));
    GroupStatus {
        id,
        name: None,
        role,
        kind,
        market,
        state,
        requested,
        running,
        scaled_by_amazon: false,
        state_reason: None,
        node: None,
    }
}

fn described(groups: Vec<GroupStatus>, at_s: i64) -> Sampled<ClusterStatus> {
    let value = ClusterStatus {
        state: ClusterState::Running,
        groups,
        steps_pending: 0,
        steps_running: 0,
        idle_since: None,
    };
    Sampled {
        value,
        measured_at: Timestamp::from_millis(1_000 * at_s),
    }
}

fn resize(from: u32, to: u32) -> Resize {
    let (from, to) = (Instances(from), Instances(to));
    Resize {
        from,
        to,
        because: Cause::BelowMinimum,
        desired: to,
        limited_by: None,
        percent_cap: None,
        protect: Vec::new(),
        prefer: Vec::new(),
        application_masters_at_risk: 0,
        nodes_unknown: false,
    }
}

fn ids(ids: &[&str]) -> Vec<InstanceId> {
    ids.iter().map(|id| InstanceId::new(*id)).collect()
}

fn live(fake: &FakeEmr) -> Actuator {
    Actuator::Live(Resizer::new(&fake.config(), CLUSTER, &settings()))
}

/// Resizes the group that comes `index`-th in the cluster.
async fn send(
    actuator: &mut Actuator,
    cluster: &Sampled<ClusterStatus>,
    index: usize,
    resize: &Resize,
) -> Answer {
    let group = &cluster.value.groups[index];
    actuator
        .resize(Order {
            cluster,
            group,
            resize,
            provision_timeout: Duration::from_secs(1_800),
        })
        .await
}

/// What is sent for one resize of a group.
async fn sent(requested: u32, running: u32, resize: Resize) -> Value {
    let fake = FakeEmr::start().await;
    let answer = send(
        &mut live(&fake),
        &described(vec![group("ig-task", requested, running)], 0),
        0,
        &resize,
    )
    .await;
    assert_eq!((answer.outcome, answer.message), (Outcome::Accepted, None));
    assert_eq!(
        answer.call.map(|call| (call.operation, call.result)),
        Some(("ModifyInstanceGroups", "ok"))
    );
    let seen = fake.seen("ModifyInstanceGroups");
    assert_eq!(seen.len(), 1);
    seen[0].clone()
}

#[tokio::test]
async fn a_scale_out_is_one_absolute_count_and_nothing_else() {
    let expected = json!({ "ClusterId": CLUSTER, "InstanceGroups": [{ "InstanceGroupId": "ig-task", "InstanceCount": 9 }] });
    assert_eq!(sent(4, 4, resize(4, 9)).await, expected);
    assert_eq!(
        sent(4, 6, resize(4, 9)).await,
        expected,
        "a pending shrink is overridden, not cancelled first"
    );
}

#[tokio::test]
async fn a_scale_in_is_graceful_and_names_who_stays_and_who_goes() {
    let shrink = Resize {
        protect: ids(&["i-1", "i-2"]),
        prefer: ids(&["i-3"]),
        application_masters_at_risk: 0,
        nodes_unknown: false,
        ..resize(4, 3)
    };
    let expected = json!({ "ClusterId": CLUSTER, "InstanceGroups": [{
        "InstanceGroupId": "ig-task", "InstanceCount": 3,
        "ShrinkPolicy": { "DecommissionTimeout": 600,
            "InstanceResizePolicy": { "InstancesToProtect": ["i-1", "i-2"], "InstancesToTerminate": ["i-3"] } } }] });
    assert_eq!(sent(4, 4, shrink).await, expected);
    let unknown = sent(4, 4, resize(4, 3)).await;
    assert_eq!(
        unknown["InstanceGroups"][0]["ShrinkPolicy"],
        json!({ "DecommissionTimeout": 600 })
    );
}

#[tokio::test]
async fn instances_are_protected_while_a_larger_target_is_still_below_what_runs() {
    let less_of_a_shrink = Resize {
        protect: ids(&["i-1"]),
        ..resize(2, 5)
    };
    let sent = sent(2, 8, less_of_a_shrink).await;
    assert_eq!(sent["InstanceGroups"][0]["InstanceCount"], 5);
    assert_eq!(
        sent["InstanceGroups"][0]["ShrinkPolicy"]["InstanceResizePolicy"]["InstancesToProtect"],
        json!(["i-1"])
    );
}

fn fleet(on_demand: u32, spot: u32) -> Vec<GroupStatus> {
    vec![
        group("if-1/on-demand", on_demand, on_demand),
        group("if-1/spot", spot, spot),
    ]
}

#[tokio::test]
async fn a_fleet_gets_both_targets_and_a_timeout_for_the_market_that_is_resized() {
    let fake = FakeEmr::start().await;
    let mut actuator = live(&fake);
    let cluster = described(fleet(4, 6), 0);
    for (provision_timeout_s, minutes) in [(1_800, 30), (60, 5), (10_000_000, 10_080)] {
        let (group, resize) = (&cluster.value.groups[1], &resize(6, 11));
        actuator
            .resize(Order {
                cluster: &cluster,
                group,
                resize,
                provision_timeout: Duration::from_secs(provision_timeout_s),
            })
            .await;
        let expected = json!({ "ClusterId": CLUSTER, "InstanceFleet": {
            "InstanceFleetId": "if-1", "TargetOnDemandCapacity": 4, "TargetSpotCapacity": 11,
            "ResizeSpecifications": { "SpotResizeSpecification": { "TimeoutDurationMinutes": minutes } } } });
        assert_eq!(fake.seen("ModifyInstanceFleet").pop(), Some(expected));
    }
}

#[tokio::test]
async fn two_markets_of_one_fleet_do_not_undo_each_others_resize() {
    let fake = FakeEmr::start().await;
    let mut actuator = live(&fake);
    let targets = || {
        let fleet =
            fake.seen("ModifyInstanceFleet").pop().expect("a call")["InstanceFleet"].clone();
        (
            fleet["TargetOnDemandCapacity"].clone(),
            fleet["TargetSpotCapacity"].clone(),
        )
    };
    let same_tick = described(fleet(4, 6), 0);
    send(&mut actuator, &same_tick, 0, &resize(4, 8)).await;
    send(&mut actuator, &same_tick, 1, &resize(6, 11)).await;
    assert_eq!(targets(), (json!(8), json!(11)));
    send(
        &mut actuator,
        &described(fleet(4, 11), 60),
        1,
        &resize(11, 12),
    )
    .await;
    assert_eq!(
        targets(),
        (json!(8), json!(12)),
        "EMR still describes the on-demand target of before"
    );
    send(
        &mut actuator,
        &described(fleet(5, 12), 600),
        1,
        &resize(12, 13),
    )
    .await;
    assert_eq!(
        targets(),
        (json!(5), json!(13)),
        "by now it is someone else's"
    );
}

#[tokio::test]
async fn a_refused_resize_of_one_market_is_not_sent_along_with_the_other() {
    let fake = FakeEmr::start().await;
    fake.script(
        "ModifyInstanceFleet",
        vec![
            Reply::Error(400, "ThrottlingException", "Rate exceeded"),
            Reply::Json(json!({})),
        ],
    );
    let mut actuator = live(&fake);
    let cluster = described(fleet(4, 6), 0);
    assert_eq!(
        send(&mut actuator, &cluster, 0, &resize(4, 8))
            .await
            .outcome,
        Outcome::Rejected(Rejection::Throttled)
    );
    send(&mut actuator, &cluster, 1, &resize(6, 11)).await;
    assert_eq!(
        fake.seen("ModifyInstanceFleet")[1]["InstanceFleet"]["TargetOnDemandCapacity"],
        4
    );
}

/// Replies of EMR, with the outcome, the label of the call, and a part of the message.
const ANSWERS: [(Reply, Outcome, &str, &str); 13] = [
    (
        refusal("ThrottlingException", "Rate exceeded"),
        Outcome::Rejected(Rejection::Throttled),
        "throttled",
        "was throttled",
    ),
    (
        Reply::Text(429, "slow down"),
        Outcome::Rejected(Rejection::Throttled),
        "throttled",
        "was throttled",
    ),
    (
        refusal(
            "AccessDeniedException",
            "User: arn:aws:sts::1:r is not authorized",
        ),
        Outcome::Rejected(Rejection::AccessDenied),
        "access_denied",
        "grant `elasticmapreduce:ModifyInstanceGroups` to the role of this machine (AccessDeniedException: User: arn",
    ),
    (
        refusal(
            "ValidationException",
            "An instance group may only be modified when the cluster is running or waiting.",
        ),
        Outcome::Rejected(Rejection::NotModifiable),
        "refused",
        "may only be modified",
    ),
    (
        refusal(
            "ValidationException",
            "The instance group ig-task is RECONFIGURING",
        ),
        Outcome::Rejected(Rejection::NotModifiable),
        "refused",
        "is RECONFIGURING",
    ),
    (
        refusal(
            "InvalidRequestException",
            "Instance group in state ARRESTED cannot be resized",
        ),
        Outcome::Rejected(Rejection::NotModifiable),
        "refused",
        "ARRESTED",
    ),
    (
        refusal("InvalidRequestException", "Job flow is TERMINATING"),
        Outcome::Rejected(Rejection::NotModifiable),
        "refused",
        "TERMINATING",
    ),
    (
        refusal("ValidationException", "InstanceCount is above the quota"),
        Outcome::Rejected(Rejection::Other),
        "refused",
        "above the quota",
    ),
    (
        refusal("ExpiredTokenException", "The token is expired"),
        Outcome::Rejected(Rejection::Other),
        "refused",
        "ExpiredTokenException",
    ),
    (
        Reply::Text(400, "<html>"),
        Outcome::Rejected(Rejection::Other),
        "refused",
        "answered 400",
    ),
    (
        Reply::Error(500, "InternalServerError", "oops"),
        Outcome::Unknown,
        "status",
        "EMR answered 500",
    ),
    (
        Reply::Text(503, "busy"),
        Outcome::Unknown,
        "status",
        "EMR answered 503",
    ),
    (
        Reply::Silence,
        Outcome::Unknown,
        "timed_out",
        "no answer within 0.3 s",
    ),
];

const fn refusal(code: &'static str, message: &'static str) -> Reply {
    Reply::Error(400, code, message)
}

#[tokio::test]
async fn every_answer_has_its_outcome_and_no_change_is_sent_twice() {
    for (reply, outcome, label, text) in ANSWERS {
        let fake = FakeEmr::start().await;
        fake.script("ModifyInstanceGroups", vec![reply.clone()]);
        let settings = AwsSettings {
            timeout: Duration::from_millis(300),
            ..settings()
        };
        let mut actuator = Actuator::Live(Resizer::new(&fake.config(), CLUSTER, &settings));
        let answer = send(
            &mut actuator,
            &described(vec![group("ig-task", 4, 4)], 0),
            0,
            &resize(4, 9),
        )
        .await;
        assert_eq!(answer.outcome, outcome, "{reply:?}");
        assert_eq!(
            answer.call.map(|call| call.result),
            Some(label),
            "{reply:?}"
        );
        let message = answer.message.expect("a reason");
        assert!(message.contains(text), "{reply:?}: {message}");
        assert_eq!(fake.seen("ModifyInstanceGroups").len(), 1, "{reply:?}");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let requests = tokio::spawn(async move {
        let mut requests = 0;
        while let Ok(Ok((mut connection, _))) =
            tokio::time::timeout(Duration::from_secs(1), listener.accept()).await
        {
            let read = connection.read(&mut [0; 16_384]).await.expect("a request");
            requests += usize::from(read > 0);
            connection.shutdown().await.expect("closes");
        }
        requests
    });
    let mut actuator = Actuator::Live(Resizer::new(&config(&url), CLUSTER, &settings()));
    let answer = send(
        &mut actuator,
        &described(vec![group("ig-task", 4, 4)], 0),
        0,
        &resize(4, 9),
    )
    .await;
    assert_eq!(answer.outcome, Outcome::Unknown);
    assert_eq!(answer.call.map(|call| call.result), Some("unreachable"));
    assert_eq!(requests.await.expect("counted"), 1, "sent once");
}

#[tokio::test]
async fn a_connection_that_was_refused_has_carried_nothing() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let mut actuator = Actuator::Live(Resizer::new(&config(&url), CLUSTER, &settings()));
    let answer = send(
        &mut actuator,
        &described(vec![group("ig-task", 4, 4)], 0),
        0,
        &resize(4, 9),
    )
    .await;
    assert_eq!(answer.outcome, Outcome::Rejected(Rejection::Other));
    assert!(
        answer
            .message
            .expect("a reason")
            .starts_with("ModifyInstanceGroups could not be sent: ")
    );
}

#[tokio::test]
async fn a_size_that_emr_cannot_count_is_refused_without_a_call() {
    let fake = FakeEmr::start().await;
    let answer = send(
        &mut live(&fake),
        &described(vec![group("ig-task", 4, 4)], 0),
        0,
        &resize(4, u32::MAX),
    )
    .await;
    assert_eq!(answer.outcome, Outcome::Rejected(Rejection::Other));
    assert!(fake.seen("ModifyInstanceGroups").is_empty());
}

#[tokio::test]
async fn a_dry_run_sends_nothing() {
    let answer = send(
        &mut Actuator::DryRun,
        &described(vec![group("ig-task", 4, 4)], 0),
        0,
        &resize(4, 9),
    )
    .await;
    assert_eq!(
        answer,
        Answer {
            outcome: Outcome::NotSent,
            message: None,
            call: None
        }
    );
}
