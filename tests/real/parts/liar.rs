//! A web interface of an application that answers whatever it likes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use reqwest::Url;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::http;

/// What it answers to every question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// The largest numbers that are read.
    Largest,
    /// Numbers that no application can have.
    Absurd,
    /// More than is read.
    Endless,
    /// A text that is not JSON, as JSON.
    Garbage,
}

/// The server; it stops when it is dropped.
#[derive(Debug)]
pub struct Liar {
    address: Url,
    lie: watch::Sender<Lie>,
    asked: Arc<AtomicU32>,
    server: JoinHandle<()>,
}

impl Liar {
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let (lie, current) = watch::channel(Lie::Largest);
        let asked = Arc::new(AtomicU32::new(0));
        let router = Router::new()
            .fallback(answer)
            .with_state((current, Arc::clone(&asked)));
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves");
        });
        Self {
            address: http::local(port),
            lie,
            asked,
            server,
        }
    }

    pub fn address(&self) -> &Url {
        &self.address
    }

    pub fn tell(&self, lie: Lie) {
        self.lie.send_replace(lie);
    }

    /// How many requests it has had.
    pub fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    State((lie, asked)): State<(watch::Receiver<Lie>, Arc<AtomicU32>)>,
    request: Request,
) -> Response {
    asked.fetch_add(1, Ordering::Relaxed);
    let lie = *lie.borrow();
    let path = request.uri().path();
    let body = match lie {
        Lie::Endless => " ".repeat(4 << 20),
        Lie::Garbage => "<html>".to_owned(),
        Lie::Largest => answers(path, u64::from(u32::MAX), u64::MAX),
        Lie::Absurd => answers(path, u64::MAX, u64::MAX),
    };
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(body))
        .expect("an answer")
}

/// Spark's answers with `count` of everything.
fn answers(path: &str, count: u64, time_ms: u64) -> String {
    if path.ends_with("/metrics/json") {
        let gauge = |name| format!("a.driver.ExecutorAllocationManager.executors.{name}");
        let gauges = ["numberAllExecutors", "numberMaxNeededExecutors"]
            .map(|name| (gauge(name), json!({ "value": count })));
        return json!({ "gauges": serde_json::Map::from_iter(gauges) }).to_string();
    }
    if path.ends_with("/environment") {
        let properties = [
            ["spark.executor.memory", "1000000t"],
            ["spark.executor.cores", "2147483647"],
            ["spark.dynamicAllocation.maxExecutors", "2147483647"],
        ];
        return json!({ "sparkProperties": properties }).to_string();
    }
    if path.ends_with("/jobs") {
        return json!([{ "stageIds": [0, 1] }]).to_string();
    }
    let stages = ["ACTIVE", "PENDING"].into_iter().enumerate();
    let stages = stages.map(|(id, status)| {
        json!({
            "status": status,
            "stageId": id,
            "numTasks": count,
            "numActiveTasks": count,
            "numCompleteTasks": 1,
            "executorRunTime": time_ms,
        })
    });
    stages.collect::<serde_json::Value>().to_string()
}
