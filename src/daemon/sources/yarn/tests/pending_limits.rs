//! The limits that keep pending work from starting, from what a ResourceManager of Hadoop 3.3.6
//! answered while an application asked for more than its queue may have.

use super::*;
use crate::observation::pending_limit::{LimitedBy, MostAllowed};
use crate::units::Percent;

/// A node of 12,288 MiB and 8 vcores. The queue `limited` may have 25% of it; its application has 2
/// vcores, and waits for 11 containers of 1,024 MiB.
async fn limited() -> Fake {
    let fake = active().await;
    fake.answers("/metrics", Canned::json(fixture!("limited-metrics")))
        .answers(
            "/nodes?states=RUNNING,DECOMMISSIONING,UNHEALTHY",
            Canned::json(fixture!("limited-nodes")),
        )
        .answers(REQUESTS, Canned::json(fixture!("limited-apps")))
        .answers("/scheduler", Canned::json(fixture!("limited-scheduler")));
    fake
}

async fn limits(fake: &Fake) -> Option<Vec<PendingLimit>> {
    let limits = read(fake).await.pending_limits;
    limits.map(|limits| limits.value)
}

/// What limits the work, how many containers of it, and the most that is allowed.
fn brief(limits: Option<Vec<PendingLimit>>) -> Vec<(LimitedBy, u64, Option<MostAllowed>)> {
    let limits = limits.expect("the limits are known").into_iter();
    limits
        .map(|limit| (limit.by, limit.containers_pending, limit.most))
        .collect()
}

fn queue_maximum() -> LimitedBy {
    LimitedBy::QueueMaximum {
        queue: "limited".into(),
    }
}

fn percent(percent: f64) -> Option<MostAllowed> {
    Some(MostAllowed::Share(Percent(percent)))
}

/// Edits the queue `limited` of the scheduler's answer.
fn with_queue(edit: impl FnOnce(&mut Value)) -> Canned {
    edited(fixture!("limited-scheduler"), |answer| {
        edit(&mut answer["scheduler"]["schedulerInfo"]["queues"]["queue"][1]);
    })
}

/// Edits the only application.
fn with_app(edit: impl FnOnce(&mut Value)) -> Canned {
    edited(fixture!("limited-apps"), |answer| {
        edit(&mut answer["apps"]["app"][0]);
    })
}

#[tokio::test]
async fn work_in_a_queue_that_may_have_a_part_of_the_cluster_is_limited_by_its_maximum() {
    assert_eq!(
        limits(&limited().await).await,
        Some(vec![PendingLimit {
            by: queue_maximum(),
            memory_pending: Mebibytes(11_264),
            vcores_pending: VirtualCores(11),
            containers_pending: 11,
            memory_used: Mebibytes(1_536),
            vcores_used: VirtualCores(2),
            most: percent(25.0),
        }])
    );
}

/// Hadoop 2.10 answered the same, with fewer fields.
#[tokio::test]
async fn before_hadoop_3_the_limits_are_read_from_the_same_answers() {
    let fake = Fake::start().await;
    fake.answers("/info", Canned::json(fixture!("hadoop-2.10/info")))
        .answers("/metrics", Canned::json(fixture!("limited-metrics")))
        .answers(
            "/nodes",
            Canned::json(fixture!("hadoop-2.10/limited-nodes")),
        )
        .answers("/apps", Canned::json(fixture!("hadoop-2.10/limited-apps")))
        .answers(
            "/scheduler",
            Canned::json(fixture!("hadoop-2.10/limited-scheduler")),
        )
        .answers("/jmx QueueMetrics", Canned::json(fixture!("queue-metrics")))
        .answers("/get-node-labels", Canned::json("null"));
    assert_eq!(
        brief(limits(&fake).await),
        [(queue_maximum(), 11, percent(25.0))]
    );
}

#[tokio::test]
async fn what_a_queue_its_users_or_its_masters_may_have_is_read_from_the_scheduler() {
    let limit = |by, most| vec![(by, 11, most)];
    let user_limit = || LimitedBy::UserLimit {
        queue: "limited".into(),
    };
    for (name, scheduler, expected) in [
        (
            "a user may have less than the queue",
            with_queue(|queue| queue["userLimitFactor"] = json!(1.5)),
            limit(user_limit(), percent(15.0)),
        ),
        (
            "no limit for users",
            with_queue(|queue| queue["userLimitFactor"] = json!(-1.0)),
            limit(queue_maximum(), percent(25.0)),
        ),
        (
            "a queue without a guaranteed share, as one for leftovers has",
            with_queue(|queue| queue["absoluteCapacity"] = json!(0.0)),
            limit(queue_maximum(), percent(25.0)),
        ),
        (
            "a queue that may have everything",
            with_queue(|queue| {
                queue["absoluteMaxCapacity"] = json!(100.0);
                queue["userLimitFactor"] = json!(100.0);
            }),
            vec![],
        ),
        (
            "amounts in place of shares",
            with_queue(|queue| queue["isAbsoluteResource"] = json!(true)),
            limit(queue_maximum(), Some(MostAllowed::Amount(Mebibytes(3_072)))),
        ),
        (
            "a queue below another one",
            with_queue(|queue| {
                let leaf = queue.clone();
                queue["queueName"] = json!("parent");
                queue["queues"] = json!({ "queue": [leaf] });
            }),
            limit(queue_maximum(), percent(25.0)),
        ),
        (
            "no scheduler with such limits",
            Canned::json(fixture!("fair-scheduler")),
            vec![],
        ),
    ] {
        let fake = limited().await;
        fake.answers("/scheduler", scheduler);
        assert_eq!(brief(limits(&fake).await), expected, "{name}");
    }
}

#[tokio::test]
async fn an_application_that_waits_for_the_share_of_masters_is_told_from_one_that_runs() {
    let fake = limited().await;
    fake.answers(REQUESTS, with_app(|app| app["state"] = json!("ACCEPTED")));
    let by = LimitedBy::ApplicationMasterShare {
        queue: "limited".into(),
    };
    assert_eq!(brief(limits(&fake).await), [(by, 11, None)]);

    let no_master = |queue: &mut Value| {
        queue["resources"]["resourceUsagesByPartition"][0]["amUsed"] =
            json!({ "memory": 0, "vCores": 0 });
    };
    fake.answers("/scheduler", with_queue(no_master));
    assert_eq!(
        brief(limits(&fake).await),
        [(queue_maximum(), 11, percent(25.0))],
        "the first master of a queue always starts"
    );
}

#[tokio::test]
async fn containers_that_no_node_can_hold_are_named_by_what_they_ask_for() {
    let ask = |field: &'static str, value: Value| {
        with_app(move |app| app["resourceRequests"][0][field] = value)
    };
    let larger = json!({ "memory": 20_000, "vCores": 1 });
    for (name, apps, by) in [
        (
            "larger than any node",
            ask("capability", larger),
            LimitedBy::LargerThanNodes {
                container: Mebibytes(20_000),
            },
        ),
        (
            "by the names of Hadoop 2.8",
            ask(
                "capability",
                json!({ "memorySize": 20_000, "virtualCores": 1 }),
            ),
            LimitedBy::LargerThanNodes {
                container: Mebibytes(20_000),
            },
        ),
        (
            "with a label that no node has",
            ask("nodeLabelExpression", json!("GPU")),
            LimitedBy::LabelWithoutNodes {
                label: "GPU".into(),
            },
        ),
    ] {
        let fake = limited().await;
        fake.answers(REQUESTS, apps);
        assert_eq!(brief(limits(&fake).await), [(by, 11, None)], "{name}");
    }
}

#[tokio::test]
async fn requests_for_a_node_or_a_rack_do_not_count_a_second_time() {
    let fake = limited().await;
    let at_a_node = |app: &mut Value| {
        let mut request = app["resourceRequests"][0].clone();
        request["resourceName"] = json!("ip-10-0-0-1.ec2.internal");
        let mut granted_twice = request.clone();
        granted_twice["resourceName"] = json!("*");
        granted_twice["numContainers"] = json!(-1);
        let requests = app["resourceRequests"].as_array_mut().unwrap();
        requests.extend([request, granted_twice]);
    };
    fake.answers(REQUESTS, with_app(at_a_node));
    assert_eq!(
        brief(limits(&fake).await),
        [(queue_maximum(), 11, percent(25.0))]
    );
}

#[tokio::test]
async fn limits_that_cannot_be_read_are_unknown_and_the_load_is_known_all_the_same() {
    for (path, answer) in [
        ("/scheduler", Canned::status(500)),
        ("/scheduler", Canned::json("{}")),
        (REQUESTS, Canned::status(403)),
        (
            REQUESTS,
            Canned::json(fixture!("limited-apps")).after(TIMEOUT * 2),
        ),
    ] {
        let fake = limited().await;
        fake.answers(path, answer);
        let reading = read(&fake).await;
        assert_eq!(reading.pending_limits, None, "{path}");
        let load = reading.load.unwrap().value;
        assert_eq!(load.memory_pending, Mebibytes(11_264), "{path}");
    }
}

#[tokio::test]
async fn requests_are_read_only_while_work_is_pending() {
    let fake = limited().await;
    let idle = edited(fixture!("limited-metrics"), |answer| {
        for field in ["pendingMB", "pendingVirtualCores", "containersPending"] {
            answer["clusterMetrics"][field] = json!(0);
        }
    });
    let nothing_queued = edited(fixture!("queue-metrics"), |answer| {
        answer["beans"][0]["PendingMB"] = json!(0);
    });
    fake.answers("/metrics", idle)
        .answers("/jmx QueueMetrics", nothing_queued)
        .answers(REQUESTS, Canned::status(500));
    let reading = read(&fake).await;
    assert_eq!(reading.pending_limits, None);
    assert!(
        reading.calls.iter().all(|call| call.result == "ok"),
        "{:?}",
        reading.calls
    );
}
