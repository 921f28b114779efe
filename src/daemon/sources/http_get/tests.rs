use std::collections::BTreeMap;

use super::*;
use crate::daemon::testing::{self, Canned, Fake, endless, nobody, rude, silent};
use tokio::io::AsyncWriteExt;

const LIMIT_BYTES: usize = 1 << 20;
/// The time limit for an answer that arrives, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time limit for an answer that does not.
const TIMEOUT: Duration = Duration::from_millis(400);

async fn get_within(
    url: &Url,
    timeout: Duration,
) -> Result<BTreeMap<String, BTreeMap<String, u32>>, SourceError> {
    HttpGet::new(None)
        .unwrap()
        .json(url, LIMIT_BYTES, TimeLimit::start(timeout))
        .await
}

async fn get(url: &Url) -> Result<BTreeMap<String, BTreeMap<String, u32>>, SourceError> {
    get_within(url, PATIENCE).await
}

async fn get_canned(
    canned: Canned,
) -> Result<BTreeMap<String, BTreeMap<String, u32>>, SourceError> {
    let fake = Fake::start().await;
    fake.answers("/", canned);
    get(&fake.url).await
}

fn problem(error: SourceError) -> String {
    match error {
        SourceError::Malformed { problem, .. } => problem,
        other => panic!("not malformed but {other}"),
    }
}

#[tokio::test]
async fn json_is_read_whatever_its_charset() {
    for media_type in [
        "application/json",
        "application/json;charset=utf-8",
        "text/json;charset=utf-8",
        "Application/JSON; charset=utf8",
    ] {
        let value = get_canned(Canned::typed(media_type, r#"{"a":{"b":1}}"#))
            .await
            .unwrap();
        assert_eq!(value["a"]["b"], 1);
    }
}

#[tokio::test]
async fn what_is_not_json_is_refused_with_its_first_words() {
    let table = [
        (
            Canned::typed("text/plain", "There is no active RM right now.\n"),
            "not JSON but text/plain: \"There is no active RM right now.\"",
        ),
        (
            Canned::typed(
                "text/html",
                "<html>\n<head><title>Log in</title></head></html>",
            ),
            "not JSON but text/html: \"<html> <head><title>Log in</title>",
        ),
        (
            Canned::typed("application/json", "<html></html>"),
            "not JSON but application/json: \"<html></html>\"",
        ),
        (
            Canned::typed("application/json", "[1]"),
            "not JSON but application/json: \"[1]\"",
        ),
        (
            Canned::typed("application/json", "\u{1b}[31mred"),
            "not JSON but application/json: \"[31mred\"",
        ),
        (Canned::json(""), "EOF while parsing a value"),
        (
            Canned::json(r#"{"a":{"b":1}"#),
            "EOF while parsing an object",
        ),
        (Canned::json(r#"{"a":{"b":NaN}}"#), "a.b: "),
        (
            Canned::json(r#"{"a":{"b":-1}}"#),
            "a.b: invalid value: integer `-1`, expected u32",
        ),
        (Canned::json(r#"{"a":{"b":1}} {"#), "trailing characters"),
        (Canned::json(vec![b'{', 0xff, 0xfe]), "key must be a string"),
    ];
    for (canned, expected) in table {
        let problem = problem(get_canned(canned).await.unwrap_err());
        assert!(problem.starts_with(expected), "{problem}");
    }
}

#[tokio::test]
async fn deep_nesting_is_refused_without_exhausting_the_stack() {
    let deep = format!(
        "{}{}",
        r#"{"a":"#.repeat(100_000),
        "1".to_owned() + &"}".repeat(100_000)
    );
    let error = get_canned(Canned::json(deep)).await.unwrap_err();
    assert_eq!(error.label(), "malformed");
}

#[tokio::test]
async fn other_statuses_are_failures_with_their_number() {
    for status in [204, 301, 302, 400, 401, 403, 404, 500, 503] {
        let error = get_canned(Canned::status(status)).await.unwrap_err();
        assert!(
            matches!(error, SourceError::Status { status: got, .. } if got == status),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_redirect_is_told_and_not_followed() {
    let fake = Fake::start().await;
    let http = HttpGet::new(None).unwrap();
    let table = [
        (
            Canned::redirect("http://rm2:8088/ws"),
            Some("http://rm2:8088/ws"),
        ),
        (
            Canned::redirect("https://rm2:8090/"),
            Some("https://rm2:8090/"),
        ),
        (Canned::redirect("file:///etc/passwd"), None),
        (Canned::redirect("http://"), None),
        (Canned::status(307), None),
    ];
    for (canned, expected) in table {
        fake.answers("/", canned);
        let answer = http
            .answer::<serde::de::IgnoredAny>(&fake.url, LIMIT_BYTES, TimeLimit::start(PATIENCE))
            .await
            .unwrap();
        let Answer::Redirect(location) = answer else {
            panic!("not a redirect")
        };
        assert_eq!(location.as_ref().map(Url::as_str), expected);
        assert_eq!(get(&fake.url).await.unwrap_err().label(), "status");
    }
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let error = get(&nobody().await).await.unwrap_err();
    assert_eq!(error.label(), "unreachable");
    assert!(error.to_string().contains("Connection refused"), "{error}");
}

#[tokio::test]
async fn who_hangs_up_or_does_not_speak_http_is_unreachable() {
    let hangs_up = rude(|connection| async { drop(connection) }).await;
    assert_eq!(get(&hangs_up.url).await.unwrap_err().label(), "unreachable");
    let stranger = endless("SSH-2.0-OpenSSH_9.2\r\n", Vec::new(), TIMEOUT).await;
    assert_eq!(get(&stranger.url).await.unwrap_err().label(), "unreachable");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_malformed() {
    let breaks_off = rude(|mut connection| async move {
        let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"a\":").await;
    })
    .await;
    let problem = problem(get(&breaks_off.url).await.unwrap_err());
    assert!(
        problem.starts_with("the answer is incomplete: "),
        "{problem}"
    );
}

#[tokio::test]
async fn silence_and_dripping_end_at_the_time_limit() {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100000\r\n\r\n{";
    for fake in [
        silent().await,
        endless(head, b" ".to_vec(), Duration::from_millis(20)).await,
    ] {
        let watch = Stopwatch::start();
        let error = get_within(&fake.url, TIMEOUT).await.unwrap_err();
        assert!(
            matches!(error, SourceError::TimedOut { after, .. } if after == TIMEOUT),
            "{error}"
        );
        assert!(watch.elapsed() < PATIENCE, "{:?}", watch.elapsed());
    }
}

#[tokio::test]
async fn an_announced_length_above_the_limit_is_refused_before_the_body() {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 52428800\r\n\r\n";
    // The body is never sent.
    let fake = endless(head, Vec::new(), Duration::from_secs(3600)).await;
    assert_eq!(
        get(&fake.url).await.unwrap_err(),
        SourceError::TooLarge {
            url: shown(&fake.url),
            limit_bytes: LIMIT_BYTES
        }
    );
}

#[tokio::test]
async fn an_endless_body_is_cut_off_at_the_limit() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"a\":[0";
    let fake = endless(head, b",0".repeat(1 << 15), Duration::ZERO).await;
    let error = get(&fake.url).await.unwrap_err();
    assert_eq!(error.label(), "too_large");
}

#[tokio::test]
async fn a_password_in_the_address_is_not_written_down() {
    let mut url = testing::nobody().await;
    url.set_username("hadoop").unwrap();
    url.set_password(Some("s3cret")).unwrap();
    let error = get(&url).await.unwrap_err().to_string();
    assert!(
        !error.contains("s3cret") && !error.contains("hadoop"),
        "{error}"
    );
}

#[tokio::test]
async fn a_service_that_requires_kerberos_is_named_with_what_to_do() {
    let asks = |offers: &[&str]| {
        let unauthorized = Canned::status(401);
        offers.iter().fold(unauthorized, |canned, offer| {
            canned.with_header("www-authenticate", offer)
        })
    };
    for offers in [
        &["Negotiate"][..],
        &["negotiate"],
        &["Basic realm=\"hadoop\"", "Negotiate"],
        &["Basic realm=\"hadoop\", Negotiate"],
        // An answer to a ticket that was refused.
        &["Negotiate oYGVMIGSoAMKAQA="],
    ] {
        let error = get_canned(asks(offers)).await.unwrap_err();
        assert_eq!(error.label(), "kerberos_required", "{offers:?}");
        let said = error.to_string();
        assert!(
            said.contains("requires Kerberos") && said.contains("`kerberos.enabled = true`"),
            "{said}"
        );
    }
    for offers in [&[][..], &["Basic realm=\"hadoop\""], &["Bearer"]] {
        let error = get_canned(asks(offers)).await.unwrap_err();
        assert_eq!(error.label(), "status", "{offers:?}");
    }
    let forbidden = Canned::status(403).with_header("www-authenticate", "Negotiate");
    assert_eq!(get_canned(forbidden).await.unwrap_err().label(), "status");
}
