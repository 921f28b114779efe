//! The addresses that people have; `tests/cli/history_server.rs` has the rest.

use super::*;

#[test]
fn a_server_is_found_by_every_address_that_people_have_of_it() {
    for (given, expected) in [
        ("http://h:18080", "http://h:18080/api/v1/applications"),
        (
            "http://h:18080/?showIncomplete=true",
            "http://h:18080/api/v1/applications",
        ),
        (
            "http://h:18080/api/v1",
            "http://h:18080/api/v1/applications",
        ),
        (
            "http://h:18080/api/v1/applications/?limit=2",
            "http://h:18080/api/v1/applications",
        ),
        (
            "http://h:18080/history/",
            "http://h:18080/api/v1/applications",
        ),
        ("http://h:4040/jobs/", "http://h:4040/api/v1/applications"),
        (
            "https://me:secret@gate/spark/",
            "https://gate/spark/api/v1/applications",
        ),
        (
            "http://rm:8088/proxy/application_1_0001/jobs/",
            "http://rm:8088/proxy/application_1_0001/api/v1/applications",
        ),
        (
            "http://rm:8088/proxy/application_1_0001/",
            "http://rm:8088/proxy/application_1_0001/api/v1/applications",
        ),
    ] {
        let server = HistoryServer::at(given).expect("an address");
        assert_eq!(server.address(), expected, "{given}");
    }
}

#[test]
fn an_address_of_something_else_is_refused_with_what_would_be_right() {
    for (given, said) in [
        ("ftp://h/logs", "ftp is not http or https"),
        ("http://", "empty host"),
        (
            "http://h:18080/api/v1/applications/app-1/jobs",
            "it continues with /api/v1/applications/app-1/jobs",
        ),
        (
            "http://h:18080/history/app-1/jobs/",
            "it continues with /history/app-1/jobs",
        ),
    ] {
        let error = HistoryServer::at(given).expect_err("refused").to_string();
        assert!(error.contains(said), "{error}");
        assert!(error.ends_with("http://HOST:4040 for a driver"), "{error}");
    }
}

#[test]
fn an_id_stays_one_part_of_the_path() {
    let url = Url::parse("http://h/api/v1/applications").expect("an address");
    let below = below(&url, ["../a?b#c", "1"]);
    assert_eq!(
        below.as_str(),
        "http://h/api/v1/applications/..%2Fa%3Fb%23c/1"
    );
}

/// A server that is silent, or lists no applications and is silent otherwise, asked for an
/// application.
async fn asked(lists: bool) -> HistoryServerError {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let router = axum::Router::new()
        .route(
            "/api/v1/applications",
            axum::routing::get(async move || {
                if !lists {
                    std::future::pending::<()>().await;
                }
                axum::Json([0; 0])
            }),
        )
        .fallback(std::future::pending::<&str>);
    tokio::spawn(async { axum::serve(listener, router).await });
    let server = HistoryServer {
        reply_timeout: Duration::from_millis(100),
        list_timeout: Duration::from_millis(if lists { 10_000 } else { 100 }),
        ..HistoryServer::at(&format!("http://{address}")).expect("an address")
    };
    let attempt = Attempt {
        url: below(&server.applications, ["app-1"]),
        entry: Vec::new(),
    };
    match server.replies(&attempt).await {
        Ok(_) => panic!("answered"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_slow_application_is_left_out_and_a_server_that_hangs_ends_the_import() {
    let slow = asked(true).await;
    assert!(!slow.concerns_all(), "{slow}");
    assert!(slow.to_string().contains("still be reading"), "{slow}");
    let hangs = asked(false).await;
    assert!(hangs.concerns_all(), "{hangs}");
    assert!(hangs.to_string().contains("try again"), "{hangs}");
}
