//! ResourceManagers that are down, stand by, or fail over.

use super::*;

async fn standby(active: Option<&Url>) -> Fake {
    let fake = Fake::start().await;
    let elsewhere = match active {
        Some(active) => Canned::redirect(active.join("/ws/v1/cluster/metrics").unwrap()),
        // What it answers while it looks for an active one: a `Refresh` header, and no `Location`.
        None => Canned::status(307),
    };
    fake.answers("/", elsewhere)
        .answers("/info", Canned::json(fixture!("info-standby")));
    fake
}

/// Another process than the one of `info-active` that claims to be active.
fn rival() -> Canned {
    edited(fixture!("info-active"), |info| {
        info["clusterInfo"]["id"] = json!(1_760_000_099_000_i64)
    })
}

async fn read_in_time(yarn: &mut Yarn) -> YarnReading {
    let watch = Stopwatch::start();
    let reading = yarn.read(&Clock::real(), false).await;
    assert!(
        watch.elapsed() < TIMEOUT + Duration::from_millis(500),
        "{:?}",
        watch.elapsed()
    );
    reading
}

/// Neither load nor nodes, for the same reason.
async fn failure(yarn: &mut Yarn) -> SourceError {
    let reading = read_in_time(yarn).await;
    assert_eq!(reading.active, None);
    assert_eq!(
        reading.load.clone().unwrap_err(),
        reading.nodes.unwrap_err()
    );
    reading.load.unwrap_err()
}

#[tokio::test]
async fn nobody_that_can_be_read_is_said_as_it_is() {
    let text = Fake::start().await;
    text.answers(
        "/",
        Canned::typed(
            "text/plain",
            "There is no active RM right now.\nHA Zookeeper Connection State: ...",
        ),
    );
    let html = Fake::start().await;
    html.answers("/", Canned::typed("text/html", "<html>"));
    let dripping = endless(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{",
        b" ".to_vec(),
        Duration::from_millis(20),
    )
    .await;
    let silent = silent().await;
    let (standby, down) = (standby(None).await, nobody().await);
    let table = [
        (&text.url, "malformed"),
        (&html.url, "malformed"),
        (&dripping.url, "timed_out"),
        (&silent.url, "timed_out"),
        (&standby.url, "no_active"),
        (&down, "unreachable"),
    ];
    for (address, label) in table {
        assert_eq!(
            failure(&mut yarn(&[address])).await.label(),
            label,
            "{address}"
        );
    }
}

#[tokio::test]
async fn states_are_told_in_the_order_of_the_addresses() {
    let (first, second) = (standby(None).await, standby(None).await);
    first.answers(
        "/info",
        Canned::json(fixture!("info-standby").replace("STANDBY", "INITIALIZING")),
    );
    let message = failure(&mut yarn(&[&second.url, &first.url]))
        .await
        .to_string();
    let expected = format!(
        "not exactly one ResourceManager is active: {} is STANDBY, {} is INITIALIZING",
        second.url, first.url
    );
    assert_eq!(message, expected);
}

#[tokio::test]
async fn the_active_one_is_found_beside_any_other() {
    let active = active().await;
    let (standby, silent, down) = (standby(None).await, silent().await, nobody().await);
    for other in [&standby.url, &silent.url, &down] {
        for addresses in [[other, &active.url], [&active.url, other]] {
            let mut yarn = yarn(&addresses);
            for _ in 0..2 {
                let reading = read_in_time(&mut yarn).await;
                assert_eq!(reading.active.as_ref(), Some(&active.url));
                assert!(reading.load.is_ok() && reading.nodes.is_ok(), "{reading:?}");
            }
        }
    }
}

#[tokio::test]
async fn one_that_was_active_is_not_kept_waiting_for_others() {
    let (active, silent) = (active().await, silent().await);
    let mut yarn = yarn(&[&silent.url, &active.url]);
    yarn.read(&Clock::real(), false).await.load.unwrap();
    let watch = Stopwatch::start();
    yarn.read(&Clock::real(), false).await.load.unwrap();
    assert!(watch.elapsed() < TIMEOUT / 2, "{:?}", watch.elapsed());
}

#[tokio::test]
async fn a_standby_points_to_an_active_one_that_is_not_configured() {
    let active = active().await;
    let standby = standby(Some(&active.url)).await;
    let mut yarn = yarn(&[&standby.url]);
    for _ in 0..2 {
        let reading = read_in_time(&mut yarn).await;
        assert_eq!(reading.active.as_ref(), Some(&active.url));
        assert!(reading.load.is_ok() && reading.nodes.is_ok(), "{reading:?}");
    }
}

#[tokio::test]
async fn a_standby_that_points_nowhere_of_use_leads_nowhere() {
    let fake = standby(None).await;
    let down = nobody().await;
    let targets = [
        fake.url.as_str(),
        down.as_str(),
        "http://192.0.2.1:1/cluster",
        "ftp://rm2/ws/v1/cluster/metrics",
        "/ws/v1/cluster/metrics",
    ];
    for target in targets {
        fake.answers("/metrics", Canned::redirect(target));
        assert_eq!(
            failure(&mut yarn(&[&fake.url])).await.label(),
            "no_active",
            "{target}"
        );
    }
}

#[tokio::test]
async fn standbys_that_point_to_each_other_are_no_loop() {
    let first = standby(None).await;
    let second = standby(Some(&first.url)).await;
    first.answers(
        "/metrics",
        Canned::redirect(second.url.join("/ws/v1/cluster/metrics").unwrap()),
    );
    assert_eq!(failure(&mut yarn(&[&first.url])).await.label(), "no_active");
    assert_eq!(
        failure(&mut yarn(&[&first.url, &second.url])).await.label(),
        "no_active"
    );
}

#[tokio::test]
async fn a_failover_between_two_readings_is_followed() {
    let (first, second) = (active().await, active().await);
    second.answers("/info", Canned::json(fixture!("info-standby")));
    let mut yarn = yarn(&[&first.url, &second.url]);
    assert_eq!(
        read_in_time(&mut yarn).await.active.as_ref(),
        Some(&first.url)
    );
    first
        .answers("/", Canned::status(307))
        .answers("/info", Canned::json(fixture!("info-standby")));
    second.answers("/info", rival());
    let reading = read_in_time(&mut yarn).await;
    assert_eq!(reading.active.as_ref(), Some(&second.url));
    assert!(reading.load.is_ok() && reading.nodes.is_ok(), "{reading:?}");
}

#[tokio::test]
async fn a_failover_within_a_reading_leaves_it_without_numbers() {
    let fake = active().await;
    for path in ["/metrics", "/nodes", "/apps"] {
        fake.answers(
            path,
            Canned::redirect("http://127.0.0.1:1/ws/v1/cluster/metrics"),
        );
    }
    let reading = yarn(&[&fake.url]).read(&Clock::real(), false).await;
    assert_eq!(
        (
            reading.load.unwrap_err().label(),
            reading.nodes.unwrap_err().label()
        ),
        ("status", "status")
    );
}

#[tokio::test]
async fn of_two_that_claim_to_be_active_none_is_believed() {
    let (first, second) = (active().await, active().await);
    let mut yarn = yarn(&[&first.url, &second.url]);
    yarn.read(&Clock::real(), false).await.load.unwrap();
    // The one that was active before is believed at once, but not against a rival that is heard by
    // the end.
    first.answers(
        "/metrics",
        Canned::json(fixture!("metrics")).after(Duration::from_millis(300)),
    );
    second.answers("/info", rival());
    for _ in 0..2 {
        let error = failure(&mut yarn).await.to_string();
        assert!(
            error.contains(&format!(
                "{} is ACTIVE, {} is ACTIVE",
                first.url, second.url
            )),
            "{error}"
        );
    }
}

#[tokio::test]
async fn one_process_under_two_addresses_is_called_by_the_local_one() {
    let (by_name, local) = (active().await, active().await);
    let http = HttpGet::new(None).unwrap();
    let addresses = vec![by_name.url.clone(), local.url.clone()];
    let reading = Yarn::new(http, addresses, Some(local.url.clone()), TIMEOUT, ALLOWANCE)
        .read(&Clock::real(), false)
        .await;
    assert_eq!(reading.active.as_ref(), Some(&local.url));
    assert!(
        reading.active_is_local && reading.load.is_ok(),
        "{reading:?}"
    );
}

#[tokio::test]
async fn beside_a_standby_the_active_one_is_not_local() {
    let active = active().await;
    let local = standby(None).await;
    let http = HttpGet::new(None).unwrap();
    let reading = Yarn::new(
        http,
        vec![active.url.clone()],
        Some(local.url.clone()),
        TIMEOUT,
        ALLOWANCE,
    )
    .read(&Clock::real(), false)
    .await;
    assert_eq!(reading.active.as_ref(), Some(&active.url));
    assert!(
        !reading.active_is_local && reading.load.is_ok(),
        "{reading:?}"
    );
}

#[tokio::test]
async fn a_resource_manager_that_requires_kerberos_is_named_with_what_to_do() {
    let fake = Fake::start().await;
    fake.answers(
        "/",
        Canned::status(401).with_header("www-authenticate", "Negotiate"),
    );
    let error = failure(&mut yarn(&[&fake.url])).await;
    assert_eq!(error.label(), "kerberos_required");
    assert!(
        error.to_string().contains("kerberos.enabled = true"),
        "{error}"
    );
}
