//! The services that the tests run against. Each is a process on free ports, with its state in a
//! temporary folder, and ends when it is dropped.

pub mod daemon;
pub mod event_log;
pub mod fleet;
pub mod http;
pub mod installed;
pub mod jobs;
pub mod kerberos;
pub mod liar;
pub mod moto;
pub mod process;
pub mod prometheus;
pub mod spark;
pub mod spark_on_yarn;
pub mod yarn;

use std::net::TcpListener;
use std::time::Duration;

/// Repeats `probe` until it returns a value. Panics after `bound`.
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

/// Awaits `future`. Panics after `bound`.
pub async fn within<T>(what: &str, bound: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(bound, future)
        .await
        .unwrap_or_else(|_| panic!("{what}: not within {} s", bound.as_secs()))
}

/// The time between two probes.
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
