//! HTTP GET of JSON with bounds on time and size, for services that are not always what they seem.

mod trust;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Client, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::daemon::clock::Stopwatch;
use crate::daemon::sources::source::{Call, SourceError};

pub use trust::TrustError;

/// A machine of the same network that has not taken a connection by then is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// As much of an unexpected text as an error quotes.
const QUOTED_CHARS: usize = 60;

/// Asks for JSON. Follows no redirect and knows no proxy: the answer comes from the address that
/// was asked, or there is none.
#[derive(Clone, Debug)]
pub struct HttpGet {
    client: Client,
}

/// How long something may take in all, counted from when it began.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    since: Stopwatch,
    pub total: Duration,
}

impl TimeLimit {
    pub fn start(total: Duration) -> Self {
        Self {
            since: Stopwatch::start(),
            total,
        }
    }

    pub fn left(&self) -> Duration {
        self.total.saturating_sub(self.since.elapsed())
    }
}

/// What a service answered: JSON, or that another address should be asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    Json(T),
    /// 307 with the `Location` it gave, if that is an HTTP address.
    Redirect(Option<Url>),
}

impl HttpGet {
    /// `trusted` is a PEM file with the certificates to believe in place of the machine's own
    /// authorities.
    pub fn new(trusted: Option<&Path>) -> Result<Self, TrustError> {
        let accept = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]);
        let builder = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .retry(reqwest::retry::never());
        let mut builder = builder
            .connect_timeout(CONNECT_TIMEOUT)
            .default_headers(accept);
        if let Some(pem) = trusted {
            builder = builder.tls_backend_preconfigured(trust::only(pem)?);
        }
        let client = builder.build().map_err(|error| TrustError::Unusable {
            cause: innermost(&error).to_string(),
        })?;
        Ok(Self { client })
    }

    /// The JSON at `url`; a redirect counts as a failure.
    ///
    /// # Errors
    /// Whatever is not JSON of the shape of `T`, in at most `limit_bytes`, `within` that time.
    pub async fn json<T: DeserializeOwned>(
        &self,
        url: &Url,
        limit_bytes: usize,
        within: TimeLimit,
    ) -> Result<T, SourceError> {
        match self.answer(url, limit_bytes, within).await? {
            Answer::Json(value) => Ok(value),
            Answer::Redirect(_) => Err(SourceError::Status {
                url: shown(url),
                status: StatusCode::TEMPORARY_REDIRECT.as_u16(),
            }),
        }
    }

    /// Like [`Self::json`], for services that may point to another address.
    pub async fn answer<T: DeserializeOwned>(
        &self,
        url: &Url,
        limit_bytes: usize,
        within: TimeLimit,
    ) -> Result<Answer<T>, SourceError> {
        let timed_out = || SourceError::TimedOut {
            what: shown(url),
            after: within.total,
        };
        let body = async {
            let response = self
                .client
                .get(url.clone())
                .send()
                .await
                .map_err(|error| failure(url, error))?;
            if response.status() == StatusCode::TEMPORARY_REDIRECT {
                return Ok(Err(location(url, &response)));
            }
            read(url, response, limit_bytes).await.map(Ok)
        };
        match tokio::time::timeout(within.left(), body)
            .await
            .map_err(|_| timed_out())??
        {
            Ok(body) => parse(url, &body).map(Answer::Json),
            Err(redirect) => Ok(Answer::Redirect(redirect)),
        }
    }
}

/// Waits for an answer and takes down how the call went.
pub async fn timed<T>(
    operation: &'static str,
    answer: impl Future<Output = Result<T, SourceError>>,
) -> (Result<T, SourceError>, Call) {
    let watch = Stopwatch::start();
    let answer = answer.await;
    let result = answer.as_ref().map_or_else(SourceError::label, |_| "ok");
    (
        answer,
        Call {
            operation,
            result,
            took: watch.elapsed(),
        },
    )
}

/// The address as it may be written down: without a password.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot carry a name, and so carry none.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

/// An answer that cannot be used, with what is wrong about it.
pub fn malformed(url: &Url, problem: impl Into<String>) -> SourceError {
    SourceError::Malformed {
        url: shown(url),
        problem: problem.into(),
    }
}

fn location(url: &Url, response: &Response) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    // Relative addresses are allowed.
    url.join(location)
        .ok()
        .filter(|target| ["http", "https"].contains(&target.scheme()) && target.has_host())
}

/// Reads the body piece by piece, and stops as soon as it cannot become what was asked for.
async fn read(
    url: &Url,
    mut response: Response,
    limit_bytes: usize,
) -> Result<Vec<u8>, SourceError> {
    if response.status() != StatusCode::OK {
        return Err(SourceError::Status {
            url: shown(url),
            status: response.status().as_u16(),
        });
    }
    let too_large = || SourceError::TooLarge {
        url: shown(url),
        limit_bytes,
    };
    if response
        .content_length()
        .is_some_and(|length| length > limit_bytes as u64)
    {
        return Err(too_large());
    }
    let media_type = media_type(response.headers());
    let mut body = Vec::new();
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| failure(url, error))?
    {
        if body.len() + piece.len() > limit_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
        if media_type != "application/json" || !may_be_an_object(&body) {
            return Err(malformed(
                url,
                format!("not JSON but {media_type}: {}", quoted(&body)),
            ));
        }
    }
    Ok(body)
}

fn media_type(headers: &HeaderMap) -> String {
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("of no declared type");
    text.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// All that our services send begins with a brace; an empty body is left to the parser.
fn may_be_an_object(body: &[u8]) -> bool {
    body.iter()
        .find(|byte| !byte.is_ascii_whitespace())
        .is_none_or(|first| *first == b'{')
}

fn quoted(body: &[u8]) -> String {
    let head = String::from_utf8_lossy(&body[..body.len().min(4 * QUOTED_CHARS)]);
    let words = head.split_whitespace().collect::<Vec<_>>().join(" ");
    let text: String = words.chars().filter(|c| !c.is_control()).collect();
    match text.char_indices().nth(QUOTED_CHARS) {
        Some((end, _)) => format!("\"{}...\"", &text[..end]),
        None => format!("\"{text}\""),
    }
}

/// The quick parser says nothing about the place; only where it fails is the one asked that does.
fn parse<T: DeserializeOwned>(url: &Url, body: &[u8]) -> Result<T, SourceError> {
    serde_json::from_slice(body).map_err(|plain| {
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let place = serde_path_to_error::deserialize::<_, T>(&mut deserializer)
            .map_or_else(|error| error.path().to_string(), |_| String::new());
        // A place that is not known is written as a question mark.
        match place.trim_end_matches(['?', '.']) {
            "" => malformed(url, plain.to_string()),
            place => malformed(url, format!("{place}: {plain}")),
        }
    })
}

fn failure(url: &Url, error: reqwest::Error) -> SourceError {
    if error.is_timeout() {
        return SourceError::TimedOut {
            what: shown(url),
            after: CONNECT_TIMEOUT,
        };
    }
    let cause = innermost(&error);
    if error.is_body() || error.is_decode() {
        return malformed(url, format!("the answer breaks off: {cause}"));
    }
    SourceError::Unreachable {
        url: shown(url),
        cause: cause.to_string(),
    }
}

/// reqwest's own messages repeat the address; what went wrong is said by the innermost cause.
fn innermost(error: &dyn Error) -> &dyn Error {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}

#[cfg(test)]
mod tests;
