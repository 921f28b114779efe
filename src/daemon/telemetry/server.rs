//! The HTTP endpoints: metrics, health and status. All are read-only.

mod page;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Json, Response};
use axum::routing::get;
use tokio::net::TcpListener;

use crate::daemon::telemetry::monitor::Monitor;

/// The default address of the endpoints, reachable from this machine only.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9742";

const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The page is self-contained: it loads nothing and runs no scripts.
const PAGE_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// Serves until `shutdown` completes, then finishes the requests in progress.
///
/// # Errors
/// When the listener fails.
pub async fn run(
    listener: TcpListener,
    monitor: Arc<Monitor>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    axum::serve(listener, router(monitor))
        .with_graceful_shutdown(shutdown)
        .await
}

fn router(monitor: Arc<Monitor>) -> Router {
    Router::new()
        .route("/", get(status_page))
        .route("/metrics", get(metrics))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/api/v1/status", get(status))
        .with_state(monitor)
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
