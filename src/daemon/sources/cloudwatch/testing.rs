//! A stand-in for CloudWatch on loopback. It speaks the protocol of the current SDKs (Smithy RPC v2
//! CBOR), keeps points, and aggregates, pages and forgets them as Amazon's API reference says.
//! Names nothing of this crate, so that tests of the binary use it, too.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use ciborium::Value;

/// A CloudWatch; all its servers share the same points.
pub struct FakeCloudWatch {
    pub address: SocketAddr,
    memory: Arc<Mutex<Memory>>,
}

/// How one request fails.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// An error of the service.
    Refusal(u16, &'static str),
    /// An answer with this status that is not CBOR.
    Garbage(u16),
    /// No answer at all.
    Silence,
    /// All results have this status, and no points.
    Status(&'static str),
}

/// A request to GetMetricData, as far as tests look at it.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub metrics: Vec<String>,
    pub from_s: i64,
    pub to_s: i64,
    pub token: Option<String>,
}

/// Namespace, name, and dimensions as `Name=Value`, sorted.
type Series = (String, String, Vec<String>);

#[derive(Default)]
struct Memory {
    points: BTreeMap<Series, BTreeMap<i64, f64>>,
    faults: VecDeque<Option<Fault>>,
    asked: Vec<Asked>,
    /// The number of values of each metric on each page.
    points_on_page: Option<usize>,
    /// When set, points are forgotten as they grow old.
    now_s: Option<i64>,
}

impl FakeCloudWatch {
    /// Serves on a port of its own until the process ends.
    pub fn start() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("non-blocking");
        let fake = Self::at(listener.local_addr().expect("an address"));
        let app = fake.router();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                axum::serve(tokio::net::TcpListener::from_std(listener)?, app).await
            })
        });
        fake
    }

    /// For the server at this address, which serves [`Self::router`].
    pub fn at(address: SocketAddr) -> Self {
        Self {
            address,
            memory: Arc::default(),
        }
    }

    pub fn router(&self) -> Router {
        Router::new()
            .fallback(answer)
            .with_state(self.memory.clone())
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A point of a metric of the cluster `j-1` in `AWS/ElasticMapReduce`, or of `namespace`.
    pub fn put(&self, namespace: &str, name: &str, dimension: (&str, &str), at_s: i64, value: f64) {
        let series = (
            namespace.to_owned(),
            name.to_owned(),
            vec![format!("{}={}", dimension.0, dimension.1)],
        );
        self.memory()
            .points
            .entry(series)
            .or_default()
            .insert(at_s, value);
    }

    /// After so many requests that go well, the next ones fail, one after the other.
    pub fn fail_after(&self, requests: usize, faults: &[Fault]) {
        let well = std::iter::repeat_n(None, requests);
        self.memory()
            .faults
            .extend(well.chain(faults.iter().copied().map(Some)));
    }

    pub fn page(&self, points: usize) {
        self.memory().points_on_page = Some(points);
    }

    pub fn forget_as_of(&self, now_s: i64) {
        self.memory().now_s = Some(now_s);
    }

    /// The requests to GetMetricData since the last call of this.
    pub fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.memory().asked)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(State(memory): State<Arc<Mutex<Memory>>>, uri: Uri, body: Bytes) -> Response {
    let of = |status| StatusCode::from_u16(status).expect("a status");
    let fault = memory
        .lock()
        .expect("not poisoned")
        .faults
        .pop_front()
        .flatten();
    match fault {
        Some(Fault::Refusal(status, code)) => {
            return cbor(
                of(status),
                &map([
                    ("__type", text(&format!("com.amazonaws.cloudwatch#{code}"))),
                    ("message", text("as told")),
                ]),
            );
        }
        Some(Fault::Garbage(status)) => {
            return (of(status), "<html>welcome</html>").into_response();
        }
        Some(Fault::Silence) => std::future::pending::<()>().await,
        Some(Fault::Status(_)) | None => {}
    }
    let request: Value = ciborium::from_reader(&body[..]).expect("a request in CBOR");
    let mut memory = memory.lock().expect("not poisoned");
    match uri.path().rsplit('/').next() {
        Some("GetMetricData") => cbor(StatusCode::OK, &memory.get_metric_data(&request, fault)),
        Some("ListMetrics") => cbor(StatusCode::OK, &memory.list_metrics(&request)),
        _ => cbor(
            StatusCode::NOT_FOUND,
            &map([("__type", text("UnknownOperationException"))]),
        ),
    }
}

impl Memory {
    fn get_metric_data(&mut self, request: &Value, fault: Option<Fault>) -> Value {
        let queries = field(request, "MetricDataQueries")
            .and_then(Value::as_array)
            .expect("queries");
        let instant = |name| seconds(field(request, name).expect("a time"));
        let (from_s, to_s) = (instant("StartTime"), instant("EndTime"));
        let token = field(request, "NextToken")
            .and_then(Value::as_text)
            .map(str::to_owned);
        let page: usize = token
            .as_deref()
            .map_or(0, |token| token.parse().expect("a token of ours"));
        let is_newest_first =
            field(request, "ScanBy").and_then(Value::as_text) == Some("TimestampDescending");
        let on_page = self.points_on_page.unwrap_or(100_800);
        let mut is_last = true;
        let mut metrics = Vec::new();
        let results = queries.iter().map(|query| {
            let stat = field(query, "MetricStat").expect("a statistic of a metric");
            metrics.push(string(
                field(stat, "Metric").expect("a metric"),
                "MetricName",
            ));
            let mut all = self.aggregate(stat, from_s, to_s);
            if is_newest_first {
                all.reverse();
            }
            let points: Vec<&(i64, f64)> = all.iter().skip(page * on_page).take(on_page).collect();
            let has_more = all.len() > (page + 1) * on_page;
            is_last &= !has_more;
            let (status, points) = match fault {
                Some(Fault::Status(status)) => (status, Vec::new()),
                _ => (if has_more { "PartialData" } else { "Complete" }, points),
            };
            let time = |at_s: i64| Value::Tag(1, Box::new(Value::Float(at_s as f64)));
            map([
                ("Id", text(&string(query, "Id"))),
                ("StatusCode", text(status)),
                (
                    "Timestamps",
                    Value::Array(points.iter().map(|(at_s, _)| time(*at_s)).collect()),
                ),
                (
                    "Values",
                    Value::Array(
                        points
                            .iter()
                            .map(|(_, value)| Value::Float(*value))
                            .collect(),
                    ),
                ),
            ])
        });
        let results = Value::Array(results.collect());
        self.asked.push(Asked {
            metrics,
            from_s,
            to_s,
            token,
        });
        let next = (!is_last).then(|| ("NextToken", text(&(page + 1).to_string())));
        map([("MetricDataResults", results)].into_iter().chain(next))
    }

    /// Periods are counted from the beginning of the request.
    fn aggregate(&self, stat: &Value, from_s: i64, to_s: i64) -> Vec<(i64, f64)> {
        let period_s = field(stat, "Period")
            .and_then(Value::as_integer)
            .and_then(|period| i64::try_from(period).ok())
            .expect("a period");
        if self
            .now_s
            .is_some_and(|now_s| from_s < now_s - kept_s(period_s))
        {
            return Vec::new();
        }
        let Some(points) = self
            .points
            .get(&series(field(stat, "Metric").expect("a metric")))
        else {
            return Vec::new();
        };
        let mut periods: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (at_s, value) in points.range(from_s..to_s) {
            periods
                .entry(at_s - (at_s - from_s) % period_s)
                .or_default()
                .push(*value);
        }
        let stat = string(stat, "Stat");
        periods
            .into_iter()
            .map(|(begin_s, values)| (begin_s, statistic(&stat, &values)))
            .collect()
    }

    fn list_metrics(&self, request: &Value) -> Value {
        let namespace = string(request, "Namespace");
        let filter = field(request, "Dimensions")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        let found = self
            .points
            .keys()
            .filter(|(of, _, dimensions)| *of == namespace && fits(dimensions, &filter));
        map([("Metrics", Value::Array(found.map(metric).collect()))])
    }
}

/// Whether a series has each of the dimensions that a request names, with its value if it has one.
fn fits(dimensions: &[String], filter: &[Value]) -> bool {
    filter.iter().all(|wanted| {
        let value = field(wanted, "Value").map_or(String::new(), |_| string(wanted, "Value"));
        let start = format!("{}={value}", string(wanted, "Name"));
        dimensions
            .iter()
            .any(|dimension| dimension.starts_with(&start))
    })
}

fn metric((namespace, name, dimensions): &Series) -> Value {
    let pairs = dimensions
        .iter()
        .filter_map(|dimension| dimension.split_once('='));
    let dimensions = pairs.map(|(name, value)| map([("Name", text(name)), ("Value", text(value))]));
    map([
        ("Namespace", text(namespace)),
        ("MetricName", text(name)),
        ("Dimensions", Value::Array(dimensions.collect())),
    ])
}

/// How long points of a period are kept (API reference of GetMetricData).
fn kept_s(period_s: i64) -> i64 {
    match period_s {
        _ if period_s % 3_600 == 0 => 455 * 86_400,
        _ if period_s % 300 == 0 => 63 * 86_400,
        _ if period_s % 60 == 0 => 15 * 86_400,
        _ => 3 * 3_600,
    }
}

fn statistic(name: &str, values: &[f64]) -> f64 {
    match name {
        "Average" => values.iter().sum::<f64>() / values.len() as f64,
        "Sum" => values.iter().sum(),
        "Minimum" => values.iter().copied().fold(f64::INFINITY, f64::min),
        "Maximum" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "SampleCount" => values.len() as f64,
        _ => panic!("{name} is no statistic"),
    }
}

fn series(metric: &Value) -> Series {
    let dimensions = field(metric, "Dimensions")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let mut dimensions: Vec<String> = dimensions
        .iter()
        .map(|dimension| {
            format!(
                "{}={}",
                string(dimension, "Name"),
                string(dimension, "Value")
            )
        })
        .collect();
    dimensions.sort();
    (
        string(metric, "Namespace"),
        string(metric, "MetricName"),
        dimensions,
    )
}

fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    value
        .as_map()?
        .iter()
        .find(|(key, _)| key.as_text() == Some(name))
        .map(|(_, value)| value)
}

fn string(value: &Value, name: &str) -> String {
    field(value, name)
        .and_then(Value::as_text)
        .unwrap_or_else(|| panic!("{name} is missing"))
        .to_owned()
}

fn seconds(value: &Value) -> i64 {
    let Value::Tag(1, inner) = value else {
        panic!("{value:?} is no timestamp")
    };
    inner
        .as_float()
        .map(|seconds| seconds as i64)
        .or_else(|| {
            inner
                .as_integer()
                .and_then(|seconds| seconds.try_into().ok())
        })
        .expect("a number")
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    Value::Map(
        fields
            .into_iter()
            .map(|(name, value)| (text(name), value))
            .collect(),
    )
}

fn cbor(status: StatusCode, body: &Value) -> Response {
    let mut bytes = Vec::new();
    ciborium::into_writer(body, &mut bytes).expect("writes to memory");
    let headers = [
        (header::CONTENT_TYPE, "application/cbor"),
        (
            header::HeaderName::from_static("smithy-protocol"),
            "rpc-v2-cbor",
        ),
    ];
    (status, headers, bytes).into_response()
}
