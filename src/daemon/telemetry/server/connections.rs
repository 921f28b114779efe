//! Accepts connections, and limits what each of them can take: whoever can connect is not trusted.
//!
//! A connection is for one request. So nothing that follows a request is read, and it does not matter
//! what someone else would take for its end.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// What connections may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many are open at the same time. For a further one, the oldest is closed: an honest client
    /// has its answer within milliseconds, and need not wait for those that are slow.
    pub connections: usize,
    /// The time for the head of the request to arrive.
    pub head: Duration,
    /// The time for everything, until the client has read the answer.
    pub total: Duration,
    /// The bytes of the head, its address included; at least 8,192.
    pub head_bytes: usize,
    /// The number of headers.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 64,
            head: Duration::from_secs(10),
            total: Duration::from_secs(30),
            head_bytes: 16 << 10,
            headers: 64,
        }
    }
}

/// After an error of the listener, such as too many open files, it rests for so long.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(500);
/// The time for requests in progress when the server ends.
const GRACE: Duration = Duration::from_secs(1);

/// Serves until `shutdown` completes, then finishes the requests in progress, if they are quick.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) {
    let mut shutdown = std::pin::pin!(shutdown);
    let mut open = Open::default();
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => match accepted {
                Ok((connection, _)) => {
                    open.make_room(limits.connections);
                    open.add(answer(connection, router.clone(), limits));
                }
                Err(error) => rest_after(&error).await,
            }
        }
    }
    drop(listener);
    let _ = tokio::time::timeout(GRACE, open.finish()).await;
}

/// A client that is already gone is its own affair. Everything else may last.
async fn rest_after(error: &io::Error) {
    if !matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    ) {
        tracing::warn!(%error, "the HTTP server cannot accept a connection");
        tokio::time::sleep(PAUSE_AFTER_ERROR).await;
    }
}

/// The open connections, the oldest first.
#[derive(Default)]
struct Open {
    tasks: JoinSet<()>,
    by_age: VecDeque<AbortHandle>,
}

impl Open {
    fn make_room(&mut self, most: usize) {
        while self.tasks.try_join_next().is_some() {}
        self.by_age.retain(|connection| !connection.is_finished());
        while self.by_age.len() >= most.max(1) {
            if let Some(oldest) = self.by_age.pop_front() {
                oldest.abort();
            }
        }
    }

    fn add(&mut self, connection: impl Future<Output = ()> + Send + 'static) {
        self.by_age.push_back(self.tasks.spawn(connection));
    }

    async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Answers one request. What is wrong with it is the client's affair, and not logged: everyone who can
/// connect could fill the log.
async fn answer(connection: TcpStream, router: Router, limits: Limits) {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .keep_alive(false)
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers);
    let served =
        builder.serve_connection(TokioIo::new(connection), TowerToHyperService::new(router));
    let _ = tokio::time::timeout(limits.total, served).await;
}
