//! Services for tests that speak HTTP on loopback, well or badly.

pub mod tls;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{Response, header};
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What a fake service answers.
#[derive(Clone, Debug)]
pub struct Canned {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
    delay: Duration,
}

impl Canned {
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::typed("application/json;charset=utf-8", body)
    }

    pub fn typed(media_type: &str, body: impl Into<Bytes>) -> Self {
        Self {
            status: 200,
            headers: vec![(header::CONTENT_TYPE.as_str(), media_type.to_owned())],
            body: body.into(),
            delay: Duration::ZERO,
        }
    }

    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Bytes::new(),
            delay: Duration::ZERO,
        }
    }

    /// The same answer with a header more.
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The same answer after a delay.
    pub fn after(self, delay: Duration) -> Self {
        Self { delay, ..self }
    }

    /// What a standby ResourceManager answers when it knows the active one.
    pub fn redirect(location: impl Into<String>) -> Self {
        Self {
            headers: vec![("location", location.into())],
            ..Self::status(307)
        }
    }
}

/// A service that runs until it is dropped.
#[derive(Debug)]
pub struct Fake {
    pub url: Url,
    routes: Routes,
    serving: JoinHandle<()>,
}

/// Patterns of addresses with their answers. Later ones take precedence.
type Routes = Arc<Mutex<Vec<(String, Canned)>>>;

impl Fake {
    /// A service that answers 404 to every request.
    pub async fn start() -> Self {
        let routes = Routes::default();
        let app = Router::new().fallback(answer).with_state(routes.clone());
        let (listener, url) = listen().await;
        let serving =
            tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
        Self {
            url,
            routes,
            serving,
        }
    }

    /// From now on, addresses that contain all words of `pattern` get this answer.
    pub fn answers(&self, pattern: &str, canned: Canned) -> &Self {
        self.routes
            .lock()
            .expect("no test panics in between")
            .push((pattern.to_owned(), canned));
        self
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(routes): State<Routes>, request: Request) -> Response<Body> {
    let uri = request.uri().to_string();
    let routes = routes.lock().expect("no test panics in between").clone();
    let matching = routes
        .into_iter()
        .rev()
        .find(|(pattern, _)| pattern.split(' ').all(|word| uri.contains(word)));
    let canned = matching.map_or_else(|| Canned::status(404), |(_, canned)| canned);
    tokio::time::sleep(canned.delay).await;
    let mut response = Response::builder().status(canned.status);
    for (name, value) in canned.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(canned.body)).expect("a response")
}

/// A service that handles each connection with a function, after reading the request.
pub async fn rude<F: Future<Output = ()> + Send + 'static>(
    behave: impl Fn(TcpStream) -> F + Send + Sync + 'static,
) -> Fake {
    let (listener, url) = listen().await;
    let serving = tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            // The head of a GET fits into one segment.
            let mut request = [0; 4096];
            if connection.read(&mut request).await.is_ok() {
                tokio::spawn(behave(connection));
            }
        }
    });
    Fake {
        url,
        routes: Routes::default(),
        serving,
    }
}

/// Keeps what it hears, and answers 404.
pub async fn recording(heard: &Arc<Mutex<String>>) -> Fake {
    let app = {
        let heard = Arc::clone(heard);
        Router::new().fallback(move |request: Request| {
            let head = format!(
                "{} {}\n{:?}\n",
                request.method(),
                request.uri(),
                request.headers()
            );
            heard
                .lock()
                .expect("no test panics in between")
                .push_str(&head);
            async { axum::http::StatusCode::NOT_FOUND }
        })
    };
    let (listener, url) = listen().await;
    let serving = tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
    Fake {
        url,
        routes: Routes::default(),
        serving,
    }
}

/// Accepts and never answers.
pub async fn silent() -> Fake {
    rude(|connection| async {
        std::future::pending::<()>().await;
        drop(connection);
    })
    .await
}

/// Sends `head`, then `piece` repeatedly with `pause` in between, until the connection closes.
pub async fn endless(head: &'static str, piece: Vec<u8>, pause: Duration) -> Fake {
    rude(move |mut connection| {
        let piece = piece.clone();
        async move {
            let mut sent = connection.write_all(head.as_bytes()).await;
            while sent.is_ok() {
                sent = connection.write_all(&piece).await;
                tokio::time::sleep(pause).await;
            }
        }
    })
    .await
}

/// An address without a listener.
pub async fn nobody() -> Url {
    listen().await.1
}

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("bound");
    (
        listener,
        Url::parse(&format!("http://{address}")).expect("an address"),
    )
}
