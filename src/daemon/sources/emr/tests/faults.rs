//! What happens when EMR does not answer as it should.

use std::time::Duration;

use super::*;
use crate::daemon::sources::emr::testing::config;

const THROTTLED: Reply = Reply::Error(400, "ThrottlingException", "Rate exceeded");
const DENIED: Reply = Reply::Error(
    400,
    "AccessDeniedException",
    "User is not authorized to perform: elasticmapreduce:DescribeCluster",
);

/// The error of a reading in which only this operation fails, with this reply.
async fn error(operation: &'static str, reply: Reply) -> SourceError {
    let fake = FakeEmr::start().await;
    fake.script(operation, vec![reply]);
    let settings = AwsSettings {
        timeout: Duration::from_millis(400),
        ..settings()
    };
    let mut emr = Emr::new(&fake.config(), CLUSTER, &settings, StepsRead::Always);
    emr.read(&Clock::real())
        .await
        .status
        .expect_err("no status")
}

#[tokio::test]
async fn each_fault_is_named_and_none_is_taken_for_a_status() {
    for (reply, label, text) in [
        (
            THROTTLED,
            "throttled",
            "DescribeCluster is throttled by AWS",
        ),
        (
            DENIED,
            "access_denied",
            "grant `elasticmapreduce:DescribeCluster` to the role",
        ),
        (
            Reply::Error(
                400,
                "InvalidRequestException",
                "Cluster id 'j-TEST' is not valid.",
            ),
            "refused",
            "Cluster id 'j-TEST' is not valid.",
        ),
        (
            Reply::Error(500, "InternalServerException", "oops"),
            "status",
            "answered 500",
        ),
        (
            Reply::Text(503, "<html>busy</html>"),
            "status",
            "answered 503",
        ),
        (Reply::Silence, "timed_out", "no answer within 0.4 s"),
        (
            Reply::Text(200, "<html>a proxy's login page</html>"),
            "malformed",
            "DescribeCluster",
        ),
        (
            Reply::Text(200, r#"{"Cluster": {"Status": "#),
            "malformed",
            "DescribeCluster",
        ),
        (
            Reply::Json(json!({})),
            "malformed",
            "the answer contains no cluster",
        ),
        (
            Reply::Json(json!({ "Cluster": { "Id": CLUSTER } })),
            "malformed",
            "the cluster has no state",
        ),
        (
            Reply::Json(cluster("HIBERNATING")),
            "malformed",
            "cluster state `HIBERNATING` is unknown to this version",
        ),
    ] {
        let error = error("DescribeCluster", reply.clone()).await;
        assert_eq!(error.label(), label, "{reply:?}: {error}");
        assert!(error.to_string().contains(text), "{reply:?}: {error}");
    }
}

#[tokio::test]
async fn a_group_that_lacks_something_or_says_something_new_makes_the_whole_answer_unusable() {
    for (field, value, text) in [
        (
            "RunningInstanceCount",
            Value::Null,
            "instance group ig-task has no running count",
        ),
        (
            "RequestedInstanceCount",
            Value::Null,
            "instance group ig-task has no requested count",
        ),
        (
            "RequestedInstanceCount",
            json!(-1),
            "-1 is not a number of instances",
        ),
        (
            "Status",
            json!({ "State": "DREAMING" }),
            "instance group state `DREAMING` is unknown to this version",
        ),
        ("Status", Value::Null, "instance group ig-task has no state"),
        (
            "InstanceGroupType",
            json!("EDGE"),
            "instance group type `EDGE` is unknown to this version",
        ),
        (
            "Market",
            json!("FUTURES"),
            "market `FUTURES` is unknown to this version",
        ),
        ("Id", Value::Null, "an instance group has no id"),
    ] {
        let mut answer = groups(4, 4, "RUNNING");
        answer["InstanceGroups"][2][field] = value;
        let error = error("ListInstanceGroups", Reply::Json(answer)).await;
        assert!(error.to_string().contains(text), "{field}: {error}");
    }
}

#[tokio::test]
async fn a_name_or_a_market_may_be_missing_and_every_state_is_understood() {
    let fake = FakeEmr::start().await;
    for state in GroupState::ALL {
        let mut answer = groups(4, 4, state.as_str());
        for optional in ["Name", "Market"] {
            answer["InstanceGroups"][2][optional] = Value::Null;
        }
        fake.on("ListInstanceGroups", answer);
        let status = status(&mut emr(&fake)).await;
        assert_eq!(
            (
                task(&status).state,
                task(&status).market,
                &task(&status).name
            ),
            (*state, Market::OnDemand, &None)
        );
    }
}

#[tokio::test]
async fn an_operation_that_is_throttled_is_left_alone_for_a_while() {
    let fake = FakeEmr::start().await;
    fake.script("DescribeCluster", vec![THROTTLED]);
    let mut emr = emr(&fake);
    let clock = Clock::real();
    assert!(matches!(
        emr.read(&clock).await.status,
        Err(SourceError::Throttled { .. })
    ));
    let asked = fake.seen("DescribeCluster").len();
    let reading = emr.read(&clock).await;
    assert!(matches!(
        reading.status,
        Err(SourceError::BackingOff { .. })
    ));
    assert_eq!(asked, 1, "nor was it tried again at once");
    assert_eq!(
        (fake.seen("DescribeCluster").len(), reading.calls.len()),
        (1, 0),
        "no call was made"
    );
    fake.on("DescribeCluster", cluster("RUNNING"));
    assert!(
        emr.read(&Clock::ahead(Duration::from_secs(11)))
            .await
            .status
            .is_ok(),
        "after a while it is asked again"
    );
}

#[tokio::test]
async fn a_short_failure_of_a_reading_call_is_bridged_within_the_call() {
    let fake = FakeEmr::start().await;
    fake.script(
        "DescribeCluster",
        vec![
            Reply::Error(500, "InternalServerException", "oops"),
            Reply::Json(cluster("RUNNING")),
        ],
    );
    assert!(emr(&fake).read(&Clock::real()).await.status.is_ok());
}

#[tokio::test]
async fn steps_that_cannot_be_read_make_the_status_as_old_as_the_last_ones() {
    let fake = FakeEmr::start().await;
    let mut emr = emr(&fake);
    let clock = Clock::real();
    let first = emr.read(&clock).await.status.expect("a status").measured_at;
    fake.script("ListSteps", vec![DENIED]);
    let second = emr.read(&clock).await.status.expect("a status").measured_at;
    assert!(second.since(first) < Duration::from_secs(5) && second <= clock.now());
    let third = emr.read(&clock).await.status.expect("a status").measured_at;
    assert_eq!(second, third, "it does not get younger");
    assert!(
        matches!(
            error("ListSteps", DENIED).await,
            SourceError::AccessDenied { .. }
        ),
        "steps that were never known"
    );
}

#[tokio::test]
async fn while_nothing_is_known_of_managed_scaling_nothing_is_known_of_the_cluster() {
    assert!(matches!(
        error("GetManagedScalingPolicy", DENIED).await,
        SourceError::AccessDenied { .. }
    ));
    let fake = FakeEmr::start().await;
    fake.script(
        "GetManagedScalingPolicy",
        vec![Reply::Json(json!({})), DENIED],
    );
    let mut emr = emr(&fake);
    let after = |minutes: u64| Clock::ahead(Duration::from_secs(60 * minutes));
    assert!(emr.read(&Clock::real()).await.status.is_ok());
    assert!(
        emr.read(&after(6)).await.status.is_ok(),
        "what was known lately is good for a while"
    );
    assert_eq!(fake.seen("GetManagedScalingPolicy").len(), 2);
    assert!(matches!(
        emr.read(&after(31)).await.status,
        Err(SourceError::AccessDenied { .. })
    ));
}

#[tokio::test]
async fn what_resembles_emr_and_knows_no_managed_scaling_is_not_asked_for_it() {
    let fake = FakeEmr::start().await;
    fake.script(
        "GetManagedScalingPolicy",
        vec![Reply::Text(500, "not implemented")],
    );
    let mut emr = Emr::new(
        &fake.config(),
        CLUSTER,
        &AwsSettings {
            check_managed_scaling: false,
            ..settings()
        },
        StepsRead::Never,
    );
    assert!(emr.read(&Clock::real()).await.status.is_ok());
    assert!(fake.seen("GetManagedScalingPolicy").is_empty());
}

#[tokio::test]
async fn a_spent_budget_leaves_out_the_list_of_instances_first_and_says_so() {
    let fake = FakeEmr::start().await;
    fake.script(
        "ListInstances",
        vec![Reply::Json(json!({ "Instances": [], "Marker": "more" }))],
    );
    let mut emr = Emr::new(
        &fake.config(),
        CLUSTER,
        &AwsSettings {
            calls_per_minute: 8,
            ..settings()
        },
        StepsRead::Never,
    );
    let first = emr.read(&Clock::real()).await;
    assert!(first.status.is_ok());
    assert_eq!(
        first.calls.last().map(|call| (call.operation, call.result)),
        Some(("ListInstances", "over_budget"))
    );
    assert_eq!(
        fake.seen("ListInstances").len(),
        3,
        "8 calls less 2 in reserve less 3 for the status"
    );
    assert!(emr.read(&Clock::real()).await.status.is_ok(), "the reserve");
    let spent = emr
        .read(&Clock::real())
        .await
        .status
        .expect_err("nothing left");
    assert_eq!(
        spent,
        SourceError::OverBudget {
            operation: "DescribeCluster"
        }
    );
}

#[tokio::test]
async fn a_list_that_the_budget_cut_off_goes_on_where_it_stopped() {
    let fake = FakeEmr::start().await;
    let page = |k: u32, marker: Option<&str>| {
        Reply::Json(json!({ "Instances": [instance(k, "ig-task")], "Marker": marker }))
    };
    fake.script(
        "ListInstances",
        vec![
            page(1, Some("2")),
            page(2, Some("3")),
            page(3, Some("4")),
            page(4, None),
        ],
    );
    let mut emr = Emr::new(
        &fake.config(),
        CLUSTER,
        &AwsSettings {
            calls_per_minute: 8,
            ..settings()
        },
        StepsRead::Never,
    );
    emr.read(&Clock::real()).await;
    assert!(emr.hosts().is_empty(), "half a list is none");
    emr.read(&Clock::ahead(Duration::from_secs(60))).await;
    assert_eq!(emr.hosts().len(), 12);
    assert_eq!(fake.seen("ListInstances").len(), 4);
}

#[tokio::test]
async fn a_failed_list_of_instances_leaves_the_status_and_the_hosts_that_were_known() {
    let fake = FakeEmr::start().await;
    let mut emr = emr(&fake);
    status(&mut emr).await;
    fake.script("ListInstances", vec![Reply::Text(500, "oops")]);
    fake.on("ListInstanceGroups", groups(4, 3, "RESIZING"));
    assert_eq!(task(&status(&mut emr).await).running, Instances(3));
    assert_eq!(emr.hosts().len(), 6);
}

#[tokio::test]
async fn a_service_that_is_not_there_is_unreachable_within_the_time_allowed() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let mut emr = Emr::new(&config(&url), CLUSTER, &settings(), StepsRead::Never);
    let error = emr
        .read(&Clock::real())
        .await
        .status
        .expect_err("nobody is there");
    assert!(
        error
            .to_string()
            .starts_with("DescribeCluster: cannot be reached ("),
        "{error}"
    );
}
