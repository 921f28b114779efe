//! Answers of the services that a daemon reads. An input has an answer after each line `== REQUEST`, where
//! the words of REQUEST occur in the request's address or operation; a first word such as `404` is the
//! status. Whatever the input does not answer is answered as a healthy cluster would.
//!
//! The daemon starts and ticks with its own sources, over HTTP on loopback.

use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use ciborium::Value as Cbor;
use headroom::daemon::clock::Stepped;
use headroom::daemon::start::start;
use headroom::history_server::{Asked, HistoryServer};
use headroom::import::spark::import_replies;
use headroom::rehearsal::{self, SimulatedCluster};
use headroom::sim::scenario::Scenario;
use headroom::units::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use super::daemon::{Folder, sdk_config};
use super::imports::use_jobs;
use super::parts;
use super::simulation::small;

/// When the healthy cluster is observed.
const NOW: Timestamp = Timestamp::from_millis(1_760_004_000_000);
/// The address of the services in an input; their port is chosen when they start.
const WRITTEN_ADDRESS: &str = "localhost:8088";
/// Later pages of an answer are those of a healthy cluster, so that a token that is repeated does not
/// keep the daemon busy until its time is over.
const ANSWERS_MAX: usize = 40;
/// The most requests of an input to a rehearsal.
const REQUESTS_MAX: usize = 12;

const HEALTHY: [&str; 3] = [
    include_str!("healthy/yarn.txt"),
    include_str!("healthy/emr.txt"),
    include_str!("healthy/cloudwatch.txt"),
];
const HEALTHY_FIXTURES: [(&str, &str); 6] = [
    (
        "/jmx NameNode",
        include_str!("../../../tests/fixtures/hdfs/namenode-active.json"),
    ),
    (
        "/metrics/json",
        include_str!("../../../tests/fixtures/spark/metrics.json"),
    ),
    (
        "/stages",
        include_str!("../../../tests/fixtures/spark/stages.json"),
    ),
    (
        "/environment",
        include_str!("../../../tests/fixtures/spark/environment.json"),
    ),
    (
        "/allexecutors",
        include_str!("../../../tests/fixtures/spark/ess-allexecutors.json"),
    ),
    (
        "/mapreduce/jobs",
        include_str!("../../../tests/fixtures/spark/mapreduce-jobs.json"),
    ),
];

/// Answers of a ResourceManager.
pub fn yarn(data: &[u8]) {
    run_daemon(data, |request| {
        request.contains("/ws/v1/cluster") || request.contains("=ResourceManager")
    });
}

/// Answers of a NameNode.
pub fn hdfs(data: &[u8]) {
    run_daemon(data, |request| request.contains("=NameNode"));
}

/// Answers of running Spark and MapReduce applications.
pub fn spark_rest(data: &[u8]) {
    run_daemon(data, |request| request.contains("/proxy/"));
}

/// Answers of EMR.
pub fn emr(data: &[u8]) {
    run_daemon(data, |request| !request.contains('/'));
}

/// Answers of CloudWatch: JSON, which is sent as CBOR, or any bytes.
pub fn cloudwatch(data: &[u8]) {
    run_daemon(data, |request| request.contains("GetMetricData"));
}

fn run_daemon(data: &[u8], is_fuzzed: fn(&str) -> bool) {
    let services = services();
    services.answer(data, is_fuzzed);
    let folder = Folder::new();
    let settings = folder.settings(&services.address);
    let time = Stepped::starting_at(NOW);
    services.runtime.block_on(async {
        let started = start(&settings, &sdk_config(&services.address), time.clock()).await;
        let mut daemon = match started {
            Ok(daemon) => daemon,
            Err(error) => return drop(error.to_string()),
        };
        let clock = time.clock();
        for _ in 0..2 {
            if let Err(error) = daemon.once().await {
                error.to_string();
            }
            clock
                .sleep_until(clock.now() + Duration::from_secs(60))
                .await;
        }
        let monitor = daemon.monitor();
        monitor.scrape().expect("metrics can be shown");
        serde_json::to_string(&monitor.status()).expect("a status is JSON");
    });
}

/// Answers of a Spark history server.
pub fn history_server(data: &[u8]) {
    let services = services();
    services.answer(data, |_| true);
    let server = HistoryServer::at(&format!("http://{}", services.address)).expect("an address");
    let asked = Asked {
        limit: 3,
        since: None,
        until: None,
    };
    services.runtime.block_on(async {
        let listed = match server.list(asked).await {
            Ok(listed) => listed,
            Err(error) => return drop(error.to_string()),
        };
        let mut sources = Vec::new();
        for attempt in listed.attempts.iter().take(3) {
            match server.replies(attempt).await {
                Ok(source) => sources.push(Ok(source)),
                Err(error) => drop(error.to_string()),
            }
        }
        use_jobs(import_replies(sources));
    });
}

/// The services, which run for as long as the process.
struct Services {
    runtime: Runtime,
    address: String,
    answers: Answers,
}

type Answers = Arc<Mutex<Given>>;

/// The answers of an input.
#[derive(Default)]
struct Given {
    parts: Vec<(String, Bytes)>,
    is_fuzzed: Option<fn(&str) -> bool>,
    answered: usize,
}

fn services() -> &'static Services {
    static SERVICES: OnceLock<Services> = OnceLock::new();
    SERVICES.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let answers = Answers::default();
        let app = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&answers));
        let address = runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
            let address = listener.local_addr().expect("an address");
            // Without waiting for more to send, which takes 40 ms.
            let listener = listener.tap_io(|connection| drop(connection.set_nodelay(true)));
            tokio::spawn(async move { axum::serve(listener, app).await });
            address.to_string()
        });
        Services {
            runtime,
            address,
            answers,
        }
    })
}

impl Services {
    fn answer(&self, data: &[u8], is_fuzzed: fn(&str) -> bool) {
        let own = |(name, part): (&str, &[u8])| (name.to_owned(), Bytes::copy_from_slice(part));
        let mut given = self.answers.lock().expect("not poisoned");
        given.parts = parts(data).into_iter().map(own).collect();
        given.is_fuzzed = Some(is_fuzzed);
        given.answered = 0;
    }
}

async fn answer(State(answers): State<Answers>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let _ = to_bytes(body, 1 << 20).await;
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let request = match target.and_then(|target| target.strip_prefix("ElasticMapReduce.")) {
        Some(operation) => operation.to_owned(),
        None => parts.uri.to_string(),
    };
    let given = answers.lock().expect("not poisoned").take(&request);
    let Some((status, body)) = given.or_else(|| healthy(&request)) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let body = at_this_address(&body, &parts.headers);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    if status == StatusCode::TEMPORARY_REDIRECT {
        let location = String::from_utf8_lossy(&body).trim().to_owned();
        return match header::HeaderValue::from_str(&location) {
            Ok(location) => (status, [(header::LOCATION, location)]).into_response(),
            Err(_) => status.into_response(),
        };
    }
    if request.contains("GetMetricData") {
        let headers = [
            ("content-type", "application/cbor"),
            ("smithy-protocol", "rpc-v2-cbor"),
        ];
        return (status, headers, as_cbor(body)).into_response();
    }
    let media_type = if request.contains('/') {
        "application/json"
    } else {
        "application/x-amz-json-1.1"
    };
    (status, [("content-type", media_type)], body).into_response()
}

/// The text with the address that the services have now, which the request names.
fn at_this_address(text: &[u8], headers: &HeaderMap) -> Bytes {
    let host = headers
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    match (std::str::from_utf8(text), host) {
        (Ok(text), Some(host)) => text.replace(WRITTEN_ADDRESS, host).into(),
        _ => Bytes::copy_from_slice(text),
    }
}

impl Given {
    /// The first answer of the input whose words are all in the request. One that has been given makes
    /// room for the next such answer, if there is one.
    fn take(&mut self, request: &str) -> Option<(u16, Bytes)> {
        if !self.is_fuzzed.is_some_and(|is_fuzzed| is_fuzzed(request))
            || self.answered >= ANSWERS_MAX
        {
            return None;
        }
        let fits: Vec<usize> = (0..self.parts.len())
            .filter(|index| is_for(&self.parts[*index].0, request))
            .collect();
        let first = *fits.first()?;
        self.answered += 1;
        let (name, body) = self.parts[first].clone();
        if fits.len() > 1 {
            self.parts.remove(first);
        }
        Some((status(&name).unwrap_or(200), body))
    }
}

/// What a healthy cluster answers.
fn healthy(request: &str) -> Option<(u16, Bytes)> {
    let fixtures = HEALTHY_FIXTURES
        .into_iter()
        .map(|(name, text)| (name, text.as_bytes()));
    let texts = HEALTHY.iter().flat_map(|text| parts(text.as_bytes()));
    let mut found = texts
        .chain(fixtures)
        .filter(|(name, _)| is_for(name, request));
    found
        .next()
        .map(|(_, body)| (200, Bytes::copy_from_slice(body)))
}

/// Statuses that are not tried again, which takes time.
fn status(name: &str) -> Option<u16> {
    let number = name.split_whitespace().next()?.parse().ok()?;
    [200, 307, 400, 401, 403, 404]
        .contains(&number)
        .then_some(number)
}

fn is_for(name: &str, request: &str) -> bool {
    let mut words = name
        .split_whitespace()
        .filter(|word| word.parse::<u16>().is_err())
        .peekable();
    words.peek().is_some() && words.all(|word| request.contains(word))
}

/// JSON as CBOR, in which numbers among `Timestamps` are instants. What is not JSON stays as it is.
fn as_cbor(body: Bytes) -> Bytes {
    let Ok(value) = serde_json::from_slice::<Value>(&body) else {
        return body;
    };
    let mut bytes = Vec::new();
    ciborium::into_writer(&cbor(&value, false), &mut bytes).expect("writes to memory");
    bytes.into()
}

fn cbor(value: &Value, is_time: bool) -> Cbor {
    match value {
        Value::Null => Cbor::Null,
        Value::Bool(value) => Cbor::Bool(*value),
        Value::Number(number) if is_time => Cbor::Tag(
            1,
            Box::new(Cbor::Float(number.as_f64().unwrap_or_default())),
        ),
        Value::Number(number) => Cbor::Float(number.as_f64().unwrap_or_default()),
        Value::String(text) => Cbor::Text(text.clone()),
        Value::Array(items) => Cbor::Array(items.iter().map(|item| cbor(item, is_time)).collect()),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| {
                (Cbor::Text(name.clone()), cbor(value, name == "Timestamps"))
            };
            Cbor::Map(fields.iter().map(field).collect())
        }
    }
}

/// Requests to the services of a rehearsal: each after a line `== OPERATION`, of EMR, or `== /PATH`.
pub fn rehearsal(data: &[u8]) {
    let runtime = &services().runtime;
    let time = Stepped::starting_at(NOW);
    let scenario = Arc::new(Scenario::default());
    runtime.block_on(async {
        let cluster = SimulatedCluster::start(Arc::new(small()), scenario, 1, time.clock());
        let cluster = cluster.expect("work that fits");
        let services = rehearsal::Services::start(cluster.clone(), "j-1", "fuzz").await;
        let services = services.expect("a port");
        let client = reqwest::Client::new();
        for (name, body) in parts(data).into_iter().take(REQUESTS_MAX) {
            let Ok(url) = services
                .url()
                .join(if name.starts_with('/') { name } else { "/" })
            else {
                continue;
            };
            let request = if name.starts_with('/') {
                client.get(url)
            } else {
                let target = format!("ElasticMapReduce.{name}");
                client
                    .post(url)
                    .header("x-amz-target", target)
                    .body(body.to_vec())
            };
            // A header or an address that HTTP does not allow is not sent.
            if let Ok(answer) = request.send().await {
                assert!(
                    answer.status() != StatusCode::INTERNAL_SERVER_ERROR || name.is_empty(),
                    "{name}"
                );
                let _ = answer.bytes().await;
            }
            time.clock()
                .sleep_until(time.clock().now() + Duration::from_secs(60))
                .await;
        }
        cluster.end().await.expect("the cluster still runs");
    });
}
