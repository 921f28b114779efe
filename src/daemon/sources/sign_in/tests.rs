use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use reqwest::Url;
use serde::de::IgnoredAny;

use super::testing::StubCurl;
use super::*;
use crate::daemon::clock::Stopwatch;
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::http_get::{HttpGet, TimeLimit};

const PATIENCE: Duration = Duration::from_secs(60);
const SECRET: &str = "c2VjcmV0";

/// A service that requires Kerberos.
struct Service {
    url: Url,
    state: Arc<Mutex<Seen>>,
}

/// What the service accepts, and what it got.
#[derive(Default)]
struct Seen {
    accepted: Vec<String>,
    /// The header `Cookie` of each request.
    cookies: Vec<Option<String>>,
    /// Whether `/proxy/` belongs to an application that refuses everybody.
    has_hostile_application: bool,
}

async fn answer(State(state): State<Arc<Mutex<Seen>>>, request: Request) -> Response {
    let mut seen = state.lock().unwrap();
    let cookie = request.headers().get(header::COOKIE);
    let cookie = cookie.map(|value| value.to_str().unwrap().to_owned());
    let first = cookie.as_deref().and_then(|text| text.split("; ").next());
    let is_accepted = first.is_some_and(|text| seen.accepted.iter().any(|known| known == text));
    seen.cookies.push(cookie);
    let is_hostile = seen.has_hostile_application && request.uri().path().starts_with("/proxy/");
    if is_accepted && !is_hostile {
        return ([(header::CONTENT_TYPE, "application/json")], "{}").into_response();
    }
    let ask = [(header::WWW_AUTHENTICATE, "Negotiate")];
    (StatusCode::UNAUTHORIZED, ask).into_response()
}

impl Service {
    async fn start() -> Self {
        let state = Arc::new(Mutex::new(Seen::default()));
        let app = Router::new().fallback(answer).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jmx", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            url: url.parse().unwrap(),
            state,
        }
    }

    /// From now on, it accepts these cookies only.
    fn accepts(&self, cookies: &[&str]) {
        self.state.lock().unwrap().accepted = cookies.iter().map(|&text| text.into()).collect();
    }

    fn cookies(&self) -> Vec<Option<String>> {
        self.state.lock().unwrap().cookies.clone()
    }
}

/// A cookie that ends so long after now.
fn cookie(name: &str, ends_after: Duration) -> String {
    let end = (Clock::real().now() + ends_after).as_millis();
    format!(r#"hadoop.auth="u={name}&p={name}@A.B&t=kerberos&e={end}&s={SECRET}""#)
}

const HOURS: Duration = Duration::from_secs(36_000);

fn sign_in(stub: &StubCurl, urls: &[&Url]) -> SignIn {
    let urls = urls.iter().copied();
    SignIn::new(stub.program(), None, urls, Clock::real())
}

fn client(sign_in: &SignIn) -> HttpGet {
    let http = HttpGet::new(None).unwrap();
    http.with_sign_in(Some(sign_in.clone()))
}

/// Changes what is remembered of an address, as if time had passed.
async fn later(sign_in: &SignIn, url: &Url, change: impl FnOnce(&mut Account)) {
    let account = sign_in.shared.account(url);
    change(&mut *account.lock().await);
}

async fn get(http: &HttpGet, url: &Url) -> Result<(), SourceError> {
    let limit = TimeLimit::start(PATIENCE);
    let answer = http.json::<IgnoredAny>(url, 1 << 10, limit).await;
    answer.map(|_| ())
}

fn problem(result: Result<(), SourceError>) -> SignInProblem {
    match result {
        Err(SourceError::SignIn { problem, .. }) => problem,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_cookie_of_one_sign_in_is_sent_with_every_request() {
    let (service, stub) = (Service::start().await, StubCurl::new());
    let given = cookie("me", HOURS);
    stub.gets(&given);
    service.accepts(&[&given]);
    let http = client(&sign_in(&stub, &[&service.url]));
    for _ in 0..3 {
        get(&http, &service.url).await.unwrap();
    }
    let sent = Some(given);
    assert_eq!(
        service.cookies(),
        [None, sent.clone(), sent.clone(), sent],
        "the first request has none"
    );
    let [call] = &stub.calls()[..] else {
        panic!("{:?}", stub.calls())
    };
    for expected in [
        "--disable --negotiate --user : ",
        "--noproxy * ",
        "--output /dev/null --dump-header - ",
    ] {
        assert!(call.contains(expected), "{call}");
    }
    assert!(call.ends_with(&format!("--url {}", service.url)), "{call}");
    assert!(!call.contains("--cacert"), "{call}");
}

#[tokio::test]
async fn a_service_without_kerberos_gets_no_sign_in() {
    let stub = StubCurl::new();
    let fake = crate::daemon::testing::Fake::start().await;
    fake.answers("/", crate::daemon::testing::Canned::json("{}"));
    get(&client(&sign_in(&stub, &[&fake.url])), &fake.url)
        .await
        .unwrap();
    assert_eq!(stub.calls(), [""; 0]);
}

#[tokio::test]
async fn requests_at_the_same_time_share_one_sign_in() {
    let (service, stub) = (Service::start().await, StubCurl::new());
    let given = cookie("me", HOURS);
    stub.gets(&given);
    service.accepts(&[&given]);
    let http = client(&sign_in(&stub, &[&service.url]));
    let requests = (0..8).map(|_| {
        let (http, url) = (http.clone(), service.url.clone());
        tokio::spawn(async move { get(&http, &url).await })
    });
    for request in requests.collect::<Vec<_>>() {
        request.await.unwrap().unwrap();
    }
    assert_eq!(stub.calls().len(), 1);
}

#[tokio::test]
async fn a_cookie_that_is_refused_later_is_replaced() {
    let (service, stub) = (Service::start().await, StubCurl::new());
    let (old, new) = (cookie("old", HOURS), cookie("new", HOURS));
    stub.gets(&old);
    service.accepts(&[&old]);
    let sign_in = sign_in(&stub, &[&service.url]);
    let http = client(&sign_in);
    get(&http, &service.url).await.unwrap();
    stub.gets(&new);
    service.accepts(&[&new]);
    let refused = problem(get(&http, &service.url).await);
    assert_eq!(refused, SignInProblem::CookieRefused, "it is too new");
    later(&sign_in, &service.url, |account| {
        account.signed_in.as_mut().unwrap().settled = Duration::ZERO;
    })
    .await;
    get(&http, &service.url).await.unwrap();
    get(&http, &service.url).await.unwrap();
    assert_eq!(service.cookies().last(), Some(&Some(new)));
    assert_eq!(stub.calls().len(), 2);
}

#[tokio::test]
async fn a_cookie_is_replaced_before_it_ends_and_kept_if_that_fails() {
    for succeeds in [true, false] {
        let (service, stub) = (Service::start().await, StubCurl::new());
        let (old, new) = (cookie("old", HOURS), cookie("new", HOURS));
        stub.gets(&old);
        service.accepts(&[&old, &new]);
        let sign_in = sign_in(&stub, &[&service.url]);
        let http = client(&sign_in);
        get(&http, &service.url).await.unwrap();
        later(&sign_in, &service.url, |account| {
            account.signed_in.as_mut().unwrap().renewal = Some(Timestamp::EPOCH);
        })
        .await;
        if succeeds {
            stub.gets(&new);
        } else {
            stub.ends(7, "", "curl: (7) Failed to connect\n");
        }
        get(&http, &service.url).await.unwrap();
        get(&http, &service.url).await.unwrap();
        let replaced = Some(if succeeds { new } else { old.clone() });
        let expected = [None, Some(old), replaced.clone(), replaced];
        assert_eq!(service.cookies(), expected);
        assert_eq!(stub.calls().len(), 2);
    }
}

#[tokio::test]
async fn a_sign_in_that_failed_is_repeated_after_a_pause_only() {
    let (service, stub) = (Service::start().await, StubCurl::new());
    stub.ends(7, "", "curl: (7) Failed to connect\n");
    let sign_in = sign_in(&stub, &[&service.url]);
    let http = client(&sign_in);
    for _ in 0..3 {
        let expected = SignInProblem::CurlFailed {
            said: "curl: (7) Failed to connect".to_owned(),
        };
        assert_eq!(problem(get(&http, &service.url).await), expected);
    }
    assert_eq!(stub.calls().len(), 1);
    let given = cookie("me", HOURS);
    stub.gets(&given);
    service.accepts(&[&given]);
    later(&sign_in, &service.url, |account| {
        account.failure.as_mut().unwrap().pause = Duration::ZERO;
    })
    .await;
    get(&http, &service.url).await.unwrap();
    assert_eq!(stub.calls().len(), 2);
}

#[test]
fn the_pause_doubles_up_to_five_minutes_and_ends_with_a_success() {
    let url: Url = "http://rm:8088/".parse().unwrap();
    let mut account = Account::default();
    let mut pauses = Vec::new();
    for _ in 0..7 {
        account.note(&url, Err(SignInProblem::CookieRefused), Timestamp::EPOCH);
        pauses.push(account.failure.as_ref().unwrap().pause.as_secs());
    }
    assert_eq!(pauses, [15, 30, 60, 120, 240, 300, 300]);
    let cookie = Cookie::set_by("hadoop.auth=x").unwrap();
    account.note(&url, Ok(cookie), Timestamp::EPOCH);
    assert!(account.failure.is_none() && account.signed_in.is_some());
}

#[test]
fn a_short_lived_cookie_is_renewed_in_the_last_quarter_of_its_time() {
    let signed_in = |seconds: i64| {
        let text = format!("hadoop.auth=u=me&e={}&s=x", 1_000 * seconds);
        SignedIn::new(Cookie::set_by(&text).unwrap(), Timestamp::EPOCH)
    };
    let renewed = |seconds| signed_in(seconds).renewal.map(Timestamp::as_millis);
    assert_eq!(renewed(36_000), Some(35_940_000));
    assert_eq!(renewed(20), Some(15_000));
    assert_eq!(renewed(-5), None, "the clock of the service is wrong");
    assert_eq!(signed_in(36_000).settled, RENEWED_AT_EARLIEST);
    assert_eq!(signed_in(20).settled, Duration::from_secs(10));
}

#[tokio::test]
async fn a_sign_in_goes_on_when_the_request_that_began_it_is_given_up() {
    let (service, stub) = (Service::start().await, StubCurl::new());
    let given = cookie("me", HOURS);
    stub.gets(&given);
    stub.write("gate", "");
    service.accepts(&[&given]);
    let http = client(&sign_in(&stub, &[&service.url]));
    {
        let mut request = std::pin::pin!(get(&http, &service.url));
        let watch = Stopwatch::start();
        while stub.calls().is_empty() {
            let pause = tokio::time::sleep(Duration::from_millis(5));
            tokio::select! {
                result = &mut request => panic!("{result:?}"),
                () = pause => assert!(watch.elapsed() < PATIENCE),
            }
        }
    }
    stub.remove("gate");
    get(&http, &service.url).await.unwrap();
    assert_eq!(stub.calls().len(), 1);
}

#[tokio::test]
async fn each_address_has_its_own_cookie() {
    let (one, other, stub) = (
        Service::start().await,
        Service::start().await,
        StubCurl::new(),
    );
    let (for_one, for_other) = (cookie("one", HOURS), cookie("other", HOURS));
    let http = client(&sign_in(&stub, &[&one.url, &other.url]));
    for (service, given) in [(&one, &for_one), (&other, &for_other)] {
        stub.gets(given);
        service.accepts(&[given]);
        get(&http, &service.url).await.unwrap();
    }
    assert_eq!(one.cookies(), [None, Some(for_one)]);
    assert_eq!(other.cookies(), [None, Some(for_other)]);
}

#[tokio::test]
async fn the_daemon_signs_in_at_the_addresses_of_the_settings_only() {
    let (configured, learned) = (Service::start().await, Service::start().await);
    let stub = StubCurl::new();
    let given = cookie("me", HOURS);
    stub.gets(&given);
    learned.accepts(&[&given]);
    let http = client(&sign_in(&stub, &[&configured.url]));
    let refused = problem(get(&http, &learned.url).await);
    assert_eq!(refused, SignInProblem::OtherAddress);
    assert_eq!(stub.calls(), [""; 0]);
    let checked = http.for_checked_addresses();
    get(&checked, &learned.url).await.unwrap();
}

#[tokio::test]
async fn an_application_behind_the_proxy_takes_no_part_in_the_sign_in() {
    let (service, stub) = (Service::start().await, StubCurl::new());
    let given = cookie("me", HOURS);
    stub.gets(&given);
    service.accepts(&[&given]);
    service.state.lock().unwrap().has_hostile_application = true;
    let http = client(&sign_in(&stub, &[&service.url]));
    let application = service.url.join("/proxy/application_1_1/jobs?a=b").unwrap();
    for _ in 0..3 {
        let refused = problem(get(&http, &application).await);
        assert_eq!(refused, SignInProblem::CookieRefused);
    }
    let [call] = &stub.calls()[..] else {
        panic!("{:?}", stub.calls())
    };
    let signed_in_at = service.url.join("/proxy").unwrap();
    assert!(call.ends_with(&format!("--url {signed_in_at}")), "{call}");
    // The cookie still serves for everything else.
    get(&http, &service.url).await.unwrap();
    assert_eq!(stub.calls().len(), 1);
}

#[tokio::test]
async fn the_cookie_is_in_no_debug_output_and_a_password_in_no_argument() {
    let (service, stub) = (Service::start().await, StubCurl::new());
    let given = cookie("me", HOURS);
    stub.gets(&given);
    service.accepts(&[&given]);
    let mut url = service.url.clone();
    url.set_username("knox").unwrap();
    url.set_password(Some("hunter2")).unwrap();
    let http = client(&sign_in(&stub, &[&url]));
    get(&http, &url).await.unwrap();
    let shown = format!("{http:?}");
    assert!(shown.contains("signed_in: Some"), "{shown}");
    assert!(!shown.contains(SECRET), "{shown}");
    let calls = stub.calls().join("\n");
    assert!(
        !calls.contains("hunter2") && !calls.contains(SECRET),
        "{calls}"
    );
}
