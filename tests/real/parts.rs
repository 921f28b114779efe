//! What the tests run against. Each part starts as a process of its own, on ports that were free
//! and with its state in a temporary folder, and is gone when it is dropped.

pub mod daemon;
pub mod fleet;
pub mod http;
pub mod installed;
pub mod jobs;
pub mod moto;
pub mod process;
pub mod prometheus;
pub mod yarn;

use std::net::TcpListener;
use std::time::Duration;

/// What `probe` finds, asked again until there is something. Panics after `bound`, saying what
/// never came.
pub async fn eventually<T>(
    what: &str,
    bound: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let asking = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            pause().await;
        }
    };
    within(what, bound, asking).await
}

/// What `future` yields. Panics after `bound`, saying what never came.
pub async fn within<T>(what: &str, bound: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(bound, future)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {} s", bound.as_secs()))
}

/// Between two looks at something that others change.
pub async fn pause() {
    tokio::time::sleep(Duration::from_millis(250)).await;
}

/// A port that nothing listens on at this moment.
pub fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .and_then(|listener| listener.local_addr())
        .expect("a free port")
        .port()
}

pub const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
