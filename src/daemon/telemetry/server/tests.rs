mod rude;

use super::*;
use crate::daemon::clock::Clock;
use crate::daemon::telemetry::monitor::Identity;
use crate::daemon::telemetry::report::testing::{Rig, demand, policy};
use crate::daemon::telemetry::status::Status;
use crate::units::Timestamp;

/// A server on a port of its own, and the loop that feeds it.
struct Served {
    url: String,
    monitor: Arc<Monitor>,
    server: Server,
}

impl Served {
    fn start() -> Self {
        Self::within(Limits::default())
    }

    fn within(limits: Limits) -> Self {
        let identity = Identity {
            cluster_id: "j-1".to_owned(),
            policy_file: "<book>.yaml".to_owned(),
            dry_run: true,
        };
        let monitor = Arc::new(Monitor::new(identity, &policy(), Clock::real()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let server = Server::within(limits, listener, monitor.clone()).expect("a thread");
        Self {
            url,
            monitor,
            server,
        }
    }

    async fn get(&self, path: &str) -> (u16, reqwest::header::HeaderMap, String) {
        let client = reqwest::Client::builder()
            .no_proxy()
            .build()
            .expect("a client");
        let answer = client
            .get(format!("{}{path}", self.url))
            .send()
            .await
            .expect("an answer");
        (
            answer.status().as_u16(),
            answer.headers().clone(),
            answer.text().await.expect("a body"),
        )
    }
}

#[tokio::test]
async fn each_endpoint_tells_what_the_loop_has_told() {
    let served = Served::start();
    let (status, _, body) = served.get("/readyz").await;
    assert_eq!(
        (status, body.as_str()),
        (503, "no tick has completed yet\n")
    );
    assert_eq!(
        served.get("/healthz").await.0,
        200,
        "it has only just started"
    );

    served.monitor.tick_begins();
    let now = Clock::real().now();
    served
        .monitor
        .tick_ended(&Rig::new(Timestamp::from_millis(now.as_millis() - 30_000)).tick());
    for path in ["/readyz", "/healthz"] {
        let (status, _, body) = served.get(path).await;
        assert_eq!((status, body.as_str()), (200, "ok\n"), "{path}");
    }
    let (_, headers, metrics) = served.get("/metrics").await;
    assert_eq!(headers["content-type"], PROMETHEUS_TEXT);
    assert!(
        metrics.contains(
            "\nheadroom_group_instances_requested{group=\"ig-task\",cluster_id=\"j-1\"} 4\n"
        ),
        "{metrics}"
    );
    let (_, _, json) = served.get("/api/v1/status").await;
    let status: Status = serde_json::from_str(&json).expect("a status");
    assert_eq!(
        status
            .tick
            .map(|tick| tick.targets[0].decision.requested.get()),
        Some(4)
    );
}

#[tokio::test]
async fn the_page_is_whole_in_itself_and_cannot_run_anything() {
    let served = Served::start();
    let (status, headers, page) = served.get("/").await;
    assert_eq!(
        (status, &headers["content-security-policy"]),
        (200, &reqwest::header::HeaderValue::from_static(PAGE_POLICY))
    );
    assert!(
        page.contains("(&lt;book&gt;.yaml)") && !page.contains("<script") && !page.contains("src="),
        "{page}"
    );
    for path in [
        "/",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/v1/status",
        "/no",
    ] {
        let (_, headers, _) = served.get(path).await;
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        assert_eq!(
            headers["cross-origin-resource-policy"], "same-origin",
            "{path}"
        );
        let policy = headers["content-security-policy"].to_str().expect("text");
        assert!(policy.starts_with("default-src 'none'"), "{path}: {policy}");
    }
}

#[tokio::test]
async fn the_page_tells_demand_in_numbers() {
    let served = Served::start();
    let mut report = Rig::new(Clock::real().now()).tick();
    report.decisions[0].demand = Some(Box::new(demand()));
    served.monitor.tick_ended(&report);
    let (_, _, page) = served.get("/").await;
    assert!(page.contains("120.0 GiB remain = 10.0 units in turns; 100% of these and of 4.0 in use are needed; needed 14, expected from earlier days 9, in use or worth keeping 4"), "{page}");
}

#[tokio::test]
async fn nothing_can_be_changed_and_nothing_else_is_there() {
    let served = Served::start();
    let client = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    for path in ["/", "/metrics", "/api/v1/status"] {
        let answer = client
            .post(format!("{}{path}", served.url))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status().as_u16(), 405, "{path}");
    }
    assert_eq!(served.get("/elsewhere").await.0, 404);
}

#[tokio::test]
async fn the_server_ends_when_it_is_told_to() {
    let served = Served::start();
    let url = served.url.clone();
    served.server.stop().await.expect("no error");
    assert!(std::net::TcpStream::connect(url.trim_start_matches("http://")).is_err());
}
