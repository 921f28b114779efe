//! Clients that want to do harm.

use std::io::{Read, Write};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// Nothing ends because of the time.
const PATIENT: Limits = Limits {
    connections: 8,
    head: Duration::from_secs(3_600),
    total: Duration::from_secs(3_600),
    head_bytes: 16 << 10,
    headers: 64,
};
const HONEST: &str = "GET /metrics HTTP/1.1\r\nhost: h\r\n\r\n";

async fn connect(served: &Served) -> TcpStream {
    let address = served.url.trim_start_matches("http://");
    TcpStream::connect(address).await.expect("connects")
}

/// Everything that the server sends until it closes the connection. A reset is one way to close it.
async fn until_closed(mut connection: TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = connection.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn answers_to(served: &Served, request: &[u8]) -> String {
    let mut connection = connect(served).await;
    // The server may close the connection before it has read all.
    let _ = connection.write_all(request).await;
    until_closed(connection).await
}

async fn answers_honest_clients(served: &Served) {
    let answer = answers_to(served, HONEST.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn hundreds_of_clients_that_send_nothing_or_read_nothing_keep_nobody_waiting() {
    let served = Served::within(PATIENT);
    let mut slow = Vec::new();
    for index in 0..300 {
        let mut connection = connect(&served).await;
        let sent: &[u8] = match index % 3 {
            0 => b"",
            1 => b"GET / HTTP/1.1\r\nx-",
            // A whole request, of which the answer is not read.
            _ => b"GET / HTTP/1.1\r\nhost: h\r\n\r\n",
        };
        let _ = connection.write_all(sent).await;
        slow.push(connection);
    }
    for _ in 0..20 {
        answers_honest_clients(&served).await;
    }
    // The oldest made room for the others.
    assert_eq!(until_closed(slow.remove(0)).await, "");
    assert!(!until_closed(slow.remove(0)).await.contains("200 OK"));
    // One of the newest still has its turn.
    let mut last = connect(&served).await;
    last.write_all(b"GET /healthz HTTP/1.1\r\n")
        .await
        .expect("sends");
    answers_honest_clients(&served).await;
    last.write_all(b"host: h\r\n\r\n").await.expect("sends");
    assert!(until_closed(last).await.contains("\r\n\r\nok\n"));
}

#[tokio::test]
async fn a_head_that_does_not_arrive_and_a_connection_that_lasts_are_given_up() {
    let soon = Duration::from_millis(20);
    for limits in [
        Limits {
            head: soon,
            ..PATIENT
        },
        Limits {
            total: soon,
            ..PATIENT
        },
    ] {
        let served = Served::within(limits);
        let mut connection = connect(&served).await;
        connection
            .write_all(b"GET / HTTP/1.1\r\nhost")
            .await
            .expect("sends");
        // Would wait for an hour otherwise.
        assert!(!until_closed(connection).await.contains("200 OK"));
    }
}

const SMUGGLED: &str = "GET /metrics HTTP/1.1\r\nhost: h\r\n\r\n";

/// A request with these headers and this body, and what follows on the connection.
fn with(headers: &str, body: &str) -> String {
    format!("GET / HTTP/1.1\r\nhost: h\r\n{headers}\r\n\r\n{body}{SMUGGLED}")
}

/// Requests of which the end is in doubt.
fn ambiguous() -> Vec<String> {
    let chunked = "transfer-encoding: chunked";
    let doubtful = [
        (&*format!("content-length: 4\r\n{chunked}"), "0\r\n\r\n"),
        (&format!("{chunked}\r\ncontent-length: 4"), "5c\r\n"),
        ("content-length: 0\r\ncontent-length: 44", ""),
        ("content-length: 0, 44", ""),
        ("content-length: -1", ""),
        ("content-length: +44", ""),
        ("transfer-encoding: xchunked", "0\r\n\r\n"),
        ("transfer-encoding:\tchunked", "0\r\n\r\n"),
        (
            &format!("{chunked}\r\ntransfer-encoding: identity"),
            "0\r\n\r\n",
        ),
        (chunked, "zz\r\n"),
        // A folded header, a space before the colon, a bare CR, a NUL.
        ("x-a: b\r\n content-length: 44", ""),
        ("content-length : 44", ""),
        ("x-a: b\rcontent-length: 44", ""),
        ("x-a: \0", ""),
        ("connection: keep-alive", ""),
        ("connection: upgrade\r\nupgrade: h2c", ""),
    ]
    .map(|(headers, body)| with(headers, body));
    let others = [
        HONEST.repeat(20),
        format!("GET / HTTP/1.1\nhost: h\ncontent-length: 0\n\n{SMUGGLED}"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{SMUGGLED}"),
        format!("GET /\r\n\r\n{SMUGGLED}"),
        format!("CONNECT h:80 HTTP/1.1\r\nhost: h\r\n\r\n{SMUGGLED}"),
        "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 9999\r\n\r\n".to_owned(),
    ];
    doubtful.into_iter().chain(others).collect()
}

#[tokio::test]
async fn no_connection_has_more_than_one_answer_however_its_request_ends() {
    let served = Served::start();
    for request in ambiguous() {
        let answer = answers_to(&served, request.as_bytes()).await;
        assert!(
            answer.matches("HTTP/1.1 ").count() <= 1,
            "{request:?}: {answer}"
        );
        answers_honest_clients(&served).await;
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_or_no_http_is_refused() {
    let served = Served::start();
    let long = "x".repeat(1 << 20);
    for (what, request) in [
        (
            "a long address",
            format!("GET /{long} HTTP/1.1\r\nhost: h\r\n\r\n"),
        ),
        ("a long header", with(&format!("x-a: {long}"), "")),
        ("many headers", with(&"x-a: b\r\n".repeat(2_000), "")),
        ("65 headers", with(&["x-a: b"; 65].join("\r\n"), "")),
        ("no HTTP", "\u{16}\u{3}\u{1}\u{2}\0".repeat(1_000)),
    ] {
        let answer = answers_to(&served, request.as_bytes()).await;
        assert!(!answer.contains("200 OK"), "{what}: {answer}");
        answers_honest_clients(&served).await;
    }
}

/// In the runtime of the test, the server would never answer: the test blocks it.
#[tokio::test]
async fn the_server_has_a_thread_of_its_own() {
    let served = Served::start();
    let address = served.url.trim_start_matches("http://");
    let mut connection = std::net::TcpStream::connect(address).expect("connects");
    connection.write_all(HONEST.as_bytes()).expect("sends");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("reads");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
}

#[tokio::test]
async fn a_request_that_never_ends_does_not_keep_the_server_from_ending() {
    let served = Served::within(PATIENT);
    let mut connection = connect(&served).await;
    connection
        .write_all(b"GET / HTTP/1.1\r\nx-")
        .await
        .expect("sends");
    answers_honest_clients(&served).await;
    served.server.stop().await.expect("no error");
}
