//! The HTTP endpoints: metrics, health and status. All are read-only.

mod connections;
mod page;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use tokio::sync::oneshot;

use crate::daemon::telemetry::monitor::Monitor;
use connections::Limits;

/// The default address of the endpoints, reachable from this machine only.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9742";

const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page is self-contained: it loads nothing and runs no scripts.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// For all other answers: whatever they contain, a browser takes it for no page.
const NO_PAGE_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// A server that runs until it is dropped.
///
/// It has a thread of its own: however many requests arrive, the loop of the daemon does not wait for
/// their answers.
#[derive(Debug)]
pub struct Server {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Server {
    /// Serves what `monitor` knows to those who connect to `listener`.
    ///
    /// # Errors
    /// When there can be no further thread.
    pub fn start(listener: TcpListener, monitor: Arc<Monitor>) -> io::Result<Self> {
        Self::within(Limits::default(), listener, monitor)
    }

    fn within(limits: Limits, listener: TcpListener, monitor: Arc<Monitor>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let (stop, stopped) = oneshot::channel();
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()?;
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                let stopped = async {
                    // An error means that the sender is dropped, which ends the server as well.
                    let _ = stopped.await;
                };
                connections::serve(listener, router(monitor), limits, stopped).await;
                Ok(())
            })
        };
        let thread = std::thread::Builder::new()
            .name("http".to_owned())
            .spawn(run)?;
        Ok(Self { stop, thread })
    }

    /// Ends the server, after the requests in progress.
    ///
    /// # Errors
    /// When the server could not run.
    pub async fn stop(self) -> io::Result<()> {
        drop(self.stop);
        let ended = tokio::task::spawn_blocking(|| self.thread.join()).await;
        ended.map_err(io::Error::other)?.unwrap_or_else(|_| {
            Err(io::Error::other(
                "its thread panicked; this is a bug in Headroom",
            ))
        })
    }
}

fn router(monitor: Arc<Monitor>) -> Router {
    Router::new()
        .route("/", get(status_page))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/status", get(status))
        .layer(axum::middleware::map_response(guarded))
        .with_state(monitor)
}

/// What protects a reader's browser, in every answer.
async fn guarded(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(NO_PAGE_POLICY));
    response
}

async fn status_page(State(monitor): State<Arc<Monitor>>) -> Response {
    let headers = [
        never_stored(),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    (headers, Html(page::render(&monitor.status()))).into_response()
}

async fn status(State(monitor): State<Arc<Monitor>>) -> Response {
    ([never_stored()], Json(monitor.status())).into_response()
}

async fn metrics(State(monitor): State<Arc<Monitor>>) -> Response {
    match monitor.scrape() {
        Ok(text) => ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot render the metrics; this is a bug in Headroom");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn healthz(State(monitor): State<Arc<Monitor>>) -> Response {
    verdict(&monitor.status().unhealthy)
}

async fn readyz(State(monitor): State<Arc<Monitor>>) -> Response {
    let status = monitor.status();
    verdict(&[status.unhealthy, status.unready].concat())
}

fn verdict(problems: &[String]) -> Response {
    if problems.is_empty() {
        return ([never_stored()], "ok\n").into_response();
    }
    (
        StatusCode::SERVICE_UNAVAILABLE,
        [never_stored()],
        format!("{}\n", problems.join("\n")),
    )
        .into_response()
}

fn never_stored() -> (HeaderName, &'static str) {
    (header::CACHE_CONTROL, "no-store")
}

#[cfg(test)]
mod tests;
