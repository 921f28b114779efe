//! The HTTP endpoints: metrics, health, status. They can be read, and nothing can be changed through them.

use std::sync::Arc;

use tokio::net::TcpListener;

use crate::daemon::monitor::Monitor;

/// Where the endpoints are, unless the settings say otherwise: for this machine only.
pub const DEFAULT_LISTEN: &str = "127.0.0.1:9742";

/// Serves until `shutdown` is ready; requests that are being answered are finished.
///
/// # Errors
/// When the listener fails.
pub async fn run(
    _listener: TcpListener,
    _monitor: Arc<Monitor>,
    _shutdown: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    unimplemented!("being built")
}
