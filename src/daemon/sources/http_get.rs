//! HTTP GET of JSON, with limits on time and size.

mod budget;
mod trust;

use std::error::Error;
use std::path::Path;
use std::time::Duration;

use reqwest::header::{
    ACCEPT, CONTENT_TYPE, COOKIE, HeaderMap, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use reqwest::{Client, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use crate::daemon::clock::Stopwatch;
use crate::daemon::sources::error::SourceError;
use crate::daemon::sources::sign_in::{Cookie, SignIn, SignInProblem};
use crate::daemon::sources::untrusted::is_about_certificate;

pub use budget::Budget;
pub use trust::{TrustError, Trusted};

/// The time limit for a connection. The services are on the same network and connect quickly.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// The types of JSON. Spark's metrics have the second one.
const MEDIA_TYPES: [&str; 2] = ["application/json", "text/json"];
/// The length at which an error cuts off an unexpected answer.
const QUOTED_CHARS: usize = 60;

/// An HTTP client for JSON. It follows no redirects and uses no proxy, so that every answer comes
/// from the requested address.
#[derive(Clone, Debug)]
pub struct HttpGet {
    client: Client,
    /// `None` if it signs in nowhere.
    sign_in: Option<SignIn>,
}

/// A time limit for several requests together.
#[derive(Clone, Copy, Debug)]
pub struct TimeLimit {
    since: Stopwatch,
    /// The whole time.
    pub total: Duration,
}

impl TimeLimit {
    /// A time limit that starts now.
    pub fn start(total: Duration) -> Self {
        Self {
            since: Stopwatch::start(),
            total,
        }
    }

    /// The time that is left; zero if it is over.
    pub fn left(&self) -> Duration {
        self.total.saturating_sub(self.since.elapsed())
    }
}

/// The answer of a service.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer<T> {
    Json(T),
    /// A redirect (307), with its `Location` if that is an HTTP address.
    Redirect(Option<Url>),
}

impl HttpGet {
    /// Makes a client. `trusted` is a PEM file of the certificates to trust instead of the machine's
    /// certificate authorities.
    ///
    /// # Errors
    /// When the file is unusable.
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
        Ok(Self {
            client,
            sign_in: None,
        })
    }

    /// The same client, which signs in where a service requires Kerberos.
    pub fn with_sign_in(self, sign_in: Option<SignIn>) -> Self {
        Self { sign_in, ..self }
    }

    /// The same client for a caller that asks no address without having checked it: it may sign in at
    /// all of them.
    pub fn for_checked_addresses(&self) -> Self {
        Self {
            client: self.client.clone(),
            sign_in: self.sign_in.as_ref().map(SignIn::at_checked_addresses),
        }
    }

    /// Reads the JSON at `url`.
    ///
    /// # Errors
    /// When the answer is a redirect, is not JSON in the form of `T`, is longer than `limit_bytes`
    /// or does not arrive `within` the time limit.
    pub async fn json<T: DeserializeOwned>(
        &self,
        url: &Url,
        limit_bytes: usize,
        within: TimeLimit,
    ) -> Result<T, SourceError> {
        match self.answer(url, limit_bytes, within).await? {
            Answer::Json(value) => Ok(value),
            Answer::Redirect(_) => Err(redirected(url)),
        }
    }

    /// Reads the bytes of the JSON object or list at `url`, for a reader that parses them later. They are
    /// spent from `budget`.
    ///
    /// # Errors
    /// Like [`Self::json`], except that only the beginning is known to be JSON. When the budget is not
    /// enough, the answer is too large, and the budget is spent.
    pub async fn bytes(
        &self,
        url: &Url,
        limit_bytes: usize,
        budget: &Budget,
        within: TimeLimit,
    ) -> Result<Vec<u8>, SourceError> {
        let body = self
            .body(url, limit_bytes, budget, within, &["{", "["])
            .await?;
        body.map_err(|_| redirected(url))
    }

    /// Reads the JSON at `url`, or where it redirects to. Otherwise like [`Self::json`].
    pub async fn answer<T: DeserializeOwned>(
        &self,
        url: &Url,
        limit_bytes: usize,
        within: TimeLimit,
    ) -> Result<Answer<T>, SourceError> {
        // Every expected answer is an object, or the `null` of Hadoop 2 for an empty one.
        let budget = Budget::new(limit_bytes);
        let body = self.body(url, limit_bytes, &budget, within, &["{", "null"]);
        match body.await? {
            Ok(body) => parse(url, &body, self.may_quote(url)).map(Answer::Json),
            Err(redirect) => Ok(Answer::Redirect(redirect)),
        }
    }

    /// The body, which begins with one of `beginnings`; or where the answer redirects to.
    async fn body(
        &self,
        url: &Url,
        limit_bytes: usize,
        budget: &Budget,
        within: TimeLimit,
        beginnings: &[&str],
    ) -> Result<Result<Vec<u8>, Option<Url>>, SourceError> {
        let timed_out = || SourceError::TimedOut {
            what: shown(url),
            after: within.total,
        };
        let body = async {
            let response = self.response(url).await?;
            if response.status() == StatusCode::TEMPORARY_REDIRECT {
                return Ok(Err(location(url, &response)));
            }
            let quotes = self.may_quote(url);
            let body = read(url, response, limit_bytes, budget, beginnings, quotes);
            body.await.map(Ok)
        };
        tokio::time::timeout(within.left(), body)
            .await
            .map_err(|_| timed_out())?
    }

    /// Whether an error may quote the answer: a hostile service could repeat what it was sent, which must
    /// then be without credentials.
    fn may_quote(&self, url: &Url) -> bool {
        self.sign_in.is_none() && url.username().is_empty() && url.password().is_none()
    }

    /// The answer; after signing in, if the service requires that and the settings allow it.
    async fn response(&self, url: &Url) -> Result<Response, SourceError> {
        let Some(sign_in) = &self.sign_in else {
            return self.send(url, None).await;
        };
        let cookie = sign_in.cookie(url).await;
        let response = self.send(url, cookie.as_ref()).await?;
        if !requires_kerberos(&response) {
            return Ok(response);
        }
        let failed = |problem| SourceError::SignIn {
            url: shown(url),
            problem,
        };
        let renewed = sign_in.in_place_of(cookie.as_ref(), url).await;
        let renewed = renewed.map_err(failed)?;
        let response = self.send(url, Some(&renewed)).await?;
        if requires_kerberos(&response) {
            return Err(failed(SignInProblem::CookieRefused));
        }
        Ok(response)
    }

    async fn send(&self, url: &Url, cookie: Option<&Cookie>) -> Result<Response, SourceError> {
        let mut request = self.client.get(url.clone());
        if let Some(header) = cookie.and_then(|cookie| cookie.header(url.path())) {
            request = request.header(COOKIE, header);
        }
        request.send().await.map_err(|error| failure(url, error))
    }
}

/// The address without user and password, for logs and errors.
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // Both fail only for addresses that cannot have a user or a password.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.to_string()
}

/// The error for an unusable answer.
pub fn malformed(url: &Url, problem: impl Into<String>) -> SourceError {
    SourceError::Malformed {
        url: shown(url),
        problem: problem.into(),
    }
}

/// The error for answers that contradict each other.
pub fn contradictory(url: &Url, problem: impl Into<String>) -> SourceError {
    SourceError::Contradictory {
        url: shown(url),
        problem: problem.into(),
    }
}

fn redirected(url: &Url) -> SourceError {
    SourceError::Status {
        url: shown(url),
        status: StatusCode::TEMPORARY_REDIRECT.as_u16(),
    }
}

fn location(url: &Url, response: &Response) -> Option<Url> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    // `Location` may be relative.
    url.join(location)
        .ok()
        .filter(|target| ["http", "https"].contains(&target.scheme()) && target.has_host())
}

/// Reads the body in chunks, and stops as soon as it is too long or cannot be JSON.
async fn read(
    url: &Url,
    mut response: Response,
    limit_bytes: usize,
    budget: &Budget,
    beginnings: &[&str],
    may_quote: bool,
) -> Result<Vec<u8>, SourceError> {
    if requires_kerberos(&response) {
        return Err(SourceError::KerberosRequired { url: shown(url) });
    }
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
    let announced = response.content_length().unwrap_or(0);
    if announced > limit_bytes as u64 {
        return Err(too_large());
    }
    if announced > budget.left() as u64 {
        let _ = budget.spend(usize::MAX);
        return Err(too_large());
    }
    let media_type = media_type(response.headers());
    let mut body = Vec::new();
    while let Some(piece) = response
        .chunk()
        .await
        .map_err(|error| failure(url, error))?
    {
        if !budget.spend(piece.len()) || body.len() + piece.len() > limit_bytes {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
        if !MEDIA_TYPES.contains(&media_type.as_str()) || !may_begin(&body, beginnings) {
            let said = match may_quote {
                true => format!("{media_type}: {}", quoted(&body)),
                false => {
                    "something that is not shown, because the request had credentials".to_owned()
                }
            };
            return Err(malformed(url, format!("not JSON but {said}")));
        }
    }
    Ok(body)
}

/// Whether the answer is 401 and one of the offered ways to authenticate is SPNEGO. A header may offer
/// several.
fn requires_kerberos(response: &Response) -> bool {
    let offers = response.headers().get_all(WWW_AUTHENTICATE).iter();
    let schemes = offers
        .filter_map(|offer| offer.to_str().ok())
        .flat_map(|offer| offer.split([',', ' ']));
    response.status() == StatusCode::UNAUTHORIZED
        && schemes
            .map(str::trim)
            .any(|scheme| scheme.eq_ignore_ascii_case("negotiate"))
}

fn media_type(headers: &HeaderMap) -> String {
    let text = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("an undeclared type");
    text.split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase()
}

/// Whether what has arrived of a body may have one of the beginnings. The parser reports an empty
/// body.
fn may_begin(body: &[u8], beginnings: &[&str]) -> bool {
    let body = body.trim_ascii();
    let fits = |beginning: &&str| {
        let length = body.len().min(beginning.len());
        body[..length] == beginning.as_bytes()[..length]
    };
    beginnings.iter().any(fits)
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

/// Parses the body. If that fails, a second, slower parser finds the place of the error. What the parser
/// says can have a text of the body in it.
fn parse<T: DeserializeOwned>(url: &Url, body: &[u8], may_quote: bool) -> Result<T, SourceError> {
    serde_json::from_slice(body).map_err(|plain: serde_json::Error| {
        let said = match may_quote {
            true => plain.to_string(),
            false => format!("wrong at line {}, column {}", plain.line(), plain.column()),
        };
        let mut deserializer = serde_json::Deserializer::from_slice(body);
        let place = serde_path_to_error::deserialize::<_, T>(&mut deserializer)
            .map_or_else(|error| error.path().to_string(), |_| String::new());
        // The parser shows an unknown place as a question mark.
        match place.trim_end_matches(['?', '.']) {
            "" => malformed(url, said),
            place => malformed(url, format!("{place}: {said}")),
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
        return malformed(url, format!("the answer is incomplete: {cause}"));
    }
    let (url, cause) = (shown(url), cause.to_string());
    if is_about_certificate(&cause) {
        return SourceError::Untrusted {
            url,
            cause,
            setting: "yarn.ca_file",
        };
    }
    SourceError::Unreachable { url, cause }
}

/// The innermost cause. reqwest's outer messages only repeat the address.
fn innermost(error: &dyn Error) -> &dyn Error {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause
}

#[cfg(test)]
mod tests;
